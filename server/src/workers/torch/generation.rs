//! One answer under way: from the scores behind a token to the next one, and what may be told by then.
//!
//! Plain state: whoever runs the network hands scores in and is told which tokens to run. Where their likelihoods are
//! wanted, tokens that a form leaves no choice about are run one by one like the others, so that each has scores.

mod teller;

#[cfg(test)]
pub(super) mod tests;

use std::sync::Arc;

use self::teller::Teller;
use super::{
    constraint::Constraint,
    error::{ModelError, Result},
    plan::Plan,
    sampling::{Chosen, Likelihoods, Sampler},
    stops::Stops,
    tokens::Tokens,
};
use crate::workers::{Chunk, FinishReason, Likelihood, Piece, TokenLogprob};

/// What a step led to.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// What to tell: text and calls, no end.
    pub(super) told: Vec<Chunk>,
    /// Tokens to run next: the chosen one, and behind it those the form leaves no choice about. None once it is over.
    pub(super) run: Vec<u32>,
    /// Why it is over, if it is.
    pub(super) finish: Option<FinishReason>,
}

/// One answer under way.
pub(super) struct Generation {
    choice: u32,
    sampler: Sampler,
    constraint: Option<Constraint>,
    teller: Teller,
    likelihoods: Likelihoods,
    tokens: Arc<Tokens>,
    /// Tokens that end it, the model's and the caller's; none of them is told.
    ends: Vec<u32>,
    limit: usize,
    least: usize,
    made: usize,
    logprobs: Option<usize>,
    /// Whether likelihoods are told, or summed for the choice among several answers.
    weighs: bool,
    /// The logarithms of the chosen tokens' likelihoods, summed, and how many there were.
    likelihood: (f64, usize),
    echo: Option<Echo>,
}

/// The prompt, to be told before the answer.
struct Echo {
    text: String,
    logprobs: Vec<TokenLogprob>,
}

impl Generation {
    /// Begins answer number `choice` of a plan.
    pub(super) fn new(plan: &Plan, choice: usize) -> Self {
        let number = u32::try_from(choice).unwrap_or(u32::MAX);
        // A form ends when it ends, whatever is passed over in free text.
        let own: &[u32] = if plan.ignore_ends && plan.constraint.is_none() {
            &[]
        } else {
            plan.ends.as_slice()
        };
        let first = plan.prompt.first().copied();
        let echo = plan.echo.clone().map(|text| Echo {
            text,
            logprobs: first
                .filter(|_| plan.logprobs.is_some())
                .map(|first| TokenLogprob {
                    told: spelled(&plan.tokens, first, None),
                    top: Vec::new(),
                })
                .into_iter()
                .collect(),
        });
        Self {
            choice: number,
            sampler: Sampler::new(Arc::clone(&plan.sampling), plan.seed, number, &plan.prompt),
            constraint: plan.constraint.clone(),
            teller: Teller::new(
                number,
                Arc::clone(&plan.tokens),
                Stops::new(plan.stops.clone()),
                plan.reader.clone(),
            ),
            likelihoods: Likelihoods::default(),
            tokens: Arc::clone(&plan.tokens),
            ends: [own, plan.stop_ids.as_slice()].concat(),
            limit: plan.limit,
            least: plan.least,
            made: 0,
            logprobs: plan.logprobs,
            weighs: plan.logprobs.is_some() || plan.tries > plan.choices,
            likelihood: (0.0, 0),
            echo,
        }
    }

    /// New tokens so far, the one that ended it not counted.
    pub(super) fn made(&self) -> usize {
        self.made
    }

    /// The mean of the logarithms of the likelihoods of what was chosen, the end included; the higher, the likelier.
    /// Known where answers are ranked or likelihoods told.
    pub(super) fn mean_likelihood(&self) -> f64 {
        let (sum, count) = self.likelihood;
        if count == 0 {
            f64::NEG_INFINITY
        } else {
            sum / count as f64
        }
    }

    /// The form it is held to: its mask is to be there by the next [`Self::take`].
    pub(super) fn constraint(&mut self) -> Option<&mut Constraint> {
        self.constraint.as_mut()
    }

    /// Takes the scores behind a token of the prompt, which say how likely the `next` one was, in their order. Asked
    /// for where [`Plan::weighs_prompt`] says so.
    pub(super) fn weigh_prompt(&mut self, next: u32, scores: &[f32]) {
        let Some(count) = self.logprobs.filter(|_| self.echo.is_some()) else {
            return;
        };
        self.likelihoods.look(scores);
        let entry = self.entry(next, count);
        if let Some(echo) = &mut self.echo {
            echo.logprobs.push(entry);
        }
    }

    /// Takes what another answer to the same prompt learnt of it.
    pub(super) fn share_prompt(&mut self, other: &Self) {
        if let (Some(echo), Some(known)) = (&mut self.echo, &other.echo) {
            echo.logprobs.clone_from(&known.logprobs);
        }
    }

