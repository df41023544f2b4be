//! An answer in the making: the tokens known, and where it has a place, the cache of those that were run.

use super::parts::Standing;
use crate::workers::torch::{generation::Generation, network::Cache, plan::Plan};

/// An answer, or several that have all tokens in common so far.
pub(super) struct Line {
    /// The request it belongs to.
    pub(super) request: u64,
    /// Who chooses the next token, with the number of the answer; several until the prompt has been run.
    pub(super) branches: Vec<(usize, Generation)>,
    /// Every token known: the prompt, and what was chosen behind it.
    pub(super) tokens: Vec<u32>,
    /// How many of them are the prompt.
    pub(super) prompt: usize,
    /// Most tokens behind the prompt.
    pub(super) limit: usize,
    /// Whether what it runs may be kept for others, and theirs be used.
    pub(super) cacheable: bool,
    /// Whether the scores behind every token of the prompt are asked for.
    pub(super) weighs: bool,
    /// Whether it must run alone, since a step that it was part of has failed.
    pub(super) alone: bool,
}

impl Line {
    /// All answers of a plan, before the prompt is run.
    pub(super) fn new(request: u64, plan: &Plan) -> Self {
        Self {
            request,
            branches: branches(plan),
            tokens: plan.prompt.clone(),
            prompt: plan.prompt.len(),
            limit: plan.limit,
            cacheable: plan.cacheable,
            weighs: plan.weighs_prompt(),
            alone: false,
        }
    }

    /// One answer that goes on by itself.
    pub(super) fn branch(&self, branch: (usize, Generation), run: &[u32]) -> Self {
        Self {
            request: self.request,
            branches: vec![branch],
            tokens: [self.tokens.as_slice(), run].concat(),
            prompt: self.prompt,
            limit: self.limit,
            cacheable: self.cacheable,
            weighs: false,
            alone: false,
        }
    }

    /// Makes it ready to be run from its beginning again. What was learnt of a prompt on the way is learnt anew.
    pub(super) fn rewind(&mut self, plan: &Plan) {
        if self.weighs {
            self.branches = branches(plan);
        }
    }

    /// Tokens that may still come.
    pub(super) fn left(&self) -> usize {
        (self.prompt + self.limit).saturating_sub(self.tokens.len())
    }

    /// The later it came, the larger.
    pub(super) fn age(&self) -> (u64, usize) {
        let first = self.branches.first().map_or(0, |(choice, _)| *choice);
        (self.request, first)
    }
}

fn branches(plan: &Plan) -> Vec<(usize, Generation)> {
    (0..plan.tries)
        .map(|choice| (choice, Generation::new(plan, choice)))
        .collect()
}

/// An answer that has a place.
pub(super) struct Running<C> {
    /// What is known of it.
    pub(super) line: Line,
    /// What of that was run.
    pub(super) cache: C,
    /// The step that ran a part of it last.
    pub(super) served: u64,
}

impl<C: Cache> Running<C> {
    /// With a cache that holds the first of its tokens. It takes its turn behind those who wait at this step.
    pub(super) fn new(line: Line, cache: C, step: u64) -> Self {
        Self {
            line,
            cache,
            served: step,
        }
    }

    /// How much of it is run, with at most `behind` tokens at once behind the prompt.
    pub(super) fn standing(&self, behind: usize) -> Standing {
        Standing {
            held: self.cache.tokens(),
            all: self.line.tokens.len(),
            prompt: self.line.prompt,
            behind,
            weighs: self.line.weighs,
            served: self.served,
            alone: self.line.alone,
        }
    }
}
