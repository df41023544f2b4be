//! `tidegate worker`: models that other processes ask.

use clap::Args;
use toml::{Table, Value};

use super::{
    serve::{
        options::{Bind, Following},
        role::{self, Role},
    },
    usage,
};
use crate::config::{Config, Model};

/// What may stand behind a model's place on the command line.
const KEYS: [&str; 6] = ["kind", "dtype", "device", "executor", "model", "wire"];

/// Run a worker.
#[derive(Debug, Args)]
pub struct Worker {
    #[command(flatten)]
    bind: Bind,
    /// Port it listens at.
    #[arg(long, default_value_t = 8001)]
    port: u16,
    /// Model to offer beside those that are configured; may be repeated.
    ///
    /// PLACE is a Hugging Face directory, `hf:organisation/name` to download one, or the base URL of an OpenAI-style
    /// server. `,kind=embedding`, `,dtype=int8`, `,device=cuda`, `,executor=torch` and `,model=NAME` (the upstream's own
    /// name) may stand behind it. Anything else, keys among it, stands in a `[[models]]` table of `--config`.
    #[arg(long = "model", value_name = "NAME=PLACE[,KEY=VALUE]…")]
    models: Vec<String>,
    #[command(flatten)]
    following: Following,
    /// Host by which other processes reach this one, instead of `cluster.advertise`.
    #[arg(long)]
    advertise: Option<String>,
    /// Offer the built-in models too.
    #[arg(long)]
    builtin: bool,
}

impl Worker {
    /// Serves until a signal asks to stop.
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        self.bind.apply(&mut config);
        self.following.apply(&mut config);
        config.server.port = self.port;
        if let Some(host) = self.advertise {
            config.cluster.advertise = host;
        }
        // A worker is for the models it is given.
        config.builtin.enabled &= self.builtin;
        for written in &self.models {
            config.models.push(model(written)?);
        }
        role::run(config, Role::Worker).await
    }
}

/// A model as it stands on the command line.
fn model(written: &str) -> anyhow::Result<Model> {
    let wrong = |why: &str| {
        usage(format!(
            "--model '{written}': {why}; write NAME=PLACE, as qwen=/models/qwen or qwen=/models/qwen,dtype=int8"
        ))
    };
    let (name, rest) = written
        .split_once('=')
        .filter(|(name, place)| !name.is_empty() && !place.is_empty())
        .ok_or_else(|| wrong("names no place"))?;
    let mut table = Table::new();
    let mut place = rest.to_owned();
    // From the end: a place may have commas of its own.
    while let Some((before, last)) = place.rsplit_once(',')
        && let Some((key, value)) = last.split_once('=')
        && KEYS.contains(&key)
    {
        table.insert(key.to_owned(), Value::String(value.to_owned()));
        let length = before.len();
        place.truncate(length);
    }
    let mut set = |key: &str, value: Value| table.insert(key.to_owned(), value);
    set("name", Value::String(name.to_owned()));
    if place.starts_with("http://") || place.starts_with("https://") {
        set("provider", Value::String("proxy".to_owned()));
        set("base_url", Value::String(place));
    } else {
        set("provider", Value::String("torch".to_owned()));
        set("allow_download", Value::Boolean(place.starts_with("hf:")));
        set("path", Value::String(place));
    }
    Value::Table(table)
        .try_into()
        .map_err(|error: toml::de::Error| wrong(&error.to_string().replace('\n', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Kind, Provider};

    #[test]
    fn a_model_is_a_directory_a_download_or_an_address() {
        let local = model("qwen=/models/a,b,dtype=int8,device=cpu").expect("reads");
        assert_eq!(local.provider, Provider::Torch);
        assert_eq!(
            (local.path.as_str(), local.dtype.as_str()),
            ("/models/a,b", "int8")
        );
        assert!(!local.allow_download);
        assert!(model("q=hf:Qwen/Qwen3").expect("reads").allow_download);
        let proxy = model("e=http://127.0.0.1:8080/v1,kind=embedding,model=bge").expect("reads");
        assert_eq!(
            (proxy.provider, proxy.kind),
            (Provider::Proxy, Kind::Embedding)
        );
        assert_eq!(proxy.base_url, "http://127.0.0.1:8080/v1");
        assert_eq!(proxy.model, "bge");
        for wrong in ["qwen", "=x", "qwen=", "q=/m,kind=nonsense"] {
            let error = model(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with("--model '"), "{error}");
        }
    }
}
