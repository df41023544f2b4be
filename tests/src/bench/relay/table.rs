//! The figures, and what they are held against.

use super::{limit::Limit, place::Form};
use crate::bench::{http::load::Figures, rounds::Budget, say};

/// Requests at a time of the budgets that name a number of them.
pub(super) const SIXTEEN: usize = 16;
/// Least share of the upstream's own rate.
const SHARE: f64 = 0.5;
/// Most that is added to an answer's beginning at half load, milliseconds.
const ADDED_P50: f64 = 0.15;
const ADDED_P99: f64 = 1.0;
/// Most processor time of a request whose answer is not streamed, microseconds.
const CPU: f64 = 100.0;

/// One form of answer at one number of requests at a time.
pub(super) struct Row {
    pub(super) direct: Figures,
    /// The least that anything between can cost.
    pub(super) limits: Vec<(Limit, Between)>,
    pub(super) ours: Between,
}

/// What was measured of one that stands between.
pub(super) struct Between {
    pub(super) figures: Figures,
    pub(super) added: Added,
}

/// What it adds at half of our server's rate, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Added {
    pub(super) first_p50: f64,
    pub(super) first_p99: f64,
    pub(super) whole_p50: f64,
}

/// The columns.
pub(super) fn head() {
    say(&format!(
        "{:<8} {:>7} {:<9} {:>9} {:>6} {:>8} {:>8} {:>8} {:>11} {:>11} {:>11}",
        "form",
        "at once",
        "through",
        "per s",
        "share",
        "p50 ms",
        "p99 ms",
        "cpu µs",
        "+first p50",
        "+first p99",
        "+whole p50"
    ));
}

/// Prints a row: the upstream itself, the limits, and ours.
pub(super) fn tell(form: Form, at_once: usize, row: &Row) {
    let line = |through: &str, figures: &Figures| {
        format!(
            "{form:<8} {at_once:>7} {through:<9} {:>9.0} {:>6.2} {:>8.2} {:>8.2} {:>8.0}",
            figures.per_second,
            figures.per_second / row.direct.per_second,
            figures.p50_ms,
            figures.p99_ms,
            figures.cpu_us,
        )
    };
    say(&line("nothing", &row.direct));
    let limits = row.limits.iter();
    let limits = limits.map(|(limit, between)| (limit.to_string(), between));
    for (through, Between { figures, added }) in limits.chain([("tidegate".to_owned(), &row.ours)])
    {
        say(&format!(
            "{} {:>11.3} {:>11.3} {:>11.3}",
            line(&through, figures),
            added.first_p50,
            added.first_p99,
            added.whole_p50
        ));
    }
}

/// Holds a row against its budgets.
pub(super) fn hold(budget: &mut Budget, form: Form, at_once: usize, row: &Row) {
    let of = |what: &str| format!("{form}, {at_once} at a time: {what}");
    let share = row.ours.figures.per_second / row.direct.per_second;
    budget.at_least(&of("share of the upstream's rate"), Some(share), SHARE);
    budget.at_most(
        &of("ms added to the median beginning at half load"),
        Some(row.ours.added.first_p50),
        ADDED_P50,
    );
    budget.at_most(
        &of("ms added to the 99th percentile of beginnings at half load"),
        Some(row.ours.added.first_p99),
        ADDED_P99,
    );
    if form == Form::Whole && at_once == SIXTEEN {
        let what = of("processor time of a request, µs");
        budget.at_most(&what, Some(row.ours.figures.cpu_us), CPU);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_budget_of_a_row_is_held() {
        let figures = |per_second, cpu_us| Figures {
            per_second,
            p50_ms: 1.0,
            p99_ms: 1.0,
            cpu_us,
        };
        let added = |first_p50, first_p99| Added {
            first_p50,
            first_p99,
            whole_p50: 0.0,
        };
        let mut budget = Budget::default();
        let good = Row {
            direct: figures(100.0, 0.0),
            limits: Vec::new(),
            ours: Between {
                figures: figures(50.0, 100.0),
                added: added(0.1, 1.0),
            },
        };
        hold(&mut budget, Form::Whole, SIXTEEN, &good);
        assert!(budget.missed().is_empty(), "{:?}", budget.missed());
        let bad = Row {
            direct: figures(100.0, 0.0),
            limits: Vec::new(),
            ours: Between {
                figures: figures(49.0, 101.0),
                added: added(0.2, 1.1),
            },
        };
        hold(&mut budget, Form::Whole, SIXTEEN, &bad);
        assert_eq!(budget.missed().len(), 4);
    }
}
