//! One step: everybody's part through the network, masks computed beside it, and what follows when it fails.

use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use super::{Scheduler, parts, sequence::Running};
use crate::workers::torch::{
    constraint::Constraint,
    error::panic_line,
    files::rope::Rope,
    network::{Cache, Network, Segment, Wanted},
};

/// What came of something that may fail or panic.
pub(super) enum Outcome<T> {
    /// This.
    Done(T),
    /// Nothing: why, and whether by a panic, so that what it touched may be in pieces.
    Failed { reason: String, panicked: bool },
}

/// Does something that may panic.
pub(super) fn guarded<T, E: Display>(act: impl FnOnce() -> Result<T, E>) -> Outcome<T> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(value)) => Outcome::Done(value),
        Ok(Err(error)) => Outcome::Failed {
            reason: error.to_string(),
            panicked: false,
        },
        Err(payload) => Outcome::Failed {
            reason: panic_line(payload.as_ref()),
            panicked: true,
        },
    }
}

/// A mask to compute, with the place of its answer.
type Masks<'a> = Vec<(usize, &'a mut Constraint)>;
/// Places of answers whose masks could not be computed, and why.
type Unmasked = Vec<(usize, String)>;

impl<N: Network> Scheduler<N> {
    /// Runs a part of every answer that has its turn, and goes on from the scores.
    pub(super) fn step(&mut self) {
        let (parts, held) = loop {
            let standings: Vec<_> = self
                .running
                .iter()
                .map(|one| one.standing(self.behind_prompt(one)))
                .collect();
            let parts = parts::share(&standings, self.bounds.chunk, self.bounds.chunk);
            if self.make_room(&parts) {
                let held: Vec<usize> = standings.iter().map(|one| one.held).collect();
                break (parts, held);
            }
        };
        let (outcome, unmasked) = self.run(&parts);
        match outcome {
            Outcome::Done(scores) => {
                self.steps += 1;
                self.count(&parts, &held);
                self.advance(&parts, scores, &unmasked);
            }
            Outcome::Failed { reason, panicked } => self.failed(&parts, &held, &reason, panicked),
        }
    }

    /// Tokens behind a prompt that may run at once as they would one by one.
    fn behind_prompt(&self, one: &Running<N::Cache>) -> usize {
        let (next, all) = (one.cache.tokens() + 1, one.line.tokens.len());
        let ropes = &self.network.shape().ropes;
        let is_steady = ropes.iter().all(|rope| {
            let regime = rope.regime(all);
            regime != Rope::ALONE && regime == rope.regime(next)
        });
        if is_steady { parts::BEHIND } else { 1 }
    }

    fn run(&mut self, parts: &[usize]) -> (Outcome<Vec<Vec<f32>>>, Unmasked) {
        let mut segments = Vec::new();
        let mut masks: Masks<'_> = Vec::new();
        for (at, (one, &part)) in self.running.iter_mut().zip(parts).enumerate() {
            if part == 0 {
                continue;
            }
            let Running { line, cache, .. } = one;
            let held = cache.tokens();
            let chooses = held + part == line.tokens.len();
            if chooses {
                for (_, generation) in &mut line.branches {
                    masks.extend(generation.constraint().map(|constraint| (at, constraint)));
                }
            }
            segments.push(Segment {
                tokens: &line.tokens[held..held + part],
                cache,
                wanted: if line.weighs {
                    Wanted::All
                } else if chooses {
                    Wanted::Last
                } else {
                    Wanted::None
                },
                prompt: line.prompt,
            });
        }
        let network = &mut self.network;
        beside(masks, || network.step(&mut segments))
    }

    fn count(&self, parts: &[usize], held: &[usize]) {
        let (mut segments, mut prefill, mut decode) = (0, 0, 0);
        for ((one, &part), &held) in self.running.iter().zip(parts).zip(held) {
            segments += usize::from(part > 0);
            if held < one.line.prompt {
                prefill += part;
            } else {
                decode += part;
            }
        }
        self.metrics.stepped(segments, prefill, decode);
    }

    /// A step has failed. Those it ran are run one by one from now on, so that only the guilty one fails; what it may
    /// have left in pieces is made anew.
    fn failed(&mut self, parts: &[usize], held: &[usize], reason: &str, panicked: bool) {
        self.kept.clear();
        let ran: Vec<usize> = (0..parts.len()).filter(|&at| parts[at] > 0).collect();
        if let [only] = ran[..] {
            let request = self.running[only].line.request;
            self.fail(request, reason);
            self.probe();
            return;
        }
        tracing::warn!(
            model = self.name,
            reason,
            panicked,
            answers = ran.len(),
            "a step failed; its answers are run one by one"
        );
        for at in ran.into_iter().rev() {
            let one = &mut self.running[at];
            one.line.alone = true;
            if panicked || one.cache.tokens() != held[at] {
                let Running { line, .. } = self.running.remove(at);
                self.park(line);
            }
        }
    }

    /// Whether the network still runs anything. If it fails twice in a row with nothing of anybody's in it, it is given
    /// up.
    fn probe(&mut self) {
        let mut last = String::new();
        for token in [0, 1] {
            let network = &mut self.network;
            let outcome = guarded(|| {
                let mut cache = network.cache(1)?;
                network.step(&mut [Segment {
                    tokens: &[token],
                    cache: &mut cache,
                    wanted: Wanted::Last,
                    prompt: 1,
                }])
            });
            match outcome {
                Outcome::Done(_) => return,
                Outcome::Failed { reason, .. } => last = reason,
            }
        }
        self.break_down(&last);
    }
}

/// Runs a step, and computes masks on another thread meanwhile.
fn beside<T, E: Display>(
    mut masks: Masks<'_>,
    step: impl FnOnce() -> Result<T, E>,
) -> (Outcome<T>, Unmasked) {
    if masks.is_empty() {
        return (guarded(step), Vec::new());
    }
    let places: Vec<usize> = masks.iter().map(|(at, _)| *at).collect();
    let (outcome, unmasked) = thread::scope(|scope| {
        let computing = thread::Builder::new()
            .name("masks".to_owned())
            .spawn_scoped(scope, || compute(&mut masks));
        let outcome = guarded(step);
        (outcome, computing.ok().map(thread::ScopedJoinHandle::join))
    });
    let unmasked = match unmasked {
        Some(Ok(unmasked)) => unmasked,
        Some(Err(payload)) => {
            let reason = panic_line(payload.as_ref());
            places.into_iter().map(|at| (at, reason.clone())).collect()
        }
        // No thread could be had: then one after the other.
        None => compute(&mut masks),
    };
    (outcome, unmasked)
}

fn compute(masks: &mut [(usize, &mut Constraint)]) -> Unmasked {
    let mut unmasked = Vec::new();
    for (at, constraint) in masks {
        if let Outcome::Failed { reason, .. } = guarded(|| constraint.compute()) {
            unmasked.push((*at, reason));
        }
    }
    unmasked
}
