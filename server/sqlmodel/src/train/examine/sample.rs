//! Drawing examples to look at, and to see how fast they come and how large they are.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc, time::Instant};

use crate::{
    grammar::decode,
    net::{NetError, tokens::Tokens},
    render::{Dialect, render},
    train::{course::Course, prepare::Workshop},
};

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
