//! What can be watched from outside beside `/metrics`: the log, the access log, and spans for a collector.
//!
//! The log goes to standard error. The access log and the spans are off unless they are configured; then lines and
//! spans go through bounded channels to writers of their own, and what finds no room is lost and counted. Switched off
//! they cost a look at an empty option.

mod access;
mod otlp;
pub mod propagation;
mod requests;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tidegate_schema::model::UsageEntry;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

pub(crate) use self::requests::note_key;
pub use self::requests::{Answered, TracedCall, TracedRequest, within};
use self::{
    access::{AccessLog, Line},
    otlp::{Attribute, Exporter, Kind, Span},
    propagation::TraceContext,
};
use crate::{
    config::{Log, Observability},
    workers::metrics,
};

/// Installs the subscriber once; a second call is ignored.
pub fn install(log: &Log) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // The library's warnings are about TLS that is done for it, and it logs every refused statement as an error.
    let filter = match "tiberius=off".parse() {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let done = if log.format == "json" {
        registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .with_writer(std::io::stderr),
            )
            .try_init()
    } else {
        registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_target(false)
                    .with_writer(std::io::stderr),
            )
            .try_init()
    };
    if done.is_err() {
        tracing::debug!("a subscriber is installed already");
    }
}

/// The access log and the spans. Cheap to clone.
#[derive(Clone, Default)]
pub struct Telemetry(Arc<Writers>);

#[derive(Default)]
struct Writers {
    access: Option<AccessLog>,
    spans: Option<Exporter>,
}

impl Telemetry {
    /// Opens what is configured.
    ///
    /// # Errors
    /// A file that cannot be opened, an endpoint that is no URL; both name the key.
    pub(crate) fn open(settings: &Observability) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Writers {
            access: AccessLog::open(&settings.access_log)?,
            spans: Exporter::open(settings)?,
        })))
    }

    /// What is to be remembered of a request while it is answered; none where nobody would read it. `traceparent` and
    /// `tracestate` are the headers by which its caller traces it.
    pub fn begin_request(
        &self,
        now: DateTime<Utc>,
        traceparent: Option<&str>,
        tracestate: Option<&str>,
    ) -> Option<Arc<TracedRequest>> {
        let theirs = traceparent.and_then(|text| TraceContext::read(text, tracestate));
        let trace = match (theirs, &self.0.spans) {
            // Its own span stands between the caller's and those of its calls.
            (Some(theirs), Some(_)) => Some(theirs.child()),
            (Some(theirs), None) => Some(theirs),
            (None, Some(_)) => Some(TraceContext::root()),
            (None, None) if self.0.access.is_none() => return None,
            (None, None) => None,
        };
        Some(Arc::new(TracedRequest::new(now, trace)))
    }

    /// A request was answered to the end of its body, or was left by its caller.
    pub fn end_request(&self, request: Option<&TracedRequest>, answered: Answered<'_>) {
        metrics::shared().server().answered(
            answered.method,
            answered.route,
            answered.status,
            answered.time,
        );
        let Some(request) = request else { return };
        let details = request.details();
        if let Some(access) = &self.0.access {
            access.write(Line {
                time: request.begun,
                request_id: answered.request_id.unwrap_or_default().to_owned(),
                method: answered.method.to_owned(),
                route: answered.route.unwrap_or_default().to_owned(),
                status: answered.status,
                ms: answered.time.as_secs_f64() * 1000.0,
                bytes: answered.bytes,
                key: details.key.clone(),
                model: details.model,
                tokens: details.tokens,
            });
        }
        if let (Some(spans), Some(trace)) = (&self.0.spans, &request.trace)
            && trace.sampled
        {
            let route = answered.route.unwrap_or_default();
            let mut attributes: Vec<(&'static str, Attribute)> = vec![
                ("http.request.method", answered.method.into()),
                ("http.route", route.into()),
                (
                    "http.response.status_code",
                    i64::from(answered.status).into(),
                ),
            ];
            if !details.key.is_empty() {
                attributes.push(("tidegate.key", details.key.as_str().into()));
            }
            if answered.status >= 500 {
                attributes.push(("error.type", answered.status.to_string().as_str().into()));
            }
            spans.export(Span {
                trace_id: trace.trace_id,
                id: trace.span_id,
                parent: trace.parent,
                name: format!("{} {route}", answered.method).trim_end().to_owned(),
                kind: Kind::Server,
                begun: request.begun,
                time: answered.time,
                attributes,
                failed: answered.status >= 500,
            });
        }
    }

    /// What is to be remembered of a call of a model; none where nobody would read it. To be asked in the task that
    /// answers the request.
    pub fn begin_call(&self, now: DateTime<Utc>) -> Option<TracedCall> {
        let request = requests::current();
        let spans = self.0.spans.is_some();
        if request.is_none() && !spans {
            return None;
        }
        let trace = spans.then(|| match request.as_ref().and_then(|it| it.trace.as_ref()) {
            Some(trace) => trace.child(),
            None => TraceContext::root(),
        });
        if let (Some(request), Some(trace)) = (&request, &trace) {
            request.calls_within(trace.span_id);
        }
        Some(TracedCall {
            begun: now,
            request,
            trace,
        })
    }

    /// A call has ended.
    pub fn end_call(&self, call: TracedCall, entry: &UsageEntry, time: Duration) {
        let TracedCall {
            begun,
            request,
            trace,
        } = call;
        if let Some(request) = request {
            request.note(entry);
        }
        if let (Some(spans), Some(trace)) = (&self.0.spans, trace)
            && trace.sampled
        {
            spans.export(call_span(begun, &trace, entry, time));
        }
    }

    /// Waits a moment until everything so far is written.
    pub async fn flush(&self) {
        if let Some(access) = &self.0.access {
            access.flush().await;
        }
        if let Some(spans) = &self.0.spans {
            spans.flush().await;
        }
    }
}

/// A call by the names that OpenTelemetry has for generative AI.
fn call_span(
    begun: DateTime<Utc>,
    trace: &TraceContext,
    entry: &UsageEntry,
    time: Duration,
) -> Span {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let operation = entry.operation.name();
    let mut attributes: Vec<(&'static str, Attribute)> = vec![
        ("gen_ai.operation.name", operation.into()),
        ("gen_ai.request.model", entry.model.as_str().into()),
        (
            "gen_ai.usage.input_tokens",
            count(entry.prompt_tokens).into(),
        ),
        (
            "gen_ai.usage.output_tokens",
            count(entry.completion_tokens).into(),
        ),
        ("tidegate.status", entry.status.name().into()),
    ];
    for (name, text) in [
        ("gen_ai.response.model", &entry.served_by),
        ("tidegate.key", &entry.key_name),
        ("error.type", &entry.error),
    ] {
        if !text.is_empty() {
            attributes.push((name, text.as_str().into()));
        }
    }
    if let Some(first) = entry.first_token_ms {
        attributes.push(("tidegate.time_to_first_token_ms", count(first).into()));
    }
    Span {
        trace_id: trace.trace_id,
        id: trace.span_id,
        parent: trace.parent,
        name: format!("{operation} {}", entry.model),
        kind: Kind::Client,
        begun,
        time,
        attributes,
        failed: !entry.error.is_empty(),
    }
}
