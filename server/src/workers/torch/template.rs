//! Chat templates: how a model wants a conversation written out. They come with the model, in Jinja.

use std::{fmt::Write as _, path::Path};

use minijinja::{Environment, Error as JinjaError, ErrorKind, Value, context, value::Kwargs};
use serde::Serialize as _;
use tidegate_schema::{Error, Result};

use super::{
    error::{self, ModelError},
    fields::Fields,
};
use crate::{
    clock::Clock,
    workers::{PromptMessage, Speaker},
};

const NAME: &str = "chat template";
/// Marks what a template itself complains of, as against what is wrong with it.
const RAISED: &str = "raised: ";

/// Writes conversations out as one model expects them.
pub(super) struct ChatTemplate {
    /// `None` for models that were never taught to chat.
    environment: Option<Environment<'static>>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// Reads `chat_template.jinja`, or `chat_template` of `tokenizer_config.json`.
    pub(super) fn load(directory: &Path) -> error::Result<Self> {
        let config = Fields::read_if_present(&directory.join("tokenizer_config.json"))?;
        let path = directory.join("chat_template.jinja");
        let source = match std::fs::read_to_string(&path) {
            Ok(source) => Some(source),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                config.as_ref().map(template_field).transpose()?.flatten()
            }
            Err(error) => return Err(ModelError::file(&path, error)),
        };
        let mark = |name: &str| {
            config
                .as_ref()
                .and_then(|fields| mark(fields, name))
                .unwrap_or_default()
        };
        let (bos, eos) = (mark("bos_token"), mark("eos_token"));
        let environment = source
            .map(|source| environment(&source))
            .transpose()
            .map_err(|error| {
                ModelError::file(
                    directory,
                    format!("the chat template cannot be read: {error:#}"),
                )
            })?;
        Ok(Self {
            environment,
            bos,
            eos,
        })
    }

    /// The end mark, where the configuration names one.
    pub(super) fn eos(&self) -> Option<&str> {
        Some(self.eos.as_str()).filter(|eos| !eos.is_empty())
    }

    /// Whether the written conversation brings its own marks.
    pub(super) fn brings_marks(&self) -> bool {
        self.environment.is_some()
    }

    /// The conversation, up to where the model is to go on.
    pub(super) fn write(&self, messages: &[PromptMessage]) -> Result<String> {
        let Some(environment) = &self.environment else {
            return Ok(plain(messages));
        };
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| context! { role => role(message.speaker), content => message.text.as_str() })
            .collect();
        let written = environment.get_template(NAME).and_then(|template| {
            template.render(context! {
                messages,
                add_generation_prompt => true,
                bos_token => self.bos.as_str(),
                eos_token => self.eos.as_str(),
            })
        });
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
}

fn role(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
    }
}

/// For models without a template: the messages one below the other, who says what in words.
fn plain(messages: &[PromptMessage]) -> String {
    let mut text = String::new();
    for message in messages {
        let _ = write!(text, "{}: {}\n\n", role(message.speaker), message.text);
    }
    text + "assistant:"
}

/// The `chat_template` field: a text, or a list of named ones of which `default` is taken.
fn template_field(fields: &Fields) -> error::Result<Option<String>> {
    let Some(list) = fields
        .get("chat_template")
        .and_then(serde_json::Value::as_array)
    else {
        return Ok(fields.text("chat_template")?.map(str::to_owned));
    };
    let named = |name: &str| {
        list.iter()
            .find(|entry| entry.get("name").and_then(|n| n.as_str()) == Some(name))
    };
    let entry = named("default").or_else(|| list.first());
    let template = entry.and_then(|entry| entry.get("template")?.as_str());
    template
        .map(|text| Some(text.to_owned()))
        .ok_or_else(|| fields.error("chat_template", "the list has no template"))
}

/// A mark is a text, or an object with the text in `content`.
fn mark(fields: &Fields, name: &str) -> Option<String> {
    let value = fields.get(name)?;
    value
        .as_str()
        .or_else(|| value.get("content")?.as_str())
        .map(str::to_owned)
}

fn environment(source: &str) -> Result<Environment<'static>, JinjaError> {
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
    environment.add_filter("tojson", to_json);
    environment.add_template_owned(NAME, without_generation_marks(source))?;
    Ok(environment)
}

