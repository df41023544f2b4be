//! The figures, and what they are held against.

use std::{collections::BTreeMap, time::Duration};

use super::{Format, Task};
use crate::bench::{
    rounds::{Budget, Rates, ratios},
    say,
};

/// The engine to beat.
pub(super) const LLAMA: &str = "llama.cpp";
/// What the numbers are compared with.
pub(super) const TRANSFORMERS: &str = "transformers";

/// Least share of llama.cpp's speed: one sequence, sixteen, a prompt.
const ONE: f64 = 1.0;
const SIXTEEN: f64 = 1.15;
const PREFILL: f64 = 1.2;
/// Most of the cold time that a known beginning may take.
const KNOWN: f64 = 0.1;

/// Whose figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Ours,
    Peer(&'static str),
}

/// Everything measured.
#[derive(Debug, Default)]
pub(super) struct Figures {
    rates: BTreeMap<(Format, Task, Who), Rates>,
    cold: BTreeMap<Format, Vec<f64>>,
    warm: BTreeMap<Format, Vec<f64>>,
}

impl Figures {
    /// Adds a measurement: so many tokens in so many seconds.
    pub(super) fn add(
        &mut self,
        format: Format,
        task: Task,
        who: Who,
        tokens: usize,
        seconds: f64,
    ) {
        let rates = self.rates.entry((format, task, who)).or_default();
        rates.add(tokens as f64, seconds);
    }

    /// Adds the times to the first token behind a beginning, unknown and known.
    pub(super) fn add_prefix(&mut self, format: Format, cold: Duration, warm: Duration) {
        self.cold
            .entry(format)
            .or_default()
            .push(cold.as_secs_f64());
        self.warm
            .entry(format)
            .or_default()
            .push(warm.as_secs_f64());
    }

    fn of(&self, format: Format, task: Task, who: Who) -> Rates {
        self.rates
            .get(&(format, task, who))
            .cloned()
            .unwrap_or_default()
    }

    /// Prints the table and gives what is missed of the budgets.
    pub(super) fn report(
        &self,
        formats: &[Format],
        batches: &[usize],
        with_llama: bool,
    ) -> Vec<String> {
        let mut budget = Budget::default();
        for &format in formats {
            say(&format!(
                "{:<18} {:>16} {:>16} {:>16} {:>18} {:>18}",
                format!("{} tokens/s", format.name()),
                "ours",
                LLAMA,
                TRANSFORMERS,
                "of llama.cpp",
                "of transformers"
            ));
            let tasks = batches.iter().map(|&batch| Task::Decode(batch));
            for task in std::iter::once(Task::Prefill).chain(tasks) {
                let [ours, llama, transformers] =
                    [Who::Ours, Who::Peer(LLAMA), Who::Peer(TRANSFORMERS)]
                        .map(|who| self.of(format, task, who));
                let name = match task {
                    Task::Prefill => format!("  prompt of {}", super::PROMPT),
                    Task::Decode(batch) => format!("  {batch} at once"),
                };
                say(&format!(
                    "{name:<18} {:>16} {:>16} {:>16} {:>18} {:>18}",
                    ours.shown(),
                    llama.shown(),
                    transformers.shown(),
                    ratios(&ours, &llama),
                    ratios(&ours, &transformers)
                ));
                let least = match task {
                    Task::Prefill => Some(PREFILL),
                    Task::Decode(1) => Some(ONE),
                    Task::Decode(16) => Some(SIXTEEN),
                    Task::Decode(_) => None,
                };
                if let Some(least) = least.filter(|_| with_llama) {
                    let what = format!("{},{name} against {LLAMA}", format.name());
                    budget.at_least(&what, ours.ratio(&llama), least);
                }
            }
            self.prefix(format, &mut budget);
            say("");
        }
        budget.missed().to_vec()
    }

    fn prefix(&self, format: Format, budget: &mut Budget) {
        let middle = |times: &BTreeMap<Format, Vec<f64>>| {
            let mut sorted = times.get(&format).cloned().unwrap_or_default();
            sorted.sort_by(f64::total_cmp);
            sorted.get(sorted.len() / 2).copied()
        };
        let (cold, warm) = (middle(&self.cold), middle(&self.warm));
        let ratio = warm.zip(cold).map(|(warm, cold)| warm / cold);
        if let Some(((cold, warm), ratio)) = cold.zip(warm).zip(ratio) {
            say(&format!(
                "  first token behind {} tokens: {:.0} ms unknown, {:.0} ms known, {ratio:.3} of it (medians)",
                super::PREFIX,
                cold * 1000.0,
                warm * 1000.0
            ));
        }
        let what = format!("{}, a known beginning", format.name());
        budget.at_most(&what, ratio, KNOWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_peer_is_a_missed_budget_and_a_slow_one_is_not() {
        let mut figures = Figures::default();
        let bf16 = Format::Bf16;
        for (task, ours, llama) in [
            (Task::Prefill, 0.5, 1.0),
            (Task::Decode(1), 1.0, 1.0),
            (Task::Decode(16), 1.0, 1.1),
        ] {
            figures.add(bf16, task, Who::Ours, 256, ours);
            figures.add(bf16, task, Who::Peer(LLAMA), 256, llama);
        }
        figures.add_prefix(bf16, Duration::from_secs(1), Duration::from_millis(50));
        let missed = figures.report(&[bf16], &[1, 16], true);
        assert_eq!(missed.len(), 1, "{missed:?}");
        assert!(missed[0].starts_with("bf16,  16 at once"), "{missed:?}");
        let int8 = figures.report(&[Format::Int8], &[1], true);
        assert_eq!(int8.len(), 3, "{int8:?}");
        let alone = figures.report(&[bf16], &[1, 16], false);
        assert!(alone.is_empty(), "{alone:?}");
    }
}
