//! Chat scenes: from a question to an answer, one file per scene.
//!
//! A scene is handed what it needs and returns what happened. It knows no store and no skin; what it does on the
//! way is told through an [`Emitter`].

pub mod data;
pub mod extract;
pub(crate) mod hidden;
mod ledger;
pub mod normal;
pub mod prompt;
pub mod show;

use std::time::Instant;

use tidegate_schema::{
    Error, Result,
    model::{ChartKind, ChatEvent, Evidence, RowSet, Stage, StageTime, Usage},
};
use tokio::sync::mpsc;

pub use self::ledger::{Attempt, Ledger};
use crate::workers::PromptMessage;

/// Where a scene tells what it does. A receiver that has gone away is not an error here: the service that
/// started the turn watches for it and cancels.
#[derive(Clone)]
pub struct Emitter(mpsc::Sender<ChatEvent>);

impl Emitter {
    /// An emitter into a channel.
    pub fn new(sender: mpsc::Sender<ChatEvent>) -> Self {
        Self(sender)
    }

    /// Tells one event, waiting while the receiver is busy.
    pub async fn emit(&self, event: ChatEvent) {
        if self.0.send(event).await.is_err() {
            tracing::trace!("nobody listens any more");
        }
    }

    /// Ends when nobody listens any more.
    pub async fn abandoned(&self) {
        self.0.closed().await;
    }
}

/// What a scene came to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The model's own words, as they came.
    pub raw: String,
    /// Words for the person.
    pub text: String,
    /// The result, when a database was asked.
    pub result: Option<RowSet>,
    /// How to show it.
    pub chart: Option<ChartKind>,
    /// What kept the question from being answered.
    pub problem: Option<Error>,
    /// Why it can be believed.
    pub evidence: Evidence,
    /// Tokens used.
    pub usage: Usage,
}

/// Times the stages of a turn.
pub(crate) struct StageClock {
    started: Instant,
    times: Vec<StageTime>,
}

impl StageClock {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            times: Vec::new(),
        }
    }

    /// Ends `stage`; the next one begins.
    pub(crate) fn end(&mut self, stage: Stage) {
        let elapsed_ms = self.started.elapsed().as_secs_f64() * 1000.0;
        match self.times.iter_mut().find(|time| time.stage == stage) {
            Some(time) => time.elapsed_ms += elapsed_ms,
            None => self.times.push(StageTime { stage, elapsed_ms }),
        }
        self.started = Instant::now();
    }

    pub(crate) fn times(self) -> Vec<StageTime> {
        self.times
    }
}

/// A whole generation, gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) text: String,
    pub(crate) alternatives: Vec<crate::workers::Alternative>,
    pub(crate) usage: Usage,
    pub(crate) confidence: Option<f32>,
}

/// Runs a generation to its end; thinking is told as it comes, text is handed to `on_text`.
pub(crate) async fn gather(
    model: &dyn crate::workers::LanguageModel,
    request: crate::workers::GenerateRequest,
    emitter: &Emitter,
    tell_text: bool,
) -> Result<Gathered> {
    use futures::StreamExt as _;

    use crate::workers::Chunk;

    let mut stream = model.generate(request).await?;
    let mut gathered = Gathered::default();
    while let Some(chunk) = stream.next().await {
        match chunk? {
            Chunk::Thinking(text) => emitter.emit(ChatEvent::Thinking(text)).await,
            Chunk::Text(text) => {
                gathered.text.push_str(&text);
                if tell_text {
                    emitter.emit(ChatEvent::Text(text)).await;
                }
            }
            Chunk::Alternatives(others) => gathered.alternatives = others,
            Chunk::End {
                usage, confidence, ..
            } => {
                gathered.usage = usage;
                gathered.confidence = confidence;
            }
        }
    }
    Ok(gathered)
}

/// Earlier rounds of a conversation, oldest first, as messages to a model.
pub type Memory = Vec<PromptMessage>;
