//! What a model is asked, on the wire between processes.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{Problems, Reader};

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// The person.
    Human,
    /// The model.
    Ai,
    /// Instructions.
    System,
}

/// A message to a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MessageIn {
    /// Who; `view`, which is for the eyes of a person, is passed over, and `user` and `assistant` are understood.
    pub role: Said,
    /// What: text, or a list of media of which texts are taken.
    pub content: String,
    /// Which round of a conversation; not looked at.
    pub round_index: u32,
}

/// What a worker is asked to go on with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "model": "qwen", "messages": [{"role": "human", "content": "Hello", "round_index": 0}], "temperature": 0.5,
    "max_new_tokens": 64, "echo": false
}))]
pub struct PromptBody {
    /// The model's own name, without its type.
    pub model: String,
    /// The conversation.
    pub messages: Vec<MessageIn>,
    /// A text, where there is no conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// 0 is greedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Only the likeliest tokens that make up this share together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Only so many of the likeliest tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// At most so many new tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<u32>,
    /// Texts that end the answer: one, or a list.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "one_or_more")]
    #[schema(value_type = Value)]
    pub stop: Vec<String>,
    /// Tokens that end the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_token_ids: Vec<u32>,
    /// Whether the answer is to begin with the prompt. It never does; what was asked is told back.
    pub echo: bool,
    /// Taken off the score of each token written before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f32>,
    /// Taken off the score of a token for each time it was written before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f32>,
    /// Whether the prompt is a conversation; a text is gone on with as it stands where it is not.
    pub chat_model: bool,
}

fn one_or_more<S: serde::Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match texts {
        [one] => one.serialize(serializer),
        more => more.serialize(serializer),
    }
}

impl PromptBody {
    /// Reads a request. What is not named above is not looked at: `context_len`, `version`, `context`, `span_id`, …
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(body: &Map<String, Value>) -> Result<Self, Problems> {
        let mut reader = Reader::of_body(body);
        let read = Self {
            model: reader.text("model"),
            messages: messages(&mut reader),
            prompt: reader
                .text_or_none("prompt")
                .filter(|text| !text.is_empty()),
            temperature: reader.number_or_none("temperature").map(|n| n as f32),
            top_p: reader.number_or_none("top_p").map(|n| n as f32),
            top_k: top_k(&mut reader),
            max_new_tokens: reader
                .count_or_none("max_new_tokens")
                .filter(|tokens| *tokens > 0),
            stop: stop(&mut reader),
            stop_token_ids: stop_token_ids(&mut reader),
            echo: reader.flag("echo", true),
            presence_penalty: reader.number_or_none("presence_penalty").map(|n| n as f32),
            frequency_penalty: reader.number_or_none("frequency_penalty").map(|n| n as f32),
            chat_model: reader.flag("chat_model", true),
        };
        reader.end()?;
        Ok(read)
    }
}

/// -1 says none, as some runners have it.
fn top_k(reader: &mut Reader<'_>) -> Option<u32> {
    let number = reader.whole_or_none("top_k")?;
    u32::try_from(number).ok().filter(|k| *k > 0)
}

fn stop(reader: &mut Reader<'_>) -> Vec<String> {
    match reader.given("stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(_)) => reader.texts("stop"),
        Some(_) => {
            reader.wrong(
                "string_type",
                "stop",
                "Input should be a valid string or a list of them",
            );
            Vec::new()
        }
    }
    .into_iter()
    .filter(|text| !text.is_empty())
    .collect()
}

fn stop_token_ids(reader: &mut Reader<'_>) -> Vec<u32> {
    let Some(value) = reader.given("stop_token_ids") else {
        return Vec::new();
    };
    let ids: Option<Vec<u32>> = value.as_array().and_then(|items| {
        items
            .iter()
            .map(|item| item.as_u64().and_then(|id| u32::try_from(id).ok()))
            .collect()
    });
    ids.unwrap_or_else(|| {
        reader.wrong(
            "list_type",
            "stop_token_ids",
            "Input should be a list of token numbers",
        );
        Vec::new()
    })
}

