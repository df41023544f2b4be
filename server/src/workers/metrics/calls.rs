//! Calls of models by whoever asks: by model, by what was asked, by key.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{
    families,
    labels::Labels,
    names,
    open::{OpenSeries, UnderWay},
};

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
    /// Those that were counted before.
    known: RwLock<HashMap<CallLabel, Arc<Series>>>,
}

/// Who asks what of which model. Each value comes from a bounded set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

/// Where calls of one label are counted. To find a series among all there are costs as much as everything else that is
/// counted of a call: it is looked for once, when it is first needed.
pub struct Series {
    label: CallLabel,
    open: OnceLock<OpenSeries>,
    first: OnceLock<Histogram>,
    duration: OnceLock<Histogram>,
    input: OnceLock<Histogram>,
    output: OnceLock<Histogram>,
    done: OnceLock<Counter>,
}

impl Series {
    /// Who asks what of which model.
    pub fn label(&self) -> &CallLabel {
        &self.label
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
            known: RwLock::default(),
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

    /// Where calls of a label are counted.
    pub fn series(&self, label: &CallLabel) -> Arc<Series> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(label) {
            return Arc::clone(series);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Series {
                label: label.clone(),
                open: OnceLock::new(),
                first: OnceLock::new(),
                duration: OnceLock::new(),
                input: OnceLock::new(),
                output: OnceLock::new(),
                done: OnceLock::new(),
            })
        };
        Arc::clone(known.entry(label.clone()).or_insert_with(new))
    }

    /// A call has begun.
    pub fn begun(&self, series: &Series) -> UnderWay {
        let label = &series.label;
        let open = || OpenSeries(self.open.get_or_create_owned(&label.set()));
        series.open.get_or_init(open).opened()
    }

    /// The first of a call's answer is there, so long after it came.
    pub fn first(&self, series: &Series, time: Duration) {
        let label = &series.label;
        let first = series
            .first
            .get_or_init(|| self.first.get_or_create_owned(&label.set()));
        first.observe(time.as_secs_f64());
    }

    /// A call has ended: how, so long after it came. `error` is empty where all went well.
    pub fn ended(&self, series: &Series, error: &str, time: Duration) {
        let label = &series.label;
        let duration = series
            .duration
            .get_or_init(|| self.duration.get_or_create_owned(&label.set()));
        duration.observe(time.as_secs_f64());
        let ended = || {
            self.ended
                .get_or_create_owned(&label.with(names::ERROR, error))
        };
        if error.is_empty() {
            series.done.get_or_init(ended).inc();
        } else {
            ended().inc();
        }
    }

    /// A call took tokens.
    pub fn used(&self, series: &Series, input: u64, output: u64) {
        for (kind, seen, count) in [
            ("input", &series.input, input),
            ("output", &series.output, output),
        ] {
            if count > 0 {
                let label = &series.label;
                let tokens = seen.get_or_init(|| {
                    self.tokens
                        .get_or_create_owned(&label.with(names::TOKEN_TYPE, kind))
                });
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
        let series = calls.series(&label);
        assert!(Arc::ptr_eq(&series, &calls.series(&label)));
        let open = calls.begun(&series);
        let text = shared().text().expect("text");
        assert!(
            text.contains(&format!("tidegate_calls_open{{{set}}} 1")),
            "{text}"
        );
        calls.first(&series, Duration::from_millis(250));
        calls.used(&series, 100, 7);
        calls.ended(&series, "timeout", Duration::from_secs(1));
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
