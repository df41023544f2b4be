//! `/api/v1/editor/…`: the SQL editor, over the `sql` and `datasources` services.

use axum::extract::State;
use tidegate_schema::{
    Error,
    ids::ConversationId,
    model::{self, Verdict},
    wire::{
        envelope::Envelope,
        v1::{conversations::ConversationKey, editor as wire},
        view::display_name,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Json, Query},
    },
    app::App,
    services::{
        rounds::{Written, WrittenChart, WrittenQuery},
        sql::{Executed, Failed},
    },
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_tables_v1))
        .routes(routes!(get_progress_v1))
        .routes(routes!(list_rounds_v1))
        .routes(routes!(get_round_sql_v1, find_round_sql_v1))
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
    reply(wire::TreeNode::database(&catalogue, &query))
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

/// List the rounds of a conversation that were asked of a database; none of an unknown one.
#[utoipa::path(get, path = "/api/v1/editor/sql/rounds", tag = "editor", params(ConversationKey),
    responses((status = 200, body = Envelope<Vec<wire::RoundOut>>)))]
pub(super) async fn list_rounds_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(key): Query<ConversationKey>,
) -> Reply<Vec<wire::RoundOut>> {
    let found = app.rounds().list(&caller, &key.id()?).await?;
    let rounds = found.into_iter().map(|round| wire::RoundOut {
        round: round.number,
        db_name: round.datasource,
        round_name: round.question,
    });
    reply(rounds.collect())
}

/// Tell the query that answered a round, or the charts of a dashboard.
///
/// The query is the one that was run last. A round that none answered is a failure `not have sql!`.
#[utoipa::path(get, path = "/api/v1/editor/sql", tag = "editor", params(wire::RoundKey),
    responses((status = 200, body = Envelope<wire::RoundSql>)))]
pub(super) async fn get_round_sql_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(key): Query<wire::RoundKey>,
) -> Reply<wire::RoundSql> {
    round_sql(&app, &caller, &key.conversation()?, key.round).await
}

/// The same, asked for with a body, as a helper of the pages does.
#[utoipa::path(post, path = "/api/v1/editor/sql", tag = "editor", request_body = wire::RoundIn,
    responses((status = 200, body = Envelope<wire::RoundSql>)))]
pub(super) async fn find_round_sql_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::RoundIn>,
) -> Reply<wire::RoundSql> {
    round_sql(&app, &caller, &body.conversation()?, body.round).await
}

async fn round_sql(
    app: &App,
    caller: &model::Caller,
    conversation: &ConversationId,
    round: i64,
) -> Reply<wire::RoundSql> {
    // upstream declares a list, and so fails for every single query.
    match app.rounds().written(caller, conversation, round).await? {
        Some(Written::Query(query)) => reply(wire::RoundSql::Query(query_out(query))),
        Some(Written::Charts(charts)) => {
            let charts = charts.into_iter().map(chart_out).collect();
            reply(wire::RoundSql::Charts(charts))
        }
        None => Err(Problem::handled("E000X", "not have sql!")),
    }
}

fn query_out(query: WrittenQuery) -> wire::RoundQuery {
    let shown = || query.chart.map_or("", display_name).to_owned();
    wire::RoundQuery {
        display_type: query.display.unwrap_or_else(shown),
        thoughts: query.thoughts,
        direct_response: query.direct,
        sql: query.sql,
    }
}

fn chart_out(chart: WrittenChart) -> wire::RoundChart {
    wire::RoundChart {
        sql: chart.sql,
        title: chart.title,
        thoughts: chart.thoughts,
        showcase: chart.showcase,
    }
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
    let (name, sql) = what_to_run(&app, &caller, conversation, body.db_name, body.sql).await?;
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

/// The datasource and the query that a body names. The datasource of a body that names none is the one that its
/// conversation was last asked of.
pub(super) async fn what_to_run(
    app: &App,
    caller: &model::Caller,
    conversation: Option<ConversationId>,
    db_name: Option<String>,
    sql: Option<String>,
) -> Result<(String, String), Problem> {
    let mut name = db_name.filter(|name| !name.trim().is_empty());
    if name.is_none()
        && let Some(id) = conversation
    {
        name = app.rounds().datasource_of(caller, &id).await?;
    }
    let sql = sql.filter(|sql| !sql.trim().is_empty());
    let (Some(name), Some(sql)) = (name, sql) else {
        // upstream's words for a missing parameter, status 200.
        return Err(Problem::handled(
            "E000X",
            "SQL run param error: db_name and sql are required",
        ));
    };
    Ok((name, sql))
}
