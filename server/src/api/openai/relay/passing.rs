//! An answer on its way back: counted while it goes by, and ended well even where it ends badly.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use futures::{Stream, stream::BoxStream};
use memchr::memchr_iter;
use tidegate_schema::{Error, Result};

use super::usage;
use crate::{api::openai::stream::broken, services::metering::Meter};

/// The pieces of an answer, with what counts them. Dropped before its end, the answer was cancelled, and its upstream
/// is let go of at once.
pub(super) struct Passing {
    pieces: BoxStream<'static, Result<Bytes>>,
    /// Whether it is a stream of events, which can tell a failure.
    is_stream: bool,
    /// Whether it said that it is over.
    is_done: bool,
    /// None when it is over.
    meter: Option<Meter>,
}

impl Passing {
    pub(super) fn new(
        pieces: BoxStream<'static, Result<Bytes>>,
        is_stream: bool,
        meter: Meter,
    ) -> Self {
        Self {
            pieces,
            is_stream,
            is_done: false,
            meter: Some(meter),
        }
    }

    fn see(&mut self, piece: &[u8]) {
        let Some(meter) = &mut self.meter else { return };
        meter.first_token();
        if self.is_stream {
            let (count, is_done) = frames(piece);
            meter.pieces(count);
            self.is_done |= is_done;
        }
        if let Some(used) = usage::last_in(piece) {
            used.tell(meter);
        }
    }
}

impl Stream for Passing {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.meter.is_none() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(this.pieces.as_mut().poll_next(context)) {
            Some(Ok(piece)) => {
                this.see(&piece);
                Some(Ok(piece))
            }
            Some(Err(error)) => {
                if let Some(meter) = this.meter.take() {
                    meter.failed(&error);
                }
                Some(ending(this.is_stream, error))
            }
            None => {
                if let Some(meter) = this.meter.take() {
                    meter.done();
                }
                None
            }
        })
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // Whoever has read the end may leave before the connection's.
        if self.is_done
            && let Some(meter) = self.meter.take()
        {
            meter.done();
        }
    }
}

/// What an answer ends with that broke off. A whole answer has no place for an error: its connection is cut, so that
/// half of it is not taken for all of it.
fn ending(is_stream: bool, error: Error) -> Result<Bytes> {
    if !is_stream {
        tracing::debug!(%error, "an answer broke off after its first byte");
        return Err(error);
    }
    // Pieces end where a line ends; the event it belongs to may have none yet.
    Ok(format!("\n{}", broken(&error)).into())
}

/// Events with data in whole lines, and whether the one that ends a stream is among them, which does not count.
fn frames(lines: &[u8]) -> (u64, bool) {
    let mut start = 0;
    let mut count = 0;
    let mut is_done = false;
    for end in memchr_iter(b'\n', lines) {
        if let Some(data) = lines[start..end].strip_prefix(b"data:") {
            if data.trim_ascii() == b"[DONE]" {
                is_done = true;
            } else {
                count += 1;
            }
        }
        start = end + 1;
    }
    (count, is_done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_with_data_count_and_the_end_does_not() {
        let lines = b": hello\n\ndata: {\"content\": \"data: x\"}\n\nevent: x\ndata:{}\r\n\r\ndata: [DONE]\n\n";
        assert_eq!(frames(lines), (2, true));
        assert_eq!(frames(b"data: {}\n\n"), (1, false));
        assert_eq!(frames(b""), (0, false));
    }

    #[test]
    fn a_stream_tells_its_failure_and_ends_and_a_whole_answer_is_cut() {
        let error = || Error::upstream("m", "the stream broke");
        let told = ending(true, error()).expect("a frame");
        let told = std::str::from_utf8(&told).expect("text");
        assert!(told.starts_with("\ndata: {"), "{told}");
        assert!(told.contains("m: the stream broke"), "{told}");
        assert!(told.ends_with("\n\ndata: [DONE]\n\n"), "{told}");
        ending(false, error()).expect_err("no place for it");
    }
}
