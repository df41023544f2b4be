//! What a request must be looked at for before it is passed on.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer as _,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::workers::RelayPath;

/// What is said of a request by whom it is for, and how it is to be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The model asked for.
    pub(super) name: String,
    /// Where its name stands in the body, quotes included.
    pub(super) model: Range<usize>,
    /// Whether the answer is to be streamed.
    pub(super) stream: bool,
    /// Most tokens of the answer, where that is said.
    pub(super) most_tokens: Option<u32>,
}

impl Head {
    /// The head of a request that can be passed on as it is; nothing for any other. The whole body is seen to be JSON,
    /// and no value is built but the name.
    pub(super) fn of(path: RelayPath, body: &[u8]) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let found = reader.deserialize_map(Fields(path)).ok()?;
        reader.end().ok()?;
        let model = found.model?;
        let name: String = serde_json::from_str(model.get()).ok()?;
        let start = model
            .get()
            .as_ptr()
            .addr()
            .checked_sub(body.as_ptr().addr())?;
        (!name.is_empty() && found.has_subject).then_some(Self {
            name,
            model: start..start + model.get().len(),
            stream: found.stream.unwrap_or(false),
            most_tokens: found.most_tokens,
        })
    }
}

/// What was found among the fields of a body.
#[derive(Default)]
struct Found<'a> {
    model: Option<&'a RawValue>,
    stream: Option<bool>,
    most_tokens: Option<u32>,
    /// Whether there is something to answer.
    has_subject: bool,
}

/// Reads the fields of a body, and fails at the first that has to be read by us.
struct Fields(RelayPath);

/// A field's name.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Fields {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request that can be passed on")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut found = Found::default();
        while let Some(Name(name)) = fields.next_key()? {
            let fits = match (&*name, self.0) {
                // Twice the same field is read in two ways by two readers.
                ("model", _) => {
                    let is_first = found.model.is_none();
                    found.model = Some(fields.next_value()?);
                    is_first
                }
                ("messages", RelayPath::ChatCompletions) => {
                    let is_first = !found.has_subject;
                    found.has_subject = fields.next_value::<Messages>()?.0;
                    is_first && found.has_subject
                }
                ("stream", _) => {
                    let is_first = found.stream.is_none();
                    let stream: bool = fields.next_value::<Option<bool>>()?.unwrap_or(false);
                    found.stream = Some(stream);
                    is_first && (!stream || may_stream(self.0))
                }
                (name, path) => {
                    let value = fields.next_value::<&RawValue>()?.get();
                    if is_subject(path, name) {
                        let is_first = !found.has_subject;
                        found.has_subject = is_full(path, value);
                        is_first && found.has_subject
                    } else {
                        if matches!(name, "max_tokens" | "max_completion_tokens") {
                            found.most_tokens = value.parse().ok().or(found.most_tokens);
                        }
                        value == "null" || fits(path, name, value)
                    }
                }
            };
            if !fits {
                return Err(A::Error::custom("this is read here"));
            }
        }
        Ok(found)
    }
}

fn may_stream(path: RelayPath) -> bool {
    !matches!(path, RelayPath::Embeddings | RelayPath::Rerank)
}

/// Whether a field holds what is to be answered.
fn is_subject(path: RelayPath, name: &str) -> bool {
    match path {
        RelayPath::ChatCompletions => false,
        RelayPath::Completions => name == "prompt",
        RelayPath::Embeddings | RelayPath::Responses => name == "input",
        RelayPath::Rerank => name == "documents",
    }
}

/// Whether there is something in a text or a list. Documents have to be texts: as objects few servers take them.
fn is_full(path: RelayPath, value: &str) -> bool {
    let Some(list) = value.strip_prefix('[').map(str::trim_start) else {
        return value.starts_with('"') && path != RelayPath::Rerank;
    };
    match path {
        RelayPath::Rerank => list.starts_with('"'),
        _ => !list.starts_with(']'),
    }
}

/// Whether upstreams read a field as we do, and what it says is in order as far as a glance can tell.
fn fits(path: RelayPath, name: &str, value: &str) -> bool {
    let number = |least: f64, most: f64| {
        value
            .parse::<f64>()
            .is_ok_and(|number| (least..=most).contains(&number))
    };
    let whole = |least: i64| value.parse::<i64>().is_ok_and(|number| number >= least);
    let begins = |signs: &[char]| value.starts_with(signs);
    match name {
        "datasource" => value == "\"\"",
        // DB-GPT's; OpenAI's of old; and what many servers take no notice of.
        "user_input" | "conv_uid" | "chat_mode" | "functions" | "function_call" | "best_of"
        | "dimensions" => false,
        // Many write one answer whatever this says.
        "n" => value == "1",
        "temperature" => number(0.0, 2.0),
        "top_p" | "min_p" | "typical_p" => number(0.0, 1.0),
        "presence_penalty" | "frequency_penalty" => number(-2.0, 2.0),
        "max_tokens" | "max_completion_tokens" | "top_n" => whole(1),
        "top_k" => value == "-1" || whole(1),
        "seed" => whole(i64::MIN),
        "stop" => begins(&['"', '[']),
        "tools" => begins(&['[']),
        "tool_choice" => begins(&['"', '{']),
        "response_format" | "logit_bias" | "stream_options" => begins(&['{']),
        "parallel_tool_calls" => begins(&['t', 'f']),
        "logprobs" if path == RelayPath::ChatCompletions => begins(&['t', 'f']),
        "query" => begins(&['"']),
        _ => true,
    }
}

/// Messages, of which it is seen alone that there are some, and that each is said by somebody whom all servers know.
struct Messages(bool);

/// What is looked for in a message.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Each)
    }
}

/// Reads messages.
struct Each;

impl<'de> Visitor<'de> for Each {
    type Value = Messages;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut messages: A) -> Result<Self::Value, A::Error> {
        let mut any = false;
        while let Some(message) = messages.next_element::<Message<'de>>()? {
            if !matches!(&*message.role, "system" | "user" | "assistant" | "tool") {
                return Err(A::Error::custom("this is read here"));
            }
            any = true;
        }
        Ok(Messages(any))
    }
}
