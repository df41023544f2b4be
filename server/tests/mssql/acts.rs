//! Acts beside reading: plans and changes.

use std::time::Duration;

use tidegate_schema::Error;
use tidegate_server::drivers::Driver;

use crate::{
    TIMEOUT, connected,
    said::Request,
    stand_in::{Answer, StandIn, Then},
    tokens::{self, kind, value},
};

const CHANGE: &str = "UPDATE t SET a = 1 WHERE b = 2";

fn lines(lines: &[&str]) -> Vec<u8> {
    let mut tokens = tokens::columns(&[("StmtText", kind::nvarchar(8_000))]);
    for &line in lines {
        tokens.extend(tokens::row(&[value::nvarchar(Some(line))]));
    }
    tokens
}

fn planned(request: &Request) -> Option<Answer> {
    if request.is_description() {
        return Some(Answer::described(&[("n", "int")]));
    }
    (request.text == "SELECT n FROM t").then(|| {
        let mut tokens = lines(&["SELECT n FROM t"]);
        tokens.extend(tokens::done(tokens::DONE, tokens::MORE, 1));
        tokens.extend(lines(&["  |--Table Scan(OBJECT:([store].[dbo].[t]))"]));
        Answer {
            tokens,
            then: Then::End(1),
        }
    })
}

#[tokio::test]
async fn a_plan_is_shown_without_running_anything() {
    let server = StandIn::start(planned).await;
    let driver = connected(&server).await;
    let plan = driver.dry_run("SELECT n FROM t").await.expect("plans");
    assert_eq!(plan, "  |--Table Scan(OBJECT:([store].[dbo].[t]))");
    let heard = server.heard();
    let end = heard.texts.len();
    assert_eq!(
        heard.texts[end - 3..],
        [
            "SET SHOWPLAN_TEXT ON",
            "SELECT n FROM t",
            "SET SHOWPLAN_TEXT OFF"
        ]
    );
}

#[tokio::test]
async fn a_login_that_may_not_see_plans_can_still_check_its_statements() {
    let server = StandIn::start(|request: &Request| {
        if request.text == "SELECT n FROM t" {
            let words = "SHOWPLAN permission denied in database 'store'.";
            return Some(Answer::failed(262, words));
        }
        planned(request)
    })
    .await;
    let driver = connected(&server).await;
    assert_eq!(driver.dry_run("SELECT n FROM t").await.expect("checks"), "");
    // Whatever comes next is run and not planned.
    driver.ping().await.expect("answers");
    let heard = server.heard();
    assert!(heard.texts.contains(&"SET SHOWPLAN_TEXT OFF".to_owned()));
    assert_eq!(heard.logins.len(), 1);
}

#[tokio::test]
async fn a_statement_that_would_fail_is_told_why_before_it_is_run() {
    let server = StandIn::start(|request: &Request| {
        request
            .is_description()
            .then(|| Answer::would_fail(208, "Invalid object name 'nowhere'."))
    })
    .await;
    let driver = connected(&server).await;
    let error = driver
        .dry_run("SELECT n FROM nowhere")
        .await
        .expect_err("is not there")
        .to_string();
    assert!(
        error.contains("Invalid object name 'nowhere'. (error 208)"),
        "{error}"
    );
    assert!(error.contains("list the tables again"), "{error}");
    let texts = server.heard().texts.clone();
    let stream = driver.stream("SELECT n FROM nowhere", crate::within(10, 10_000));
    let error = stream.await.expect_err("is not there").to_string();
    assert!(error.contains("(error 208)"), "{error}");
    assert!(!texts.iter().any(|text| text.contains("SHOWPLAN")));
    let ran = |text: &String| text == "SELECT n FROM nowhere";
    assert!(!server.heard().texts.iter().any(ran));
}

#[tokio::test]
async fn a_statement_without_columns_is_no_query() {
    let server = StandIn::start(|request: &Request| {
        request.is_description().then(|| Answer::described(&[]))
    })
    .await;
    let driver = connected(&server).await;
    let stream = driver.stream(
        "WITH x AS (SELECT 1 AS n) SELECT n FROM x",
        crate::within(10, 10_000),
    );
    let error = stream.await.expect_err("no columns").to_string();
    assert!(error.contains("is no query"), "{error}");
}

fn changing(request: &Request) -> Option<Answer> {
    (request.text == CHANGE).then(|| {
        assert!(request.in_transaction);
        // A trigger's statement is counted first.
        Answer {
            tokens: tokens::done(tokens::DONE_IN_PROC, tokens::COUNTED | tokens::MORE, 9),
            then: Then::End(3),
        }
    })
}

#[tokio::test]
async fn a_change_is_committed_on_a_connection_of_its_own() {
    let server = StandIn::start(changing).await;
    let driver = connected(&server).await;
    assert_eq!(driver.write(CHANGE, TIMEOUT).await.expect("changes"), 3);
    server.until("its end", |heard| heard.closed == 1).await;
    let heard = server.heard();
    assert_eq!(
        heard.texts.last().map(String::as_str),
        Some("COMMIT TRANSACTION")
    );
    let only_reads: Vec<bool> = heard.logins.iter().map(|login| login.only_reads).collect();
    assert_eq!(only_reads, [true, false]);
}

#[tokio::test]
async fn a_change_that_fails_or_takes_too_long_is_not_committed() {
    let server = StandIn::start(|request: &Request| {
        let words = "Violation of PRIMARY KEY constraint 'PK_t'.";
        match request.text.as_str() {
            CHANGE => Some(Answer::failed(2_627, words)),
            "DELETE FROM t WHERE a = 1" => Some(Answer {
                tokens: tokens::begun(),
                then: Then::Hang,
            }),
            _ => None,
        }
    })
    .await;
    let driver = connected(&server).await;
    let error = driver.write(CHANGE, TIMEOUT).await.expect_err("fails");
    assert!(error.to_string().contains("(error 2627)"), "{error}");
    let error = driver
        .write("DELETE FROM t WHERE a = 1", Duration::from_millis(300))
        .await
        .expect_err("too late");
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    server.until("both ends", |heard| heard.closed == 2).await;
    let commits = |text: &String| text.contains("COMMIT");
    assert!(!server.heard().texts.iter().any(commits));
}

#[tokio::test]
async fn a_commit_that_is_not_answered_says_that_nobody_knows() {
    let server = StandIn::start(|request: &Request| {
        if request.text == "COMMIT TRANSACTION" {
            return Some(Answer {
                tokens: tokens::committed(),
                then: Then::Die,
            });
        }
        changing(request)
    })
    .await;
    let driver = connected(&server).await;
    let error = driver.write(CHANGE, TIMEOUT).await.expect_err("unknown");
    assert!(error.to_string().contains("is not known"), "{error}");
}

#[tokio::test]
async fn a_change_cannot_hide_another_act() {
    let server = StandIn::start(changing).await;
    let driver = connected(&server).await;
    for text in [
        "UPDATE t SET a = 1 COMMIT",
        "DROP TABLE t",
        "SELECT 1",
        "sp_who",
    ] {
        let error = driver.write(text, TIMEOUT).await.expect_err(text);
        assert!(matches!(error, Error::Forbidden { .. }), "{error}");
    }
    assert_eq!(server.heard().logins.len(), 1);
}
