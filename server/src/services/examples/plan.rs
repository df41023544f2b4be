//! The proof that a query could run: the guard's opinion and the engine's plan.

use std::time::Instant;

use tidegate_schema::{
    Error, Result,
    model::{Caller, Datasource, Verdict},
};

use super::Examples;
use crate::{
    guard::Refusal,
    services::audit::{self, Judged},
};

impl Examples<'_> {
    /// Proves that a query may run for the caller and that the database could run it, and writes down that it was
    /// asked.
    pub(super) async fn plan(
        &self,
        caller: &Caller,
        datasource: &Datasource,
        sql: &str,
    ) -> Result<Verdict> {
        let app = self.0;
        let started = Instant::now();
        let database = app.databases.get(datasource).await?;
        let options = app.datasources().guard_options(caller, datasource);
        let limit = app.sql().limits().time;
        let verdict = database.judge(sql, &options);
        let outcome = if verdict.allowed && verdict.statement != "select" {
            let kind = verdict.statement.to_uppercase();
            let reason = format!("{kind} answers no question; keep a query that does");
            Err(Refusal {
                verdict,
                error: Error::invalid("sql", reason),
            })
        } else {
            match tokio::time::timeout(limit, database.check(sql, &options)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Refusal {
                    verdict,
                    error: Error::Timeout {
                        what: "planning the query".to_owned(),
                        limit,
                    },
                }),
            }
        };
        if let Err(refusal) = &outcome {
            app.databases
                .learn_from(&datasource.name, &refusal.error)
                .await;
        }
        let (verdict, error) = match &outcome {
            Ok(verdict) => (verdict.clone(), None),
            Err(refusal) => (refusal.verdict.clone(), Some(&refusal.error)),
        };
        let verdict = Verdict {
            reason: if error.is_none() {
                "planned, to be kept as an example; it did not run".to_owned()
            } else {
                verdict.reason
            },
            ..verdict
        };
        let judged = Judged {
            datasource: &datasource.name,
            sql,
            verdict: &verdict,
            error,
            rows: 0,
            elapsed_ms: started.elapsed().as_millis() as u64,
            confirmed: false,
        };
        audit::record(app, caller, &judged).await?;
        outcome.map_err(Error::from)
    }
}
