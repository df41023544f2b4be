//! `tidegate model list`.

use std::time::Duration;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};

use crate::{
    cli::{for_terminal, print, print_json},
    config::{Config, Kind, Model, Provider},
    workers::http_client,
};

/// Longest the running server may take to say how its models are.
const PATIENCE: Duration = Duration::from_secs(3);

/// A model as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    name: String,
    /// Empty where the running server alone knows it.
    provider: &'static str,
    kind: String,
    state: String,
    dtype: String,
    memory_bytes: Option<u64>,
    /// Directory, name or address; empty for the built-in ones.
    place: String,
    reason: Option<String>,
}

/// Prints the models: those of the running server with state, dtype and memory, and what the configuration says of
/// them.
pub(super) async fn run(config: &Config, json: bool) -> anyhow::Result<()> {
    let running = running(config).await;
    let found = merged(config, running.as_deref());
    if json {
        return print_json(&json!({
            "running": running.is_some(),
            "models": found.iter().map(document).collect::<Vec<_>>(),
        }));
    }
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "name", "provider", "kind", "state", "dtype", "memory", "where",
    ]);
    for model in &found {
        table.add_row([
            model.name.clone(),
            model.provider.to_owned(),
            model.kind.clone(),
            match &model.reason {
                Some(reason) => format!("{}: {reason}", model.state),
                None => model.state.clone(),
            },
            model.dtype.clone(),
            model.memory_bytes.map_or(String::new(), |bytes| {
                format!("{:.0} MB", bytes as f64 / 1e6)
            }),
            model.place.clone(),
        ]);
    }
    let told = match &running {
        Some(_) => "",
        None => "No server answers here: this is what the configuration says.\n",
    };
    print(&for_terminal(&format!("{table}\n{told}")))
}

/// The models of the server that runs at the configured address, as `/ready` tells them; `None` when none answers.
async fn running(config: &Config) -> Option<Vec<Value>> {
    let mut address = config.web_address().ok()?;
    if address.ip().is_unspecified() {
        // A server on every interface is asked on this machine's own.
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    let asked = http_client()
        .ok()?
        .get(format!("http://{address}/ready"))
        .timeout(PATIENCE)
        .send()
        .await
        .ok()?;
    // 503 while something loads is an answer too.
    let body: Value = asked.json().await.ok()?;
    Some(body["models"].as_array()?.clone())
}

/// The models of the configuration with what the running server says of each, then those that it alone has.
fn merged(config: &Config, running: Option<&[Value]>) -> Vec<Listed> {
    let told = |name: &str| {
        running
            .into_iter()
            .flatten()
            .find(|model| model["name"] == name)
    };
    let mut found: Vec<Listed> = config
        .models
        .iter()
        .map(|model| {
            let mut listed = configured(model);
            match (running, told(&model.name)) {
                (None, _) => {}
                (Some(_), Some(told)) => listed.tell(told),
                (Some(_), None) => "not in the running server".clone_into(&mut listed.state),
            }
            listed
        })
        .collect();
    for model in running.into_iter().flatten() {
        let name = model["name"].as_str().unwrap_or_default();
        if !config.models.iter().any(|known| known.name == name) {
            let mut listed = Listed::named(name);
            listed.tell(model);
            found.push(listed);
        }
    }
    found
}

/// A model as its table describes it.
fn configured(model: &Model) -> Listed {
    let (provider, place) = match model.provider {
        Provider::Proxy => ("proxy", &model.base_url),
        Provider::Torch => ("torch", &model.path),
        Provider::Dummy => ("dummy", &model.path),
    };
    let kind = match model.kind {
        Kind::Llm => "llm",
        Kind::Embedding => "embedding",
        Kind::Reranker => "reranker",
    };
    Listed {
        provider,
        kind: kind.to_owned(),
        state: "configured".to_owned(),
        dtype: model.dtype.clone(),
        place: place.clone(),
        ..Listed::named(&model.name)
    }
}

impl Listed {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            provider: "",
            kind: String::new(),
            state: String::new(),
            dtype: String::new(),
            memory_bytes: None,
            place: String::new(),
            reason: None,
        }
    }

    /// Takes over what the running server says, as far as it says anything.
    fn tell(&mut self, told: &Value) {
        let take = |field: &str, into: &mut String| {
            if let Some(text) = told[field].as_str() {
                text.clone_into(into);
            }
        };
        take("state", &mut self.state);
        take("kind", &mut self.kind);
        take("dtype", &mut self.dtype);
        self.memory_bytes = told["memory_bytes"].as_u64();
        self.reason = told["reason"].as_str().map(str::to_owned);
    }
}

/// A model as JSON; what is not known is null.
fn document(model: &Listed) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "name": model.name,
        "provider": text(model.provider),
        "kind": text(&model.kind),
        "state": model.state,
        "dtype": text(&model.dtype),
        "memory_bytes": model.memory_bytes,
        "where": text(&model.place),
        "reason": model.reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::from_toml(
            "[[models]]\nname = \"mine\"\nprovider = \"torch\"\npath = \"/models/mine\"\ndtype = \"int8\"\n\
             [[models]]\nname = \"new\"\nprovider = \"proxy\"\nbase_url = \"http://localhost/v1\"\n",
        )
        .expect("is valid")
    }

    #[test]
    fn without_a_server_the_configuration_is_told() {
        let found = merged(&config(), None);
        let names: Vec<&str> = found.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["mine", "new"]);
        assert_eq!(
            (
                found[0].state.as_str(),
                found[0].dtype.as_str(),
                found[0].memory_bytes
            ),
            ("configured", "int8", None)
        );
        assert_eq!(found[1].place, "http://localhost/v1");
    }

    #[test]
    fn the_running_server_knows_better_and_may_have_others() {
        let running = [
            json!({"name": "mine", "state": "ready", "dtype": "int8", "memory_bytes": 5_000_000, "kind": "llm"}),
            json!({"name": "tidegate-sql", "state": "failed", "reason": "no file"}),
        ];
        let found = merged(&config(), Some(&running));
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].state, "ready");
        assert_eq!(found[0].memory_bytes, Some(5_000_000));
        assert_eq!(found[1].state, "not in the running server");
        assert_eq!(
            (found[2].name.as_str(), found[2].reason.as_deref()),
            ("tidegate-sql", Some("no file"))
        );
        let document = document(&found[2]);
        assert_eq!(document["where"], Value::Null);
        assert_eq!(document["reason"], "no file");
    }
}
