//! What several sequences run in one step.

#![expect(
    unsafe_code,
    reason = "the team's threads write heads and pages that do not overlap"
)]
mod run;

use std::sync::atomic::AtomicUsize;

use half::{bf16, f16};

use self::run::Run;
use super::{
    Cache, Heads, Layout, PAGE, Storage,
    block::{Block, SPAN},
};
use crate::{
    matrix::KernelError,
    norm::rms_norm_in_place,
    rope::{Turns, rotate},
    rows::{Shared, ranges},
    team::Team,
    vector::{Element, dispatch},
};

/// Rows of queries that are computed together.
const ROWS: usize = 48;
/// Multiplications below which handing work out takes longer than doing it.
const ALONE: usize = 1 << 15;

/// Sequences with the tokens they are about to run. Unless [`Batch::commit`] is called, their caches hold what they held.
pub struct Batch<'a> {
    layout: Layout,
    parts: Vec<Part<'a>>,
    rows: usize,
    tasks: Vec<Task>,
    pieces: Vec<Piece>,
    /// Sums of spans that were computed apart.
    saved: Vec<f32>,
}

struct Part<'a> {
    cache: &'a mut Cache,
    pages: Vec<Shared<u8>>,
    /// Tokens held before.
    past: usize,
    tokens: usize,
    /// Its first row in the batch.
    first: usize,
}

/// Rows of one sequence that share the keys of one head.
struct Task {
    part: usize,
    head: usize,
    /// Tokens, counted in the part.
    tokens: (usize, usize),
    /// Pages of keys that they see.
    pages: (usize, usize),
    /// Pieces not yet done.
    left: AtomicUsize,
    /// Where the sums of its spans are saved.
    saved: usize,
}

/// What a thread does at a time: some spans of a task, or all.
struct Piece {
    task: usize,
    pages: (usize, usize),
}

