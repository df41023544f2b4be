//! Tools: what may be called, whether it is, and the calls.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ChatIn;
use crate::{Error, Result};

/// A tool the model may call.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct ToolIn {
    /// `function`, the one kind there is.
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// The function.
    pub function: FunctionIn,
}

/// What a function is.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct FunctionIn {
    /// What it is called by.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
    /// Whether the arguments must fit the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

fn function() -> String {
    "function".to_owned()
}

/// A call that an assistant's message of the conversation made.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct CallIn {
    /// Its own name.
    pub id: String,
    /// `function`.
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// What was called.
    pub function: FunctionCall,
}

/// What is called, and with what.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct FunctionCall {
    /// The function.
    pub name: String,
    /// A JSON object as text.
    pub arguments: String,
}

/// A call, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its own name.
    pub id: String,
    /// The function.
    pub name: String,
    /// A JSON object as text.
    pub arguments: String,
}

/// Whether tools are called, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoiceIn {
    /// As the model likes.
    Auto,
    /// Never.
    None,
    /// One at least.
    Required,
    /// This one.
    Function(String),
}

impl ToolChoiceIn {
    /// Whether the answer must be a call.
    pub fn forces(&self) -> bool {
        matches!(self, Self::Required | Self::Function(_))
    }
}

impl ChatIn {
    /// Whether tools are called.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a choice that there is not, a call forced without tools, or a tool of another kind.
    pub fn tool_choice(&self) -> Result<ToolChoiceIn> {
        let tools = self.tools.as_deref().unwrap_or_default();
        for (nth, tool) in tools.iter().enumerate() {
            if tool.kind != "function" {
                return Err(Error::invalid(
                    format!("body.tools[{nth}].type"),
                    format!("must be 'function', not '{}'", tool.kind),
                ));
            }
        }
        let choice = match &self.tool_choice {
            None | Some(Value::Null) => return Ok(ToolChoiceIn::Auto),
            Some(Value::String(word)) => match word.as_str() {
                "auto" => return Ok(ToolChoiceIn::Auto),
                "none" => return Ok(ToolChoiceIn::None),
                "required" => ToolChoiceIn::Required,
                other => {
                    return Err(Error::invalid(
                        "tool_choice",
                        format!(
                            "must be 'auto', 'none', 'required' or one of the tools, not '{other}'"
                        ),
                    ));
                }
            },
            Some(named) => {
                let name = named
                    .pointer("/function/name")
                    .and_then(Value::as_str)
                    .ok_or_else(|| {
                        Error::invalid(
                            "tool_choice",
                            "must be 'auto', 'none', 'required' or an object with the name of a tool in function.name",
                        )
                    })?;
                ToolChoiceIn::Function(name.to_owned())
            }
        };
        if tools.is_empty() {
            return Err(Error::invalid(
                "tool_choice",
                "forces a call, but there are no tools; add 'tools', or leave tool_choice out",
            ));
        }
        if let ToolChoiceIn::Function(name) = &choice
            && !tools.iter().any(|tool| tool.function.name == *name)
        {
            return Err(Error::invalid(
                "tool_choice",
                format!("names '{name}', which is none of the tools"),
            ));
        }
        Ok(choice)
    }
}
