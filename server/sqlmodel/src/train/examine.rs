//! Measuring a finished model the way it is asked: one question at a time, by beam search.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc, time::Instant};

use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{
    course::Course,
    evaluate::{Held, Tally, hold},
    prepare::Workshop,
};
use crate::{
    grammar::decode,
    net::{
        Answer, Calibration, Candidate, NetError, PreparedSchema, Ranking, SqlModel,
        confidence::Signals, tokens::Tokens, weights,
    },
    query::Query,
    question::Question,
    render::{Dialect, render},
};

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

/// What is fitted to finished weights and stored with them.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Which candidate comes first.
    pub ranking: Ranking,
    /// How far it is to be trusted.
    pub calibration: Calibration,
}

/// Fits the ranking on candidates for questions set aside; then the confidence, on right and wrong answers to the
/// same questions and on questions asked over a schema of something else, where every answer is wrong.
pub fn calibrate(
    encoder: &Path,
    bytes: &[u8],
    course: &Course,
    beam: usize,
) -> Result<Fit, NetError> {
    let model = SqlModel::load(encoder, bytes)?.unranked();
    let mut workshop = Workshop::new(Arc::new(Tokens::load(encoder)?));
    let (held, _) = hold(&mut workshop, course.held_out());
    let mut schemas = Schemas {
        model: &model,
        known: BTreeMap::new(),
    };
    let mut asked: Vec<(Vec<Candidate>, Option<&Query>)> = Vec::new();
    for (at, one) in held.iter().enumerate() {
        let answer = model.ask(schemas.of(one)?, &one.task.question, beam)?;
        asked.push((answer.candidates, Some(&one.expected)));
        let other = &held[(at + held.len() / 2) % held.len()];
        if at % 4 == 0 && other.task.domain != one.task.domain {
            let (text, today) = (&one.task.question.text, one.task.today);
            let strange = Question::read(text, &other.task.schema, today);
            let answer = model.ask(schemas.of(other)?, &strange, beam)?;
            asked.push((answer.candidates, None));
        }
    }
    let questions: Vec<Vec<(Signals, bool)>> = asked
        .iter()
        .map(|(candidates, right)| {
            let is_right = |one: &Candidate| right.is_some_and(|right| one.query == *right);
            candidates
                .iter()
                .map(|one| (one.signals, is_right(one)))
                .collect()
        })
        .collect();
    let ranking = Ranking::fit(&questions);
    let seen: Vec<(Signals, bool)> = asked
        .into_iter()
        .map(|(candidates, right)| {
            let answer = Answer::ranked(candidates, Some(&ranking), &Calibration::default());
            let first = answer.candidates.first();
            let is_right = first.is_some_and(|first| Some(&first.query) == right);
            (answer.signals, is_right)
        })
        .collect();
    Ok(Fit {
        ranking,
        calibration: Calibration::fit(&seen),
    })
}

/// What drawn examples look like.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Questions with their SQL.
    pub shown: Vec<String>,
    drawing: f64,
    preparing: f64,
    items: Vec<usize>,
    pieces: Vec<usize>,
    steps: Vec<usize>,
    texts: Vec<usize>,
    refused: BTreeMap<String, usize>,
}

impl fmt::Display for Sample {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.shown.len().max(1) as f64;
        writeln!(
            out,
            "milliseconds per example: drawing {:.3}, preparing {:.3}",
            1000.0 * self.drawing / count,
            1000.0 * self.preparing / count
        )?;
        for (name, sizes) in [
            ("items", &self.items),
            ("word pieces", &self.pieces),
            ("steps", &self.steps),
            ("schema texts", &self.texts),
        ] {
            let mut sizes = sizes.clone();
            sizes.sort_unstable();
            let at = |share: f64| {
                sizes
                    .get(((sizes.len() as f64 * share) as usize).min(sizes.len().saturating_sub(1)))
            };
            writeln!(
                out,
                "{name}: half up to {:?}, 95 % up to {:?}, most {:?}",
                at(0.5),
                at(0.95),
                at(1.0)
            )?;
        }
        write!(out, "refused: {:?}", self.refused)
    }
}

