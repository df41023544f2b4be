//! Removing, clearing and naming conversations, and finding them again.

use axum::extract::{Request, State};
use tidegate_schema::wire::{envelope::Envelope, v1::conversations as wire};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Json, Query, body_bytes, parse},
    },
    app::App,
};

/// Routes of this file.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(delete_conversation_v1))
        .routes(routes!(clear_conversation_v1))
        .routes(routes!(rename_conversation_v1))
        .routes(routes!(search_conversations_v1))
        .routes(routes!(search_conversations_by_body_v1))
}

/// Remove a conversation with its messages and files; an unknown one is a success.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/delete", tag = "conversations", params(wire::ConversationKey),
    responses((status = 200, body = Envelope<wire::Nothing>)))]
pub(super) async fn delete_conversation_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(key): Query<wire::ConversationKey>,
) -> Reply<Option<wire::Nothing>> {
    app.conversations().delete(&caller, &key.id()?).await?;
    reply(None)
}

/// Remove a conversation's messages and title; an unknown one is a success.
///
/// It is in no list until something is asked in it again.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/clear", tag = "conversations", params(wire::ConversationKey),
    responses((status = 200, body = Envelope<wire::Nothing>)))]
pub(super) async fn clear_conversation_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(key): Query<wire::ConversationKey>,
) -> Reply<Option<wire::Nothing>> {
    app.conversations().clear(&caller, &key.id()?).await?;
    reply(None)
}

/// Give a conversation a title that stays, whatever is asked in it.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/rename", tag = "conversations", request_body = wire::RenameIn,
    responses((status = 200, body = Envelope<wire::ConversationOut>)))]
pub(super) async fn rename_conversation_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::RenameIn>,
) -> Reply<wire::ConversationOut> {
    let id = body.conversation()?;
    let renamed = app
        .conversations()
        .rename(&caller, &id, &body.title)
        .await?;
    reply(renamed.into())
}

/// Find the conversations that hold every word of `q` in their title, questions or answers, newest first.
///
/// Each comes with the text around the words, and the round it stands in.
#[utoipa::path(get, path = "/api/v1/chat/dialogue/search", tag = "conversations", params(wire::SearchIn),
    responses((status = 200, body = Envelope<wire::FoundPage>)))]
pub(super) async fn search_conversations_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(asked): Query<wire::SearchIn>,
) -> Reply<wire::FoundPage> {
    found(&app, &caller, &asked).await
}

/// The same with what is looked for in the query, the body, or both; the query counts first.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/search", tag = "conversations", params(wire::SearchIn),
    request_body = wire::SearchIn, responses((status = 200, body = Envelope<wire::FoundPage>)))]
pub(super) async fn search_conversations_by_body_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(asked): Query<wire::SearchIn>,
    request: Request,
) -> Reply<wire::FoundPage> {
    let body = body_bytes(request, &app).await?;
    let asked = if body.iter().all(u8::is_ascii_whitespace) {
        asked
    } else {
        asked.or(parse(&body)?)
    };
    found(&app, &caller, &asked).await
}

async fn found(
    app: &App,
    caller: &tidegate_schema::model::Caller,
    asked: &wire::SearchIn,
) -> Reply<wire::FoundPage> {
    let (filter, page) = asked.parts();
    let text = asked.q.as_deref().unwrap_or_default();
    let (found, words) = app
        .conversations()
        .search(caller, text, filter, page)
        .await?;
    let items = found
        .items
        .into_iter()
        .map(|one| wire::FoundOut::of(one.conversation, one.mention, &words));
    reply(wire::FoundPage {
        items: items.collect(),
        total_count: found.total,
        total_pages: found.total.div_ceil(u64::from(page.size.max(1))),
        page: page.number,
        page_size: page.size,
    })
}
