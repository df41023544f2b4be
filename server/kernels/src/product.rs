//! Rows of numbers times a matrix.
//!
//! **One arithmetic for any number of rows**: a row gives the same bits alone, among 16 and among 4,096, with any number
//! of threads, so there is no second function for long prompts and nothing to keep apart in a batch.
//!
//! Rows are packed into strips of as many as a kernel takes. The threads claim runs of panels (16 outputs each), larger
//! ones first, and take each through all rows: blocks of rows and columns that fit the second cache, within those the
//! panels, within a panel blocks that fit the first cache, and within those the strips. With one strip that is one
//! straight walk through the weights.

#![expect(
    unsafe_code,
    reason = "threads write disjoint outputs of one slice, which a slice cannot be shared out as: rows are its outer dimension"
)]
#![expect(
    clippy::inline_always,
    reason = "a vector function that is not inlined is compiled without its instructions"
)]
#![expect(
    clippy::needless_range_loop,
    clippy::cast_ptr_alignment,
    reason = "loops over registers are unrolled by number; casts of byte pointers go to vector loads, which take any address"
)]

#[cfg(target_arch = "x86_64")]
mod brain;
mod float;
mod integer;
mod lanes;
mod pack;
mod piece;
mod quantise;
mod sweep;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tiles;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

pub(crate) use self::pack::Scratch;
use self::{
    piece::{Kernels, UNPACKED},
    sweep::{Strips, Work, evenly},
};
use crate::{
    format::{self, Format, GROUP},
    level::Level,
    matrix::{Matrix, PANEL_ROWS as PANEL},
    team::Team,
};

/// The most rows that are packed at a time, which bounds what a team keeps.
const ROWS_BLOCK: usize = 288;

/// Panels whose sums stay near while they wait.
const NEAR_PANELS: usize = 8;

/// Multiplications that are not worth waking another thread for.
const SMALL: usize = 1 << 16;

/// `output[rows, out] = input[rows, in] · matrixᵀ (+ bias)`.
///
/// In the float formats the numbers of `input` are used as they are, but on processors with `avx512bf16` those for a `bf16`
/// matrix are rounded to `bf16`. In the integer formats they are rounded to 8 bits in groups of 32; one that is not finite
/// makes all its row gives NaN.
///
/// # Panics
///
/// When a slice is not as long as the shape says.
pub fn product(
    team: &Team,
    matrix: &Matrix,
    bias: Option<&[f32]>,
    input: &[f32],
    rows: usize,
    output: &mut [f32],
) {
    let (columns, outputs) = (matrix.columns(), matrix.rows());
    assert_eq!(
        input.len(),
        rows * columns,
        "numbers of {rows} rows of {columns}"
    );
    assert_eq!(
        output.len(),
        rows * outputs,
        "numbers of {rows} rows of {outputs}"
    );
    if let Some(bias) = bias {
        assert_eq!(bias.len(), outputs, "numbers of the bias");
    }
    if rows == 0 || outputs == 0 {
        return;
    }
    if columns == 0 {
        for row in output.chunks_exact_mut(outputs) {
            match bias {
                Some(bias) => row.copy_from_slice(bias),
                None => row.fill(0.0),
            }
        }
        return;
    }
    let mut scratch = team.scratch();
    let blocks = rows.div_ceil(ROWS_BLOCK);
    let block = rows.div_ceil(blocks);
    for (input, output) in input
        .chunks(block * columns)
        .zip(output.chunks_mut(block * outputs))
    {
        few(team, &mut scratch, matrix, bias, input, output);
    }
}

