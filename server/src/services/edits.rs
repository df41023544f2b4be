//! What edits of answers have in common: somebody may stop their query, and what they rewrite may be gone by then.

use serde_json::Value;
use tidegate_schema::{
    Error, Result,
    ids::{ConversationId, MessageId},
    model::{Caller, RowSet, Verdict},
};

use super::{running::Place, sql::Failed};
use crate::app::App;

/// Runs the query of an edit, unless somebody stops the edit.
///
/// # Errors
/// Those of [`super::sql::Sql::run`]; [`Error::Conflict`] when somebody stops it.
pub(super) async fn run(
    app: &App,
    place: &Place,
    caller: &Caller,
    datasource: &str,
    sql: &str,
) -> Result<(Verdict, RowSet), Failed> {
    let service = app.sql();
    tokio::select! {
        ran = service.run(caller, datasource, sql) => ran,
        () = place.stopped() => Err(stopped().into()),
    }
}

fn stopped() -> Error {
    Error::Conflict {
        reason: "the edit was stopped before its query ended; nothing was changed".to_owned(),
    }
}

/// Rewrites what a conversation holds of an answer: all of it, or nothing.
///
/// # Errors
/// [`Error::Conflict`] where some of it is not there any more.
pub(super) async fn rewrite(
    app: &App,
    conversation: &ConversationId,
    changes: &[(&MessageId, &str, Option<&Value>)],
) -> Result<()> {
    app.store
        .rewrite_messages(changes)
        .await
        .map_err(|error| match error {
            Error::NotFound { .. } => Error::Conflict {
                reason: format!(
                    "the conversation '{conversation}' was cleared or deleted meanwhile"
                ),
            },
            other => other,
        })
}
