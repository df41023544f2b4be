//! How an answer goes out: whole, in pieces with pauses, or not to its end.

use std::{convert::Infallible, io, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::{
    Running,
    script::{Act, Ending, What},
};

/// For what was written to leave before the connection is closed.
const LEAVING: Duration = Duration::from_millis(30);
/// What stands in a piece's place where an answer fails.
const FAILURE: &str =
    "data: {\"error\": {\"message\": \"the model went away\", \"type\": \"server_error\"}}\n\n";

/// Pieces of a stream, made when they are wanted.
pub(super) type Frames = Box<dyn Iterator<Item = Bytes> + Send>;

/// An answer as its dialect writes it.
pub(super) enum Built {
    Whole(Value),
    Frames(Frames),
}

/// Sends an answer as the script has it.
pub(super) fn respond(built: Built, act: &Act, running: Running) -> Response {
    let ending = match act.what {
        What::Answer { ending, .. } => ending,
        _ => Ending::Whole,
    };
    let (frames, content_type): (Frames, &str) = match built {
        Built::Whole(answer) if ending == Ending::Whole => {
            running.finish();
            return Json(answer).into_response();
        }
        Built::Whole(answer) => {
            let (first, second) = halves(&Bytes::from(answer.to_string()));
            let both: Frames = Box::new([first, second].into_iter());
            (both, "application/json")
        }
        Built::Frames(frames) => (frames, "text/event-stream"),
    };
    let body = pieces(frames, ending, act.pause, running);
    ([(CONTENT_TYPE, content_type)], body).into_response()
}

fn pieces(mut frames: Frames, ending: Ending, pause: Duration, running: Running) -> Body {
    let most = match ending {
        Ending::Whole => usize::MAX,
        Ending::Cut(pieces) | Ending::Stall(pieces) | Ending::Fail(pieces) => pieces,
    };
    Body::from_stream(async_stream::stream! {
        let mut told = 0;
        while told < most {
            let Some(frame) = frames.next() else { break };
            if told > 0 && !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            yield Ok::<Bytes, io::Error>(frame);
            told += 1;
        }
        match ending {
            Ending::Whole => running.finish(),
            Ending::Cut(_) => {
                if let Some(frame) = frames.next() {
                    yield Ok(halves(&frame).0);
                }
                tokio::time::sleep(LEAVING).await;
                running.finish();
                yield Err(io::ErrorKind::ConnectionReset.into());
            }
            Ending::Stall(_) => {
                // Held, so that whoever gives up on it is counted.
                let _running = running;
                std::future::pending::<Infallible>().await;
            }
            Ending::Fail(_) => {
                yield Ok(Bytes::from_static(FAILURE.as_bytes()));
                running.finish();
            }
        }
    })
}

fn halves(bytes: &Bytes) -> (Bytes, Bytes) {
    let middle = bytes.len() / 2;
    (bytes.slice(..middle), bytes.slice(middle..))
}

/// An event as OpenAI's older routes write it.
pub(super) fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// An event with its name, as the newer ones do. Its data says it too.
pub(super) fn named(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or("message");
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// The end of OpenAI's older streams.
pub(super) fn done() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}
