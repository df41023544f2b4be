//! A database of 2,500 tables: added in seconds, answered at once, and the tables of a question found among them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tidegate_schema::model::{Caller, Catalogue, ChatMode, Datasource};
use tidegate_server::{linking::SchemaIndex, services::chat::TurnRequest};
use tidegate_tests::{
    TestApp,
    large::{self, Question},
    postgres::Database,
    upstream::{Script, Upstream},
};

const NAME: &str = "enterprise";
const QUESTION: &str = "How many customers do we have in each segment?";
const SQL: &str = "SELECT seg_id, count(*) AS customers FROM crm.cust_mstr GROUP BY seg_id";
/// Tables among which the needed ones are to be.
const FIRST: usize = 10;

#[expect(clippy::print_stderr, reason = "figures for whoever reads the log")]
fn tell(what: &str) {
    eprintln!("{what}");
}

/// What was found of what was needed, and the questions with something missing.
fn recall(
    catalogue: &Catalogue,
    questions: &[Question],
    found: &[Vec<usize>],
) -> (f64, Vec<String>) {
    let mut sum = 0.0;
    let mut misses = Vec::new();
    for (question, found) in questions.iter().zip(found) {
        let names: Vec<String> = found
            .iter()
            .take(FIRST)
            .map(|&at| catalogue.tables[at].full_name())
            .collect();
        let missing: Vec<&String> = question
            .needs
            .iter()
            .filter(|name| !names.contains(name))
            .collect();
        sum += 1.0 - missing.len() as f64 / question.needs.len() as f64;
        if !missing.is_empty() {
            misses.push(format!(
                "{}: not {missing:?} but {}",
                question.text,
                names.join(" ")
            ));
        }
    }
    (sum / questions.len() as f64, misses)
}

/// The figure and the misses as text, with those of the questions for tuning.
fn report(score: f64, misses: &[String], tuning: &(f64, Vec<String>)) -> String {
    format!(
        "recall@{FIRST} {score:.3} (for tuning: {:.3})\n{}\n-- for tuning:\n{}",
        tuning.0,
        misses.join("\n"),
        tuning.1.join("\n")
    )
}

#[test]
fn words_alone_find_most_of_the_tables_needed() {
    let catalogue = large::catalogue(&large::tables());
    let started = Instant::now();
    let index = SchemaIndex::build(&catalogue);
    tell(&format!("indexed in {:?}", started.elapsed()));
    let (questions, tuning) = (large::measuring(), large::tuning());
    let find = |questions: &[Question]| {
        let found: Vec<Vec<usize>> = questions
            .iter()
            .map(|question| index.recall(&catalogue, &question.text, None))
            .collect();
        recall(&catalogue, questions, &found)
    };
    let (score, misses) = find(&questions);
    let report = report(score, &misses, &find(&tuning));
    tell(&report);
    assert!(score >= 0.85, "{report}");
}

/// The database, and the application it was added to.
async fn added(app: &TestApp) -> Result<(Database, Datasource)> {
    let database = Database::with(&large::sql(&large::tables())).await?;
    let started = Instant::now();
    app.register(NAME, database.connection()?).await?;
    let caller = Caller::local("001");
    let datasource = app.app.datasources().get(&caller, NAME).await?;
    let catalogue = app.app.datasources().catalogue(&caller, NAME).await?;
    let took = started.elapsed();
    tell(&format!("added in {took:?}"));
    let columns: usize = catalogue.tables.iter().map(|t| t.columns.len()).sum();
    assert_eq!(
        (catalogue.tables.len(), columns),
        (large::TABLES, large::COLUMNS)
    );
    // Three seconds on a machine of its own.
    assert!(took < Duration::from_secs(10), "added in {took:?}");
    Ok((database, datasource))
}

