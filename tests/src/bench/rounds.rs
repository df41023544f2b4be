//! Times of several rounds, and how they are told: the best, because whatever else the machine does only makes a round
//! slower, and the median, which says how much it did.

use std::time::Duration;

/// Between two measurements: threads of the one before that wait in a loop have gone to sleep by then.
pub(super) const REST: Duration = Duration::from_millis(300);

/// Measurements of one thing, each in units a second.
#[derive(Debug, Clone, Default)]
pub(super) struct Rates(Vec<f64>);

impl Rates {
    /// Adds one: so many units in so many seconds.
    pub(super) fn add(&mut self, units: f64, seconds: f64) {
        self.0.push(units / seconds.max(1e-9));
    }

    /// The highest; none without a measurement.
    pub(super) fn best(&self) -> Option<f64> {
        self.0.iter().copied().max_by(f64::total_cmp)
    }

    /// The one in the middle.
    pub(super) fn median(&self) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }

    /// `best (median)`, or a dash.
    pub(super) fn shown(&self) -> String {
        match (self.best(), self.median()) {
            (Some(best), Some(median)) => format!("{} ({})", figure(best), figure(median)),
            _ => "–".to_owned(),
        }
    }

    /// How many times as fast this is as another, by the best of each.
    pub(super) fn ratio(&self, other: &Self) -> Option<f64> {
        Some(self.best()? / other.best()?)
    }

    /// The same by the medians.
    pub(super) fn median_ratio(&self, other: &Self) -> Option<f64> {
        Some(self.median()? / other.median()?)
    }
}

/// `ratio (ratio of the medians)`, or a dash.
pub(super) fn ratios(ours: &Rates, other: &Rates) -> String {
    match (ours.ratio(other), ours.median_ratio(other)) {
        (Some(best), Some(median)) => format!("{best:.2} ({median:.2})"),
        _ => "–".to_owned(),
    }
}

fn figure(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// What must be reached, and what is missed so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    missed: Vec<String>,
}

impl Budget {
    /// Holds a ratio against the least it may be. A ratio that could not be measured is a miss: nothing is taken for
    /// granted.
    pub(super) fn at_least(&mut self, what: &str, ratio: Option<f64>, least: f64) {
        match ratio {
            Some(ratio) if ratio >= least => {}
            Some(ratio) => self
                .missed
                .push(format!("{what}: {ratio:.2}, less than {least}")),
            None => self.missed.push(format!("{what}: not measured")),
        }
    }

    /// Holds a ratio against the most it may be.
    pub(super) fn at_most(&mut self, what: &str, ratio: Option<f64>, most: f64) {
        match ratio {
            Some(ratio) if ratio <= most => {}
            Some(ratio) => self
                .missed
                .push(format!("{what}: {ratio:.3}, more than {most}")),
            None => self.missed.push(format!("{what}: not measured")),
        }
    }

    /// What was missed, line by line; empty when all was reached.
    pub(super) fn missed(&self) -> &[String] {
        &self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(seconds: &[f64]) -> Rates {
        let mut rates = Rates::default();
        for &second in seconds {
            rates.add(10.0, second);
        }
        rates
    }

    #[test]
    fn the_best_and_the_median_are_told_apart() {
        let (fast, slow) = (rates(&[1.0, 2.0, 0.5]), rates(&[4.0, 1.0, 2.0]));
        assert_eq!(fast.shown(), "20.0 (10.0)");
        assert_eq!(ratios(&fast, &slow), "2.00 (2.00)");
        assert_eq!(Rates::default().shown(), "–");
        assert_eq!(ratios(&fast, &Rates::default()), "–");
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        let mut budget = Budget::default();
        budget.at_least("a", Some(1.0), 1.0);
        budget.at_most("b", Some(0.1), 0.1);
        assert!(budget.missed().is_empty());
        budget.at_least("c", Some(0.99), 1.0);
        budget.at_most("d", Some(0.2), 0.1);
        budget.at_least("e", None, 1.0);
        assert_eq!(budget.missed().len(), 3);
        assert_eq!(budget.missed()[2], "e: not measured");
    }
}
