//! `/api/v1/feedback/…`: opinions on answers as older pages give them, over the `feedback` service.

use axum::extract::State;
use tidegate_schema::wire::{envelope::Envelope, v1::feedback as wire};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Json, Query},
    },
    app::App,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_topics_v1))
        .routes(routes!(find_opinion_v1))
        .routes(routes!(give_opinion_v1))
}

/// List what questions can be about.
#[utoipa::path(get, path = "/api/v1/feedback/select", tag = "feedback",
    responses((status = 200, body = Envelope<wire::TopicsOut>)))]
pub(super) async fn list_topics_v1(Caller(_caller): Caller) -> Reply<wire::TopicsOut> {
    reply(wire::TopicsOut::known())
}

/// Show what was said of a round's answer; null where nothing was.
#[utoipa::path(get, path = "/api/v1/feedback/find", tag = "feedback", params(wire::OpinionQuery),
    responses((status = 200, body = Envelope<wire::OpinionBody>)))]
pub(super) async fn find_opinion_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::OpinionQuery>,
) -> Reply<Option<wire::OpinionBody>> {
    let (conversation, round) = query.parts()?;
    let found = app.feedback().find(&caller, &conversation, round).await?;
    reply(found.and_then(wire::OpinionBody::of))
}

/// Keep what is said of a round's answer, over what was said of it before.
#[utoipa::path(post, path = "/api/v1/feedback/commit", tag = "feedback", request_body = wire::OpinionBody,
    responses((status = 200, body = Envelope<bool>)))]
pub(super) async fn give_opinion_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::OpinionBody>,
) -> Reply<bool> {
    let (conversation, round, opinion) = body.parts()?;
    app.feedback()
        .give(&caller, &conversation, round, &opinion)
        .await?;
    reply(true)
}
