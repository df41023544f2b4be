//! The draw: which tokens may come at all, and one of them.

use std::cmp::Ordering;

use rand::RngExt as _;
use rand_chacha::ChaCha12Rng;

use super::{Chosen, Sampling};

/// Tokens sorted at first where the best of many are wanted; four times as many each time they do not do.
const SORTED: usize = 64;

/// A token that may be drawn.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    token: u32,
    /// How likely, relative to the best one, which has 1.
    share: f32,
    /// What comes first is kept first.
    key: f32,
}

/// Scratch of the draws of one answer.
#[derive(Debug, Default)]
pub(super) struct Draw {
    candidates: Vec<Candidate>,
}

impl Draw {
    /// A token of what the scores make likely. They are used up.
    pub(super) fn choose(
        &mut self,
        sampling: &Sampling,
        random: &mut ChaCha12Rng,
        scores: &mut [f32],
    ) -> Chosen {
        let (best, highest) = match highest(scores) {
            Ok(found) => found,
            Err(chosen) => return chosen,
        };
        if sampling.is_greedy() {
            return Chosen::Token(best);
        }
        let cooled = 1.0 / sampling.temperature;
        let few = sampling.top_k < scores.len();
        if !few && sampling.top_p >= 1.0 && sampling.typical_p >= 1.0 && sampling.min_p <= 0.0 {
            return draw_any(random, scores, highest, cooled);
        }
        let whole = if few {
            self.keep_top_k(sampling.top_k, scores);
            let mut whole = 0.0;
            for candidate in &mut self.candidates {
                candidate.share = ((candidate.share - highest) * cooled).exp();
                whole += f64::from(candidate.share);
            }
            whole
        } else {
            self.keep_likely(sampling, scores, highest, cooled)
        };
        if sampling.top_p < 1.0 {
            for candidate in &mut self.candidates {
                candidate.key = -candidate.share;
            }
            self.keep_until(f64::from(sampling.top_p) * whole);
        }
        if sampling.min_p > 0.0 {
            // The best one has 1, so what is left is never nothing.
            self.candidates
                .retain(|candidate| candidate.share >= sampling.min_p);
        }
        if sampling.typical_p < 1.0 {
            self.keep_typical(sampling.typical_p);
        }
        self.draw_kept(random, best)
    }

    /// The `count` best tokens, with their scores for shares, in no order. Of equals the first.
    fn keep_top_k(&mut self, count: usize, scores: &[f32]) {
        self.candidates.clear();
        let room = count.saturating_mul(2).max(SORTED);
        let mut floor = f32::NEG_INFINITY;
        for (token, &score) in (0_u32..).zip(scores) {
            if score > floor {
                self.candidates.push(Candidate {
                    token,
                    share: score,
                    key: -score,
                });
                if self.candidates.len() == room {
                    self.candidates.select_nth_unstable_by(count - 1, by_key);
                    self.candidates.truncate(count);
                    floor = self.candidates[count - 1].share;
                }
            }
        }
        if self.candidates.len() > count {
            self.candidates.select_nth_unstable_by(count - 1, by_key);
            self.candidates.truncate(count);
        }
    }

    /// All tokens that can be kept by the other limits; gives what their shares and those of the others sum to.
    fn keep_likely(
        &mut self,
        sampling: &Sampling,
        scores: &mut [f32],
        highest: f32,
        cooled: f32,
    ) -> f64 {
        let mut whole = 0.0_f64;
        for score in scores.iter_mut() {
            *score = ((*score - highest) * cooled).exp();
            whole += f64::from(*score);
        }
        // All tokens below this bound together are less than what may be left out, so none need be sorted.
        let spare = (1.0 - f64::from(sampling.top_p)) * whole / scores.len() as f64;
        let bound = (spare as f32).max(sampling.min_p_alone());
        self.candidates.clear();
        for (token, &share) in (0_u32..).zip(scores.iter()) {
            if share >= bound && share > 0.0 {
                self.candidates.push(Candidate {
                    token,
                    share,
                    key: 0.0,
                });
            }
        }
        whole
    }

