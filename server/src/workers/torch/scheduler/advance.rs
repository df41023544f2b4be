//! From scores to what comes next: tokens are chosen, pieces told, ends reached.

use std::time::Instant;

use super::{
    Line, Running, Scheduler,
    step::{Outcome, guarded},
};
use crate::workers::torch::{
    generation::Generation,
    network::{Cache, Network},
};

/// What follows a choice.
enum Next {
    /// These tokens are run.
    Run(Vec<u32>),
    /// The answer is over; what it has run is sound.
    Over,
    /// The request has failed.
    Failed,
}

impl<N: Network> Scheduler<N> {
    /// Goes on from the scores of a step, in the order of those it ran.
    /// Answers whose masks could not be computed are told why.
    pub(super) fn advance(
        &mut self,
        parts: &[usize],
        scores: Vec<Vec<f32>>,
        unmasked: &[(usize, String)],
    ) {
        let mut scores = scores.into_iter();
        let (mut forks, mut over) = (Vec::new(), Vec::new());
        let ran = std::mem::take(&mut self.running);
        for (at, (mut one, &part)) in ran.into_iter().zip(parts).enumerate() {
            let scores = if part > 0 {
                scores.next().unwrap_or_default()
            } else {
                Vec::new()
            };
            // Its request may have failed by another of its answers.
            if !self.requests.contains_key(&one.line.request) {
                continue;
            }
            if part == 0 {
                self.running.push(one);
                continue;
            }
            one.served = self.steps;
            if let Some((_, reason)) = unmasked.iter().find(|(place, _)| *place == at) {
                self.fail(one.line.request, reason);
                continue;
            }
            let mut scores = self.weigh_prompt(&mut one.line, one.cache.tokens() - part, scores);
            if one.cache.tokens() < one.line.tokens.len() {
                self.running.push(one);
                continue;
            }
            one.line.alone = false;
            one.line.weighs = false;
            if one.line.branches.len() > 1 {
                forks.push((one, scores));
                continue;
            }
            let Some((choice, generation)) = one.line.branches.first_mut() else {
                continue;
            };
            match self.choose(one.line.request, *choice, generation, &mut scores) {
                Next::Run(run) => {
                    one.line.tokens.extend(run);
                    self.running.push(one);
                }
                Next::Over => over.push(one),
                Next::Failed => {}
            }
        }
        // Last, when it is known how many places are left, and then how much memory.
        let mut waiting = forks.len();
        for (one, scores) in forks {
            waiting -= 1;
            self.fork(one, &scores, waiting);
        }
        for one in over {
            self.keep(one);
        }
    }

    /// Tells the scores behind the tokens of a prompt to whoever asked, and gives those behind the last token. The
    /// first of the scores are behind the token at `from`.
    fn weigh_prompt(&self, line: &mut Line, from: usize, mut scores: Vec<f32>) -> Vec<f32> {
        if !line.weighs {
            return scores;
        }
        let vocabulary = self.network.shape().vocabulary.max(1);
        let Some((_, generation)) = line.branches.first_mut() else {
            return scores;
        };
        let nexts = line.tokens[..line.prompt].iter().skip(from + 1);
        for (&next, row) in nexts.zip(scores.chunks_exact(vocabulary)) {
            generation.weigh_prompt(next, row);
        }
        scores.split_off(scores.len().saturating_sub(vocabulary))
    }

    /// Has an answer's next token chosen and tells what that leads to.
    fn choose(
        &mut self,
        id: u64,
        choice: usize,
        generation: &mut Generation,
        scores: &mut [f32],
    ) -> Next {
        let mut progress = match guarded(|| generation.take(scores)) {
            Outcome::Done(progress) => progress,
            Outcome::Failed { reason, .. } => {
                self.fail(id, &reason);
                return Next::Failed;
            }
        };
        let Some(request) = self.requests.get_mut(&id) else {
            return Next::Failed;
        };
        let now = Instant::now();
        if let Some(took) = request.token(now) {
            self.metrics.first_token(took);
        }
        for chunk in request.answers.take(choice, generation, &mut progress) {
            request.job.answer(Ok(chunk));
        }
        let Some(finish) = progress.finish else {
            if progress.run.is_empty() {
                self.fail(id, "the answer neither ended nor went on");
                return Next::Failed;
            }
            return Next::Run(progress.run);
        };
        self.metrics
            .ended(finish.word(), request.between(now, generation.made()));
        if request.answers.is_over() {
            self.metrics
                .over(now.saturating_duration_since(request.job.came));
            self.pace.ended(now);
            self.requests.remove(&id);
        }
        Next::Over
    }

    /// The prompt is run: each answer to it goes on by itself, one with the cache, the others with copies of it. So
    /// many others that are forked behind it have their places already.
    fn fork(&mut self, one: Running<N::Cache>, scores: &[f32], waiting: usize) {
        let Running {
            mut line,
            cache,
            served,
        } = one;
        let mut branches = std::mem::take(&mut line.branches);
        if let Some(((_, first), others)) = branches.split_first_mut() {
            for (_, other) in others {
                other.share_prompt(first);
            }
        }
        let mut going: Vec<Line> = Vec::new();
        for (choice, mut generation) in branches {
            match self.choose(line.request, choice, &mut generation, &mut scores.to_vec()) {
                Next::Run(run) => going.push(line.branch((choice, generation), &run)),
                Next::Over => {}
                Next::Failed => return,
            }
        }
        let Some(first) = (!going.is_empty()).then(|| going.remove(0)) else {
            self.keep(Running {
                line,
                cache,
                served,
            });
            return;
        };
        let mut without = Vec::new();
        for other in going {
            match self.copy(&other, &cache, waiting) {
                Some(copy) => self.running.push(Running::new(other, copy, served)),
                None => without.push(other),
            }
        }
        // Those without a place come before new requests, in their order; they find the prompt in the first's cache.
        for line in without.into_iter().rev() {
            self.parked.push_front(line);
        }
        self.running.push(Running {
            line: first,
            cache,
            served,
        });
    }
}
