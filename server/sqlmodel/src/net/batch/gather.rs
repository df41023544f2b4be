//! Filling the padded tensors from plain examples.

use std::{collections::HashMap, sync::Arc};

use tch::{Device, Kind, Tensor};

use super::{Batch, Input, Instance, Items, Known, Lessons, Outline, Texts, bits, round_up};
use crate::{
    features::{FLAGS, Features, RELATIONS},
    grammar::ACTIONS,
    net::{
        NetError,
        tokens::{QuestionPieces, SchemaPieces},
    },
};

/// Gathers the questions' side; `rows` gives for every schema item its two text rows.
pub fn items(
    parts: &[(&QuestionPieces, &Features, Vec<(usize, usize)>)],
    texts: usize,
    (kind, device): (Kind, Device),
) -> Items {
    let count = parts.len();
    let longest = parts
        .iter()
        .map(|(_, features, _)| Outline::of(features).items())
        .max();
    let width = round_up(longest.unwrap_or(1), 2);
    let spans = parts
        .iter()
        .map(|(pieces, ..)| pieces.pools.len())
        .max()
        .unwrap_or(0)
        .max(1);
    let ids: Vec<&[u32]> = parts
        .iter()
        .map(|(pieces, ..)| pieces.ids.as_slice())
        .collect();
    let questions = Texts::pad(&ids, device);
    let length = questions.ids.size()[1] as usize;
    let zero_own = (count * spans + texts) as i64;
    let mut pool = vec![0_f32; count * spans * length];
    let mut own = vec![zero_own; count * width];
    let mut context = vec![texts as i64; count * width];
    let mut kinds = vec![0_i64; count * width];
    let mut flags = vec![0_f32; count * width * FLAGS];
    let mut mask = vec![0_u8; count * width];
    let mut relations = vec![RELATIONS as i64; count * width * width];
    for (row, (pieces, features, schema)) in parts.iter().enumerate() {
        for (span, positions) in pieces.pools.iter().enumerate() {
            let share = 1.0 / positions.len().max(1) as f32;
            let start = (row * spans + span) * length;
            for &at in positions {
                pool[start + usize::from(at)] = share;
            }
            own[row * width + span] = (row * spans + span) as i64;
        }
        let outline = Outline::of(features);
        let start = row * width + outline.words + outline.candidates;
        for (at, &(own_text, context_text)) in schema.iter().enumerate() {
            own[start + at] = (count * spans + own_text) as i64;
            context[start + at] = context_text as i64;
        }
        let n = outline.items();
        for item in 0..n {
            let at = row * width + item;
            mask[at] = 1;
            kinds[at] = i64::from(features.kinds[item]);
            flags[at * FLAGS..(at + 1) * FLAGS].copy_from_slice(&features.flags[item]);
            let row = &features.relations[item * n..(item + 1) * n];
            for (to, &relation) in relations[at * width..].iter_mut().zip(row) {
                *to = i64::from(relation);
            }
        }
    }
    let (rows, columns) = (count as i64, width as i64);
    let floats = |values: &[f32], shape: &[i64]| {
        Tensor::from_slice(values)
            .view(shape)
            .to_device(device)
            .to_kind(kind)
    };
    let indexes = |values: &[i64]| Tensor::from_slice(values).to_device(device);
    Items {
        pool: floats(&pool, &[rows, spans as i64, length as i64]),
        questions,
        own: indexes(&own),
        context: indexes(&context),
        kinds: indexes(&kinds).view([rows, columns]),
        flags: floats(&flags, &[rows, columns, FLAGS as i64]),
        mask: bits(&mask, &[rows, columns], device),
        relations: Tensor::from_slice(&relations)
            .view([rows, columns, columns])
            .to_device(device),
    }
}

