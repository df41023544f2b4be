//! Plain examples gathered into padded tensors.

use std::{collections::HashMap, sync::Arc};

use tch::{Device, Kind, Tensor};

use super::{
    NetError,
    tokens::{QuestionPieces, SchemaPieces},
};
use crate::{
    features::{FLAGS, Features, RELATIONS},
    grammar::{ACTIONS, Action, Legal, State, Step},
    question::Question,
    schema::Schema,
};

/// How a question's items lie in a row: words, candidates, tables, columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Words of the question.
    pub words: usize,
    /// Literal candidates.
    pub candidates: usize,
    /// Tables.
    pub tables: usize,
    /// Columns.
    pub columns: usize,
}

impl Outline {
    /// Of a question's features.
    pub fn of(features: &Features) -> Self {
        Self {
            words: features.words,
            candidates: features.candidates,
            tables: features.tables,
            columns: features.columns,
        }
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.words + self.candidates + self.tables + self.columns
    }

    /// The output a step stands at: fixed actions first, then the items.
    pub fn output(&self, step: Step) -> usize {
        match step {
            Step::Act(action) => action.index(),
            Step::Value(at) => ACTIONS + self.words + at,
            Step::Table(at) => ACTIONS + self.words + self.candidates + at,
            Step::Column(at) => ACTIONS + self.words + self.candidates + self.tables + at,
        }
    }

    /// The step an output stands for; words stand for none.
    pub fn step(&self, output: usize) -> Option<Step> {
        if output < ACTIONS {
            return Action::from_index(output).map(Step::Act);
        }
        let at = (output - ACTIONS).checked_sub(self.words)?;
        if at < self.candidates {
            return Some(Step::Value(at));
        }
        let at = at - self.candidates;
        if at < self.tables {
            return Some(Step::Table(at));
        }
        let at = at - self.tables;
        (at < self.columns).then_some(Step::Column(at))
    }

    /// All outputs the grammar admits, in ascending order.
    pub fn legal(&self, legal: &Legal) -> Vec<u16> {
        let mut outputs: Vec<u16> = (0..ACTIONS)
            .filter(|at| legal.actions >> at & 1 == 1)
            .map(|at| at as u16)
            .collect();
        let mut start = ACTIONS + self.words;
        for (flags, length) in [
            (&legal.values, self.candidates),
            (&legal.tables, self.tables),
            (&legal.columns, self.columns),
        ] {
            let open = flags
                .iter()
                .take(length)
                .enumerate()
                .filter(|(_, open)| **open);
            outputs.extend(open.map(|(at, _)| (start + at) as u16));
            start += length;
        }
        outputs
    }
}

/// How a step enters the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Row of the input embedding: an action, or one of the marks after them.
    pub code: i64,
    /// The item pointed at, if any.
    pub item: Option<usize>,
}

impl Input {
    /// What stands before the first step.
    pub const START: Self = Self {
        code: ACTIONS as i64,
        item: None,
    };
    /// Rows of the input embedding: the actions, the start and three sorts of pointer.
    pub const CODES: i64 = ACTIONS as i64 + 4;

    /// Of a step taken.
    pub fn of(step: Step, outline: &Outline) -> Self {
        let pointer = |code: i64| Self {
            code: ACTIONS as i64 + code,
            item: Some(outline.output(step) - ACTIONS),
        };
        match step {
            Step::Act(action) => Self {
                code: action.index() as i64,
                item: None,
            },
            Step::Column(_) => pointer(1),
            Step::Table(_) => pointer(2),
            Step::Value(_) => pointer(3),
        }
    }
}

/// What the decoder is to learn of one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// Inputs, beginning with [`Input::START`].
    pub inputs: Vec<Input>,
    /// The output after each input.
    pub targets: Vec<u16>,
    /// The outputs the grammar admits there.
    pub legal: Vec<Vec<u16>>,
}

impl Lesson {
    /// Walks the grammar along `steps`.
    pub fn of(
        steps: &[Step],
        schema: &Schema,
        question: &Question,
        outline: &Outline,
    ) -> Result<Self, String> {
        let mut state = State::new(schema, question);
        let mut lesson = Self {
            inputs: vec![Input::START],
            targets: vec![],
            legal: vec![],
        };
        for &step in steps {
            let legal = outline.legal(&state.legal());
            let target = outline.output(step) as u16;
            if !legal.contains(&target) {
                return Err(format!("step {step:?} is not among the legal ones"));
            }
            lesson.targets.push(target);
            lesson.legal.push(legal);
            lesson.inputs.push(Input::of(step, outline));
            state.advance(step).map_err(|error| error.to_string())?;
        }
        if !state.is_done() {
            return Err("the steps stop before the query is complete".to_owned());
        }
        lesson.inputs.pop();
        Ok(lesson)
    }
}

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
