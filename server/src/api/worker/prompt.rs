//! From a prompt of DB-GPT's to a request of ours, and from our pieces to its outputs.

use tidegate_schema::wire::cluster::{OutputBody, PromptBody, Said, Teller};

use crate::workers::{Chunk, GenerateRequest, Prompt, PromptMessage, Speaker};

/// What the model is asked. A text without a conversation is gone on with as it stands where its sender says that the
/// model is no chat model, and is a person's message where it does not.
pub(super) fn request(body: PromptBody) -> GenerateRequest {
    let prompt = match body.prompt {
        Some(text) if !body.chat_model => Prompt::Text(text),
        Some(text) if body.messages.is_empty() => Prompt::Messages(vec![PromptMessage::user(text)]),
        _ => Prompt::Messages(
            body.messages
                .into_iter()
                .map(|message| {
                    let speaker = match message.role {
                        Said::Human => Speaker::User,
                        Said::Ai => Speaker::Assistant,
                        Said::System => Speaker::System,
                    };
                    PromptMessage::new(speaker, message.content)
                })
                .collect(),
        ),
    };
    GenerateRequest {
        prompt,
        temperature: body.temperature,
        top_p: body.top_p,
        top_k: body.top_k,
        max_tokens: body.max_new_tokens,
        stop: body.stop,
        stop_token_ids: body.stop_token_ids,
        presence_penalty: body.presence_penalty,
        frequency_penalty: body.frequency_penalty,
        ..GenerateRequest::default()
    }
}

/// What is sent for a piece; nothing for what the wire has no place for, and for pieces that say nothing.
pub(super) fn output(teller: &mut Teller, chunk: Chunk, now: i64) -> Option<OutputBody> {
    match chunk {
        Chunk::Thinking(piece) if !piece.text.is_empty() => teller.add(&piece.text, "", now),
        Chunk::Text(piece) if !piece.text.is_empty() => teller.add("", &piece.text, now),
        Chunk::End { finish, usage, .. } => Some(teller.end(finish.word(), usage, now)),
        Chunk::Thinking(_) | Chunk::Text(_) | Chunk::ToolCall { .. } | Chunk::Alternatives(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tidegate_schema::model::Usage;

    use super::*;
    use crate::workers::FinishReason;

    fn read(value: Value) -> GenerateRequest {
        let Value::Object(object) = value else {
            panic!("no object");
        };
        request(PromptBody::read(&object).expect("reads"))
    }

    #[test]
    fn a_prompt_is_a_conversation_unless_its_sender_says_otherwise() {
        let conversation = read(json!({
            "model": "m", "prompt": "ignored", "max_new_tokens": 8, "stop": ["END"],
            "messages": [{"role": "system", "content": "be brief"}, {"role": "human", "content": "hi"}]
        }));
        let expected = [PromptMessage::system("be brief"), PromptMessage::user("hi")];
        assert_eq!(conversation.messages(), expected);
        assert_eq!(conversation.max_tokens, Some(8));
        assert_eq!(conversation.stop, ["END"]);
        let text = read(json!({"model": "m", "prompt": "hi"}));
        assert_eq!(text.messages(), [PromptMessage::user("hi")]);
        let bare = read(json!({"model": "m", "prompt": "once", "chat_model": false}));
        assert_eq!(bare.prompt, Prompt::Text("once".to_owned()));
    }

    #[test]
    fn pieces_that_say_nothing_are_not_sent_and_the_end_always_is() {
        let mut teller = Teller::incremental(0);
        assert!(output(&mut teller, Chunk::text(""), 1).is_none());
        assert!(output(&mut teller, Chunk::Alternatives(vec![]), 1).is_none());
        assert!(output(&mut teller, Chunk::text("a"), 1).is_some());
        let end = Chunk::End {
            choice: 0,
            finish: FinishReason::Length,
            usage: Usage::default(),
            confidence: None,
        };
        let end = output(&mut teller, end, 2).expect("sent");
        assert_eq!(end.finish_reason.as_deref(), Some("length"));
    }
}
