//! Choosing the next token from scores.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use tidegate_schema::{Error, Result};

/// How tokens are chosen.
pub(super) struct Sampler {
    /// 0 is greedy.
    temperature: f32,
    /// Share of the likelihood kept.
    top_p: f32,
    random: ChaCha12Rng,
}

impl Sampler {
    /// Checks the settings. Without a seed every call differs.
    pub(super) fn new(temperature: f32, top_p: f32, seed: Option<u64>) -> Result<Self> {
        if !(0.0..=100.0).contains(&temperature) {
            return Err(Error::invalid(
                "temperature",
                format!("is {temperature}; it must be from 0 (greedy) to 100"),
            ));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(Error::invalid(
                "top_p",
                format!("is {top_p}; it must be above 0 and at most 1"),
            ));
        }
        let seed = seed.unwrap_or_else(rand::random);
        Ok(Self {
            temperature,
            top_p,
            random: ChaCha12Rng::seed_from_u64(seed),
        })
    }

    /// The next token; `None` when the scores are not numbers.
    pub(super) fn choose(&mut self, scores: &[f32]) -> Option<u32> {
        let (best, highest) = highest(scores)?;
        if self.temperature < 1e-5 {
            return Some(best);
        }
        // Relative to the best one; the sum is what they are shares of.
        let mut shares: Vec<(u32, f32)> = (0_u32..)
            .zip(scores)
            .map(|(id, score)| (id, ((score - highest) / self.temperature).exp()))
            .collect();
        let sum: f32 = shares.iter().map(|(_, share)| share).sum();
        let mut kept = sum;
        if self.top_p < 1.0 {
            // All tokens below this bound together are less than what may be left out, so none need be sorted.
            let bound = (1.0 - self.top_p) * sum / scores.len() as f32;
            shares.retain(|&(_, share)| share >= bound);
            shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            kept = 0.0;
            let enough = self.top_p * sum;
            let last = shares.iter().position(|&(_, share)| {
                kept += share;
                kept >= enough
            });
            shares.truncate(last.map_or(shares.len(), |at| at + 1));
        }
        let mut left = self.random.random::<f32>() * kept;
        for &(id, share) in &shares {
            left -= share;
            if left <= 0.0 && share > 0.0 {
                return Some(id);
            }
        }
        // Rounding left a crumb: the last that could be meant.
        shares
            .iter()
            .rev()
            .find(|(_, share)| *share > 0.0)
            .map(|&(id, _)| id)
    }
}

/// The highest score and the first token that has it; `None` if any score is not a number.
fn highest(scores: &[f32]) -> Option<(u32, f32)> {
    let mut best = None;
    for (id, &score) in (0_u32..).zip(scores) {
        if score.is_nan() {
            return None;
        }
        if best.is_none_or(|(_, highest)| score > highest) {
            best = Some((id, score));
        }
    }
    best.filter(|(_, highest)| highest.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(temperature: f32, top_p: f32, scores: &[f32]) -> Vec<u32> {
        let mut sampler = Sampler::new(temperature, top_p, Some(7)).expect("valid");
        let mut counts = vec![0; scores.len()];
        for _ in 0..4000 {
            counts[sampler.choose(scores).expect("numbers") as usize] += 1;
        }
        counts
    }

    #[test]
    fn zero_is_greedy_and_takes_the_first_of_equals() {
        assert_eq!(counts(0.0, 1.0, &[1.0, 3.0, 3.0]), [0, 4000, 0]);
    }

    #[test]
    fn follows_the_likelihoods() {
        let scores = [0.5_f32.ln(), 0.3_f32.ln(), 0.2_f32.ln()];
        let counted = counts(1.0, 1.0, &scores);
        for (count, share) in counted.iter().zip([0.5, 0.3, 0.2]) {
            assert!(
                (f64::from(*count) / 4000.0 - share).abs() < 0.03,
                "{counted:?}"
            );
        }
    }

    #[test]
    fn the_nucleus_is_the_smallest_set_that_reaches_top_p() {
        let scores = [0.2_f32.ln(), 0.5_f32.ln(), 0.3_f32.ln()];
        let counted = counts(1.0, 0.6, &scores);
        assert_eq!(counted[0], 0);
        assert!(counted[2] > 1200 && counted[2] < 1800, "{counted:?}");
        assert_eq!(counts(1.0, 0.4, &scores), [0, 4000, 0]);
    }

    #[test]
    fn a_seed_repeats_and_no_seed_does_not() {
        let scores = vec![0.0_f32; 1000];
        let draw = |seed| {
            let mut sampler = Sampler::new(1.0, 0.9, seed).expect("valid");
            (0..8).map(|_| sampler.choose(&scores)).collect::<Vec<_>>()
        };
        assert_eq!(draw(Some(1)), draw(Some(1)));
        assert_ne!(draw(None), draw(None));
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for (temperature, top_p) in [
            (-1.0, 1.0),
            (f32::NAN, 1.0),
            (1.0, 0.0),
            (1.0, 1.1),
            (1.0, f32::NAN),
        ] {
            assert!(
                Sampler::new(temperature, top_p, None).is_err(),
                "{temperature} {top_p}"
            );
        }
        let mut sampler = Sampler::new(1.0, 1.0, None).expect("valid");
        assert_eq!(sampler.choose(&[1.0, f32::NAN]), None);
        assert_eq!(sampler.choose(&[]), None);
    }
}
