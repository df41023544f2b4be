//! `/api/v1/chat/dialogue/…`: conversations, over the `conversations` service. What changes one is in `keeping`, what
//! carries them in and out in `transfer`.

mod keeping;
mod transfer;

use axum::extract::{Request, State};
use tidegate_schema::{
    model::ChatMode,
    wire::{
        envelope::Envelope,
        v1::{conversations as wire, scenes::SceneOut},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Json, Query, body_bytes},
        health::{Health, get_health},
    },
    app::App,
};

/// Routes of this file and its folder.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_conversation_v1))
        .routes(routes!(list_conversations_v1))
        .routes(routes!(query_conversations_v1))
        .routes(routes!(query_conversation_v1))
        .routes(routes!(list_scenes_v1))
        .routes(routes!(list_messages_v1))
        .routes(routes!(list_messages_short_v1))
        .routes(routes!(get_conversations_health_v1))
        .merge(keeping::routes())
        .merge(transfer::routes())
}

/// Mint a conversation's id; nothing is stored before the first question.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/new", tag = "conversations", params(wire::NewConversationQuery),
    responses((status = 200, body = Envelope<wire::ConversationOut>)))]
pub(super) async fn create_conversation_v1(
    State(app): State<App>,
    Caller(_caller): Caller,
    Query(query): Query<wire::NewConversationQuery>,
    request: Request,
) -> Reply<wire::ConversationOut> {
    // the old page sends the mode in the body only; no body, or one that is not JSON, is no error.
    let body = body_bytes(request, &app).await?;
    let body: wire::NewConversationIn = serde_json::from_slice(&body).unwrap_or_default();
    let mode = [&query.chat_mode, &body.chat_mode]
        .into_iter()
        .flatten()
        .find(|mode| !mode.is_empty())
        .cloned()
        .unwrap_or_else(|| ChatMode::Normal.name().to_owned());
    let id = uuid::Uuid::new_v4().to_string();
    reply(wire::ConversationOut::minted(id, mode, query))
}

/// List conversations, newest first.
#[utoipa::path(get, path = "/api/v1/chat/dialogue/list", tag = "conversations", params(wire::ConversationQuery),
    responses((status = 200, body = Envelope<Vec<wire::ConversationOut>>)))]
pub(super) async fn list_conversations_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::ConversationQuery>,
) -> Reply<Vec<wire::ConversationOut>> {
    let (filter, page) = query.parts();
    let found = app.conversations().page(&caller, &filter, page).await?;
    reply(found.into_iter().map(Into::into).collect())
}

/// Show a page of the conversations that a filter lets through, newest first, and how many there are.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/query_page", tag = "conversations", params(wire::PageQuery),
    request_body = wire::ConversationFilterIn, responses((status = 200, body = Envelope<wire::ConversationPage>)))]
pub(super) async fn query_conversations_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(page): Query<wire::PageQuery>,
    Json(filter): Json<wire::ConversationFilterIn>,
) -> Reply<wire::ConversationPage> {
    let page = page.page();
    let found = app
        .conversations()
        .list(&caller, &filter.into(), page)
        .await?;
    reply(wire::ConversationPage::of(found, page))
}

/// Show the one conversation that a filter means; null where it means none, a failure where it means several.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/query", tag = "conversations",
    request_body = wire::ConversationFilterIn, responses((status = 200, body = Envelope<wire::ConversationOut>)))]
pub(super) async fn query_conversation_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(filter): Json<wire::ConversationFilterIn>,
) -> Reply<Option<wire::ConversationOut>> {
    let found = app
        .conversations()
        .find_one(&caller, &filter.into())
        .await?;
    reply(found.map(Into::into))
}

/// List the chat scenes that are answered.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/scenes", tag = "conversations",
    responses((status = 200, body = Envelope<Vec<SceneOut>>)))]
pub(super) async fn list_scenes_v1(Caller(_caller): Caller) -> Reply<Vec<SceneOut>> {
    // upstream lists all six, answered or not; talk without a scene is not among them.
    let shown = ChatMode::ALL
        .into_iter()
        .filter(|mode| mode.is_answered() && *mode != ChatMode::Normal);
    reply(shown.map(Into::into).collect())
}

/// List a conversation's messages with the opinions on them; none for an unknown one.
#[utoipa::path(get, path = "/api/v1/chat/dialogue/messages/history", tag = "conversations",
    params(wire::ConversationKey), responses((status = 200, body = Envelope<Vec<wire::MessageOut>>)))]
pub(super) async fn list_messages_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(key): Query<wire::ConversationKey>,
) -> Reply<Vec<wire::MessageOut>> {
    let (messages, feedback) = app.conversations().history(&caller, &key.id()?).await?;
    reply(wire::history(messages, feedback))
}

/// The same under the short path that some scripts use.
#[utoipa::path(get, path = "/api/v1/chat/dialogue/messages", tag = "conversations",
    params(wire::ConversationKey), responses((status = 200, body = Envelope<Vec<wire::MessageOut>>)))]
pub(super) async fn list_messages_short_v1(
    state: State<App>,
    caller: Caller,
    key: Query<wire::ConversationKey>,
) -> Reply<Vec<wire::MessageOut>> {
    list_messages_v1(state, caller, key).await
}

/// Tell whether the process lives, for programs that ask each of upstream's modules.
#[utoipa::path(get, path = "/api/v1/chat/dialogue/health", tag = "conversations",
    responses((status = 200, body = Health)))]
pub(super) async fn get_conversations_health_v1() -> axum::Json<Health> {
    get_health().await
}
