//! Our extractors: who calls, and bodies and queries whose rejections are the envelope's.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{
        HeaderMap, HeaderName,
        header::{AUTHORIZATION, AsHeaderName},
        request::Parts,
    },
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

/// DB-GPT's web pages say by it who asks.
static USER: HeaderName = HeaderName::from_static("user-id");

/// The caller of a request, for every skin.
pub async fn identify(parts: &Parts, app: &App) -> Result<model::Caller, Error> {
    let bearer = text(&parts.headers, AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let loopback = app
        .config
        .web_address()
        .is_ok_and(|address| address.ip().is_loopback());
    let user = text(&parts.headers, &USER);
    app.keys().identify(bearer, user, loopback).await
}

/// A header, where it is there and is text.
pub(super) fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
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
        .map_err(|_| {
            Error::invalid(
                "body",
                format!("could not be read, or is larger than {limit} bytes"),
            )
        })
}

/// A JSON text as `T`, with an error that names the place.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid("body", "Field required"));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|e| {
        let text = String::from_utf8_lossy(bytes);
        let before: usize = text
            .split_inclusive('\n')
            .take(e.line().saturating_sub(1))
            .map(str::len)
            .sum();
        // Where the text ends too early the place is its end, else the character at fault, counted from 0.
        let offset = before
            + if e.is_eof() {
                e.column()
            } else {
                e.column().saturating_sub(1)
            };
        Error::invalid(format!("body.{offset}"), "JSON decode error")
    })?;
    from_value(&value)
}

/// A JSON value as `T`, with an error that names the field where serde tells it.
fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    if !value.is_object() {
        // serde would take a list for an object's fields in their order.
        return Err(Error::invalid("body", "Input should be a valid dictionary"));
    }
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        let message = e.into_inner().to_string();
        let missing = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next());
        let join = |field: &str| {
            if path == "." {
                format!("body.{field}")
            } else {
                format!("body.{path}.{field}")
            }
        };
        match missing {
            Some(field) => Error::invalid(join(field), "Field required"),
            None if path == "." => Error::invalid("body", in_words(&message)),
            None => Error::invalid(format!("body.{path}"), in_words(&message)),
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
        serde_path_to_error::deserialize(deserializer)
            .map(Self)
            .map_err(|e| {
                let path = e.path().to_string();
                let message = e.into_inner().to_string();
                let missing = message
                    .strip_prefix("missing field `")
                    .and_then(|rest| rest.split('`').next());
                match missing {
                    Some(field) => {
                        Error::invalid(format!("query.{field}"), "Field required").into()
                    }
                    None => Error::invalid(format!("query.{path}"), in_words(&message)).into(),
                }
            })
    }
}

/// What was expected, in the words DB-GPT's clients know, rather than in the names of our types.
fn in_words(message: &str) -> String {
    let from_text =
        message.starts_with("invalid type: string") || message.contains("found in string");
    let expected = message
        .rsplit_once("expected ")
        .map_or(message, |(_, expected)| expected);
    let (kind, parsed) = match expected {
        "f32" | "f64" | "invalid float literal" => ("number", Some("a number")),
        "i8"
        | "i16"
        | "i32"
        | "i64"
        | "u8"
        | "u16"
        | "u32"
        | "u64"
        | "usize"
        | "invalid digit found in string" => ("integer", Some("an integer")),
        "a boolean" | "provided string was not `true` or `false`" => ("boolean", None),
        "a string" => ("string", None),
        "a sequence" => ("list", None),
        other if other == "a map" || other.starts_with("struct ") => ("dictionary", None),
        _ => return message.to_owned(),
    };
    if message.starts_with("invalid value") {
        return format!("Input should be a valid {kind} within its range");
    }
    match parsed.filter(|_| from_text) {
        Some(parsed) => {
            format!("Input should be a valid {kind}, unable to parse string as {parsed}")
        }
        None => format!("Input should be a valid {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Body {
        #[expect(dead_code, reason = "only its type matters")]
        size: Option<u32>,
        #[expect(dead_code, reason = "only its type matters")]
        heat: Option<f32>,
    }

    fn refused(text: &str) -> String {
        parse::<Body>(text.as_bytes())
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn says_what_a_field_should_be_and_not_how_we_hold_it() {
        assert_eq!(
            refused(r#"{"heat": "hot"}"#),
            "body.heat: Input should be a valid number, unable to parse string as a number"
        );
        assert_eq!(
            refused(r#"{"size": true}"#),
            "body.size: Input should be a valid integer"
        );
        assert_eq!(
            refused(r#"{"size": -1}"#),
            "body.size: Input should be a valid integer within its range"
        );
        assert_eq!(refused("[1]"), "body: Input should be a valid dictionary");
    }

    #[test]
    fn names_the_place_where_json_breaks_off() {
        assert_eq!(refused("{nope"), "body.1: JSON decode error");
        assert_eq!(refused("{"), "body.1: JSON decode error");
        assert_eq!(refused("{\"a\": "), "body.6: JSON decode error");
    }
}
