//! `/api/v1/chat/mode/params/file/load`: a file as pages up to 0.5.10 send it, over the `uploads` service.

use axum::extract::{Request, State};
use tidegate_schema::{
    Error,
    wire::{
        envelope::Envelope,
        v1::{
            conversations::{MessageOut, history},
            files as wire,
        },
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Query},
        v1::resource,
    },
    app::App,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(load_file_v1))
}

/// Send a file and have it introduce itself; the conversation's messages.
///
/// What was sent is then asked by its name as `select_param`. Newer pages use `/api/v1/resource/file/upload`.
#[utoipa::path(post, path = "/api/v1/chat/mode/params/file/load", tag = "files", params(wire::UploadQuery),
    request_body(content = inline(wire::UploadForm), content_type = "multipart/form-data"),
    responses((status = 200, body = Envelope<Vec<MessageOut>>)))]
pub(super) async fn load_file_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::UploadQuery>,
    request: Request,
) -> Reply<Vec<MessageOut>> {
    let (_, preparation) = resource::receive(&app, &caller, &query, "doc_file", request)
        .await
        .map_err(failed)?;
    let messages = app.uploads().prepare(&caller, &preparation).await?;
    reply(history(messages, Vec::new()))
}

/// a file that cannot be taken is a handled failure, behind upstream's words.
fn failed(error: Error) -> Problem {
    let is_no_fault_of_the_file = match &error {
        Error::Invalid { field, reason } => {
            field.starts_with("query.") || reason == "Field required"
        }
        Error::Unauthenticated { .. }
        | Error::Forbidden { .. }
        | Error::Overloaded { .. }
        | Error::RateLimited { .. }
        | Error::QuotaExceeded { .. }
        | Error::Internal { .. } => true,
        _ => false,
    };
    if is_no_fault_of_the_file {
        return error.into();
    }
    Problem::handled("E000X", format!("File Load Error {error}"))
}
