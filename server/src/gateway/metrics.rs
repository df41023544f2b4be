//! What the gateway tells of its models in numbers: for a scrape through the workers' metrics, and as plain data.

use std::{
    collections::BTreeMap,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tidegate_schema::Error;

use super::{breaker::Circuit, retry::Fault};
use crate::workers::metrics::{Breaker, OpenSeries, UnderWay, shared};

/// What comes of calls: an answer that begins, or one of the faults.
const OUTCOMES: [&str; 7] = [
    "answered",
    "unavailable",
    "too_many_requests",
    "timeout",
    "refused",
    "unsupported",
    "invalid_request",
];

/// A model's numbers at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// The model's name.
    pub model: String,
    /// Calls under way.
    pub open: usize,
    /// Where its breaker stands.
    pub circuit: Circuit,
    /// What came of calls: `answered`, or a fault. An answer that broke off counts as both.
    pub calls: BTreeMap<&'static str, u64>,
    /// Calls that were tried again.
    pub retries: u64,
    /// Requests that were given on to another model.
    pub fallbacks: u64,
    /// Requests that were refused because too many were under way.
    pub refused: u64,
    /// Answers, or texts to embed, that were kept from before.
    pub cache_hits: u64,
    /// Those that could have been and were not.
    pub cache_misses: u64,
}

/// One model's numbers.
#[derive(Default)]
pub(super) struct Numbers {
    model: String,
    open: OnceLock<OpenSeries>,
    calls: [AtomicU64; OUTCOMES.len()],
    retries: AtomicU64,
    fallbacks: AtomicU64,
    refused: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Numbers {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            ..Self::default()
        }
    }

    /// A call is under way, until what is given is dropped.
    pub(super) fn opened(&self) -> UnderWay {
        self.open
            .get_or_init(|| shared().gateway().open(&self.model))
            .opened()
    }

    /// An answer has begun, or a call has failed.
    pub(super) fn counted(&self, fault: Option<Fault>) {
        let word = fault.map_or("answered", Fault::word);
        if let Some(at) = OUTCOMES.iter().position(|outcome| *outcome == word) {
            more(&self.calls[at], 1);
        }
        if let Some(Fault::Patience(_)) = fault {
            shared().gateway().rate_limited(&self.model);
        }
    }

    /// A call is tried again behind this error.
    pub(super) fn retried(&self, error: &Error) {
        more(&self.retries, 1);
        shared().gateway().retried(&self.model, error.kind());
    }

    /// Another model is asked in its place.
    pub(super) fn passed_over(&self) {
        more(&self.fallbacks, 1);
    }

    /// A call of `route` is answered by it in place of another.
    pub(super) fn stood_in(&self, route: &str) {
        shared().gateway().fell_back(route, &self.model);
    }

    /// Too many calls were under way.
    pub(super) fn refused(&self) {
        more(&self.refused, 1);
    }

    /// Something was asked for that could be kept, and was or was not.
    pub(super) fn cached(&self, hits: usize, misses: usize) {
        more(&self.hits, hits as u64);
        more(&self.misses, misses as u64);
        for (count, hit) in [(hits, true), (misses, false)] {
            for _ in 0..count {
                shared().gateway().cached(&self.model, hit);
            }
        }
    }

    /// The breaker has moved.
    pub(super) fn moved(&self, circuit: Circuit) {
        let state = match circuit {
            Circuit::Closed => Breaker::Closed,
            Circuit::HalfOpen => Breaker::HalfOpen,
            Circuit::Open => Breaker::Open,
        };
        shared().gateway().breaker(&self.model, state);
    }

    /// All of them.
    pub(super) fn traffic(&self, open: usize, circuit: Circuit) -> Traffic {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Traffic {
            model: self.model.clone(),
            open,
            circuit,
            calls: OUTCOMES
                .into_iter()
                .zip(self.calls.iter().map(read))
                .collect(),
            retries: read(&self.retries),
            fallbacks: read(&self.fallbacks),
            refused: read(&self.refused),
            cache_hits: read(&self.hits),
            cache_misses: read(&self.misses),
        }
    }
}

fn more(number: &AtomicU64, by: u64) {
    number.fetch_add(by, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_place() {
        let numbers = Numbers::new("m");
        for fault in [
            Fault::Passing,
            Fault::Patience(std::time::Duration::ZERO),
            Fault::Silence,
            Fault::Standing,
            Fault::Unfit,
            Fault::Request,
        ] {
            numbers.counted(Some(fault));
        }
        numbers.counted(None);
        let traffic = numbers.traffic(0, Circuit::Closed);
        assert_eq!(traffic.calls.len(), OUTCOMES.len());
        assert!(
            traffic.calls.values().all(|calls| *calls == 1),
            "{traffic:?}"
        );
    }

    #[test]
    fn a_scrape_has_what_the_gateway_counts() {
        let numbers = Numbers::new("counted");
        numbers.moved(Circuit::Open);
        numbers.cached(2, 1);
        let open = numbers.opened();
        let text = shared().text().expect("text");
        for line in [
            "tidegate_gateway_breaker_state{gen_ai_request_model=\"counted\"} 2",
            "tidegate_gateway_upstream_open{gen_ai_request_model=\"counted\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        drop(open);
        let traffic = numbers.traffic(0, Circuit::Open);
        assert_eq!((traffic.cache_hits, traffic.cache_misses), (2, 1));
    }
}
