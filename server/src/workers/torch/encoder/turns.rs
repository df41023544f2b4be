//! Whose texts are run next: requests are cut into runs and take turns.
//!
//! Every run has room for so many tokens. The requests under way put their next text into it by turns, so one of ten
//! thousand texts does not hold up one of one: that is told with the run it came in for.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, TryRecvError},
    },
};

use tidegate_schema::{Error, Result};
use tokio::sync::oneshot;

use super::texts::Encoded;
use crate::workers::torch::{
    error::{self, panic_line},
    owner::Admission,
};

/// Texts of a request that are made into tokens at a time.
const PORTION: usize = 128;
/// Bytes of them, unless a single text has more.
const PORTION_BYTES: usize = 1 << 17;

/// What a request asks for.
#[derive(Debug)]
pub(in crate::workers::torch) enum Ask {
    /// A vector of each text.
    Vectors {
        /// The texts.
        texts: Vec<String>,
        /// Name of the prompt to put before them; the model's default without one.
        prompt: Option<String>,
    },
    /// A score of each document.
    Scores {
        /// What they are to fit.
        query: String,
        /// The documents.
        documents: Vec<String>,
    },
}

impl Ask {
    /// What it has numbers made of.
    pub(super) fn texts(&self) -> &[String] {
        match self {
            Self::Vectors { texts, .. } => texts,
            Self::Scores { documents, .. } => documents,
        }
    }
}

/// A request taken in.
pub(super) struct Job {
    /// What it asks for.
    pub(super) ask: Ask,
    /// Gets the numbers of each text, in order.
    pub(super) told: oneshot::Sender<Result<Vec<Vec<f32>>>>,
    /// Tokens of its texts so far, marks included.
    pub(super) tokens: Arc<AtomicU32>,
    /// Held until it is answered.
    pub(super) _admission: Admission,
}

/// What one run holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Tokens.
    pub(super) tokens: usize,
    /// Whether all texts of a run take as much as the longest.
    pub(super) is_padded: bool,
}

impl Room {
    /// Whether a text of `next` tokens has room beside `count` others, of `tokens` in all and at most `longest` each.
    fn fits(self, count: usize, tokens: usize, longest: usize, next: usize) -> bool {
        let all = if self.is_padded {
            (count + 1) * longest.max(next)
        } else {
            tokens + next
        };
        all <= self.tokens
    }
}

/// What makes numbers of texts.
pub(super) trait Encode {
    /// What a request needs before its texts are encoded.
    type Opened;
    /// Called when work comes after there was none.
    fn wake(&mut self);
    /// How much goes into one run.
    fn room(&self) -> Room;
    /// Looks at a request as a whole.
    fn open(&self, ask: &Ask) -> Result<Self::Opened>;
    /// The tokens of its text number `at`.
    fn encode(&self, ask: &Ask, opened: &Self::Opened, at: usize) -> error::Result<Encoded>;
    /// The numbers of each text.
    fn run(&mut self, texts: &[&Encoded]) -> error::Result<Vec<Vec<f32>>>;
}

