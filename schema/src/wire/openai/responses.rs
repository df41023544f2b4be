//! Responses: OpenAI's newer route for conversations, which remembers them. The request.

mod items;
mod out;
mod writer;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

pub use self::{
    out::{
        IncompleteDetails, ReasoningPart, ResponseDeleted, ResponseError, ResponseItem,
        ResponseOut, ResponsePart, ResponseUsage, TokenDetails,
    },
    writer::ResponseWriter,
};
use super::{ChatIn, ToolIn};
use crate::{Error, Result};

/// What `include` asks likelihoods by.
const LIKELIHOODS: &str = "message.output_text.logprobs";

/// A request.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"model": "local", "instructions": "Answer in one word.",
    "input": "What is the capital of Norway?"}))]
pub struct ResponseIn {
    /// Model.
    pub model: String,
    /// What is said: a text, or a list of messages, calls of functions and what those answered.
    #[schema(value_type = Value)]
    pub input: Value,
    /// Said by the system before everything else, in this response alone.
    #[serde(default)]
    pub instructions: Option<String>,
    /// Goes on from this response, which must have been stored by the same caller not long ago.
    #[serde(default)]
    pub previous_response_id: Option<String>,
    /// Whether the response is kept for a while; true where unsaid.
    #[serde(default)]
    pub store: Option<bool>,
    /// Server-sent events.
    #[serde(default)]
    pub stream: Option<bool>,
    /// Functions the model may call.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    pub tools: Option<Vec<Value>>,
    /// `auto`, `none`, `required`, or an object with the name of a function.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub tool_choice: Option<Value>,
    /// Whether several functions may be called at once; true where unsaid.
    #[serde(default)]
    pub parallel_tool_calls: Option<bool>,
    /// The form of the text, in `format`: `text`, `json_object` or `json_schema`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub text: Option<Value>,
    /// Most new tokens.
    #[serde(default)]
    pub max_output_tokens: Option<i64>,
    /// 0 to 2; 0 is greedy.
    #[serde(default)]
    pub temperature: Option<f32>,
    /// Above 0, at most 1.
    #[serde(default)]
    pub top_p: Option<f32>,
    /// So many of the likeliest tokens beside each, 0 to 20.
    #[serde(default)]
    pub top_logprobs: Option<i64>,
    /// What else comes back; `message.output_text.logprobs` is understood.
    #[serde(default)]
    pub include: Option<Vec<String>>,
    /// The caller's own notes, given back.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// Whether the caller does not wait; that is not done here.
    #[serde(default)]
    pub background: Option<bool>,
    /// A conversation kept elsewhere; there are none here.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub conversation: Option<Value>,
    /// A prompt kept elsewhere; there are none here.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub prompt: Option<Value>,
    /// Caller's own name for its user.
    #[serde(default)]
    pub user: Option<String>,
}

impl ResponseIn {
    /// Whether likelihoods are to be told.
    pub fn tells_likelihoods(&self) -> bool {
        let asked = self
            .include
            .iter()
            .flatten()
            .any(|what| what == LIKELIHOODS);
        asked || self.top_logprobs.is_some_and(|top| top > 0)
    }

    /// Everything but the conversation, in the form that a chat has it in, checked.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the parameter, [`Error::Unsupported`] for what is not done here.
    pub fn choosing(&self) -> Result<ChatIn> {
        self.check_supported()?;
        if let Some(most) = self.max_output_tokens
            && most <= 0
        {
            return Err(Error::invalid(
                "max_output_tokens",
                format!("{most} is less than the minimum of 1 - 'max_output_tokens'"),
            ));
        }
        let likelihoods = self.tells_likelihoods();
        let tools = self.functions()?;
        let choosing = ChatIn {
            model: self.model.clone(),
            temperature: self.temperature,
            top_p: self.top_p,
            max_tokens: self.max_output_tokens,
            stream: self.stream,
            logprobs: Some(likelihoods),
            top_logprobs: self.top_logprobs,
            response_format: self.format()?,
            tools: (!tools.is_empty()).then_some(tools),
            tool_choice: self.choice()?,
            parallel_tool_calls: self.parallel_tool_calls,
            ..ChatIn::default()
        };
        choosing.check()?;
        Ok(choosing)
    }

    fn check_supported(&self) -> Result<()> {
        let other = |what: &str, instead: &str| {
            Err(Error::Unsupported {
                what: format!("'{what}' is not done here; {instead}"),
            })
        };
        if self.background == Some(true) {
            return other(
                "background",
                "leave it out, and stream the response instead",
            );
        }
        let given = |value: Option<&Value>| value.is_some_and(|value| !value.is_null());
        if given(self.conversation.as_ref()) {
            return other(
                "conversation",
                "go on from a response by previous_response_id",
            );
        }
        if given(self.prompt.as_ref()) {
            return other("prompt", "write what it says into instructions and input");
        }
        Ok(())
    }

    /// The functions, in the form that a chat has them in.
    fn functions(&self) -> Result<Vec<ToolIn>> {
        let tools = self.tools.iter().flatten().enumerate();
        tools
            .map(|(nth, tool)| {
                let place = format!("body.tools[{nth}]");
                match tool.get("type").and_then(Value::as_str) {
                    Some("function") => {}
                    Some(other) => {
                        return Err(Error::invalid(
                            format!("{place}.type"),
                            format!(
                                "must be 'function', not '{other}': tools that a provider runs itself are not there; \
                                 leave it out, or offer a function that does the same"
                            ),
                        ));
                    }
                    None => return Err(Error::invalid(format!("{place}.type"), "Field required")),
                }
                if !tool.get("name").is_some_and(Value::is_string) {
                    return Err(Error::invalid(format!("{place}.name"), "must be a text"));
                }
                serde_json::from_value(json!({"type": "function", "function": tool}))
                    .map_err(|error| Error::invalid(place, error.to_string()))
            })
            .collect()
    }

    fn choice(&self) -> Result<Option<Value>> {
        let Some(choice) = self.tool_choice.as_ref().filter(|choice| !choice.is_null()) else {
            return Ok(None);
        };
        if choice.is_string() {
            return Ok(Some(choice.clone()));
        }
        let name = choice
            .get("name")
            .and_then(Value::as_str)
            .filter(|_| choice.get("type").is_none_or(|kind| kind == "function"));
        match name {
            Some(name) => Ok(Some(
                json!({"type": "function", "function": {"name": name}}),
            )),
            None => Err(Error::invalid(
                "tool_choice",
                "must be 'auto', 'none', 'required' or an object with the name of a function in name",
            )),
        }
    }

    /// The form of the text, as a chat's `response_format`.
    fn format(&self) -> Result<Option<Value>> {
        let format = self.text.as_ref().and_then(|text| text.get("format"));
        let Some(format) = format.filter(|format| !format.is_null()) else {
            return Ok(None);
        };
        match format.get("type").and_then(Value::as_str) {
            Some("text") => Ok(None),
            Some("json_object") => Ok(Some(json!({"type": "json_object"}))),
            Some("json_schema") => {
                let mut schema = format.as_object().cloned().unwrap_or_default();
                schema.shift_remove("type");
                Ok(Some(json!({"type": "json_schema", "json_schema": schema})))
            }
            _ => Err(Error::invalid(
                "text.format",
                "must be an object whose type is 'text', 'json_object' or 'json_schema'",
            )),
        }
    }
}
