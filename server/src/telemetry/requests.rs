//! What is remembered of a request while it is answered, where its handlers and the calls they make find it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use tidegate_schema::model::UsageEntry;

use super::propagation::TraceContext;

tokio::task_local! {
    static REQUEST: Arc<TracedRequest>;
}

/// A request that is being answered.
pub struct TracedRequest {
    pub(super) begun: DateTime<Utc>,
    /// Where it stands among others, where anybody traces it.
    pub(super) trace: Option<TraceContext>,
    /// The span of the call that is being made for it, as a number; 0 for none.
    call: AtomicU64,
    details: Mutex<Details>,
}

/// What its handlers find out.
#[derive(Debug, Clone, Default)]
pub(super) struct Details {
    pub(super) key: String,
    pub(super) model: String,
    pub(super) tokens: u64,
}

/// How a request was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Its method.
    pub method: &'a str,
    /// The template of its path; none where no route has it.
    pub route: Option<&'a str>,
    /// Its own name.
    pub request_id: Option<&'a str>,
    /// The status that was answered; 499 where its caller left before.
    pub status: u16,
    /// Bytes of the body that were sent.
    pub bytes: u64,
    /// From its beginning to the end of its body.
    pub time: Duration,
}

/// A call of a model that is traced or logged.
pub struct TracedCall {
    pub(super) begun: DateTime<Utc>,
    pub(super) request: Option<Arc<TracedRequest>>,
    pub(super) trace: Option<TraceContext>,
}

impl TracedRequest {
    pub(super) fn new(begun: DateTime<Utc>, trace: Option<TraceContext>) -> Self {
        Self {
            begun,
            trace,
            call: AtomicU64::new(0),
            details: Mutex::default(),
        }
    }

    /// From now on calls are made within this span.
    pub(super) fn calls_within(&self, span: [u8; 8]) {
        self.call.store(u64::from_be_bytes(span), Ordering::Relaxed);
    }

    /// What a model that is asked now is told of the trace.
    pub(super) fn outgoing(&self) -> Option<TraceContext> {
        let mut trace = self.trace.clone()?;
        let call = self.call.load(Ordering::Relaxed);
        if call != 0 {
            trace.span_id = call.to_be_bytes();
        }
        Some(trace)
    }

    /// Adds what a call used.
    pub(super) fn note(&self, entry: &UsageEntry) {
        let mut details = self.lock();
        entry.model.clone_into(&mut details.model);
        if !entry.key_name.is_empty() {
            entry.key_name.clone_into(&mut details.key);
        }
        let tokens = entry.prompt_tokens.saturating_add(entry.completion_tokens);
        details.tokens = details.tokens.saturating_add(tokens);
    }

    pub(super) fn details(&self) -> Details {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Details> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request that the current task answers.
pub(super) fn current() -> Option<Arc<TracedRequest>> {
    REQUEST.try_with(Arc::clone).ok()
}

/// The name of the key by which the current request was let in.
pub(crate) fn note_key(name: &str) {
    // Where nothing is remembered of the request there is nothing to do.
    let _ = REQUEST.try_with(|request| name.clone_into(&mut request.lock().key));
}

/// Answers a request while it can be found.
pub async fn within<F: Future>(request: Arc<TracedRequest>, answer: F) -> F::Output {
    REQUEST.scope(request, answer).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_found_while_it_is_answered_and_nowhere_else() {
        assert!(current().is_none());
        note_key("nobody");
        let trace = TraceContext::root();
        let own = trace.span_id;
        let request = Arc::new(TracedRequest::new(DateTime::UNIX_EPOCH, Some(trace)));
        within(Arc::clone(&request), async {
            note_key("team");
            let found = current().expect("it is being answered");
            assert_eq!(found.outgoing().expect("a trace").span_id, own);
            found.calls_within([0, 0, 0, 0, 0, 0, 0, 7]);
            let told = found.outgoing().expect("a trace");
            assert_eq!(told.span_id, [0, 0, 0, 0, 0, 0, 0, 7]);
        })
        .await;
        assert_eq!(request.details().key, "team");
    }
}
