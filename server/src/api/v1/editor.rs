//! `/api/v1/editor/…`: the SQL editor, over the `sql` and `datasources` services.

use axum::extract::State;
use tidegate_schema::{
    Error,
    model::Verdict,
    wire::{envelope::Envelope, v1::editor as wire},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Json, Query},
    },
    app::App,
    services::sql::{Executed, Failed},
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_tables_v1))
        .routes(routes!(get_progress_v1))
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

/// Tell how far a datasource's tables are known beyond their structure; they are looked into in the background.
///
/// Null for a key that may use some of the tables alone.
#[utoipa::path(get, path = "/api/v1/editor/db/progress", tag = "editor", params(wire::ProgressQuery),
    responses((status = 200, body = Envelope<wire::ProgressOut>)))]
pub(super) async fn get_progress_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::ProgressQuery>,
) -> Reply<Option<wire::ProgressOut>> {
    let now = app.datasources().progress(&caller, &query.db_name).await?;
    reply(now.map(|now| wire::ProgressOut {
        tables: now.tables,
        tables_sampled: now.tables_sampled,
        tables_embedded: now.tables_embedded,
        done: now.done,
    }))
}

/// Run one query, or one statement that changes rows.
///
/// The database's own error is a success with `result_info` set; a statement the guard refuses is a failure
/// `Operation not allowed: …`. So is one that changes rows, unless the datasource is writable, the caller may write
/// there, and `confirm` is true; what it changed is then in `changed`. With `verdict` the answer, a refusal too, holds
/// what the guard said.
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
    let confirm = body.confirm.unwrap_or(false);
    let told = body.verdict.unwrap_or(false);
    let refused = |reason: &str, verdict: Verdict| {
        let problem = Problem::handled("E000X", format!("Operation not allowed: {reason}"));
        if !told {
            return problem;
        }
        let out = wire::SqlRunOut::failed(reason.to_owned());
        problem.with_data(&out.with_verdict(Some(verdict)))
    };
    let asked_for = |verdict: Verdict| Some(verdict).filter(|_| told);
    match app.sql().execute(&caller, &name, &sql, confirm).await {
        Ok(Executed::Read { verdict, rows }) => {
            reply(wire::SqlRunOut::from(&rows).with_verdict(asked_for(verdict)))
        }
        Ok(Executed::Changed {
            verdict,
            rows,
            elapsed_ms,
        }) => {
            let out = wire::SqlRunOut::changed(rows, elapsed_ms);
            reply(out.with_verdict(asked_for(verdict)))
        }
        Ok(Executed::Unconfirmed { verdict, reason }) => Err(refused(&reason, verdict)),
        Err(Failed {
            verdict: Some(verdict),
            error: Error::Forbidden { reason },
        }) => Err(refused(&reason, *verdict)),
        Err(Failed {
            verdict,
            error: error @ (Error::Upstream { .. } | Error::Timeout { .. } | Error::Invalid { .. }),
        }) => {
            let out = wire::SqlRunOut::failed(error.to_string());
            reply(out.with_verdict(verdict.and_then(|verdict| asked_for(*verdict))))
        }
        Err(failed) => Err(Error::from(failed).into()),
    }
}