impl<'a> Batch<'a> {
    /// Of sequences and how many tokens each runs; their rows stand in this order. Room is made in the caches.
    ///
    /// # Errors
    ///
    /// [`KernelError::Memory`] when there is no such room.
    ///
    /// # Panics
    ///
    /// When the caches differ in layout.
    pub fn new(
        sequences: impl IntoIterator<Item = (&'a mut Cache, usize)>,
    ) -> Result<Self, KernelError> {
        let mut parts: Vec<Part<'a>> = Vec::new();
        let mut rows = 0;
        for (cache, tokens) in sequences {
            cache.reserve(tokens)?;
            parts.push(Part {
                pages: cache.starts().map(Shared::at).collect(),
                past: cache.tokens(),
                tokens,
                first: rows,
                cache,
            });
            rows += tokens;
        }
        let layout = parts
            .first()
            .map_or(Layout::NONE, |part| *part.cache.layout());
        assert!(
            parts.iter().all(|part| *part.cache.layout() == layout),
            "caches of different models cannot run together"
        );
        Ok(Self {
            layout,
            parts,
            rows,
            tasks: Vec::new(),
            pieces: Vec::new(),
            saved: Vec::new(),
        })
    }

    /// Tokens of all sequences.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The attention of one layer. `qkv` has a row per token: queries, keys and values, which are normed and turned in
    /// place; `turns` has the rotary positions for each sequence, reaching to its last token. `output` gets a row per
    /// token of all query heads.
    ///
    /// # Panics
    ///
    /// When a buffer or a table is too short, or the heads are not those of the caches' layout.
    pub fn attend(
        &mut self,
        team: &Team,
        layer: usize,
        heads: &Heads<'_>,
        turns: &[&Turns],
        qkv: &mut [f32],
        output: &mut [f32],
    ) {
        if self.rows == 0 {
            return;
        }
        assert!(
            layer < self.layout.layers
                && heads.kv_heads == self.layout.kv_heads
                && heads.width == self.layout.width
                && heads.heads == heads.group() * heads.kv_heads
                && heads.group() > 0,
            "the heads are not those that the caches were made for"
        );
        assert_eq!(turns.len(), self.parts.len(), "positions per sequence");
        assert!(
            qkv.len() >= self.rows * heads.row()
                && output.len() >= self.rows * heads.heads * heads.width,
            "the buffers are too short for {} tokens",
            self.rows
        );
        for (part, turns) in self.parts.iter().zip(turns) {
            assert!(
                turns.first() <= part.past
                    && turns.positions() >= part.past + part.tokens
                    && 2 * turns.pairs() <= heads.width,
                "the rotary positions do not reach"
            );
        }
        match self.layout.storage {
            Storage::F32 => self.attend_as::<f32>(team, layer, heads, turns, qkv, output),
            Storage::Bf16 => self.attend_as::<bf16>(team, layer, heads, turns, qkv, output),
            Storage::F16 => self.attend_as::<f16>(team, layer, heads, turns, qkv, output),
        }
    }

    /// Says that all layers have run: the caches hold the tokens from now on.
    pub fn commit(self) {
        for part in self.parts {
            part.cache.advance(part.tokens);
        }
    }

    fn attend_as<E: Element>(
        &mut self,
        team: &Team,
        layer: usize,
        heads: &Heads<'_>,
        turns: &[&Turns],
        qkv: &mut [f32],
        output: &mut [f32],
    ) {
        let shared = Shared::new(qkv);
        ranges(team, self.rows, heads.row(), |first, end| {
            let mut at = self
                .parts
                .partition_point(|part| part.first + part.tokens <= first);
            for row in first..end {
                while row >= self.parts[at].first + self.parts[at].tokens {
                    at += 1;
                }
                // SAFETY: the buffer is long enough, and each row is one thread's.
                let numbers = unsafe { shared.piece(row * heads.row(), heads.row()) };
                self.prepare::<E>(&self.parts[at], row, layer, heads, turns[at], numbers);
            }
        });
        let work = self.share_out(team, heads);
        let mut saved = std::mem::take(&mut self.saved);
        let run = Run::<E>::new(self, layer, heads, qkv, (output, &mut saved));
        if work < ALONE {
            dispatch(&run);
        } else {
            team.run(&|_, _| dispatch(&run));
        }
        self.saved = saved;
    }

    /// Norms and turns a row's queries and keys, and keeps its keys and values.
    fn prepare<E: Element>(
        &self,
        part: &Part<'_>,
        row: usize,
        layer: usize,
        heads: &Heads<'_>,
        turns: &Turns,
        numbers: &mut [f32],
    ) {
        let width = heads.width;
        let position = part.past + row - part.first;
        let (cos, sin) = turns.at(position);
        let (turned, values) = numbers.split_at_mut((heads.heads + heads.kv_heads) * width);
        for (index, head) in turned.chunks_exact_mut(width).enumerate() {
            let norm = if index < heads.heads {
                heads.query_norm
            } else {
                heads.key_norm
            };
            if let Some(weight) = norm {
                rms_norm_in_place(head, weight, heads.epsilon);
            }
            rotate(head, cos, sin);
        }
        let keys = turned[heads.heads * width..].chunks_exact(width);
        let slot = position % PAGE;
        let page = part.pages[position / PAGE].address().cast::<E>();
        for (head, (keys, values)) in keys.zip(values.chunks_exact(width)).enumerate() {
            // SAFETY: the place lies in the page, which has room for all layers and heads.
            let kept = unsafe { page.add(self.layout.place(layer, head)) };
            for (at, key) in keys.iter().enumerate() {
                // SAFETY: as above; a position's numbers are one thread's, and the page is this cache's own.
                unsafe { kept.add(at * PAGE + slot).write(E::narrow(*key)) };
            }
            // SAFETY: as above.
            let kept = unsafe { kept.add(width * PAGE + slot * self.layout.padded()) };
            for (at, value) in values.iter().enumerate() {
                // SAFETY: as above.
                unsafe { kept.add(at).write(E::narrow(*value)) };
            }
        }
    }

    /// Cuts the work into tasks, and these into spans where there are too few for the threads. Gives the number of
    /// multiplications.
    fn share_out(&mut self, team: &Team, heads: &Heads<'_>) -> usize {
        let group = heads.group();
        let step = (ROWS / group).max(1);
        let mut work = 0;
        self.tasks.clear();
        for (index, part) in self.parts.iter().enumerate() {
            // The last tokens see most: they go first, so that no thread is left with a long end.
            for block in (0..part.tokens.div_ceil(step)).rev() {
                let tokens = (block * step, ((block + 1) * step).min(part.tokens));
                let (first, end) = (part.past + tokens.0, part.past + tokens.1);
                let low = heads
                    .window
                    .map_or(0, |window| (first + 1).saturating_sub(window));
                let rows = (tokens.1 - tokens.0) * group;
                work += heads.kv_heads * rows * (end - low) * 2 * heads.width;
                for head in 0..heads.kv_heads {
                    self.tasks.push(Task {
                        part: index,
                        head,
                        tokens,
                        pages: (low / PAGE, end.div_ceil(PAGE)),
                        left: AtomicUsize::new(1),
                        saved: 0,
                    });
                }
            }
        }
        let threads = team.threads();
        let split = threads > 1 && work >= ALONE && self.tasks.len() < 2 * threads;
        let most = if split {
            (2 * threads).div_ceil(self.tasks.len())
        } else {
            1
        };
        self.pieces.clear();
        let mut saved = 0;
        for (index, task) in self.tasks.iter_mut().enumerate() {
            let spans = (task.pages.0 / SPAN, task.pages.1.div_ceil(SPAN));
            let count = spans.1 - spans.0;
            let pieces = most.min(count).max(1);
            if pieces > 1 {
                task.saved = saved;
                task.left = AtomicUsize::new(pieces);
                let rows = (task.tokens.1 - task.tokens.0) * group;
                saved += count * Block::saved(rows, heads.width);
            }
            for piece in 0..pieces {
                let from = (spans.0 + count * piece / pieces) * SPAN;
                let to = (spans.0 + count * (piece + 1) / pieces) * SPAN;
                self.pieces.push(Piece {
                    task: index,
                    pages: (from.max(task.pages.0), to.min(task.pages.1)),
                });
            }
        }
        if self.saved.len() < saved {
            self.saved.resize(saved, 0.0);
        }
        work
    }
}
