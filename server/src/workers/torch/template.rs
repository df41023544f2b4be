//! Chat templates: how a model wants a conversation written out. They come with the model, in Jinja.

mod json;
mod source;
#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use minijinja::{Environment, Error as JinjaError, ErrorKind, Value, value::Serde};
use serde_json::{Map, Value as Json, json};
use tidegate_schema::{Error, Result};

use super::{
    error::{self, ModelError},
    files::fields::Fields,
    tools,
};
use crate::{
    clock::Clock,
    workers::{PromptMessage, Speaker, Tool, grammar::CallFormat},
};

const NAME: &str = "chat template";
/// The one for conversations with tools, where there are two.
const WITH_TOOLS: &str = "chat template with tools";
/// Marks what a template itself complains of, as against what is wrong with it.
const RAISED: &str = "raised: ";
/// Special tokens that templates may write.
const MARKS: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "pad_token",
    "sep_token",
    "cls_token",
    "mask_token",
];

/// Writes conversations out as one model expects them.
pub(super) struct ChatTemplate {
    /// `None` for models that were never taught to chat.
    environment: Option<Environment<'static>>,
    has_tools: bool,
    /// How it writes calls of tools; `None` where it knows of none, or writes them in a way that is not read here.
    calls: Option<CallFormat>,
    marks: Map<String, Json>,
}

/// The texts of a directory's templates.
#[derive(Default)]
struct Sources {
    plain: Option<String>,
    with_tools: Option<String>,
}

impl ChatTemplate {
    /// Reads `chat_template.jinja` with those beside it, or `chat_template` of `tokenizer_config.json`.
    pub(super) fn load(directory: &Path) -> error::Result<Self> {
        let config = Fields::read_if_present(&directory.join("tokenizer_config.json"))?;
        let mut sources = match &config {
            Some(fields) => template_field(fields)?,
            None => Sources::default(),
        };
        if let Some(own) = text_if_present(&directory.join("chat_template.jinja"))? {
            sources = Sources {
                plain: Some(own),
                with_tools: None,
            };
        }
        let beside: PathBuf = ["additional_chat_templates", "tool_use.jinja"]
            .iter()
            .collect();
        if let Some(with_tools) = text_if_present(&directory.join(beside))? {
            sources.with_tools = Some(with_tools);
        }
        let marks = config
            .iter()
            .flat_map(|fields| MARKS.map(|name| (name.to_owned(), mark(fields, name))))
            .filter_map(|(name, mark)| Some((name, Json::from(mark?))))
            .collect();
        Self::of(&sources, marks).map_err(|error| {
            ModelError::file(
                directory,
                format!("the chat template cannot be read: {error:#}"),
            )
        })
    }

    fn of(sources: &Sources, marks: Map<String, Json>) -> Result<Self, JinjaError> {
        let plain = sources.plain.as_ref().or(sources.with_tools.as_ref());
        let with_tools = sources.with_tools.as_ref();
        let environment = plain
            .map(|plain| environment(plain, with_tools.map(String::as_str)))
            .transpose()?;
        Ok(Self {
            environment,
            has_tools: with_tools.is_some(),
            calls: with_tools
                .or(plain)
                .and_then(|text| tools::written_by(text)),
            marks,
        })
    }

    /// The end mark, where the configuration names one.
    pub(super) fn eos(&self) -> Option<&str> {
        self.marks
            .get("eos_token")
            .and_then(Json::as_str)
            .filter(|eos| !eos.is_empty())
    }

    /// Whether the written conversation brings its own marks.
    pub(super) fn brings_marks(&self) -> bool {
        self.environment.is_some()
    }

    /// How the model is told to write calls of tools: by its template, or else by us, in tags.
    pub(super) fn calls(&self) -> CallFormat {
        self.calls.unwrap_or(CallFormat::Tagged)
    }

    /// Whether the template itself tells the model of tools.
    pub(super) fn knows_tools(&self) -> bool {
        self.calls.is_some()
    }

    /// The conversation, up to where the model is to go on. `values` are given to the template beside it
    /// (`enable_thinking`, `documents` and the like).
    ///
    /// # Errors
    /// [`Error::Invalid`] with the template's own complaint, or where it fails over these messages.
    pub(super) fn write(
        &self,
        messages: &[PromptMessage],
        tools: &[Tool],
        values: &Map<String, Json>,
    ) -> Result<String> {
        let has_calls = |message: &PromptMessage| {
            message.speaker == Speaker::Tool || !message.tool_calls.is_empty()
        };
        let in_words;
        let (messages, tools) =
            if !self.knows_tools() && (!tools.is_empty() || messages.iter().any(has_calls)) {
                in_words = tools::plainly(messages, tools);
                (in_words.as_slice(), &[] as &[Tool])
            } else {
                (messages, tools)
            };
        let Some(environment) = &self.environment else {
            return Ok(plain(messages));
        };
        let name = if self.has_tools && !tools.is_empty() {
            WITH_TOOLS
        } else {
            NAME
        };
        let context = self.context(messages, tools, values);
        let written = environment
            .get_template(name)
            .and_then(|template| template.render(Serde(&context)));
        written.map_err(|error| {
            let reason = error
                .detail()
                .and_then(|detail| detail.strip_prefix(RAISED));
            match reason {
                Some(reason) => Error::invalid(
                    "messages",
                    format!("the model's chat template refuses them: {reason}"),
                ),
                None => Error::invalid(
                    "messages",
                    format!("the model's chat template failed: {error}"),
                ),
            }
        })
    }

