//! The running server, as the commands about models ask it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::{config::Config, workers::http_client};

/// Longest the running server may take to say how its models are.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is asked of every model.
const MODELS: &str =
    "{ models { name kind provider state reason progress memoryBytes loadedIn dtype } }";

/// Where the running server is, and who asks.
#[derive(Debug, Clone, Default, Args)]
pub struct Door {
    /// Address of the running server, as http://127.0.0.1:5670; the configured one when left out.
    #[arg(long, value_name = "URL", env = "TIDEGATE_URL")]
    server: Option<String>,
    /// An API key, where the server wants one; the environment keeps it out of sight.
    #[arg(long, env = "TIDEGATE_KEY", hide_env_values = true)]
    key: Option<String>,
}

/// A running server.
#[derive(Clone)]
pub(super) struct Server {
    client: reqwest::Client,
    base: String,
    key: Option<String>,
}

impl Server {
    /// The server of the configuration, or the one that is named; whether it answers is not asked.
    pub(super) fn of(config: &Config, door: Door) -> anyhow::Result<Self> {
        let base = match door.server {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => configured(config)?,
        };
        Ok(Self {
            client: http_client()?,
            base,
            key: door.key.filter(|key| !key.is_empty()),
        })
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Posts a body, for as long as the answer takes.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Response> {
        self.with_key(self.client.post(format!("{}{path}", self.base)))
            .json(body)
            .send()
            .await
            .with_context(|| {
                format!(
                    "no server answers at {}; start one with `tidegate serve`, or name it with --server",
                    self.base
                )
            })
    }

    /// The payload of a route that answers in DB-GPT's envelope.
    pub(super) async fn done(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let response = self.post(path, body).await?;
        let status = response.status();
        let answer: Value = response
            .json()
            .await
            .with_context(|| format!("the server answered with status {status} and no JSON"))?;
        if answer["success"] != true {
            match answer["err_msg"].as_str() {
                Some(message) => bail!("{message}"),
                None => bail!("the server answered with status {status}"),
            }
        }
        Ok(answer["data"].clone())
    }

    /// The data of a GraphQL operation.
    pub(super) async fn graphql(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let body = json!({"query": query, "variables": variables});
        let response = self.post("/graphql", &body).await?;
        let status = response.status();
        let answer: Value = response
            .json()
            .await
            .with_context(|| format!("the server answered with status {status} and no JSON"))?;
        if let Some(message) = answer.pointer("/errors/0/message").and_then(Value::as_str) {
            bail!("{message}");
        }
        Ok(answer["data"].clone())
    }

    /// The models as they stand, each as `{name, kind, provider, state, reason, progress, memory_bytes, loaded_in,
    /// dtype}`.
    ///
    /// # Errors
    /// Where no server answers, and where it wants a key.
    pub(super) async fn models(&self) -> anyhow::Result<Vec<Value>> {
        let data = tokio::time::timeout(PATIENCE, self.graphql(MODELS, json!({})))
            .await
            .context("the server did not answer in time")??;
        let models = data["models"].as_array().cloned().unwrap_or_default();
        Ok(models.iter().map(as_listed).collect())
    }

    /// The models as `/ready` tells them to whoever asks: name and state; `None` when no server answers.
    pub(super) async fn readiness(&self) -> Option<Vec<Value>> {
        let asked = self
            .client
            .get(format!("{}/ready", self.base))
            .timeout(PATIENCE)
            .send()
            .await
            .ok()?;
        // 503 while something loads is an answer too.
        let body: Value = asked.json().await.ok()?;
        Some(body["models"].as_array()?.clone())
    }

    /// How one model stands now; nothing when there is none of that name.
    pub(super) async fn model(&self, name: &str) -> anyhow::Result<Option<Value>> {
        let models = self.models().await?;
        Ok(models.into_iter().find(|model| model["name"] == name))
    }
}

/// The address of the configured server, as this machine reaches it.
fn configured(config: &Config) -> anyhow::Result<String> {
    let mut address = config.web_address()?;
    if address.ip().is_unspecified() {
        // A server on every interface is asked on this machine's own.
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    Ok(format!("http://{address}"))
}

/// A model of GraphQL under the names that are listed.
fn as_listed(model: &Value) -> Value {
    let lower = |field: &str| model[field].as_str().map(str::to_lowercase);
    json!({
        "name": model["name"],
        "kind": lower("kind"),
        "provider": model["provider"],
        "state": lower("state"),
        "reason": model["reason"],
        "progress": model["progress"],
        "memory_bytes": model["memoryBytes"],
        "loaded_in": model["loadedIn"],
        "dtype": model["dtype"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str) -> String {
        let config = Config::from_toml(&format!("[server]\nhost = \"{host}\"\nport = 7001\n"));
        configured(&config.expect("valid")).expect("an address")
    }

    #[test]
    fn a_server_on_every_interface_is_asked_on_this_machines_own() {
        assert_eq!(at("127.0.0.1"), "http://127.0.0.1:7001");
        assert_eq!(at("0.0.0.0"), "http://127.0.0.1:7001");
        assert_eq!(at("::"), "http://[::1]:7001");
    }

    #[test]
    fn what_graphql_says_is_listed_under_our_names() {
        let listed = as_listed(&json!({
            "name": "m", "kind": "LLM", "provider": "hf", "state": "LOADING", "reason": null, "progress": 0.5,
            "memoryBytes": null, "loadedIn": null, "dtype": null,
        }));
        assert_eq!(listed["state"], "loading");
        assert_eq!(
            (&listed["kind"], &listed["progress"]),
            (&json!("llm"), &json!(0.5))
        );
    }
}
