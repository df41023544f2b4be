//! The small product under all attention: few rows, one block of keys or values.

#![expect(
    unsafe_code,
    reason = "reads places that its callers have laid out, without a check per register"
)]
#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled without the set's instructions"
)]

use crate::{
    memory::LINE,
    vector::{Element, Kernel, Vector},
};

/// Rows in registers at once.
const ROWS: usize = 6;
/// Lines of memory that are asked for at once.
const AT_ONCE: usize = 24;

/// Rows of numbers, some distance apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<T> {
    /// The first number.
    pub(super) start: T,
    /// From the beginning of a row to that of the next.
    pub(super) stride: usize,
}

/// `out[rows, columns] = a[rows, depth] · b[depth, columns]`. Every number of `out` is summed in the order of `depth`,
/// whatever the other figures are. Meanwhile, `ahead` is brought nearer.
///
/// # Safety
/// All three must be as large as said, and `columns` a whole number of registers.
#[inline(always)]
pub(super) unsafe fn multiply<V: Vector, E: Element>(
    vector: V,
    a: Rows<*const f32>,
    b: Rows<*const E>,
    out: Rows<*mut f32>,
    (rows, depth, columns): (usize, usize, usize),
    ahead: Ahead,
) {
    vector.apart(Product {
        a,
        b,
        out,
        rows,
        depth,
        columns,
        ahead,
    });
}

/// Memory that will be wanted next, to be brought nearer meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    next: *const u8,
    lines: usize,
}

impl Ahead {
    /// Nothing.
    pub(super) const NONE: Self = Self {
        next: std::ptr::null(),
        lines: 0,
    };

    /// `count` things from `start` on.
    pub(super) fn of<T>(start: *const T, count: usize) -> Self {
        Self {
            next: start.cast(),
            lines: (count * size_of::<T>()).div_ceil(LINE),
        }
    }

    /// Asks for the next few lines: more at once would wait for each other.
    #[inline(always)]
    fn ask<V: Vector>(&mut self, vector: V) {
        let lines = self.lines.min(AT_ONCE);
        for _ in 0..lines {
            vector.prefetch(self.next);
            self.next = self.next.wrapping_add(LINE);
        }
        self.lines -= lines;
    }
}

/// Made by [`multiply`] only, whose caller answers for it.
struct Product<E> {
    a: Rows<*const f32>,
    b: Rows<*const E>,
    out: Rows<*mut f32>,
    rows: usize,
    depth: usize,
    columns: usize,
    ahead: Ahead,
}

impl<E: Element> Kernel for Product<E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        let Self {
            b,
            depth,
            columns,
            mut ahead,
            ..
        } = self;
        let near = &mut ahead;
        let most = if V::TILES { ROWS } else { 1 };
        let strips = self.rows.div_ceil(most);
        for strip in 0..strips {
            // Even shares: six rows and then one would read everything twice for the one.
            let first = self.rows * strip / strips;
            let end = self.rows * (strip + 1) / strips;
            // SAFETY: the promise of who asked for the product; the strip lies within the rows.
            unsafe {
                let (a, out) = (self.a.from(first), self.out.from(first));
                if !V::TILES {
                    across::<V, E, 1, 1>(vector, a, b, out, (depth, columns), near);
                    continue;
                }
                match end - first {
                    6 => across::<V, E, 6, 2>(vector, a, b, out, (depth, columns), near),
                    5 => across::<V, E, 5, 2>(vector, a, b, out, (depth, columns), near),
                    4 => across::<V, E, 4, 2>(vector, a, b, out, (depth, columns), near),
                    3 => across::<V, E, 3, 2>(vector, a, b, out, (depth, columns), near),
                    2 => across::<V, E, 2, 4>(vector, a, b, out, (depth, columns), near),
                    _ => across::<V, E, 1, 8>(vector, a, b, out, (depth, columns), near),
                }
            }
        }
    }
}

impl Rows<*const f32> {
    #[inline(always)]
    unsafe fn from(self, row: usize) -> Self {
        Self {
            // SAFETY: the caller asks for a row that is there.
            start: unsafe { self.start.add(row * self.stride) },
            stride: self.stride,
        }
    }
}

impl Rows<*mut f32> {
    #[inline(always)]
    unsafe fn from(self, row: usize) -> Self {
        Self {
            // SAFETY: the caller asks for a row that is there.
            start: unsafe { self.start.add(row * self.stride) },
            stride: self.stride,
        }
    }
}

/// `R` rows, `C` registers at a time and what remains one at a time.
#[inline(always)]
unsafe fn across<V: Vector, E: Element, const R: usize, const C: usize>(
    vector: V,
    a: Rows<*const f32>,
    b: Rows<*const E>,
    out: Rows<*mut f32>,
    (depth, columns): (usize, usize),
    near: &mut Ahead,
) {
    let mut at = 0;
    // SAFETY: the caller's promise; `at` stays within the columns.
    unsafe {
        while at + C * V::LANES <= columns {
            near.ask(vector);
            tile::<V, E, R, C>(vector, a, b, out, depth, at);
            at += C * V::LANES;
        }
        while at < columns {
            tile::<V, E, R, 1>(vector, a, b, out, depth, at);
            at += V::LANES;
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Vector, E: Element, const R: usize, const C: usize>(
    vector: V,
    a: Rows<*const f32>,
    b: Rows<*const E>,
    out: Rows<*mut f32>,
    depth: usize,
    at: usize,
) {
    let mut sums = [[vector.splat(0.0); C]; R];
    // SAFETY: the caller's promise.
    unsafe {
        let mut b_row = b.start.add(at);
        for k in 0..depth {
            let a_column = a.start.add(k);
            // Whichever are fewer are held, the others pass by: so that all sums stay in registers.
            if R < C {
                let mut factors = [vector.splat(0.0); R];
                for (r, factor) in factors.iter_mut().enumerate() {
                    *factor = vector.splat(*a_column.add(r * a.stride));
                }
                for c in 0..C {
                    let loaded = E::load(vector, b_row.add(c * V::LANES));
                    for (sums, factor) in sums.iter_mut().zip(&factors) {
                        sums[c] = vector.fma(*factor, loaded, sums[c]);
                    }
                }
            } else {
                let mut loaded = [vector.splat(0.0); C];
                for (c, loaded) in loaded.iter_mut().enumerate() {
                    *loaded = E::load(vector, b_row.add(c * V::LANES));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let factor = vector.splat(*a_column.add(r * a.stride));
                    for (sum, loaded) in sums.iter_mut().zip(&loaded) {
                        *sum = vector.fma(factor, *loaded, *sum);
                    }
                }
            }
            b_row = b_row.add(b.stride);
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (c, sum) in sums.into_iter().enumerate() {
                vector.store(out.start.add(r * out.stride + at + c * V::LANES), sum);
            }
        }
    }
}
