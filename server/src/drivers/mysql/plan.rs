//! What the server means to do with a statement, as it tells itself.

use std::{sync::Arc, time::Duration};

use mysql_async::{Row, prelude::Queryable};
use tidegate_schema::Result;

use super::{
    cells,
    failure::Failed,
    pool::{Loan, Pool},
    rows::{begin, parted, prepare},
    session::Access,
    statement::Statement,
};

/// The plan of a query or a change; empty for what has none (`SHOW`, `EXPLAIN`).
pub(super) async fn plan(pool: &Arc<Pool>, sql: &str, time: Duration) -> Result<String> {
    let statement = Statement::read(sql)?;
    // A server explains a change only to a session that might make it.
    let access = if statement.changes_rows() {
        Access::Write
    } else {
        statement.must_read()?;
        Access::Read
    };
    let mut loan = Pool::borrow(pool, time).await?;
    let planned = explained(pool, &mut loan, &statement, access, time).await;
    parted(pool, loan, planned).await
}

async fn explained(
    pool: &Pool,
    loan: &mut Loan,
    statement: &Statement,
    access: Access,
    time: Duration,
) -> Result<String, Failed> {
    begin(pool, loan, access, time).await?;
    let prepared = prepare(pool, loan, statement, time).await?;
    let explain = statement
        .has_plan()
        .then(|| format!("EXPLAIN {}", statement.sql));
    let planning = async {
        let conn = loan.conn()?;
        if let Some(handle) = prepared.handle() {
            conn.close(handle).await?;
        }
        match explain {
            Some(explain) => conn.query::<Row, _>(explain).await,
            None => Ok(Vec::new()),
        }
    };
    let rows = pool.running(time, planning).await?;
    Ok(rows.into_iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// One line of a plan: what the server says of one table, or its own tree.
fn line(row: Row) -> String {
    let columns = row.columns();
    let texts = cells::texts(row);
    if let [Some(tree)] = texts.as_slice() {
        return tree.clone();
    }
    let named = columns
        .iter()
        .zip(texts)
        .filter_map(|(column, text)| text.map(|text| format!("{}={text}", column.name_str())));
    named.collect::<Vec<_>>().join(" ")
}
