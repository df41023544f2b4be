//! `/api/v1/editor/examples/…`: questions with the queries that answer them, over the `examples` service.

use axum::extract::State;
use tidegate_schema::{
    model::ExampleId,
    wire::{envelope::Envelope, v1::examples as wire},
};
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
        .routes(routes!(create_example_v1))
        .routes(routes!(accept_answer_v1))
        .routes(routes!(list_examples_v1))
        .routes(routes!(delete_example_v1))
}

/// Keep a question with the query that answers it, in the place of one with the same question.
///
/// The query has to run: it is judged and planned first. It takes the right to manage datasources.
#[utoipa::path(post, path = "/api/v1/editor/examples/add", tag = "editor", request_body = wire::ExampleIn,
    responses((status = 200, body = Envelope<wire::ExampleOut>)))]
pub(super) async fn create_example_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::ExampleIn>,
) -> Reply<wire::ExampleOut> {
    let kept = app
        .examples()
        .add(&caller, &body.db_name, &body.question, &body.sql)
        .await?;
    reply(kept.into())
}

/// Accept the answer to a round of a conversation, or another query in its place: it is kept as an example.
///
/// Whoever may ask may accept an answer as it is, if it is the first of its conversation. Another query, and an answer
/// that earlier rounds may have steered, take the right to manage datasources.
#[utoipa::path(post, path = "/api/v1/editor/examples/accept", tag = "editor", request_body = wire::AcceptIn,
    responses((status = 200, body = Envelope<wire::ExampleOut>)))]
pub(super) async fn accept_answer_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::AcceptIn>,
) -> Reply<wire::ExampleOut> {
    let conversation = body.conversation()?;
    let edited = body.sql.as_deref().filter(|sql| !sql.trim().is_empty());
    let kept = app
        .examples()
        .accept(&caller, &conversation, body.conv_round, edited)
        .await?;
    reply(kept.into())
}

/// List the examples of a datasource whose tables the caller may read, newest first.
#[utoipa::path(get, path = "/api/v1/editor/examples/list", tag = "editor", params(wire::ExamplesQuery),
    responses((status = 200, body = Envelope<Vec<wire::ExampleOut>>)))]
pub(super) async fn list_examples_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::ExamplesQuery>,
) -> Reply<Vec<wire::ExampleOut>> {
    let found = app
        .examples()
        .list(&caller, &query.db_name, query.after(), query.most())
        .await?;
    reply(found.into_iter().map(Into::into).collect())
}

/// Remove an example. Answers whether there was one that the caller may see.
#[utoipa::path(post, path = "/api/v1/editor/examples/delete", tag = "editor", params(wire::ExampleKey),
    responses((status = 200, body = Envelope<bool>)))]
pub(super) async fn delete_example_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(key): Query<wire::ExampleKey>,
) -> Reply<bool> {
    reply(app.examples().remove(&caller, ExampleId(key.id)).await?)
}
