//! A run on a thread of its own, for libraries that block: its columns are told first, then its rows come in batches
//! through a short channel. They travel as the engine wrote them ([`Parcel`]), so that reading and turning into cells
//! go on side by side.

use std::sync::{Arc, OnceLock};

use futures::{StreamExt, stream};
use tidegate_schema::{
    Error, Result,
    model::{CellKind, ResultColumn},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};

use super::{
    Batch, Limits, RowStream,
    batch::{Added, Filling, Parcel},
    clock::{Clock, Leash, left_alone, wait},
};

/// Batches on their way while the reader is busy.
const BATCHES_AHEAD: usize = 4;

/// Has `run` do its work on a blocking thread, and answers as soon as it has told its columns. The clock is running
/// already; `stopped` is the error of a thread that ended without a word.
pub(super) async fn stream<C: Clock, P: Parcel>(
    clock: C,
    limits: Limits,
    stopped: impl Fn() -> Error + Send + 'static,
    run: impl FnOnce(&mut Reader<C, P>) -> Result<()> + Send + 'static,
) -> Result<RowStream> {
    // Dropped with the stream, or with this future while the columns are not known yet.
    let leash = clock.leash();
    // How the run ended; empty for as long as it has not, and for ever if its thread panicked.
    let outcome = Arc::new(OnceLock::new());
    let (columns_in, columns_out) = oneshot::channel();
    let (batches_in, batches_out) = mpsc::channel(BATCHES_AHEAD);
    let mut reader = Reader {
        clock: clock.clone(),
        columns: Some(columns_in),
        filling: Filling::of_parcels(limits),
        batches: batches_in,
        runtime: Handle::current(),
    };
    let ended = outcome.clone();
    spawn_blocking(move || {
        let done = run(&mut reader);
        // Said before the channel of the batches closes.
        match (done, reader.columns.take()) {
            (Err(error), Some(columns)) => drop(columns.send(Err(error))),
            (done, _) => drop(ended.set(done)),
        }
    });
    let columns = wait(&clock, columns_out).await?;
    let columns = columns.map_err(|_| stopped())??;
    let running = Running {
        clock,
        kinds: columns.iter().map(|column| column.kind).collect(),
        batches: batches_out,
        outcome,
        stopped,
        _leash: leash,
    };
    let batches = stream::unfold(Some(running), |running| async {
        let mut running = running?;
        match running.next().await? {
            Ok(batch) => Some((Ok(batch), Some(running))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(RowStream {
        columns,
        batches: batches.boxed(),
    })
}

/// What the run sends.
enum Sent<P> {
    Rows(P),
    /// A cap was reached.
    Cut(Batch),
}

/// Whoever waits for the run, as the run sees them.
pub(super) struct Reader<C, P> {
    clock: C,
    /// Taken once the columns are told.
    columns: Option<oneshot::Sender<Result<Vec<ResultColumn>>>>,
    filling: Filling<P>,
    batches: mpsc::Sender<Sent<P>>,
    runtime: Handle,
}

impl<C: Clock, P: Parcel> Reader<C, P> {
    /// Tells the columns; before the first row, and once.
    pub(super) fn columns(&mut self, columns: Vec<ResultColumn>) {
        if let Some(told) = self.columns.take() {
            // A reader that has left is noticed with the first batch.
            drop(told.send(Ok(columns)));
        }
    }

    /// Whether the caps allow one more row of so many bytes, as [`Filling::has_room`].
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.filling.has_room(bytes)
    }

    /// The rows that wait to travel; one that is begun there counts once [`Self::row_with`] has added it.
    pub(super) fn parcel(&mut self) -> &mut P {
        self.filling.parcel()
    }

    /// Has `put` add a row that weighs so much, and hands it on, together with others. Whether more may follow: a cap
    /// that it met is told.
    pub(super) fn row_with(&mut self, weight: usize, put: impl FnOnce(&mut P)) -> Result<bool> {
        match self.filling.add_with(weight, put) {
            Added::Room => Ok(true),
            Added::Full => self.rest().map(|()| true),
            Added::Over => self.cut().map(|()| false),
        }
    }

    /// Hands on the rows that wait, and tells that a cap was reached.
    pub(super) fn cut(&mut self) -> Result<()> {
        self.rest()?;
        self.send(Sent::Cut(self.filling.cut()))
    }

    /// Hands on the rows that wait.
    pub(super) fn rest(&mut self) -> Result<()> {
        match self.filling.take_parcel() {
            Some(rows) => self.send(Sent::Rows(rows)),
            None => Ok(()),
        }
    }

    /// Waits for room, but not longer than the run may take: a reader that went to sleep holds a connection.
    fn send(&self, batch: Sent<P>) -> Result<()> {
        let batch = match self.batches.try_send(batch) {
            Ok(()) => return Ok(()),
            Err(
                mpsc::error::TrySendError::Full(batch) | mpsc::error::TrySendError::Closed(batch),
            ) => batch,
        };
        let waiting =
            async { tokio::time::timeout(self.clock.left(), self.batches.send(batch)).await };
        match self.runtime.block_on(waiting) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(left_alone()),
            Err(_) => Err(self.clock.timeout()),
        }
    }
}

/// The run, as its reader sees it.
struct Running<C: Clock, S, P> {
    clock: C,
    kinds: Vec<CellKind>,
    batches: mpsc::Receiver<Sent<P>>,
    outcome: Arc<OnceLock<Result<()>>>,
    stopped: S,
    _leash: Leash<C>,
}

impl<C: Clock, S: Fn() -> Error, P: Parcel> Running<C, S, P> {
    /// The next batch, or the error the run ended with; nothing once it has ended well.
    async fn next(&mut self) -> Option<Result<Batch>> {
        match wait(&self.clock, self.batches.recv()).await {
            Ok(Some(Sent::Rows(rows))) => return Some(Ok(Batch::Rows(rows.unpack(&self.kinds)))),
            Ok(Some(Sent::Cut(cut))) => return Some(Ok(cut)),
            Ok(None) => {}
            Err(error) => return Some(Err(error)),
        }
        match self.outcome.get() {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(Err(Error::clone(error))),
            None => Some(Err((self.stopped)())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicBool, Ordering},
        },
        time::{Duration, Instant},
    };

    use tidegate_schema::model::Cell;

    use super::*;

    type Rows = Vec<Vec<Cell>>;

    /// A clock that nobody looks at.
    #[derive(Clone)]
    struct Patient(Arc<AtomicBool>);

    impl Clock for Patient {
        fn left(&self) -> Duration {
            self.limit()
        }

        fn limit(&self) -> Duration {
            Duration::from_mins(1)
        }

        fn cancel(&self) -> bool {
            self.0.store(true, Ordering::Relaxed);
            true
        }
    }

    async fn begun(
        run: impl FnOnce(&mut Reader<Patient, Rows>) -> Result<()> + Send + 'static,
    ) -> (Result<RowStream>, Arc<AtomicBool>) {
        let cancelled = Arc::<AtomicBool>::default();
        let limits = Limits {
            rows: usize::MAX,
            bytes: usize::MAX,
            time: Duration::from_mins(1),
        };
        let stopped = || Error::upstream("shop", "stopped");
        let stream = stream(Patient(cancelled.clone()), limits, stopped, run).await;
        (stream, cancelled)
    }

    fn add(reader: &mut Reader<Patient, Rows>, number: i64) -> Result<bool> {
        reader.row_with(size_of::<Cell>(), |rows| rows.push(vec![Cell::Int(number)]))
    }

    #[tokio::test]
    async fn an_error_behind_the_rows_comes_after_them() {
        let (stream, _) = begun(|reader| {
            reader.columns(Vec::new());
            for n in 0..3 {
                assert!(add(reader, n)?);
            }
            reader.rest()?;
            Err(Error::upstream("shop", "lost"))
        })
        .await;
        let said: Vec<Result<Batch>> = stream.expect("begins").batches.collect().await;
        let [Ok(Batch::Rows(first)), Ok(Batch::Rows(rest)), Err(error)] = said.as_slice() else {
            panic!("{said:?}");
        };
        assert_eq!((first.len(), rest.len()), (1, 2));
        assert!(error.to_string().contains("lost"), "{error}");
    }

    #[tokio::test]
    async fn an_error_before_the_columns_is_the_answer() {
        let (stream, _) = begun(|_| Err(Error::upstream("shop", "no such table"))).await;
        let error = stream.expect_err("fails").to_string();
        assert!(error.contains("no such table"), "{error}");
    }

    #[tokio::test]
    async fn a_thread_that_ends_without_a_word_is_an_error() {
        let (stream, _) = begun(|reader| {
            reader.columns(Vec::new());
            std::panic::resume_unwind(Box::new("no word"))
        })
        .await;
        let said: Vec<Result<Batch>> = stream.expect("begins").batches.collect().await;
        let [Err(error)] = said.as_slice() else {
            panic!("{said:?}");
        };
        assert!(error.to_string().contains("stopped"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_dropped_stream_cancels_the_run() {
        let error = Arc::new(Mutex::new(None));
        let told = error.clone();
        let (stream, cancelled) = begun(move |reader| {
            reader.columns(Vec::new());
            let end = loop {
                if let Err(error) = add(reader, 0) {
                    break error;
                }
            };
            *told.lock().expect("whole") = Some(end);
            Ok(())
        })
        .await;
        drop(stream.expect("begins"));
        assert!(cancelled.load(Ordering::Relaxed));
        let started = Instant::now();
        while error.lock().expect("whole").is_none() {
            assert!(started.elapsed() < Duration::from_secs(20), "it still runs");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let error = error.lock().expect("whole").take();
        assert!(matches!(error, Some(Error::Conflict { .. })), "{error:?}");
    }
}
