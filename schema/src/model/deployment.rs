//! Deployments: models that were started by a request, and the parameters that start one.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// What a deployed model is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DeployedKind {
    /// Writes text.
    #[default]
    Llm,
    /// Turns text into vectors.
    Embedding,
    /// Judges how well documents fit a query.
    Reranker,
}

impl DeployedKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Llm, Self::Embedding, Self::Reranker];

    /// Our name, as it is stored and configured.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Embedding => "embedding",
            Self::Reranker => "reranker",
        }
    }

    /// DB-GPT's name of it.
    pub fn worker_type(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Embedding => "text2vec",
            Self::Reranker => "reranker",
        }
    }

    /// The kind of either name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name || kind.worker_type() == name)
    }
}

/// Where a model runs: the address under which its server is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelPlace {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Which deployment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeploymentId {
    /// Name that callers ask for.
    pub model: String,
    /// What it is for.
    pub kind: DeployedKind,
    /// The server it belongs to.
    pub place: ModelPlace,
}

/// What a model is started with, by DB-GPT's names. It may hold keys of upstreams: it is sealed when it is stored and
/// never shown.
#[derive(Clone, Default, PartialEq)]
pub struct DeployParams(pub Map<String, Value>);

impl fmt::Debug for DeployParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        write!(f, "DeployParams({})", names.join(", "))
    }
}

/// A model that was started by a request, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Which.
    pub id: DeploymentId,
    /// What it is started with.
    pub params: DeployParams,
    /// Whether it is started with its server.
    pub running: bool,
    /// Who started it, a display name.
    pub user: Option<String>,
    /// The system that it was started for.
    pub sys_code: Option<String>,
    /// When it was first started.
    pub created_at: DateTime<Utc>,
    /// When it was last started, stopped or changed.
    pub modified_at: DateTime<Utc>,
}

/// What values a parameter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
}

impl ParameterKind {
    /// DB-GPT's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// A parameter that a model can be started with.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// The group of parameters it belongs to, as a dotted name.
    pub class: &'static str,
    /// What values it has.
    pub kind: ParameterKind,
    /// Whether a model is not started without it.
    pub required: bool,
    /// What it does, and its unit.
    pub description: String,
    /// What holds where it is not said; null for the model's own.
    pub default: Value,
    /// The values it can have, where they are few.
    pub choices: Vec<&'static str>,
    /// Whether it is a secret, which forms hide.
    pub secret: bool,
    /// Whether it cannot be chosen, only looked at.
    pub fixed: bool,
    /// Where it stands in a form; small numbers first.
    pub order: i32,
}

/// A model that can be started.
#[derive(Debug, Clone, PartialEq)]
pub struct StartableModel {
    /// A name for it, which may be chosen freely where it is an example.
    pub name: String,
    /// What it is for.
    pub kind: DeployedKind,
    /// What runs it, by DB-GPT's name: `hf`, `proxy/openai`, …
    pub provider: &'static str,
    /// Its directory, where it lies on this machine.
    pub path: Option<String>,
    /// Whether it is asked over the network.
    pub remote: bool,
    /// Whether this server can start it.
    pub enabled: bool,
    /// For a person.
    pub description: String,
    /// What it can be started with.
    pub parameters: Vec<Parameter>,
    /// The server that can start it.
    pub place: ModelPlace,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_known_by_both_its_names() {
        for kind in DeployedKind::ALL {
            assert_eq!(DeployedKind::from_name(kind.name()), Some(kind));
            assert_eq!(DeployedKind::from_name(kind.worker_type()), Some(kind));
        }
        assert_eq!(DeployedKind::from_name("service"), None);
    }

    #[test]
    fn what_a_model_is_started_with_is_never_printed() {
        let mut params = Map::new();
        params.insert("api_key".to_owned(), json!("sk-secret"));
        let shown = format!("{:?}", DeployParams(params));
        assert_eq!(shown, "DeployParams(api_key)");
    }
}
