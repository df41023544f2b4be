//! The numbers as Prometheus keeps them: a family for each, a member for each model.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::names;

type Labels = [(&'static str, String); 1];
type EndLabels = [(&'static str, String); 2];
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// Every number of every model.
pub(super) struct Families {
    queue_wait: Histograms,
    first_token: Histograms,
    token: Histograms,
    duration: Histograms,
    batch: Histograms,
    prefill_tokens: Family<Labels, Counter>,
    decode_tokens: Family<Labels, Counter>,
    prefix_tokens: Family<Labels, Counter>,
    preemptions: Family<Labels, Counter>,
    failures: Family<Labels, Counter>,
    finished: Family<EndLabels, Counter>,
    running: Family<Labels, Gauge>,
    waiting: Family<Labels, Gauge>,
    kv_bytes: Family<Labels, Gauge>,
    kv_limit: Family<Labels, Gauge>,
}

/// Every number of one model, but for ends, which go by reason too.
pub(super) struct Handles {
    pub(super) queue_wait: Histogram,
    pub(super) first_token: Histogram,
    pub(super) token: Histogram,
    pub(super) duration: Histogram,
    pub(super) batch: Histogram,
    pub(super) prefill_tokens: Counter,
    pub(super) decode_tokens: Counter,
    pub(super) prefix_tokens: Counter,
    pub(super) preemptions: Counter,
    pub(super) failures: Counter,
    pub(super) running: Gauge,
    pub(super) waiting: Gauge,
    pub(super) kv_bytes: Gauge,
    pub(super) kv_limit: Gauge,
}

/// Bounds that OpenTelemetry advises for the time to the first token; waits are of the same order.
pub(super) fn first_token() -> Histogram {
    Histogram::new([
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ])
}

/// The same for the time between two tokens, with two more for small models.
fn token() -> Histogram {
    Histogram::new([
        0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
    ])
}

/// The same for whole requests.
pub(super) fn duration() -> Histogram {
    Histogram::new([
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ])
}

fn batch() -> Histogram {
    Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
}

fn labels(model: &str) -> Labels {
    [(names::MODEL, model.to_owned())]
}

fn end_labels(model: &str, reason: &str) -> EndLabels {
    [
        (names::MODEL, model.to_owned()),
        (names::REASON, reason.to_owned()),
    ]
}

impl Families {
    /// Makes them known to `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new = Self {
            queue_wait: Family::new_with_constructor(first_token as fn() -> Histogram),
            first_token: Family::new_with_constructor(first_token as fn() -> Histogram),
            token: Family::new_with_constructor(token as fn() -> Histogram),
            duration: Family::new_with_constructor(duration as fn() -> Histogram),
            batch: Family::new_with_constructor(batch as fn() -> Histogram),
            prefill_tokens: Family::default(),
            decode_tokens: Family::default(),
            prefix_tokens: Family::default(),
            preemptions: Family::default(),
            failures: Family::default(),
            finished: Family::default(),
            running: Family::default(),
            waiting: Family::default(),
            kv_bytes: Family::default(),
            kv_limit: Family::default(),
        };
        for (name, help, family) in [
            (
                names::QUEUE_WAIT,
                "How long requests wait for their turn",
                &new.queue_wait,
            ),
            (
                names::FIRST_TOKEN,
                "From request to first token",
                &new.first_token,
            ),
            (
                names::TOKEN,
                "Between two tokens behind the first",
                &new.token,
            ),
            (
                names::DURATION,
                "From request to the answer's end",
                &new.duration,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
        }
        registry.register(
            names::BATCH,
            "Answers and prompts that a step runs together",
            new.batch.clone(),
        );
        for (name, help, family) in [
            (names::PREFILL, "Prompt tokens run", &new.prefill_tokens),
            (names::DECODE, "Tokens of answers run", &new.decode_tokens),
            (
                names::PREFIX,
                "Prompt tokens whose keys and values were kept from before",
                &new.prefix_tokens,
            ),
            (
                names::PREEMPTED,
                "Answers put back to waiting because memory ran out",
                &new.preemptions,
            ),
            (names::FAILED, "Requests that failed", &new.failures),
        ] {
            registry.register(name, help, family.clone());
        }
        registry.register(names::FINISHED, "Answers that ended", new.finished.clone());
        registry.register(names::RUNNING, "Answers being written", new.running.clone());
        registry.register(names::WAITING, "Requests that wait", new.waiting.clone());
        for (name, help, family) in [
            (names::KV, "Memory of keys and values", &new.kv_bytes),
            (
                names::KV_LIMIT,
                "Memory that keys and values may take",
                &new.kv_limit,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Bytes, family.clone());
        }
        new
    }

    /// One model's numbers.
    pub(super) fn handles(&self, model: &str) -> Handles {
        let labels = labels(model);
        Handles {
            queue_wait: self.queue_wait.get_or_create_owned(&labels),
            first_token: self.first_token.get_or_create_owned(&labels),
            token: self.token.get_or_create_owned(&labels),
            duration: self.duration.get_or_create_owned(&labels),
            batch: self.batch.get_or_create_owned(&labels),
            prefill_tokens: self.prefill_tokens.get_or_create_owned(&labels),
            decode_tokens: self.decode_tokens.get_or_create_owned(&labels),
            prefix_tokens: self.prefix_tokens.get_or_create_owned(&labels),
            preemptions: self.preemptions.get_or_create_owned(&labels),
            failures: self.failures.get_or_create_owned(&labels),
            running: self.running.get_or_create_owned(&labels),
            waiting: self.waiting.get_or_create_owned(&labels),
            kv_bytes: self.kv_bytes.get_or_create_owned(&labels),
            kv_limit: self.kv_limit.get_or_create_owned(&labels),
        }
    }

    /// Ends of one model's answers, for one reason.
    pub(super) fn finished(&self, model: &str, reason: &str) -> Counter {
        self.finished
            .get_or_create_owned(&end_labels(model, reason))
    }

    /// Forgets a model that ended answers for these reasons.
    pub(super) fn remove(&self, model: &str, reasons: impl Iterator<Item = &'static str>) {
        let labels = labels(model);
        for family in [
            &self.queue_wait,
            &self.first_token,
            &self.token,
            &self.duration,
            &self.batch,
        ] {
            family.remove(&labels);
        }
        for family in [
            &self.prefill_tokens,
            &self.decode_tokens,
            &self.prefix_tokens,
            &self.preemptions,
            &self.failures,
        ] {
            family.remove(&labels);
        }
        for family in [&self.running, &self.waiting, &self.kv_bytes, &self.kv_limit] {
            family.remove(&labels);
        }
        for reason in reasons {
            self.finished.remove(&end_labels(model, reason));
        }
    }
}
