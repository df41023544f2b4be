//! What the model says to a question.

use crate::{
    grammar::Step,
    net::{
        confidence::{Calibration, Signals},
        ranking::Ranking,
    },
    query::Query,
};

/// A query the model proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The query.
    pub query: Query,
    /// What candidates are ranked by: by the fitted [`Ranking`], else the log-probability, lenient to length.
    pub score: f32,
    /// What the search saw of it; `mean` and `gap` are known of the first alone.
    pub signals: Signals,
    /// The steps it was read from.
    pub steps: Vec<Step>,
}

/// What the model has to say to a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Different queries, best first; empty when none was completed.
    pub candidates: Vec<Candidate>,
    /// What the confidence is made from.
    pub signals: Signals,
    /// Likelihood that the first candidate is right, 0 to 1.
    pub confidence: f32,
}

impl Answer {
    /// Ranks candidates and says how far the first is to be trusted.
    pub fn ranked(
        mut candidates: Vec<Candidate>,
        ranking: Option<&Ranking>,
        calibration: &Calibration,
    ) -> Self {
        if let Some(ranking) = ranking {
            for candidate in &mut candidates {
                candidate.score = ranking.score(&candidate.signals);
            }
            candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        let signals = candidates.first().map_or(
            Signals {
                total: -20.0,
                mean: -5.0,
                weakest: -10.0,
                ..Signals::default()
            },
            |first| Signals {
                mean: first.signals.total / first.signals.choices.max(1.0),
                gap: candidates
                    .get(1)
                    .map_or(10.0, |second| first.score - second.score),
                ..first.signals
            },
        );
        let confidence = if candidates.is_empty() {
            0.0
        } else {
            calibration.confidence(&signals)
        };
        Self {
            candidates,
            signals,
            confidence,
        }
    }
}
