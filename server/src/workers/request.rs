//! What a model is asked: the words, the tools, the form, and how tokens are chosen.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, Engine},
};

/// Who says a message to a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Speaker {
    /// Instructions.
    System,
    /// The person.
    #[default]
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
}

impl Speaker {
    /// OpenAI's name of the role, which chat templates know too.
    pub fn role(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message to a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PromptMessage {
    /// Who.
    pub speaker: Speaker,
    /// What.
    pub text: String,
    /// The tools an assistant's message called.
    pub tool_calls: Vec<ToolCall>,
    /// The call a tool's message answers.
    pub tool_call_id: Option<String>,
    /// The speaker's own name: a person's, or a tool's.
    pub name: Option<String>,
}

impl PromptMessage {
    /// A message of plain text.
    pub fn new(speaker: Speaker, text: impl Into<String>) -> Self {
        Self {
            speaker,
            text: text.into(),
            ..Self::default()
        }
    }

    /// Instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Speaker::System, text)
    }

    /// What a person says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Speaker::User, text)
    }

    /// What the model said before.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Speaker::Assistant, text)
    }
}

/// A call of a tool, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Its own name, by which a tool's message answers it.
    pub id: String,
    /// The tool.
    pub name: String,
    /// A JSON object as text, as the model wrote it.
    pub arguments: String,
}

/// A tool that a model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// What it is called by.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The JSON schema of its arguments; null for none.
    pub parameters: Value,
    /// Whether the arguments must fit the schema, where the caller says.
    pub strict: Option<bool>,
}

impl Tool {
    /// The tool in OpenAI's shape, which chat templates are written for.
    pub fn to_value(&self) -> Value {
        let mut function = json!({"name": self.name});
        if let Some(description) = &self.description {
            function["description"] = description.as_str().into();
        }
        if !self.parameters.is_null() {
            function["parameters"] = self.parameters.clone();
        }
        if let Some(strict) = self.strict {
            function["strict"] = strict.into();
        }
        json!({"type": "function", "function": function})
    }
}

/// Whether tools are called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model likes.
    #[default]
    Auto,
    /// Never.
    None,
    /// One at least.
    Required,
    /// This one.
    Function(String),
}

impl ToolChoice {
    /// Whether the answer must be a call.
    pub fn forces(&self) -> bool {
        matches!(self, Self::Required | Self::Function(_))
    }
}

/// What an answer goes on from.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// A conversation, written out as the model's chat template says.
    Messages(Vec<PromptMessage>),
    /// A text that is gone on with as it stands.
    Text(String),
    /// The same in the model's own tokens.
    Tokens(Vec<u32>),
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Messages(Vec::new())
    }
}

impl From<Vec<PromptMessage>> for Prompt {
    fn from(messages: Vec<PromptMessage>) -> Self {
        Self::Messages(messages)
    }
}

impl Prompt {
    /// The conversation; none for plain text.
    pub fn messages(&self) -> &[PromptMessage] {
        match self {
            Self::Messages(messages) => messages,
            Self::Text(_) | Self::Tokens(_) => &[],
        }
    }
}

/// A question about a database, for models that answer those directly.
#[derive(Debug, Clone)]
pub struct SqlTask {
    /// The question in plain words.
    pub question: String,
    /// The schema to answer over.
    pub catalogue: Arc<Catalogue>,
    /// The dialect to write.
    pub engine: Engine,
    /// What "today" is.
    pub today: chrono::NaiveDate,
}

/// The form an answer is to have.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseFormat {
    /// A caller's own `response_format`: the answer is held to it, or it is passed on as it stands, or refused.
    Demanded(Value),
    /// A JSON schema that makes our own reading easier: a local model is held to it, an upstream is asked for it, and
    /// one that knows of none writes freely.
    Wished(Value),
}

/// Everything a generation takes. What is not said is the model's own default.
#[derive(Debug, Clone, Default)]
pub struct GenerateRequest {
    /// What to go on from.
    pub prompt: Prompt,
    /// Tools that may be called.
    pub tools: Vec<Tool>,
    /// Whether they are.
    pub tool_choice: ToolChoice,
    /// Whether several may be called at once; unsaid means yes.
    pub parallel_tool_calls: Option<bool>,
    /// Values for the chat template beside the conversation (`enable_thinking`, `documents`, …).
    pub template_values: Map<String, Value>,
    /// The form of the answer; `None` for free text.
    pub response_format: Option<ResponseFormat>,

