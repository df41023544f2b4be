//! Which of the queries found is offered first: a linear score over what the search saw of each, fitted on
//! questions set aside.
//!
//! The decoder's probability alone forgets conditions: leaving one out makes a shorter, likelier sequence. The
//! network's own opinion of which items belong in the query is a second witness, and this weighs the two.

use serde::{Deserialize, Serialize};

use super::{batch::Outline, confidence::Signals};
use crate::{
    grammar::{ACTIONS, Step},
    query::Value,
    question::Question,
};

/// Numbers per candidate.
pub const MARKS: usize = 8;
/// No single item says more than this for or against a candidate, in log-probability.
const SAY: f32 = 4.0;

/// Weights of a candidate's marks. Stored with the network's weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Per mark.
    pub weights: [f64; MARKS],
}

fn marks(signals: &Signals) -> [f64; MARKS] {
    [
        f64::from(signals.total.max(-30.0)),
        f64::from(signals.choices),
        f64::from(signals.weakest.max(-10.0)),
        f64::from(signals.missed_value),
        f64::from(signals.missed_item),
        f64::from(signals.doubtful_item),
        f64::from(signals.unused_literals.min(3.0)),
        f64::from(signals.agreement.max(-40.0)),
    ]
}

impl Ranking {
    /// A candidate's score; differences are log-odds.
    pub fn score(&self, signals: &Signals) -> f32 {
        let sum: f64 = marks(signals)
            .iter()
            .zip(&self.weights)
            .map(|(mark, weight)| mark * weight)
            .sum();
        sum as f32
    }

    /// Fits by gradient ascent on the likelihood that the right candidate comes first (a conditional logit);
    /// questions without a right candidate among several say nothing. Starts at the decoder's probability
    /// alone and is held near it by a little ridge.
    pub fn fit(questions: &[Vec<(Signals, bool)>]) -> Self {
        let mut start = [0.0; MARKS];
        start[0] = 1.0;
        let questions: Vec<(Vec<[f64; MARKS]>, usize)> = questions
            .iter()
            .filter(|candidates| candidates.len() > 1)
            .filter_map(|candidates| {
                let right = candidates.iter().position(|(_, right)| *right)?;
                Some((
                    candidates.iter().map(|(seen, _)| marks(seen)).collect(),
                    right,
                ))
            })
            .collect();
        let spread = spread(&questions);
        // In units of each mark's spread, so that one rate suits all.
        let begin: [f64; MARKS] = std::array::from_fn(|at| start[at] * spread[at]);
        let mut weights = begin;
        let count = questions.len().max(1) as f64;
        for _ in 0..4000 {
            let mut slope = [0.0; MARKS];
            for (candidates, right) in &questions {
                let scores: Vec<f64> = candidates
                    .iter()
                    .map(|marks| {
                        (0..MARKS)
                            .map(|at| weights[at] * marks[at] / spread[at])
                            .sum()
                    })
                    .collect();
                let highest = scores.iter().copied().fold(f64::MIN, f64::max);
                let odds: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
                let whole: f64 = odds.iter().sum();
                for (one, (marks, odds)) in candidates.iter().zip(&odds).enumerate() {
                    let surprise = f64::from(u8::from(one == *right)) - odds / whole;
                    for at in 0..MARKS {
                        slope[at] += surprise * marks[at] / spread[at] / count;
                    }
                }
            }
            for at in 0..MARKS {
                weights[at] += 0.3 * (slope[at] - 3e-3 * (weights[at] - begin[at]));
            }
        }
        Self {
            weights: std::array::from_fn(|at| weights[at] / spread[at]),
        }
    }
}

/// How far apart the candidates of one question lie in each mark, over all questions.
fn spread(questions: &[(Vec<[f64; MARKS]>, usize)]) -> [f64; MARKS] {
    let (mut squares, mut count) = ([0.0; MARKS], 0.0_f64);
    for (candidates, _) in questions {
        let size = candidates.len() as f64;
        for at in 0..MARKS {
            let mean: f64 = candidates.iter().map(|marks| marks[at]).sum::<f64>() / size;
            squares[at] += candidates
                .iter()
                .map(|marks| (marks[at] - mean).powi(2))
                .sum::<f64>();
        }
        count += size;
    }
    std::array::from_fn(|at| (squares[at] / count.max(1.0)).sqrt().max(1e-3))
}

/// What a query leaves out, what it uses against the odds, and how well it fits the network's opinion of which
/// items belong in it (`usage`: one likelihood per item).
pub(super) fn coverage(
    steps: &[Step],
    question: &Question,
    outline: &Outline,
    usage: &[f32],
) -> Signals {
    let mut used = vec![false; outline.items()];
    let mut words = vec![false; outline.words];
    let mut doubtful = 1.0_f32;
    for &step in steps {
        let output = outline.output(step);
        if output < ACTIONS {
            continue;
        }
        used[output - ACTIONS] = true;
        doubtful = doubtful.min(usage[output - ACTIONS]);
        if let Step::Value(at) = step {
            words[question.candidates[at].words.clone()].fill(true);
        }
    }
    let (mut missed_value, mut missed_item) = (0.0_f32, 0.0_f32);
    let (mut unused, mut agreement) = (0.0, 0.0_f32);
    for at in outline.words..outline.items() {
        if used[at] {
            agreement += usage[at].ln().max(-SAY);
            continue;
        }
        if at < outline.words + outline.candidates {
            let candidate = &question.candidates[at - outline.words];
            // Another reading of the same words was taken.
            if words[candidate.words.clone()].contains(&true) {
                continue;
            }
            missed_value = missed_value.max(usage[at]);
            let certain = match candidate.value {
                Value::Text(_) => candidate.quoted || !candidate.matches.is_empty(),
                Value::Number(_) | Value::Dates { .. } => true,
            };
            unused += f32::from(u8::from(certain));
        } else {
            missed_item = missed_item.max(usage[at]);
        }
        agreement += (-usage[at]).ln_1p().max(-SAY);
    }
    Signals {
        missed_value,
        missed_item,
        doubtful_item: doubtful,
        unused_literals: unused,
        agreement,
        ..Signals::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_witness_overrules_a_narrow_lead_once_fitted() {
        let seen = |total: f32, agreement: f32| Signals {
            total,
            agreement,
            ..Signals::default()
        };
        // The right query is a little less likely to the decoder, and fits the items far better.
        let questions: Vec<Vec<(Signals, bool)>> = (0..60)
            .map(|at| {
                let shift = (at % 5) as f32 * 0.1;
                vec![
                    (seen(-1.0 - shift, -5.0), false),
                    (seen(-1.4, -1.0 - shift), true),
                    (seen(-6.0, -1.2), false),
                ]
            })
            .collect();
        let ranking = Ranking::fit(&questions);
        for candidates in &questions {
            let best = candidates
                .iter()
                .max_by(|a, b| ranking.score(&a.0).total_cmp(&ranking.score(&b.0)))
                .expect("three");
            assert!(best.1, "{ranking:?}");
        }
    }

    #[test]
    fn without_questions_the_decoder_decides() {
        let ranking = Ranking::fit(&[]);
        let seen = |total: f32| Signals {
            total,
            ..Signals::default()
        };
        assert!(ranking.score(&seen(-1.0)) > ranking.score(&seen(-2.0)));
    }
}
