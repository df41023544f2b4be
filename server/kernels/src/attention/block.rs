//! Rows that share keys, and what they have seen of them so far: softmax taken while going along.
//!
//! Blocks of [`PAGE`] keys are gathered into spans of [`SPAN`] blocks, and spans into the whole, in that order always;
//! so spans may be computed apart and still give the same numbers.

#![expect(
    unsafe_code,
    reason = "hands the addresses of its buffers to the small product"
)]
#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled without the set's instructions"
)]

mod spans;

use std::cell::RefCell;

use self::spans::Sums;
use super::{
    cache::{PAD, PAGE},
    tile::{Ahead, Rows, multiply},
};
use crate::{
    activation::{exp, exp_share, tangent},
    vector::{Element, Kernel, Vector},
};

/// Blocks of a span.
pub(super) const SPAN: usize = 8;
/// From so many rows on it pays to widen a block's numbers once for all of them.
const WIDEN: usize = 12;

/// How scores become shares.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) scale: f32,
    pub(super) cap: Option<f32>,
}

/// Rows of queries and their running sums. Kept from one use to the next, so that its buffers are made once.
#[derive(Default)]
pub(super) struct Block {
    rows: usize,
    width: usize,
    padded: usize,
    /// `[rows, width]`.
    queries: Vec<f32>,
    /// Per row the first key it sees and the one behind the last.
    limits: Vec<(usize, usize)>,
    /// `[rows, PAGE]`: scores, then shares.
    scores: Vec<f32>,
    /// `[rows, padded]`: what a block adds.
    fresh: Vec<f32>,
    span: Sums,
    whole: Sums,
    /// Per row, what earlier sums are multiplied by; twice.
    factors: [Vec<f32>; 2],
    /// A block's keys and values as f32.
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
}

thread_local! {
    static BLOCK: RefCell<Block> = RefCell::default();
}

impl Block {
    /// This thread's block.
    pub(super) fn take() -> Self {
        BLOCK.take()
    }

    /// Keeps the block for the next use.
    pub(super) fn put_back(self) {
        BLOCK.set(self);
    }

    /// Numbers of a value with those that fill its last register.
    pub(super) fn padded(width: usize) -> usize {
        width.next_multiple_of(PAD)
    }

    /// Begins with `rows` queries of `width` numbers; [`Block::set`] says which.
    pub(super) fn begin(&mut self, rows: usize, width: usize) {
        self.rows = rows;
        self.width = width;
        self.padded = Self::padded(width);
        self.queries.resize(rows * width, 0.0);
        self.limits.resize(rows, (0, 0));
        self.scores.resize(rows * PAGE, 0.0);
        self.fresh.resize(rows * self.padded, 0.0);
        for factors in &mut self.factors {
            factors.resize(rows, 0.0);
        }
        self.span.clear(rows, self.padded);
        self.whole.clear(rows, self.padded);
    }

    /// Sets a row's query, and that it sees the keys from `low` up to but without `high`.
    pub(super) fn set(&mut self, row: usize, query: &[f32], (low, high): (usize, usize)) {
        self.queries[row * self.width..(row + 1) * self.width].copy_from_slice(query);
        self.limits[row] = (low, high);
    }

