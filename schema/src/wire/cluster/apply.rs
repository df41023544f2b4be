//! The other acts of a worker: vectors, counting, what a model is, starting and stopping.

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{Problems, Reader};
use crate::{model::DeployedKind, wire::v1::models::SupportedOut};

/// Texts to embed, or documents to judge.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"model": "minilm", "input": ["hello", "world"], "worker_type": "text2vec"}))]
pub struct EmbeddingsBody {
    /// The model's own name.
    pub model: String,
    /// The texts.
    pub input: Vec<String>,
    /// `text2vec` when left out, or `reranker`.
    pub worker_type: String,
    /// What documents are judged by; only for rerankers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

impl EmbeddingsBody {
    /// Reads a request.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(body: &Map<String, Value>) -> Result<Self, Problems> {
        let mut reader = Reader::of_body(body);
        let read = Self {
            model: reader.text("model"),
            input: reader.texts("input"),
            worker_type: reader
                .text_or_none("worker_type")
                .unwrap_or_else(|| DeployedKind::Embedding.worker_type().to_owned()),
            query: reader.text_or_none("query"),
        };
        reader.end()?;
        Ok(read)
    }
}

/// A text whose tokens are to be counted.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CountBody {
    /// The model's own name. DB-GPT's remote callers leave it out: the worker's only model is meant then.
    pub model: Option<String>,
    /// The text.
    pub prompt: String,
}

impl CountBody {
    /// Reads a request.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(body: &Map<String, Value>) -> Result<Self, Problems> {
        let mut reader = Reader::of_body(body);
        let read = Self {
            model: reader.text_or_none("model").filter(|name| !name.is_empty()),
            prompt: reader.text("prompt"),
        };
        reader.end()?;
        Ok(read)
    }
}

/// Which model is asked about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ModelBody {
    /// Its own name.
    pub model: String,
}

impl ModelBody {
    /// Reads a request.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(body: &Map<String, Value>) -> Result<Self, Problems> {
        let mut reader = Reader::of_body(body);
        let model = reader.text("model");
        reader.end()?;
        Ok(Self { model })
    }
}

/// What a model is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetadataOut {
    /// Its name.
    pub model: String,
    /// Always null.
    pub label: Option<String>,
    /// Tokens it takes in all.
    pub context_length: Option<u32>,
    /// Always null.
    pub max_output_length: Option<u32>,
    /// Always null.
    pub description: Option<String>,
    /// Always null.
    pub link: Option<String>,
    /// Always true.
    pub chat_model: bool,
    /// Whether it calls tools. Not over these routes, whose prompts have no place for tools.
    pub function_calling: bool,
    /// Empty.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// How prompts are put together.
    #[schema(value_type = Object)]
    pub ext_metadata: Value,
}

impl MetadataOut {
    /// Of a model that writes.
    pub fn new(model: &str, context_length: Option<u32>) -> Self {
        Self {
            model: model.to_owned(),
            label: None,
            context_length,
            max_output_length: None,
            description: None,
            link: None,
            chat_model: true,
            function_calling: false,
            metadata: Map::new(),
            ext_metadata: json!({
                "prompt_roles": ["human", "ai", "system"], "prompt_sep": "\n", "prompt_chat_template": null
            }),
        }
    }
}

/// What is to be done with a model that a worker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplyType {
    /// Load it.
    Start,
    /// Unload it.
    Stop,
    /// Both, in turn.
    Restart,
    /// Change what it was started with, and restart it if anything changed.
    UpdateParams,
}

impl ApplyType {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "start" => Self::Start,
            "stop" => Self::Stop,
            "restart" => Self::Restart,
            "update_params" => Self::UpdateParams,
            _ => return None,
        })
    }
}

/// An act on a model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApplyBody {
    /// The model's own name.
    pub model: String,
    /// What to do.
    pub apply_type: ApplyType,
    /// `llm` when left out.
    #[schema(value_type = String)]
    #[serde(serialize_with = "by_type")]
    pub worker_type: DeployedKind,
    /// What to change.
    #[schema(value_type = Object)]
    pub params: Map<String, Value>,
}