/// Waits until nothing is left to be done for the database.
async fn indexed(app: &TestApp) -> Result<()> {
    let started = Instant::now();
    loop {
        let progress = app.app.databases.progress(NAME).await;
        if progress.done {
            tell(&format!("indexed in {:?}: {progress:?}", started.elapsed()));
            return Ok(());
        }
        if started.elapsed() > Duration::from_secs(500) {
            bail!("not indexed within 500 s: {progress:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The values that are known of a column.
fn values<'a>(catalogue: &'a Catalogue, table: &str, column: &str) -> Result<&'a [String]> {
    let table = catalogue.tables.iter().find(|t| t.full_name() == table);
    let columns = &table.context("no such table")?.columns;
    let column = columns.iter().find(|c| c.name == column);
    Ok(&column.context("no such column")?.values)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_database_is_added_in_seconds_and_answered_at_once() -> Result<()> {
    let upstream = Upstream::start(Script::default().sql(QUESTION, SQL)).await?;
    let builder = || TestApp::builder().model(&upstream.model("scripted"));
    let app = builder().start().await?;
    let (_database, datasource) = added(&app).await?;
    let caller = Caller::local("001");
    let request = TurnRequest {
        text: QUESTION.to_owned(),
        mode: ChatMode::WithDbExecute.name().to_owned(),
        select_param: Some(NAME.to_owned()),
        model: Some("scripted".to_owned()),
        ..TurnRequest::default()
    };
    let started = Instant::now();
    let answer = app.app.chat().ask(&caller, request).await?;
    let took = started.elapsed();
    let progress = app.app.databases.progress(NAME).await;
    tell(&format!("answered in {took:?} at {progress:?}"));
    assert!(took < Duration::from_secs(10), "answered in {took:?}");
    assert!(answer.problem.is_none(), "{:?}", answer.problem);
    let shown = &answer.evidence.tables_shown;
    assert!(shown.contains(&"crm.cust_mstr".to_owned()), "{shown:?}");
    assert!(shown.contains(&"crm.cust_seg".to_owned()), "{shown:?}");
    assert!(shown.len() < 100, "{} tables are shown", shown.len());

    indexed(&app).await?;
    let progress = app.app.databases.progress(NAME).await;
    assert_eq!(progress.tables_sampled, large::TABLES);
    let catalogue = app.app.databases.catalogue(&datasource).await?;
    let carriers = values(&catalogue, "tms.carrier", "carrier_nm")?;
    assert!(carriers.contains(&"DHL".to_owned()), "{carriers:?}");

    // The next process knows all of it from the store.
    let dir = app.keep_dir();
    app.app.stop().await;
    drop(app);
    let app = builder().start_in(dir).await?;
    let started = Instant::now();
    let catalogue = app.app.datasources().catalogue(&caller, NAME).await?;
    tell(&format!("known again in {:?}", started.elapsed()));
    let carriers = values(&catalogue, "tms.carrier", "carrier_nm")?;
    assert!(carriers.contains(&"DHL".to_owned()), "{carriers:?}");
    Ok(())
}

#[cfg(feature = "torch")]
mod builtin {
    //! With the sentence encoder that comes with the product.

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "what was provisioned for the tests is told there"
    )]
    fn encoder() -> String {
        std::env::var("TIDEGATE_BUILTIN_ENCODER").unwrap_or_else(|_| {
            panic!(
                "TIDEGATE_BUILTIN_ENCODER names no sentence encoder; run the tests with `cargo xtask test`, which \
                 fetches it"
            )
        })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_tables_of_a_question_are_among_the_first_ten() -> Result<()> {
        let config = format!("[builtin]\nenabled = true\nencoder = {:?}\n", encoder());
        let app = TestApp::builder().config(&config).start().await?;
        let (_database, datasource) = added(&app).await?;
        indexed(&app).await?;
        let progress = app.app.databases.progress(NAME).await;
        assert_eq!(
            progress.tables_embedded,
            large::TABLES,
            "the encoder was not used: {:?}",
            app.app.models().states()
        );
        let catalogue = app.app.databases.catalogue(&datasource).await?;
        let linker = app.app.databases.linker(&datasource).await;
        let (questions, tuning) = (large::measuring(), large::tuning());
        let mut scores = Vec::new();
        for some in [&questions, &tuning] {
            let mut found = Vec::new();
            for question in some {
                found.push(linker.recall(&catalogue, &question.text).await);
            }
            scores.push(recall(&catalogue, some, &found));
        }
        let tuning = scores.pop().context("two scores")?;
        let (score, misses) = scores.pop().context("two scores")?;
        let report = report(score, &misses, &tuning);
        tell(&report);
        assert!(score >= 0.95, "{report}");
        Ok(())
    }
}
