//! Beam search: the likeliest sequences of steps, and the queries they make.

use std::collections::{HashMap, hash_map::Entry};

use tch::Tensor;

use super::{Answer, Candidate, SqlModel};
use crate::{
    grammar::{State, Step},
    net::{
        NetError,
        batch::{Input, Outline},
        confidence::Signals,
        layers::KeyValue,
        model::{Memory, STEPS},
        ranking::coverage,
        weights::read,
    },
    question::Question,
};

/// A sequence under way.
#[derive(Clone)]
pub(super) struct Trail {
    state: State,
    steps: Vec<Step>,
    next: Input,
    total: f32,
    weakest: f32,
    choices: usize,
}

impl Trail {
    fn score(&self, lenience: f32) -> f32 {
        self.total / (self.choices.max(1) as f32).powf(lenience)
    }
}

impl SqlModel {
    pub(super) fn search(
        &self,
        memory: &Memory,
        outline: &Outline,
        state: State,
        beam: usize,
    ) -> Result<Vec<Trail>, NetError> {
        let mut open = vec![Trail {
            state,
            steps: Vec::new(),
            next: Input::START,
            total: 0.0,
            weakest: 0.0,
            choices: 0,
        }];
        let mut done: Vec<Trail> = Vec::new();
        let mut past: Option<Vec<KeyValue>> = None;
        for place in 0..STEPS {
            let scores = self.scores(memory, &open, &mut past, place)?;
            let mut grown: Vec<(f32, usize, u16, f32, usize)> = Vec::new();
            for (row, path) in open.iter().enumerate() {
                let legal = outline.legal(&path.state.legal());
                let scores = &scores[row];
                let highest = legal
                    .iter()
                    .map(|&at| scores[usize::from(at)])
                    .fold(f32::MIN, f32::max);
                let sum: f32 = legal
                    .iter()
                    .map(|&at| (scores[usize::from(at)] - highest).exp())
                    .sum();
                let whole = highest + sum.ln();
                let free = usize::from(legal.len() > 1);
                for &at in &legal {
                    let likely = scores[usize::from(at)] - whole;
                    grown.push((path.total + likely, row, at, likely, free));
                }
            }
            grown.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
            let mut next = Vec::with_capacity(beam);
            let mut rows = Vec::with_capacity(beam);
            for (total, row, output, likely, free) in grown {
                if next.len() >= beam {
                    break;
                }
                let Some(step) = outline.step(usize::from(output)) else {
                    continue;
                };
                let mut path = open[row].clone();
                if path.state.advance(step).is_err() {
                    continue;
                }
                path.steps.push(step);
                path.next = Input::of(step, outline);
                path.total = total;
                path.weakest = path.weakest.min(likely);
                path.choices += free;
                if path.state.is_done() {
                    done.push(path);
                } else {
                    next.push(path);
                    rows.push(row as i64);
                }
            }
            let score = |path: &Trail| path.score(self.lenience);
            done.sort_by(|a, b| score(b).total_cmp(&score(a)));
            done.truncate(2 * beam);
            // Going on only makes a sequence less likely; length may buy back no more than this.
            let bar = done
                .get(beam.min(done.len()).saturating_sub(1))
                .map_or(f32::MIN, score);
            let hope = next.first().map_or(f32::MIN, |best: &Trail| {
                best.total / (STEPS as f32 / 2.0).powf(self.lenience)
            });
            if next.is_empty() || (done.len() >= beam && hope < bar) {
                break;
            }
            let rows = Tensor::from_slice(&rows);
            past = past.map(|all| all.iter().map(|one| one.select(&rows)).collect());
            open = next;
        }
        Ok(done)
    }

    fn scores(
        &self,
        memory: &Memory,
        open: &[Trail],
        past: &mut Option<Vec<KeyValue>>,
        place: usize,
    ) -> Result<Vec<Vec<f32>>, NetError> {
        let rows = open.len() as i64;
        let codes: Vec<i64> = open.iter().map(|path| path.next.code).collect();
        let pointed: Vec<i64> = open
            .iter()
            .map(|path| path.next.item.unwrap_or(0) as i64)
            .collect();
        let points: Vec<f32> = open
            .iter()
            .map(|path| if path.next.item.is_some() { 1.0 } else { 0.0 })
            .collect();
        let scores = self.net.decode(
            &self.weights,
            memory,
            &Tensor::from_slice(&codes).view([rows, 1]),
            &Tensor::from_slice(&pointed),
            &Tensor::from_slice(&points).view([rows, 1, 1]),
            past,
            place,
            0.0,
        );
        let width = scores.size()[2] as usize;
        Ok(read(&scores)?.chunks(width).map(<[f32]>::to_vec).collect())
    }

    pub(super) fn answer(
        &self,
        paths: Vec<Trail>,
        question: &Question,
        outline: &Outline,
        usage: &[f32],
    ) -> Answer {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut candidates: Vec<Candidate> = Vec::new();
        for path in paths {
            let (total, score) = (path.total, path.score(self.lenience));
            let (weakest, choices) = (path.weakest, path.choices);
            let Ok(query) = path.state.into_query() else {
                continue;
            };
            match seen.entry(format!("{query:?}")) {
                // Two sequences that mean the same query are one candidate, as likely as both together.
                Entry::Occupied(known) => {
                    let known = &mut candidates[*known.get()].signals;
                    known.total += (total - known.total).exp().ln_1p();
                }
                Entry::Vacant(place) => {
                    place.insert(candidates.len());
                    candidates.push(Candidate {
                        signals: Signals {
                            total,
                            weakest,
                            choices: choices as f32,
                            ..coverage(&path.steps, question, outline, usage)
                        },
                        query,
                        score,
                        steps: path.steps,
                    });
                }
            }
        }
        Answer::ranked(candidates, self.ranking.as_ref(), &self.calibration)
    }
}
