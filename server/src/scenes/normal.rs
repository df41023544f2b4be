//! `chat_normal`: talk to the model.

use std::sync::Arc;

use tidegate_schema::{
    Result,
    model::{ChatEvent, Evidence, Stage},
};

use super::{Emitter, Memory, Outcome, StageClock, data::NO_ANSWER, gather};
use crate::workers::{GenerateRequest, LanguageModel, PromptMessage};

/// What a turn of this scene takes.
pub struct NormalTurn {
    /// What was said.
    pub text: String,
    /// Earlier rounds.
    pub memory: Memory,
    /// Who answers.
    pub model: Arc<dyn LanguageModel>,
    /// Sampling.
    pub temperature: Option<f32>,
    /// Most new tokens.
    pub max_tokens: Option<u32>,
}

/// Answers one message.
pub async fn answer(turn: NormalTurn, emitter: &Emitter) -> Result<Outcome> {
    let mut clock = StageClock::new();
    let metadata = turn.model.metadata();
    if metadata.sql_only {
        let text = format!(
            "'{}' answers questions about databases and cannot chat. Choose a database for this conversation \
             (chat mode chat_with_db_execute), or configure a larger model under [[models]].",
            metadata.name
        );
        emitter.emit(ChatEvent::Text(text.clone())).await;
        return Ok(Outcome {
            raw: text.clone(),
            text,
            ..Outcome::default()
        });
    }
    let mut messages = turn.memory;
    messages.push(PromptMessage::user(turn.text));
    let request = GenerateRequest {
        temperature: turn.temperature,
        max_tokens: turn.max_tokens,
        ..GenerateRequest::of(messages)
    };
    let mut gathered = gather(turn.model.as_ref(), request, emitter, true).await?;
    if gathered.text.trim().is_empty() {
        // A model may say nothing, or nothing beyond its reasoning: a page would show an empty message.
        gathered.text.push_str(NO_ANSWER);
        emitter.emit(ChatEvent::Text(NO_ANSWER.to_owned())).await;
    }
    clock.end(Stage::Write);
    Ok(Outcome {
        raw: gathered.text.clone(),
        text: gathered.text,
        evidence: Evidence {
            model: metadata.name,
            times: clock.times(),
            ..Evidence::default()
        },
        usage: gathered.usage,
        ..Outcome::default()
    })
}
