//! Against f64, and against itself cut and shared out otherwise, on every level of the machine.

mod causal;
mod full;

use half::{bf16, f16};

use super::*;
use crate::{
    level::Level,
    norm::rms_norm_in_place,
    rope::{Turns, rotate},
    team::Team,
};

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn kept(storage: Storage, value: f32) -> f64 {
    f64::from(match storage {
        Storage::F32 => value,
        Storage::Bf16 => bf16::from_f32(value).to_f32(),
        Storage::F16 => f16::from_f32(value).to_f32(),
    })
}

struct Case {
    heads: usize,
    kv_heads: usize,
    width: usize,
    storage: Storage,
    cap: Option<f32>,
    window: Option<usize>,
    norms: bool,
    pairs: usize,
}

const PLAIN: Case = Case {
    heads: 4,
    kv_heads: 2,
    width: 16,
    storage: Storage::F32,
    cap: None,
    window: None,
    norms: false,
    pairs: 8,
};

impl Case {
    fn layout(&self) -> Layout {
        Layout {
            storage: self.storage,
            layers: 2,
            kv_heads: self.kv_heads,
            width: self.width,
        }
    }

    fn weights(&self) -> [Vec<f32>; 2] {
        [numbers(self.width, 70), numbers(self.width, 71)]
    }

    fn heads<'a>(&self, [query, key]: &'a [Vec<f32>; 2]) -> Heads<'a> {
        Heads {
            heads: self.heads,
            kv_heads: self.kv_heads,
            width: self.width,
            scale: 1.7 / (self.width as f32).sqrt(),
            cap: self.cap,
            window: self.window,
            query_norm: self.norms.then_some(&query[..]),
            key_norm: self.norms.then_some(&key[..]),
            epsilon: 1e-6,
        }
    }

    fn row(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.width
    }

    fn turns(&self, positions: usize) -> Turns {
        let frequencies = (0..self.pairs).map(|i| 0.8_f32.powi(i as i32)).collect();
        let mut turns = Turns::new(frequencies, 1.0);
        turns.reach(positions).expect("there is memory");
        turns
    }

    /// A sequence's queries, keys and values: large enough for shares that are far from even.
    fn sequence(&self, tokens: usize, seed: u64) -> Vec<f32> {
        numbers(tokens * self.row(), seed)
            .iter()
            .map(|x| 2.0 * x)
            .collect()
    }

    /// All of a sequence in f64.
    fn exact(&self, qkv: &[f32]) -> Vec<f64> {
        let weights = self.weights();
        let heads = self.heads(&weights);
        let (row, width, tokens) = (self.row(), self.width, qkv.len() / self.row());
        let turns = self.turns(tokens);
        let mut prepared = qkv.to_vec();
        for (position, numbers) in prepared.chunks_exact_mut(row).enumerate() {
            let turned = (self.heads + self.kv_heads) * width;
            for (index, head) in numbers[..turned].chunks_exact_mut(width).enumerate() {
                let norm = if index < self.heads {
                    heads.query_norm
                } else {
                    heads.key_norm
                };
                if let Some(weight) = norm {
                    rms_norm_in_place(head, weight, heads.epsilon);
                }
                let (cos, sin) = turns.at(position);
                rotate(head, cos, sin);
            }
        }
        let mut out = Vec::new();
        for token in 0..tokens {
            for head in 0..self.heads {
                let at = |token: usize, head: usize| {
                    let from = token * row + head * width;
                    &prepared[from..from + width]
                };
                let shared = head / heads.group();
                let low = self
                    .window
                    .map_or(0, |window| (token + 1).saturating_sub(window));
                let scores: Vec<f64> = (low..=token)
                    .map(|key| {
                        let dot: f64 = at(token, head)
                            .iter()
                            .zip(at(key, self.heads + shared))
                            .map(|(q, k)| f64::from(*q) * kept(self.storage, *k))
                            .sum();
                        let score = dot * f64::from(heads.scale);
                        self.cap.map_or(score, |cap| {
                            f64::from(cap) * (score / f64::from(cap)).tanh()
                        })
                    })
                    .collect();
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
                for number in 0..width {
                    out.push(
                        scores
                            .iter()
                            .enumerate()
                            .map(|(key, score)| {
                                let value =
                                    at(low + key, self.heads + self.kv_heads + shared)[number];
                                (score - most).exp() / sum * kept(self.storage, value)
                            })
                            .sum(),
                    );
                }
            }
        }
        out
    }

    /// All sequences, each cut into the steps given; a sequence that has no step left sits out.
    fn run(&self, team: &Team, sequences: &[(&[f32], &[usize])]) -> Vec<Vec<f32>> {
        let weights = self.weights();
        let (row, result) = (self.row(), self.heads * self.width);
        let longest = sequences
            .iter()
            .map(|(qkv, _)| qkv.len() / row)
            .max()
            .unwrap_or(0);
        let turns = self.turns(longest);
        let mut caches: Vec<Cache> = sequences
            .iter()
            .map(|_| Cache::new(self.layout(), 3).expect("there is memory"))
            .collect();
        let mut outputs = vec![Vec::new(); sequences.len()];
        let steps = sequences
            .iter()
            .map(|(_, steps)| steps.len())
            .max()
            .unwrap_or(0);
        for step in 0..steps {
            let mut rows = Vec::new();
            let mut running = Vec::new();
            for (index, (cache, (qkv, steps))) in caches.iter_mut().zip(sequences).enumerate() {
                if let Some(tokens) = steps.get(step) {
                    rows.extend(&qkv[cache.tokens() * row..(cache.tokens() + tokens) * row]);
                    running.push((index, cache, *tokens));
                }
            }
            let order: Vec<(usize, usize)> = running.iter().map(|(i, _, n)| (*i, *n)).collect();
            let mut batch = Batch::new(
                running
                    .into_iter()
                    .map(|(_, cache, tokens)| (cache, tokens)),
            )
            .expect("there is memory");
            let mut out = vec![0.0; batch.rows() * result];
            let tables = vec![&turns; order.len()];
            batch.attend(team, 1, &self.heads(&weights), &tables, &mut rows, &mut out);
            batch.commit();
            let mut from = 0;
            for (index, tokens) in order {
                outputs[index].extend(&out[from..from + tokens * result]);
                from += tokens * result;
            }
        }
        outputs
    }
}

fn near(got: &[f32], wanted: &[f64], what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!(
            (f64::from(*got) - wanted).abs() <= 2e-5,
            "{what}, {at}: {got} {wanted}"
        );
    }
}