/// The product of one block of rows.
fn few(
    team: &Team,
    scratch: &mut Scratch,
    matrix: &Matrix,
    bias: Option<&[f32]>,
    input: &[f32],
    output: &mut [f32],
) {
    let (columns, outputs) = (matrix.columns(), matrix.rows());
    let rows = input.len() / columns;
    let level = Level::current();
    let kernels = kernels(matrix.format(), level, rows);
    let groups = matrix.depth() / GROUP;
    let middle = format::middle(matrix.format());
    let packed = match scratch.room(kernels.packing, rows, groups, middle) {
        Ok(packed) => packed,
        Err(error) => panic!("{error}"),
    };
    let strips = Strips::new(rows, kernels.rows);
    // Groups that are gone through before the next panel.
    let deep = if strips.count == 1 {
        groups
    } else {
        evenly(
            groups,
            (kernels.rows_cache / (rows * kernels.packing.group_bytes())).max(8),
        )
    };
    // Panels a thread takes at a time: many at first, few at the end. Where their sums have to wait for the next groups,
    // no more than stay near.
    let most = if deep < groups {
        NEAR_PANELS
    } else {
        usize::MAX
    };
    let partial = if strips.count == 1 {
        0
    } else {
        rows * NEAR_PANELS * PANEL
    };
    // Weights that are written out: a block of as many panels as a kernel takes.
    let near_length = match kernels.unpack {
        Some(_) => (kernels.panels)(strips.rows(0).len()) * kernels.block * UNPACKED,
        None => 0,
    };
    let near = match scratch.near(near_length * team.threads()) {
        Ok(near) => near,
        Err(error) => panic!("{error}"),
    };
    let work = Work {
        kernels,
        packed,
        groups,
        strips,
        deep,
        panels: outputs.div_ceil(PANEL),
        outputs,
        weights: matrix.weights(),
        scales: matrix.scales(),
        bias,
        partial: scratch.partial(partial * team.threads()),
        partial_length: partial,
        near,
        near_length,
        output: output.as_mut_ptr(),
    };
    let pack = |strip: usize| {
        let rows = work.strips.rows(strip);
        let input = &input[rows.start * columns..rows.end * columns];
        // SAFETY: there is room for all rows, and each strip is packed by one thread before any is read.
        unsafe { packed.strip(level, rows.start, input, columns) };
    };
    let alone = rows * columns * outputs < SMALL || team.threads() == 1;
    if alone || rows * columns < SMALL / 2 {
        (0..work.strips.count).for_each(pack);
    } else {
        let next = AtomicUsize::new(0);
        team.run(&|_, threads| {
            while let Some(strips) = claim(&next, work.strips.count, threads, 1, usize::MAX) {
                strips.for_each(pack);
            }
        });
    }
    let next = AtomicUsize::new(0);
    let sweep = |part: usize, threads: usize| {
        while let Some(panels) = claim(&next, work.panels, threads, 4, most) {
            // SAFETY: nobody else has these panels and this part, so nobody else writes their outputs and its sums.
            unsafe { work.sweep(&panels, part) };
        }
        (kernels.rest)();
    };
    if alone {
        sweep(0, 1);
    } else {
        team.run(&sweep);
    }
}

fn kernels(format: Format, level: Level, rows: usize) -> Kernels {
    match format {
        #[cfg(target_arch = "x86_64")]
        Format::Bf16 if level.tiles() => tiles::kernels(),
        #[cfg(target_arch = "x86_64")]
        Format::Bf16 if level.bf16() => brain::kernels(),
        Format::F32 | Format::Bf16 | Format::F16 => float::kernels(format, level),
        Format::Int8 | Format::Int4 => integer::kernels(format, level, rows),
    }
}

/// Takes the next of `total` things: many at first, few at the end, so that all threads end together.
fn claim(
    next: &AtomicUsize,
    total: usize,
    threads: usize,
    least: usize,
    most: usize,
) -> Option<Range<usize>> {
    let mut start = next.load(Ordering::Relaxed);
    loop {
        if start >= total {
            return None;
        }
        let left = total - start;
        let share = if threads == 1 {
            left
        } else {
            left / (threads * 2)
        };
        let count = share.next_multiple_of(least).clamp(least, most).min(left);
        match next.compare_exchange_weak(start, start + count, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => return Some(start..start + count),
            Err(now) => start = now,
        }
    }
}
