//! Our extractors: who calls, and bodies and queries whose rejections are the envelope's.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tidegate_schema::{Error, model};

use super::envelope::Problem;
use crate::app::App;

/// Whoever calls, found from the bearer key and the `user-id` header.
///
/// Rejects with 401 in the envelope.
pub struct Caller(pub model::Caller);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self(identify(parts, app).await?))
    }
}

/// The caller of a request, for every skin.
pub async fn identify(parts: &Parts, app: &App) -> Result<model::Caller, Error> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let loopback = app.config.web_address().is_ok_and(|address| address.ip().is_loopback());
    app.keys().identify(bearer, header("user-id"), loopback).await
}

/// A JSON body. `Content-Type` is not insisted on: old clients send none.
///
/// Rejects with 400/E0001, naming the place in the body.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = body_bytes(request, app).await.map_err(Problem::from)?;
        parse(&bytes).map(Self).map_err(Problem::from)
    }
}

/// The whole body, refused early when it is too large.
pub async fn body_bytes(request: Request, app: &App) -> Result<axum::body::Bytes, Error> {
    let limit = app.config.server.max_body_bytes;
    axum::body::to_bytes(request.into_body(), limit)
        .await
        .map_err(|_| Error::invalid("body", format!("could not be read, or is larger than {limit} bytes")))
}

/// A JSON text as `T`, with an error that names the place.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid("body", "Field required"));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|e| {
        let text = String::from_utf8_lossy(bytes);
        let offset: usize = text.split_inclusive('\n').take(e.line() - 1).map(str::len).sum::<usize>() + e.column();
        Error::invalid(format!("body.{offset}"), "JSON decode error")
    })?;
    from_value(value)
}

/// A JSON value as `T`, with an error that names the field where serde tells it.
fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(&value).map_err(|e| {
        let path = e.path().to_string();
        let message = e.into_inner().to_string();
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let join = |field: &str| if path == "." { format!("body.{field}") } else { format!("body.{path}.{field}") };
        match missing {
            Some(field) => Error::invalid(join(field), "Field required"),
            None if path == "." => Error::invalid("body", message),
            None => Error::invalid(format!("body.{path}"), message),
        }
    })
}

/// Query parameters.
///
/// Rejects with 400/E0001, naming the parameter.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let text = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        let deserializer = serde_urlencoded::Deserializer::new(pairs);
        serde_path_to_error::deserialize(deserializer).map(Self).map_err(|e| {
            let path = e.path().to_string();
            let message = e.into_inner().to_string();
            let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
            match missing {
                Some(field) => Error::invalid(format!("query.{field}"), "Field required").into(),
                None => Error::invalid(format!("query.{path}"), message).into(),
            }
        })
    }
}
