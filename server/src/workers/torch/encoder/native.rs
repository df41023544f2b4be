//! Runs an encoder on the CPU by our own kernels.
//!
//! Texts stand one behind the other as the rows of one buffer, so nothing is spent on padding, and every matrix is read
//! once for all of them. What a text gives does not depend on the texts beside it.

use tch::Tensor;
use tidegate_kernels::{Format, Matrix, Team, activation, attention, norm, product, rope};

use super::{
    network::{Batch, CPU_RUN},
    pooling::activate,
    shape::{Activation, Positions, Shape, frequencies},
    weights::{self, Builder, Layer, Norm, Source, Weights, values},
};
use crate::workers::torch::error::{ModelError, Result};

/// Rows up to which buffers are kept for the next run.
const KEPT: usize = 4 * CPU_RUN;

/// An encoder in memory.
pub(super) struct Native {
    shape: Shape,
    weights: Weights<Linear, Vec<f32>>,
    turns: Option<Turns>,
    rooms: Rooms,
    bytes: u64,
}

struct Linear {
    matrix: Matrix,
    bias: Option<Vec<f32>>,
}

impl Linear {
    fn apply(&self, team: &Team, input: &[f32], rows: usize, output: &mut [f32]) {
        product(
            team,
            &self.matrix,
            self.bias.as_deref(),
            input,
            rows,
            output,
        );
    }

    fn bytes(&self) -> usize {
        self.matrix.bytes()
            + self
                .bias
                .as_ref()
                .map_or(0, |bias| bias.len() * size_of::<f32>())
    }
}

/// Cosines and sines of both kinds of layers.
struct Turns {
    global: rope::Turns,
    local: rope::Turns,
}

/// Numbers of a run, kept between runs so that none is asked of the system in steady work.
#[derive(Default)]
struct Rooms {
    /// States, `[rows, hidden]`.
    states: Vec<f32>,
    /// States behind a norm, or what attention gives, `[rows, hidden]`.
    other: Vec<f32>,
    /// What is added to the states, `[rows, hidden]`.
    delta: Vec<f32>,
    /// `[rows, 3 * hidden]`.
    qkv: Vec<f32>,
    /// `[rows, feed_forward]`, twice that where there is a gate.
    up: Vec<f32>,
    /// `[rows, feed_forward]` behind the gate.
    fed: Vec<f32>,
}

/// Packs weights into a format.
struct Packer(Format);

impl Builder for Packer {
    type Matrix = Linear;
    type Vector = Vec<f32>;

    fn matrix(&self, weight: Tensor, bias: Option<Tensor>) -> Result<Linear> {
        let (rows, columns) = weight.size2()?;
        let numbers = values(&weight)?;
        // The largest need not lie in memory three times.
        drop(weight);
        Ok(Linear {
            matrix: Matrix::from_f32(self.0, rows as usize, columns as usize, &numbers)?,
            bias: bias.as_ref().map(values).transpose()?,
        })
    }

    fn vector(&self, numbers: Tensor) -> Result<Vec<f32>> {
        values(&numbers)
    }
}

impl Native {
    /// Reads the weights and packs them as `format`.
    pub(super) fn load(source: &Source<'_>, shape: &Shape, format: Format) -> Result<Self> {
        let weights = weights::read(source, shape, &Packer(format))?;
        let turns = match shape.positions {
            Positions::Learned { .. } => None,
            Positions::Rotary { global, local } => {
                let turns = |base| rope::Turns::new(frequencies(base, shape.head_width()), 1.0);
                Some(Turns {
                    global: turns(global),
                    local: turns(local),
                })
            }
        };
        Ok(Self {
            bytes: bytes(&weights) as u64,
            shape: shape.clone(),
            weights,
            turns,
            rooms: Rooms::default(),
        })
    }