impl ApplyBody {
    /// Reads a request.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(body: &Map<String, Value>) -> Result<Self, Problems> {
        let mut reader = Reader::of_body(body);
        let model = reader.text("model");
        let name = reader.text_if_required("apply_type");
        let apply_type = name.as_deref().and_then(ApplyType::from_name);
        if name.is_some() && apply_type.is_none() {
            reader.wrong_with(
                "enum",
                "apply_type",
                "Input should be 'start', 'stop', 'restart' or 'update_params'",
                json!({"expected": "'start', 'stop', 'restart' or 'update_params'"}),
            );
        }
        let worker_type = kind_or(&mut reader, DeployedKind::Llm);
        let params = reader.object("params");
        reader.end()?;
        Ok(Self {
            model,
            // Told above where there is none.
            apply_type: apply_type.unwrap_or(ApplyType::Start),
            worker_type,
            params,
        })
    }
}

/// What came of an act.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "message": "model qwen@llm(127.0.0.1:8001) stop successfully", "success": true, "timecost": 0.2
}))]
pub struct ApplyOut {
    /// In words.
    pub message: String,
    /// Whether it went well.
    pub success: bool,
    /// Seconds it took.
    pub timecost: f64,
}

/// A model to start or to stop.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StartupBody {
    /// The worker's host; whoever is asked is meant.
    pub host: String,
    /// The worker's port.
    pub port: u16,
    /// The model's own name.
    pub model: String,
    /// `llm`, `text2vec` or `reranker`.
    #[schema(value_type = String)]
    #[serde(serialize_with = "by_type")]
    pub worker_type: DeployedKind,
    /// What it is started with, by DB-GPT's names: `provider`, `path`, `api_base`, …
    #[schema(value_type = Object)]
    pub params: Map<String, Value>,
    /// Whether nothing of it is to be remembered once it is stopped.
    pub delete_after: bool,
    /// Not looked at.
    pub worker_name: Option<String>,
    /// The system it is started for.
    pub sys_code: Option<String>,
    /// Who starts it.
    pub user_name: Option<String>,
}

impl StartupBody {
    /// Reads a request.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(body: &Map<String, Value>) -> Result<Self, Problems> {
        let mut reader = Reader::of_body(body);
        let host = reader.text("host");
        let port = reader.port("port");
        let model = reader.text("model");
        reader.required("worker_type");
        let worker_type = kind_or(&mut reader, DeployedKind::Llm);
        reader.required("params");
        let read = Self {
            host,
            port,
            model,
            worker_type,
            params: reader.object("params"),
            delete_after: reader.flag("delete_after", false),
            worker_name: reader.text_or_none("worker_name"),
            sys_code: reader.text_or_none("sys_code"),
            user_name: reader.text_or_none("user_name"),
        };
        reader.end()?;
        Ok(read)
    }
}

/// What a worker can start.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkerSupportsOut {
    /// Where it is reached.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The models.
    pub models: Vec<SupportedOut>,
}

/// Whose parameters to describe.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DescriptionsQuery {
    /// The model's own name.
    pub model: String,
    /// `llm` when left out.
    #[param(value_type = Option<String>, required = false)]
    pub worker_type: DeployedKind,
}

impl DescriptionsQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// Every parameter that is wrong.
    pub fn read(query: &Map<String, Value>) -> Result<Self, Problems> {
        let mut reader = Reader::of_query(query);
        let model = reader.text("model");
        let worker_type = kind_or(&mut reader, DeployedKind::Llm);
        reader.end()?;
        Ok(Self { model, worker_type })
    }
}

fn kind_or(reader: &mut Reader<'_>, unsaid: DeployedKind) -> DeployedKind {
    let Some(name) = reader.text_or_none("worker_type") else {
        return unsaid;
    };
    DeployedKind::from_name(&name).unwrap_or_else(|| {
        reader.wrong_with(
            "enum",
            "worker_type",
            "Input should be 'llm', 'text2vec' or 'reranker'",
            json!({"expected": "'llm', 'text2vec' or 'reranker'"}),
        );
        unsaid
    })
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields in by reference"
)]
fn by_type<S: serde::Serializer>(kind: &DeployedKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.worker_type())
}
