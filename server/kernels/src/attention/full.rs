//! Attention of whole texts: every token sees those before and behind it.

#![expect(
    unsafe_code,
    reason = "the team's threads write heads that do not overlap"
)]
#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled without the set's instructions"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    PAGE,
    block::{Block, Rules, SPAN},
    tile::Ahead,
};
use crate::{
    rows::Shared,
    team::Team,
    vector::{Kernel, Vector, dispatch},
};

/// A text up to this length is one piece of work per head.
const WHOLE: usize = 128;
/// Rows of queries of a longer one that are computed together.
const ROWS: usize = 96;

/// Texts one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// A row per token: the queries of all heads, then their keys, then their values.
    pub qkv: &'a [f32],
    /// Tokens of each text.
    pub lengths: &'a [usize],
    /// Heads.
    pub heads: usize,
    /// Numbers of a head.
    pub width: usize,
    /// Multiplies products of queries and keys.
    pub scale: f32,
    /// A token sees itself and so many tokens on either side.
    pub window: Option<usize>,
}

/// Attention within each text. `output` gets a row per token of all heads.
///
/// # Panics
///
/// When a buffer is too short for the tokens.
pub fn full(team: &Team, texts: &Texts<'_>, output: &mut [f32]) {
    let rows: usize = texts.lengths.iter().sum();
    let width = texts.heads * texts.width;
    assert!(
        texts.qkv.len() >= rows * 3 * width && output.len() >= rows * width,
        "the buffers are too short for {rows} tokens"
    );
    let mut tasks = Vec::new();
    let mut first = 0;
    for &length in texts.lengths {
        let step = if length <= WHOLE { WHOLE } else { ROWS };
        for from in (0..length).step_by(step) {
            tasks.extend((0..texts.heads).map(|head| Task {
                first,
                length,
                head,
                rows: (from, (from + step).min(length)),
            }));
        }
        first += length;
    }
    let run = Run {
        texts,
        tasks,
        output: Shared::new(output),
        next: AtomicUsize::new(0),
    };
    if run.tasks.len() > 1 {
        team.run(&|_, _| dispatch(&run));
    } else {
        dispatch(&run);
    }
}

/// Rows of one head of one text.
struct Task {
    /// The text's first row.
    first: usize,
    length: usize,
    head: usize,
    rows: (usize, usize),
}

struct Run<'r> {
    texts: &'r Texts<'r>,
    tasks: Vec<Task>,
    output: Shared<f32>,
    /// The next task that nobody has begun.
    next: AtomicUsize,
}

impl Kernel for &Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        let mut block = Block::take();
        while let Some(task) = self.tasks.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            self.begin(&mut block, task);
            let (low, _) = self.sight(task.rows.0, task.length);
            let (_, high) = self.sight(task.rows.1 - 1, task.length);
            let (mut keys, mut values) = (
                std::mem::take(&mut block.keys),
                std::mem::take(&mut block.values),
            );
            let mut start = low / PAGE * PAGE;
            while start < high {
                let seen = (low.max(start), high.min(start + PAGE));
                self.lay_out(task, (start, seen.1), &mut keys, &mut values);
                let rules = Rules {
                    scale: self.texts.scale,
                    cap: None,
                };
                let laid_out = (keys.as_ptr(), values.as_ptr());
                // SAFETY: the buffers were just laid out for a block.
                unsafe { block.meet(vector, rules, laid_out, start, seen, Ahead::NONE) };
                start += PAGE;
                if start >= high || start.is_multiple_of(PAGE * SPAN) {
                    block.end_span(vector);
                }
            }
            (block.keys, block.values) = (keys, values);
            block.end(vector);
            self.finish(&block, task);
        }
        block.put_back();
    }
}

impl Run<'_> {
    /// The tokens that one sees.
    fn sight(&self, token: usize, length: usize) -> (usize, usize) {
        self.texts.window.map_or((0, length), |window| {
            let high = token.saturating_add(window).saturating_add(1);
            (token.saturating_sub(window), high.min(length))
        })
    }

    /// The numbers of one token and head: its query (0), key (1) or value (2).
    fn part(&self, task: &Task, token: usize, which: usize) -> &[f32] {
        let Texts { heads, width, .. } = *self.texts;
        let from = ((task.first + token) * 3 + which) * heads * width + task.head * width;
        &self.texts.qkv[from..from + width]
    }

    fn begin(&self, block: &mut Block, task: &Task) {
        let (first, end) = task.rows;
        block.begin(end - first, self.texts.width);
        for token in first..end {
            let query = self.part(task, token, 0);
            block.set(token - first, query, self.sight(token, task.length));
        }
    }

    /// Keys transposed and values padded, as in a page of a cache.
    fn lay_out(
        &self,
        task: &Task,
        (start, end): (usize, usize),
        keys: &mut Vec<f32>,
        values: &mut Vec<f32>,
    ) {
        let width = self.texts.width;
        let padded = Block::padded(width);
        keys.resize(width * PAGE, 0.0);
        values.resize(padded * PAGE, 0.0);
        for token in start..end {
            let slot = token - start;
            for (at, key) in self.part(task, token, 1).iter().enumerate() {
                keys[at * PAGE + slot] = *key;
            }
            let (numbers, rest) = values[slot * padded..(slot + 1) * padded].split_at_mut(width);
            numbers.copy_from_slice(self.part(task, token, 2));
            // Another model's numbers may stand there.
            rest.fill(0.0);
        }
    }

    fn finish(&self, block: &Block, task: &Task) {
        let Texts { heads, width, .. } = *self.texts;
        for token in task.rows.0..task.rows.1 {
            let from = ((task.first + token) * heads + task.head) * width;
            // SAFETY: the buffer is long enough, and a token's head is one task's.
            let out = unsafe { self.output.piece(from, width) };
            block.result(token - task.rows.0, out);
        }
    }
}
