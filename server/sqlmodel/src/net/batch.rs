//! Plain examples gathered into padded tensors.

mod gather;
mod lesson;

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::tokens::{QuestionPieces, SchemaPieces};
use crate::features::Features;

pub use gather::items;
pub use lesson::{Input, Lesson, Outline};

/// What the sentence encoder says of an example, where it does not change and is asked only once.
#[derive(Debug, Clone)]
pub struct Vectors {
    /// Of every schema text, one after the other.
    pub texts: Arc<Vec<f32>>,
    /// Of every word and then every candidate.
    pub spans: Vec<f32>,
}

/// One example, as plain data.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The question's word pieces.
    pub question: QuestionPieces,
    /// The schema's texts.
    pub schema: Arc<SchemaPieces>,
    /// What the sentence encoder says, if that is known beforehand.
    pub vectors: Option<Vectors>,
    /// Lexical features.
    pub features: Features,
    /// The steps to learn; empty when asking.
    pub lesson: Lesson,
}

/// Texts of different length as a rectangle.
#[derive(Debug)]
pub struct Texts {
    /// `[texts, pieces]`
    pub ids: Tensor,
    /// True where a piece is real.
    pub mask: Tensor,
}

impl Texts {
    /// Pads `texts` to one length.
    pub fn pad(texts: &[&[u32]], device: Device) -> Self {
        Self::pad_to(texts, 8, device)
    }

    /// Pads `texts` to one length, a multiple of `step`.
    pub fn pad_to(texts: &[&[u32]], step: usize, device: Device) -> Self {
        let longest = texts.iter().map(|ids| ids.len()).max().unwrap_or_default();
        let length = round_up(longest.max(1), step);
        let mut ids = vec![0_i64; texts.len() * length];
        let mut mask = vec![0_u8; ids.len()];
        for (row, text) in texts.iter().enumerate() {
            for (at, &id) in text.iter().enumerate() {
                ids[row * length + at] = i64::from(id);
                mask[row * length + at] = 1;
            }
        }
        let shape = [texts.len() as i64, length as i64];
        Self {
            ids: Tensor::from_slice(&ids).view(shape).to_device(device),
            mask: bits(&mask, &shape, device),
        }
    }
}

/// What the encoder needs to know of a batch of questions, apart from the schema's vectors.
#[derive(Debug)]
pub struct Items {
    /// The questions' word pieces.
    pub questions: Texts,
    /// `[batch, spans, pieces]`: averages pieces into words and candidates.
    pub pool: Tensor,
    /// `[batch × items]`: rows of (all spans, all schema texts, one zero row).
    pub own: Tensor,
    /// `[batch × items]`: rows of (all schema texts, one zero row).
    pub context: Tensor,
    /// `[batch, items]`
    pub kinds: Tensor,
    /// `[batch, items, FLAGS]`
    pub flags: Tensor,
    /// `[batch, items]`: true where an item is real.
    pub mask: Tensor,
    /// `[batch, items, items]`: the number of relations where the other item is padding.
    pub relations: Tensor,
}

/// What the decoder is to learn from a batch.
#[derive(Debug)]
pub struct Lessons {
    /// `[batch, steps]`: rows of the input embedding.
    pub codes: Tensor,
    /// `[batch × steps]`: row of the item pointed at among all of the batch's, 0 where none.
    pub pointed: Tensor,
    /// `[batch, steps, 1]`: 1 where an item is pointed at.
    pub points: Tensor,
    /// `[batch, steps]`
    pub targets: Tensor,
    /// `[batch, steps]`: true where a step is real.
    pub mask: Tensor,
    /// `[batch, steps, outputs]`
    pub legal: Tensor,
    /// `[batch, items]`: 1 where the query uses the item.
    pub used: Tensor,
}

/// What the sentence encoder says of a batch.
#[derive(Debug)]
pub struct Known {
    /// `[texts, encoder width]`
    pub texts: Tensor,
    /// `[batch, spans, encoder width]`
    pub spans: Tensor,
}

/// A batch to train on.
#[derive(Debug)]
pub struct Batch {
    /// What the sentence encoder says, if that is known beforehand.
    pub known: Option<Known>,
    /// Distinct schema texts.
    pub texts: Texts,
    /// Items.
    pub items: Items,
    /// Steps.
    pub lessons: Lessons,
    /// Number of examples.
    pub size: usize,
}

fn round_up(n: usize, to: usize) -> usize {
    n.div_ceil(to) * to
}

fn bits(values: &[u8], shape: &[i64], device: Device) -> Tensor {
    Tensor::from_slice(values)
        .view(shape)
        .to_device(device)
        .to_kind(Kind::Bool)
}
