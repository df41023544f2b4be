//! How likely the model finds its tokens.

/// The natural logarithms of the shares that a model's own scores give its tokens.
#[derive(Debug, Default)]
pub(in crate::workers::torch) struct Likelihoods {
    /// A copy: what chooses among the scores changes them.
    scores: Vec<f32>,
    /// The logarithm of what the scores are shares of.
    whole: f32,
    /// Scratch.
    best: Vec<(u32, f32)>,
}

impl Likelihoods {
    /// Looks at scores before anything is done to them.
    pub(in crate::workers::torch) fn look(&mut self, scores: &[f32]) {
        self.scores.clear();
        self.scores.extend_from_slice(scores);
        let mut highest = f32::NEG_INFINITY;
        for &score in scores {
            highest = highest.max(score);
        }
        let mut sum = 0.0_f64;
        for &score in scores {
            sum += f64::from((score - highest).exp());
        }
        self.whole = highest + sum.ln() as f32;
    }

    /// The logarithm of a token's share; minus infinity for one that has no score.
    pub(in crate::workers::torch) fn of(&self, token: u32) -> f32 {
        self.scores
            .get(token as usize)
            .map_or(f32::NEG_INFINITY, |score| score - self.whole)
    }

    /// The likeliest tokens, best first; of equals the first.
    pub(in crate::workers::torch) fn top(&mut self, count: usize) -> &[(u32, f32)] {
        self.best.clear();
        if count == 0 {
            return &self.best;
        }
        let by_score = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        // Room for more than are wanted, so that they are sorted out rarely.
        let room = (2 * count).max(64);
        let mut floor = f32::NEG_INFINITY;
        for (token, &score) in (0_u32..).zip(&self.scores) {
            if score > floor {
                self.best.push((token, score));
                if self.best.len() == room {
                    self.best.select_nth_unstable_by(count - 1, by_score);
                    self.best.truncate(count);
                    floor = self.best[count - 1].1;
                }
            }
        }
        self.best.sort_unstable_by(by_score);
        self.best.truncate(count);
        for (_, score) in &mut self.best {
            *score -= self.whole;
        }
        &self.best
    }
}
