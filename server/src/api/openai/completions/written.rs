//! Completions in OpenAI's older shape: whole, or as a stream of pieces.

use std::collections::BTreeMap;

use axum::response::Response;
use futures::StreamExt as _;
use tidegate_schema::{
    Result,
    model::Usage,
    wire::openai::{CompletionChoice, CompletionLogprobs, CompletionOut},
};

use crate::{
    api::openai::{
        chat::pieces::{Part, Pieces},
        stream::{DONE, broken, event_stream, frame},
    },
    workers::TokenLogprob,
};

/// What every piece and the whole answer begin with.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
    /// Whether likelihoods were asked for.
    pub(super) logprobs: bool,
    /// What answers.
    pub(super) fingerprint: String,
}

impl Head {
    fn out(&self, choices: Vec<CompletionChoice>, usage: Option<Usage>) -> CompletionOut {
        CompletionOut {
            id: self.id.clone(),
            object: "text_completion".to_owned(),
            created: self.created,
            model: self.model.clone(),
            choices,
            usage: usage.map(Into::into),
            system_fingerprint: Some(self.fingerprint.clone()),
        }
    }
}

/// All answers, whole.
pub(super) async fn gather(head: Head, mut pieces: Pieces) -> Result<CompletionOut> {
    let mut answers: BTreeMap<u32, CompletionChoice> = BTreeMap::new();
    let mut places = Places::default();
    let mut total = Usage::default();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        let answer = answers
            .entry(piece.choice)
            .or_insert_with(|| CompletionChoice {
                index: piece.choice,
                logprobs: head.logprobs.then(CompletionLogprobs::default),
                ..CompletionChoice::default()
            });
        match piece.part {
            Part::Text { text, logprobs } => {
                answer.text.push_str(&text);
                if let Some(told) = &mut answer.logprobs {
                    places.tell(told, piece.choice, logprobs);
                }
            }
            Part::End { finish, usage, .. } => {
                answer.finish_reason = Some(finish.to_owned());
                total = usage;
            }
            // A plain text is neither thought about nor answered with calls.
            Part::Thinking(_) | Part::Call { .. } => {}
        }
    }
    Ok(head.out(answers.into_values().collect(), Some(total)))
}

/// All answers as they come, piece by piece.
pub(super) fn stream(head: Head, mut pieces: Pieces, include_usage: bool) -> Response {
    let frames = async_stream::stream! {
        let mut places = Places::default();
        let mut total = Usage::default();
        while let Some(piece) = pieces.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    yield broken(&error);
                    return;
                }
            };
            let mut choice = CompletionChoice {
                index: piece.choice,
                ..CompletionChoice::default()
            };
            match piece.part {
                Part::Text { text, logprobs } => {
                    choice.text = text;
                    let mut told = CompletionLogprobs::default();
                    places.tell(&mut told, piece.choice, logprobs);
                    choice.logprobs = head.logprobs.then_some(told);
                }
                Part::End { finish, usage, .. } => {
                    choice.finish_reason = Some(finish.to_owned());
                    total = usage;
                }
                Part::Thinking(_) | Part::Call { .. } => continue,
            }
            yield frame(&head.out(vec![choice], None));
        }
        if include_usage {
            yield frame(&head.out(Vec::new(), Some(total)));
        }
        yield DONE.to_owned();
    };
    event_stream(frames)
}

/// Where the next token of each answer begins in its text, in characters.
#[derive(Default)]
struct Places(BTreeMap<u32, usize>);

impl Places {
    fn tell(&mut self, told: &mut CompletionLogprobs, choice: u32, tokens: Vec<TokenLogprob>) {
        let place = self.0.entry(choice).or_default();
        for token in tokens {
            let begins = *place;
            *place += token.told.token.chars().count();
            let top = token.top.into_iter().map(|one| (one.token, one.logprob));
            told.push(token.told.token, token.told.logprob, top, begins);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tidegate_schema::Error;

    use super::*;
    use crate::{api::openai::chat::pieces::Piece, workers::Likelihood};

    fn head() -> Head {
        Head {
            id: "cmpl-1".to_owned(),
            created: 1,
            model: "m".to_owned(),
            logprobs: true,
            fingerprint: "fp_1".to_owned(),
        }
    }

    fn pieces() -> Pieces {
        let text = |text: &str| Part::Text {
            text: text.to_owned(),
            logprobs: vec![TokenLogprob {
                told: Likelihood {
                    token: text.to_owned(),
                    bytes: text.as_bytes().to_vec(),
                    logprob: Some(-0.5),
                },
                top: Vec::new(),
            }],
        };
        let end = |tokens| Part::End {
            finish: "length",
            usage: Usage {
                prompt_tokens: 3,
                completion_tokens: tokens,
            },
            document: None,
        };
        let parts = [
            (1, text("b")),
            (0, text("né")),
            (0, text(" x")),
            (1, end(1)),
            (0, end(3)),
        ];
        let parts = parts.into_iter();
        futures::stream::iter(parts.map(|(choice, part)| Ok(Piece { choice, part }))).boxed()
    }

    async fn frames(pieces: Pieces) -> Vec<Value> {
        let response = stream(head(), pieces, true);
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 16)
            .await
            .expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let told = text.strip_suffix(DONE).expect("an end");
        told.split_terminator("\n\n")
            .map(|frame| serde_json::from_str(&frame["data: ".len()..]).expect("JSON"))
            .collect()
    }

    #[tokio::test]
    async fn answers_are_gathered_apart_with_the_places_of_their_tokens() {
        let whole = gather(head(), pieces()).await.expect("no failure");
        let whole = serde_json::to_value(&whole).expect("JSON");
        assert_eq!(whole["choices"][0]["text"], "né x");
        assert_eq!(
            whole["choices"][0]["logprobs"]["text_offset"],
            json!([0, 2])
        );
        assert_eq!(whole["choices"][1]["index"], 1);
        assert_eq!(whole["usage"]["completion_tokens"], 3);
    }

    #[tokio::test]
    async fn a_stream_ends_each_answer_with_its_reason_and_then_tells_the_usage() {
        let frames = frames(pieces()).await;
        assert_eq!(frames[1]["choices"][0]["text"], "né");
        assert_eq!(
            frames[2]["choices"][0]["logprobs"]["text_offset"],
            json!([2])
        );
        assert_eq!(frames[3]["choices"][0]["finish_reason"], "length");
        let last = &frames[frames.len() - 1];
        assert_eq!(
            (&last["choices"], &last["usage"]["total_tokens"]),
            (&json!([]), &json!(6))
        );
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_says_so_in_its_last_frame() {
        let broken = futures::stream::iter([Err(Error::upstream("m", "broke off"))]).boxed();
        let frames = frames(broken).await;
        assert_eq!(frames[0]["error"]["message"], "m: broke off");
    }
}
