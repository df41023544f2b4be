//! A stream of events passed on as bytes: whole lines, each within its time, and looked at no closer than to see that
//! it is a chunk, an error, or the end.

#[cfg(test)]
mod tests;

use std::{
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, stream::BoxStream};
use memchr::{
    memchr_iter,
    memmem::{Finder, FinderRev},
    memrchr,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tidegate_schema::{Error, Result};

use super::{
    chat::CUT_SHORT,
    refusal::{Words, said},
    wire::describe,
};
use crate::workers::Patience;

/// Most bytes of a line.
const LINE_BYTES: usize = 1 << 24;
/// What a stream ends with.
const DONE: &[u8] = b"[DONE]";
/// A whole last line.
const DONE_LINE: &[u8] = b"data: [DONE]\n\n";
/// What stands before the reason why an answer is over.
const REASON: &[u8] = b"\"finish_reason\"";

static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));
static FINISH: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(REASON));

/// What is looked for in an answer that may be none.
#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
pub(super) struct Told<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

impl Told<'_> {
    /// The error that an answer is, in its own words.
    pub(super) fn failure(&self) -> Option<String> {
        let is_error = self
            .object
            .is_some_and(|object| object.get() == "\"error\"");
        let error = self
            .error
            .or_else(|| self.message.filter(|_| is_error))
            .map(RawValue::get)
            // As some servers write that there is none.
            .filter(|error| !matches!(*error, "\"\"" | "{}" | "false"))?;
        let error: Value = serde_json::from_str(error).unwrap_or_default();
        Some(said(&error))
    }
}

/// Whether there may be an error in an answer: where the word is not, none needs to be read.
pub(super) fn speaks_of_error(answer: &[u8]) -> bool {
    ERROR.find(answer).is_some()
}

/// What an error that came in a stream says.
fn said_in(error: &[u8]) -> String {
    serde_json::from_slice(error).map_or_else(
        |_| String::from_utf8_lossy(error).trim().to_owned(),
        |error: Value| said(&error),
    )
}

/// Bytes of a stream, whole lines at a time.
pub(super) struct Lines {
    pieces: BoxStream<'static, reqwest::Result<Bytes>>,
    words: Arc<Words>,
    /// With each piece after the first; the first is waited for by whoever asks.
    patience: Patience,
    state: State,
    /// The beginning of a line whose end has not come.
    held: BytesMut,
    /// What went wrong behind the lines that were passed on.
    failure: Option<Error>,
    /// Whether the stream is one of chunks, which says why it ends and that it does.
    has_chunks: bool,
    /// Whether a line with data has come.
    has_data: bool,
    /// Whether a chunk said why the answer is over.
    is_finished: bool,
    /// Whether the stream said that it is over.
    is_done: bool,
}

#[derive(PartialEq, Eq)]
enum State {
    New,
    Begun,
    Ended,
}

impl Lines {
    /// Lines of an answer, of which each piece but the first may take `limit`.
    pub(super) fn of(
        pieces: BoxStream<'static, reqwest::Result<Bytes>>,
        words: Arc<Words>,
        limit: Duration,
        has_chunks: bool,
    ) -> Self {
        Self {
            pieces,
            words,
            patience: Patience::of(limit),
            state: State::New,
            held: BytesMut::new(),
            failure: None,
            has_chunks,
            has_data: false,
            is_finished: false,
            is_done: false,
        }
    }

    /// Whether anything has come but comments, which some servers send to keep a connection open.
    pub(super) fn has_data(&self) -> bool {
        self.has_data
    }

    /// The whole lines there are with a new piece; nothing where its line goes on.
    fn take(&mut self, mut piece: Bytes) -> Result<Option<Bytes>> {
        let Some(end) = memrchr(b'\n', &piece) else {
            self.hold(&piece)?;
            return Ok(None);
        };
        let rest = piece.split_off(end + 1);
        let lines = if self.held.is_empty() {
            piece
        } else {
            let mut lines = std::mem::take(&mut self.held);
            lines.extend_from_slice(&piece);
            lines.freeze()
        };
        self.hold(&rest)?;
        Ok(Some(lines))
    }

    fn hold(&mut self, piece: &[u8]) -> Result<()> {
        if self.held.len() + piece.len() > LINE_BYTES {
            return Err(self
                .words
                .error(format!("sent a line of more than {LINE_BYTES} bytes")));
        }
        self.held.extend_from_slice(piece);
        Ok(())
    }