/// JSON as Python writes it; minijinja's own would escape for HTML.
#[expect(
    clippy::needless_pass_by_value,
    reason = "filters are given their options by value"
)]
fn to_json(value: &Value, options: Kwargs) -> Result<String, JinjaError> {
    let indent: Option<usize> = options.get("indent")?;
    // Known to Python, without effect here: text is never escaped to ASCII.
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let failed =
        |error: serde_json::Error| JinjaError::new(ErrorKind::BadSerialization, error.to_string());
    let mut out = Vec::new();
    if let Some(indent) = indent {
        let spaces = vec![b' '; indent];
        let format = serde_json::ser::PrettyFormatter::with_indent(&spaces);
        value
            .serialize(&mut serde_json::Serializer::with_formatter(
                &mut out, format,
            ))
            .map_err(failed)?;
    } else {
        value
            .serialize(&mut serde_json::Serializer::with_formatter(
                &mut out, Spaced,
            ))
            .map_err(failed)?;
    }
    String::from_utf8(out)
        .map_err(|error| JinjaError::new(ErrorKind::BadSerialization, error.to_string()))
}

/// Python's `json.dumps` puts a space behind commas and colons; models have seen it so.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

/// `{% generation %}` marks what training learns from; it says nothing here, and Jinja does not know it.
fn without_generation_marks(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}").map(|at| at + 2) else {
            break;
        };
        let tag = &rest[start..start + length];
        let word = tag[2..tag.len() - 2].trim_matches(['-', '+']).trim();
        out.push_str(&rest[..start]);
        if matches!(word, "generation" | "endgeneration") {
            // An empty block with the same dashes keeps the same white space.
            let (left, right) = (
                if tag.starts_with("{%-") { "-" } else { "" },
                if tag.ends_with("-%}") { "-" } else { "" },
            );
            let _ = write!(
                out,
                "{{%{left} if true {right}%}}{{%{left} endif {right}%}}"
            );
        } else {
            out.push_str(tag);
        }
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(source: &str) -> ChatTemplate {
        ChatTemplate {
            environment: Some(environment(source).expect("compiles")),
            bos: "<s>".to_owned(),
            eos: "</s>".to_owned(),
        }
    }

    fn said(speaker: Speaker, text: &str) -> PromptMessage {
        PromptMessage {
            speaker,
            text: text.to_owned(),
        }
    }

    #[test]
    fn writes_chatml_as_transformers_does() {
        let template = template(
            "{% for message in messages %}\n{{ '<|im_start|>' + message['role'] + '\n' + message['content'].strip() + '<|im_end|>' + '\n' }}\n\
             {% endfor %}\n{% if add_generation_prompt %}\n{{ '<|im_start|>assistant\n' }}\n{% endif %}",
        );
        let text = template
            .write(&[
                said(Speaker::System, " be brief "),
                said(Speaker::User, "hi"),
            ])
            .expect("renders");
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>(),
            [
                "<|im_start|>system",
                "be",
                "brief<|im_end|>",
                "<|im_start|>user",
                "hi<|im_end|>",
                "<|im_start|>assistant"
            ]
        );
    }

    #[test]
    fn a_template_that_raises_names_its_reason() {
        let template = template("{{ raise_exception('System role not supported') }}");
        let error = template
            .write(&[said(Speaker::User, "x")])
            .expect_err("raises")
            .to_string();
        assert_eq!(
            error,
            "messages: the model's chat template refuses them: System role not supported"
        );
    }

    #[test]
    fn has_what_python_has() {
        let template = template(
            "{{ bos_token }}{% generation %}{{ messages[0].content | tojson }}{% endgeneration %}\
             {{ {'a': [1, 2]} | tojson }}{{ strftime_now('%Y') | length }}{{ messages[0].role.upper() }}\
             {%- for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.content[:1] }}{% endfor %}{{ eos_token }}",
        );
        let text = template
            .write(&[
                said(Speaker::User, "a<b's \"q\""),
                said(Speaker::Assistant, "z"),
            ])
            .expect("renders");
        assert_eq!(text, "<s>\"a<b's \\\"q\\\"\"{\"a\": [1, 2]}4USERa</s>");
    }

    #[test]
    fn a_wrong_date_format_is_an_error_not_a_panic() {
        assert!(template("{{ strftime_now('%!') }}").write(&[]).is_err());
    }

    #[test]
    fn models_without_a_template_get_plain_words() {
        let template = ChatTemplate {
            environment: None,
            bos: String::new(),
            eos: String::new(),
        };
        assert_eq!(
            template.write(&[said(Speaker::User, "hi")]).expect("plain"),
            "user: hi\n\nassistant:"
        );
    }
}
