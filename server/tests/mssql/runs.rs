//! Runs: rows on their way, caps, clocks, readers that leave, servers that break off.

use std::time::Duration;

use futures::StreamExt as _;
use tidegate_schema::{Error, model::Cell};
use tidegate_server::drivers::{Batch, Driver, Limits};

use crate::{
    connected,
    said::Request,
    stand_in::{Answer, StandIn, Then},
    tokens::{self, kind, value},
    within,
};

const LARGE_ROW: usize = 7_000;

fn numbers(rows: u32) -> Answer {
    let rows: Vec<Vec<Vec<u8>>> = (0..rows).map(|n| vec![n.to_le_bytes().to_vec()]).collect();
    Answer::rows(&[("n", kind::INT.to_vec())], &rows)
}

fn first_two(then: Then) -> Answer {
    Answer {
        tokens: numbers(2).tokens,
        then,
    }
}

/// Answers one statement and leaves the rest to the stand-in.
async fn answering(answer: fn() -> Answer) -> StandIn {
    StandIn::start(move |request: &Request| {
        (request.text.starts_with("SELECT n") || request.text.starts_with("WITH n")).then(answer)
    })
    .await
}

#[tokio::test]
async fn a_result_without_rows_has_columns() {
    let server = answering(|| numbers(0)).await;
    let driver = connected(&server).await;
    let set = driver
        .run("SELECT n FROM t WHERE 1 = 0", within(10, 10_000))
        .await
        .expect("runs");
    assert!(set.rows.is_empty());
    assert_eq!(set.columns[0].name, "n");
    assert_eq!(set.columns[0].data_type, "int");
}

#[tokio::test]
async fn many_rows_arrive_in_order_and_the_first_alone() {
    let server = answering(|| numbers(100_000)).await;
    let driver = connected(&server).await;
    let stream = driver.stream("SELECT n FROM t", within(200_000, 60_000));
    let mut batches = stream.await.expect("runs").batches;
    let (mut sizes, mut next) = (Vec::new(), 0);
    while let Some(batch) = batches.next().await {
        let Batch::Rows(rows) = batch.expect("a batch") else {
            panic!("nothing was to be cut");
        };
        sizes.push(rows.len());
        for row in rows {
            assert_eq!(row, [Cell::Int(next)]);
            next += 1;
        }
    }
    assert_eq!(next, 100_000);
    assert_eq!(sizes[0], 1);
    assert!(sizes.iter().all(|size| *size <= 256));
}

#[tokio::test]
async fn each_run_is_a_transaction_that_is_rolled_back() {
    let server = StandIn::start(|request: &Request| {
        let is_query = request.text == "SELECT n FROM t";
        assert_eq!(
            request.in_transaction,
            is_query || request.text.starts_with("IF @@TRANCOUNT"),
            "{}",
            request.text
        );
        is_query.then(|| numbers(1))
    })
    .await;
    let driver = connected(&server).await;
    for _ in 0..2 {
        driver
            .run("SELECT n FROM t", within(10, 10_000))
            .await
            .expect("runs");
    }
    let heard = server.heard();
    assert_eq!(heard.logins.len(), 1, "the connection is used again");
    let session = heard.texts[0].clone();
    for setting in [
        "XACT_ABORT ON",
        "IMPLICIT_TRANSACTIONS OFF",
        "QUOTED_IDENTIFIER ON",
    ] {
        assert!(session.contains(setting), "{session}");
    }
    let begins = |text: &String| text.contains("BEGIN TRANSACTION");
    assert_eq!(heard.texts.iter().filter(|text| begins(text)).count(), 2);
    let last = heard.texts.last().expect("a text");
    assert_eq!(last, "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION");
}

