//! `tidegate model start`, `stop` and `restart`.

use std::{
    io::{IsTerminal as _, stderr},
    time::Duration,
};

use anyhow::bail;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::server::{Door, Server};
use crate::{
    cli::{for_terminal, print, usage},
    config::Config,
};

/// How often the server is asked how far it is.
const LOOK: Duration = Duration::from_millis(300);
/// Parts of a bar.
const WHOLE: u64 = 1000;

const RESTART: &str = "mutation ($name: String!) { restartModel(name: $name) { __typename
    ... on Model { name state reason } ... on Problem { message } } }";
const STOP: &str =
    "mutation ($name: String!, $forget: Boolean!) { stopModel(name: $name, forget: $forget) {
    __typename ... on Problem { message } } }";

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// It writes text.
    Llm,
    /// It turns text into vectors.
    Embedding,
    /// It judges how well documents fit a query.
    Reranker,
}

impl Kind {
    /// DB-GPT's name of it.
    fn worker_type(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Embedding => "text2vec",
            Self::Reranker => "reranker",
        }
    }
}

/// Start a model.
#[derive(Debug, Args)]
pub struct Start {
    /// What callers ask for.
    name: String,
    /// What it is for.
    #[arg(long, value_enum, default_value = "llm")]
    kind: Kind,
    /// A Hugging Face model directory of the server, or hf:organisation/name; it runs in the server's process.
    #[arg(long, conflicts_with = "base_url")]
    path: Option<String>,
    /// Address of a server in OpenAI's dialect, up to and including the version.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// What runs it, as `hf` or `proxy/ollama`; found from --path and --base-url where it is not said.
    #[arg(long)]
    provider: Option<String>,
    /// The upstream's own name for it.
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Key of the upstream; '${env:NAME}' is read from the server's environment and keeps it out of sight.
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// What its weights are held as: f32, bf16, f16, int8 or int4.
    #[arg(long)]
    dtype: Option<String>,
    /// Another parameter, as `concurrency=8`; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    #[command(flatten)]
    door: Door,
}

impl Start {
    /// Starts it and waits until it is loaded.
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let server = Server::of(config, self.door.clone())?;
        let params = self.params()?;
        let mut kind = self.kind.worker_type();
        let path = if params.is_empty() {
            // One that was stopped is started again as what it was.
            if let Some(model) = server.model(&self.name).await? {
                kind = match model["kind"].as_str() {
                    Some("embedding") => Kind::Embedding.worker_type(),
                    Some("reranker") => Kind::Reranker.worker_type(),
                    _ => Kind::Llm.worker_type(),
                };
            }
            "/api/v2/serve/model/models/start"
        } else {
            "/api/v2/serve/model/models"
        };
        let body = json!({
            "host": "", "port": 0, "model": self.name, "worker_type": kind, "params": params,
        });
        watched(&server, &self.name, server.done(path, &body)).await?;
        tell(&server, &self.name).await
    }

    /// What it is started with; nothing for one that was stopped.
    fn params(&self) -> anyhow::Result<Map<String, Value>> {
        let mut params = Map::new();
        for (name, value) in [
            ("provider", &self.provider),
            ("path", &self.path),
            ("api_base", &self.base_url),
            ("backend", &self.backend),
            ("api_key", &self.api_key),
            ("dtype", &self.dtype),
        ] {
            if let Some(value) = value {
                params.insert(name.to_owned(), json!(value));
            }
        }
        for param in &self.params {
            let Some((name, value)) = param.split_once('=') else {
                return Err(usage(format!(
                    "--param {param}: write NAME=VALUE, as concurrency=8"
                )));
            };
            params.insert(name.to_owned(), json!(value));
        }
        if !params.is_empty() && !params.contains_key("provider") {
            let provider = if params.contains_key("api_base") {
                "proxy/openai"
            } else {
                "hf"
            };
            params.insert("provider".to_owned(), json!(provider));
            // A server that is named by its address alone may want no key.
            if provider == "proxy/openai" && !params.contains_key("api_key") {
                params.insert("api_key".to_owned(), json!("${env:OPENAI_API_KEY:-}"));
            }
        }
        Ok(params)
    }
}

/// Stops a model.
pub(super) async fn stop(
    config: &Config,
    door: Door,
    name: &str,
    forget: bool,
) -> anyhow::Result<()> {
    let server = Server::of(config, door)?;
    let variables = json!({"name": name, "forget": forget});
    let data = server.graphql(STOP, variables).await?;
    refuse(&data["stopModel"])?;
    let what = if forget {
        "Stopped and forgotten"
    } else {
        "Stopped"
    };
    print(&for_terminal(&format!("{what}: {name}.\n")))
}

