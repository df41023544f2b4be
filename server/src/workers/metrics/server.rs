//! What the server tells of itself: requests it answered, and what it let fall rather than wait.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::names;

type HttpLabels = (
    [(&'static str, &'static str); 1],
    [(&'static str, Cow<'static, str>); 2],
);

/// Series by method and status.
type OfRoute = HashMap<(&'static str, u16), Histogram>;

/// Numbers of the server.
pub struct Server {
    http: Family<HttpLabels, Histogram, fn() -> Histogram>,
    /// Those of `http` that were counted before, by route: to find one by all its labels takes far longer.
    known: RwLock<HashMap<String, OfRoute>>,
    /// Rows of usage that were stored.
    pub usage_stored: Counter,
    /// Rows of usage that were lost.
    pub usage_dropped: Counter,
    /// Lines of the access log that were lost.
    pub lines_dropped: Counter,
    /// Spans that were not exported.
    pub spans_dropped: Counter,
}

/// Bounds that OpenTelemetry advises for HTTP, with three more for answers that take a model's time.
fn http() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0,
        60.0, 120.0,
    ])
}

/// The methods there are; whatever else a caller sends shares one series.
fn known(method: &str) -> &'static str {
    const METHODS: [&str; 9] = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE",
    ];
    METHODS
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("_OTHER")
}

impl Server {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new = Self {
            http: Family::new_with_constructor(http as fn() -> Histogram),
            known: RwLock::default(),
            usage_stored: Counter::default(),
            usage_dropped: Counter::default(),
            lines_dropped: Counter::default(),
            spans_dropped: Counter::default(),
        };
        registry.register_with_unit(
            names::HTTP_DURATION,
            "From a request to the end of its response",
            Unit::Seconds,
            new.http.clone(),
        );
        for (name, help, counter) in [
            (
                names::USAGE_STORED,
                "Rows of usage that were stored",
                &new.usage_stored,
            ),
            (
                names::USAGE_DROPPED,
                "Rows of usage that were lost because the store was slower than the calls",
                &new.usage_dropped,
            ),
            (
                names::LINES_DROPPED,
                "Lines of the access log that were lost because its file was slower than the requests",
                &new.lines_dropped,
            ),
            (
                names::SPANS_DROPPED,
                "Spans that were not exported because the collector was slow or not there",
                &new.spans_dropped,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        new
    }

    /// A request was answered. `route` is the template of its path; none where no route has it.
    pub fn answered(&self, method: &str, route: Option<&str>, status: u16, time: Duration) {
        let route = route.unwrap_or_default();
        let of_route = (known(method), status);
        let seen = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(http) = seen.get(route).and_then(|seen| seen.get(&of_route)) {
            http.observe(time.as_secs_f64());
            return;
        }
        drop(seen);
        let labels = (
            [(names::METHOD, known(method))],
            [
                (names::ROUTE, Cow::Owned(route.to_owned())),
                (names::STATUS, Cow::Owned(status.to_string())),
            ],
        );
        let http = self.http.get_or_create_owned(&labels);
        http.observe(time.as_secs_f64());
        let mut seen = self.known.write().unwrap_or_else(PoisonError::into_inner);
        seen.entry(route.to_owned())
            .or_default()
            .insert(of_route, http);
    }
}

#[cfg(test)]
mod tests {
    use super::super::shared;
    use super::*;

    #[test]
    fn requests_are_told_by_route_and_unknown_methods_share_a_series() {
        let server = shared().server();
        server.answered(
            "POST",
            Some("/v1/chat/completions"),
            200,
            Duration::from_millis(500),
        );
        server.answered("BREW", None, 404, Duration::from_millis(1));
        let text = shared().text().expect("text");
        for line in [
            "http_server_request_duration_seconds_sum{http_request_method=\"POST\",\
             http_route=\"/v1/chat/completions\",http_response_status_code=\"200\"} 0.5",
            "http_server_request_duration_seconds_count{http_request_method=\"_OTHER\",\
             http_route=\"\",http_response_status_code=\"404\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
