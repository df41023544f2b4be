//! A client: one request after the other, each with what is to be expected of it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt as _;
use reqwest::{Method, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::time::timeout;

use super::requests::{self, EXPRESSION, Kind};
use crate::{User, checkpoint::Dice, process::Server};

/// Longest one request may take.
const PATIENCE: Duration = Duration::from_secs(100);
/// How long a client waits that was told to come back.
const PAUSE: Duration = Duration::from_millis(200);
/// Faults of one client that are kept word by word.
const TOLD: usize = 5;

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Answered whole.
    Answered,
    /// Told to its end, piece by piece.
    Streamed,
    /// Left by the client.
    Left,
    /// Answered in the form that was asked for.
    Formed,
    /// Answered with a call of a tool.
    Called,
    /// Answered several times over.
    Several,
    /// Refused, as it had to be.
    Refused,
    /// Put off, as a server may when it is busy.
    PutOff,
}

impl Outcome {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Streamed => "streamed",
            Self::Left => "left by the client",
            Self::Formed => "answered in a form",
            Self::Called => "answered with a call",
            Self::Several => "answered several times",
            Self::Refused => "refused as they had to be",
            Self::PutOff => "put off (429)",
        }
    }
}

/// What a client counted.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) outcomes: BTreeMap<Outcome, u64>,
    pub(super) faults: Vec<String>,
    pub(super) failed: u64,
}

/// One of those who ask.
pub(super) struct Client {
    user: User,
    url: String,
    model: String,
    dice: Dice,
    number: usize,
}

impl Client {
    /// A client of a server's OpenAI listener.
    pub(super) fn new(server: &Server, model: &str, dice: Dice, number: usize) -> Self {
        let user = server.anonymous();
        Self {
            url: format!("{}/v1/chat/completions", user.openai()),
            user,
            model: model.to_owned(),
            dice,
            number,
        }
    }

