//! One layer's attention, piece by piece, on whichever thread has time.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled without the set's instructions"
)]

use std::{
    marker::PhantomData,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{Batch, Part, Piece, Task};
use crate::{
    attention::{
        Heads, PAGE,
        block::{Block, Rules, SPAN},
        tile::Ahead,
    },
    rows::Shared,
    vector::{Element, Kernel, Vector},
};

/// One layer's attention under way.
pub(super) struct Run<'r, 'a, E> {
    batch: &'r Batch<'a>,
    layer: usize,
    heads: &'r Heads<'r>,
    qkv: &'r [f32],
    output: Shared<f32>,
    saved: Shared<f32>,
    /// The next piece that nobody has begun.
    next: AtomicUsize,
    element: PhantomData<E>,
}

impl<'r, 'a, E> Run<'r, 'a, E> {
    /// From prepared queries to outputs; `saved` is for spans that are computed apart.
    pub(super) fn new(
        batch: &'r Batch<'a>,
        layer: usize,
        heads: &'r Heads<'r>,
        qkv: &'r [f32],
        (output, saved): (&mut [f32], &mut [f32]),
    ) -> Self {
        Self {
            batch,
            layer,
            heads,
            qkv,
            output: Shared::new(output),
            saved: Shared::new(saved),
            next: AtomicUsize::new(0),
            element: PhantomData,
        }
    }
}

impl<E: Element> Kernel for &Run<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        // No closure here: it would be compiled without the set's instructions.
        let mut block = Block::take();
        while let Some(piece) = self
            .batch
            .pieces
            .get(self.next.fetch_add(1, Ordering::Relaxed))
        {
            self.piece(vector, &mut block, piece);
        }
        block.put_back();
    }
}

impl<E: Element> Run<'_, '_, E> {
    #[inline(always)]
    fn piece<V: Vector>(&self, vector: V, block: &mut Block, piece: &Piece) {
        let task = &self.batch.tasks[piece.task];
        let part = &self.batch.parts[task.part];
        self.begin(block, task, part);
        let apart = piece.pages != task.pages;
        let mut page = piece.pages.0;
        while page < piece.pages.1 {
            let span = page / SPAN;
            let stop = ((span + 1) * SPAN).min(piece.pages.1);
            while page < stop {
                self.meet(vector, block, task, part, page);
                page += 1;
            }
            if apart {
                block.save(self.saved(task, span));
            } else {
                block.end_span(vector);
            }
        }
        if apart {
            // Whoever is done last gathers the spans, in their order.
            if task.left.fetch_sub(1, Ordering::AcqRel) != 1 {
                return;
            }
            for span in task.pages.0 / SPAN..task.pages.1.div_ceil(SPAN) {
                block.restore(self.saved(task, span));
                block.end_span(vector);
            }
        }
        block.end(vector);
        self.finish(block, task, part);
    }

    #[inline(always)]
    fn meet<V: Vector>(
        &self,
        vector: V,
        block: &mut Block,
        task: &Task,
        part: &Part<'_>,
        page: usize,
    ) {
        let rules = Rules {
            scale: self.heads.scale,
            cap: self.heads.cap,
        };
        let (first, end) = (part.past + task.tokens.0, part.past + task.tokens.1);
        let start = page * PAGE;
        let low = self.low(first).max(start);
        let high = end.min(start + PAGE);
        let place = self.batch.layout.place(self.layer, task.head);
        let next = if page + 1 < task.pages.1 {
            self.ahead(part, task, page + 1)
        } else {
            self.ahead_of_next_piece()
        };
        // SAFETY: the place lies in the page, which has room for all layers and heads; all that is to be read was
        // written before this run began, and nobody writes now.
        unsafe {
            let keys = part.pages[page]
                .address()
                .cast::<E>()
                .cast_const()
                .add(place);
            let values = keys.add(self.heads.width * PAGE);
            block.meet(vector, rules, (keys, values), start, (low, high), next);
        }
    }

    /// A page's keys.
    fn ahead(&self, part: &Part<'_>, task: &Task, page: usize) -> Ahead {
        let keys = part.pages[page].address().cast::<E>().cast_const();
        let place = self.batch.layout.place(self.layer, task.head);
        Ahead::of(keys.wrapping_add(place), self.heads.width * PAGE)
    }

    /// The keys that are likely to be this thread's next.
    fn ahead_of_next_piece(&self) -> Ahead {
        let next = self.next.load(Ordering::Relaxed);
        self.batch.pieces.get(next).map_or(Ahead::NONE, |piece| {
            let task = &self.batch.tasks[piece.task];
            self.ahead(&self.batch.parts[task.part], task, piece.pages.0)
        })
    }

    /// The first position that one at `position` sees.
    fn low(&self, position: usize) -> usize {
        self.heads
            .window
            .map_or(0, |window| (position + 1).saturating_sub(window))
    }

    /// Fills the block with the task's queries.
    fn begin(&self, block: &mut Block, task: &Task, part: &Part<'_>) {
        let (group, width) = (self.heads.group(), self.heads.width);
        block.begin((task.tokens.1 - task.tokens.0) * group, width);
        for token in task.tokens.0..task.tokens.1 {
            let position = part.past + token;
            let from = (part.first + token) * self.heads.row() + task.head * group * width;
            let queries = self.qkv[from..from + group * width].chunks_exact(width);
            for (index, query) in queries.enumerate() {
                let row = (token - task.tokens.0) * group + index;
                block.set(row, query, (self.low(position), position + 1));
            }
        }
    }

    /// Writes the task's results.
    fn finish(&self, block: &Block, task: &Task, part: &Part<'_>) {
        let (group, width) = (self.heads.group(), self.heads.width);
        for token in task.tokens.0..task.tokens.1 {
            let from = ((part.first + token) * self.heads.heads + task.head * group) * width;
            // SAFETY: the buffer is long enough, and a token's heads are one task's.
            let out = unsafe { self.output.piece(from, group * width) };
            for (index, out) in out.chunks_exact_mut(width).enumerate() {
                block.result((token - task.tokens.0) * group + index, out);
            }
        }
    }

    /// Where a span's sums are saved.
    #[expect(
        clippy::mut_from_ref,
        reason = "each span has its own place, behind a shared address"
    )]
    fn saved(&self, task: &Task, span: usize) -> &mut [f32] {
        let rows = (task.tokens.1 - task.tokens.0) * self.heads.group();
        let length = Block::saved(rows, self.heads.width);
        let from = task.saved + (span - task.pages.0 / SPAN) * length;
        // SAFETY: there is room for all spans of the task; a span's place is used by who computes it and then, once
        // all are done, by who gathers them.
        unsafe { self.saved.piece(from, length) }
    }
}
