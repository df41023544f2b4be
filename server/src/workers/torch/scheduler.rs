//! Who runs when: the thread that owns a model gives every answer under way a share of each step.
//!
//! - [`queue`]: requests that wait, in fair order; [`request`]: one under way; [`sequence`]: one of its answers.
//! - [`parts`]: what a step runs; [`step`]: running it, with masks beside, and what follows when it fails.
//! - [`room`]: memory of keys and values, handed out and taken back; [`prefix`]: what is kept for those who begin alike.
//! - [`advance`]: from scores to tokens, told text and ends; [`pace`]: when a refused caller may try again.
//!
//! An answer never waits for another one's end: it joins and leaves between any two steps. Nothing here knows how a
//! network computes, nor how a token is chosen.

mod advance;
mod pace;
mod parts;
mod prefix;
mod queue;
mod request;
mod room;
mod sequence;
mod step;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, OnceLock,
        mpsc::{Receiver, TryRecvError},
    },
    time::Instant,
};

use tidegate_schema::Error;

pub(super) use self::{pace::Pace, request::Job};
use self::{
    prefix::Kept,
    queue::Queue,
    request::Request,
    sequence::{Line, Running},
};
use super::network::Network;
use crate::workers::metrics::ModelMetrics;

/// What may be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Answers written at once.
    pub(super) sequences: usize,
    /// Prompt tokens run in one step.
    pub(super) chunk: usize,
    /// Most tokens of prompt and answer together.
    pub(super) window: usize,
    /// Bytes of keys and values, kept ones included. `window` tokens fit.
    pub(super) kv_bytes: u64,
    /// Bytes of one token's keys and values.
    pub(super) per_token: u64,
}

impl Bounds {
    fn bytes(&self, tokens: usize) -> u64 {
        self.per_token.saturating_mul(tokens as u64)
    }
}

/// Why a model cannot answer any more; unset while it can.
pub(super) type Health = Arc<OnceLock<String>>;

/// What the owning thread has.
pub(super) struct Scheduler<N: Network> {
    name: String,
    network: N,
    bounds: Bounds,
    /// Called when there is work again.
    wake: Box<dyn FnMut() + Send>,
    metrics: ModelMetrics,
    pace: Arc<Pace>,
    health: Health,

    queue: Queue<Job>,
    /// Those that have left the queue, in the order they did.
    requests: BTreeMap<u64, Request>,
    /// Answers without a cache: put back for want of memory, or not begun for want of a place.
    parked: VecDeque<Line>,
    running: Vec<Running<N::Cache>>,
    kept: Kept<N::Cache>,
    /// Requests begun so far.
    begun: u64,
    /// Steps run so far.
    steps: u64,
}

impl<N: Network> Scheduler<N> {
    /// Of a loaded network. `wake` is called when there is work again after there was none.
    pub(super) fn new(
        name: &str,
        network: N,
        bounds: Bounds,
        metrics: ModelMetrics,
        (pace, health): (Arc<Pace>, Health),
        wake: Box<dyn FnMut() + Send>,
    ) -> Self {
        let bounds = Bounds {
            sequences: bounds.sequences.max(1),
            chunk: bounds.chunk.max(1),
            ..bounds
        };
        metrics.standing(0, 0, 0, bounds.kv_bytes);
        Self {
            name: name.to_owned(),
            network,
            bounds,
            wake,
            metrics,
            pace,
            health,
            queue: Queue::default(),
            requests: BTreeMap::new(),
            parked: VecDeque::new(),
            running: Vec::new(),
            kept: Kept::new(),
            begun: 0,
            steps: 0,
        }
    }

