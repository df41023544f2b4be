//! What the server tells of itself in numbers: one registry, from which `/metrics` is written.
//!
//! Nothing here knows how a model runs; whoever runs one reports to its [`ModelMetrics`]. Calls of models are told to
//! [`Calls`], what the gateway and the cluster do to [`Gateway`], requests to [`Server`].

mod calls;
mod families;
mod gateway;
mod labels;
mod names;
mod open;
mod process;
mod server;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{encoding::text, registry::Registry};

use self::families::{Families, Handles};
pub use self::{
    calls::{CallLabel, Calls, Series},
    gateway::{Breaker, Gateway},
    labels::Labels,
    open::{OpenSeries, UnderWay},
    server::Server,
};

/// All numbers.
pub struct Metrics {
    registry: Registry,
    families: Families,
    calls: Calls,
    gateway: Gateway,
    server: Server,
    models: Mutex<BTreeMap<String, Arc<Mutex<Snapshot>>>>,
}

/// The process's own: a scrape asks the process, whatever runs in it.
pub fn shared() -> &'static Metrics {
    static SHARED: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    &SHARED
}

/// How often something was timed, and how long it took in all.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timing {
    /// Times.
    pub count: u64,
    /// Seconds, summed.
    pub seconds: f64,
}

impl Timing {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.seconds += time.as_secs_f64();
    }
}

/// A model's numbers at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Answers being written.
    pub running: u64,
    /// Requests that wait for their turn.
    pub waiting: u64,
    /// Bytes of keys and values held, kept ones included.
    pub kv_bytes: u64,
    /// Bytes they may take.
    pub kv_limit: u64,
    /// Steps run.
    pub steps: u64,
    /// Most answers and prompts that one step ran.
    pub largest_batch: u64,
    /// Prompt tokens run.
    pub prefill_tokens: u64,
    /// Tokens of answers run.
    pub decode_tokens: u64,
    /// Prompt tokens that need not be run, since their keys and values were kept.
    pub prefix_tokens: u64,
    /// Answers put back to waiting because memory ran out.
    pub preemptions: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Answers that ended, by reason.
    pub finished: BTreeMap<&'static str, u64>,
    /// Waits for a turn.
    pub queue_wait: Timing,
    /// From request to first token.
    pub first_token: Timing,
    /// Between two tokens, one mean for each answer.
    pub token: Timing,
    /// From request to end.
    pub duration: Timing,
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        let calls = Calls::register(&mut registry);
        let gateway = Gateway::register(&mut registry);
        let server = Server::register(&mut registry);
        registry.register_collector(Box::new(process::Process));
        Self {
            registry,
            families,
            calls,
            gateway,
            server,
            models: Mutex::default(),
        }
    }

    /// The numbers of a model, which are there until what is given is dropped.
    pub fn model(&'static self, name: &str) -> ModelMetrics {
        let now = Arc::<Mutex<Snapshot>>::default();
        lock(&self.models).insert(name.to_owned(), Arc::clone(&now));
        ModelMetrics {
            all: self,
            handles: self.families.handles(name),
            now,
            name: name.to_owned(),
        }
    }

    /// Every model's numbers, by name.
    pub fn snapshots(&self) -> Vec<(String, Snapshot)> {
        lock(&self.models)
            .iter()
            .map(|(name, now)| (name.clone(), lock(now).clone()))
            .collect()
    }

    /// Calls of models.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The gateway and the cluster.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// All numbers, to be written out beside others.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// All numbers as a scrape reads them.
    ///
    /// # Errors
    /// None that is known: text is written into memory.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut written = String::new();
        text::encode(&mut written, &self.registry)?;
        Ok(written)
    }
}

/// One model's numbers, for whoever runs it.
pub struct ModelMetrics {
    all: &'static Metrics,
    handles: Handles,
    now: Arc<Mutex<Snapshot>>,
    name: String,
}

impl ModelMetrics {
    /// The numbers now.
    pub fn snapshot(&self) -> Snapshot {
        lock(&self.now).clone()
    }

    /// A request has waited for its turn.
    pub fn waited(&self, time: Duration) {
        self.handles.queue_wait.observe(time.as_secs_f64());
        lock(&self.now).queue_wait.add(time);
    }

    /// A step has run so many segments, with tokens of prompts and of answers.
    pub fn stepped(&self, segments: usize, prefill: usize, decode: usize) {
        let (segments, prefill, decode) = (segments as u64, prefill as u64, decode as u64);
        self.handles.batch.observe(segments as f64);
        self.handles.prefill_tokens.inc_by(prefill);
        self.handles.decode_tokens.inc_by(decode);
        let mut now = lock(&self.now);
        now.steps += 1;
        now.largest_batch = now.largest_batch.max(segments);
        now.prefill_tokens += prefill;
        now.decode_tokens += decode;
    }

    /// So many prompt tokens need not be run.
    pub fn hit(&self, tokens: usize) {
        self.handles.prefix_tokens.inc_by(tokens as u64);
        lock(&self.now).prefix_tokens += tokens as u64;
    }

