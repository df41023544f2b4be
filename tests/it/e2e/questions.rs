//! With a capable model behind the proxy the pipeline itself loses nothing: every question of the table is answered
//! when the model writes the expected SQL.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tidegate_schema::model::{Caller, ChatMode};
use tidegate_server::services::chat::TurnRequest;
use tidegate_tests::{
    TestApp, databases, paths,
    postgres::Database,
    questions::{self, Question},
    rows,
    upstream::{Script, Upstream},
};

/// Words of SQLite's dialect that PostgreSQL does not know.
const SQLITE_ONLY: [&str; 5] = ["strftime", "julianday", "substr(", "date(", "instr("];

async fn answers(app: &TestApp, questions: &[Question], prefix: &str) -> Result<Vec<String>> {
    let mut failures = Vec::new();
    for question in questions {
        let path = app.dir().join(format!("{}.db", question.database));
        let expected =
            databases::query(&path, &question.sql).with_context(|| question.id.clone())?;
        let request = TurnRequest {
            text: question.text.clone(),
            mode: ChatMode::WithDbExecute.name().to_owned(),
            select_param: Some(format!("{prefix}{}", question.database)),
            model: Some("scripted".to_owned()),
            ..TurnRequest::default()
        };
        match app.app.chat().ask(&Caller::local("001"), request).await {
            Ok(answer) => {
                let got = rows::of_document(&answer.document());
                let wrong = answer
                    .problem
                    .as_ref()
                    .map(ToString::to_string)
                    .or_else(|| {
                        let same = rows::agree(&expected, &got, question.ordered);
                        (!same).then(|| {
                            format!(
                                "{} rows expected, {} came, or they differ",
                                expected.len(),
                                got.len()
                            )
                        })
                    });
                failures.extend(wrong.map(|why| {
                    format!(
                        "{}: {}\n    {}\n    {why}",
                        question.id, question.text, question.sql
                    )
                }));
            }
            Err(error) => failures.push(format!("{}: {error}", question.id)),
        }
    }
    Ok(failures)
}

fn script(questions: &[Question]) -> Script {
    questions
        .iter()
        .fold(Script::default(), |script, question| {
            script.sql(&question.text, &question.sql)
        })
}

/// Two questions of one text over different databases would share an answer of the script.
fn by_text(questions: &[Question]) -> BTreeMap<&str, Vec<&str>> {
    let mut map: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for question in questions {
        map.entry(&question.text).or_default().push(&question.id);
    }
    map.retain(|_, ids| ids.len() > 1);
    map
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_answered_over_sqlite() -> Result<()> {
    let questions = questions::all();
    assert!(
        questions.len() >= 60 && by_text(&questions).is_empty(),
        "{:?}",
        by_text(&questions)
    );
    let upstream = Upstream::start(script(&questions)).await?;
    let app = TestApp::builder()
        .sample()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_question_databases().await?;
    let failures = answers(&app, &questions, "").await?;
    assert!(
        failures.is_empty(),
        "{} of {} failed:\n{}",
        failures.len(),
        questions.len(),
        failures.join("\n")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_portable_question_is_answered_over_postgres() -> Result<()> {
    let portable: Vec<Question> = questions::all()
        .into_iter()
        .filter(|q| {
            q.database != "shop"
                && !SQLITE_ONLY
                    .iter()
                    .any(|word| q.sql.to_lowercase().contains(word))
        })
        .collect();
    assert!(
        portable.len() >= 30,
        "only {} questions are portable",
        portable.len()
    );
    let upstream = Upstream::start(script(&portable)).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_question_databases().await?;
    let mut kept = Vec::new();
    for name in ["vetclinic", "bikeshare"] {
        let database = Database::with(&paths::text(&format!("ask/{name}.sql"))).await?;
        app.register(&format!("pg-{name}"), database.connection()?)
            .await?;
        kept.push(database);
    }
    let failures = answers(&app, &portable, "pg-").await?;
    assert!(
        failures.is_empty(),
        "{} of {} failed:\n{}",
        failures.len(),
        portable.len(),
        failures.join("\n")
    );
    Ok(())
}
