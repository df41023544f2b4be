//! Making what was said before less likely.

use std::collections::HashMap;

use super::Sampling;

/// The tokens that were there before, each with how often the answer has it; those of the prompt alone with 0.
#[derive(Debug, Default)]
pub(super) struct Penalties {
    /// `None` where nothing is punished: then nothing is counted.
    counts: Option<HashMap<u32, u32>>,
}

impl Penalties {
    pub(super) fn new(sampling: &Sampling, prompt: &[u32]) -> Self {
        let counts = sampling.remembers_answer().then(|| {
            let prompt: &[u32] = if sampling.remembers_prompt() {
                prompt
            } else {
                &[]
            };
            prompt.iter().map(|&token| (token, 0)).collect()
        });
        Self { counts }
    }

    pub(super) fn took(&mut self, token: u32) {
        if let Some(counts) = &mut self.counts {
            *counts.entry(token).or_default() += 1;
        }
    }

    /// transformers' formula for repetition: a score above 0 is divided by the penalty, one below multiplied. OpenAI's
    /// for the other two: `frequency` for each time, and `presence` once.
    pub(super) fn apply(&self, sampling: &Sampling, scores: &mut [f32]) {
        let Some(counts) = &self.counts else { return };
        for (&token, &count) in counts {
            let Some(score) = scores.get_mut(token as usize) else {
                continue;
            };
            if *score > 0.0 {
                *score /= sampling.repetition;
            } else {
                *score *= sampling.repetition;
            }
            if count > 0 {
                *score -= sampling.frequency * count as f32 + sampling.presence;
            }
        }
    }
}
