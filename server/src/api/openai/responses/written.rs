//! Responses: whole, or as a stream of events; kept before they are called done.

use axum::response::Response;
use futures::StreamExt as _;
use tidegate_schema::{
    Result,
    model::{Caller, Usage},
    wire::openai::{ResponseOut, ResponseWriter},
};

use crate::{
    api::openai::{
        chat::{
            pieces::{Part, Pieces},
            request::message,
            written::likelihoods_of,
        },
        error::body_of,
        stream::event_stream,
    },
    app::App,
    services::responses::KeptResponse,
    workers::PromptMessage,
};

/// What it takes to keep a response.
pub(super) struct Keeping {
    pub(super) app: App,
    pub(super) caller: Caller,
    /// The conversation up to the response; none where it is not to be kept.
    pub(super) messages: Option<Vec<PromptMessage>>,
    /// Whether likelihoods are to be told.
    pub(super) logprobs: bool,
}

impl Keeping {
    /// Keeps a response that is whole, if it is to be kept.
    async fn keep(&mut self, writer: &ResponseWriter) {
        let Some(mut messages) = self.messages.take() else {
            return;
        };
        messages.push(message(&writer.said()));
        let response = writer.response();
        let Ok(body) = serde_json::to_string(response) else {
            return;
        };
        let kept = KeptResponse { messages, body };
        let responses = self.app.responses();
        responses.keep(&self.caller, &response.id, kept).await;
    }
}

/// How a response ended.
struct End {
    finish: &'static str,
    usage: Usage,
}

/// The response, whole.
pub(super) async fn gather(
    mut writer: ResponseWriter,
    mut pieces: Pieces,
    mut keeping: Keeping,
) -> Result<ResponseOut> {
    let mut end = None;
    while let Some(piece) = pieces.next().await {
        // The events are for those who listen.
        write(&mut writer, piece?.part, keeping.logprobs, &mut end);
    }
    finish(&mut writer, end);
    keeping.keep(&writer).await;
    Ok(writer.response().clone())
}

/// The response as it comes, event by event.
pub(super) fn stream(
    mut writer: ResponseWriter,
    mut pieces: Pieces,
    mut keeping: Keeping,
) -> Response {
    event_stream(async_stream::stream! {
        let mut end = None;
        yield writer.begin();
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => {
                    let frames = write(&mut writer, piece.part, keeping.logprobs, &mut end);
                    if !frames.is_empty() {
                        yield frames;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "a response failed after its first byte");
                    let body = body_of(&error).error;
                    let code = body.code.as_deref().unwrap_or("server_error");
                    yield writer.fail(code, &body.message);
                    return;
                }
            }
        }
        yield finish(&mut writer, end);
        keeping.keep(&writer).await;
        yield writer.end();
    })
}

/// A piece in a response; the events that tell of it.
fn write(writer: &mut ResponseWriter, part: Part, logprobs: bool, end: &mut Option<End>) -> String {
    match part {
        Part::Thinking(text) => writer.thinking(&text),
        Part::Text {
            text,
            logprobs: told,
        } => {
            let told = if logprobs {
                likelihoods_of(told)
            } else {
                Vec::new()
            };
            writer.text(&text, told)
        }
        Part::Call {
            index,
            id,
            name,
            arguments,
        } => writer.call(index, id, name, &arguments),
        Part::End { finish, usage, .. } => {
            *end = Some(End { finish, usage });
            String::new()
        }
    }
}

/// Closes a response; one whose end was not told ended by itself.
fn finish(writer: &mut ResponseWriter, end: Option<End>) -> String {
    let End { finish, usage } = end.unwrap_or(End {
        finish: "stop",
        usage: Usage::default(),
    });
    writer.finish(finish, usage.into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tidegate_schema::{Error, wire::openai::ResponseIn};

    use super::*;
    use crate::{api::openai::chat::pieces::Piece, clock::Clock, config::Config};

    fn keeping(app: &App, store: bool) -> Keeping {
        Keeping {
            app: app.clone(),
            caller: Caller::local("001"),
            messages: store.then(|| vec![PromptMessage::user("hi")]),
            logprobs: false,
        }
    }

    async fn app(dir: &tempfile::TempDir) -> App {
        let text = format!("[data]\ndir = '{}'\n", dir.path().display());
        let config = Config::from_toml(&text).expect("a configuration");
        App::open(config, Clock::system()).await.expect("a store")
    }

    fn writer() -> ResponseWriter {
        let wanted: ResponseIn =
            serde_json::from_value(json!({"model": "m", "input": "hi"})).expect("a request");
        ResponseWriter::new(ResponseOut::begun(&wanted, "resp_1".to_owned(), 1))
    }

    fn pieces(parts: Vec<Result<Part>>) -> Pieces {
        let piece = |part: Result<Part>| part.map(|part| Piece { choice: 0, part });
        futures::stream::iter(parts.into_iter().map(piece)).boxed()
    }

    fn text(text: &str) -> Part {
        Part::Text {
            text: text.to_owned(),
            logprobs: Vec::new(),
        }
    }

    fn end() -> Part {
        Part::End {
            finish: "stop",
            usage: Usage {
                prompt_tokens: 2,
                completion_tokens: 3,
            },
            document: None,
        }
    }

    #[tokio::test]
    async fn a_response_is_kept_with_the_conversation_it_ends() {
        let dir = tempfile::tempdir().expect("a directory");
        let app = app(&dir).await;
        let told = pieces(vec![Ok(text("Os")), Ok(text("lo")), Ok(end())]);
        let whole = gather(writer(), told, keeping(&app, true))
            .await
            .expect("no failure");
        assert_eq!(whole.status, "completed");
        assert_eq!(whole.usage.expect("counted").total_tokens, 5);
        let caller = Caller::local("001");
        let kept = app.responses().get(&caller, "resp_1").await.expect("kept");
        let said: Vec<&str> = kept.messages.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(said, ["hi", "Oslo"]);
        let body: Value = serde_json::from_str(&kept.body).expect("JSON");
        assert_eq!(body["output"][0]["content"][0]["text"], "Oslo");
        let other = app.responses().get(&Caller::local("002"), "resp_1").await;
        assert!(matches!(other, Err(Error::NotFound { .. })));
        app.responses()
            .delete(&caller, "resp_1")
            .await
            .expect("there");
        let gone = app.responses().previous(&caller, "resp_1").await;
        assert!(
            matches!(gone, Err(Error::Invalid { field, .. }) if field == "previous_response_id")
        );
    }

    #[tokio::test]
    async fn what_is_not_to_be_kept_or_broke_off_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let app = app(&dir).await;
        let told = pieces(vec![Ok(text("Oslo")), Ok(end())]);
        gather(writer(), told, keeping(&app, false))
            .await
            .expect("no failure");
        let broken = pieces(vec![Ok(text("Os")), Err(Error::upstream("m", "broke off"))]);
        let response = stream(writer(), broken, keeping(&app, true));
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 16)
            .await
            .expect("a body");
        let frames = String::from_utf8(bytes.to_vec()).expect("text");
        let last = frames.split_terminator("\n\n").last().expect("frames");
        assert!(last.starts_with("event: response.failed\n"), "{frames}");
        assert!(last.contains("m: broke off") && last.contains("upstream_error"));
        let kept = app.responses().get(&Caller::local("001"), "resp_1").await;
        assert!(kept.is_err());
    }
}
