//! SQL over a datasource: queries, and changes once they are let through and confirmed.

use async_graphql::{Context, Object, Result, SimpleObject, Union};
use tidegate_schema::model::{self, Caller};

use super::Datasource;
use crate::{
    api::graphql::turns::{Problem, Rows, Verdict},
    app::App,
    services::sql::{Executed, Failed},
};

/// What running SQL came to.
#[derive(Union)]
enum RunSqlResult {
    /// It ran.
    Ran(RunSqlAnswer),
    /// It was refused, or the database had an error.
    Problem(Problem),
}

/// Rows of a statement and the guard's verdict.
#[derive(SimpleObject)]
struct RunSqlAnswer {
    /// The rows, capped.
    result: Rows,
    /// What the guard said.
    verdict: Verdict,
}

/// What executing SQL came to.
#[derive(Union)]
enum ExecuteSqlResult {
    /// It was a query, and ran.
    Ran(RunSqlAnswer),
    /// It changed rows.
    Changed(ChangedRows),
    /// It would change rows, and waits to be confirmed. Nothing ran.
    Unconfirmed(UnconfirmedChange),
    /// It was refused, or the database had an error.
    Problem(Problem),
}

/// How many rows a statement changed, and the guard's verdict.
#[derive(SimpleObject)]
struct ChangedRows {
    /// How many.
    rows_changed: u64,
    /// How long it took, milliseconds.
    elapsed_ms: u64,
    /// What the guard said.
    verdict: Verdict,
}

/// A statement that would change rows, and how to have it run.
#[derive(SimpleObject)]
struct UnconfirmedChange {
    /// What would run, for a person.
    message: String,
    /// What the guard said.
    verdict: Verdict,
}

/// What marking a datasource came to.
#[derive(Union)]
enum SetDatasourceWritableResult {
    /// It is marked.
    Datasource(Datasource),
    /// It was refused, or there is no such datasource.
    Problem(Problem),
}

/// [`Problem::expected`] of a statement, with what the guard said of it.
fn expected_failure(failed: Failed) -> Result<Problem> {
    let problem = Problem::expected(&failed.error)?;
    Ok(problem.with_verdict(failed.verdict.map(|verdict| *verdict)))
}

/// What can be done with datasources.
#[derive(Default)]
pub struct DatasourceMutations;

#[Object]
impl DatasourceMutations {
    /// Run one query through the guard.
    async fn run_sql(
        &self,
        context: &Context<'_>,
        datasource: String,
        sql: String,
    ) -> Result<RunSqlResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        match app.sql().run(caller, &datasource, &sql).await {
            Ok((verdict, rows)) => Ok(RunSqlResult::Ran(ran(verdict, rows))),
            Err(failed) => expected_failure(failed).map(RunSqlResult::Problem),
        }
    }

    /// Run one statement through the guard that may change rows, where the datasource is writable and the caller may
    /// write there. Without `confirm` it says what would run; queries run with it and without it.
    async fn execute_sql(
        &self,
        context: &Context<'_>,
        datasource: String,
        sql: String,
        #[graphql(default = false)] confirm: bool,
    ) -> Result<ExecuteSqlResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        Ok(
            match app.sql().execute(caller, &datasource, &sql, confirm).await {
                Ok(Executed::Read { verdict, rows }) => ExecuteSqlResult::Ran(ran(verdict, rows)),
                Ok(Executed::Changed {
                    verdict,
                    rows,
                    elapsed_ms,
                }) => ExecuteSqlResult::Changed(ChangedRows {
                    rows_changed: rows,
                    elapsed_ms,
                    verdict: Verdict(verdict),
                }),
                Ok(Executed::Unconfirmed { verdict, reason }) => {
                    ExecuteSqlResult::Unconfirmed(UnconfirmedChange {
                        message: reason,
                        verdict: Verdict(verdict),
                    })
                }
                Err(failed) => ExecuteSqlResult::Problem(expected_failure(failed)?),
            },
        )
    }

    /// Let statements that change rows through to a datasource, or no longer.
    async fn set_datasource_writable(
        &self,
        context: &Context<'_>,
        name: String,
        writable: bool,
    ) -> Result<SetDatasourceWritableResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        match app
            .datasources()
            .mark_writable(caller, &name, writable)
            .await
        {
            Ok(found) => Ok(SetDatasourceWritableResult::Datasource(Datasource(found))),
            Err(error) => Problem::expected(&error).map(SetDatasourceWritableResult::Problem),
        }
    }
}

fn ran(verdict: model::Verdict, rows: model::RowSet) -> RunSqlAnswer {
    RunSqlAnswer {
        result: Rows(rows),
        verdict: Verdict(verdict),
    }
}
