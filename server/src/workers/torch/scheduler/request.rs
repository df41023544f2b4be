//! A request: what was asked, who listens, and what is known of its answers.

use std::time::{Duration, Instant};

use tidegate_schema::{Error, Result};
use tokio::sync::mpsc::UnboundedSender;

use crate::workers::{
    Chunk,
    torch::{answers::Answers, owner::Admission, plan::Plan},
};

/// A request as it comes to the thread.
pub(in crate::workers::torch) struct Job {
    /// What is to be made.
    pub(in crate::workers::torch) plan: Plan,
    /// When it came.
    pub(in crate::workers::torch) came: Instant,
    /// Who listens. What is in it is bounded by the length of the answers.
    pub(in crate::workers::torch) chunks: UnboundedSender<Result<Chunk>>,
    /// Held until the request is over.
    pub(in crate::workers::torch) _admission: Admission,
}

impl Job {
    /// Whether nobody listens any more.
    pub(super) fn has_left(&self) -> bool {
        self.chunks.is_closed()
    }

    /// Whether its time is over.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.plan.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// What it is told when its time is over.
    pub(super) fn too_late(&self, model: &str) -> Error {
        Error::Timeout {
            what: format!("the answer of '{model}'"),
            limit: self.plan.allowed.unwrap_or_default(),
        }
    }

    /// Tells a piece. A listener who left misses nothing, and is noticed before the next step.
    pub(super) fn answer(&self, chunk: Result<Chunk>) {
        let _ = self.chunks.send(chunk);
    }
}

/// A request under way.
pub(super) struct Request {
    /// As it came.
    pub(super) job: Job,
    /// Its answers.
    pub(super) answers: Answers,
    /// Whether it has had a place.
    placed: bool,
    /// When its first token was there.
    first: Option<Instant>,
}

impl Request {
    /// One that has left the queue.
    pub(super) fn new(job: Job) -> Self {
        Self {
            answers: Answers::new(&job.plan),
            job,
            placed: false,
            first: None,
        }
    }

    /// It has a place now; how long it waited, if this is its first one.
    pub(super) fn begin(&mut self, now: Instant) -> Option<Duration> {
        if std::mem::replace(&mut self.placed, true) {
            return None;
        }
        Some(now.saturating_duration_since(self.job.came))
    }

    /// A token is there; how long the first one took, if this is it.
    pub(super) fn token(&mut self, now: Instant) -> Option<Duration> {
        if self.first.is_some() {
            return None;
        }
        self.first = Some(now);
        Some(now.saturating_duration_since(self.job.came))
    }

    /// Mean time between two tokens of an answer of `made` tokens that ends now.
    pub(super) fn between(&self, now: Instant, made: usize) -> Option<Duration> {
        let steps = u32::try_from(made.checked_sub(1)?)
            .ok()
            .filter(|&steps| steps > 0)?;
        Some(now.saturating_duration_since(self.first?) / steps)
    }
}