    /// Bytes of weights held.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The last states of all tokens, `[tokens, width]`.
    pub(super) fn states(&mut self, team: &Team, batch: &Batch) -> Result<Vec<f32>> {
        let (rows, width) = (batch.ids.len(), self.shape.hidden);
        let lengths: Vec<usize> = batch.texts().map(|text| text.len()).collect();
        if let Some(turns) = &mut self.turns {
            let longest = lengths.iter().copied().max().unwrap_or(0);
            turns.global.reach(longest)?;
            turns.local.reach(longest)?;
        }
        let inner = rows * self.shape.feed_forward;
        let is_gated = self.shape.is_gated();
        let mut rooms = std::mem::take(&mut self.rooms);
        let mut run = Run {
            native: self,
            team,
            batch,
            lengths: &lengths,
            rows,
            states: room(&mut rooms.states, rows * width)?,
            other: room(&mut rooms.other, rows * width)?,
            delta: room(&mut rooms.delta, rows * width)?,
            qkv: room(&mut rooms.qkv, rows * 3 * width)?,
            up: room(&mut rooms.up, if is_gated { 2 * inner } else { inner })?,
            fed: room(&mut rooms.fed, if is_gated { inner } else { 0 })?,
        };
        run.embed();
        for (index, layer) in self.weights.layers.iter().enumerate() {
            run.layer(index, layer);
        }
        if let Some(norm) = &self.weights.final_norm {
            run.norm_states(norm);
        }
        let states = run.states.to_vec();
        // One long text need not hold its memory for good.
        if rows <= KEPT {
            self.rooms = rooms;
        }
        Ok(states)
    }
}

/// One run under way.
struct Run<'r> {
    native: &'r Native,
    team: &'r Team,
    batch: &'r Batch,
    lengths: &'r [usize],
    rows: usize,
    states: &'r mut [f32],
    other: &'r mut [f32],
    delta: &'r mut [f32],
    qkv: &'r mut [f32],
    up: &'r mut [f32],
    fed: &'r mut [f32],
}

impl Run<'_> {
    fn embed(&mut self) {
        let native = self.native;
        let width = native.shape.hidden;
        let rows = self.states.chunks_exact_mut(width);
        for (index, (row, &id)) in rows.zip(&self.batch.ids).enumerate() {
            native.weights.words.matrix.row(id as usize, row);
            if let Some(types) = &native.weights.types {
                let kind = self.batch.types.get(index).copied().unwrap_or(0);
                add_row(row, types, kind);
            }
            if let Some(positions) = &native.weights.positions {
                add_row(row, positions, self.batch.places[index]);
            }
        }
        self.norm_states(&native.weights.embedding_norm);
    }

    fn layer(&mut self, index: usize, layer: &Layer<Linear, Vec<f32>>) {
        let (team, rows) = (self.team, self.rows);
        if self.native.shape.is_pre_norm() {
            if let Some(norm) = &layer.attention_norm {
                self.norm_to_other(norm);
                layer.qkv.apply(team, self.other, rows, self.qkv);
            } else {
                layer.qkv.apply(team, self.states, rows, self.qkv);
            }
            self.attend(index);
            layer.output.apply(team, self.other, rows, self.delta);
            self.add();
            self.norm_to_other(&layer.feed_norm);
            layer.up.apply(team, self.other, rows, self.up);
            self.feed(&layer.down);
            self.add();
        } else {
            layer.qkv.apply(team, self.states, rows, self.qkv);
            self.attend(index);
            layer.output.apply(team, self.other, rows, self.delta);
            self.add();
            if let Some(norm) = &layer.attention_norm {
                self.norm_states(norm);
            }
            layer.up.apply(team, self.states, rows, self.up);
            self.feed(&layer.down);
            self.add();
            self.norm_states(&layer.feed_norm);
        }
    }

    /// Attention of each text over its own rows, from `qkv` to `other`.
    fn attend(&mut self, index: usize) {
        let shape = &self.native.shape;
        let (heads, width) = (shape.heads, shape.head_width());
        let window = shape.layers.get(index).copied().flatten();
        if let Some(turns) = &self.native.turns {
            let turns = if window.is_some() {
                &turns.local
            } else {
                &turns.global
            };
            let rows = self.qkv.chunks_exact_mut(3 * heads * width);
            for (row, &place) in rows.zip(&self.batch.places) {
                let (cos, sin) = turns.at(place as usize);
                // Queries and keys turn, values do not.
                for head in row[..2 * heads * width].chunks_exact_mut(width) {
                    rope::rotate(head, cos, sin);
                }
            }
        }
        let texts = attention::Texts {
            qkv: self.qkv,
            lengths: self.lengths,
            heads,
            width,
            scale: 1.0 / (width as f32).sqrt(),
            window,
        };
        attention::full(self.team, &texts, self.other);
    }

    /// From `up` over the activation to `delta`.
    fn feed(&mut self, down: &Linear) {
        let width = self.native.shape.feed_forward;
        let activation = self.native.shape.activation;
        let known = match activation {
            Activation::Gelu => Some(activation::Activation::Gelu),
            Activation::GeluTanh => Some(activation::Activation::GeluTanh),
            Activation::Silu => Some(activation::Activation::Silu),
            Activation::Relu | Activation::Tanh => None,
        };
        if !self.native.shape.is_gated() {
            match known {
                Some(known) => activation::apply_rows(self.team, known, self.up),
                None => activate(activation, self.up),
            }
            down.apply(self.team, self.up, self.rows, self.delta);
            return;
        }
        if let Some(known) = known {
            activation::gated_rows(self.team, known, self.up, width, self.fed);
        } else {
            let rows = self.up.chunks_exact_mut(2 * width);
            for (row, fed) in rows.zip(self.fed.chunks_exact_mut(width)) {
                let (gate, values) = row.split_at_mut(width);
                activate(activation, gate);
                for ((fed, gate), value) in fed.iter_mut().zip(gate).zip(values) {
                    *fed = *gate * *value;
                }
            }
        }
        down.apply(self.team, self.fed, self.rows, self.delta);
    }

    /// Adds `delta` to the states.
    fn add(&mut self) {
        let width = self.native.shape.hidden;
        norm::add_rows(self.team, self.states, self.delta, None, width, 0.0);
    }

    fn norm_to_other(&mut self, norm: &Norm<Vec<f32>>) {
        norm::layer_norm_rows(
            self.team,
            self.states,
            &norm.weight,
            norm.bias.as_deref(),
            self.native.shape.epsilon,
            self.other,
        );
    }

    fn norm_states(&mut self, norm: &Norm<Vec<f32>>) {
        self.norm_to_other(norm);
        std::mem::swap(&mut self.states, &mut self.other);
    }
}