    /// The first token of a request is there, so long after it came.
    pub fn first_token(&self, time: Duration) {
        self.handles.first_token.observe(time.as_secs_f64());
        lock(&self.now).first_token.add(time);
    }

    /// An answer was put back to waiting.
    pub fn preempted(&self) {
        self.handles.preemptions.inc();
        lock(&self.now).preemptions += 1;
    }

    /// An answer has ended: why, and the mean time between two of its tokens where it has two.
    pub fn ended(&self, reason: &'static str, token: Option<Duration>) {
        self.all.families.finished(&self.name, reason).inc();
        if let Some(time) = token {
            self.handles.token.observe(time.as_secs_f64());
        }
        let mut now = lock(&self.now);
        *now.finished.entry(reason).or_default() += 1;
        if let Some(time) = token {
            now.token.add(time);
        }
    }

    /// A request is over, so long after it came.
    pub fn over(&self, time: Duration) {
        self.handles.duration.observe(time.as_secs_f64());
        lock(&self.now).duration.add(time);
    }

    /// A request has failed.
    pub fn failed(&self) {
        self.handles.failures.inc();
        lock(&self.now).failures += 1;
    }

    /// How things stand.
    pub fn standing(&self, running: usize, waiting: usize, kv_bytes: u64, kv_limit: u64) {
        self.handles.running.set(running as i64);
        self.handles.waiting.set(waiting as i64);
        self.handles.kv_bytes.set(kv_bytes as i64);
        self.handles.kv_limit.set(kv_limit as i64);
        let mut now = lock(&self.now);
        now.running = running as u64;
        now.waiting = waiting as u64;
        now.kv_bytes = kv_bytes;
        now.kv_limit = kv_limit;
    }
}

impl Drop for ModelMetrics {
    fn drop(&mut self) {
        let mut models = lock(&self.all.models);
        // A model of the same name may have come since; its numbers stay.
        if models
            .get(&self.name)
            .is_some_and(|now| Arc::ptr_eq(now, &self.now))
        {
            models.remove(&self.name);
            self.all
                .families
                .remove(&self.name, lock(&self.now).finished.keys().copied());
        }
    }
}

/// Numbers are whole after each statement, so a panic elsewhere spoils none.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_has_every_number_of_a_model_and_none_once_it_is_gone() {
        let model = shared().model("numbers");
        model.standing(2, 3, 1 << 20, 1 << 30);
        model.waited(Duration::from_millis(20));
        model.stepped(4, 256, 3);
        model.hit(100);
        model.first_token(Duration::from_millis(150));
        model.ended("stop", Some(Duration::from_millis(30)));
        model.over(Duration::from_secs(1));
        model.preempted();
        model.failed();
        let text = shared().text().expect("text");
        let one = "{gen_ai_request_model=\"numbers\"}";
        for line in [
            format!("tidegate_requests_running{one} 2"),
            format!("tidegate_requests_waiting{one} 3"),
            format!("tidegate_kv_cache_bytes{one} 1048576"),
            format!("tidegate_kv_cache_limit_bytes{one} 1073741824"),
            format!("tidegate_prefill_tokens_total{one} 256"),
            format!("tidegate_decode_tokens_total{one} 3"),
            format!("tidegate_prefix_hit_tokens_total{one} 100"),
            format!("tidegate_preemptions_total{one} 1"),
            format!("tidegate_requests_failed_total{one} 1"),
            format!("tidegate_queue_wait_seconds_count{one} 1"),
            format!("tidegate_batch_size_sum{one} 4.0"),
            format!("gen_ai_server_time_to_first_token_seconds_sum{one} 0.15"),
            format!("gen_ai_server_time_per_output_token_seconds_count{one} 1"),
            format!("gen_ai_server_request_duration_seconds_count{one} 1"),
        ] {
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert!(
            text.contains("tidegate_requests_finished_total{gen_ai_request_model=\"numbers\",")
                && text.contains("gen_ai_response_finish_reason=\"stop\"} 1"),
            "{text}"
        );
        let now = model.snapshot();
        assert_eq!(
            (now.running, now.largest_batch, now.prefix_tokens),
            (2, 4, 100)
        );
        assert_eq!(now.finished.get("stop"), Some(&1));
        assert_eq!((now.first_token.count, now.token.count), (1, 1));
        assert!(shared().snapshots().contains(&("numbers".to_owned(), now)));
        drop(model);
        let text = shared().text().expect("text");
        assert!(!text.contains("\"numbers\""), "{text}");
    }

    #[test]
    fn a_model_that_took_the_name_keeps_its_numbers() {
        let first = shared().model("twice");
        let second = shared().model("twice");
        second.failed();
        drop(first);
        assert_eq!(second.snapshot().failures, 1);
        let text = shared().text().expect("text");
        assert!(
            text.contains("tidegate_requests_failed_total{gen_ai_request_model=\"twice\"} 1"),
            "{text}"
        );
    }
}
