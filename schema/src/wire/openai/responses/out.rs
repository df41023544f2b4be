//! Responses: what comes back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::ResponseIn;
use crate::wire::openai::{LogprobOut, UsageOut};

/// A response.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "resp_1", "object": "response", "created_at": 1700000000, "status": "completed",
    "model": "local", "output": [{"type": "message", "id": "msg_1_0", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": "Oslo", "annotations": []}]}], "parallel_tool_calls": true,
    "store": true, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "truncation": "disabled",
    "metadata": {}}))]
pub struct ResponseOut {
    /// `resp_…`.
    pub id: String,
    /// `response`.
    pub object: String,
    /// Unix seconds.
    pub created_at: i64,
    /// `in_progress`, `completed`, `incomplete` or `failed`.
    pub status: String,
    /// Why it failed.
    pub error: Option<ResponseError>,
    /// Why it is not whole.
    pub incomplete_details: Option<IncompleteDetails>,
    /// As they were sent.
    pub instructions: Option<String>,
    /// As it was sent.
    pub max_output_tokens: Option<i64>,
    /// Model.
    pub model: String,
    /// What the model thought, said and called, in order.
    #[schema(value_type = Vec<Object>)]
    pub output: Vec<ResponseItem>,
    /// Whether several functions might be called at once.
    pub parallel_tool_calls: bool,
    /// What it goes on from.
    pub previous_response_id: Option<String>,
    /// Whether it is kept.
    pub store: bool,
    /// As it was sent.
    pub temperature: Option<f32>,
    /// As it was sent.
    pub top_p: Option<f32>,
    /// The form of the text.
    #[schema(value_type = Object)]
    pub text: Value,
    /// As it was sent.
    #[schema(value_type = Value)]
    pub tool_choice: Value,
    /// As they were sent.
    #[schema(value_type = Vec<Object>)]
    pub tools: Vec<Value>,
    /// `disabled`: nothing is left out of a conversation that is too long.
    pub truncation: String,
    /// Tokens, when it is over.
    pub usage: Option<ResponseUsage>,
    /// As it was sent.
    pub user: Option<String>,
    /// As it was sent.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}

impl ResponseOut {
    /// One of which nothing has come yet.
    pub fn begun(wanted: &ResponseIn, id: String, created_at: i64) -> Self {
        let text = wanted
            .text
            .clone()
            .filter(|text| text.get("format").is_some());
        let choice = wanted
            .tool_choice
            .clone()
            .filter(|choice| !choice.is_null());
        Self {
            id,
            object: "response".to_owned(),
            created_at,
            status: "in_progress".to_owned(),
            error: None,
            incomplete_details: None,
            instructions: wanted.instructions.clone(),
            max_output_tokens: wanted.max_output_tokens,
            model: wanted.model.clone(),
            output: Vec::new(),
            parallel_tool_calls: wanted.parallel_tool_calls.unwrap_or(true),
            previous_response_id: wanted.previous_response_id.clone(),
            store: wanted.store.unwrap_or(true),
            temperature: wanted.temperature,
            top_p: wanted.top_p,
            text: text.unwrap_or_else(|| json!({"format": {"type": "text"}})),
            tool_choice: choice.unwrap_or_else(|| "auto".into()),
            tools: wanted.tools.clone().unwrap_or_default(),
            truncation: "disabled".to_owned(),
            usage: None,
            user: wanted.user.clone(),
            metadata: wanted.metadata.clone().unwrap_or_default(),
        }
    }
}

/// Why a response failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResponseError {
    /// For a program.
    pub code: String,
    /// For a person.
    pub message: String,
}

/// Why a response is not whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncompleteDetails {
    /// `max_output_tokens`.
    pub reason: String,
}

/// Something the model thought, said or called.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseItem {
    /// What it thought.
    Reasoning {
        /// `rs_…`.
        id: String,
        /// Always empty: thoughts are told whole.
        summary: Vec<Value>,
        /// The thoughts.
        content: Vec<ReasoningPart>,
        /// `in_progress`, `completed` or `incomplete`.
        status: String,
    },
    /// What it said.
    Message {
        /// `msg_…`.
        id: String,
        /// `assistant`.
        role: String,
        /// The text.
        content: Vec<ResponsePart>,
        /// `in_progress`, `completed` or `incomplete`.
        status: String,
    },
    /// A function it called.
    FunctionCall {
        /// `fc_…`.
        id: String,
        /// By which the caller's item of type `function_call_output` answers it.
        call_id: String,
        /// The function.
        name: String,
        /// A JSON object as text.
        arguments: String,
        /// `in_progress`, `completed` or `incomplete`.
        status: String,
    },
}

/// Thoughts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasoningPart {
    /// `reasoning_text`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text.
    pub text: String,
}

/// Text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResponsePart {
    /// `output_text`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text.
    pub text: String,
    /// Always empty.
    pub annotations: Vec<Value>,
    /// How likely its tokens were, where that was asked for.
    pub logprobs: Vec<LogprobOut>,
}

/// Tokens used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResponseUsage {
    /// Read.
    pub input_tokens: u32,
    /// Of those read.
    pub input_tokens_details: TokenDetails,
    /// Written.
    pub output_tokens: u32,
    /// Of those written.
    pub output_tokens_details: TokenDetails,
    /// In all.
    pub total_tokens: u32,
}

/// Tokens by kind. Nobody counts these apart; OpenAI's SDKs want the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenDetails {
    /// Read before, and kept.
    pub cached_tokens: u32,
    /// Thought.
    pub reasoning_tokens: u32,
}

impl From<UsageOut> for ResponseUsage {
    fn from(usage: UsageOut) -> Self {
        Self {
            input_tokens: usage.prompt_tokens,
            output_tokens: usage.completion_tokens,
            total_tokens: usage.total_tokens,
            ..Self::default()
        }
    }
}

/// A response that is gone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "resp_1", "object": "response", "deleted": true}))]
pub struct ResponseDeleted {
    /// Which.
    pub id: String,
    /// `response`.
    pub object: String,
    /// Always true.
    pub deleted: bool,
}