/// Adds a row of a table.
fn add_row(row: &mut [f32], table: &[f32], at: u32) {
    let from = at as usize * row.len();
    for (sum, number) in row.iter_mut().zip(&table[from..]) {
        *sum += number;
    }
}

/// The first so many numbers of a buffer, which grows where it must.
fn room(buffer: &mut Vec<f32>, numbers: usize) -> Result<&mut [f32]> {
    if buffer.len() < numbers {
        buffer
            .try_reserve_exact(numbers - buffer.len())
            .map_err(|_| {
                ModelError::Text(format!(
                    "there is no memory for {} MiB of working space; free some, or lower max_seq_length",
                    (numbers * size_of::<f32>()) >> 20
                ))
            })?;
        buffer.resize(numbers, 0.0);
    }
    Ok(&mut buffer[..numbers])
}

fn bytes(weights: &Weights<Linear, Vec<f32>>) -> usize {
    let layers = weights.layers.iter().map(|layer| {
        [&layer.qkv, &layer.output, &layer.up, &layer.down]
            .into_iter()
            .map(Linear::bytes)
            .sum::<usize>()
    });
    let tables = [&weights.positions, &weights.types]
        .into_iter()
        .flatten()
        .map(|table| table.len() * size_of::<f32>());
    weights.words.bytes() + layers.sum::<usize>() + tables.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_and_never_shrinks_while_it_is_kept() {
        let mut buffer = Vec::new();
        assert_eq!(room(&mut buffer, 3).expect("room").len(), 3);
        assert_eq!(room(&mut buffer, 2).expect("room").len(), 2);
        assert_eq!(buffer.len(), 3);
        let error = room(&mut buffer, usize::MAX / 8)
            .expect_err("too much")
            .to_string();
        assert!(error.contains("max_seq_length"), "{error}");
    }
}
