//! Measuring a finished model the way it is asked: one question at a time, by beam search.

mod fit;
mod pack;
mod sample;

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc, time::Instant};

use super::{
    course::Course,
    evaluate::{Held, Tally, hold},
    prepare::Workshop,
};
use crate::{
    net::{NetError, PreparedSchema, SqlModel, tokens::Tokens},
    render::{Dialect, render},
};

pub use fit::{Fit, calibrate, with_fit};
pub use pack::pack;
pub use sample::{Sample, sample};

/// Confidences below which a model might be told not to answer.
const FLOORS: [f32; 5] = [0.2, 0.3, 0.4, 0.5, 0.6];

/// What a model answered to one question.
#[derive(Debug, Clone)]
struct Seen {
    split: String,
    kind: String,
    text: String,
    expected: String,
    given: String,
    right: bool,
    among: bool,
    confidence: f32,
}

/// How a model did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    seen: Vec<Seen>,
    refused: Vec<String>,
    milliseconds: Vec<f64>,
}

impl Report {
    fn tally<'s>(
        &'s self,
        name: impl Fn(&'s Seen) -> &'s str,
        count: impl Fn(&Seen) -> Option<bool>,
    ) -> BTreeMap<&'s str, Tally> {
        let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
        for one in &self.seen {
            let tally = tallies.entry(name(one)).or_default();
            if let Some(right) = count(one) {
                tally.asked += 1;
                tally.right += usize::from(right);
            }
        }
        tallies
    }

    /// Up to `count` wrong answers of every set, in words.
    pub fn wrong(&self, count: usize) -> Vec<String> {
        let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
        let mut lines: Vec<String> = Vec::new();
        for one in self.seen.iter().filter(|one| !one.right) {
            let shown = shown.entry(&one.split).or_default();
            if *shown < count {
                *shown += 1;
                lines.push(format!(
                    "[{}] {} ({:.2})\n  expected {}\n  given    {}",
                    one.split, one.text, one.confidence, one.expected, one.given
                ));
            }
        }
        lines.extend(
            self.refused
                .iter()
                .take(count)
                .map(|line| format!("[refused] {line}")),
        );
        lines
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right = self.tally(|one| &one.split, |one| Some(one.right));
        let among = self.tally(|one| &one.split, |one| Some(one.among));
        let sure = self.tally(
            |one| &one.split,
            |one| (one.confidence >= 0.5).then_some(one.right),
        );
        writeln!(
            out,
            "{:24} {:>6} {:>7} {:>10} {:>9} {:>12}",
            "set", "asked", "right", "among beam", "answered", "right of them"
        )?;
        for (split, tally) in &right {
            let (among, sure) = (among[split], sure[split]);
            writeln!(
                out,
                "{split:24} {:6} {:7.3} {:10.3} {:9.3} {:12.3}",
                tally.asked,
                tally.share(),
                among.share(),
                sure.asked as f64 / tally.asked.max(1) as f64,
                sure.share()
            )?;
        }
        for floor in FLOORS {
            let mut answered = Tally::default();
            for one in self.seen.iter().filter(|one| one.confidence >= floor) {
                answered.asked += 1;
                answered.right += usize::from(one.right);
            }
            writeln!(
                out,
                "  answered at {floor:.1}        {:6.3} {:7.3}",
                answered.asked as f64 / self.seen.len().max(1) as f64,
                answered.share()
            )?;
        }
        for (kind, tally) in self.tally(|one| &one.kind, |one| Some(one.right)) {
            writeln!(out, "  {kind:22} {:6} {:7.3}", tally.asked, tally.share())?;
        }
        let mut times = self.milliseconds.clone();
        times.sort_by(f64::total_cmp);
        if let (Some(middle), Some(last)) = (times.get(times.len() / 2), times.last()) {
            writeln!(
                out,
                "milliseconds per question: median {middle:.1}, longest {last:.1}"
            )?;
        }
        write!(
            out,
            "{} questions set aside could not be used",
            self.refused.len()
        )
    }
}

/// Prepared schemas, by address; the questions keep their schemas alive.
struct Schemas<'m> {
    model: &'m SqlModel,
    known: BTreeMap<usize, PreparedSchema>,
}

impl Schemas<'_> {
    fn of(&mut self, one: &Held) -> Result<&PreparedSchema, NetError> {
        let address = Arc::as_ptr(&one.task.schema) as usize;
        if !self.known.contains_key(&address) {
            let prepared = self.model.prepare(&one.task.schema)?;
            self.known.insert(address, prepared);
        }
        self.known
            .get(&address)
            .ok_or_else(|| NetError::TooLarge("no schema".to_owned()))
    }
}

/// Asks everything that is set aside.
pub fn examine(
    model: &SqlModel,
    encoder: &Path,
    course: &Course,
    beam: usize,
) -> Result<Report, NetError> {
    let mut workshop = Workshop::new(Arc::new(Tokens::load(encoder)?));
    let (held, refused) = hold(&mut workshop, course.held_out());
    let mut schemas = Schemas {
        model,
        known: BTreeMap::new(),
    };
    let mut report = Report {
        refused: refused
            .into_iter()
            .map(|(split, task, reason)| format!("{split}: {}: {reason}", task.question.text))
            .collect(),
        ..Report::default()
    };
    for one in &held {
        let prepared = schemas.of(one)?;
        let started = Instant::now();
        let answer = model.ask(prepared, &one.task.question, beam)?;
        report
            .milliseconds
            .push(1000.0 * started.elapsed().as_secs_f64());
        let sql = |query| {
            render(query, &one.task.schema, Dialect::Sqlite).unwrap_or_else(|e| e.to_string())
        };
        report.seen.push(Seen {
            split: one.split.clone(),
            kind: one.task.kind.clone(),
            text: one.task.question.text.clone(),
            expected: sql(&one.expected),
            given: answer
                .candidates
                .first()
                .map_or_else(String::new, |first| sql(&first.query)),
            right: answer
                .candidates
                .first()
                .is_some_and(|first| first.query == one.expected),
            among: answer
                .candidates
                .iter()
                .any(|candidate| candidate.query == one.expected),
            confidence: answer.confidence,
        });
    }
    Ok(report)
}
