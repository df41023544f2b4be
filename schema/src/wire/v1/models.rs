//! Models that are started and stopped, as `/api/v2/serve/model/*`, `/api/v1/worker/*` and `/api/v1/model/*` write
//! them.

mod startable;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::startable::{ParameterOut, StartableOut, SupportedOut};
use super::{all_missing, timestamp};
use crate::{
    Error, Result,
    model::{DeployParams, DeployedKind, ModelPlace},
};

/// A model to start or to stop.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = WorkerStartupRequest, example = json!({
    "host": "127.0.0.1", "port": 5670, "model": "my-gpt", "worker_type": "llm", "params": {
        "name": "my-gpt", "provider": "proxy/openai", "api_base": "http://127.0.0.1:9191/v1",
        "api_key": "${env:OPENAI_API_KEY}",
    },
}))]
#[serde(default)]
pub struct StartupIn {
    /// Host of the server that is to run it; this one when empty.
    pub host: Option<String>,
    /// Port of that server; this one's when 0.
    #[serde(deserialize_with = "port")]
    pub port: Option<u16>,
    /// Name that callers ask for.
    pub model: Option<String>,
    /// `llm`, `text2vec` or `reranker`.
    pub worker_type: Option<String>,
    /// What it is started with; `/api/v2/serve/model/model-types` lists the parameters of each provider.
    #[schema(value_type = Option<Object>)]
    pub params: Option<Map<String, Value>>,
    /// To stop: whether what it was started with is forgotten too.
    pub delete_after: bool,
    /// Not looked at.
    pub worker_name: Option<String>,
    /// The system it is started for.
    pub sys_code: Option<String>,
    /// Who starts it.
    pub user_name: Option<String>,
}

/// A port that may be missing, null, a number or its text.
fn port<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => crate::wire::lenient::port(value)
            .map(Some)
            .map_err(serde::de::Error::custom),
    }
}

/// A model to start or to stop, read.
#[derive(Debug, Clone)]
pub struct Startup {
    /// Name that callers ask for.
    pub model: String,
    /// What it is for.
    pub kind: DeployedKind,
    /// The server that is to run it; nothing for the one that is asked.
    pub place: Option<ModelPlace>,
    /// What it is started with.
    pub params: DeployParams,
    /// Whether what it was started with is forgotten too.
    pub forget: bool,
    /// Who starts it.
    pub user: Option<String>,
    /// The system it is started for.
    pub sys_code: Option<String>,
}

impl StartupIn {
    /// The parts.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every field that is missing, as upstream does, or the type that is none.
    pub fn parts(self) -> Result<Startup> {
        let is_there = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("model", self.model.is_some()),
            ("worker_type", self.worker_type.is_some()),
            ("params", self.params.is_some()),
        ];
        let (Some(host), Some(port), Some(model), Some(kind), Some(params)) = (
            self.host,
            self.port,
            self.model,
            self.worker_type,
            self.params,
        ) else {
            return Err(all_missing(&is_there));
        };
        let kind = DeployedKind::from_name(&kind).ok_or_else(|| {
            Error::invalid(
                "body.worker_type",
                "Input should be 'llm', 'text2vec' or 'reranker'",
            )
        })?;
        // Pages leave the address empty where they do not know one.
        let is_said = !host.is_empty() && port > 0;
        Ok(Startup {
            model,
            kind,
            place: is_said.then_some(ModelPlace { host, port }),
            params: DeployParams(params),
            forget: self.delete_after,
            user: self.user_name.filter(|name| !name.is_empty()),
            sys_code: self.sys_code.filter(|code| !code.is_empty()),
        })
    }
}

/// A model of a server, running or stopped.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ModelResponse, example = json!({
    "model_name": "my-gpt", "worker_type": "llm", "host": "127.0.0.1", "port": 5670, "manager_host": "127.0.0.1",
    "manager_port": 5670, "healthy": true, "check_healthy": true, "prompt_template": null,
    "last_heartbeat": "2026-11-26 10:00:00",
}))]
pub struct ModelOut {
    /// Name that callers ask for.
    pub model_name: String,
    /// `llm`, `text2vec` or `reranker`.
    pub worker_type: String,
    /// Host of the server that runs it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Host of whatever starts and stops it there; empty if nothing is heard of it.
    pub manager_host: String,
    /// Its port; -1 if nothing is heard of it.
    pub manager_port: i32,
    /// Whether it can be asked.
    pub healthy: bool,
    /// Always true.
    pub check_healthy: bool,
    /// The prompt template it was started with.
    pub prompt_template: Option<String>,
    /// When it was last heard of.
    pub last_heartbeat: Option<String>,
}

