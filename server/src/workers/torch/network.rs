//! The seam of executors: what runs a decoder, whichever way it computes.

use super::{
    error::{ModelError, Result},
    files::shape::Shape,
};

/// Which positions' scores a caller wants of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// None: a part of a prompt whose rest is still to come.
    None,
    /// Those behind the last token.
    Last,
    /// Those behind every token.
    All,
}

/// What a sequence runs in one step: `tokens` follow what `cache` holds.
pub(super) struct Segment<'a, Cache> {
    /// What to run; never empty.
    pub(super) tokens: &'a [u32],
    /// What the sequence has run before.
    pub(super) cache: &'a mut Cache,
    /// Whose scores are asked for.
    pub(super) wanted: Wanted,
    /// Tokens of the whole prompt: some rotary variants choose by it before the last part has come.
    pub(super) prompt: usize,
}

/// Keys and values of one sequence.
pub(super) trait Cache: Send + Sized {
    /// Tokens held.
    fn tokens(&self) -> usize;
    /// Bytes of memory held (room, not fill).
    fn bytes(&self) -> u64;
    /// Forgets all behind the first `tokens`.
    fn truncate(&mut self, tokens: usize);
    /// A copy of the first `tokens`.
    fn fork(&self, tokens: usize) -> Result<Self>;
    /// Shares no memory that goes with other sequences from now on. Asked of what is kept when its sequence is over.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A decoder that runs. Not Sync: one thread owns it.
pub(super) trait Network {
    /// What a sequence has run, as this executor keeps it.
    type Cache: Cache;
    /// Sizes and switches of the model.
    fn shape(&self) -> &Shape;
    /// An empty cache; `tokens` is the room it is likely to need.
    fn cache(&self, tokens: usize) -> Result<Self::Cache>;
    /// Runs all segments in one go (matrices are read once for all rows). Gives, per segment, rows of `vocabulary`
    /// scores as f32: none, one, or one per token. After an error the segments' caches hold what they held.
    fn step(&mut self, segments: &mut [Segment<'_, Self::Cache>]) -> Result<Vec<Vec<f32>>>;
    /// Bytes of weights held.
    fn bytes(&self) -> u64;
}

/// Refuses, before any work, what no executor can run: an empty segment, a token outside the vocabulary, a sequence
/// that outgrows the model's window.
pub(super) fn check<C: Cache>(shape: &Shape, segments: &[Segment<'_, C>]) -> Result<()> {
    for segment in segments {
        if segment.tokens.is_empty() {
            return Err(ModelError::Text(
                "a segment holds no token to run".to_owned(),
            ));
        }
        if let Some(id) = segment
            .tokens
            .iter()
            .find(|&&id| id as usize >= shape.vocabulary)
        {
            return Err(ModelError::Text(format!(
                "the tokenizer made the token {id}, but config.json says vocab_size {}; the two do not belong together",
                shape.vocabulary
            )));
        }
        let all = segment.cache.tokens() + segment.tokens.len();
        if all > shape.window {
            return Err(ModelError::Text(format!(
                "the sequence would have {all} tokens, but the model takes {} for prompt and answer together",
                shape.window
            )));
        }
    }
    Ok(())
}