    /// Asks until the time has come.
    pub(super) async fn load(mut self, until: Instant) -> Counted {
        let mut counted = Counted::default();
        // Each begins with another kind.
        let mut number = self.number;
        while Instant::now() < until {
            let kind = Kind::of(number, &mut self.dice);
            number += 1;
            let asked = timeout(PATIENCE, self.ask(kind))
                .await
                .unwrap_or_else(|_| Err(anyhow::anyhow!("no end within {} s", PATIENCE.as_secs())));
            match asked {
                Ok(outcome) => {
                    *counted.outcomes.entry(outcome).or_default() += 1;
                    if outcome == Outcome::PutOff {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                Err(error) => {
                    counted.failed += 1;
                    if counted.faults.len() < TOLD {
                        counted.faults.push(format!("{kind:?}: {error:#}"));
                    }
                    // A server that has gone is not asked as fast as the loop can turn.
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        counted
    }

    /// One plain request and the word that all is well, once the others are gone.
    pub(super) async fn still_answers(&mut self) -> Result<()> {
        let outcome = timeout(PATIENCE, self.ask(Kind::Plain))
            .await
            .context("no answer in time")??;
        ensure!(outcome == Outcome::Answered, "it was {}", outcome.title());
        let ready = self.user.get("/ready").await?.json();
        ensure!(ready["ready"] == true, "it is not ready: {ready}");
        Ok(())
    }

    async fn ask(&mut self, kind: Kind) -> Result<Outcome> {
        if kind == Kind::Bad {
            return self.refused().await;
        }
        let body = requests::body(kind, &self.model, &mut self.dice).to_string();
        let send = self.send(body);
        if kind == Kind::LeftAtOnce {
            let moment = Duration::from_millis(1 + self.dice.below(60) as u64);
            // Whether it was quick enough to answer makes no difference: nobody looks.
            let _ = timeout(moment, send).await;
            return Ok(Outcome::Left);
        }
        let response = send.await?;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            return Ok(Outcome::PutOff);
        }
        if response.status() != StatusCode::OK {
            bail!("{}: {}", response.status(), short(&response.text().await?));
        }
        match kind {
            Kind::Left => self.leave(response).await,
            Kind::Stream => streamed(&response.text().await?),
            _ => {
                let text = response.text().await?;
                let answer: Value = serde_json::from_str(&text)
                    .with_context(|| format!("no JSON: {}", short(&text)))?;
                answered(kind, &answer).with_context(|| short(&text))
            }
        }
    }

    fn send(&self, body: String) -> impl Future<Output = Result<Response>> + use<> {
        let request = self
            .user
            .request(Method::POST, &self.url)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        async move { request.send().await.context("sending") }
    }

    /// A request that is wrong must be refused, and for that.
    async fn refused(&mut self) -> Result<Outcome> {
        let body = requests::bad(&self.model, &mut self.dice);
        let response = self.send(body.clone()).await?;
        let (status, text) = (response.status(), response.text().await?);
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Ok(Outcome::PutOff);
        }
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let explained = answer["error"]["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty());
        ensure!(
            status.is_client_error() && explained,
            "{status}: {} to {}",
            short(&text),
            short(&body)
        );
        Ok(Outcome::Refused)
    }

    /// Reads some pieces and goes.
    async fn leave(&mut self, response: Response) -> Result<Outcome> {
        let most = 1 + self.dice.below(6);
        let mut pieces = response.bytes_stream();
        for _ in 0..most {
            match pieces.next().await {
                Some(piece) => drop(piece.context("reading")?),
                // It was over before the client could go.
                None => break,
            }
        }
        Ok(Outcome::Left)
    }
}

/// A stream must come to its end without a fault on the way.
fn streamed(text: &str) -> Result<Outcome> {
    let mut is_over = false;
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    for data in events.map(str::trim) {
        ensure!(!is_over, "something follows the end: {}", short(data));
        if data == "[DONE]" {
            is_over = true;
            continue;
        }
        let piece: Value =
            serde_json::from_str(data).with_context(|| format!("no JSON: {}", short(data)))?;
        ensure!(piece["error"].is_null(), "{}", short(data));
    }
    ensure!(is_over, "the stream broke off: {}", short(text));
    Ok(Outcome::Streamed)
}

/// An answer must be of the kind that was asked for.
fn answered(kind: Kind, answer: &Value) -> Result<Outcome> {
    let choices = answer["choices"].as_array().context("no choices")?;
    ensure!(!choices.is_empty(), "no choices");
    for choice in choices {
        let reason = choice["finish_reason"].as_str().unwrap_or_default();
        ensure!(
            ["stop", "length", "tool_calls"].contains(&reason),
            "finish_reason is '{reason}'"
        );
    }
    let first = &choices[0];
    let content = first["message"]["content"].as_str().unwrap_or_default();
    // One that ran out of tokens is cut where it stood.
    let is_whole = first["finish_reason"] != "length";
    Ok(match kind {
        Kind::Schema => {
            if is_whole {
                let object: Value = serde_json::from_str(content).context("no JSON inside")?;
                ensure!(
                    object["city"].is_string() && object["open"].is_boolean(),
                    "not of the form: {object}"
                );
            }
            Outcome::Formed
        }
        Kind::Expression => {
            let fits = regex::Regex::new(&format!("^(?:{EXPRESSION})$"))?.is_match(content);
            ensure!(fits || !is_whole, "'{content}' is not {EXPRESSION}");
            Outcome::Formed
        }
        Kind::Tool => {
            if is_whole {
                let call = &first["message"]["tool_calls"][0]["function"];
                ensure!(call["name"] == "look_up", "no call: {first}");
                let arguments = call["arguments"].as_str().unwrap_or_default();
                let arguments: Value =
                    serde_json::from_str(arguments).context("arguments that are no JSON")?;
                ensure!(arguments["town"].is_string(), "no town: {arguments}");
            }
            Outcome::Called
        }
        Kind::Several => {
            ensure!(choices.len() > 1, "one choice only");
            Outcome::Several
        }
        _ => Outcome::Answered,
    })
}

/// The beginning of a text, for an error.
fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stream_without_its_end_or_with_a_fault_is_told() {
        let whole = "data: {\"choices\":[]}\n\ndata: [DONE]\n\n";
        assert_eq!(streamed(whole).expect("whole"), Outcome::Streamed);
        assert!(streamed("data: {\"choices\":[]}\n\n").is_err());
        assert!(streamed("data: {\"error\":{\"message\":\"x\"}}\n\ndata: [DONE]\n\n").is_err());
        assert!(streamed("").is_err());
    }

    #[test]
    fn a_whole_answer_must_have_the_form_and_a_cut_one_need_not() {
        let answer = |content: &str, reason: &str| json!({"choices": [{"finish_reason": reason, "message": {"content": content}}]});
        let right = r#"{"city":"x","open":true,"kind":"shop"}"#;
        answered(Kind::Schema, &answer(right, "stop")).expect("right");
        answered(Kind::Schema, &answer("{\"ci", "length")).expect("cut");
        assert!(answered(Kind::Schema, &answer("{\"ci", "stop")).is_err());
        answered(Kind::Expression, &answer("abc", "stop")).expect("fits");
        assert!(answered(Kind::Expression, &answer("xyz", "stop")).is_err());
        assert!(answered(Kind::Plain, &answer("x", "gone")).is_err());
    }
}
