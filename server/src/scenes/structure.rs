//! `chat_with_db_qa`: a question about how a database is built, answered from its catalogue. Nothing is run.

mod listing;

use std::sync::Arc;

use tidegate_schema::{
    Result,
    model::{Catalogue, ChatEvent, Engine, Evidence, Stage},
};

use super::{Emitter, Ledger, Memory, Outcome, StageClock, gather, prompt, tables};
use crate::{
    linking::Linker,
    workers::{GenerateRequest, LanguageModel, PromptMessage},
};

/// What a turn of this scene takes.
pub struct StructureTurn {
    /// The question.
    pub question: String,
    /// Earlier rounds.
    pub memory: Memory,
    /// Name of the datasource.
    pub datasource: String,
    /// Which product it is.
    pub engine: Engine,
    /// Its structure, as far as the caller may know it.
    pub catalogue: Arc<Catalogue>,
    /// Finds the tables of a question where the structure is too large to be shown whole.
    pub linker: Linker,
    /// Who answers; one that answers questions to databases alone is not asked, and the catalogue speaks for itself.
    pub model: Arc<dyn LanguageModel>,
    /// Bytes of schema shown.
    pub schema_chars: usize,
    /// Sampling.
    pub temperature: Option<f32>,
    /// Most new tokens.
    pub max_tokens: Option<u32>,
}

/// Answers one question. No statement is written, so none goes into the ledger.
pub async fn answer(turn: StructureTurn, emitter: &Emitter, _: &Ledger) -> Result<Outcome> {
    let mut clock = StageClock::new();
    let metadata = turn.model.metadata();
    let chosen = tables::choose(
        &turn.catalogue,
        &turn.linker,
        &turn.memory,
        &turn.question,
        turn.schema_chars,
        turn.schema_chars,
    )
    .await;
    let names = tables::names(&turn.catalogue, &chosen);
    emitter
        .emit(ChatEvent::Schema {
            tables: names.clone(),
        })
        .await;
    clock.end(Stage::Schema);

    let mut outcome = Outcome {
        evidence: Evidence {
            datasource: turn.datasource.clone(),
            tables_shown: names,
            model: metadata.name,
            ..Evidence::default()
        },
        ..Outcome::default()
    };
    if !metadata.sql_only {
        let gathered = gather(turn.model.as_ref(), request(&turn, &chosen)?, emitter, true).await?;
        outcome.usage = gathered.usage;
        outcome.evidence.confidence = gathered.confidence;
        outcome.text = gathered.text;
        clock.end(Stage::Write);
    }
    if outcome.text.trim().is_empty() {
        let listed = listing::answer(&turn.datasource, &turn.question, &turn.catalogue, &chosen);
        outcome.text.push_str(&listed);
        emitter.emit(ChatEvent::Text(listed)).await;
    }
    outcome.raw.clone_from(&outcome.text);
    emitter.emit(ChatEvent::Usage(outcome.usage)).await;
    clock.end(Stage::Show);
    outcome.evidence.times = clock.times();
    Ok(outcome)
}

fn request(turn: &StructureTurn, tables: &[usize]) -> Result<GenerateRequest> {
    let about = prompt::about_structure(turn.engine, &turn.datasource, &turn.catalogue, tables)?;
    let mut messages = vec![PromptMessage::system(about)];
    messages.extend(turn.memory.iter().cloned());
    messages.push(PromptMessage::user(turn.question.as_str()));
    Ok(GenerateRequest {
        temperature: turn.temperature,
        max_tokens: turn.max_tokens,
        ..GenerateRequest::of(messages)
    })
}