/// Restarts a model and waits until it is loaded.
pub(super) async fn restart(config: &Config, door: Door, name: &str) -> anyhow::Result<()> {
    let server = Server::of(config, door)?;
    let begun = async {
        let data = server.graphql(RESTART, json!({"name": name})).await?;
        refuse(&data["restartModel"])?;
        // The answer comes while a large model is still being loaded.
        loop {
            match server.model(name).await? {
                Some(model) if model["state"] == "loading" => tokio::time::sleep(LOOK).await,
                _ => return anyhow::Ok(Value::Null),
            }
        }
    };
    watched(&server, name, begun).await?;
    tell(&server, name).await
}

fn refuse(outcome: &Value) -> anyhow::Result<()> {
    if outcome["__typename"] == "Problem" {
        bail!(
            "{}",
            outcome["message"].as_str().unwrap_or("the server refused")
        );
    }
    Ok(())
}

/// Waits for an act, with a bar on a terminal while the model is loaded.
async fn watched(
    server: &Server,
    name: &str,
    act: impl Future<Output = anyhow::Result<Value>>,
) -> anyhow::Result<Value> {
    let bar = bar(name);
    let mut act = std::pin::pin!(act);
    let outcome = loop {
        tokio::select! {
            outcome = &mut act => break outcome,
            () = tokio::time::sleep(LOOK) => {}
        }
        if bar.is_hidden() {
            continue;
        }
        // Where the server does not say, the bar stays as it is.
        if let Ok(Some(model)) = server.model(name).await
            && let Some(share) = model["progress"].as_f64()
        {
            bar.set_position((share * WHOLE as f64) as u64);
        }
        bar.tick();
    };
    bar.finish_and_clear();
    outcome
}

/// A bar on a terminal; nothing elsewhere.
fn bar(name: &str) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {bar:30} {percent} % {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(WHOLE)
        .with_style(style)
        .with_message(for_terminal(name))
}

/// Says how a model stands.
async fn tell(server: &Server, name: &str) -> anyhow::Result<()> {
    use std::fmt::Write as _;

    let Some(model) = server.model(name).await? else {
        bail!("the server has no model '{name}' any more; its log says why");
    };
    if model["state"] == "failed" {
        bail!(
            "{name}: {}",
            model["reason"].as_str().unwrap_or("it could not be loaded")
        );
    }
    let mut text = format!("{name} is {}", model["state"].as_str().unwrap_or("there"));
    if let Some(bytes) = model["memory_bytes"].as_f64() {
        let _ = write!(text, ", {:.0} MB", bytes / 1e6);
    }
    if let Some(seconds) = model["loaded_in"].as_f64() {
        let _ = write!(text, ", loaded in {seconds:.1} s");
    }
    print(&for_terminal(&format!("{text}.\n")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        start: Start,
    }

    fn params(arguments: &[&str]) -> anyhow::Result<Map<String, Value>> {
        let line = ["model", "mine"].iter().chain(arguments);
        Line::try_parse_from(line)?.start.params()
    }

    #[test]
    fn what_runs_a_model_follows_from_where_it_is() {
        let local = params(&["--path", "/models/mine", "--dtype", "int8"]).expect("valid");
        assert_eq!(
            Value::Object(local),
            json!({"path": "/models/mine", "dtype": "int8", "provider": "hf"})
        );
        let remote = params(&[
            "--base-url",
            "http://127.0.0.1:1/v1",
            "--param",
            "retries=0",
        ]);
        assert_eq!(
            Value::Object(remote.expect("valid")),
            json!({
                "api_base": "http://127.0.0.1:1/v1", "retries": "0", "provider": "proxy/openai",
                "api_key": "${env:OPENAI_API_KEY:-}",
            })
        );
        let named = params(&["--provider", "proxy/ollama"]).expect("valid");
        assert_eq!(Value::Object(named), json!({"provider": "proxy/ollama"}));
        assert!(params(&[]).expect("valid").is_empty());
    }

    #[test]
    fn a_parameter_has_a_value_and_a_model_one_place() {
        let error = params(&["--param", "retries"]).expect_err("refused");
        assert!(error.to_string().contains("NAME=VALUE"), "{error}");
        assert!(params(&["--path", "p", "--base-url", "u"]).is_err());
    }
}
