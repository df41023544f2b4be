//! The server's plan of a statement, which it makes without running it.

use futures::TryStreamExt as _;
use tiberius::{Client, QueryItem, error::Error};

use super::{
    pool::batch,
    shape::{Shape, Wrong, describe},
    wire::Wire,
};

/// "SHOWPLAN permission denied": a reader has none unless it was granted.
const NO_PERMISSION: u32 = 262;

/// The plan; empty for a login that may not see plans. `Err(Wrong)` inside if the statement would not run.
pub(super) async fn plan(
    client: &mut Client<Wire>,
    sql: &str,
) -> Result<Result<String, Wrong>, Error> {
    if let Shape::Wrong(wrong) = describe(client, sql).await? {
        return Ok(Err(wrong));
    }
    match batch(client, "SET SHOWPLAN_TEXT ON").await {
        Ok(()) => {}
        Err(error) if error.code() == Some(NO_PERMISSION) => return Ok(Ok(String::new())),
        Err(error) => return Err(error),
    }
    let shown = show(client, sql).await;
    batch(client, "SET SHOWPLAN_TEXT OFF").await?;
    match shown {
        Ok(lines) => Ok(Ok(lines.join("\n"))),
        Err(error) if error.code() == Some(NO_PERMISSION) => Ok(Ok(String::new())),
        Err(error) => Err(error),
    }
}

/// The server repeats the statement in a result of its own, and sends the plan in the next.
async fn show(client: &mut Client<Wire>, sql: &str) -> Result<Vec<String>, Error> {
    let (mut statement, mut plan) = (Vec::new(), Vec::new());
    let mut items = client.simple_query(sql).await?;
    while let Some(item) = items.try_next().await? {
        if let QueryItem::Row(row) = item
            && let Some(line) = row.try_get::<&str, _>(0)?
        {
            let lines = if row.result_index() == 0 {
                &mut statement
            } else {
                &mut plan
            };
            lines.push(line.trim_end().to_owned());
        }
    }
    Ok(if plan.is_empty() { statement } else { plan })
}