    /// 0 is greedy: the likeliest token, whatever the other limits on choosing say.
    pub temperature: Option<f32>,
    /// Only the likeliest tokens that make up this share together.
    pub top_p: Option<f32>,
    /// Only so many of the likeliest tokens; a number beyond the vocabulary keeps all.
    pub top_k: Option<u32>,
    /// Only tokens at least this share as likely as the likeliest.
    pub min_p: Option<f32>,
    /// Only the tokens closest to the expected surprise that make up this share together.
    pub typical_p: Option<f32>,
    /// Taken off the score of each token written before.
    pub presence_penalty: Option<f32>,
    /// Taken off the score of a token for each time it was written before.
    pub frequency_penalty: Option<f32>,
    /// Makes tokens of the prompt and the answer less likely; 1 does nothing.
    pub repetition_penalty: Option<f32>,
    /// Added to the scores of these tokens, -100 to 100.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Repeatable sampling, alone and beside other answers.
    pub seed: Option<u64>,

    /// At most so many new tokens.
    pub max_tokens: Option<u32>,
    /// No end before so many new tokens.
    pub min_tokens: Option<u32>,
    /// Texts that end the answer; they are not told.
    pub stop: Vec<String>,
    /// Tokens that end the answer.
    pub stop_token_ids: Vec<u32>,
    /// Whether the model's own end marks are passed over.
    pub ignore_eos: bool,

    /// Answers wanted; 1 where unsaid. Greedy answers are all the same.
    pub n: Option<u32>,
    /// Answers made, of which the `n` likeliest are told; as many as `n` where unsaid. More of them are told when all
    /// are over.
    pub best_of: Option<u32>,
    /// Told with each token: how likely the model finds it, and so many of the likeliest ones.
    pub logprobs: Option<u8>,
    /// Whether the prompt is told first, for prompts that are plain text or tokens.
    pub echo: bool,

    /// How long it may take.
    pub deadline: Option<Duration>,
    /// Requests of one key wait for each other, those of several take turns.
    pub fair_key: Option<String>,
    /// The structured task behind the messages, for models that take it.
    pub task: Option<SqlTask>,
}

impl GenerateRequest {
    /// A request about a conversation, with the model's own defaults.
    pub fn of(messages: Vec<PromptMessage>) -> Self {
        Self {
            prompt: Prompt::Messages(messages),
            ..Self::default()
        }
    }

    /// The conversation; none for plain text.
    pub fn messages(&self) -> &[PromptMessage] {
        self.prompt.messages()
    }

    /// Answers wanted.
    pub fn choices(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    /// For models that write freely.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the model, when a form or a call is demanded.
    pub(crate) fn refuse_demands(&self, model: &str) -> Result<()> {
        if self.tool_choice.forces() {
            return Err(Error::Unsupported {
                what: format!(
                    "'{model}' calls no tools, so tool_choice cannot force a call; leave tool_choice out, set it to \
                     'auto' or 'none', or ask another model"
                ),
            });
        }
        let Some(ResponseFormat::Demanded(format)) = &self.response_format else {
            return Ok(());
        };
        let kind = format["type"].as_str().unwrap_or_default();
        Err(Error::Unsupported {
            what: format!(
                "'{model}' writes freely and cannot be held to response_format '{kind}'; leave response_format out, or \
                 ask a proxy model whose server knows it"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_written_in_openais_shape_with_what_was_said_of_it_alone() {
        let mut tool = Tool {
            name: "weather".to_owned(),
            description: None,
            parameters: Value::Null,
            strict: None,
        };
        assert_eq!(
            tool.to_value().to_string(),
            r#"{"type":"function","function":{"name":"weather"}}"#
        );
        tool.description = Some("of a city".to_owned());
        tool.parameters = json!({"type": "object"});
        tool.strict = Some(true);
        assert_eq!(
            tool.to_value()["function"],
            json!({"name": "weather", "description": "of a city", "parameters": {"type": "object"}, "strict": true})
        );
    }

    #[test]
    fn a_model_that_writes_freely_refuses_what_it_cannot_keep_and_only_that() {
        let mut request = GenerateRequest {
            tools: vec![Tool {
                name: "f".to_owned(),
                description: None,
                parameters: Value::Null,
                strict: None,
            }],
            response_format: Some(ResponseFormat::Wished(json!({}))),
            ..GenerateRequest::of(vec![PromptMessage::user("hi")])
        };
        request.refuse_demands("m").expect("demands nothing");
        request.tool_choice = ToolChoice::Function("f".to_owned());
        let refused = request.refuse_demands("m").expect_err("forces a call");
        assert_eq!(refused.kind(), "unsupported");
        assert!(refused.to_string().starts_with("'m' calls no tools"));
        request.tool_choice = ToolChoice::None;
        request.response_format = Some(ResponseFormat::Demanded(json!({"type": "json_object"})));
        let refused = request.refuse_demands("m").expect_err("demands a form");
        assert!(refused.to_string().contains("json_object"), "{refused}");
    }
}
