//! The executor: judge, dry-run, run. Nothing else in the server hands a statement to a driver.

use std::sync::Arc;

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
            let error = Error::Forbidden {
                reason: verdict.reason.clone(),
            };
            return Err(Refusal { verdict, error });
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
        let error = Error::Forbidden {
            reason: verdict.reason.clone(),
        };
        Err(Refusal { verdict, error })
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
    fn the_cost_is_read_from_the_first_line() {
        let plan = "Aggregate  (cost=35.50..1035.51 rows=1 width=8)\n  ->  Seq Scan on t  (cost=0.00..30.40 …)";
        assert_eq!(total_cost(plan), Some(1035.51));
        assert_eq!(total_cost("SCAN orders"), None);
    }
}
