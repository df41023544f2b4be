//! `/api/v1/editor/…`: the SQL editor, over the `sql` and `datasources` services.

use axum::extract::State;
use tidegate_schema::{
    Error,
    wire::{envelope::Envelope, v1::editor as wire},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Json, Query},
    },
    app::App,
    services::sql::Executed,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_tables_v1))
        .routes(routes!(run_sql_v1))
}

/// Show a datasource's tables and columns as a tree.
#[utoipa::path(get, path = "/api/v1/editor/db/tables", tag = "editor", params(wire::TablesQuery),
    responses((status = 200, body = Envelope<wire::TreeNode>)))]
pub(super) async fn list_tables_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::TablesQuery>,
) -> Reply<wire::TreeNode> {
    let catalogue = app.datasources().catalogue(&caller, &query.db_name).await?;
    let (page, size) = (query.page_index as usize, query.page_size as usize);
    reply(wire::TreeNode::database(
        &query.db_name,
        &catalogue,
        &query.search_str,
        page,
        size,
    ))
}

/// Run one query, or one statement that changes rows.
///
/// The database's own error is a success with `result_info` set; a statement the guard refuses is a failure
/// `Operation not allowed: …`. So is one that changes rows, unless the datasource is writable, the caller may write
/// there, and `confirm` is true; what it changed is then in `changed`.
#[utoipa::path(post, path = "/api/v1/editor/sql/run", tag = "editor", request_body = wire::SqlRunIn,
    responses((status = 200, body = Envelope<wire::SqlRunOut>)))]
pub(super) async fn run_sql_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::SqlRunIn>,
) -> Reply<wire::SqlRunOut> {
    let conversation = body.conversation()?;
    let mut name = body.db_name.filter(|name| !name.trim().is_empty());
    if name.is_none()
        && let Some(id) = conversation
    {
        let conversation = app.conversations().find(&caller, &id).await?;
        name = conversation
            .and_then(|found| found.select_param)
            .filter(|name| !name.is_empty());
    }
    let sql = body.sql.filter(|sql| !sql.trim().is_empty());
    let (Some(name), Some(sql)) = (name, sql) else {
        // upstream's words for a missing parameter, status 200.
        return Err(Problem::handled(
            "E000X",
            "SQL run param error: db_name and sql are required",
        ));
    };
    app.datasources().get(&caller, &name).await?;
    let confirm = body.confirm.unwrap_or(false);
    let refused =
        |reason: &str| Problem::handled("E000X", format!("Operation not allowed: {reason}"));
    match app.sql().execute(&caller, &name, &sql, confirm).await {
        Ok(Executed::Read { rows, .. }) => reply(wire::SqlRunOut::from(&rows)),
        Ok(Executed::Changed {
            rows, elapsed_ms, ..
        }) => reply(wire::SqlRunOut::changed(rows, elapsed_ms)),
        Ok(Executed::Unconfirmed { reason, .. }) | Err(Error::Forbidden { reason }) => {
            Err(refused(&reason))
        }
        Err(error @ (Error::Upstream { .. } | Error::Timeout { .. } | Error::Invalid { .. })) => {
            reply(wire::SqlRunOut::failed(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}
