//! What is seen of every request from outside: how long it took to the end of its body, and what came of it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};

use super::extract::text;
use crate::{
    app::App,
    telemetry::{Answered, Telemetry, TracedRequest, within},
};

/// The status of a request whose caller left before it was answered, as web servers log it.
const LEFT: u16 = 499;

static TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Watches a request until its answer has been sent, or its caller left.
pub(super) async fn watch(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let parent = text(headers, &TRACE_PARENT);
    let state = parent.and_then(|_| text(headers, &TRACE_STATE));
    let traced = app.telemetry.begin_request(app.clock.now(), parent, state);
    let mut watch = Watch {
        telemetry: app.telemetry.clone(),
        traced: traced.clone(),
        method: request.method().clone(),
        route: request.extensions().get::<MatchedPath>().cloned(),
        request_id: headers.get(&REQUEST_ID).cloned(),
        begun: Instant::now(),
        status: LEFT,
        bytes: 0,
    };
    let response = match traced {
        Some(traced) => within(traced, next.run(request)).await,
        None => next.run(request).await,
    };
    watch.status = response.status().as_u16();
    response.map(|body| Body::new(Watched { body, watch }))
}

/// A request that is being answered. It is over when this is dropped.
struct Watch {
    telemetry: Telemetry,
    traced: Option<Arc<TracedRequest>>,
    method: Method,
    route: Option<MatchedPath>,
    request_id: Option<HeaderValue>,
    begun: Instant,
    status: u16,
    bytes: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.telemetry.end_request(
            self.traced.as_deref(),
            Answered {
                method: self.method.as_str(),
                route: self.route.as_ref().map(MatchedPath::as_str),
                request_id: self.request_id.as_ref().and_then(|id| id.to_str().ok()),
                status: self.status,
                bytes: self.bytes,
                time: self.begun.elapsed(),
            },
        );
    }
}

/// A body whose bytes are counted. Its fields are dropped in this order, so that what the body counts at its end is
/// counted before the request is over.
struct Watched {
    body: Body,
    watch: Watch,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.watch.bytes += data.len() as u64;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use chrono::DateTime;

    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn a_body_passes_unchanged_and_the_log_has_its_length() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("access.log");
        let mut settings = Config::builtin_defaults().observability;
        settings.access_log = path.display().to_string();
        let telemetry = Telemetry::open(&settings).expect("opens");
        let traced = telemetry.begin_request(DateTime::UNIX_EPOCH, None, None);
        assert!(traced.is_some(), "somebody reads the log");
        let watch = Watch {
            telemetry: telemetry.clone(),
            traced,
            method: Method::PUT,
            route: None,
            request_id: Some(HeaderValue::from_static("r-1")),
            begun: Instant::now(),
            status: 207,
            bytes: 0,
        };
        let body = Watched {
            body: Body::from("tide"),
            watch,
        };
        assert_eq!(body.size_hint().exact(), Some(4));
        let bytes = to_bytes(Body::new(body), 10).await.expect("a body");
        assert_eq!(bytes, "tide");
        telemetry.flush().await;
        let line = std::fs::read_to_string(&path).expect("a log");
        for part in ["\"request_id\":\"r-1\"", "\"status\":207", "\"bytes\":4"] {
            assert!(line.contains(part), "{part} in {line}");
        }
        let off = Telemetry::default();
        assert!(
            off.begin_request(DateTime::UNIX_EPOCH, None, None)
                .is_none()
        );
    }
}
