//! kill -9 in every stage of a turn, fifty times: what was acknowledged is there once after the next start, and no
//! round is answered in part.

mod model;

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt as _;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{User, databases, process::Server};
use tokio::time::timeout;

use self::model::{Plan, SlowModel};
use crate::support::{TOWNS, program};

/// How often the server is killed.
const KILLS: usize = 50;
/// Longest wait for one thing to happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest the whole may take.
const BOUND: Duration = Duration::from_secs(90);
/// How long a query that never ends is let run.
const RUNNING: Duration = Duration::from_millis(100);

const COMPLETIONS: &str = "/api/v1/chat/completions";
const TURN: &str = "subscription ($input: AskInput!) { turn(input: $input) { __typename } }";

/// Where a turn is when the server is killed.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// So many milliseconds after the request was sent, wherever that is.
    Sent(u64),
    /// The model has been asked and says nothing.
    Asked,
    /// The query runs.
    Running,
    /// This event was told last.
    Told(&'static str),
    /// So many words were told.
    Words(usize),
    /// The answer was told to its end.
    Ended,
}

const STAGES: [Stage; 17] = [
    Stage::Sent(0),
    Stage::Sent(3),
    Stage::Sent(12),
    Stage::Told("TurnStarted"),
    Stage::Told("TurnSchema"),
    Stage::Asked,
    Stage::Running,
    Stage::Told("TurnSql"),
    Stage::Told("TurnVerdict"),
    Stage::Told("TurnColumns"),
    Stage::Told("TurnRows"),
    Stage::Told("TurnChart"),
    Stage::Told("TurnText"),
    Stage::Told("TurnDone"),
    Stage::Words(1),
    Stage::Words(5),
    Stage::Ended,
];

impl Stage {
    /// What the model does so that the turn gets there and no further.
    fn plan(self) -> Plan {
        match self {
            Self::Asked | Self::Told("TurnStarted" | "TurnSchema") => Plan::Held,
            Self::Running => Plan::Endless,
            Self::Sent(_) | Self::Told(_) => Plan::Rows,
            Self::Words(_) => Plan::Slow,
            Self::Ended => Plan::Short,
        }
    }

    /// The conversation it is asked in: one with the model, one with a database.
    fn conversation(self) -> usize {
        usize::from(!matches!(self, Self::Words(_) | Self::Ended))
    }
}

const CONVERSATIONS: [&str; 2] = ["talk", "data"];

/// What a listener knows of a turn.
#[derive(Debug, Default)]
struct Heard {
    /// That the question is stored.
    question: bool,
    /// That the answer is.
    answer: bool,
}

/// A round's messages, role and text.
type Round = Vec<(String, String)>;

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_any_stage_a_turn_leaves_its_question_or_its_whole_answer() -> Result<()> {
    timeout(BOUND, kill_over_and_over())
        .await
        .with_context(|| format!("not done within {} s", BOUND.as_secs()))?
}

async fn kill_over_and_over() -> Result<()> {
    let dir = TempDir::new()?;
    let file = dir.path().join("towns.db");
    databases::make(&file, TOWNS)?;
    let model = SlowModel::start().await?;
    let program = program(dir.path(), &model.table())?;
    let mut server = program.serve(&[])?;
    let add = json!({"db_type": "sqlite", "db_name": "towns", "file_path": file});
    server
        .anonymous()
        .post("/api/v1/chat/db/add", &add)
        .await?
        .data();
    let mut known: [Vec<Round>; 2] = Default::default();
    for number in 0..KILLS {
        let stage = STAGES[number % STAGES.len()];
        let question = stage.plan().question(number);
        let heard = timeout(PATIENCE, kill_in(server, &model, stage, &question))
            .await
            .with_context(|| format!("kill {number}: {stage:?} was not reached"))?
            .with_context(|| format!("kill {number}: {stage:?}"))?;
        server = program.serve(&[])?;
        for (at, conversation) in CONVERSATIONS.into_iter().enumerate() {
            let found = rounds(&server.anonymous(), conversation).await?;
            let asked = (at == stage.conversation()).then_some((question.as_str(), &heard));
            check(&known[at], &found, stage, asked)
                .with_context(|| format!("kill {number}: {stage:?}: {heard:?}"))?;
            known[at] = found;
        }
    }
    goes_on(&server.anonymous(), &known).await
}

/// Asks, and kills the server in this stage.
async fn kill_in(server: Server, model: &SlowModel, stage: Stage, question: &str) -> Result<Heard> {
    let user = server.anonymous();
    let mut heard = Heard::default();
    match stage {
        Stage::Sent(milliseconds) => {
            let sending = user
                .request(Method::POST, COMPLETIONS)
                .json(&dialogue(stage, question))
                .send();
            tokio::pin!(sending);
            let begun = timeout(Duration::from_millis(milliseconds), &mut sending).await;
            heard.question = matches!(&begun, Ok(Ok(response)) if response.status() == 200);
            server.kill()?;
        }
        Stage::Asked | Stage::Running => {
            let response = ask(&user, stage, question).await?;
            heard.question = true;
            model.asked(question).await?;
            if matches!(stage, Stage::Running) {
                tokio::time::sleep(RUNNING).await;
            }
            server.kill()?;
            drop(response);
        }
        Stage::Words(count) => {
            let mut pieces = ask(&user, stage, question).await?.bytes_stream();
            heard.question = true;
            let mut frames = 0;
            while frames < count {
                let piece = pieces.next().await.context("the stream ended early")??;
                frames += piece.windows(2).filter(|two| two == b"\n\n").count();
            }
            server.kill()?;
            drop(pieces);
        }
        Stage::Ended => {
            let text = ask(&user, stage, question).await?.text().await?;
            server.kill()?;
            ensure!(!text.contains("ERROR]"), "{text}");
            heard.question = true;
            heard.answer = true;
        }
        Stage::Told(event) => return kill_behind(server, event, question).await,
    }
    Ok(heard)
}

