//! Extractors of the routes between processes: who calls, and bodies and queries read field by field.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use serde_json::{Map, Value};
use tidegate_schema::wire::cluster::{PEER_HEADER, body, query};

use super::refused::Refused;
use crate::{api::extract::body_bytes, app::App, services::cluster};

/// Another process.
pub(in crate::api) struct Peer {
    /// What it may do.
    pub(in crate::api) peer: cluster::Peer,
    /// Whether it is one of ours, which understands more than DB-GPT's.
    pub(in crate::api) ours: bool,
}

impl FromRequestParts<App> for Peer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let bearer = header("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let loopback = app
            .config
            .web_address()
            .is_ok_and(|address| address.ip().is_loopback());
        Ok(Self {
            peer: app.cluster().admit(bearer, loopback).await?,
            ours: header(PEER_HEADER).is_some(),
        })
    }
}

/// A body that is a JSON object; its fields are for whoever reads them.
pub(in crate::api) struct Fields(pub(in crate::api) Map<String, Value>);

impl FromRequest<App> for Fields {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let bytes = body_bytes(request, app).await?;
        Ok(Self(body(&bytes)?))
    }
}

/// The parameters of a query, likewise.
pub(in crate::api) struct Parameters(pub(in crate::api) Map<String, Value>);

impl FromRequestParts<App> for Parameters {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refused> {
        let text = parts.uri.query().unwrap_or_default();
        Ok(Self(query(url::form_urlencoded::parse(text.as_bytes()))))
    }
}
