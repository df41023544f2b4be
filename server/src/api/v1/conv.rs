//! `/api/v1/conv/feedback/…`: opinions on answers, over the `feedback` service.

use axum::extract::State;
use tidegate_schema::{
    model::Complaint,
    wire::{envelope::Envelope, v1::feedback as wire},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Json},
    },
    app::App,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_reasons_v1))
        .routes(routes!(give_feedback_v1))
        .routes(routes!(cancel_feedback_v1))
}

/// List what can be wrong with an answer.
#[utoipa::path(get, path = "/api/v1/conv/feedback/reasons", tag = "feedback",
    responses((status = 200, body = Envelope<Vec<wire::ReasonOut>>)))]
pub(super) async fn list_reasons_v1(Caller(_caller): Caller) -> Reply<Vec<wire::ReasonOut>> {
    reply(Complaint::ALL.into_iter().map(Into::into).collect())
}

/// Like or dislike the answer of a round, over what was said of it before.
#[utoipa::path(post, path = "/api/v1/conv/feedback/add", tag = "feedback", request_body = wire::FeedbackIn,
    responses((status = 200, body = Envelope<wire::FeedbackOut>)))]
pub(super) async fn give_feedback_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::FeedbackIn>,
) -> Reply<wire::FeedbackOut> {
    let (conversation, round, opinion) = body.parts()?;
    let kept = app
        .feedback()
        .give(&caller, &conversation, round, &opinion)
        .await?;
    reply(kept.into())
}

/// Take back what was said of a round's answer; nothing said is a success.
#[utoipa::path(post, path = "/api/v1/conv/feedback/cancel", tag = "feedback", request_body = wire::FeedbackKeyIn,
    responses((status = 200, body = Envelope<Vec<wire::FeedbackOut>>)))]
pub(super) async fn cancel_feedback_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::FeedbackKeyIn>,
) -> Reply<Vec<wire::FeedbackOut>> {
    let (conversation, round) = body.parts()?;
    app.feedback().cancel(&caller, &conversation, round).await?;
    // upstream answers with what is left of it, which is nothing.
    reply(Vec::new())
}
