//! Chance from a seed. Only the stream of words is the library's; what is made of it is ours and stays.
//!
//! Sums, products, quotients and square roots are exact to the last bit everywhere; powers and logarithms are not,
//! and are not used.

use chrono::{Days, NaiveDate};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Streams of one seed are independent: more customers do not change the products.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&stream.to_le_bytes());
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// In [0, 1), with 53 bits.
    pub(super) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// In 0..n; the bias of the multiplication is far below what anyone could count.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// In low..=high.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    pub(super) fn chance(&mut self, of: f64) -> bool {
        self.unit() < of
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of several, each with its weight.
    pub(super) fn weighted<T: Copy>(&mut self, from: &[(T, f64)]) -> T {
        let total: f64 = from.iter().map(|(_, weight)| weight).sum();
        let mut left = self.unit() * total;
        for (one, weight) in from {
            left -= weight;
            if left < 0.0 {
                return *one;
            }
        }
        from[from.len() - 1].0
    }

    /// A place in running sums of weights, up to `total`.
    pub(super) fn place(&mut self, sums: &[f64], total: f64) -> usize {
        let at = self.unit() * total;
        sums.partition_point(|sum| *sum <= at).min(sums.len() - 1)
    }
}

/// Running sums.
pub(super) fn sums(weights: impl Iterator<Item = f64>) -> Vec<f64> {
    let add = |sum: &mut f64, weight| {
        *sum += weight;
        Some(*sum)
    };
    weights.scan(0.0, add).collect()
}

/// A day that is known to exist.
pub(super) fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day of the calendar")
}

pub(super) fn days_after(day: NaiveDate, days: i64) -> NaiveDate {
    day + Days::new(days.unsigned_abs())
}
