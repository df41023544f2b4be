//! `/api/v1/chart/…`, `/api/v1/editor/chart/…` and `/api/v1/editor/dashboard/…`: charts of dashboards, over the
//! `dashboards` and `sql` services.

use axum::{
    extract::State,
    http::header::{
        CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
        X_CONTENT_TYPE_OPTIONS,
    },
    response::{IntoResponse as _, Response},
};
use tidegate_schema::{
    Error,
    wire::{
        envelope::Envelope,
        v1::{
            charts as wire,
            conversations::{ConversationKey, Nothing},
        },
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::editor::what_to_run;
use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Json, Query},
    },
    app::App,
    services::sql::Failed,
};

/// What a page that is opened from the server may do: nothing but look as it does.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_charts_v1))
        .routes(routes!(get_chart_v1))
        .routes(routes!(run_chart_v1))
        .routes(routes!(update_chart_v1))
        .routes(routes!(export_dashboard_v1))
}

/// List the charts of a conversation's first dashboard, as the model proposed them.
///
/// A conversation without an answer is a failure `Not have charts!`.
#[utoipa::path(get, path = "/api/v1/editor/chart/list", tag = "editor", params(ConversationKey),
    responses((status = 200, body = Envelope<wire::ChartsOut>)))]
pub(super) async fn list_charts_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(key): Query<ConversationKey>,
) -> Reply<wire::ChartsOut> {
    let found = app.dashboards().list(&caller, &key.id()?).await?;
    match found {
        Some(found) => reply(wire::ChartsOut {
            round: found.round,
            db_name: found.datasource,
            charts: found.charts.into_iter().map(Into::into).collect(),
        }),
        None => Err(Problem::handled("E000X", "Not have charts!")),
    }
}

/// Tell everything about a chart of a dashboard: its values as they were drawn, and what its query gives now.
///
/// An unknown conversation is a failure `Can't Find Chart Detail Info!`; so is a query that fails by now.
#[utoipa::path(post, path = "/api/v1/editor/chart/info", tag = "editor", request_body = wire::ChartIn,
    responses((status = 200, body = Envelope<wire::ChartOut>)))]
pub(super) async fn get_chart_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::ChartIn>,
) -> Reply<wire::ChartOut> {
    let conversation = body.conversation()?;
    let found = app
        .dashboards()
        .chart(&caller, &conversation, &body.chart_title)
        .await;
    match found {
        Ok(chart) => reply(wire::ChartOut::of(
            &chart.document,
            chart.datasource,
            &chart.table,
        )),
        Err(failed) => Err(not_found(failed)),
    }
}

fn not_found(failed: Failed) -> Problem {
    let about_the_query =
        failed.verdict.is_some() && !matches!(failed.error, Error::Internal { .. });
    let is_unknown = matches!(
        failed.error,
        Error::NotFound {
            what: "conversation",
            ..
        }
    );
    if about_the_query || is_unknown {
        let message = format!("Can't Find Chart Detail Info!{}", failed.error);
        return Problem::handled("E000X", message);
    }
    failed.error.into()
}

/// Run one query and give its rows as a chart's values, too.
///
/// The database's own error is a failure with its text, and what the guard refuses one `Operation not allowed: …`. It
/// only ever reads, whatever may be written elsewhere.
#[utoipa::path(post, path = "/api/v1/editor/chart/run", tag = "editor", request_body = wire::ChartRunIn,
    responses((status = 200, body = Envelope<wire::ChartRunOut>)))]
pub(super) async fn run_chart_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::ChartRunIn>,
) -> Reply<wire::ChartRunOut> {
    let conversation = body.conversation()?;
    let (name, sql) = what_to_run(&app, &caller, conversation, body.db_name, body.sql).await?;
    match app.sql().run(&caller, &name, &sql).await {
        Ok((_, rows)) => reply(wire::ChartRunOut::of(&rows, body.chart_type)),
        Err(Failed {
            verdict: Some(_),
            error: Error::Forbidden { reason },
        }) => Err(Problem::handled(
            "E000X",
            format!("Operation not allowed: {reason}"),
        )),
        Err(Failed {
            error: error @ (Error::Upstream { .. } | Error::Timeout { .. } | Error::Invalid { .. }),
            ..
        }) => Err(Problem::handled("E000X", error.to_string())),
        Err(failed) => Err(Error::from(failed).into()),
    }
}

/// Store an edited chart in the place of the one of its title, in the latest dashboard that has it.
///
/// Its query is run first, and the history shows its values from then on. What fails is a failure `Edit chart
/// exception!` with the reason and leaves everything as it was.
#[utoipa::path(post, path = "/api/v1/chart/editor/submit", tag = "editor", request_body = wire::ChartSubmitIn,
    responses((status = 200, body = Envelope<Nothing>)))]
pub(super) async fn update_chart_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::ChartSubmitIn>,
) -> Reply<Option<Nothing>> {
    let (conversation, patch) = body.parts()?;
    match app.dashboards().edit(&caller, &conversation, &patch).await {
        Ok(()) => reply(None),
        Err(failed) => Err(not_edited(failed)),
    }
}

/// What there is to say of the dashboard or the query is a handled failure in upstream's words. What is wrong with the
/// request, or with the caller, is not.
fn not_edited(failed: Failed) -> Problem {
    let about_the_chart = matches!(
        failed.error,
        Error::Conflict { .. }
            | Error::NotFound {
                what: "conversation" | "chart",
                ..
            }
    );
    let about_the_query =
        failed.verdict.is_some() && !matches!(failed.error, Error::Internal { .. });
    if about_the_chart || about_the_query {
        return Problem::handled("E000X", format!("Edit chart exception!{}", failed.error));
    }
    failed.error.into()
}

/// Export a dashboard as one page of HTML, charts drawn, which needs nothing from any other place.
///
/// It is the latest dashboard of the conversation, or that of `round`.
#[utoipa::path(get, path = "/api/v1/editor/dashboard/export", tag = "editor", params(wire::DashboardQuery),
    responses((status = 200, content_type = "text/html", body = String)))]
pub(super) async fn export_dashboard_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::DashboardQuery>,
) -> Result<Response, Problem> {
    let page = app
        .dashboards()
        .export(&caller, &query.conversation()?, query.round)
        .await?;
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", page.file_name),
        ),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, page.html).into_response())
}
