//! `/api/v1/chat/topic/…`: stopping what is being answered.

use axum::extract::State;
use tidegate_schema::{
    Error,
    wire::{
        envelope::Envelope,
        v1::{chat::StopQuery, conversations::Nothing},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Query},
    },
    app::App,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(stop_turn_v1))
}

/// Stop the turn of a conversation.
///
/// The model stops writing, the database's query is cancelled, and what was said is stored, marked as cut, before this
/// answers; the turn's own stream ends with it. A conversation in which nothing is being answered is a success too, as
/// `data` is null either way. To go on, ask again, or send `ext_info: {"resume": true}` with an empty `user_input`.
#[utoipa::path(post, path = "/api/v1/chat/topic/terminate", tag = "chat", params(StopQuery),
    responses((status = 200, body = Envelope<Nothing>, example = json!({
        "success": true, "err_code": null, "err_msg": null, "data": null
    }))))]
pub(super) async fn stop_turn_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<StopQuery>,
) -> Reply<Option<Nothing>> {
    match app.chat().stop(&caller, &query.id()?).await {
        Ok(_) => reply(None),
        // The code of DB-GPT's for it.
        Err(error @ Error::Timeout { .. }) => Err(Problem::handled("E0102", error.to_string())),
        Err(error) => Err(error.into()),
    }
}