    /// What of whole lines may be passed on: all up to one that tells of a failure, which comes next then.
    fn sifted(&mut self, lines: Bytes) -> Option<Bytes> {
        let is_suspicious = speaks_of_error(&lines);
        let mut start = 0;
        for end in memchr_iter(b'\n', &lines) {
            if let Err(error) = self.judge(lines[start..end].trim_ascii(), is_suspicious) {
                self.failure = Some(error);
                return (start > 0).then(|| lines.slice(..start));
            }
            start = end + 1;
        }
        Some(lines)
    }

    fn judge(&mut self, line: &[u8], is_suspicious: bool) -> Result<()> {
        let Some(data) = line.strip_prefix(b"data:") else {
            // Older llama.cpp servers have a field of their own for errors.
            return match line.strip_prefix(b"error:") {
                Some(error) => Err(self.words.error(said_in(error))),
                None => Ok(()),
            };
        };
        self.has_data = true;
        let data = data.trim_ascii_start();
        if data == DONE {
            self.is_done = true;
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        if !(data.starts_with(b"{") && data.ends_with(b"}")) {
            return Err(self.words.error("sent a piece that is not a chunk"));
        }
        if is_suspicious
            && speaks_of_error(data)
            && let Some(failure) = serde_json::from_slice::<Told<'_>>(data)
                .map_err(|e| {
                    self.words
                        .error(format!("sent a piece that is not a chunk: {e}"))
                })?
                .failure()
        {
            return Err(self.words.error(failure));
        }
        self.is_finished |= has_reason(data);
        Ok(())
    }

    /// What is left to say when nothing more comes.
    fn end(&mut self) -> Option<Result<Bytes>> {
        self.state = State::Ended;
        if !self.held.is_empty() {
            // Servers that leave out the end of the last line do so by closing.
            let mut last = std::mem::take(&mut self.held);
            let line = last.trim_ascii();
            let is_whole = line
                .strip_prefix(b"data:")
                .map(<[u8]>::trim_ascii_start)
                .is_some_and(|data| {
                    data == DONE || serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
                });
            if !is_whole {
                return (!self.is_done).then(|| Err(self.words.error(CUT_SHORT)));
            }
            if let Err(error) = self.judge(line, true) {
                return Some(Err(error));
            }
            last.extend_from_slice(b"\n\n");
            if self.has_chunks && !self.is_done {
                if self.is_finished {
                    last.extend_from_slice(DONE_LINE);
                } else {
                    self.failure = Some(self.words.error(CUT_SHORT));
                }
            }
            return Some(Ok(last.freeze()));
        }
        if self.is_done || !self.has_chunks {
            return None;
        }
        if !self.is_finished {
            return Some(Err(self.words.error(CUT_SHORT)));
        }
        Some(Ok(Bytes::from_static(DONE_LINE)))
    }

    /// Waits for a piece no longer than is allowed.
    fn late(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        if self.state == State::New {
            return Poll::Pending;
        }
        ready!(self.patience.poll(context));
        let limit = self.patience.limit();
        Poll::Ready(self.words.late("a piece of the answer", limit))
    }
}

impl Stream for Lines {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(error) = this.failure.take() {
                this.state = State::Ended;
                return Poll::Ready(Some(Err(error)));
            }
            if this.state == State::Ended {
                return Poll::Ready(None);
            }
            let piece = match this.pieces.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(piece))) => piece,
                Poll::Ready(None) => return Poll::Ready(this.end()),
                // Whatever happens behind the end harms nobody.
                Poll::Ready(Some(Err(error))) => {
                    this.state = State::Ended;
                    let broke = format!("the stream broke: {}", describe(&error));
                    return Poll::Ready((!this.is_done).then(|| Err(this.words.error(broke))));
                }
                Poll::Pending => {
                    let error = ready!(this.late(context));
                    this.state = State::Ended;
                    return Poll::Ready((!this.is_done).then_some(Err(error)));
                }
            };
            this.patience.came();
            this.state = State::Begun;
            match this.take(piece) {
                Ok(None) => {}
                Ok(Some(lines)) => {
                    if let Some(lines) = this.sifted(lines) {
                        return Poll::Ready(Some(Ok(lines)));
                    }
                }
                Err(error) => this.failure = Some(error),
            }
        }
    }
}

/// Whether a chunk says why an answer is over. What is said last counts: one that is not over says null.
fn has_reason(data: &[u8]) -> bool {
    FINISH.rfind(data).is_some_and(|at| {
        data[at + REASON.len()..]
            .trim_ascii_start()
            .strip_prefix(b":")
            .is_some_and(|value| value.trim_ascii_start().starts_with(b"\""))
    })
}
