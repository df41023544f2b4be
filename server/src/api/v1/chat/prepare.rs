//! `/api/v1/chat/prepare`: a conversation before its first question, over the `uploads` service.

use axum::extract::State;
use tidegate_schema::{
    ids::ConversationId,
    wire::{
        envelope::Envelope,
        v1::{
            chat::DialogueIn,
            conversations::{MessageOut, history},
        },
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Json},
    },
    app::App,
    services::uploads::Preparation,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(prepare_conversation_v1))
}

/// Prepare a conversation; its messages.
///
/// With `chat_excel` the file named by `select_param`, or the last one sent in the conversation, introduces itself as
/// the first round. The other modes have nothing to prepare, and a conversation that has begun stays as it is. The
/// question is not looked at and may be empty.
#[utoipa::path(post, path = "/api/v1/chat/prepare", tag = "chat", request_body = DialogueIn,
    responses((status = 200, body = Envelope<Vec<MessageOut>>)))]
pub(super) async fn prepare_conversation_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<DialogueIn>,
) -> Reply<Vec<MessageOut>> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mode = body.chat_mode.unwrap_or_default();
    let Some(conversation) = filled(body.conv_uid) else {
        // there is nothing to prepare in a conversation that nobody could find again.
        return reply(Vec::new());
    };
    let preparation = Preparation {
        conversation: ConversationId(conversation),
        mode,
        select_param: filled(body.select_param),
        model: filled(body.model_name),
        sys_code: body.sys_code,
        app_code: filled(body.app_code),
    };
    // Boxed: reading a file and introducing it is a long act.
    let messages = Box::pin(app.uploads().prepare(&caller, &preparation)).await?;
    reply(history(messages, Vec::new()))
}
