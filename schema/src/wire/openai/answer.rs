//! Chat completions: the answer, whole or in chunks.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{FunctionCall, LogprobsOut};
use crate::model::{Answer, Usage};

/// Rows of a result written into the answer's text.
const SHOWN_ROWS: usize = 20;

/// Tokens used.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct UsageOut {
    /// Read.
    pub prompt_tokens: u32,
    /// In all.
    pub total_tokens: u32,
    /// Written.
    pub completion_tokens: u32,
}

impl From<Usage> for UsageOut {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        }
    }
}

/// A whole answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChatOut {
    /// `chatcmpl-…`.
    pub id: String,
    /// `chat.completion`.
    pub object: String,
    /// Unix seconds.
    pub created: i64,
    /// Model.
    pub model: String,
    /// Answers.
    pub choices: Vec<Choice>,
    /// Tokens, over all answers.
    pub usage: UsageOut,
    /// What answered: the same for the same model of the same server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_fingerprint: Option<String>,
    /// SQL, rows and evidence, when a datasource was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub tidegate: Option<Value>,
}

/// One answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    /// Position.
    pub index: u32,
    /// The message.
    pub message: MessageOut,
    /// How likely its tokens were, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<LogprobsOut>,
    /// `stop`, `length` or `tool_calls`; `function_call` in the older form.
    pub finish_reason: Option<String>,
}

/// A message of an answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MessageOut {
    /// `assistant`.
    pub role: String,
    /// Text; null where the answer is calls alone.
    pub content: Option<String>,
    /// Reasoning, where the model shows it.
    pub reasoning_content: Option<String>,
    /// Calls of tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<CallOut>>,
    /// The call, where the request spoke of `functions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall>,
}

/// A call of a tool.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallOut {
    /// Its own name, by which a message of the role `tool` answers it.
    pub id: String,
    /// `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is called.
    pub function: FunctionCall,
}

/// A chunk of a stream.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChatChunk {
    /// One value per stream.
    pub id: String,
    /// `chat.completion.chunk`.
    pub object: String,
    /// Unix seconds.
    pub created: i64,
    /// Model.
    pub model: String,
    /// None in the usage chunk.
    pub choices: Vec<ChunkChoice>,
    /// Null until the last chunk, which has it when asked for.
    pub usage: Option<UsageOut>,
    /// What answered: the same for the same model of the same server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_fingerprint: Option<String>,
    /// SQL, rows and evidence, in the chunk that finishes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub tidegate: Option<Value>,
}

/// A piece of one answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChunkChoice {
    /// Which answer.
    pub index: u32,
    /// What is new.
    pub delta: ChunkDelta,
    /// How likely the new tokens were, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<LogprobsOut>,
    /// Null until the end.
    pub finish_reason: Option<String>,
}

/// What is new.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ChunkDelta {
    /// In the first chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Calls of tools, or more of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<CallPiece>>,
    /// The call, or more of it, where the request spoke of `functions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionPiece>,
}

/// A call, or more of one: name and id come with its first piece, arguments are added up.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallPiece {
    /// Which call of the answer.
    pub index: u32,
    /// Its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `function`, with the first piece.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is called.
    pub function: FunctionPiece,
}

/// What is called, or more of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FunctionPiece {
    /// The function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// More of a JSON object as text.
    pub arguments: String,
}

/// An answer from a datasource as Markdown: words, the SQL, the first rows.
pub fn answer_markdown(answer: &Answer) -> String {
    let mut text = answer.text.clone();
    if let Some(sql) = &answer.evidence.sql {
        let _ = write!(text, "\n\n```sql\n{sql}\n```\n");
    }
    let Some(result) = &answer.result else {
        return text;
    };
    if result.columns.is_empty() {
        return text;
    }
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let names: Vec<String> = result
        .columns
        .iter()
        .map(|column| cell(&column.name))
        .collect();
    let _ = write!(
        text,
        "\n| {} |\n|{}\n",
        names.join(" | "),
        " --- |".repeat(names.len())
    );
    for row in result.rows.iter().take(SHOWN_ROWS) {
        let cells: Vec<String> = row
            .iter()
            .map(|value| cell(&value.to_text().unwrap_or_default()))
            .collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    if result.rows.len() > SHOWN_ROWS {
        let _ = writeln!(
            text,
            "\n{} of {} rows shown.",
            SHOWN_ROWS,
            result.rows.len()
        );
    }
    text
}
