//! A request as it came, read as far as an answer needs.

use axum::http::HeaderMap;
use serde_json::Value;

/// What a path is asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Chat,
    Completions,
    Embeddings,
    Rerank,
    Responses,
    /// Anthropic's.
    Messages,
}

impl Dialect {
    /// By the end of the path: what stands before it differs from server to server.
    pub(super) fn of(path: &str) -> Option<Self> {
        [
            ("/chat/completions", Self::Chat),
            ("/completions", Self::Completions),
            ("/embeddings", Self::Embeddings),
            ("/rerank", Self::Rerank),
            ("/responses", Self::Responses),
            ("/messages", Self::Messages),
        ]
        .into_iter()
        .find_map(|(end, dialect)| path.ends_with(end).then_some(dialect))
    }
}

/// A request.
#[derive(Debug)]
pub struct Seen {
    /// The path, without a query.
    pub path: String,
    pub(super) dialect: Dialect,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Value,
}

/// A tool that may be called.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) parameters: Value,
}

impl Seen {
    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The model that is asked for.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// The last words of a person in it: a message, a prompt, a text to embed, a query.
    pub fn text(&self) -> String {
        let said = self.said();
        if let Some((_, text)) = said.iter().rev().find(|(role, _)| role == "user") {
            return text.clone();
        }
        ["prompt", "input", "query"]
            .iter()
            .map(|name| words_of(&self.body[name]))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }

    /// Every message: who says it, and its text.
    pub(super) fn said(&self) -> Vec<(String, String)> {
        let list = match self.dialect {
            Dialect::Responses => &self.body["input"],
            _ => &self.body["messages"],
        };
        let mut said: Vec<(String, String)> = ["system", "instructions"]
            .iter()
            .map(|name| words_of(&self.body[name]))
            .filter(|text| !text.is_empty())
            .map(|text| ("system".to_owned(), text))
            .collect();
        said.extend(list.as_array().into_iter().flatten().map(|message| {
            let role = message["role"].as_str().unwrap_or("tool");
            (role.to_owned(), words_of(&message["content"]))
        }));
        if let (Dialect::Responses, Value::String(text)) = (self.dialect, list) {
            said.push(("user".to_owned(), text.clone()));
        }
        said
    }

    /// Whether it is to be answered piece by piece.
    pub(super) fn streams(&self) -> bool {
        self.body["stream"] == true
    }

    /// A whole number, where there is one.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.body[name].as_u64()
    }

    /// Most pieces of an answer, under each name that it goes by.
    pub(super) fn most(&self) -> Option<usize> {
        ["max_tokens", "max_completion_tokens", "max_output_tokens"]
            .iter()
            .find_map(|name| self.number(name))
            .map(|most| most as usize)
    }

    /// Texts that end an answer.
    pub(super) fn stops(&self) -> Vec<String> {
        match (&self.body["stop"], &self.body["stop_sequences"]) {
            (Value::String(stop), _) => vec![stop.clone()],
            (Value::Array(stops), _) | (_, Value::Array(stops)) => stops
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The schema that an answer is to fit; one that may be any object is the empty one.
    pub(super) fn form(&self) -> Option<Value> {
        let chat = &self.body["response_format"];
        let responses = &self.body["text"]["format"];
        let schema = [
            (chat, &chat["json_schema"]["schema"]),
            (responses, &responses["schema"]),
        ];
        schema
            .into_iter()
            .find_map(|(format, schema)| match format["type"].as_str() {
                Some("json_schema") => Some(schema.clone()),
                Some("json_object") => Some(serde_json::json!({"type": "object"})),
                _ => None,
            })
    }

    /// The tools that may be called; none where the caller wants none, or has just sent what one answered.
    pub(super) fn functions(&self) -> Vec<Function> {
        let choice = &self.body["tool_choice"];
        if choice == "none" || choice["type"] == "none" || self.tool_answer().is_some() {
            return Vec::new();
        }
        let wanted = choice["function"]["name"]
            .as_str()
            .or_else(|| choice["name"].as_str());
        let tools = self.body["tools"].as_array().into_iter().flatten();
        tools
            .filter_map(|tool| {
                let function = tool.get("function").unwrap_or(tool);
                let name = function["name"].as_str()?;
                let parameters = function
                    .get("parameters")
                    .or_else(|| function.get("input_schema"));
                Some(Function {
                    name: name.to_owned(),
                    parameters: parameters.cloned().unwrap_or_default(),
                })
            })
            .filter(|function| wanted.is_none_or(|name| name == function.name))
            .collect()
    }

    /// What a tool has answered, where that is the last thing said.
    pub(super) fn tool_answer(&self) -> Option<String> {
        let list = match self.dialect {
            Dialect::Responses => &self.body["input"],
            _ => &self.body["messages"],
        };
        let last = list.as_array()?.last()?;
        if last["role"] == "tool" {
            return Some(words_of(&last["content"]));
        }
        if last["type"] == "function_call_output" {
            return Some(words_of(&last["output"]));
        }
        let part = last["content"].as_array()?.last()?;
        (part["type"] == "tool_result").then(|| words_of(&part["content"]))
    }

    /// The words of all that was said, which stand for tokens.
    pub(super) fn prompt_tokens(&self) -> usize {
        let said: usize = self.said().iter().map(|(_, text)| count(text)).sum();
        let rest: usize = ["prompt", "query"]
            .iter()
            .map(|name| count(&words_of(&self.body[name])))
            .sum();
        (said + rest).max(1)
    }

    /// What a server would refuse about it: the parameter and why.
    pub(super) fn fault(&self) -> Option<(&'static str, String)> {
        let list = |name: &'static str| {
            let empty = self.body[name].as_array().is_none_or(Vec::is_empty);
            empty.then(|| {
                (
                    name,
                    format!("'{name}' must be a list with something in it"),
                )
            })
        };
        if matches!(self.dialect, Dialect::Chat | Dialect::Messages)
            && let Some(fault) = list("messages")
        {
            return Some(fault);
        }
        let temperature = self.body["temperature"].as_f64()?;
        (!(0.0..=2.0).contains(&temperature))
            .then(|| ("temperature", "must be from 0 to 2".to_owned()))
    }
}

/// The text of a value: itself, or that of its parts, whatever these are called.
fn words_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let parts: Vec<String> = parts.iter().map(words_of).collect();
            parts.join(" ")
        }
        Value::Object(part) => ["text", "content"]
            .iter()
            .find_map(|name| part.get(*name))
            .map(words_of)
            .unwrap_or_default(),
        _ => String::new(),
    }
}

fn count(text: &str) -> usize {
    text.split_whitespace().count()
}
