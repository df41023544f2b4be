//! `/api/v1/chat/dialogue/…`: conversations, over the `conversations` service.

use axum::extract::{Request, State};
use tidegate_schema::{
    model::ChatMode,
    wire::{envelope::Envelope, v1::conversations as wire},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Query, body_bytes},
    },
    app::App,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_conversation_v1))
        .routes(routes!(list_conversations_v1))
        .routes(routes!(list_scenes_v1))
        .routes(routes!(list_messages_v1))
        .routes(routes!(list_messages_short_v1))
        .routes(routes!(delete_conversation_v1))
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
    let mode = query
        .chat_mode
        .or(body.chat_mode)
        .filter(|mode| !mode.is_empty());
    let id = uuid::Uuid::new_v4().to_string();
    reply(wire::ConversationOut::minted(
        id,
        mode.unwrap_or_else(|| ChatMode::Normal.name().to_owned()),
    ))
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
    let found = app.conversations().list(&caller, &filter, page).await?;
    reply(found.items.into_iter().map(Into::into).collect())
}

/// List the chat scenes that are answered.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/scenes", tag = "conversations",
    responses((status = 200, body = Envelope<Vec<wire::SceneOut>>)))]
pub(super) async fn list_scenes_v1(Caller(_caller): Caller) -> Reply<Vec<wire::SceneOut>> {
    // upstream lists all six, answered or not; talk without a scene is not among them.
    let shown = ChatMode::ALL
        .into_iter()
        .filter(|mode| mode.is_answered() && *mode != ChatMode::Normal);
    reply(shown.map(Into::into).collect())
}

/// List a conversation's messages; none for an unknown one.
#[utoipa::path(get, path = "/api/v1/chat/dialogue/messages/history", tag = "conversations",
    params(wire::ConversationKey), responses((status = 200, body = Envelope<Vec<wire::MessageOut>>)))]
pub(super) async fn list_messages_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(key): Query<wire::ConversationKey>,
) -> Reply<Vec<wire::MessageOut>> {
    let found = app.conversations().messages(&caller, &key.id()?).await?;
    reply(found.into_iter().map(Into::into).collect())
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

/// Remove a conversation with its messages; an unknown one is a success.
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
