//! `bf16` weights times rows rounded to `bf16`, for processors that multiply tiles of them (AMX).
//!
//! A tile is 16 lines of 64 bytes: 16 rows of 32 numbers, or the 32 columns of a panel as a [`crate::Matrix`] lays them
//! out. Multiplying two of them takes the place of 256 vector instructions; sums are in `f32`, each output's in the same
//! order for any number of rows. The standard library's functions for tiles are not stable yet, so that the instructions
//! are written out; what they do is in Intel's manual, volume 2, under `TDPBF16PS`.

#![expect(
    unsafe_code,
    reason = "kernels over raw pieces; the sweep that makes the pieces keeps them within their slices"
)]

use std::{
    arch::{
        asm,
        x86_64::{_MM_HINT_ET0, _mm_prefetch},
    },
    array::from_fn,
    cell::Cell,
};

use super::{
    float::prefetch,
    piece::{Kernel, Kernels, Packing, Piece},
};

/// Rows of a tile, and numbers of a row of sums.
const TILE: usize = 16;

/// Bytes of a whole tile, and of a group of columns of a panel.
const BYTES: usize = 1024;

/// Bytes from a line of a tile of numbers to the next.
const LINE: usize = 64;

/// How far ahead weights are asked for where they come from memory: groups of a panel.
const AHEAD: usize = 3;

/// What the processor is told of its eight tiles before they are used.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    /// Bytes of a line.
    widths: [u16; 16],
    /// Lines.
    heights: [u8; 16],
}

impl Shapes {
    /// Sums are in tiles 0 to 3, rows in 4 and 5, weights in 6 and 7.
    fn new(heights: [u8; 8]) -> Self {
        let height = |tile: usize| heights.get(tile).copied().unwrap_or(0);
        Self {
            palette: 1,
            start: 0,
            reserved: [0; 14],
            // A tile without lines may have no width either.
            widths: from_fn(|tile| if height(tile) > 0 { LINE as u16 } else { 0 }),
            heights: from_fn(height),
        }
    }
}

thread_local! {
    /// What this thread's tiles are shaped for; nothing at first.
    static SHAPED: Cell<Option<Shaped>> = const { Cell::new(None) };
}

/// What tiles are shaped for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shaped {
    /// So many rows of `bf16`, up to 32.
    Brains(usize),
    /// So many rows of bytes, up to 16.
    Bytes(usize),
}

impl Shaped {
    fn shapes(self) -> Shapes {
        match self {
            Self::Brains(rows) => {
                let (high, low) = (rows.min(TILE) as u8, rows.saturating_sub(TILE) as u8);
                if low > 0 {
                    Shapes::new([high, low, high, low, high, low, 16, 16])
                } else {
                    Shapes::new([high, high, high, high, high, 0, 16, 16])
                }
            }
            Self::Bytes(rows) => {
                let rows = rows as u8;
                let mut shapes = Shapes::new([rows, rows, rows, rows, rows, rows, 8, 8]);
                shapes.widths[4] = 32;
                shapes.widths[5] = 32;
                shapes
            }
        }
    }
}

/// Shapes this thread's tiles, unless they are so: that takes as long as a dozen products of tiles.
///
/// # Safety
///
/// The processor has tiles.
#[inline(always)]
pub(super) unsafe fn configure(shaped: Shaped) {
    if SHAPED.replace(Some(shaped)) == Some(shaped) {
        return;
    }
    let shapes = shaped.shapes();
    // SAFETY: the caller's, and the shapes are such as the processor takes.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, preserves_flags, readonly));
    }
}