    /// What the template can write of. What is ours is not to be written over.
    fn context(
        &self,
        messages: &[PromptMessage],
        tools: &[Tool],
        values: &Map<String, Json>,
    ) -> Map<String, Json> {
        let mut context = self.marks.clone();
        // What transformers gives a template that asks for it without being given it.
        context.insert("documents".to_owned(), Json::Null);
        context.insert("add_generation_prompt".to_owned(), true.into());
        context.extend(
            values
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        let messages: Vec<Json> = messages.iter().map(message).collect();
        context.insert("messages".to_owned(), messages.into());
        let tools = if tools.is_empty() {
            Json::Null
        } else {
            tools.iter().map(Tool::to_value).collect()
        };
        context.insert("tools".to_owned(), tools);
        context
    }
}

/// A message as templates know it. What it does not have is left out: templates ask whether it is there.
fn message(message: &PromptMessage) -> Json {
    let mut told = json!({"role": message.speaker.role(), "content": message.text});
    if let Some(name) = &message.name {
        told["name"] = name.as_str().into();
    }
    if let Some(id) = &message.tool_call_id {
        told["tool_call_id"] = id.as_str().into();
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            // Templates write the arguments as JSON themselves.
            let arguments = serde_json::from_str::<Json>(&call.arguments)
                .ok()
                .filter(Json::is_object)
                .unwrap_or_else(|| call.arguments.as_str().into());
            json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        });
        told["tool_calls"] = calls.collect();
    }
    told
}

/// For models without a template: the messages one below the other, who says what in words.
fn plain(messages: &[PromptMessage]) -> String {
    let mut text = String::new();
    for message in messages {
        let _ = write!(text, "{}: {}\n\n", message.speaker.role(), message.text);
    }
    text + "assistant:"
}

fn text_if_present(path: &Path) -> error::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ModelError::file(path, error)),
    }
}

/// The `chat_template` field: a text, or a list of named ones, of which `default` and `tool_use` are known.
fn template_field(fields: &Fields) -> error::Result<Sources> {
    let Some(list) = fields.get("chat_template").and_then(Json::as_array) else {
        return Ok(Sources {
            plain: fields.text("chat_template")?.map(str::to_owned),
            with_tools: None,
        });
    };
    let text = |entry: &Json| entry.get("template")?.as_str().map(str::to_owned);
    let named = |name: &str| {
        list.iter()
            .find(|entry| entry.get("name").and_then(Json::as_str) == Some(name))
    };
    let plain = named("default").or_else(|| list.first()).and_then(text);
    if plain.is_none() {
        return Err(fields.error("chat_template", "the list has no template"));
    }
    Ok(Sources {
        plain,
        with_tools: named("tool_use").and_then(text),
    })
}

/// A mark is a text, or an object with the text in `content`.
fn mark(fields: &Fields, name: &str) -> Option<String> {
    let value = fields.get(name)?;
    value
        .as_str()
        .or_else(|| value.get("content")?.as_str())
        .map(str::to_owned)
}

fn environment(plain: &str, with_tools: Option<&str>) -> Result<Environment<'static>, JinjaError> {
    let mut environment = Environment::new();
    // What transformers renders with.
    let syntax = minijinja::syntax::SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function(
        "raise_exception",
        |reason: String| -> Result<Value, JinjaError> {
            Err(JinjaError::new(
                ErrorKind::InvalidOperation,
                format!("{RAISED}{reason}"),
            ))
        },
    );
    environment.add_function(
        "strftime_now",
        |format: String| -> Result<String, JinjaError> {
            let mut text = String::new();
            write!(text, "{}", Clock::system().now().format(&format)).map_err(|_| {
                JinjaError::new(
                    ErrorKind::InvalidOperation,
                    format!("strftime_now does not know the format '{format}'"),
                )
            })?;
            Ok(text)
        },
    );
    environment.add_filter("tojson", json::to_json);
    environment.add_template_owned(NAME, source::without_generation_marks(plain))?;
    if let Some(with_tools) = with_tools {
        environment.add_template_owned(WITH_TOOLS, source::without_generation_marks(with_tools))?;
    }
    Ok(environment)
}