/// Draws and prepares `count` examples on one thread.
pub fn sample(
    encoder: &Path,
    course: &Course,
    seed: u64,
    count: usize,
) -> Result<Sample, NetError> {
    let mut workshop = Workshop::new(Arc::new(Tokens::load(encoder)?));
    let mut sample = Sample::default();
    let Some(mut draw) = course.sources(1, seed).pop() else {
        return Ok(sample);
    };
    for _ in 0..count {
        let started = Instant::now();
        let Some(task) = draw() else { break };
        sample.drawing += started.elapsed().as_secs_f64();
        let started = Instant::now();
        let instance = workshop.instance(&task);
        sample.preparing += started.elapsed().as_secs_f64();
        let sql = decode(&task.steps, &task.schema, &task.question)
            .map_err(|error| error.to_string())
            .and_then(|query| {
                render(&query, &task.schema, Dialect::Sqlite).map_err(|error| error.to_string())
            })
            .unwrap_or_else(|reason| reason);
        sample
            .shown
            .push(format!("[{}] {}\n  {sql}", task.kind, task.question.text));
        match instance {
            Ok(instance) => {
                sample.items.push(instance.features.items());
                sample.pieces.push(instance.question.ids.len());
                sample.steps.push(instance.lesson.targets.len());
                sample.texts.push(instance.schema.texts.len());
            }
            Err(reason) => *sample.refused.entry(reason).or_default() += 1,
        }
    }
    Ok(sample)
}

/// The same weights with another fit.
pub fn with_fit(bytes: &[u8], fit: &Fit) -> Result<Vec<u8>, NetError> {
    let refuse = |error: String| NetError::Weights(error);
    let file = SafeTensors::deserialize(bytes).map_err(|error| refuse(error.to_string()))?;
    let mut about = weights::metadata(bytes)?;
    let text = |error: serde_json::Error| refuse(error.to_string());
    about.insert(
        "calibration".to_owned(),
        serde_json::to_string(&fit.calibration).map_err(text)?,
    );
    about.insert(
        "ranking".to_owned(),
        serde_json::to_string(&fit.ranking).map_err(text)?,
    );
    safetensors::serialize(file.tensors(), Some(about)).map_err(|error| refuse(error.to_string()))
}

/// Copies an encoder's folder, its weights in half precision.
pub fn pack(encoder: &Path, out: &Path) -> Result<(), NetError> {
    let fail = |path: &Path, reason: String| NetError::Encoder {
        path: path.to_owned(),
        reason,
    };
    std::fs::create_dir_all(out).map_err(|error| fail(out, error.to_string()))?;
    for name in ["config.json", "tokenizer.json"] {
        let from = encoder.join(name);
        std::fs::copy(&from, out.join(name)).map_err(|error| fail(&from, error.to_string()))?;
    }
    let from = encoder.join("model.safetensors");
    let bytes = std::fs::read(&from).map_err(|error| fail(&from, error.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| fail(&from, e.to_string()))?;
    let mut halves: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, view) in file.tensors() {
        // Positions are counted, and the pooler is not used.
        if view.dtype() != Dtype::F32 || name.starts_with("pooler") {
            continue;
        }
        let data = view.data().chunks_exact(4).flat_map(|raw| {
            let value = f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
            f16::from_f32(value).to_le_bytes()
        });
        halves.push((name, view.shape().to_vec(), data.collect()));
    }
    let mut views = Vec::with_capacity(halves.len());
    for (name, shape, data) in &halves {
        let view = TensorView::new(Dtype::F16, shape.clone(), data)
            .map_err(|error| fail(&from, error.to_string()))?;
        views.push((name, view));
    }
    let packed = safetensors::serialize(views, None).map_err(|e| fail(&from, e.to_string()))?;
    super::write(&out.join("model.safetensors"), &packed)
}