/// The same as up to 0.6.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ModelResponseV1, example = json!({
    "model_name": "my-gpt", "model_type": "llm", "host": "127.0.0.1", "port": 5670, "manager_host": "127.0.0.1",
    "manager_port": 5670, "healthy": true, "check_healthy": true, "prompt_template": null,
    "last_heartbeat": "2026-11-26T10:00:00.000000", "stream_api": null, "nostream_api": null,
}))]
pub struct OlderModelOut {
    /// Name that callers ask for.
    pub model_name: String,
    /// `llm` or `text2vec`.
    pub model_type: String,
    /// Host of the server that runs it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Host of whatever starts and stops it there; null if nothing is heard of it.
    pub manager_host: Option<String>,
    /// Its port; null if nothing is heard of it.
    pub manager_port: Option<u16>,
    /// Whether it can be asked.
    pub healthy: bool,
    /// Always true.
    pub check_healthy: bool,
    /// The prompt template it was started with.
    pub prompt_template: Option<String>,
    /// When it was last heard of.
    pub last_heartbeat: Option<String>,
    /// Always null.
    pub stream_api: Option<String>,
    /// Always null.
    pub nostream_api: Option<String>,
}

/// What is told of a model, by both generations.
#[derive(Debug, Clone)]
pub struct ModelSeen {
    /// Name that callers ask for.
    pub name: String,
    /// What it is for.
    pub kind: DeployedKind,
    /// The server that runs it.
    pub place: ModelPlace,
    /// Whatever starts and stops it there, if it is heard of.
    pub manager: Option<ModelPlace>,
    /// Whether it can be asked.
    pub healthy: bool,
    /// The prompt template it was started with.
    pub prompt_template: Option<String>,
    /// When it was last heard of.
    pub seen_at: Option<DateTime<Utc>>,
}

impl From<ModelSeen> for ModelOut {
    fn from(seen: ModelSeen) -> Self {
        let (manager_host, manager_port) = seen.manager.map_or((String::new(), -1), |manager| {
            (manager.host, i32::from(manager.port))
        });
        Self {
            model_name: seen.name,
            worker_type: seen.kind.worker_type().to_owned(),
            host: seen.place.host,
            port: seen.place.port,
            manager_host,
            manager_port,
            healthy: seen.healthy,
            check_healthy: true,
            prompt_template: seen.prompt_template,
            last_heartbeat: seen.seen_at.map(timestamp),
        }
    }
}

impl From<ModelSeen> for OlderModelOut {
    fn from(seen: ModelSeen) -> Self {
        let (manager_host, manager_port) = seen.manager.map_or((None, None), |manager| {
            (Some(manager.host), Some(manager.port))
        });
        Self {
            model_name: seen.name,
            model_type: seen.kind.worker_type().to_owned(),
            host: seen.place.host,
            port: seen.place.port,
            manager_host,
            manager_port,
            healthy: seen.healthy,
            check_healthy: true,
            prompt_template: seen.prompt_template,
            last_heartbeat: seen.seen_at.map(|at| {
                at.with_timezone(&chrono::Local)
                    .format("%Y-%m-%dT%H:%M:%S%.6f")
                    .to_string()
            }),
            stream_api: None,
            nostream_api: None,
        }
    }
}

/// A way in which a model is chosen.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "Default", "name_cn": "默认", "value": "default", "description": "默认的策略",
    "description_en": "Use the LLM specified by the system default",
}))]
pub struct StrategyOut {
    /// Name.
    pub name: String,
    /// Name in Chinese.
    pub name_cn: String,
    /// What it is chosen by.
    pub value: String,
    /// Description in Chinese.
    pub description: String,
    /// Description.
    pub description_en: String,
}

impl StrategyOut {
    /// Those that upstream's pages know.
    pub fn all() -> Vec<Self> {
        [
            (
                ("Priority", "优先级", "priority"),
                ("根据优先级使用模型", "Use LLM based on priority"),
            ),
            (
                ("Auto", "自动", "auto"),
                ("自动选择的策略", "Automatically select LLM strategies"),
            ),
            (
                ("Default", "默认", "default"),
                ("默认的策略", "Use the LLM specified by the system default"),
            ),
        ]
        .into_iter()
        .map(
            |((name, name_cn, value), (description, description_en))| Self {
                name: name.to_owned(),
                name_cn: name_cn.to_owned(),
                value: value.to_owned(),
                description: description.to_owned(),
                description_en: description_en.to_owned(),
            },
        )
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<Startup> {
        let body: StartupIn = serde_json::from_value(body).expect("fields of the right types");
        body.parts()
    }

    #[test]
    fn every_field_that_is_missing_is_named() {
        let error = read(json!({"model": "x"})).expect_err("refused");
        let Error::Invalid { field, reason } = error else {
            panic!("another kind")
        };
        assert_eq!(
            format!("{field}:{reason};"),
            "body.host:Field required;body.port:Field required;body.worker_type:Field required;body.params:Field \
             required;"
        );
    }

    #[test]
    fn an_address_that_is_left_empty_is_none() {
        let body = |host: &str, port: Value| json!({"host": host, "port": port, "model": "m", "worker_type": "text2vec", "params": {}});
        let known = read(body("10.0.0.5", json!("5670"))).expect("valid");
        assert_eq!(known.kind, DeployedKind::Embedding);
        assert_eq!(known.place.map(|place| place.port), Some(5670));
        assert!(read(body("", json!(0))).expect("valid").place.is_none());
        let error = read(json!({
            "host": "", "port": 0, "model": "m", "worker_type": "wizard", "params": {},
        }));
        assert!(error.is_err_and(|error| error.to_string().starts_with("body.worker_type: ")));
    }
}