    /// Takes in the block of keys that begins at position `start`, of which the rows see at most those from `low` up to
    /// `high`. Meanwhile, `next` is brought nearer.
    ///
    /// # Safety
    /// `keys` must be readable for `[width, PAGE]` numbers, `values` for `[PAGE, padded]`; those of `values` that are
    /// not between `low` and `high` are not looked at.
    #[inline(always)]
    pub(super) unsafe fn meet<V: Vector, E: Element>(
        &mut self,
        vector: V,
        rules: Rules,
        (keys, values): (*const E, *const E),
        start: usize,
        (low, high): (usize, usize),
        next: Ahead,
    ) {
        if self.rows > WIDEN && size_of::<E>() < size_of::<f32>() {
            let (mut wide_keys, mut wide_values) = (
                std::mem::take(&mut self.keys),
                std::mem::take(&mut self.values),
            );
            wide_keys.resize(self.width * PAGE, 0.0);
            wide_values.resize(self.padded * PAGE, 0.0);
            let (from, to) = ((low - start) * self.padded, (high - start) * self.padded);
            // SAFETY: the caller's promise; the buffers were just made as large.
            unsafe {
                widen(vector, keys, &mut wide_keys);
                widen(vector, values.add(from), &mut wide_values[from..to]);
                let wide = (wide_keys.as_ptr(), wide_values.as_ptr());
                self.take_in_apart(vector, rules, wide, start, (low, high), next);
            }
            self.keys = wide_keys;
            self.values = wide_values;
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.take_in_apart(vector, rules, (keys, values), start, (low, high), next) };
        }
    }

    #[inline(always)]
    unsafe fn take_in_apart<V: Vector, E: Element>(
        &mut self,
        vector: V,
        rules: Rules,
        numbers: (*const E, *const E),
        start: usize,
        seen: (usize, usize),
        next: Ahead,
    ) {
        vector.apart(TakeIn {
            block: self,
            rules,
            numbers,
            start,
            seen,
            next,
        });
    }

    #[inline(always)]
    unsafe fn take_in<V: Vector, E: Element>(
        &mut self,
        vector: V,
        rules: Rules,
        (keys, values): (*const E, *const E),
        start: usize,
        (low, high): (usize, usize),
        next: Ahead,
    ) {
        let (from, to) = (low - start, high - start);
        let columns = to.next_multiple_of(PAD);
        let queries = Rows {
            start: self.queries.as_ptr(),
            stride: self.width,
        };
        let keys = Rows {
            start: keys,
            stride: PAGE,
        };
        let scores = Rows {
            start: self.scores.as_mut_ptr(),
            stride: PAGE,
        };
        let ahead = Ahead::of(
            values.wrapping_add(from * self.padded),
            (to - from) * self.padded,
        );
        let shape = (self.rows, self.width, columns);
        // SAFETY: the buffers are as large as `begin` made them, keys and values as the caller promises.
        unsafe { multiply(vector, queries, keys, scores, shape, ahead) };
        for row in 0..self.rows {
            self.weigh(vector, rules, row, start, columns);
        }
        exponents(vector, &mut self.factors[0]);
        let shares = Rows {
            // SAFETY: `from` is a column of the first row.
            start: unsafe { self.scores.as_ptr().add(from) },
            stride: PAGE,
        };
        let values = Rows {
            // SAFETY: `from` is a row of the values.
            start: unsafe { values.add(from * self.padded) },
            stride: self.padded,
        };
        let fresh = Rows {
            start: self.fresh.as_mut_ptr(),
            stride: self.padded,
        };
        let shape = (self.rows, to - from, self.padded);
        // SAFETY: as above.
        unsafe { multiply(vector, shares, values, fresh, shape, next) };
        for row in 0..self.rows {
            let factor = self.factors[0][row];
            // What the block adds to the weight was left in its place by `weigh`.
            let weight = self.span.weight[row];
            self.span.weight[row] = self.factors[1][row] + weight * factor;
            let numbers = row * self.padded..(row + 1) * self.padded;
            let sums = self.span.values[numbers.clone()].chunks_exact_mut(V::LANES);
            let fresh = self.fresh[numbers].chunks_exact(V::LANES);
            let factor = vector.splat(factor);
            for (sum, fresh) in sums.zip(fresh) {
                vector.put(sum, vector.fma(vector.of(sum), factor, vector.of(fresh)));
            }
        }
    }

    /// Turns a row's scores into weights relative to the largest score of the span so far. What must be added to the
    /// weight is left in the second factors, how far the largest score rose in the first.
    #[inline(always)]
    fn weigh<V: Vector>(
        &mut self,
        vector: V,
        rules: Rules,
        row: usize,
        start: usize,
        columns: usize,
    ) {
        let scores = &mut self.scores[row * PAGE..row * PAGE + columns];
        let mut scale = rules.scale;
        if let Some(cap) = rules.cap {
            let (factor, cap) = (vector.splat(scale), vector.splat(cap));
            for part in scores.chunks_exact_mut(V::LANES) {
                let share = vector.div(vector.mul(vector.of(part), factor), cap);
                vector.put(part, vector.mul(cap, tangent(vector, share)));
            }
            scale = 1.0;
        }
        let (low, high) = self.limits[row];
        let from = low.saturating_sub(start).min(columns);
        let to = high.saturating_sub(start).clamp(from, columns);
        scores[..from].fill(f32::NEG_INFINITY);
        scores[to..].fill(f32::NEG_INFINITY);
        let mut most = vector.splat(f32::NEG_INFINITY);
        for part in scores.chunks_exact(V::LANES) {
            most = vector.max(vector.of(part), most);
        }
        let before = self.span.most[row];
        // Scales are above zero: the largest stays the largest.
        let now = before.max(vector.most(most) * scale);
        self.span.most[row] = now;
        if now == f32::NEG_INFINITY {
            // Nothing seen yet: infinity less infinity is no number.
            scores.fill(0.0);
            self.factors[0][row] = 0.0;
            self.factors[1][row] = 0.0;
            return;
        }
        let (scale, down) = (vector.splat(scale), vector.splat(-now));
        let mut sum = vector.splat(0.0);
        for part in scores.chunks_exact_mut(V::LANES) {
            let share = exp_share(vector, vector.fma(vector.of(part), scale, down));
            sum = vector.add(sum, share);
            vector.put(part, share);
        }
        self.factors[0][row] = before - now;
        self.factors[1][row] = vector.sum(sum);
    }
}

/// [`Block::take_in`] with what it is called with; made where the caller of [`Block::meet`] answers for the addresses.
struct TakeIn<'b, E> {
    block: &'b mut Block,
    rules: Rules,
    numbers: (*const E, *const E),
    start: usize,
    seen: (usize, usize),
    next: Ahead,
}

impl<E: Element> Kernel for TakeIn<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        let Self {
            rules,
            numbers,
            start,
            seen,
            next,
            ..
        } = self;
        // SAFETY: the promise of who made it.
        unsafe {
            self.block
                .take_in(vector, rules, numbers, start, seen, next);
        }
    }
}

/// Replaces each by its exponential.
#[inline(always)]
fn exponents<V: Vector>(vector: V, numbers: &mut [f32]) {
    for part in numbers.chunks_mut(V::LANES) {
        let value = exp(vector, vector.load_some(part, 0.0));
        vector.store_some(part, value);
    }
}

/// # Safety
/// `from` must be readable for as many numbers as `into` has, which must be a whole number of registers.
#[inline(always)]
unsafe fn widen<V: Vector, E: Element>(vector: V, from: *const E, into: &mut [f32]) {
    for (at, part) in into.chunks_exact_mut(V::LANES).enumerate() {
        // SAFETY: the caller's promise.
        let value = unsafe { E::load(vector, from.add(at * V::LANES)) };
        vector.put(part, value);
    }
}
