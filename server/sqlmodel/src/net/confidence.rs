//! How far an answer is to be trusted: a logistic fit over what the search saw, made on held-out questions.

use serde::{Deserialize, Serialize};

/// Numbers per answer.
pub const SIGNALS: usize = 9;

/// What the search saw of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Signals {
    /// Log-probability of the best query.
    pub total: f32,
    /// The same per free choice.
    pub mean: f32,
    /// Log-probability of the least likely choice.
    pub weakest: f32,
    /// How far the second query lies behind, in what they are ranked by.
    pub gap: f32,
    /// Likelihood that some literal the query leaves out belongs in it.
    pub missed_value: f32,
    /// Likelihood that some table or column the query leaves out belongs in it.
    pub missed_item: f32,
    /// Likelihood of the least likely item that the query uses.
    pub doubtful_item: f32,
    /// Numbers, dates and known values of the question that the query leaves out.
    pub unused_literals: f32,
    /// Log-likelihood of just these literals, tables and columns being used, each judged on its own.
    pub agreement: f32,
    /// Free choices made.
    pub choices: f32,
}

impl Signals {
    fn values(&self) -> [f64; SIGNALS] {
        [
            f64::from(self.total.max(-20.0)),
            f64::from(self.mean.max(-5.0)),
            f64::from(self.weakest.max(-10.0)),
            f64::from(self.gap.min(10.0)),
            f64::from(self.missed_value),
            f64::from(self.missed_item),
            f64::from(self.doubtful_item),
            f64::from(self.unused_literals.min(3.0)),
            f64::from(self.agreement.max(-20.0)),
        ]
    }
}

/// Turns [`Signals`] into the likelihood of a right answer. Stored with the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Per signal.
    pub weights: [f64; SIGNALS],
    /// Added to the weighted sum.
    pub bias: f64,
}

impl Default for Calibration {
    /// Before any fit: the query's own probability per choice and its lead decide.
    fn default() -> Self {
        Self {
            weights: [0.3, 2.0, 0.5, 0.5, -1.5, -1.0, 1.0, -1.0, 0.2],
            bias: 1.0,
        }
    }
}

impl Calibration {
    /// Likelihood that the answer is right, 0 to 1.
    pub fn confidence(&self, signals: &Signals) -> f32 {
        self.score(&signals.values()) as f32
    }

    fn score(&self, values: &[f64; SIGNALS]) -> f64 {
        let sum: f64 = values
            .iter()
            .zip(&self.weights)
            .map(|(value, weight)| value * weight)
            .sum();
        1.0 / (1.0 + (-(sum + self.bias)).exp())
    }

    /// Fits by gradient descent on standardised signals, with a little ridge.
    pub fn fit(seen: &[(Signals, bool)]) -> Self {
        if seen.is_empty() {
            return Self::default();
        }
        let count = seen.len() as f64;
        let rows: Vec<[f64; SIGNALS]> = seen.iter().map(|(signals, _)| signals.values()).collect();
        let mut mean = [0.0; SIGNALS];
        let mut spread = [0.0; SIGNALS];
        for row in &rows {
            for at in 0..SIGNALS {
                mean[at] += row[at] / count;
            }
        }
        for row in &rows {
            for at in 0..SIGNALS {
                spread[at] += (row[at] - mean[at]).powi(2) / count;
            }
        }
        for value in &mut spread {
            *value = value.sqrt().max(1e-3);
        }
        let mut fit = Self {
            weights: [0.0; SIGNALS],
            bias: 0.0,
        };
        for _ in 0..2000 {
            let mut slope = [0.0; SIGNALS];
            let mut bias_slope = 0.0;
            for (row, (_, right)) in rows.iter().zip(seen) {
                let scaled = std::array::from_fn(|at| (row[at] - mean[at]) / spread[at]);
                let error = (fit.score(&scaled) - f64::from(u8::from(*right))) / count;
                for at in 0..SIGNALS {
                    slope[at] += error * scaled[at];
                }
                bias_slope += error;
            }
            for at in 0..SIGNALS {
                fit.weights[at] -= slope[at] + 1e-3 * fit.weights[at];
            }
            fit.bias -= bias_slope;
        }
        for at in 0..SIGNALS {
            fit.weights[at] /= spread[at];
            fit.bias -= fit.weights[at] * mean[at];
        }
        fit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_separates_clear_answers_from_doubtful_ones() {
        let seen: Vec<(Signals, bool)> = (0..200)
            .map(|at| {
                let right = at % 2 == 0;
                let total = if right { -0.1 } else { -4.0 } - (at % 7) as f32 * 0.1;
                (
                    Signals {
                        total,
                        mean: total / 5.0,
                        ..Signals::default()
                    },
                    right,
                )
            })
            .collect();
        let fit = Calibration::fit(&seen);
        let sure = Signals {
            total: -0.2,
            mean: -0.04,
            ..Signals::default()
        };
        let doubtful = Signals {
            total: -4.3,
            mean: -0.86,
            ..Signals::default()
        };
        assert!(fit.confidence(&sure) > 0.9);
        assert!(fit.confidence(&doubtful) < 0.1);
    }
}
