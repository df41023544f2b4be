//! `/api/v1/question/list`: questions that a page suggests, over the `questions` service.

use axum::extract::State;
use tidegate_schema::wire::{envelope::Envelope, v1::questions as wire};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Query},
    },
    app::App,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_questions_v1))
}

/// List questions that were kept with a query that answers them, over the tables that the caller may read, the most
/// asked first.
#[utoipa::path(get, path = "/api/v1/question/list", tag = "conversations", params(wire::QuestionsQuery),
    responses((status = 200, body = Envelope<Vec<wire::QuestionOut>>)))]
pub(super) async fn list_questions_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::QuestionsQuery>,
) -> Reply<Vec<wire::QuestionOut>> {
    if !query.may_find() {
        return reply(Vec::new());
    }
    let found = app.questions().suggest(&caller, query.is_hot()).await?;
    let questions = found
        .into_iter()
        .map(|one| wire::QuestionOut::of(&one.datasource, one.example));
    reply(questions.collect())
}
