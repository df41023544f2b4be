//! Conversations as files: all of them, one of them, and back.

use axum::{
    body::Body,
    extract::{Request, State},
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use serde::Serialize;
use tidegate_schema::{
    Error,
    wire::{envelope::Envelope, v1::transfer},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Query, body_bytes},
    },
    app::App,
    services::conversations::Told,
};

/// Characters of a title in a file's name.
const MOST_NAME_CHARS: usize = 64;

/// Routes of this file.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(export_messages_v1))
        .routes(routes!(export_conversation_v1))
        .routes(routes!(import_conversations_v1))
}

/// Export conversations with their messages, newest first, as DB-GPT does.
///
/// The body is streamed and is no envelope. An error in the middle breaks the transfer off, so that half a document
/// never looks whole.
#[utoipa::path(get, path = "/api/v1/chat/dialogue/export_messages", tag = "conversations",
    params(transfer::ExportQuery),
    responses((status = 200, body = transfer::ExportOut)))]
pub(super) async fn export_messages_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<transfer::ExportQuery>,
) -> Result<Response, Problem> {
    let as_file = query.is_file()?;
    let filter = query.filter();
    let (user, sys_code) = (filter.user.clone(), filter.sys_code.clone());
    let told = app.conversations().tell_all(&caller, filter)?;
    // the name says whose they are, and `dbgpt` where that is everybody's.
    let name = |text: Option<&str>| plain(text.unwrap_or("dbgpt"));
    let name = format!(
        "conversation_export_{}_{}.json",
        name(user.as_deref()),
        name(sys_code.as_deref())
    );
    let body = Body::from_stream(written(user, sys_code, told).inspect_err(broken_off));
    Ok(if as_file {
        file("application/file", &name, body)
    } else {
        ([(CONTENT_TYPE, "application/json")], body).into_response()
    })
}

/// One document, written as its conversations are read.
fn written(
    user: Option<String>,
    sys_code: Option<String>,
    mut told: Told,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    async_stream::try_stream! {
        let (user, sys_code) = (text_of(&user)?, text_of(&sys_code)?);
        yield Bytes::from(format!(
            "{{\"user_name\":{user},\"sys_code\":{sys_code},\"conversations\":["
        ));
        let mut count = 0_u64;
        while let Some(kept) = told.try_next().await? {
            let one = text_of(&transfer::ExportedOut::from(kept))?;
            let comma = if count == 0 { "" } else { "," };
            count += 1;
            yield Bytes::from(format!("{comma}{one}"));
        }
        yield Bytes::from(format!("],\"total_conversations\":{count}}}"));
    }
}

fn text_of(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::internal("writing conversations", error))
}

/// Export one conversation as a file.
///
/// `json` holds every field and is what `dialogue/import` reads; `markdown` holds the questions, and for each the words,
/// the query and the first rows of the answer.
#[utoipa::path(get, path = "/api/v1/chat/dialogue/export", tag = "conversations",
    params(transfer::ExportOneQuery),
    responses((status = 200, content_type = "application/octet-stream", body = String)))]
pub(super) async fn export_conversation_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<transfer::ExportOneQuery>,
) -> Result<Response, Problem> {
    let as_page = query.is_page()?;
    let kept = app.conversations().whole(&caller, &query.id()?).await?;
    let name = plain(&kept.conversation.title);
    Ok(if as_page {
        let page = transfer::markdown(&kept);
        file(
            "text/markdown; charset=utf-8",
            &format!("conversation-{name}.md"),
            Body::from(page),
        )
    } else {
        let whole = text_of(&transfer::ConversationFile::from(kept))?;
        file(
            "application/json",
            &format!("conversation-{name}.json"),
            Body::from(whole),
        )
    })
}

/// Import conversations: what `dialogue/export` wrote, DB-GPT's `export_messages`, or the rounds of its first versions.
///
/// Everything is checked before anything is stored, and all of it is stored or nothing. An id that is taken is replaced;
/// the answer says by which. It takes the right to manage datasources.
#[utoipa::path(post, path = "/api/v1/chat/dialogue/import", tag = "conversations",
    request_body = transfer::ConversationFile, responses((status = 200, body = Envelope<Vec<transfer::ImportedOut>>)))]
pub(super) async fn import_conversations_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Reply<Vec<transfer::ImportedOut>> {
    let body = body_bytes(request, &app).await?;
    let kept = transfer::read(&body, app.clock.now())?;
    let imported = app.conversations().import(&caller, kept).await?;
    reply(imported.into_iter().map(Into::into).collect())
}

/// A response to be saved.
fn file(content_type: &'static str, name: &str, body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type.to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, body).into_response()
}

/// A text as part of a file's name: plain ASCII, and never empty.
fn plain(text: &str) -> String {
    let mut name = String::new();
    for sign in text.chars().take(MOST_NAME_CHARS) {
        if sign.is_ascii_alphanumeric() || sign == '-' {
            name.push(sign);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_matches('_');
    let name = if name.is_empty() { "x" } else { name };
    name.to_owned()
}

/// After the first byte nothing but the break itself can be told to the client: the log says why.
fn broken_off(error: &Error) {
    tracing::error!(
        error = error.log_chain(),
        "an export of conversations broke off"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_plain_whatever_the_title() {
        for (title, name) in [
            ("orders per town?", "orders_per_town"),
            ("../../etc/passwd", "etc_passwd"),
            ("\"quoted\"\r\nX: y", "quoted_X_y"),
            ("日本", "x"),
            ("", "x"),
        ] {
            assert_eq!(plain(title), name);
        }
    }
}
