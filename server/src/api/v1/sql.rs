//! `/api/v1/sql/…`: an edited query in the place of an answer's, over the `rounds` service.

use axum::extract::State;
use tidegate_schema::{
    Error,
    wire::{
        envelope::Envelope,
        v1::{conversations::Nothing, editor as wire},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Json},
    },
    app::App,
    services::{rounds::Edit, sql::Failed},
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(update_round_sql_v1))
}

/// Store an edited query as the answer of a round.
///
/// It is run first, and the history shows its rows from then on. One that fails is refused with `Edit sql exception!`
/// and the reason, and leaves everything as it was. For a caller who may manage datasources the question and the query
/// are kept as an example.
#[utoipa::path(post, path = "/api/v1/sql/editor/submit", tag = "editor", request_body = wire::SubmitIn,
    responses((status = 200, body = Envelope<Nothing>)))]
pub(super) async fn update_round_sql_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::SubmitIn>,
) -> Reply<Option<Nothing>> {
    let edit = Edit {
        conversation: body.conversation()?,
        round: body.conv_round,
        datasource: body.db_name,
        sql: body.new_sql,
        thoughts: body.new_speak,
    };
    match app.rounds().submit(&caller, &edit).await {
        Ok(()) => reply(None),
        Err(failed) => Err(refused(failed)),
    }
}

/// what there is to say of the round or the query is a handled failure in upstream's words. What is wrong with
/// the request, or with the caller, is not.
fn refused(failed: Failed) -> Problem {
    let about_the_round = matches!(
        failed.error,
        Error::Conflict { .. }
            | Error::NotFound {
                what: "conversation" | "round",
                ..
            }
    );
    let about_the_query =
        failed.verdict.is_some() && !matches!(failed.error, Error::Internal { .. });
    if about_the_round || about_the_query {
        return Problem::handled("E000X", format!("Edit sql exception!{}", failed.error));
    }
    failed.error.into()
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, response::IntoResponse as _};
    use serde_json::Value;
    use tidegate_schema::model::Verdict;

    use super::*;

    async fn told(verdict: bool, error: Error) -> (u16, String, String) {
        let failed = Failed {
            verdict: verdict.then(Box::<Verdict>::default),
            error,
        };
        let response = refused(failed).into_response();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await;
        let body: Value = serde_json::from_slice(&bytes.expect("a body")).expect("JSON");
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (status, text("err_code"), text("err_msg"))
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_round_or_the_query_is_handled_and_nothing_else() {
        let refusal = || Error::Forbidden {
            reason: "no".to_owned(),
        };
        let failed = || Error::upstream("shop", "no such table: x");
        for (verdict, error, status, code, message) in [
            (true, refusal(), 200, "E000X", "Edit sql exception!no"),
            (false, refusal(), 403, "403", "no"),
            (
                true,
                failed(),
                200,
                "E000X",
                "Edit sql exception!shop: no such table: x",
            ),
            (
                false,
                Error::not_found("round", 7),
                200,
                "E000X",
                "Edit sql exception!no round named '7'",
            ),
            (
                false,
                Error::not_found("datasource", "shpo"),
                400,
                "E0003",
                "Database config not found for: shpo",
            ),
            (
                false,
                Error::invalid("new_sql", "must not be empty"),
                400,
                "E0001",
                "new_sql:must not be empty;",
            ),
            (
                true,
                Error::internal("x", "y"),
                500,
                "500",
                "internal error; the log has the details",
            ),
        ] {
            let expected = (status, code.to_owned(), message.to_owned());
            assert_eq!(told(verdict, error).await, expected);
        }
    }
}
