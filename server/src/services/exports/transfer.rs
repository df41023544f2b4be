//! From a stream of rows to a stream of bytes: the rows come by a task, are written on a thread of its own, since
//! packing them is work, and the bytes go through a bounded channel. A reader who is slow slows the database down, and
//! one who leaves ends the query.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::StreamExt as _;
use tidegate_schema::{Error, Result};
use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    drivers::{Batch, RowStream},
    export::{self, Plan, Written},
};

/// Pieces of the body on their way while its reader is busy.
pub(super) const CHUNKS_AHEAD: usize = 4;
/// Size of a piece.
const CHUNK_BYTES: usize = 1 << 16;
/// Batches of rows on their way to the thread that writes them.
const BATCHES_AHEAD: usize = 2;
/// A reader who takes nothing for so long has left without a word.
const PATIENCE: Duration = Duration::from_mins(1);

/// A way for the rows of one result.
pub(super) struct Transfer {
    /// Where the thread is tracked.
    pub(super) tasks: TaskTracker,
    /// Where the bytes go. Whoever runs this holds it too, and so says when the body ends.
    pub(super) body: mpsc::Sender<Bytes>,
    /// How long the query may take. What is on its way when it has ended may take as long again.
    pub(super) time: Duration,
    /// When the process ends.
    pub(super) stop: Stop,
}

/// The end of the process, and the time that is left to what is under way then.
#[derive(Clone)]
pub(super) struct Stop {
    pub(super) token: CancellationToken,
    pub(super) grace: Duration,
}

impl Stop {
    /// Waits until the time is up.
    async fn over(&self) {
        self.token.cancelled().await;
        sleep(self.grace).await;
    }
}

impl Transfer {
    /// Writes the rows; how many were read, and what came of them.
    pub(super) async fn run(self, plan: Plan, rows: RowStream) -> (u64, Result<Written>) {
        let (batches_in, batches) = mpsc::channel(BATCHES_AHEAD);
        let fault = Arc::new(OnceLock::new());
        let out = Chunks {
            body: self.body.clone(),
            gathered: Vec::with_capacity(CHUNK_BYTES),
            runtime: Handle::current(),
            until: Instant::now() + self.time * 2,
            stop: self.stop.clone(),
            fault: Arc::clone(&fault),
        };
        let writing = self
            .tasks
            .spawn_blocking(move || export::write(&plan, Received(batches), out));
        let read = self.feed(rows, batches_in).await;
        let outcome = match writing.await {
            Ok(outcome) => outcome,
            Err(error) => Err(Error::internal("writing an export", error)),
        };
        // The reader's failing is the cause of whatever the writer made of it.
        let outcome = match fault.get() {
            Some(fault) => Err(Error::clone(fault)),
            None => outcome,
        };
        (read, outcome)
    }

    /// Hands the rows on until they end, or the body's reader leaves; how many. The query ends with it.
    async fn feed(&self, rows: RowStream, writer: mpsc::Sender<Result<Batch>>) -> u64 {
        let mut batches = rows.batches;
        let mut read = 0;
        let stopped = self.stop.over();
        tokio::pin!(stopped);
        loop {
            let batch = tokio::select! {
                biased;
                () = self.body.closed() => Some(Err(left())),
                () = &mut stopped => Some(Err(stopping())),
                batch = batches.next() => batch,
            };
            let Some(batch) = batch else { return read };
            if let Ok(Batch::Rows(rows)) = &batch {
                read += rows.len() as u64;
            }
            let ends = batch.is_err();
            // A writer that takes no more has failed, and says why itself.
            if writer.send(batch).await.is_err() || ends {
                return read;
            }
        }
    }
}

/// What is said of an export that nobody waited for.
pub(super) fn left() -> Error {
    Error::Conflict {
        reason: "the caller left before the export ended".to_owned(),
    }
}

