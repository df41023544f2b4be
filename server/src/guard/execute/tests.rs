//! The executor over a database that only notes what reaches it.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;

const CHANGE: &str = "UPDATE orders SET paid = 1 WHERE id = 7";

/// A database that notes what reaches it and answers a dry run as it is told to.
struct Noting {
    seen: Mutex<Vec<&'static str>>,
    planned: fn() -> Result<DryRun>,
}

#[async_trait]
impl Driver for Noting {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn introspect(&self) -> Result<Catalogue> {
        Ok(Catalogue::default())
    }

    async fn dry_run(&self, _sql: &str) -> Result<String> {
        Ok(String::new())
    }

    async fn dry_run_checked(&self, _sql: &str, _check: &FieldCheck) -> Result<DryRun> {
        self.seen.lock().expect("not poisoned").push("dry run");
        (self.planned)()
    }

    async fn stream(&self, _sql: &str, _limits: Limits) -> Result<RowStream> {
        Err(Error::invalid("sql", "is no query"))
    }

    async fn write(&self, _sql: &str, _time: Duration) -> Result<u64> {
        self.seen.lock().expect("not poisoned").push("write");
        Ok(1)
    }
}

/// What came of a change, and what reached the database.
async fn change(
    sql: &str,
    writable: bool,
    confirm: bool,
    planned: fn() -> Result<DryRun>,
) -> (Result<(Verdict, u64), Refusal>, Vec<&'static str>) {
    let driver = Arc::new(Noting {
        seen: Mutex::default(),
        planned,
    });
    let database = GuardedDatabase::new("shop", driver.clone());
    let options = GuardOptions {
        writable,
        ..GuardOptions::default()
    };
    let outcome = database
        .write(sql, &options, confirm, Duration::from_secs(5))
        .await;
    let seen = driver.seen.lock().expect("not poisoned").clone();
    (outcome, seen)
}

#[expect(clippy::unnecessary_wraps, reason = "stands where others fail")]
fn plans() -> Result<DryRun> {
    Ok(DryRun::Plan("SEARCH orders".to_owned()))
}

#[tokio::test]
async fn a_change_runs_when_it_is_allowed_and_confirmed() {
    let (outcome, seen) = change(CHANGE, true, true, plans).await;
    let (verdict, rows) = outcome.expect("runs");
    assert_eq!((rows, seen), (1, vec!["dry run", "write"]));
    assert!(verdict.allowed && verdict.writes);
    assert_eq!(verdict.plan.as_deref(), Some("SEARCH orders"));
}

#[tokio::test]
async fn a_change_that_is_not_confirmed_reaches_no_database_and_says_what_would_run() {
    let (outcome, seen) = change(CHANGE, true, false, plans).await;
    let refusal = outcome.expect_err("unconfirmed");
    assert!(seen.is_empty() && refusal.verdict.allowed && refusal.verdict.writes);
    let text = refusal.error.to_string();
    assert_eq!(refusal.error.kind(), "conflict");
    for part in ["UPDATE", "'shop'", "orders", "`confirm` set to true"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[tokio::test]
async fn a_change_is_refused_where_nothing_is_writable_however_it_is_confirmed() {
    let (outcome, seen) = change(CHANGE, false, true, plans).await;
    let refusal = outcome.expect_err("read only");
    assert!(seen.is_empty() && !refusal.verdict.allowed);
    assert_eq!(refusal.error.kind(), "forbidden");
}

#[tokio::test]
async fn a_query_is_no_change() {
    let (outcome, seen) = change("SELECT 1", true, true, plans).await;
    assert_eq!(outcome.expect_err("a query").error.kind(), "invalid");
    assert!(seen.is_empty());
}

#[tokio::test]
async fn a_session_that_plans_no_change_keeps_none_from_running() {
    let unplanned = || {
        Err(Error::Forbidden {
            reason: "the session is read-only".to_owned(),
        })
    };
    let (outcome, seen) = change(CHANGE, true, true, unplanned).await;
    assert_eq!(outcome.expect("runs").0.plan, None);
    assert_eq!(seen, ["dry run", "write"]);
}

#[tokio::test]
async fn what_the_database_has_against_a_change_keeps_it_from_running() {
    let broken = || Err(Error::upstream("shop", "no such column: paid"));
    let (outcome, seen) = change(CHANGE, true, true, broken).await;
    assert_eq!(outcome.expect_err("refused").error.kind(), "upstream");
    assert_eq!(seen, ["dry run"]);
    let calls = || Ok(DryRun::Calls("wipe".to_owned()));
    let (outcome, seen) = change(CHANGE, true, true, calls).await;
    let refusal = outcome.expect_err("refused");
    assert!(!refusal.verdict.allowed && refusal.verdict.reason.contains("wipe"));
    assert_eq!(seen, ["dry run"]);
}

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
