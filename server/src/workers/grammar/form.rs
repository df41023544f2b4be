//! What an answer is to look like, read from a request.

use serde_json::{Value, json};
use tidegate_schema::{Error, Result};

use super::schema;
use crate::workers::{GenerateRequest, ResponseFormat, Tool, ToolChoice};

/// Longest regular expression in bytes.
const MOST_REGEX: usize = 8 * 1024;
/// Longest Lark grammar in bytes.
const MOST_LARK: usize = 64 * 1024;
/// Brackets open at once in a Lark grammar: its reader goes down one by one.
const DEEPEST_LARK: usize = 256;
/// Most tools of a request.
const MOST_TOOLS: usize = 128;

/// The form of an answer. Schemas are checked and bounded; whether a grammar can be made of them shows when it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// Any JSON object.
    JsonObject,
    /// JSON that a schema takes.
    JsonSchema(Value),
    /// Text that matches a regular expression as a whole.
    Regex(String),
    /// Text of a grammar in Lark's notation.
    Lark(String),
    /// Calls of tools, or, where none is forced, an answer instead.
    Tools(Calls),
}

/// How a model writes calls of tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFormat {
    /// `<tool_call>{"name": …, "arguments": …}</tool_call>`, as the Hermes and Qwen models do.
    Tagged,
    /// `{"name": …, "parameters": …}` as the whole answer, as Llama 3 does.
    Bare,
    /// `[TOOL_CALLS] [{"name": …, "arguments": …}]`, as Mistral's models do.
    Listed,
}

impl CallFormat {
    /// What the member with the arguments is called.
    pub fn arguments(self) -> &'static str {
        match self {
            Self::Tagged | Self::Listed => "arguments",
            Self::Bare => "parameters",
        }
    }
}

/// Calls of tools.
#[derive(Debug, Clone, PartialEq)]
pub struct Calls {
    /// The tools that may be called; never none.
    pub tools: Vec<Callable>,
    /// How they are written.
    pub format: CallFormat,
    /// Whether there must be a call.
    pub is_forced: bool,
    /// Whether there may be several.
    pub several: bool,
    /// The form of an answer that is no call; `None` for free text.
    pub answer: Option<Box<Form>>,
}

/// A tool that may be called.
#[derive(Debug, Clone, PartialEq)]
pub struct Callable {
    /// Its name.
    pub name: String,
    /// The schema of its arguments: of an object always.
    pub arguments: Value,
    /// Whether they must fit it; if not, any object will do where no grammar can be made of the schema.
    pub is_strict: bool,
}

impl Callable {
    fn is_loose(&self) -> bool {
        self.arguments == any_object()
    }
}

impl Calls {
    /// Whether arguments could be held to less than they are.
    pub fn can_be_loosened(&self) -> bool {
        self.tools
            .iter()
            .any(|tool| !tool.is_strict && !tool.is_loose())
    }

    /// The same, with any object for the arguments of tools that are not strict.
    pub fn loosened(&self) -> Self {
        let mut calls = self.clone();
        for tool in calls.tools.iter_mut().filter(|tool| !tool.is_strict) {
            tool.arguments = any_object();
        }
        calls
    }
}

fn any_object() -> Value {
    json!({"type": "object"})
}

impl Form {
    /// The form that a request asks for; nothing for free text. `format` is how the model writes calls.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place in the request, what is wrong there and what would do.
    pub fn of(request: &GenerateRequest, format: CallFormat) -> Result<Option<Self>> {
        let answer = match &request.response_format {
            None => None,
            Some(ResponseFormat::Wished(wished)) => {
                let closed = schema::closed(wished);
                Some(Self::JsonSchema(schema::read(&closed, "response_format")?))
            }
            Some(ResponseFormat::Demanded(demanded)) => Self::demanded(demanded)?,
        };
        if request.tools.is_empty() {
            if request.tool_choice.forces() {
                return Err(Error::invalid(
                    "tool_choice",
                    "forces a call, but the request has no tools; add tools, or leave tool_choice out",
                ));
            }
            return Ok(answer);
        }
        if request.tool_choice == ToolChoice::None {
            return Ok(answer);
        }
        let calls = Calls {
            tools: callable(&request.tools, &request.tool_choice)?,
            format,
            is_forced: request.tool_choice.forces(),
            several: request.parallel_tool_calls.unwrap_or(true),
            answer: answer.map(Box::new),
        };
        Ok(Some(Self::Tools(calls)))
    }

