//! `tidegate model list`.

use std::{
    io::{IsTerminal as _, stdout},
    time::Duration,
};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::server::{Door, Server};
use crate::{
    cli::{for_terminal, print, print_json},
    config::{Config, Kind, Model, Provider},
};

/// How often the models are looked at while they are watched.
const LOOK: Duration = Duration::from_millis(500);

/// A model as it is listed.
#[derive(Debug, Clone, PartialEq)]
struct Listed {
    name: String,
    /// What runs it; empty where nobody says.
    provider: String,
    kind: String,
    state: String,
    /// The share that is there while it is loaded, from 0 to 1.
    progress: Option<f64>,
    dtype: String,
    memory_bytes: Option<u64>,
    /// Directory, name or address; empty for the built-in ones.
    place: String,
    reason: Option<String>,
}

/// Prints the models: those of the running server with state, dtype and memory, and what the configuration says of
/// them.
pub(super) async fn run(
    config: &Config,
    door: Door,
    json: bool,
    watch: bool,
) -> anyhow::Result<()> {
    let server = Server::of(config, door)?;
    if watch {
        return follow(config, &server).await;
    }
    let running = running(&server).await;
    let found = merged(config, running.as_deref());
    if json {
        return print_json(&json!({
            "running": running.is_some(),
            "models": found.iter().map(document).collect::<Vec<_>>(),
        }));
    }
    print(&for_terminal(&shown(&found, running.is_some())))
}

/// Shows the models as they change: in place on a terminal, until it is left; elsewhere one table behind the other,
/// until none is being loaded.
async fn follow(config: &Config, server: &Server) -> anyhow::Result<()> {
    let live = stdout().is_terminal().then(|| {
        let style =
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout()).with_style(style)
    });
    let mut before: Option<String> = None;
    loop {
        let running = running(server).await;
        let found = merged(config, running.as_deref());
        let text = for_terminal(&shown(&found, running.is_some()));
        if before.as_ref() != Some(&text) {
            match &live {
                Some(bar) => {
                    bar.set_message(text.clone());
                    bar.tick();
                }
                None => print(&text)?,
            }
            before = Some(text);
        }
        let is_loading = found.iter().any(|model| model.state == "loading");
        if live.is_none() && !is_loading {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The models as a table, and whether it is the running server's.
fn shown(found: &[Listed], is_running: bool) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "name", "provider", "kind", "state", "dtype", "memory", "where",
    ]);
    for model in found {
        table.add_row([
            model.name.clone(),
            model.provider.clone(),
            model.kind.clone(),
            state(model),
            model.dtype.clone(),
            model.memory_bytes.map_or(String::new(), |bytes| {
                format!("{:.0} MB", bytes as f64 / 1e6)
            }),
            model.place.clone(),
        ]);
    }
    let told = if is_running {
        ""
    } else {
        "No server answers here: this is what the configuration says.\n"
    };
    format!("{table}\n{told}")
}

fn state(model: &Listed) -> String {
    match (&model.reason, model.progress) {
        (Some(reason), _) => format!("{}: {reason}", model.state),
        (None, Some(share)) => format!("{} {:.0} %", model.state, share * 100.0),
        (None, None) => model.state.clone(),
    }
}

/// The models of the running server: all it says to whoever may ask, else what it says to everybody; `None` when none
/// answers.
async fn running(server: &Server) -> Option<Vec<Value>> {
    match server.models().await {
        Ok(models) => Some(models),
        Err(_) => server.readiness().await,
    }
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
        provider: provider.to_owned(),
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
            provider: String::new(),
            kind: String::new(),
            state: String::new(),
            progress: None,
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
        // What the configuration says of it stays.
        if self.provider.is_empty() {
            take("provider", &mut self.provider);
        }
        self.progress = told["progress"].as_f64();
        self.memory_bytes = told["memory_bytes"].as_u64();
        self.reason = told["reason"].as_str().map(str::to_owned);
    }
}

/// A model as JSON; what is not known is null.
fn document(model: &Listed) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "name": model.name,
        "provider": text(&model.provider),
        "kind": text(&model.kind),
        "state": model.state,
        "progress": model.progress,
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
            json!({"name": "mine", "state": "ready", "dtype": "int8", "memory_bytes": 5_000_000, "kind": "llm",
                "provider": "hf"}),
            json!({"name": "tidegate-sql", "state": "failed", "reason": "no file"}),
        ];
        let found = merged(&config(), Some(&running));
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].state, "ready");
        assert_eq!(found[0].memory_bytes, Some(5_000_000));
        assert_eq!(found[0].provider, "torch");
        assert_eq!(found[1].state, "not in the running server");
        assert_eq!(
            (found[2].name.as_str(), found[2].reason.as_deref()),
            ("tidegate-sql", Some("no file"))
        );
        let document = document(&found[2]);
        assert_eq!(document["where"], Value::Null);
        assert_eq!(document["reason"], "no file");
    }

    #[test]
    fn a_table_says_how_far_loading_is_and_why_it_failed() {
        let running = [
            json!({"name": "mine", "state": "loading", "progress": 0.426}),
            json!({"name": "new", "state": "failed", "reason": "no route"}),
        ];
        let text = shown(&merged(&config(), Some(&running)), true);
        for part in ["loading 43 %", "failed: no route"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("No server answers"), "{text}");
    }
}
