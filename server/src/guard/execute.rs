//! The executor: judge, dry-run, run. Nothing else in the server hands a statement to a driver.

use std::{collections::BTreeSet, sync::Arc};

use tidegate_schema::{
    Error, Result,
    model::{Catalogue, Engine, RowSet, Verdict},
};

use super::{Guard, GuardOptions};
use crate::drivers::{Driver, Limits, RowStream};

/// A database behind the guard.
#[derive(Clone)]
pub struct GuardedDatabase {
    name: String,
    driver: Arc<dyn Driver>,
    max_cost: Option<f64>,
}

/// A judged statement whose rows are on their way.
#[derive(Debug)]
pub struct GuardedStream {
    /// What the guard found, with the plan.
    pub verdict: Verdict,
    /// The rows.
    pub rows: RowStream,
}

/// Why there are no rows, with the verdict as far as it got.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// What the guard found; `allowed` is false if it was the guard that refused.
    pub verdict: Verdict,
    /// What to tell the caller.
    pub error: Error,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

impl GuardedDatabase {
    /// Puts a connected database behind the guard.
    pub fn new(name: impl Into<String>, driver: Arc<dyn Driver>) -> Self {
        Self {
            name: name.into(),
            driver,
            max_cost: None,
        }
    }

    /// Refuses queries whose plan the engine itself thinks dearer, where it has an opinion (PostgreSQL).
    pub fn with_max_cost(mut self, max_cost: Option<f64>) -> Self {
        self.max_cost = max_cost;
        self
    }

    /// The datasource's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which engine.
    pub fn engine(&self) -> Engine {
        self.driver.engine()
    }

    /// Proves that the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.driver.ping().await
    }

    /// Tables, columns, keys and sampled values.
    pub async fn introspect(&self) -> Result<Catalogue> {
        self.driver.introspect().await
    }

    /// The guard's opinion alone; touches no database.
    pub fn judge(&self, sql: &str, options: &GuardOptions) -> Verdict {
        Guard::judge(sql, self.engine(), options)
    }

    /// Judges and has the engine plan the statement, without running it.
    pub async fn check(&self, sql: &str, options: &GuardOptions) -> Result<Verdict, Refusal> {
        let mut verdict = self.judge(sql, options);
        if !verdict.allowed {
            return Err(refused(verdict));
        }
        // Before anything is planned: planning already calls functions that are declared not to change anything.
        let called = match self.field_that_calls(&verdict).await {
            Ok(called) => called,
            Err(error) => return Err(Refusal { verdict, error }),
        };
        if let Some(name) = called {
            verdict.allowed = false;
            verdict.reason = format!(
                "{name} is a column of no table in the statement and a function of the database, which would be \
                 called; write the column's own name, or another alias"
            );
            return Err(refused(verdict));
        }
        let plan = match self.driver.dry_run(sql).await {
            Ok(plan) => plan,
            Err(error) => return Err(Refusal { verdict, error }),
        };
        if let (Some(max), Some(cost)) = (self.max_cost, total_cost(&plan))
            && cost > max
        {
            verdict.allowed = false;
            verdict.reason = format!(
                "the database expects a cost of {cost:.0}, more than the {max:.0} allowed; \
                 narrow the query down, for example to fewer rows or an indexed column"
            );
        }
        verdict.plan = (!plan.is_empty()).then_some(plan);
        if verdict.allowed {
            return Ok(verdict);
        }
        Err(refused(verdict))
    }

    /// A name after a dot that the engine may take for a call.
    async fn field_that_calls(&self, verdict: &Verdict) -> Result<Option<String>> {
        let fields: BTreeSet<String> = verdict
            .columns
            .iter()
            .filter_map(|column| last_part(column))
            .collect();
        if fields.is_empty() {
            return Ok(None);
        }
        let fields: Vec<String> = fields.into_iter().collect();
        self.driver.field_that_calls(&fields, &verdict.tables).await
    }

    /// Judges, dry-runs and streams.
    pub async fn stream(
        &self,
        sql: &str,
        options: &GuardOptions,
        limits: Limits,
    ) -> Result<GuardedStream, Refusal> {
        let verdict = self.check(sql, options).await?;
        match self.driver.stream(sql, limits).await {
            Ok(rows) => Ok(GuardedStream { verdict, rows }),
            Err(error) => Err(Refusal { verdict, error }),
        }
    }

    /// Judges, dry-runs and gathers the rows up to the caps.
    pub async fn run(
        &self,
        sql: &str,
        options: &GuardOptions,
        limits: Limits,
    ) -> Result<(Verdict, RowSet), Refusal> {
        let verdict = self.check(sql, options).await?;
        match self.driver.run(sql, limits).await {
            Ok(rows) => Ok((verdict, rows)),
            Err(error) => Err(Refusal { verdict, error }),
        }
    }
}

fn refused(verdict: Verdict) -> Refusal {
    let error = Error::Forbidden {
        reason: verdict.reason.clone(),
    };
    Refusal { verdict, error }
}

/// What stands after the last dot of a column as it is written, folded as PostgreSQL would; `None` without a dot.
fn last_part(column: &str) -> Option<String> {
    let mut quoted = false;
    let mut dot = None;
    for (at, sign) in column.char_indices() {
        match sign {
            '"' => quoted = !quoted,
            '.' if !quoted => dot = Some(at),
            _ => {}
        }
    }
    let part = &column[dot? + 1..];
    let inside = part
        .strip_prefix('"')
        .and_then(|part| part.strip_suffix('"'));
    Some(inside.map_or_else(
        || part.to_ascii_lowercase(),
        |inside| inside.replace("\"\"", "\""),
    ))
}

/// The cost at the top of a PostgreSQL plan: `Seq Scan on t  (cost=0.00..35.50 rows=…`.
fn total_cost(plan: &str) -> Option<f64> {
    let (_, after) = plan.lines().next()?.split_once("(cost=")?;
    let (_, total) = after.split_once("..")?;
    total.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_column_is_folded_as_the_engine_would() {
        for (column, expected) in [
            ("wipe", None),
            ("c.Wipe", Some("wipe")),
            ("public.customers.wipe", Some("wipe")),
            ("c.\"Wi.pe\"", Some("Wi.pe")),
            ("\"a.b\".\"say \"\"hi\"\"\"", Some("say \"hi\"")),
            ("\"a.b\"", None),
            ("(…).wipe", Some("wipe")),
        ] {
            assert_eq!(last_part(column).as_deref(), expected, "{column}");
        }
    }

    #[test]
    fn the_cost_is_read_from_the_first_line() {
        let plan = "Aggregate  (cost=35.50..1035.51 rows=1 width=8)\n  ->  Seq Scan on t  (cost=0.00..30.40 …)";
        assert_eq!(total_cost(plan), Some(1035.51));
        assert_eq!(total_cost("SCAN orders"), None);
    }
}
