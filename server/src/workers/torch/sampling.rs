//! Choosing the next token from scores.
//!
//! The order, which is vLLM's for what changes scores and transformers' for what leaves tokens out:
//!
//! 1. [`likelihood`] looks at the scores as the model gave them: what is told of likelihoods is its own opinion.
//! 2. `logit_bias` is added. Ends are masked until `min_tokens`, a form masks what does not fit (both by the caller).
//! 3. [`penalties`]: repetition over prompt and answer, then frequency and presence over the answer.
//! 4. A temperature of 0 takes the best there is now, and the rest is of no account.
//! 5. [`draw`]: temperature, `top_k`, `top_p`, `min_p`, `typical_p`, each over what the ones before left, then a draw.
//!
//! Nothing here knows the network or the text. In steady state nothing is allocated per token.

mod draw;
mod likelihood;
mod penalties;
mod settings;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use self::{draw::Draw, penalties::Penalties};
pub(super) use self::{
    likelihood::Likelihoods,
    settings::{Defaults, MOST_LOGPROBS, Sampling},
};

/// What came of choosing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// This token.
    Token(u32),
    /// Every token is masked.
    Nothing,
    /// The scores are not numbers.
    NotNumbers,
}

/// How one answer's tokens are chosen, with what it remembers of those before.
pub(super) struct Sampler {
    sampling: Arc<Sampling>,
    penalties: Penalties,
    draw: Draw,
    random: ChaCha12Rng,
}

impl Sampler {
    /// The sampler of answer number `choice` to a request. Its random numbers hang on seed and number alone, so that a
    /// seed repeats its text in whatever company it is asked again.
    pub(super) fn new(sampling: Arc<Sampling>, seed: u64, choice: u32, prompt: &[u32]) -> Self {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        random.set_stream(u64::from(choice));
        Self {
            penalties: Penalties::new(&sampling, prompt),
            draw: Draw::default(),
            random,
            sampling,
        }
    }

    /// Adds the bias to the scores.
    pub(super) fn add_bias(&self, scores: &mut [f32]) {
        for &(token, bias) in &self.sampling.bias {
            if let Some(score) = scores.get_mut(token as usize) {
                *score += bias;
            }
        }
    }

    /// The next token. The scores are used up.
    pub(super) fn choose(&mut self, scores: &mut [f32]) -> Chosen {
        self.penalties.apply(&self.sampling, scores);
        self.draw.choose(&self.sampling, &mut self.random, scores)
    }

    /// Remembers a token that was written, chosen here or forced.
    pub(super) fn took(&mut self, token: u32) {
        self.penalties.took(token);
    }
}
