//! Chat scenes: from a question to an answer, one file per scene.
//!
//! A scene is handed what it needs and returns what happened. It knows no store and no skin; what it does on the
//! way is told through an [`Emitter`].

pub mod dashboard;
pub mod data;
pub mod database;
pub mod excel;
pub mod extract;
pub(crate) mod hidden;
mod ledger;
pub mod normal;
pub mod prompt;
pub mod show;
pub mod structure;
mod tables;
mod thinking;

use std::time::Instant;

use tidegate_schema::{
    Error, Result,
    model::{ChartKind, ChatEvent, Dashboard, Evidence, RowSet, Stage, StageTime, Usage},
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
    /// The charts, when several were asked for.
    pub dashboard: Option<Dashboard>,
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

/// Most bytes of an answer, its reasoning counted: more is nothing that anybody reads.
const MOST_SAID: usize = 4 << 20;

/// A whole generation, gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) text: String,
    pub(crate) alternatives: Vec<crate::workers::Alternative>,
    pub(crate) usage: Usage,
    pub(crate) confidence: Option<f32>,
}

/// Runs a generation to its end; thinking is told as it comes, also what the model wrote into its answer as such, and
/// the text where `tell_text` says so. One that goes on and on is cut at [`MOST_SAID`].
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
    let mut splitter = thinking::Splitter::default();
    let mut said = 0;
    while said < MOST_SAID
        && let Some(chunk) = stream.next().await
    {
        match chunk? {
            Chunk::Thinking(piece) => {
                said += piece.text.len();
                emitter.emit(ChatEvent::Thinking(piece.text)).await;
            }
            Chunk::Text(piece) => {
                said += piece.text.len();
                let split = splitter.push(&piece.text);
                take(&mut gathered, split, emitter, tell_text).await;
            }
            // No scene offers tools.
            Chunk::ToolCall { .. } => {}
            Chunk::Alternatives(others) => gathered.alternatives = others,
            Chunk::End {
                usage, confidence, ..
            } => {
                gathered.usage = usage;
                gathered.confidence = confidence;
            }
        }
    }
    if said >= MOST_SAID {
        let model = model.metadata().name;
        tracing::warn!(
            model,
            "an answer was cut that had more than {MOST_SAID} bytes"
        );
    }
    // What is cut ends in the model as well.
    drop(stream);
    let rest = splitter.finish();
    take(&mut gathered, rest, emitter, tell_text).await;
    Ok(gathered)
}

/// Adds what came of a piece, and tells it.
async fn take(gathered: &mut Gathered, split: thinking::Split, emitter: &Emitter, tell_text: bool) {
    let thinking::Split { thinking, text } = split;
    if !thinking.is_empty() {
        emitter.emit(ChatEvent::Thinking(thinking)).await;
    }
    if text.is_empty() {
        return;
    }
    gathered.text.push_str(&text);
    if tell_text {
        emitter.emit(ChatEvent::Text(text)).await;
    }
}

/// Earlier rounds of a conversation, oldest first, as messages to a model.
pub type Memory = Vec<PromptMessage>;

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures::StreamExt as _;

    use super::*;
    use crate::workers::{
        Chunk, ChunkStream, GenerateRequest, LanguageModel, ModelKind, ModelMetadata,
    };

    /// Never ends.
    struct Endless;

    #[async_trait]
    impl LanguageModel for Endless {
        fn metadata(&self) -> ModelMetadata {
            ModelMetadata::new("endless", ModelKind::Llm)
        }

        async fn generate(&self, _: GenerateRequest) -> Result<ChunkStream> {
            let piece = || Ok(Chunk::text("on and on ".repeat(10_000)));
            Ok(futures::stream::repeat_with(piece).boxed())
        }

        async fn count_tokens(&self, _: &str) -> Result<u32> {
            Ok(0)
        }
    }

    #[tokio::test]
    async fn a_model_that_goes_on_and_on_is_cut() {
        let request = GenerateRequest::default();
        let (deaf, _) = mpsc::channel(1);
        let emitter = Emitter::new(deaf);
        let gathered = gather(&Endless, request, &emitter, true).await;
        let text = gathered.expect("cut").text;
        assert!(text.len() >= MOST_SAID && text.len() < 2 * MOST_SAID);
    }
}