/// Asks while every event is watched, and kills the server behind this one.
async fn kill_behind(server: Server, event: &str, question: &str) -> Result<Heard> {
    let input = json!({
        "question": question, "datasource": "towns", "model": "scripted", "conversation": "data",
    });
    let response = server
        .anonymous()
        .request(Method::POST, "/graphql")
        .header("accept", "text/event-stream")
        .json(&json!({"query": TURN, "variables": {"input": input}}))
        .send()
        .await?;
    let mut pieces = response.bytes_stream();
    let mut told = String::new();
    while !told.contains(event) {
        let piece = pieces
            .next()
            .await
            .with_context(|| format!("the stream ended early: {told}"))??;
        told.push_str(&String::from_utf8_lossy(&piece));
    }
    server.kill()?;
    drop(pieces);
    Ok(Heard {
        question: told.contains("TurnStarted"),
        answer: told.contains("TurnDone"),
    })
}

/// The request of a turn. Its answer begins once the question is stored.
async fn ask(user: &User, stage: Stage, question: &str) -> Result<Response> {
    let response = user
        .request(Method::POST, COMPLETIONS)
        .json(&dialogue(stage, question))
        .send()
        .await?;
    ensure!(response.status() == 200, "{}", response.status());
    Ok(response)
}

fn dialogue(stage: Stage, question: &str) -> Value {
    let conversation = CONVERSATIONS[stage.conversation()];
    let mut body = json!({
        "conv_uid": conversation, "model_name": "scripted", "user_input": question, "chat_mode": "chat_normal",
    });
    if conversation == "data" {
        body["chat_mode"] = json!("chat_with_db_execute");
        body["select_param"] = json!("towns");
    }
    body
}

/// A conversation's history by rounds.
async fn rounds(user: &User, conversation: &str) -> Result<Vec<Round>> {
    let path = format!("/api/v1/chat/dialogue/messages/history?con_uid={conversation}");
    let data = user.get(&path).await?.data();
    let mut found: Vec<Round> = Vec::new();
    let mut last = 0;
    for message in data.as_array().context("a list")? {
        let order = message["order"].as_i64().context("order")?;
        ensure!(order >= last, "round {order} stands behind round {last}");
        if order > last {
            found.push(Round::new());
            last = order;
        }
        let said = |field: &str| message[field].as_str().unwrap_or_default().to_owned();
        found
            .last_mut()
            .context("rounds begin with 1")?
            .push((said("role"), said("context")));
    }
    Ok(found)
}

/// What is there after a kill: everything that was there before, and of the turn that was killed its question or
/// its whole answer, no less than was told.
fn check(
    known: &[Round],
    found: &[Round],
    stage: Stage,
    asked: Option<(&str, &Heard)>,
) -> Result<()> {
    ensure!(
        found.starts_with(known),
        "what was there before has changed:\n{known:?}\n{found:?}"
    );
    let new = &found[known.len()..];
    let Some((question, heard)) = asked else {
        ensure!(new.is_empty(), "nothing was asked here: {new:?}");
        return Ok(());
    };
    let round = match new {
        [] => {
            ensure!(!heard.question, "the question is lost");
            return Ok(());
        }
        [round] => round,
        more => bail!("one question made {} rounds: {more:?}", more.len()),
    };
    ensure!(
        round[0] == ("human".to_owned(), question.to_owned()),
        "{round:?}"
    );
    let roles: Vec<&str> = round.iter().map(|(role, _)| role.as_str()).collect();
    match roles.as_slice() {
        ["human"] => ensure!(!heard.answer, "the answer is lost"),
        ["human", "ai", "view"] => ensure!(
            stage.plan().is_answer(&round[2].1),
            "an answer in part: {round:?}"
        ),
        other => bail!("half a round: {other:?}"),
    }
    Ok(())
}

/// Both conversations are answered again, behind what they hold.
async fn goes_on(user: &User, known: &[Vec<Round>; 2]) -> Result<()> {
    for (stage, at) in [(Stage::Ended, 0), (Stage::Told("TurnDone"), 1)] {
        let question = stage.plan().question(KILLS);
        let text = ask(user, stage, &question).await?.text().await?;
        ensure!(!text.contains("ERROR"), "{text}");
        let found = rounds(user, CONVERSATIONS[at]).await?;
        let whole = Heard {
            question: true,
            answer: true,
        };
        check(&known[at], &found, stage, Some((&question, &whole)))?;
        let questions: Vec<&str> = found.iter().map(|round| round[0].1.as_str()).collect();
        let mut once = questions.clone();
        once.sort_unstable();
        once.dedup();
        ensure!(once.len() == questions.len(), "asked twice: {questions:?}");
    }
    Ok(())
}