fn messages(reader: &mut Reader<'_>) -> Vec<MessageIn> {
    let Some(value) = reader.given("messages") else {
        return Vec::new();
    };
    let Some(items) = value.as_array() else {
        reader.wrong("list_type", "messages", "Input should be a valid list");
        return Vec::new();
    };
    let mut read = Vec::new();
    for (i, item) in items.iter().enumerate() {
        match message(item) {
            Ok(message) => read.extend(message),
            Err(why) => {
                let msg = format!("message {i}: {why}");
                reader.wrong_with("value_error", "messages", &msg, json!({ "index": i }));
            }
        }
    }
    read
}

/// One message; nothing for one that is not for the model.
fn message(item: &Value) -> Result<Option<MessageIn>, String> {
    let role = item["role"].as_str().unwrap_or("human");
    let role = match role {
        "human" | "user" => Said::Human,
        "ai" | "assistant" => Said::Ai,
        "system" => Said::System,
        "view" => return Ok(None),
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(format!(
                "the role '{other}' is unknown; it should be human, ai, system or view"
            ));
        }
    };
    let content = match &item["content"] {
        Value::String(text) => text.clone(),
        Value::Array(media) => texts(media)?,
        medium @ Value::Object(_) => texts(std::slice::from_ref(medium))?,
        _ => return Err("content should be a text or a list of media".to_owned()),
    };
    Ok(Some(MessageIn {
        role,
        content,
        round_index: 0,
    }))
}

/// The texts of some media, joined.
fn texts(media: &[Value]) -> Result<String, String> {
    let mut all = String::new();
    for medium in media {
        match medium["type"].as_str().unwrap_or("text") {
            // What a model thought is not told to it again.
            "thinking" => {}
            "text" => {
                let text = medium["object"]["data"]
                    .as_str()
                    .or_else(|| medium["text"].as_str())
                    .ok_or("a text should have object.data")?;
                all.push_str(text);
            }
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(format!(
                    "a medium of type '{other}' cannot be taken: the models here read text alone"
                ));
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<PromptBody, Problems> {
        match value {
            Value::Object(object) => PromptBody::read(&object),
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn what_is_left_out_has_db_gpts_default_and_nulls_are_left_out() {
        let prompt = read(json!({
            "model": "m", "messages": [{"role": "human", "content": "Hello"}, {"role": "view", "content": "<b>"}],
            "temperature": null, "max_new_tokens": "64", "stop": "END", "top_k": -1, "context_len": 2048,
            "version": "v2", "context": {"stream": true}
        }))
        .expect("reads");
        assert_eq!(prompt.messages.len(), 1);
        assert_eq!(prompt.messages[0].role, Said::Human);
        assert_eq!((prompt.temperature, prompt.top_k), (None, None));
        assert_eq!(prompt.max_new_tokens, Some(64));
        assert_eq!(prompt.stop, ["END"]);
        assert!(prompt.echo && prompt.chat_model);
    }

    #[test]
    fn texts_are_taken_out_of_media_and_pictures_are_refused() {
        let media =
            |kind: &str| json!([{"type": kind, "object": {"data": "hi", "format": "text"}}]);
        let ask = |content: Value| {
            read(json!({"model": "m", "messages": [{"role": "human", "content": content}]}))
        };
        assert_eq!(ask(media("text")).expect("reads").messages[0].content, "hi");
        assert_eq!(
            ask(media("thinking")).expect("reads").messages[0].content,
            ""
        );
        let refused = ask(media("image")).expect_err("refused");
        assert!(
            refused[0].msg.contains("'image' cannot be taken"),
            "{refused:?}"
        );
        let refused =
            read(json!({"model": "m", "messages": [{"role": "wizard", "content": "hi"}]}));
        let refused = refused.expect_err("refused");
        assert!(
            refused[0].msg.contains("the role 'wizard' is unknown"),
            "{refused:?}"
        );
    }

    #[test]
    fn a_request_is_written_without_what_is_not_said() {
        let body = PromptBody {
            model: "m".to_owned(),
            messages: vec![MessageIn {
                role: Said::Ai,
                content: "hi".to_owned(),
                round_index: 0,
            }],
            stop: vec!["END".to_owned()],
            chat_model: true,
            ..PromptBody::default()
        };
        assert_eq!(
            serde_json::to_value(&body).expect("JSON"),
            json!({
                "model": "m", "messages": [{"role": "ai", "content": "hi", "round_index": 0}], "stop": "END",
                "echo": false, "chat_model": true
            })
        );
        assert_eq!(read(serde_json::to_value(&body).expect("JSON")), Ok(body));
    }
}
