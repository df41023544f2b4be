//! Spans for a collector, over OTLP's HTTP with protobuf bodies.
//!
//! Written out here rather than by the OpenTelemetry crates: what is sent is one kind of message with two kinds of
//! spans in it, and the four crates for it (api, SDK, exporter, bridge) would bring a second way to log, to batch and
//! to speak HTTP into the program for that.

mod wire;

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{mpsc, oneshot};

pub(super) use self::wire::{Attribute, Kind, Span};
use crate::{
    config::Observability,
    workers::{http_client, metrics},
};

/// Spans that wait for the collector; more are lost.
const BACKLOG: usize = 4096;
/// Spans sent at once, and how long they gather.
const BATCH: usize = 512;
const GATHER: Duration = Duration::from_secs(1);
/// Longest wait for the collector.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where spans go.
pub(super) struct Exporter(mpsc::Sender<Message>);

enum Message {
    Span(Box<Span>),
    Flush(oneshot::Sender<()>),
}

impl Exporter {
    /// One for the endpoint that is configured, if any.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task outlives the tracked ones, whose spans it sends; it ends with its channel"
    )]
    pub(super) fn open(settings: &Observability) -> anyhow::Result<Option<Self>> {
        let Some(url) = url(&settings.otlp_endpoint)? else {
            return Ok(None);
        };
        let collector = Collector {
            client: http_client()?,
            url,
            headers: headers(&settings.otlp_headers)?,
        };
        let (sender, messages) = mpsc::channel(BACKLOG);
        tokio::spawn(send(collector, messages));
        Ok(Some(Self(sender)))
    }

    /// Hands on a span, or loses it.
    pub(super) fn export(&self, span: Span) {
        if self.0.try_send(Message::Span(Box::new(span))).is_err() {
            metrics::shared().server().spans_dropped.inc();
        }
    }

    /// Waits a moment until every span so far was sent.
    pub(super) async fn flush(&self) {
        let (sender, sent) = oneshot::channel();
        if self.0.try_send(Message::Flush(sender)).is_ok() {
            // Where the collector takes longer the spans are lost with the process.
            let _ = tokio::time::timeout(PATIENCE, sent).await;
        }
    }
}

/// Where traces are taken below an endpoint; none where none is configured.
fn url(endpoint: &str) -> anyhow::Result<Option<reqwest::Url>> {
    const PATH: &str = "/v1/traces";
    if endpoint.is_empty() {
        return Ok(None);
    }
    let base = endpoint.trim_end_matches('/');
    let whole = if base.ends_with(PATH) {
        base.to_owned()
    } else {
        format!("{base}{PATH}")
    };
    let url = reqwest::Url::parse(&whole)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .context(
            "observability.otlp_endpoint: must be an http or https URL, as http://localhost:4318",
        )?;
    Ok(Some(url))
}

/// Headers as `name=value,name=value`.
fn headers(text: &SecretString) -> anyhow::Result<reqwest::header::HeaderMap> {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    let mut headers = HeaderMap::new();
    let pairs = text.expose_secret().split(',').map(str::trim);
    for (place, pair) in pairs.filter(|pair| !pair.is_empty()).enumerate() {
        // The pair itself may be a secret, so its place is told alone.
        let bad = || {
            format!(
                "observability.otlp_headers: header {} is not of the form name=value",
                place + 1
            )
        };
        let (name, value) = pair.split_once('=').with_context(bad)?;
        let name: HeaderName = name.trim().parse().with_context(bad)?;
        let mut value: HeaderValue = value.trim().parse().with_context(bad)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

struct Collector {
    client: reqwest::Client,
    url: reqwest::Url,
    headers: reqwest::header::HeaderMap,
}

impl Collector {
    /// Sends spans; what kept it from that, without the URL, which may hold a secret.
    async fn post(&self, spans: &[Span]) -> Result<(), String> {
        let response = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header("content-type", "application/x-protobuf")
            .timeout(PATIENCE)
            .body(wire::request(spans))
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(format!("it answered {}", response.status()))
        }
    }
}

/// Sends what comes until nobody can hand on any more. A collector that is not there loses spans; they are not tried
/// again, as those that follow would be lost for them.
async fn send(collector: Collector, mut messages: mpsc::Receiver<Message>) {
    let mut received = Vec::with_capacity(BATCH);
    let mut told = false;
    while messages.recv_many(&mut received, BATCH).await > 0 {
        let gathering = async {
            while received.len() < BATCH && !ends_with_flush(&received) {
                let room = BATCH - received.len();
                if messages.recv_many(&mut received, room).await == 0 {
                    return;
                }
            }
        };
        // What came before time was up stays in the list.
        let _ = tokio::time::timeout(GATHER, gathering).await;
        let mut spans = Vec::with_capacity(received.len());
        let mut waiting = Vec::new();
        for message in received.drain(..) {
            match message {
                Message::Span(span) => spans.push(*span),
                Message::Flush(sender) => waiting.push(sender),
            }
        }
        if !spans.is_empty() {
            match collector.post(&spans).await {
                Ok(()) => told = false,
                Err(reason) => {
                    metrics::shared()
                        .server()
                        .spans_dropped
                        .inc_by(spans.len() as u64);
                    if !told {
                        told = true;
                        tracing::warn!(
                            reason,
                            "spans could not be exported; look at observability.otlp_endpoint"
                        );
                    }
                }
            }
        }
        for sender in waiting {
            // Whoever waited may have left.
            let _ = sender.send(());
        }
    }
}

fn ends_with_flush(received: &[Message]) -> bool {
    received
        .iter()
        .any(|message| matches!(message, Message::Flush(_)))
}

/// Nanoseconds since 1970, as OTLP has times.
fn nanoseconds(at: DateTime<Utc>) -> u64 {
    at.timestamp_nanos_opt()
        .map_or(0, |nanoseconds| nanoseconds.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_with_or_without_its_path() {
        let of = |text: &str| url(text).map(|url| url.map(String::from));
        assert_eq!(of("").expect("off"), None);
        for good in ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"] {
            let found = of(good).expect("a URL");
            assert_eq!(found.as_deref(), Some("http://c:4318/v1/traces"));
        }
        for bad in ["c:4318", "grpc://c:4317", "no url"] {
            let error = of(bad).expect_err(bad).to_string();
            assert!(
                error.starts_with("observability.otlp_endpoint: "),
                "{error}"
            );
        }
    }

    #[test]
    fn headers_are_pairs_and_a_bad_one_is_not_repeated() {
        let of = |text: &str| headers(&SecretString::from(text));
        assert!(of("").expect("none").is_empty());
        let two = of("authorization=Bearer a=b, x-team = core").expect("two");
        assert_eq!(two["authorization"], "Bearer a=b");
        assert_eq!(two["x-team"], "core");
        let error = of("x=1,s3cret").expect_err("no pair").to_string();
        assert!(
            error.contains("header 2") && !error.contains("s3cret"),
            "{error}"
        );
    }
}
