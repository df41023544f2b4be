//! What is known of a model while it is called: its bounds, its breaker, its numbers, and the calls under way.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tidegate_schema::Error;
use tokio::time::Instant;

use super::{
    breaker::{Bounds, Breaker, Pass},
    metrics::{Numbers, Traffic},
    policy::Policy,
    retry::Fault,
};
use crate::workers::metrics::UnderWay;

/// One model as the gateway knows it.
pub(super) struct Upstream {
    pub(super) name: String,
    pub(super) policy: Policy,
    pub(super) breaker: Breaker,
    pub(super) numbers: Numbers,
    open: AtomicUsize,
}

impl Upstream {
    pub(super) fn new(name: &str, policy: Policy, bounds: Bounds) -> Self {
        Self {
            name: name.to_owned(),
            policy,
            breaker: Breaker::new(bounds, Instant::now()),
            numbers: Numbers::new(name),
            open: AtomicUsize::new(0),
        }
    }

    /// Calls under way.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Its numbers now.
    pub(super) fn traffic(&self) -> Traffic {
        self.numbers.traffic(self.open(), self.breaker.circuit())
    }

    /// A call goes in; none where as many are under way as may be.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Call> {
        let most = self.policy.most_open.unwrap_or(usize::MAX);
        if self.open.fetch_add(1, Ordering::Relaxed) >= most {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let pass = self.breaker.enter(Instant::now());
        if pass == Pass::Probe {
            self.numbers.moved(self.breaker.circuit());
        }
        Some(Call {
            upstream: Arc::clone(self),
            _shown: self.numbers.opened(),
            pass,
            is_judged: false,
        })
    }
}

/// A call under way. Dropping it makes its place free, whatever became of it.
pub(super) struct Call {
    upstream: Arc<Upstream>,
    /// Counts as open for a scrape.
    _shown: UnderWay,
    pass: Pass,
    /// Whether what came of it is told to the breaker.
    is_judged: bool,
}

impl Call {
    /// The model that is called.
    pub(super) fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Whether the model is not known to be well, so that it is called once and no more.
    pub(super) fn is_doubtful(&self) -> bool {
        self.pass != Pass::Free
    }

    /// The answer has begun, or is there.
    pub(super) fn began(&mut self) {
        self.is_judged = true;
        self.upstream.numbers.counted(None);
        self.is_well();
    }

    /// It failed, before its answer began or while it came. What the model did and what the request did is told apart.
    pub(super) fn failed(mut self, error: &Error) -> Fault {
        let fault = Fault::of(error);
        let Upstream {
            name,
            breaker,
            numbers,
            ..
        } = &*self.upstream;
        numbers.counted(Some(fault));
        let now = Instant::now();
        if !fault.is_the_models() {
            // It spoke, so it lives.
            if !self.is_judged {
                self.is_well();
            }
            self.is_judged = true;
            return fault;
        }
        if let Fault::Patience(time) = fault {
            breaker.rest(time, now);
        }
        if breaker.failed(self.pass, now) {
            numbers.moved(breaker.circuit());
            tracing::warn!(
                model = name,
                fault = fault.word(),
                "keeps failing and is left alone for a while"
            );
        }
        self.is_judged = true;
        fault
    }

    fn is_well(&self) {
        let Upstream {
            name,
            breaker,
            numbers,
            ..
        } = &*self.upstream;
        if breaker.succeeded(Instant::now()) {
            numbers.moved(breaker.circuit());
            tracing::info!(model = name, "answers again");
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.pass == Pass::Probe && !self.is_judged {
            self.upstream.breaker.give_up_probe();
        }
        self.upstream.open.fetch_sub(1, Ordering::Relaxed);
    }
}
