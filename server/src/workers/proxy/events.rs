//! The events of an answer, one by one, each within its time and its size.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use eventsource_stream::{Event, Eventsource as _};
use futures::{StreamExt as _, stream::BoxStream};
use http_body_util::BodyExt as _;
use tidegate_schema::Result;

use super::{
    server::{Deadline, Server, is_of, read},
    wire::{Answer, describe},
};

/// Most bytes of one event.
const EVENT_BYTES: usize = 1 << 24;
/// Most bytes of an answer that comes whole though a stream was asked for.
const WHOLE_BYTES: usize = 1 << 26;
/// What ends a stream in OpenAI's dialect.
pub(super) const DONE: &str = "[DONE]";

/// How an answer comes.
enum Source {
    /// As events.
    Stream {
        events: BoxStream<'static, Result<Event, String>>,
        /// Bytes that came since the last event.
        unread: Arc<AtomicUsize>,
    },
    /// Whole, as servers answer that know no streams.
    Whole(Option<Answer>),
}

/// The events of one answer.
pub(super) struct Events {
    source: Source,
    /// When the first one must have come. The others are waited for from when they are asked for: a reader may be as
    /// slow as it likes.
    first: Option<Deadline>,
}

impl Events {
    /// Those of an answer, of which the first must come before `deadline`.
    pub(super) fn of(response: Answer, deadline: Deadline) -> Self {
        if is_of(&response, "application/json") {
            return Self {
                source: Source::Whole(Some(response)),
                first: Some(deadline),
            };
        }
        let unread = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&unread);
        let events = response
            .into_body()
            .into_data_stream()
            .map(move |piece| {
                let piece = piece.map_err(|e| std::io::Error::other(describe(&e)))?;
                if count.fetch_add(piece.len(), Ordering::Relaxed) > EVENT_BYTES {
                    return Err(std::io::Error::other("a piece of it has no end"));
                }
                Ok(piece)
            })
            .eventsource()
            .map(|event| event.map_err(|e| e.to_string()))
            .boxed();
        Self {
            source: Source::Stream { events, unread },
            first: Some(deadline),
        }
    }

    /// The data of the next one; nothing where there is none. An answer that comes whole is one event.
    pub(super) async fn next(&mut self, server: &Server) -> Result<Option<String>> {
        let what = "a piece of the answer";
        let deadline = self
            .first
            .take()
            .unwrap_or_else(|| Deadline::within(server.limits.between));
        Ok(match &mut self.source {
            Source::Stream { events, unread } => {
                let event = server.in_time(what, deadline, events.next()).await?;
                unread.store(0, Ordering::Relaxed);
                event
                    .transpose()
                    .map_err(|e| server.words.error(format!("the stream broke: {e}")))?
                    .map(|event| event.data)
            }
            Source::Whole(response) => {
                // An answer that is whole says itself why it ended.
                let Some(response) = response.take() else {
                    return Ok(None);
                };
                let body = server
                    .in_time(what, deadline, read(response, WHOLE_BYTES))
                    .await?
                    .map_err(|e| server.words.error(describe(&e)))?;
                Some(String::from_utf8_lossy(&body).into_owned())
            }
        })
    }
}
