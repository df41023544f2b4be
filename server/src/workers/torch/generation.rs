//! One answer under way: prompt, tokens so far, what may still be told.

use tidegate_schema::model::Usage;

use super::{
    decoder::{Cache, Decoder},
    error::{ModelError, Result},
    sampling::Sampler,
    stops::Stops,
    tokens::{Detokeniser, Tokens},
};
use crate::workers::{
    FinishReason,
    grammar::{Chosen, Mask},
};

/// Prompt tokens run at once; between two runs others have their turn, and a cancelled answer is noticed.
const PREFILL: usize = 512;

/// What an answer is to be made from.
pub(super) struct Plan {
    /// Token ids of the prompt; never empty.
    pub(super) prompt: Vec<u32>,
    /// How tokens are chosen.
    pub(super) sampler: Sampler,
    /// Texts that end it.
    pub(super) stops: Stops,
    /// The form it is held to, if any.
    pub(super) mask: Option<Mask>,
    /// Most new tokens.
    pub(super) limit: usize,
}

/// What a step led to.
pub(super) struct Progress {
    /// Text to tell.
    pub(super) text: String,
    /// Why it is over, if it is.
    pub(super) finish: Option<FinishReason>,
}

/// An answer under way.
pub(super) struct Generation {
    plan: Plan,
    /// Prompt tokens already run.
    run: usize,
    /// Token chosen but not yet run.
    next: Option<u32>,
    made: usize,
    cache: Cache,
    text: Detokeniser,
}

impl Generation {
    /// Begins.
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            run: 0,
            next: None,
            made: 0,
            cache: Cache::default(),
            text: Detokeniser::default(),
        }
    }

    /// Tokens used so far.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.plan.prompt.len() as u32,
            completion_tokens: self.made as u32,
        }
    }

    /// Runs a part of the prompt, or makes one token.
    pub(super) fn step(
        &mut self,
        decoder: &Decoder,
        tokens: &Tokens,
        ends: &[u32],
    ) -> Result<Progress> {
        let states = if let Some(id) = self.next {
            decoder.forward(&[id], &mut self.cache)?
        } else {
            let until = (self.run + PREFILL).min(self.plan.prompt.len());
            let part = self.run..until;
            self.run = until;
            decoder.forward(&self.plan.prompt[part], &mut self.cache)?
        };
        if self.run < self.plan.prompt.len() {
            return Ok(Progress {
                text: String::new(),
                finish: None,
            });
        }
        let scores = last_scores(decoder, &states)?;
        let Some(id) = self.choose(scores)? else {
            // The form cannot be gone on with: what is there is told, and read as an answer that was cut.
            return self.finished(tokens, FinishReason::Stop);
        };
        if ends.contains(&id) {
            return self.finished(tokens, FinishReason::Stop);
        }
        self.made += 1;
        self.next = Some(id);
        let fresh = self.text.push(tokens, id)?;
        let passed = self.plan.stops.push(&fresh);
        if passed.stopped {
            return Ok(Progress {
                text: passed.text,
                finish: Some(FinishReason::Stop),
            });
        }
        if self.plan.mask.as_ref().is_some_and(Mask::is_done) {
            let end = self.finished(tokens, FinishReason::Stop)?;
            return Ok(Progress {
                text: passed.text + &end.text,
                ..end
            });
        }
        if self.made >= self.plan.limit {
            let end = self.finished(tokens, FinishReason::Length)?;
            return Ok(Progress {
                text: passed.text + &end.text,
                ..end
            });
        }
        Ok(Progress {
            text: passed.text,
            finish: None,
        })
    }

    /// The next token of those that fit the form, where there is one to fit; nothing where no token does.
    fn choose(&mut self, mut scores: Vec<f32>) -> Result<Option<u32>> {
        let sampler = &mut self.plan.sampler;
        let chosen = match &mut self.plan.mask {
            None => sampler
                .choose(&scores)
                .map_or(Chosen::NoScores, Chosen::Token),
            Some(mask) => {
                let chosen = mask.choose(&mut scores, |scores| sampler.choose(scores));
                if let Chosen::Token(id) = chosen {
                    mask.take(id);
                }
                chosen
            }
        };
        match chosen {
            Chosen::Token(id) => Ok(Some(id)),
            Chosen::Stuck => Ok(None),
            Chosen::NoScores => Err(ModelError::Text(
                "the model's scores are not numbers; the checkpoint is damaged, or its dtype too short (try bf16 or f32)"
                    .to_owned(),
            )),
        }
    }

    /// Tells what was held back; a stop text may still come to light in it.
    fn finished(&mut self, tokens: &Tokens, finish: FinishReason) -> Result<Progress> {
        let rest = self.text.finish(tokens)?;
        let passed = self.plan.stops.push(&rest);
        if passed.stopped {
            return Ok(Progress {
                text: passed.text,
                finish: Some(FinishReason::Stop),
            });
        }
        Ok(Progress {
            text: passed.text + &self.plan.stops.finish(),
            finish: Some(finish),
        })
    }
}

/// Scores after the last of the states.
fn last_scores(decoder: &Decoder, states: &tch::Tensor) -> Result<Vec<f32>> {
    let last = states.f_narrow(0, states.size()[0] - 1, 1)?;
    Ok(Vec::try_from(&decoder.scores(&last)?.f_view([-1])?)?)
}