    /// Takes jobs in and runs them, until the channel closes. Answers that are cut by that learn of it when their
    /// channels close too.
    pub(super) fn serve(mut self, jobs: &Receiver<Job>) {
        loop {
            if self.is_idle() {
                let Ok(job) = jobs.recv() else { return };
                (self.wake)();
                self.pace.wake(Instant::now());
                self.take_in(job);
            }
            loop {
                match jobs.try_recv() {
                    Ok(job) => self.take_in(job),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            self.round();
        }
    }

    /// One round: those who left go, those who wait come, and all that run make a step.
    fn round(&mut self) {
        self.sweep();
        self.admit();
        if !self.running.is_empty() {
            self.step();
        }
        self.metrics.standing(
            self.running.len(),
            self.queue.len() + self.parked.len(),
            self.held_bytes() + self.kept.bytes(),
            self.bounds.kv_bytes,
        );
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.parked.is_empty() && self.running.is_empty()
    }

    fn take_in(&mut self, job: Job) {
        if let Some(reason) = self.health.get() {
            self.metrics.failed();
            job.answer(Err(Error::upstream(&self.name, reason)));
            return;
        }
        let key = job.plan.fair_key.clone();
        self.queue.push(key.as_deref(), job);
    }

    /// Lets those go whose caller has left or whose time is over.
    fn sweep(&mut self) {
        let now = Instant::now();
        for job in self.queue.extract(|job| job.has_left() || job.is_late(now)) {
            self.metrics.waited(now.saturating_duration_since(job.came));
            if job.has_left() {
                self.metrics.ended("cancelled", None);
            } else {
                self.metrics.failed();
                job.answer(Err(job.too_late(&self.name)));
            }
            self.pace.ended(now);
        }
        let over: Vec<u64> = self
            .requests
            .iter()
            .filter(|(_, request)| request.job.has_left() || request.job.is_late(now))
            .map(|(&id, _)| id)
            .collect();
        for id in over {
            self.let_request_go(id);
            let Some(request) = self.requests.remove(&id) else {
                continue;
            };
            if request.job.has_left() {
                self.metrics.ended("cancelled", None);
            } else {
                self.metrics.failed();
                let late = request.job.too_late(&self.name);
                request.job.answer(Err(late));
            }
            self.pace.ended(now);
        }
    }

    /// Gives places to those who wait: first to answers that have begun, then to new requests, in their order.
    fn admit(&mut self) {
        while self.running.len() < self.bounds.sequences {
            let Some(line) = self.parked.pop_front() else {
                let Some(job) = self.queue.pop() else { return };
                self.begin(job);
                continue;
            };
            match self.provide(&line) {
                room::Provided::Cache(cache) => {
                    if let Some(request) = self.requests.get_mut(&line.request)
                        && let Some(waited) = request.begin(Instant::now())
                    {
                        self.metrics.waited(waited);
                    }
                    self.running.push(Running::new(line, cache, self.steps));
                }
                room::Provided::NoRoom => {
                    self.parked.push_front(line);
                    return;
                }
                room::Provided::Failed(reason) => self.fail(line.request, &reason),
            }
        }
    }

    fn begin(&mut self, job: Job) {
        let (id, request) = (self.begun, Request::new(job));
        self.begun += 1;
        self.parked.push_back(Line::new(id, &request.job.plan));
        self.requests.insert(id, request);
    }

    /// Takes a request's answers out of the steps. What they have run is kept for others.
    fn let_request_go(&mut self, id: u64) {
        self.parked.retain(|line| line.request != id);
        let (gone, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|one| one.line.request == id);
        self.running = rest;
        for one in gone {
            self.keep(one);
        }
    }

    /// Ends a request that cannot go on. Its caches go too: what failed may be in them.
    fn fail(&mut self, id: u64, reason: &str) {
        self.parked.retain(|line| line.request != id);
        self.running.retain(|one| one.line.request != id);
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        tracing::error!(model = self.name, reason, "generation failed");
        self.metrics.failed();
        self.pace.ended(Instant::now());
        request.job.answer(Err(Error::upstream(&self.name, reason)));
    }

    /// The network cannot run any more: everybody learns why, and nobody else is taken in.
    fn break_down(&mut self, reason: &str) {
        tracing::error!(model = self.name, reason, "the model is given up");
        let reason =
            format!("the model broke down ({reason}); restart the server to load it again");
        // It is set once; whoever was first has the cause.
        let _ = self.health.set(reason.clone());
        let under_way: Vec<u64> = self.requests.keys().copied().collect();
        for id in under_way {
            self.fail(id, &reason);
        }
        while let Some(job) = self.queue.pop() {
            self.metrics.failed();
            job.answer(Err(Error::upstream(&self.name, &reason)));
        }
        self.kept.clear();
    }
}
