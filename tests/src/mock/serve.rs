//! A request on its way: read, judged by the script, and answered or not.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json,
    body::to_bytes,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{
    Running, Shared, body, chat, completions,
    listen::Cut,
    lock, messages, responses,
    script::{Act, What},
    seen::{Dialect, Seen},
    vectors,
};

/// Largest body that is read, bytes.
const LARGEST: usize = 64 << 20;

/// Any request.
pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    if shared.down.load(Ordering::Relaxed) {
        cut.now();
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    if head.method == Method::GET {
        return look_up(&shared, &path);
    }
    let Some(dialect) = Dialect::of(&path) else {
        return told(StatusCode::NOT_FOUND, Dialect::Chat, "no such route", None);
    };
    let Some(body) = to_bytes(body, LARGEST)
        .await
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
    else {
        return told(
            StatusCode::BAD_REQUEST,
            dialect,
            "the body is no JSON",
            None,
        );
    };
    let seen = Arc::new(Seen {
        path,
        dialect,
        headers: head.headers,
        body,
    });
    let running = Running::begin(&shared);
    shared.keep(&seen);
    let act = shared.act(&seen);
    let mut response = perform(&seen, &act, &cut, running).await;
    let headers = response.headers_mut();
    headers.insert("openai-processing-ms", HeaderValue::from_static("1"));
    headers.insert(
        "x-ratelimit-remaining-requests",
        HeaderValue::from_static("99"),
    );
    response
}

async fn perform(seen: &Seen, act: &Act, cut: &Cut, running: Running) -> Response {
    if !act.after.is_zero() {
        tokio::time::sleep(act.after).await;
    }
    match &act.what {
        What::Silent => {
            // Held, so that whoever gives up on it is counted.
            let _running = running;
            std::future::pending().await
        }
        What::HangUp => {
            running.finish();
            cut.now();
            StatusCode::OK.into_response()
        }
        What::Refuse {
            status,
            headers,
            body,
        } => {
            running.finish();
            refused(seen.dialect, *status, headers, body.as_deref())
        }
        What::Raw { content_type, body } => {
            running.finish();
            ([(CONTENT_TYPE, *content_type)], body.clone()).into_response()
        }
        What::Answer { .. } => match seen.fault() {
            Some((param, message)) => {
                running.finish();
                told(StatusCode::BAD_REQUEST, seen.dialect, &message, Some(param))
            }
            None => body::respond(built(seen, act), act, running),
        },
    }
}

/// The right answer to a request, before anything is done to it.
fn built(seen: &Seen, act: &Act) -> body::Built {
    match seen.dialect {
        Dialect::Chat => chat::build(seen, act),
        Dialect::Completions => completions::build(seen, act),
        Dialect::Embeddings => body::Built::Whole(vectors::embeddings(seen)),
        Dialect::Rerank => body::Built::Whole(vectors::rerank(seen)),
        Dialect::Responses => responses::build(seen, act),
        Dialect::Messages => messages::build(seen, act),
    }
}

/// What a GET finds: the models, one of them, or the counts as JSON at `/mock/counts`.
fn look_up(shared: &Shared, path: &str) -> Response {
    if path == "/mock/counts" {
        let counts = shared.counts();
        return Json(json!({
            "requests": counts.requests, "running": counts.running, "aborted": counts.aborted,
        }))
        .into_response();
    }
    let card =
        |name: &str| json!({"id": name, "object": "model", "created": 1, "owned_by": "mock"});
    let models = lock(&shared.script).models();
    if path.ends_with("/models") {
        let data: Vec<Value> = models.iter().map(|name| card(name)).collect();
        return Json(json!({"object": "list", "data": data})).into_response();
    }
    if let Some((_, name)) = path.split_once("/models/")
        && models.iter().any(|model| model == name)
    {
        return Json(card(name)).into_response();
    }
    told(StatusCode::NOT_FOUND, Dialect::Chat, "not found", None)
}

/// A refusal as its dialect writes it, unless the script gives the words.
fn refused(
    dialect: Dialect,
    status: u16,
    headers: &[(&'static str, String)],
    body: Option<&str>,
) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    let mut response = match body {
        Some(body) => (
            status,
            [(CONTENT_TYPE, "application/json")],
            body.to_owned(),
        )
            .into_response(),
        None => told(status, dialect, "refused, as the script says", None),
    };
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}

fn told(status: StatusCode, dialect: Dialect, message: &str, param: Option<&str>) -> Response {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    };
    let body = match dialect {
        Dialect::Messages => {
            json!({"type": "error", "error": {"type": kind, "message": message}})
        }
        _ => json!({"error": {"message": message, "type": kind, "param": param, "code": null}}),
    };
    (status, Json(body)).into_response()
}
