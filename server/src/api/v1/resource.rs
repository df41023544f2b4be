//! `/api/v1/resource/file/…`: files that are sent, read and removed, over the `uploads` service.

use axum::{
    extract::{FromRequest as _, Multipart, Request, State, multipart::MultipartError},
    http::header::CONTENT_TYPE,
};
use tidegate_schema::{
    Error, model,
    model::{ChatMode, Upload},
    wire::{
        envelope::Envelope,
        v1::{conversations::Nothing, files as wire},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Query},
    },
    app::App,
    services::uploads::{ONE_FILE, Preparation},
};

/// Names of the form's fields that hold files, by every generation of pages.
const FIELDS: [&str; 3] = ["doc_files", "doc_file", "file"];

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(upload_files_v1))
        .routes(routes!(read_file_v1, read_file_by_get_v1))
        .routes(routes!(delete_file_v1))
}

/// Send files.
///
/// One file is answered as an object, several as a list; the object is what `select_param` is sent as. With
/// `chat_excel` there is one file: it is read as tables (CSV, TSV, Excel, OpenDocument, JSON, JSON lines, Parquet) and
/// introduces itself in the conversation's first round. One that cannot be read is refused with the place in it, and
/// nothing of it is kept. A file may have `limits.upload_megabytes`.
#[utoipa::path(post, path = "/api/v1/resource/file/upload", tag = "files", params(wire::UploadQuery),
    request_body(content = inline(wire::UploadForm), content_type = "multipart/form-data"),
    responses((status = 200, body = Envelope<wire::UploadedOut>)))]
pub(super) async fn upload_files_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::UploadQuery>,
    request: Request,
) -> Reply<wire::UploadedOut> {
    let (uploads, preparation) = receive(&app, &caller, &query, "doc_files", request)
        .await
        .map_err(refused)?;
    let learnt = ChatMode::from_name(&preparation.mode) == Some(ChatMode::Excel);
    reply(wire::UploadedOut::of(&uploads, learnt))
}

/// Read a file: the records of its first table as JSON text, or its text.
///
/// What is left out is said at the end, in a record of its own or in a last line.
#[utoipa::path(post, path = "/api/v1/resource/file/read", tag = "files", params(wire::FileQuery),
    responses((status = 200, body = Envelope<String>)))]
pub(super) async fn read_file_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::FileQuery>,
) -> Reply<String> {
    let (conversation, key) = query.parts()?;
    reply(app.uploads().read(&caller, &conversation, key).await?)
}

/// The same as the current pages ask for it.
// upstream answers them with 405.
#[utoipa::path(get, path = "/api/v1/resource/file/read", tag = "files", params(wire::FileQuery),
    responses((status = 200, body = Envelope<String>)))]
pub(super) async fn read_file_by_get_v1(
    state: State<App>,
    caller: Caller,
    query: Query<wire::FileQuery>,
) -> Reply<String> {
    read_file_v1(state, caller, query).await
}

/// Remove a file with what was read of it.
#[utoipa::path(post, path = "/api/v1/resource/file/delete", tag = "files", params(wire::FileQuery),
    responses((status = 200, body = Envelope<Nothing>)))]
pub(super) async fn delete_file_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::FileQuery>,
) -> Reply<Option<Nothing>> {
    let (conversation, key) = query.parts()?;
    app.uploads().delete(&caller, &conversation, key).await?;
    reply(None)
}

/// Takes the files of a form in; what they were, and what they were sent with. `wanted` is the field a form without any
/// file is said to miss.
pub(super) async fn receive(
    app: &App,
    caller: &model::Caller,
    query: &wire::UploadQuery,
    wanted: &str,
    request: Request,
) -> Result<(Vec<Upload>, Preparation), Error> {
    let preparation = Preparation {
        conversation: query.conversation()?,
        mode: query.mode()?.to_owned(),
        select_param: None,
        model: query.model_name.clone().filter(|name| !name.is_empty()),
        sys_code: query.sys_code.clone(),
        app_code: None,
    };
    let missing = || Error::invalid(format!("body.{wanted}"), "Field required");
    if !is_form(&request) {
        return Err(missing());
    }
    let mut form = Multipart::from_request(request, app)
        .await
        .map_err(|rejection| Error::invalid("body", rejection.body_text()))?;
    let mut incoming = app.uploads().begin(caller, preparation.clone()).await?;
    let mut count = 0;
    while let Some(mut field) = form.next_field().await.map_err(|error| broken(&error))? {
        let name = field.name().unwrap_or_default();
        let Some(name) = FIELDS.into_iter().find(|known| *known == name) else {
            continue;
        };
        let place = format!("body.{name}");
        let mut part = incoming.open(&place, field.file_name()).await?;
        while let Some(piece) = field.chunk().await.map_err(|error| broken(&error))? {
            part.write(&place, &piece).await?;
        }
        incoming.keep(part).await?;
        count += 1;
    }
    if count == 0 {
        return Err(missing());
    }
    // Boxed: reading a file and introducing it is a long act.
    let uploads = Box::pin(incoming.finish()).await?;
    Ok((uploads, preparation))
}

fn is_form(request: &Request) -> bool {
    request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// A form that ends too early, or is none. One that is too large is answered further out.
fn broken(error: &MultipartError) -> Error {
    Error::invalid(
        "body",
        format!(
            "the form cannot be read: {}; send it again",
            error.body_text()
        ),
    )
}

/// a second file for one conversation with a file is a handled failure, in upstream's words.
fn refused(error: Error) -> Problem {
    match error {
        Error::Unsupported { what } if what == ONE_FILE => Problem::handled("E000X", what),
        other => other.into(),
    }
}
