//! The executor: judge, dry-run, run. Nothing else in the server hands a statement to a driver.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Engine, RowSet, Verdict},
};

use super::{GuardOptions, memory::Memory};
use crate::drivers::{Driver, DryRun, FieldCheck, Limits, RowStream};

/// A database behind the guard.
#[derive(Clone)]
pub struct GuardedDatabase {
    name: String,
    driver: Arc<dyn Driver>,
    max_cost: Option<f64>,
    /// Shared by all that were cloned from one.
    memory: Arc<Memory>,
}

/// A judged statement whose rows are on their way.
#[derive(Debug)]
pub struct GuardedStream {
    /// What the guard found, with the plan.
    pub verdict: Verdict,
    /// The rows.
    pub rows: RowStream,
}

/// A statement with the guard's opinion of it; only [`GuardedDatabase::judged`] makes one.
#[derive(Debug)]
pub struct Judged<'a> {
    sql: &'a str,
    verdict: Verdict,
}

impl Judged<'_> {
    /// What the guard found.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
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
            memory: Arc::default(),
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

    /// Tables, columns and keys.
    pub async fn introspect(&self) -> Result<Catalogue> {
        self.driver.introspect().await
    }

    /// The guard's opinion alone; touches no database.
    pub fn judge(&self, sql: &str, options: &GuardOptions) -> Verdict {
        self.memory.judge(sql, self.engine().dialect(), options)
    }

    /// Judges and has the engine plan the statement, without running it.
    pub async fn check(&self, sql: &str, options: &GuardOptions) -> Result<Verdict, Refusal> {
        self.check_judged(sql, self.judge(sql, options)).await
    }

    /// The rest of a check, for a statement that was judged.
    async fn check_judged(&self, sql: &str, mut verdict: Verdict) -> Result<Verdict, Refusal> {
        if !verdict.allowed {
            return Err(refused(verdict));
        }
        match self.driver.dry_run_checked(sql, &fields(&verdict)).await {
            Ok(planned) => self.take_in(&mut verdict, planned),
            Err(error) => return Err(Refusal { verdict, error }),
        }
        if verdict.allowed {
            return Ok(verdict);
        }
        Err(refused(verdict))
    }

    /// The guard's opinion of a statement, to be run without judging it again.
    pub fn judged<'a>(&self, sql: &'a str, options: &GuardOptions) -> Judged<'a> {
        Judged {
            sql,
            verdict: self.judge(sql, options),
        }
    }

    /// Dry-runs a judged statement and gathers its rows up to the caps.
    pub async fn run_judged(
        &self,
        judged: Judged<'_>,
        limits: Limits,
    ) -> Result<(Verdict, RowSet), Refusal> {
        let verdict = self.check_judged(judged.sql, judged.verdict).await?;
        match self.driver.run(judged.sql, limits).await {
            Ok(rows) => Ok((verdict, rows)),
            Err(error) => Err(Refusal { verdict, error }),
        }
    }

    /// A word that changes with the structure, where the engine has one.
    pub async fn fingerprint(&self) -> Result<Option<String>> {
        self.driver.fingerprint().await
    }

    /// The same tables with sampled values.
    pub async fn sample(&self, tables: Vec<CatalogueTable>) -> Result<Vec<CatalogueTable>> {
        self.driver.sample(tables).await
    }

    /// Takes what the dry run came to into the verdict.
    fn take_in(&self, verdict: &mut Verdict, planned: DryRun) {
        let plan = match planned {
            DryRun::Plan(plan) => plan,
            DryRun::Calls(name) => {
                verdict.allowed = false;
                verdict.reason = format!(
                    "{name} is a column of no table in the statement and a function of the database, which would \
                     be called; write the column's own name, or another alias"
                );
                return;
            }
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
        self.run_judged(self.judged(sql, options), limits).await
    }

    /// Judges a statement that changes rows and, once it is confirmed, dry-runs it where the engine plans changes
    /// and runs it in a transaction of its own; how many rows it changed.
    ///
    /// It is allowed under options that say `writable` alone. Unconfirmed, nothing reaches the database: the
    /// refusal is an [`Error::Conflict`] that says what would run, with the verdict that would let it.
    pub async fn write(
        &self,
        sql: &str,
        options: &GuardOptions,
        confirm: bool,
        time: Duration,
    ) -> Result<(Verdict, u64), Refusal> {
        let mut verdict = self.judge(sql, options);
        if !verdict.allowed {
            return Err(refused(verdict));
        }
        if !verdict.writes {
            let error = Error::invalid("sql", "changes no rows; run it as a query");
            return Err(Refusal { verdict, error });
        }
        if !confirm {
            let reason = unconfirmed(&self.name, &verdict);
            let error = Error::Conflict { reason };
            return Err(Refusal { verdict, error });
        }
        match self.driver.dry_run_checked(sql, &fields(&verdict)).await {
            Ok(planned) => self.take_in(&mut verdict, planned),
            // The driver's own words: its read-only session plans no change. What the database has against the
            // statement it says when it runs, and then nothing is kept of it.
            Err(Error::Forbidden { .. } | Error::Unsupported { .. } | Error::Invalid { .. }) => {}
            Err(error) => return Err(Refusal { verdict, error }),
        }
        if !verdict.allowed {
            return Err(refused(verdict));
        }
        match self.driver.write(sql, time).await {
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

/// What a change would do, and how to have it done.
fn unconfirmed(name: &str, verdict: &Verdict) -> String {
    format!(
        "nothing was changed: the statement would run as {} on '{name}', with the tables {}; send it again with \
         `confirm` set to true to have it run",
        verdict.statement.to_uppercase(),
        verdict.tables.join(", ")
    )
}

/// Names after a dot, which an engine may take for calls.
fn fields(verdict: &Verdict) -> FieldCheck {
    let fields: BTreeSet<String> = verdict
        .columns
        .iter()
        .filter_map(|column| last_part(column))
        .collect();
    FieldCheck {
        fields: fields.into_iter().collect(),
        tables: verdict.tables.clone(),
    }
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
mod tests;