#[tokio::test]
async fn a_result_is_cut_at_its_cap_and_the_statement_stopped() {
    let row = tokens::row(&[7_i32.to_le_bytes().to_vec()]);
    let server = StandIn::start(move |request: &Request| {
        request.text.starts_with("SELECT n").then(|| Answer {
            tokens: tokens::columns(&[("n", kind::INT.to_vec())]),
            then: Then::Repeat(row.repeat(50)),
        })
    })
    .await;
    let driver = connected(&server).await;
    let set = driver
        .run("SELECT n FROM t", within(120, 10_000))
        .await
        .expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (120, Some(120)));
    server
        .until("an attention", |heard| heard.attentions == 1)
        .await;
}

#[tokio::test]
async fn a_result_that_just_fits_is_not_cut() {
    let server = answering(|| numbers(300)).await;
    let driver = connected(&server).await;
    let set = driver
        .run("SELECT n FROM t", within(300, 10_000))
        .await
        .expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (300, None));
}

#[tokio::test]
async fn a_value_larger_than_the_result_may_be_is_not_shown() {
    let server = StandIn::start(|request: &Request| {
        if request.is_description() {
            return Some(Answer::described(&[
                ("a", "nvarchar(max)"),
                ("b", "nvarchar(max)"),
            ]));
        }
        // The server sends no more of a value than it was told to: five hundred letters of more.
        request.text.starts_with("SELECT a").then(|| {
            let text = |letters: usize| value::pieces(&tokens::utf16(&"x".repeat(letters)));
            let columns = [("a", kind::nvarchar(0xffff)), ("b", kind::nvarchar(0xffff))];
            let rows = [vec![text(3), text(3)], vec![text(3), text(500)]];
            Answer::rows(&columns, &rows)
        })
    })
    .await;
    let driver = connected(&server).await;
    let limits = Limits {
        bytes: 999,
        ..within(10, 10_000)
    };
    let set = driver
        .run("SELECT a, b FROM t", limits)
        .await
        .expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (1, Some(1)));
    let heard = server.heard();
    // Twice the limit and a little, over two columns.
    assert!(
        heard
            .texts
            .iter()
            .any(|text| text.contains("SET TEXTSIZE 1000;")),
        "{:?}",
        heard.texts
    );
}

