//! How often the likeliest query is the right one, on questions set aside.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::{
    prepare::{Task, Workshop},
    reader::Reader,
};
use crate::{
    grammar::{self, State},
    net::{
        NetError,
        batch::{Batch, Input, Instance, Outline},
        encoder::Encoder,
        layers::KeyValue,
        model::{Net, STEPS},
        weights::{Weights, read},
    },
    query::Query,
    question::Question,
    schema::Schema,
};

/// Questions decoded at once.
const SIZE: usize = 128;

/// A question set aside.
#[derive(Debug)]
pub struct Held {
    /// The set it belongs to.
    pub split: String,
    /// The question and its right query.
    pub task: Task,
    /// As the network takes it.
    pub instance: Instance,
    /// The right query as it comes back from its steps.
    pub expected: Query,
}

/// Prepares questions set aside; gives those the network cannot take back with the reason.
pub fn hold(
    workshop: &mut Workshop,
    tasks: &[(String, Task)],
) -> (Vec<Held>, Vec<(String, Task, String)>) {
    let mut held = Vec::new();
    let mut refused = Vec::new();
    for (split, task) in tasks {
        let prepared = workshop.instance(task).and_then(|instance| {
            let expected = grammar::decode(&task.steps, &task.schema, &task.question)
                .map_err(|error| error.to_string())?;
            Ok(Held {
                split: split.clone(),
                task: task.clone(),
                instance,
                expected,
            })
        });
        match prepared {
            Ok(one) => held.push(one),
            Err(reason) => refused.push((split.clone(), task.clone(), reason)),
        }
    }
    (held, refused)
}

/// Fills in what the sentence encoder says of the questions.
pub fn read_ahead(reader: &mut Reader, held: &mut [Held]) -> Result<(), NetError> {
    let mut instances: Vec<Instance> = held.iter().map(|one| one.instance.clone()).collect();
    reader.fill(&mut instances)?;
    for (one, instance) in held.iter_mut().zip(instances) {
        one.instance = instance;
    }
    Ok(())
}

/// Right answers of one set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Right.
    pub right: usize,
    /// Asked.
    pub asked: usize,
}

impl Tally {
    /// Share of right answers.
    pub fn share(&self) -> f64 {
        self.right as f64 / self.asked.max(1) as f64
    }
}

/// Answers all questions greedily and counts the right ones by set.
pub fn evaluate(
    net: &Net,
    weights: &Weights,
    encoder: &Encoder,
    held: &[Held],
    kind: Kind,
    device: Device,
) -> Result<BTreeMap<String, Tally>, NetError> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for part in held.chunks(SIZE) {
        let answers = answer(net, weights, encoder, part, kind, device)?;
        for (one, answer) in part.iter().zip(answers) {
            let tally = tallies.entry(one.split.clone()).or_default();
            tally.asked += 1;
            tally.right += usize::from(answer.as_ref() == Some(&one.expected));
        }
    }
    Ok(tallies)
}

/// The greedy answer to every question; `None` where the steps ran out.
pub fn answer(
    net: &Net,
    weights: &Weights,
    encoder: &Encoder,
    held: &[Held],
    kind: Kind,
    device: Device,
) -> Result<Vec<Option<Query>>, NetError> {
    let instances: Vec<Instance> = held.iter().map(|one| one.instance.clone()).collect();
    let batch = Batch::gather(&instances, kind, device)?;
    tch::no_grad(|| {
        let merged = encoder.merge(&net.changes, weights);
        let memory = net.memory(weights, &merged, &batch, 0.0);
        let items = batch.items.mask.size()[1];
        let mut trails: Vec<Trail> = held
            .iter()
            .map(|one| Trail::new(&one.task.schema, &one.task.question, &one.instance))
            .collect();
        let mut past: Option<Vec<KeyValue>> = None;
        let rows = held.len() as i64;
        for place in 0..STEPS {
            let codes: Vec<i64> = trails.iter().map(|trail| trail.next.code).collect();
            let pointed: Vec<i64> = trails
                .iter()
                .enumerate()
                .map(|(row, trail)| row as i64 * items + trail.next.item.unwrap_or(0) as i64)
                .collect();
            let points: Vec<f32> = trails
                .iter()
                .map(|trail| f32::from(u8::from(trail.next.item.is_some())))
                .collect();
            let points = Tensor::from_slice(&points).view([rows, 1, 1]);
            let scores = net.decode(
                weights,
                &memory,
                &Tensor::from_slice(&codes).view([rows, 1]).to_device(device),
                &Tensor::from_slice(&pointed).to_device(device),
                &points.to_device(device).to_kind(kind),
                &mut past,
                place,
                0.0,
            );
            let width = scores.size()[2] as usize;
            let scores = read(&scores)?;
            for (trail, scores) in trails.iter_mut().zip(scores.chunks(width)) {
                trail.follow(scores);
            }
            if trails.iter().all(|trail| trail.over) {
                break;
            }
        }
        Ok(trails.into_iter().map(Trail::query).collect())
    })
}

/// One greedy answer under way.
struct Trail {
    state: State,
    outline: Outline,
    next: Input,
    over: bool,
}

impl Trail {
    fn new(schema: &Schema, question: &Question, instance: &Instance) -> Self {
        Self {
            state: State::new(schema, question),
            outline: Outline::of(&instance.features),
            next: Input::START,
            over: false,
        }
    }

    fn follow(&mut self, scores: &[f32]) {
        if self.over {
            return;
        }
        let legal = self.outline.legal(&self.state.legal());
        let best = legal
            .into_iter()
            .max_by(|&a, &b| scores[usize::from(a)].total_cmp(&scores[usize::from(b)]));
        let step = best.and_then(|best| self.outline.step(usize::from(best)));
        match step {
            Some(step) if self.state.advance(step).is_ok() => {
                self.next = Input::of(step, &self.outline);
                self.over = self.state.is_done();
            }
            _ => self.over = true,
        }
    }

    fn query(self) -> Option<Query> {
        self.state
            .is_done()
            .then(|| self.state.into_query().ok())
            .flatten()
    }
}