fn lessons(instances: &[Instance], width: usize, kind: Kind, device: Device) -> Lessons {
    let count = instances.len();
    let longest = instances
        .iter()
        .map(|one| one.lesson.targets.len())
        .max()
        .unwrap_or(1);
    let length = longest;
    let outputs = ACTIONS + width;
    let mut codes = vec![Input::START.code; count * length];
    let mut pointed = vec![0_i64; count * length];
    let mut points = vec![0_u8; count * length];
    let mut targets = vec![0_i64; count * length];
    let mut mask = vec![0_u8; count * length];
    let mut legal = vec![0_u8; count * length * outputs];
    let mut used = vec![0_u8; count * width];
    for (row, instance) in instances.iter().enumerate() {
        let lesson = &instance.lesson;
        for (step, input) in lesson.inputs.iter().enumerate() {
            let at = row * length + step;
            codes[at] = input.code;
            if let Some(item) = input.item {
                pointed[at] = (row * width + item) as i64;
                points[at] = 1;
                used[row * width + item] = 1;
            }
            targets[at] = i64::from(lesson.targets[step]);
            mask[at] = 1;
            for &output in &lesson.legal[step] {
                legal[at * outputs + usize::from(output)] = 1;
            }
        }
        // The last step is an output only; it may point too.
        if let Some(item) = lesson
            .targets
            .last()
            .and_then(|&target| usize::from(target).checked_sub(ACTIONS))
        {
            used[row * width + item] = 1;
        }
    }
    let shape = [count as i64, length as i64];
    Lessons {
        codes: Tensor::from_slice(&codes).view(shape).to_device(device),
        pointed: Tensor::from_slice(&pointed).to_device(device),
        points: bits(&points, &[shape[0], shape[1], 1], device).to_kind(kind),
        targets: Tensor::from_slice(&targets).view(shape).to_device(device),
        mask: bits(&mask, &shape, device),
        legal: bits(&legal, &[shape[0], shape[1], outputs as i64], device),
        used: bits(&used, &[shape[0], width as i64], device),
    }
}

/// The instances' span vectors, padded: `[batch, longest, encoder width]`.
fn spans(instances: &[Instance], longest: usize) -> Tensor {
    let width = instances
        .iter()
        .zip(instances.iter().filter_map(|one| one.vectors.as_ref()))
        .find(|(one, _)| !one.question.pools.is_empty())
        .map_or(1, |(one, vectors)| {
            vectors.spans.len() / one.question.pools.len()
        });
    let mut padded = vec![0_f32; instances.len() * longest * width];
    for (row, vectors) in instances
        .iter()
        .filter_map(|one| one.vectors.as_ref())
        .enumerate()
    {
        let start = row * longest * width;
        padded[start..start + vectors.spans.len()].copy_from_slice(&vectors.spans);
    }
    Tensor::from_slice(&padded).view([instances.len() as i64, longest as i64, width as i64])
}

impl Batch {
    /// Gathers `instances` on a device.
    pub fn gather<'i>(
        instances: &'i [Instance],
        kind: Kind,
        device: Device,
    ) -> Result<Self, NetError> {
        if instances.is_empty() {
            return Err(NetError::TooLarge(
                "a batch needs at least one example".to_owned(),
            ));
        }
        let mut known: HashMap<&'i [u32], usize> = HashMap::new();
        let mut texts: Vec<&'i [u32]> = Vec::new();
        let mut rows: HashMap<*const SchemaPieces, Vec<usize>> = HashMap::new();
        let mut vectors: Vec<f32> = Vec::new();
        let prepared = instances.iter().all(|instance| instance.vectors.is_some());
        let mut count = 0;
        for instance in instances {
            rows.entry(Arc::as_ptr(&instance.schema))
                .or_insert_with(|| {
                    let first = count;
                    count += instance.schema.texts.len();
                    if prepared {
                        // Texts that two schemas share stand there twice, which costs less than finding them.
                        vectors.extend(instance.vectors.iter().flat_map(|one| one.texts.iter()));
                        return (first..count).collect();
                    }
                    let place = |ids: &'i Vec<u32>| {
                        *known.entry(ids).or_insert_with(|| {
                            texts.push(ids);
                            texts.len() - 1
                        })
                    };
                    instance.schema.texts.iter().map(place).collect()
                });
        }
        let parts: Vec<_> = instances
            .iter()
            .map(|instance| {
                let rows = &rows[&Arc::as_ptr(&instance.schema)];
                let schema = instance
                    .schema
                    .items
                    .iter()
                    .map(|&(a, b)| (rows[a], rows[b]));
                (&instance.question, &instance.features, schema.collect())
            })
            .collect();
        let count = if prepared { count } else { texts.len() };
        let items = items(&parts, count, (kind, device));
        let width = items.mask.size()[1] as usize;
        let known = prepared.then(|| Known {
            texts: Tensor::from_slice(&vectors)
                .view([count as i64, -1])
                .to_device(device)
                .to_kind(kind),
            spans: spans(instances, items.pool.size()[1] as usize)
                .to_device(device)
                .to_kind(kind),
        });
        Ok(Self {
            known,
            lessons: lessons(instances, width, kind, device),
            texts: Texts::pad(if texts.is_empty() { &[&[]] } else { &texts }, device),
            items,
            size: instances.len(),
        })
    }
}