#[tokio::test]
async fn an_error_in_the_middle_is_told_after_the_rows() {
    let server = answering(|| {
        let mut answer = first_two(Then::Failed);
        let words = "Divide by zero error encountered.";
        answer.tokens.extend(tokens::failed(8_134, 16, words, 2));
        answer
    })
    .await;
    let driver = connected(&server).await;
    let stream = driver.stream("SELECT n FROM t", within(10, 10_000));
    let mut batches = stream.await.expect("begins").batches;
    let mut rows = 0;
    let error = loop {
        match batches.next().await.expect("an error at last") {
            Ok(Batch::Rows(some)) => rows += some.len(),
            Ok(Batch::Cut(_)) => panic!("nothing was to be cut"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(batches.next().await.is_none());
    assert_eq!(rows, 2);
    assert!(
        error.contains("Divide by zero error encountered. (error 8134, line 2)"),
        "{error}"
    );
    driver.ping().await.expect("goes on");
    assert_eq!(
        server.heard().logins.len(),
        1,
        "the connection is used again"
    );
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_is_an_error_and_not_an_end() {
    let server = answering(|| first_two(Then::Die)).await;
    let driver = connected(&server).await;
    let error = driver
        .run("SELECT n FROM t", within(10, 10_000))
        .await
        .expect_err("the connection broke off")
        .to_string();
    assert!(error.contains("was lost"), "{error}");
    driver.ping().await.expect("connects again");
    assert_eq!(server.heard().logins.len(), 2);
}

#[tokio::test]
async fn a_server_that_went_away_while_nobody_asked_is_noticed_before_it_is_asked() {
    let server = StandIn::start(|request: &Request| {
        if request.text.starts_with("IF @@TRANCOUNT") {
            return Some(Answer {
                tokens: tokens::rolled_back(),
                then: Then::Leave,
            });
        }
        request.text.starts_with("SELECT n").then(|| numbers(1))
    })
    .await;
    let driver = connected(&server).await;
    for closed in 1..4 {
        driver
            .run("SELECT n FROM t", within(10, 10_000))
            .await
            .expect("a living connection");
        server
            .until("the end", |heard| heard.closed == closed)
            .await;
    }
    assert_eq!(server.heard().logins.len(), 3);
}

#[tokio::test]
async fn a_statement_that_never_answers_is_given_up_and_stopped() {
    // Before its columns are known, and after.
    for answer in [
        (|| Answer {
            tokens: tokens::begun(),
            then: Then::Hang,
        }) as fn() -> Answer,
        || first_two(Then::Hang),
    ] {
        let server = answering(answer).await;
        let driver = connected(&server).await;
        let error = driver
            .run("SELECT n FROM t", within(10, 300))
            .await
            .expect_err("too late");
        assert!(
            matches!(&error, Error::Timeout { what, .. } if what == "the query"),
            "{error}"
        );
        server
            .until("an attention", |heard| heard.attentions == 1)
            .await;
        driver.ping().await.expect("goes on");
    }
}

#[tokio::test]
async fn a_reader_that_leaves_stops_the_statement_at_once() {
    let server = answering(|| first_two(Then::Hang)).await;
    let driver = connected(&server).await;
    let stream = driver.stream("SELECT n FROM t", within(10, 60_000));
    let mut stream = stream.await.expect("begins");
    assert!(stream.batches.next().await.is_some());
    drop(stream);
    // Expected within milliseconds; the stand-in waits for longer.
    server
        .until("an attention", |heard| heard.attentions == 1)
        .await;
    server
        .until("the end of the connection", |heard| heard.closed == 1)
        .await;
}

#[tokio::test]
async fn a_slow_reader_holds_the_server_back() {
    let row = tokens::row(&[value::bounded(&[b'x'; LARGE_ROW])]);
    let server = StandIn::start(move |request: &Request| {
        request.text.starts_with("SELECT n").then(|| Answer {
            tokens: tokens::columns(&[("n", kind::varchar(8_000))]),
            then: Then::Repeat(row.repeat(8)),
        })
    })
    .await;
    let driver = connected(&server).await;
    let limits = Limits {
        bytes: usize::MAX >> 2,
        ..within(usize::MAX, 120_000)
    };
    let stream = driver.stream("SELECT n FROM t", limits);
    let mut stream = stream.await.expect("begins");
    assert!(stream.batches.next().await.is_some());
    let mut before = 0;
    for attempt in 0.. {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = server.heard().repeated_bytes;
        if now == before {
            break;
        }
        assert!(
            attempt < 100,
            "the server is still sending after {now} bytes"
        );
        before = now;
    }
    // Two batches of 256 rows, one in the making, and what the sockets hold.
    assert!(before < 64 << 20, "{before} bytes are on their way");
    drop(stream);
    server.until("the end", |heard| heard.closed == 1).await;
}

#[tokio::test]
async fn more_than_one_result_is_refused() {
    let server = answering(|| {
        let mut answer = numbers(1);
        answer
            .tokens
            .extend(tokens::done(tokens::DONE_IN_PROC, tokens::MORE, 1));
        answer.tokens.extend(numbers(1).tokens);
        answer
    })
    .await;
    let driver = connected(&server).await;
    let error = driver
        .run("SELECT n FROM t SELECT 2", within(10, 10_000))
        .await
        .expect_err("two of them");
    assert!(matches!(error, Error::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_read_never_reaches_the_server() {
    let server = answering(|| numbers(1)).await;
    let driver = connected(&server).await;
    let before = server.heard().texts.len();
    for text in [
        "DELETE FROM t",
        "SELECT n FROM t COMMIT DELETE FROM t",
        "SELECT n INTO u FROM t",
        "EXEC sp_who",
        "DROP TABLE t",
    ] {
        let error = driver.run(text, within(10, 10_000)).await.expect_err(text);
        assert!(matches!(error, Error::Forbidden { .. }), "{error}");
    }
    assert_eq!(server.heard().texts.len(), before);
}