/// Serves requests until the channel closes. Those that are not answered by then are dropped.
pub(super) fn serve<E: Encode>(name: &str, encoder: E, jobs: &Receiver<Job>) {
    let mut turns = Turns::new(name, encoder);
    loop {
        if turns.is_idle() {
            let Ok(job) = jobs.recv() else { return };
            turns.encoder.wake();
            turns.take(job);
        }
        loop {
            match jobs.try_recv() {
                Ok(job) => turns.take(job),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        turns.turn();
    }
}

/// A request under way.
struct Work<O> {
    job: Job,
    opened: O,
    /// The first text that is not made into tokens yet.
    next: usize,
    /// Texts as tokens, the next one last.
    ready: Vec<(usize, Encoded)>,
    made: Vec<Vec<f32>>,
    /// Texts without numbers.
    left: usize,
}

impl<O> Work<O> {
    /// Makes the next portion into tokens, unless there is one.
    fn prepare<E: Encode<Opened = O>>(&mut self, encoder: &E) -> error::Result<()> {
        if !self.ready.is_empty() {
            return Ok(());
        }
        let texts = self.job.ask.texts();
        let mut bytes = 0;
        while let Some(text) = texts.get(self.next) {
            bytes += text.len();
            if !self.ready.is_empty() && (self.ready.len() == PORTION || bytes > PORTION_BYTES) {
                break;
            }
            let encoded = encoder.encode(&self.job.ask, &self.opened, self.next)?;
            self.job
                .tokens
                .fetch_add(encoded.ids.len() as u32, Ordering::Relaxed);
            self.ready.push((self.next, encoded));
            self.next += 1;
        }
        // Texts of like length go together, so that little is spent on padding where there is any.
        self.ready
            .sort_by_key(|(at, encoded)| (encoded.ids.len(), std::cmp::Reverse(*at)));
        Ok(())
    }
}

/// One text of a run.
struct Piece {
    /// Which request's, by its place in the line.
    work: usize,
    /// Which of its texts.
    at: usize,
    encoded: Encoded,
}

/// The requests under way, in line.
struct Turns<'n, E: Encode> {
    name: &'n str,
    encoder: E,
    line: VecDeque<Work<E::Opened>>,
}

impl<'n, E: Encode> Turns<'n, E> {
    fn new(name: &'n str, encoder: E) -> Self {
        Self {
            name,
            encoder,
            line: VecDeque::new(),
        }
    }

    fn is_idle(&self) -> bool {
        self.line.is_empty()
    }

    fn take(&mut self, job: Job) {
        let left = job.ask.texts().len();
        let opened = guarded(|| Ok(self.encoder.open(&job.ask)));
        match opened {
            Ok(Ok(opened)) => self.line.push_back(Work {
                opened,
                next: 0,
                ready: Vec::new(),
                made: vec![Vec::new(); left],
                left,
                job,
            }),
            Ok(Err(refused)) => {
                tracing::debug!(model = self.name, error = %refused, "request refused");
                // Whoever asked may have left.
                let _ = job.told.send(Err(refused));
            }
            Err(reason) => fail(self.name, job, reason),
        }
    }

    /// One run, and all that it ends.
    fn turn(&mut self) {
        // Whoever waits for no answer gets no runs.
        self.line.retain(|work| !work.job.told.is_closed());
        let mut failed: Vec<Option<String>> = vec![None; self.line.len()];
        let run = self.gather(&mut failed);
        self.compute(&run, &mut failed);
        let mut waiting = VecDeque::with_capacity(self.line.len());
        for (mut work, failed) in self.line.drain(..).zip(failed) {
            match failed {
                Some(reason) => fail(self.name, work.job, reason),
                None if work.left == 0 => {
                    let _ = work.job.told.send(Ok(std::mem::take(&mut work.made)));
                }
                None => waiting.push_back(work),
            }
        }
        self.line = waiting;
        // Who was first to put a text into this run is last in the next.
        if !self.line.is_empty() {
            self.line.rotate_left(1);
        }
    }

    /// Fills a run by turns.
    fn gather(&mut self, failed: &mut [Option<String>]) -> Vec<Piece> {
        let room = self.encoder.room();
        let mut run: Vec<Piece> = Vec::new();
        let (mut tokens, mut longest) = (0, 0);
        let mut takes_part = vec![true; self.line.len()];
        while takes_part.contains(&true) {
            for (index, work) in self.line.iter_mut().enumerate() {
                if !takes_part[index] {
                    continue;
                }
                if let Err(reason) = guarded(|| work.prepare(&self.encoder)) {
                    failed[index] = Some(reason);
                    takes_part[index] = false;
                    continue;
                }
                let next = work.ready.last().map(|(_, encoded)| encoded.ids.len());
                // The first text of a run goes in whatever its length.
                let fits = next
                    .filter(|&next| run.is_empty() || room.fits(run.len(), tokens, longest, next));
                let (Some(length), Some((at, encoded))) =
                    (fits, fits.and_then(|_| work.ready.pop()))
                else {
                    takes_part[index] = false;
                    continue;
                };
                tokens += length;
                longest = longest.max(length);
                run.push(Piece {
                    work: index,
                    at,
                    encoded,
                });
            }
        }
        run
    }

    /// Runs the pieces. Where that fails, each request's are run apart, so that only the guilty one fails.
    fn compute(&mut self, run: &[Piece], failed: &mut [Option<String>]) {
        let all: Vec<&Piece> = run.iter().collect();
        let Err(reason) = self.attempt(&all) else {
            return;
        };
        let mut works: Vec<usize> = run.iter().map(|piece| piece.work).collect();
        works.sort_unstable();
        works.dedup();
        if let [only] = works.as_slice() {
            failed[*only] = Some(reason);
            return;
        }
        for work in works {
            let own: Vec<&Piece> = run.iter().filter(|piece| piece.work == work).collect();
            if let Err(reason) = self.attempt(&own) {
                failed[work] = Some(reason);
            }
        }
    }

    /// Runs pieces and keeps their numbers, or says why not.
    fn attempt(&mut self, pieces: &[&Piece]) -> Result<(), String> {
        if pieces.is_empty() {
            return Ok(());
        }
        let texts: Vec<&Encoded> = pieces.iter().map(|piece| &piece.encoded).collect();
        let made = guarded(|| self.encoder.run(&texts))?;
        if made.len() != pieces.len() {
            return Err(format!(
                "{} texts were run, but {} came back",
                pieces.len(),
                made.len()
            ));
        }
        for (piece, numbers) in pieces.iter().zip(made) {
            if let Some(work) = self.line.get_mut(piece.work) {
                work.made[piece.at] = numbers;
                work.left -= 1;
            }
        }
        Ok(())
    }
}

/// What `act` gives, or the reason, be it an error or a panic.
fn guarded<T>(act: impl FnOnce() -> error::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(payload) => Err(panic_line(payload.as_ref())),
    }
}

fn fail(name: &str, job: Job, reason: String) {
    tracing::error!(model = name, reason, "encoding failed");
    // Whoever asked may have left.
    let _ = job.told.send(Err(Error::upstream(name, reason)));
}

#[cfg(test)]
mod tests;