    /// Those closest to the expected surprise, until their shares make up `mass` of all that is left.
    fn keep_typical(&mut self, mass: f32) {
        // What is too unlikely for a number has no surprise that could be weighed.
        self.candidates.retain(|c| c.share > 0.0);
        let whole: f64 = self.candidates.iter().map(|c| f64::from(c.share)).sum();
        let surprise = |share: f32| -(f64::from(share) / whole).ln();
        let expected: f64 = self
            .candidates
            .iter()
            .map(|c| f64::from(c.share) / whole * surprise(c.share))
            .sum();
        for candidate in &mut self.candidates {
            candidate.key = (surprise(candidate.share) - expected).abs() as f32;
        }
        self.keep_until(f64::from(mass) * whole);
    }

    /// Keeps the first by key, up to the one with which their shares sum to `enough`; sorts no more than that takes.
    fn keep_until(&mut self, enough: f64) {
        let (mut done, mut sum, mut step) = (0, 0.0_f64, SORTED);
        while done < self.candidates.len() {
            let end = (done + step).min(self.candidates.len());
            let rest = &mut self.candidates[done..];
            if end - done < rest.len() {
                rest.select_nth_unstable_by(end - done - 1, by_key);
            }
            rest[..end - done].sort_unstable_by(by_key);
            let reached = rest[..end - done].iter().position(|candidate| {
                sum += f64::from(candidate.share);
                sum >= enough
            });
            if let Some(at) = reached {
                self.candidates.truncate(done + at + 1);
                return;
            }
            done = end;
            step *= 4;
        }
    }

    fn draw_kept(&self, random: &mut ChaCha12Rng, best: u32) -> Chosen {
        // The same scores are always found in the same order, so that a seed repeats.
        let whole: f64 = self.candidates.iter().map(|c| f64::from(c.share)).sum();
        let mut left = random.random::<f64>() * whole;
        let mut last = best;
        for candidate in &self.candidates {
            if candidate.share > 0.0 {
                last = candidate.token;
                left -= f64::from(candidate.share);
                if left < 0.0 {
                    break;
                }
            }
        }
        // Where rounding leaves a crumb it is the last one's.
        Chosen::Token(last)
    }
}

impl Sampling {
    /// The least share by `min_p`, where no other limit has to see the tokens below it first.
    fn min_p_alone(&self) -> f32 {
        if self.top_p >= 1.0 { self.min_p } else { 0.0 }
    }
}

/// Any token at all, by its share.
fn draw_any(random: &mut ChaCha12Rng, scores: &mut [f32], highest: f32, cooled: f32) -> Chosen {
    let mut whole = 0.0_f64;
    for score in scores.iter_mut() {
        *score = ((*score - highest) * cooled).exp();
        whole += f64::from(*score);
    }
    let mut left = random.random::<f64>() * whole;
    let mut last = 0;
    for (token, &share) in (0_u32..).zip(scores.iter()) {
        if share > 0.0 {
            last = token;
            left -= f64::from(share);
            if left < 0.0 {
                break;
            }
        }
    }
    Chosen::Token(last)
}

/// The highest score and the first token that has it.
fn highest(scores: &[f32]) -> Result<(u32, f32), Chosen> {
    let (mut best, mut highest) = (0, f32::NEG_INFINITY);
    for (token, &score) in (0_u32..).zip(scores) {
        if score > highest {
            (best, highest) = (token, score);
        } else if score.is_nan() {
            return Err(Chosen::NotNumbers);
        }
    }
    if highest == f32::INFINITY {
        return Err(Chosen::NotNumbers);
    }
    if highest == f32::NEG_INFINITY {
        return Err(Chosen::Nothing);
    }
    Ok((best, highest))
}

fn by_key(a: &Candidate, b: &Candidate) -> Ordering {
    a.key.total_cmp(&b.key).then(a.token.cmp(&b.token))
}
