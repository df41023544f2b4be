//! Calls of models by whoever asks: by model, by what was asked, by key.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{families, labels::Labels, names};

type Value = Arc<str>;
type CallLabels = [(&'static str, Value); 3];
type EndLabels = [(&'static str, Value); 4];
type RefusedLabels = [(&'static str, Value); 2];

/// Numbers of calls.
pub struct Calls {
    /// Models that have series of their own.
    pub models: Labels,
    /// Keys that have.
    pub keys: Labels,
    duration: Family<CallLabels, Histogram, fn() -> Histogram>,
    first: Family<CallLabels, Histogram, fn() -> Histogram>,
    tokens: Family<EndLabels, Histogram, fn() -> Histogram>,
    ended: Family<EndLabels, Counter>,
    open: Family<CallLabels, Gauge>,
    refused: Family<RefusedLabels, Counter>,
}

/// Who asks what of which model. Each value comes from a bounded set.
#[derive(Debug, Clone)]
pub struct CallLabel {
    /// The model asked for.
    pub model: Arc<str>,
    /// What was asked of it.
    pub operation: &'static str,
    /// The key's name.
    pub key: Arc<str>,
}

impl CallLabel {
    fn set(&self) -> CallLabels {
        [
            (names::MODEL, Arc::clone(&self.model)),
            (names::OPERATION, Arc::from(self.operation)),
            (names::KEY, Arc::clone(&self.key)),
        ]
    }

    fn with(&self, name: &'static str, value: &str) -> EndLabels {
        let [model, operation, key] = self.set();
        [model, operation, key, (name, Arc::from(value))]
    }
}

/// A call under way, until it is dropped.
pub struct OpenCall(Gauge);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Bounds that OpenTelemetry advises for numbers of tokens: powers of four.
fn tokens() -> Histogram {
    Histogram::new((0..14).map(|power| f64::from(4_u32.pow(power))))
}

impl Calls {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new = Self {
            models: Labels::default(),
            keys: Labels::default(),
            duration: Family::new_with_constructor(families::duration as fn() -> Histogram),
            first: Family::new_with_constructor(families::first_token as fn() -> Histogram),
            tokens: Family::new_with_constructor(tokens as fn() -> Histogram),
            ended: Family::default(),
            open: Family::default(),
            refused: Family::default(),
        };
        registry.register_with_unit(
            names::CALL_DURATION,
            "From a call to its end",
            Unit::Seconds,
            new.duration.clone(),
        );
        registry.register_with_unit(
            names::CALL_FIRST,
            "From a call to the first of its answer",
            Unit::Seconds,
            new.first.clone(),
        );
        registry.register(names::CALL_TOKENS, "Tokens of a call", new.tokens.clone());
        registry.register(
            names::CALLS,
            "Calls that ended; error_type says how, and is empty where all went well",
            new.ended.clone(),
        );
        registry.register(names::CALLS_OPEN, "Calls under way", new.open.clone());
        registry.register(
            names::CALLS_REFUSED,
            "Calls that a limit of the key refused",
            new.refused.clone(),
        );
        new
    }

    /// A call has begun.
    pub fn begun(&self, label: &CallLabel) -> OpenCall {
        let gauge = self.open.get_or_create_owned(&label.set());
        gauge.inc();
        OpenCall(gauge)
    }

    /// The first of a call's answer is there, so long after it came.
    pub fn first(&self, label: &CallLabel, time: Duration) {
        let first = self.first.get_or_create_owned(&label.set());
        first.observe(time.as_secs_f64());
    }

    /// A call has ended: how, so long after it came. `error` is empty where all went well.
    pub fn ended(&self, label: &CallLabel, error: &str, time: Duration) {
        let duration = self.duration.get_or_create_owned(&label.set());
        duration.observe(time.as_secs_f64());
        let ended = label.with(names::ERROR, error);
        self.ended.get_or_create_owned(&ended).inc();
    }

    /// A call took tokens.
    pub fn used(&self, label: &CallLabel, input: u64, output: u64) {
        for (kind, count) in [("input", input), ("output", output)] {
            if count > 0 {
                let labels = label.with(names::TOKEN_TYPE, kind);
                let tokens = self.tokens.get_or_create_owned(&labels);
                tokens.observe(count as f64);
            }
        }
    }

    /// A call was refused by a limit of its key.
    pub fn refused(&self, key: &Arc<str>, limit: &'static str) {
        let labels = [
            (names::KEY, Arc::clone(key)),
            (names::LIMIT, Arc::from(limit)),
        ];
        self.refused.get_or_create_owned(&labels).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::super::shared;
    use super::*;

    #[test]
    fn a_call_is_told_by_model_operation_and_key() {
        let calls = shared().calls();
        let label = CallLabel {
            model: calls.models.make_known("gpt"),
            operation: "chat",
            key: calls.keys.make_known("team"),
        };
        let set =
            "gen_ai_request_model=\"gpt\",gen_ai_operation_name=\"chat\",tidegate_key=\"team\"";
        let open = calls.begun(&label);
        let text = shared().text().expect("text");
        assert!(
            text.contains(&format!("tidegate_calls_open{{{set}}} 1")),
            "{text}"
        );
        calls.first(&label, Duration::from_millis(250));
        calls.used(&label, 100, 7);
        calls.ended(&label, "timeout", Duration::from_secs(1));
        calls.refused(&label.key, "budget");
        drop(open);
        let text = shared().text().expect("text");
        for line in [
            format!("tidegate_calls_open{{{set}}} 0"),
            format!("gen_ai_client_operation_duration_seconds_count{{{set}}} 1"),
            format!("gen_ai_client_operation_time_to_first_chunk_seconds_sum{{{set}}} 0.25"),
            format!("gen_ai_client_token_usage_sum{{{set},gen_ai_token_type=\"input\"}} 100.0"),
            format!("gen_ai_client_token_usage_sum{{{set},gen_ai_token_type=\"output\"}} 7.0"),
            format!("tidegate_calls_total{{{set},error_type=\"timeout\"}} 1"),
            "tidegate_calls_refused_total{tidegate_key=\"team\",tidegate_limit=\"budget\"} 1"
                .to_owned(),
        ] {
            assert!(text.contains(&line), "{line} in {text}");
        }
    }
}
