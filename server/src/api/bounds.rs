//! What holds for every request, whatever its handler: foreign web pages are kept out, a body has a limit, a panic ends
//! one request only, and each is answered in the shape of the surface that was called.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use futures::{FutureExt as _, StreamExt as _};

use super::{
    shape::{Fault, Shape},
    unread::Drain,
    web::Pages,
};

/// The bounds of one listener.
pub(super) struct Bounds {
    /// Largest body.
    pub(super) body_bytes: usize,
    /// Largest body with files in it.
    pub(super) upload_bytes: usize,
    /// Whether every path of the listener is of the OpenAI surface.
    pub(super) openai: bool,
    /// Reads what is left unread.
    pub(super) drain: Arc<Drain>,
    /// The web pages that may ask.
    pub(super) pages: Pages,
}

/// Paths that take files.
const UPLOADS: [&str; 2] = [
    "/api/v1/resource/file/upload",
    "/api/v1/chat/mode/params/file/load",
];

impl Bounds {
    /// Bytes of a body of this path, and the key they are set by.
    fn of(&self, path: &str) -> (usize, &'static str) {
        if UPLOADS.contains(&path) {
            (self.upload_bytes, "limits.upload_megabytes")
        } else {
            (self.body_bytes, "server.max_body_bytes")
        }
    }
}

/// Keeps a request within its bounds.
///
/// A body without a length is counted while it is read. Whatever the reader makes of the break, the caller is told
/// what it was. What nobody reads is read beside the answer.
pub(super) async fn keep(
    State(bounds): State<Arc<Bounds>>,
    request: Request,
    next: Next,
) -> Response {
    // Who asks first whether to send at all is told by the answer.
    let request = if request.headers().contains_key(header::EXPECT) {
        request
    } else {
        request.map(|body| bounds.drain.behind(body))
    };
    let shape = Shape::of(request.uri().path(), bounds.openai);
    let (limit, key) = bounds.of(request.uri().path());
    if announced(request.headers()).is_some_and(|length| length > limit as u64) {
        return too_large(shape, limit, key);
    }
    if let Err(message) = bounds.pages.admit(&request) {
        return shape.failure(Fault::Forbidden, &message);
    }
    let mut passed = None;
    let request = if has_length(request.headers()) {
        request
    } else {
        let passed = passed.insert(Arc::new(AtomicBool::new(false)));
        request.map(|body| counted(body, limit, Arc::clone(passed)))
    };
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(_) if passed.is_some_and(|passed| passed.load(Ordering::Relaxed)) => {
            too_large(shape, limit, key)
        }
        Ok(response) => response,
        Err(panic) => {
            tracing::error!(panic = words(panic.as_ref()), "a handler panicked");
            shape.failure(Fault::Internal, "internal error; the log has the details")
        }
    }
}

fn too_large(shape: Shape, limit: usize, key: &str) -> Response {
    let message = format!("the body is larger than {limit} bytes; send less, or raise {key}");
    shape.failure(Fault::TooLarge, &message)
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Whether the body's length is known ahead, so that the connection itself ends it there.
fn has_length(headers: &HeaderMap) -> bool {
    announced(headers).is_some() && !headers.contains_key(header::TRANSFER_ENCODING)
}

/// The body, broken off behind `limit` bytes; `passed` says afterwards whether it was.
fn counted(body: Body, limit: usize, passed: Arc<AtomicBool>) -> Body {
    let mut left = limit;
    let pieces = body.into_data_stream().map(move |piece| {
        let piece = piece?;
        if let Some(rest) = left.checked_sub(piece.len()) {
            left = rest;
            return Ok(piece);
        }
        left = 0;
        passed.store(true, Ordering::Relaxed);
        Err(axum::Error::new("the body is larger than its limit"))
    });
    Body::from_stream(pieces)
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it said nothing")
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::to_bytes, http::StatusCode, routing::post};
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(path: &str, openai: bool, body: Body) -> (u16, Value) {
        let bounds = Arc::new(Bounds {
            body_bytes: 8,
            upload_bytes: 8,
            openai,
            drain: Arc::default(),
            pages: Pages::default(),
        });
        let read = |body: Body| async move {
            match to_bytes(body, usize::MAX).await {
                Ok(bytes) if bytes.is_empty() => panic!("nothing to do"),
                Ok(_) => StatusCode::OK,
                Err(_) => StatusCode::BAD_REQUEST,
            }
        };
        let router = Router::new()
            .route("/{*path}", post(read))
            .layer(axum::middleware::from_fn_with_state(bounds, keep));
        let request = axum::http::Request::post(path)
            .body(body)
            .expect("a request");
        let response = router.oneshot(request).await.expect("infallible");
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX)
            .await
            .expect("a whole body");
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn in_pieces(text: &'static [&'static str]) -> Body {
        Body::from_stream(futures::stream::iter(text).map(|&piece| Ok::<_, std::io::Error>(piece)))
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_cut_in_the_surfaces_shape() {
        assert_eq!(
            ask("/api/x", false, in_pieces(&["1234", "5678"])).await.0,
            200
        );
        let long: &[&str] = &["1234", "5678", "9"];
        let (status, body) = ask("/api/x", false, in_pieces(long)).await;
        assert_eq!((status, &body["err_code"]), (413, &json!("413")));
        let (status, body) = ask("/v1/x", false, in_pieces(long)).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (413, &json!("request_too_large"))
        );
        let (status, body) = ask("/graphql", false, in_pieces(long)).await;
        assert_eq!(
            (status, &body["errors"][0]["extensions"]["code"]),
            (413, &json!("invalid"))
        );
        let (_, body) = ask("/api/x", true, in_pieces(long)).await;
        assert_eq!(body["object"], "error");
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_in_the_surfaces_shape() {
        let (status, body) = ask("/api/x", false, Body::empty()).await;
        assert_eq!((status, &body["err_code"]), (500, &json!("500")));
        let (status, body) = ask("/v1/x", false, Body::empty()).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (500, &json!("internal_error"))
        );
        let (status, body) = ask("/graphql", false, Body::empty()).await;
        assert_eq!(
            (status, &body["errors"][0]["extensions"]["code"]),
            (500, &json!("internal"))
        );
    }
}
