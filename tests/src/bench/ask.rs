//! The question table, asked of a model in this process.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tidegate_schema::model::{Answer, Caller, ChatMode};
use tidegate_server::{
    app::App, clock::Clock, config::Config, services::chat::TurnRequest, workers::registry::State,
};

use super::say;
use crate::{
    app::sqlite,
    databases,
    questions::{self, Question},
    rows,
};

/// Longest a model may take to load.
const LOADING: Duration = Duration::from_mins(5);

/// Asks every question and prints what came of it.
pub async fn run(
    model: Option<String>,
    config: Option<PathBuf>,
    limit: Option<usize>,
    at_least: Option<f64>,
) -> Result<()> {
    let dir = Arc::new(TempDir::new()?);
    let app = start(config, &dir).await?;
    let name = match &model {
        Some(name) => name.clone(),
        None => app.models().default_name()?,
    };
    wait(&app, &name).await?;
    let questions: Vec<Question> = questions::all()
        .into_iter()
        .take(limit.unwrap_or(usize::MAX))
        .collect();
    let mut scores: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut by_tag: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut unsure, mut slowest, mut spent) = (0, Duration::ZERO, Duration::ZERO);
    for question in &questions {
        let path = dir.path().join(format!("{}.db", question.database));
        let expected = databases::query(&path, &question.sql)?;
        let request = TurnRequest {
            text: question.text.clone(),
            mode: ChatMode::WithDbExecute.name().to_owned(),
            select_param: Some(question.database.clone()),
            model: Some(name.clone()),
            ..TurnRequest::default()
        };
        let started = Instant::now();
        let outcome = app.chat().ask(&Caller::local("001"), request).await;
        let took = started.elapsed();
        spent += took;
        slowest = slowest.max(took);
        let (right, got, rows_got) = match &outcome {
            Ok(answer) => judge(&expected, answer, question.ordered),
            Err(error) => (false, error.to_string(), Vec::new()),
        };
        if matches!(&outcome, Ok(answer) if answer.evidence.sql.is_none()) {
            unsure += 1;
        }
        count(scores.entry(&question.database).or_default(), right);
        for tag in &question.tags {
            count(by_tag.entry(tag).or_default(), right);
        }
        if !right {
            say(&format!("✗ {}  {}", question.id, question.text));
            say(&format!("    expected  {}", question.sql));
            say(&format!("    got       {}", got.replace('\n', " ")));
            say(&format!(
                "    rows      {} expected, {} got{}",
                expected.len(),
                rows_got.len(),
                first(&expected, &rows_got)
            ));
        }
    }
    app.stop().await;
    report(&name, &questions, &scores, &by_tag, unsure);
    say(&format!(
        "time per question  mean {:.0} ms, longest {:.0} ms",
        spent.as_secs_f64() * 1000.0 / questions.len().max(1) as f64,
        slowest.as_secs_f64() * 1000.0
    ));
    let right: usize = scores.values().map(|score| score.0).sum();
    let share = 100.0 * right as f64 / questions.len().max(1) as f64;
    if let Some(floor) = at_least {
        anyhow::ensure!(share >= floor, "{share:.1} % is below {floor} %");
    }
    Ok(())
}

fn count(score: &mut (usize, usize), right: bool) {
    score.0 += usize::from(right);
    score.1 += 1;
}

async fn start(config: Option<PathBuf>, dir: &TempDir) -> Result<App> {
    let mut config = Config::load(config.as_deref(), &environment)?;
    config.data.dir = dir.path().display().to_string();
    config.data.sample = true;
    config.database.url = String::new();
    databases::place_sample(&dir.path().join("shop.db"))?;
    let app = App::start(config, Clock::system()).await?;
    app.ensure_sample().await?;
    for name in ["vetclinic", "bikeshare"] {
        let path = dir.path().join(format!("{name}.db"));
        databases::make(&path, &crate::paths::text(&format!("ask/{name}.sql")))?;
        let new = tidegate_schema::model::NewDatasource {
            name: name.to_owned(),
            connection: sqlite(&path),
            comment: String::new(),
            owner: None,
        };
        app.datasources().create(&Caller::local("001"), new).await?;
    }
    Ok(app)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is started by hand"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Waits until the model is loaded, so that loading is not measured as answering.
async fn wait(app: &App, name: &str) -> Result<()> {
    let deadline = Instant::now() + LOADING;
    loop {
        let state = app
            .models()
            .states()
            .into_iter()
            .find(|(metadata, _)| metadata.name == name)
            .map(|(_, s)| s);
        match state.with_context(|| format!("no model is named '{name}'"))? {
            State::Ready => return Ok(()),
            State::Failed(reason) => anyhow::bail!("'{name}' could not be loaded: {reason}"),
            State::Loading if Instant::now() > deadline => {
                anyhow::bail!("'{name}' is still loading")
            }
            State::Loading => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn judge(
    expected: &[Vec<rows::Value>],
    answer: &Answer,
    ordered: bool,
) -> (bool, String, Vec<Vec<rows::Value>>) {
    // Straight from the result: the document keeps a thousand rows only.
    let got: Vec<Vec<rows::Value>> = answer.result.as_ref().map_or_else(Vec::new, |result| {
        let cells = |row: &Vec<tidegate_schema::model::Cell>| {
            row.iter()
                .map(|cell| rows::Value::json(&cell.to_json()))
                .collect()
        };
        result.rows.iter().map(cells).collect()
    });
    let answered = answer.problem.is_none() && answer.result.is_some();
    let said = answer
        .evidence
        .sql
        .clone()
        .unwrap_or_else(|| answer.text.clone());
    let said = match &answer.problem {
        Some(problem) => format!("{said}  ({problem})"),
        None => said,
    };
    (answered && rows::agree(expected, &got, ordered), said, got)
}

fn first(expected: &[Vec<rows::Value>], got: &[Vec<rows::Value>]) -> String {
    match (expected.first(), got.first()) {
        (Some(a), Some(b)) => format!("; first {a:?} and {b:?}"),
        _ => String::new(),
    }
}

fn report(
    model: &str,
    questions: &[Question],
    scores: &BTreeMap<&str, (usize, usize)>,
    by_tag: &BTreeMap<&str, (usize, usize)>,
    unsure: usize,
) {
    say("");
    let mut weak: Vec<(&&str, &(usize, usize))> = by_tag
        .iter()
        .filter(|(_, (right, of))| right < of)
        .collect();
    weak.sort_by_key(|(_, (right, of))| std::cmp::Reverse(of - right));
    let weak: Vec<String> = weak
        .iter()
        .map(|(tag, (right, of))| format!("{tag} {right}/{of}"))
        .collect();
    if !weak.is_empty() {
        say(&format!("weakest in  {}", weak.join(", ")));
    }
    for (database, (right, of)) in scores {
        say(&format!(
            "{database:<10} {right:>3} of {of:>3}  {:5.1} %",
            100.0 * *right as f64 / *of as f64
        ));
    }
    let right: usize = scores.values().map(|score| score.0).sum();
    say(&format!(
        "{:<10} {right:>3} of {:>3}  {:5.1} %   (model {model}; {unsure} times it said that it cannot answer)",
        "all",
        questions.len(),
        100.0 * right as f64 / questions.len().max(1) as f64
    ));
}