/// Gives the tiles up, else they would be saved with every change of threads.
pub(super) fn release() {
    if SHAPED.take().is_some() {
        // SAFETY: the thread has shaped its tiles, so the processor has them.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }
}

/// Reads a tile from an address, with bytes from a line to the next.
macro_rules! load {
    ($tile:literal, $from:expr, $stride:expr) => {
        asm!(
            concat!("tileloadd tmm", $tile, ", [{from} + {stride}*1]"),
            from = in(reg) $from,
            stride = in(reg) $stride,
            options(nostack, preserves_flags, readonly)
        )
    };
}

/// Writes a tile.
macro_rules! store {
    ($tile:literal, $into:expr, $stride:expr) => {
        asm!(
            concat!("tilestored [{into} + {stride}*1], tmm", $tile),
            into = in(reg) $into,
            stride = in(reg) $stride,
            options(nostack, preserves_flags)
        )
    };
}

/// Adds the products of rows and weights to sums.
macro_rules! multiply {
    ($sums:literal, $rows:literal, $weights:literal) => {
        asm!(
            concat!("tdpbf16ps tmm", $sums, ", tmm", $rows, ", tmm", $weights),
            options(nostack, preserves_flags, nomem)
        )
    };
}

/// Calls `$do!(number, row tile, panel)` for the tiles of sums.
macro_rules! sums {
    ($two:ident, $panels:ident, $do:ident) => {
        if $two {
            $do!(0, 0, 0);
            $do!(1, 1, 0);
            if $panels > 1 {
                $do!(2, 0, 1);
                $do!(3, 1, 1);
            }
        } else {
            $do!(0, 0, 0);
            if $panels > 1 {
                $do!(1, 0, 1);
            }
            if $panels > 2 {
                $do!(2, 0, 2);
                $do!(3, 0, 3);
            }
        }
    };
}

/// Up to 16 rows times `P` panels (1, 2 or 4), or with `TWO` up to 32 rows times `P` panels (1 or 2).
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn tile<const TWO: bool, const P: usize>(piece: &Piece) {
    let upper = piece.rows.min(TILE);
    let lower = piece.rows - upper;
    // SAFETY: the caller's: the processor has tiles. The compiler uses none, so they stay as they are between the blocks.
    // A piece's pointers reach as far as its rows, panels and groups.
    unsafe {
        configure(Shaped::Brains(piece.rows));
        if piece.from.is_null() && piece.bias.is_null() {
            macro_rules! begin {
                ($sums:literal, $rows:literal, $panel:literal) => {
                    asm!(
                        concat!("tilezero tmm", $sums),
                        options(nostack, preserves_flags, nomem)
                    )
                };
            }
            sums!(TWO, P, begin);
        } else if piece.from.is_null() {
            let mut bias = [[0.0_f32; TILE]; P];
            let count = piece.outputs.min(P * TILE);
            std::ptr::copy_nonoverlapping(piece.bias, bias.as_mut_ptr().cast(), count);
            // With no way from a line to the next, every row begins with the same.
            macro_rules! begin {
                ($sums:literal, $rows:literal, $panel:literal) => {
                    load!($sums, bias.as_ptr().add($panel), 0_usize)
                };
            }
            sums!(TWO, P, begin);
        } else {
            let stride = piece.from_stride * size_of::<f32>();
            macro_rules! begin {
                ($sums:literal, $rows:literal, $panel:literal) => {
                    load!(
                        $sums,
                        piece
                            .from
                            .add($rows * TILE * piece.from_stride + $panel * TILE),
                        stride
                    )
                };
            }
            sums!(TWO, P, begin);
        }
        let mut x = piece.x;
        let mut w = piece.w;
        let mut ahead = piece.ahead;
        // Lines of sums are asked for while they are made, some rows with each group.
        let claims = piece.rows.div_ceil(piece.groups);
        let mut claimed = 0;
        for _ in 0..piece.groups {
            load!(4, x, LINE);
            if TWO {
                load!(5, x.add(TILE * LINE), LINE);
            }
            macro_rules! panel {
                ($panel:literal, $weights:literal, $first:literal, $second:literal) => {
                    let from = w.add($panel * piece.w_stride);
                    if !TWO {
                        let at = from.wrapping_add(AHEAD * BYTES);
                        (0..BYTES / LINE).for_each(|line| prefetch(at.wrapping_add(line * LINE)));
                    }
                    load!($weights, from, LINE);
                    multiply!($first, 4, $weights);
                    if TWO {
                        multiply!($second, 5, $weights);
                    }
                };
            }
            if TWO {
                panel!(0, 6, 0, 1);
                if P > 1 {
                    panel!(1, 7, 2, 3);
                }
            } else {
                panel!(0, 6, 0, 0);
                if P > 1 {
                    panel!(1, 7, 1, 1);
                }
                if P > 2 {
                    panel!(2, 6, 2, 2);
                    panel!(3, 7, 3, 3);
                }
            }
            for _ in 0..claims {
                if claimed < piece.rows {
                    claim(piece.out.wrapping_add(claimed * piece.out_stride), P);
                    claimed += 1;
                }
            }
            for line in 0..piece.ahead_lines {
                prefetch(ahead.wrapping_add(line * LINE));
            }
            ahead = ahead.wrapping_add(piece.ahead_lines * LINE);
            x = x.add(piece.rows * LINE);
            w = w.add(BYTES);
        }
        if piece.valid >= P * TILE {
            let stride = piece.out_stride * size_of::<f32>();
            macro_rules! end {
                ($sums:literal, $rows:literal, $panel:literal) => {
                    store!(
                        $sums,
                        piece
                            .out
                            .add($rows * TILE * piece.out_stride + $panel * TILE),
                        stride
                    )
                };
            }
            sums!(TWO, P, end);
        } else {
            macro_rules! end {
                ($sums:literal, $rows:literal, $panel:literal) => {
                    let mut numbers = [[0.0_f32; TILE]; TILE];
                    store!($sums, numbers.as_mut_ptr(), LINE);
                    let valid = piece.valid.saturating_sub($panel * TILE).min(TILE);
                    let count = if $rows == 0 { upper } else { lower };
                    for (r, numbers) in numbers[..count].iter().enumerate() {
                        let row = piece.out.add(($rows * TILE + r) * piece.out_stride);
                        let out = row.add($panel * TILE);
                        std::ptr::copy_nonoverlapping(numbers.as_ptr(), out, valid);
                    }
                };
            }
            sums!(TWO, P, end);
        }
    }
}

/// Asks for the lines that `panels` panels' sums of a row are written to.
#[inline(always)]
pub(super) fn claim(sums: *const f32, panels: usize) {
    for line in 0..=panels {
        // SAFETY: every processor with tiles has the instruction, and it never faults.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(sums.wrapping_add(line * TILE).cast()) };
    }
}

fn select(rows: usize, panels: usize) -> Option<Kernel> {
    let kernel: Kernel = match (rows > TILE, panels) {
        (false, 1) => tile::<false, 1>,
        (false, 2) => tile::<false, 2>,
        (false, 4) => tile::<false, 4>,
        (true, 1) => tile::<true, 1>,
        (true, 2) => tile::<true, 2>,
        _ => return None,
    };
    (1..=2 * TILE).contains(&rows).then_some(kernel)
}

/// The kernels for `bf16`.
pub(super) fn kernels() -> Kernels {
    Kernels {
        packing: Packing::Lines,
        rows: 2 * TILE,
        kernel: select,
        panels: |rows| if rows > TILE { 2 } else { 4 },
        block: 32,
        rows_cache: 1 << 20,
        rest: release,
        unpack: None,
    }
}