    /// Chooses by the scores behind the last token run, as many as the vocabulary has. They are used up.
    ///
    /// # Errors
    /// When the scores are not numbers, or the tokenizer or the form's machine fails; the answer cannot go on.
    pub(super) fn take(&mut self, scores: &mut [f32]) -> Result<Progress> {
        let mut progress = Progress::default();
        if let Some(Echo { text, logprobs }) = self.echo.take() {
            progress.told.push(Chunk::Text(Piece {
                choice: self.choice,
                text,
                logprobs,
            }));
        }
        if self.weighs {
            self.likelihoods.look(scores);
        }
        self.sampler.add_bias(scores);
        if let Some(constraint) = &mut self.constraint {
            // Done already where it was done beside the model's step.
            constraint.compute()?;
        }
        self.mask(scores);
        let token = match self.sampler.choose(scores) {
            Chosen::Token(token) => token,
            Chosen::Nothing => return self.stuck(progress),
            Chosen::NotNumbers => {
                return Err(ModelError::Text(
                    "the model's scores are not numbers; the checkpoint is damaged, or its dtype too short (try bf16 \
                     or f32)"
                        .to_owned(),
                ));
            }
        };
        if self.weighs {
            self.likelihood.0 += f64::from(self.likelihoods.of(token));
            self.likelihood.1 += 1;
        }
        if self.accept(token, &mut progress)? && !self.weighs {
            self.jump_ahead(&mut progress)?;
        }
        Ok(progress)
    }

    /// Takes the tokens that the form leaves no choice about.
    fn jump_ahead(&mut self, progress: &mut Progress) -> Result<()> {
        let Some(constraint) = &mut self.constraint else {
            return Ok(());
        };
        for token in constraint.forced() {
            if !self.accept(token, progress)? {
                break;
            }
        }
        Ok(())
    }

    /// Goes on behind a token; whether there is more to come.
    fn accept(&mut self, token: u32, progress: &mut Progress) -> Result<bool> {
        if self.ends.contains(&token) {
            self.finish(FinishReason::Stop, progress)?;
            return Ok(false);
        }
        self.made += 1;
        self.sampler.took(token);
        if let Some(constraint) = &mut self.constraint {
            constraint.take(token)?;
        }
        let likelihood = self.logprobs.map(|count| self.entry(token, count));
        let may_stop = self.may_stop();
        let told = &mut progress.told;
        if self.teller.push(token, likelihood, may_stop, told)? {
            self.teller.close(told);
            self.over(FinishReason::Stop, progress);
            return Ok(false);
        }
        if self.constraint.as_ref().is_some_and(Constraint::is_done) {
            self.finish(FinishReason::Stop, progress)?;
            return Ok(false);
        }
        if self.made >= self.limit {
            self.finish(FinishReason::Length, progress)?;
            return Ok(false);
        }
        progress.run.push(token);
        Ok(true)
    }

    /// Whether a text may end it: not among the tokens that must be there at least.
    fn may_stop(&self) -> bool {
        self.made > self.least
    }

    /// Takes the scores of what must not come now.
    fn mask(&self, scores: &mut [f32]) {
        if let Some(constraint) = &self.constraint {
            constraint.apply(scores);
        }
        if self.made < self.least {
            for &end in &self.ends {
                if let Some(score) = scores.get_mut(end as usize) {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
    }

    /// No token can come: the form is complete, before the least number of tokens, or cannot be gone on with in this
    /// vocabulary. Then what is there is told, as an answer that was cut.
    fn stuck(&mut self, mut progress: Progress) -> Result<Progress> {
        let complete = self.constraint.as_ref().is_some_and(Constraint::may_end);
        let reason = if complete {
            FinishReason::Stop
        } else {
            tracing::warn!("no token of the vocabulary goes on in the form; the answer is cut");
            FinishReason::Length
        };
        self.finish(reason, &mut progress)?;
        Ok(progress)
    }

    /// Tells what was held back; a stop text may still come to light in it.
    fn finish(&mut self, reason: FinishReason, progress: &mut Progress) -> Result<()> {
        let may_stop = self.may_stop();
        let stopped = self.teller.finish(may_stop, &mut progress.told)?;
        let reason = if stopped { FinishReason::Stop } else { reason };
        self.over(reason, progress);
        Ok(())
    }

    fn over(&self, reason: FinishReason, progress: &mut Progress) {
        progress.run.clear();
        progress.finish = Some(
            if reason == FinishReason::Stop && self.teller.has_called() {
                FinishReason::ToolCalls
            } else {
                reason
            },
        );
    }

    /// How likely a token was by the scores last looked at, beside the likeliest.
    fn entry(&mut self, token: u32, count: usize) -> TokenLogprob {
        let told = spelled(&self.tokens, token, Some(self.likelihoods.of(token)));
        let tokens = &self.tokens;
        let top = self
            .likelihoods
            .top(count)
            .iter()
            .map(|&(token, logprob)| spelled(tokens, token, Some(logprob)))
            .collect();
        TokenLogprob { told, top }
    }
}

/// A token as it is told.
fn spelled(tokens: &Tokens, token: u32, logprob: Option<f32>) -> Likelihood {
    let name = tokens.name(token);
    Likelihood {
        bytes: tokens
            .piece(token)
            .map_or_else(|| name.clone().into_bytes(), <[u8]>::to_vec),
        token: name,
        logprob,
    }
}