fn stopping() -> Error {
    Error::Conflict {
        reason: "the server stopped before the export ended; start it again".to_owned(),
    }
}

/// The rows on the writer's thread.
struct Received(mpsc::Receiver<Result<Batch>>);

impl Iterator for Received {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.blocking_recv()
    }
}

/// The body on the writer's thread, in pieces of one size.
struct Chunks {
    body: mpsc::Sender<Bytes>,
    gathered: Vec<u8>,
    runtime: Handle,
    until: Instant,
    stop: Stop,
    /// Why the reader takes no more.
    fault: Arc<OnceLock<Error>>,
}

impl Chunks {
    /// Sends what is gathered, waiting for room, but not for ever.
    fn send(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(mem::replace(
            &mut self.gathered,
            Vec::with_capacity(CHUNK_BYTES),
        ));
        let patience = PATIENCE.min(self.until.saturating_duration_since(Instant::now()));
        let sending = async {
            tokio::select! {
                biased;
                sent = timeout(patience, self.body.send(piece)) => match sent {
                    Ok(Ok(())) => None,
                    Ok(Err(_)) => Some(left()),
                    Err(_) => Some(Error::Timeout {
                        what: "waiting for the export's reader".to_owned(),
                        limit: patience,
                    }),
                },
                () = self.stop.over() => Some(stopping()),
            }
        };
        let Some(fault) = self.runtime.block_on(sending) else {
            return Ok(());
        };
        let said = io::Error::other(fault.to_string());
        // The first fault is the one that counts.
        let _ = self.fault.set(fault);
        Err(said)
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.chunks(CHUNK_BYTES) {
            self.gathered.extend_from_slice(part);
            if self.gathered.len() >= CHUNK_BYTES {
                self.send()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Weak,
        atomic::{AtomicUsize, Ordering},
    };

    use futures::stream;
    use tidegate_schema::model::{Cell, CellKind, ResultColumn};

    use super::*;
    use crate::export::Format;

    const BATCH: usize = 256;
    const WORDS: usize = 100;

    fn plan(format: Format) -> Plan {
        Plan {
            format,
            columns: vec![ResultColumn {
                name: "words".to_owned(),
                kind: CellKind::Text,
                data_type: "text".to_owned(),
            }],
            strict: true,
            whole: false,
            bom: false,
            scratch: std::env::temp_dir(),
        }
    }

    /// So many rows of a hundred bytes; counts those that were taken, and lives as long as the stream.
    fn rows(count: usize, taken: &Arc<AtomicUsize>) -> RowStream {
        let taken = Arc::clone(taken);
        let batches = (0..count / BATCH).map(move |_| {
            taken.fetch_add(BATCH, Ordering::Relaxed);
            Ok(Batch::Rows(vec![
                vec![Cell::Text("w".repeat(WORDS))];
                BATCH
            ]))
        });
        RowStream {
            columns: plan(Format::Csv).columns,
            batches: stream::iter(batches).boxed(),
        }
    }

    fn transfer(body: mpsc::Sender<Bytes>) -> Transfer {
        Transfer {
            tasks: TaskTracker::new(),
            body,
            time: Duration::from_mins(2),
            stop: Stop {
                token: CancellationToken::new(),
                grace: Duration::ZERO,
            },
        }
    }

    /// Waits until `done`, without a clock of its own.
    async fn until(done: impl Fn() -> bool) {
        let waiting = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_mins(1), waiting)
            .await
            .expect("in time");
    }

    #[tokio::test]
    async fn a_hundred_thousand_rows_wait_for_their_reader_in_a_megabyte() {
        const ROWS: usize = BATCH * 400;
        let taken = Arc::new(AtomicUsize::new(0));
        let (body, mut pieces) = mpsc::channel(CHUNKS_AHEAD);
        let running = transfer(body.clone()).run(plan(Format::Csv), rows(ROWS, &taken));
        let reading = async {
            // Nobody reads: the body fills up, and the database waits.
            until(|| pieces.len() == CHUNKS_AHEAD).await;
            drop(body);
            let (mut read, mut peak, mut largest) = (0, 0, 0);
            while let Some(piece) = pieces.recv().await {
                read += piece.len();
                largest = largest.max(piece.len());
                let bytes = taken.load(Ordering::Relaxed) * (WORDS + 2);
                peak = peak.max(bytes.saturating_sub(read));
            }
            (read, peak, largest)
        };
        let ((count, outcome), (read, peak, largest)) = tokio::join!(running, reading);
        let written = outcome.expect("written");
        assert_eq!((count, written.rows), (ROWS as u64, ROWS as u64));
        assert_eq!(read, "words\r\n".len() + ROWS * (WORDS + 2));
        assert!(largest <= 2 * CHUNK_BYTES, "a piece of {largest} bytes");
        assert!(peak <= 1 << 20, "{peak} bytes were on their way at once");
    }

    #[tokio::test]
    async fn a_reader_who_leaves_ends_the_query() {
        let taken = Arc::new(AtomicUsize::new(0));
        let (body, mut pieces) = mpsc::channel(CHUNKS_AHEAD);
        let rows = rows(BATCH * 1_000_000, &taken);
        let held = Arc::downgrade(&taken);
        drop(taken);
        let running = transfer(body).run(plan(Format::JsonLines), rows);
        let leaving = async {
            pieces.recv().await.expect("a piece");
            drop(pieces);
        };
        let ((_, outcome), ()) = tokio::join!(running, leaving);
        let error = outcome.expect_err("nobody waits").to_string();
        assert!(error.contains("the caller left"), "{error}");
        assert!(
            Weak::upgrade(&held).is_none(),
            "the rows' stream is dropped"
        );
    }

    #[tokio::test]
    async fn a_reader_who_leaves_while_no_row_comes_ends_the_query_too() {
        let (body, pieces) = mpsc::channel(CHUNKS_AHEAD);
        let rows = RowStream {
            columns: plan(Format::Xlsx).columns,
            batches: stream::pending().boxed(),
        };
        let running = transfer(body).run(plan(Format::Xlsx), rows);
        let leaving = async { drop(pieces) };
        let ((count, outcome), ()) = tokio::join!(running, leaving);
        assert_eq!(count, 0);
        assert!(outcome.is_err());
    }

    #[tokio::test]
    async fn a_server_that_stops_ends_an_export_whose_reader_takes_nothing() {
        let taken = Arc::new(AtomicUsize::new(0));
        let (body, pieces) = mpsc::channel(CHUNKS_AHEAD);
        let transfer = transfer(body);
        let token = transfer.stop.token.clone();
        let running = transfer.run(plan(Format::Csv), rows(BATCH * 1_000_000, &taken));
        let stopping = async {
            until(|| pieces.len() == CHUNKS_AHEAD).await;
            token.cancel();
        };
        let ((_, outcome), ()) = tokio::join!(running, stopping);
        let error = outcome.expect_err("stopped").to_string();
        assert!(error.contains("the server stopped"), "{error}");
    }

    #[tokio::test]
    async fn an_error_among_the_rows_is_the_outcome() {
        let (body, mut pieces) = mpsc::channel(CHUNKS_AHEAD);
        let lost = Err(Error::upstream("shop", "connection lost"));
        let batches = [Ok(Batch::Rows(vec![vec![Cell::Null]])), lost];
        let rows = RowStream {
            columns: plan(Format::Parquet).columns,
            batches: stream::iter(batches).boxed(),
        };
        let running = transfer(body).run(plan(Format::Parquet), rows);
        let reading = async { while pieces.recv().await.is_some() {} };
        let ((count, outcome), ()) = tokio::join!(running, reading);
        assert_eq!(count, 1);
        assert!(
            matches!(outcome, Err(Error::Upstream { .. })),
            "{outcome:?}"
        );
    }
}