    /// A caller's own `response_format`, in OpenAI's shape, or of type `regex` or `grammar`.
    fn demanded(format: &Value) -> Result<Option<Self>> {
        let text = |name: &str| {
            format.get(name).and_then(Value::as_str).ok_or_else(|| {
                Error::invalid(
                    format!("response_format.{name}"),
                    "is missing; it must be a text",
                )
            })
        };
        match format.get("type").and_then(Value::as_str) {
            Some("text") => Ok(None),
            Some("json_object") => Ok(Some(Self::JsonObject)),
            Some("json_schema") => {
                let field = "response_format.json_schema.schema";
                let wanted = format
                    .get("json_schema")
                    .and_then(|wrapped| wrapped.get("schema"))
                    .ok_or_else(|| Error::invalid(field, "is missing; it must be a JSON schema"))?;
                Ok(Some(Self::JsonSchema(schema::read(wanted, field)?)))
            }
            Some("regex") => {
                let pattern = text("pattern")?;
                schema::pattern(pattern, MOST_REGEX)
                    .map_err(|reason| Error::invalid("response_format.pattern", reason))?;
                Ok(Some(Self::Regex(pattern.to_owned())))
            }
            Some("grammar") => {
                let syntax = text("syntax")?;
                if syntax != "lark" {
                    return Err(Error::invalid(
                        "response_format.syntax",
                        format!("is '{syntax}'; the one known is 'lark'"),
                    ));
                }
                let grammar = text("grammar")?;
                lark(grammar)
                    .map_err(|reason| Error::invalid("response_format.grammar", reason))?;
                Ok(Some(Self::Lark(grammar.to_owned())))
            }
            other => Err(Error::invalid(
                "response_format.type",
                format!(
                    "is {}; known are 'text', 'json_object', 'json_schema', 'regex' and 'grammar'",
                    other.map_or_else(|| "missing".to_owned(), |other| format!("'{other}'"))
                ),
            )),
        }
    }
}

/// The tools that may be called, with schemas that can be held to.
fn callable(tools: &[Tool], choice: &ToolChoice) -> Result<Vec<Callable>> {
    if tools.len() > MOST_TOOLS {
        return Err(Error::invalid(
            "tools",
            format!(
                "are {}; at most {MOST_TOOLS} can be offered at once",
                tools.len()
            ),
        ));
    }
    let mut callable: Vec<Callable> = Vec::new();
    for (nth, tool) in tools.iter().enumerate() {
        let field = format!("tools[{nth}].function");
        if tool.name.is_empty() || tool.name.len() > 256 {
            return Err(Error::invalid(
                format!("{field}.name"),
                "must have 1 to 256 bytes",
            ));
        }
        if tools[..nth].iter().any(|other| other.name == tool.name) {
            return Err(Error::invalid(
                format!("{field}.name"),
                format!(
                    "'{}' names two tools; give each a name of its own",
                    tool.name
                ),
            ));
        }
        if let ToolChoice::Function(wanted) = choice
            && *wanted != tool.name
        {
            continue;
        }
        callable.push(Callable {
            name: tool.name.clone(),
            arguments: arguments(tool, &format!("{field}.parameters"))?,
            is_strict: tool.strict == Some(true),
        });
    }
    if let ToolChoice::Function(wanted) = choice
        && callable.is_empty()
    {
        return Err(Error::invalid(
            "tool_choice.function.name",
            format!("is '{wanted}', which is none of the tools"),
        ));
    }
    Ok(callable)
}

/// The schema that a tool's arguments are held to. Where the caller is not strict about one that cannot be held to,
/// any object will do, as OpenAI has it.
fn arguments(tool: &Tool, field: &str) -> Result<Value> {
    if tool.parameters.is_null() {
        return Ok(json!({"type": "object", "properties": {}, "additionalProperties": false}));
    }
    let read = schema::read(&tool.parameters, field).and_then(|mut schema| {
        let object = schema
            .as_object_mut()
            .ok_or_else(|| Error::invalid(field, "must be the schema of an object"))?;
        match object.get("type") {
            None => {
                object.insert("type".to_owned(), "object".into());
            }
            Some(kind) if kind == "object" => {}
            Some(kind) => {
                return Err(Error::invalid(
                    format!("{field}.type"),
                    format!("is {kind}; arguments are an object always"),
                ));
            }
        }
        Ok(schema)
    });
    match read {
        Err(error) if tool.strict != Some(true) => {
            tracing::debug!(tool = tool.name, %error, "arguments are held to any object");
            Ok(any_object())
        }
        read => read,
    }
}

/// Whether a Lark grammar is of a size that can be read.
fn lark(grammar: &str) -> Result<(), String> {
    if grammar.trim().is_empty() {
        return Err("is empty; it needs a rule 'start'".to_owned());
    }
    if grammar.len() > MOST_LARK {
        return Err(format!(
            "has {} bytes; at most {MOST_LARK} are read",
            grammar.len()
        ));
    }
    let mut open = 0_usize;
    for sign in grammar.bytes() {
        match sign {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > DEEPEST_LARK {
            return Err(format!(
                "opens more than {DEEPEST_LARK} brackets at once; split it into rules"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
