//! Weights in memory, laid out for the order a product reads them in.
//!
//! Sixteen rows (outputs) make a panel. A panel is a stream of lines of 64 bytes; a line has four bytes for each of its
//! sixteen rows, which hold one, two, four or eight of the row's weights by the format. So a product reads straight on,
//! sums of different outputs sit in different lanes, and none has to be folded at the end. What the lines look like is
//! this crate's own affair: [`Matrix::parts`] gives the plain order that files keep.

mod layout;

use half::{bf16, f16};
use thiserror::Error;

use self::layout::{PANEL, Panel};
use crate::{
    format::{Format, GROUP, Unfit},
    memory::Memory,
};

pub(crate) use self::layout::PANEL as PANEL_ROWS;

/// Why there is no matrix.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KernelError {
    /// The system gave no memory.
    #[error("no memory for {bytes} bytes")]
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// What was handed in is not as long as the shape says.
    #[error("a matrix of {rows} x {columns} has {wanted} {what}, not {got}")]
    Length {
        /// Outputs.
        rows: usize,
        /// Inputs.
        columns: usize,
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        wanted: usize,
        /// How many came.
        got: usize,
    },
    /// The shape alone is too large for this machine's addresses.
    #[error("a matrix of {rows} x {columns} is beyond what can be addressed")]
    Shape {
        /// Outputs.
        rows: usize,
        /// Inputs.
        columns: usize,
    },
    /// NaN or infinity, for which the integer formats have no number.
    #[error("row {row} holds a number that is not finite, which {} cannot hold; use a float format", format.name())]
    NotFinite {
        /// The first such row.
        row: usize,
        /// The format asked for.
        format: Format,
    },
    /// Weights so large that their scale is beyond `f16`.
    #[error("row {row} holds weights too large for {}; use a float format", format.name())]
    TooLarge {
        /// The first such row.
        row: usize,
        /// The format asked for.
        format: Format,
    },
}

/// Weights `[rows, columns]`: a product turns `columns` numbers into `rows`.
pub struct Matrix {
    format: Format,
    rows: usize,
    columns: usize,
    /// Columns with what fills the last group; the filling is zeros.
    depth: usize,
    weights: Memory,
    /// `f16`, a panel's sixteen rows side by side for each group. Empty for the float formats.
    scales: Memory,
}

impl Matrix {
    /// From numbers `[rows, columns]`, row by row.
    ///
    /// # Errors
    ///
    /// When the numbers are not as many as the shape says, memory is short, or an integer format cannot hold a number.
    pub fn from_f32(
        format: Format,
        rows: usize,
        columns: usize,
        values: &[f32],
    ) -> Result<Self, KernelError> {
        Self::from_numbers(format, (rows, columns), values, |value| value)
    }

    /// The same from `bf16`.
    ///
    /// # Errors
    ///
    /// As [`Matrix::from_f32`].
    pub fn from_bf16(
        format: Format,
        rows: usize,
        columns: usize,
        values: &[bf16],
    ) -> Result<Self, KernelError> {
        Self::from_numbers(format, (rows, columns), values, bf16::to_f32)
    }

    /// The same from `f16`.
    ///
    /// # Errors
    ///
    /// As [`Matrix::from_f32`].
    pub fn from_f16(
        format: Format,
        rows: usize,
        columns: usize,
        values: &[f16],
    ) -> Result<Self, KernelError> {
        Self::from_numbers(format, (rows, columns), values, f16::to_f32)
    }

    /// From what [`Matrix::parts`] gave: `weights` row by row in the format's own bytes (little endian; int8 signed; int4
    /// two to a byte, the first in the lower half, stored as `q + 8`, each row beginning a byte), and `scales`, an `f16`
    /// for each group of each row; empty for the float formats.
    ///
    /// # Errors
    ///
    /// When a length does not fit the shape, or memory is short.
    pub fn from_parts(
        format: Format,
        rows: usize,
        columns: usize,
        weights: &[u8],
        scales: &[u8],
    ) -> Result<Self, KernelError> {
        let mut matrix = Self::empty(format, rows, columns)?;
        let width = format.bytes(columns);
        matrix.check("bytes of weights", rows * width, weights.len())?;
        let groups = if format.is_quantised() {
            columns.div_ceil(GROUP)
        } else {
            0
        };
        matrix.check("bytes of scales", rows * groups * 2, scales.len())?;
        matrix.fill(|panel, row, lane| {
            let weights = &weights[row * width..(row + 1) * width];
            if format.is_quantised() {
                let scales = &scales[row * groups * 2..(row + 1) * groups * 2];
                panel.read_integers(lane, weights, scales);
            } else {
                panel.read_floats(lane, weights);
            }
            Ok(())
        })?;
        Ok(matrix)
    }

    /// What a file keeps: weights and scales in the order [`Matrix::from_parts`] describes.
    pub fn parts(&self) -> (Vec<u8>, Vec<u8>) {
        let width = self.format.bytes(self.columns);
        let groups = if self.format.is_quantised() {
            self.columns.div_ceil(GROUP)
        } else {
            0
        };
        let mut weights = vec![0; self.rows * width];
        let mut scales = vec![0; self.rows * groups * 2];
        for row in 0..self.rows {
            layout::write_plain(
                self.view(),
                row,
                self.columns,
                &mut weights[row * width..(row + 1) * width],
                &mut scales[row * groups * 2..(row + 1) * groups * 2],
            );
        }
        (weights, scales)
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How weights are stored.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.weights.len() + self.scales.len()
    }

    /// One row as numbers: what an embedding looks up.
    ///
    /// # Panics
    ///
    /// When there is no such row or `into` is not as long as one.
    pub fn row(&self, row: usize, into: &mut [f32]) {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        assert_eq!(into.len(), self.columns, "numbers of a row");
        layout::write_numbers(self.view(), row, into);
    }

    /// Columns, filled up to whole groups.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// All panels, one after the other.
    pub(crate) fn weights(&self) -> &[u8] {
        self.weights.bytes()
    }

    /// The scales of all panels.
    pub(crate) fn scales(&self) -> &[u8] {
        self.scales.bytes()
    }

    fn view(&self) -> layout::View<'_> {
        layout::View {
            format: self.format,
            depth: self.depth,
            weights: self.weights.bytes(),
            scales: self.scales.bytes(),
        }
    }

    fn empty(format: Format, rows: usize, columns: usize) -> Result<Self, KernelError> {
        let shape = KernelError::Shape { rows, columns };
        let depth = columns
            .checked_next_multiple_of(GROUP)
            .ok_or(shape.clone())?;
        // The widest a weight or its scale can be; what passes here cannot overflow below.
        rows.checked_next_multiple_of(PANEL)
            .and_then(|rows| rows.checked_mul(depth)?.checked_mul(4))
            .filter(|bytes| isize::try_from(*bytes).is_ok())
            .ok_or(shape)?;
        let panels = rows.div_ceil(PANEL);
        Ok(Self {
            format,
            rows,
            columns,
            depth,
            weights: Memory::zeroed(panels * layout::panel_bytes(format, depth))?,
            scales: Memory::zeroed(panels * layout::scale_bytes(format, depth))?,
        })
    }

    fn check(&self, what: &'static str, wanted: usize, got: usize) -> Result<(), KernelError> {
        if wanted == got {
            return Ok(());
        }
        Err(KernelError::Length {
            rows: self.rows,
            columns: self.columns,
            what,
            wanted,
            got,
        })
    }

    fn from_numbers<T: Copy + Sync>(
        format: Format,
        (rows, columns): (usize, usize),
        values: &[T],
        number: impl Fn(T) -> f32 + Copy + Sync,
    ) -> Result<Self, KernelError> {
        let mut matrix = Self::empty(format, rows, columns)?;
        matrix.check("numbers", rows * columns, values.len())?;
        matrix.fill(|panel, row, lane| {
            let values = values[row * columns..(row + 1) * columns].iter();
            panel
                .set(lane, values.map(|value| number(*value)))
                .map_err(|unfit| match unfit {
                    Unfit::NotFinite => KernelError::NotFinite { row, format },
                    Unfit::TooLarge => KernelError::TooLarge { row, format },
                })
        })?;
        Ok(matrix)
    }

    /// Fills every panel, on all cores when there are many: `set(panel, row, lane)` sets one row.
    fn fill(
        &mut self,
        set: impl Fn(&mut Panel, usize, usize) -> Result<(), KernelError> + Sync,
    ) -> Result<(), KernelError> {
        let (format, rows, depth) = (self.format, self.rows, self.depth);
        let panels = rows.div_ceil(PANEL);
        if panels == 0 || depth == 0 {
            return Ok(());
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = panels.div_ceil(threads).max(16);
        let bytes = layout::panel_bytes(format, depth);
        let scale_bytes = layout::scale_bytes(format, depth);
        let work = |first: usize, weights: &mut [u8], scales: &mut [u8]| {
            let mut panel = Panel::new(format, depth);
            let mut scales = scales.chunks_exact_mut(scale_bytes.max(1));
            for (number, weights) in weights.chunks_exact_mut(bytes).enumerate() {
                let row = (first + number) * PANEL;
                panel.clear();
                for lane in 0..PANEL.min(rows - row) {
                    set(&mut panel, row + lane, lane)?;
                }
                panel.lay(weights, scales.next().unwrap_or_default());
            }
            Ok(())
        };
        let mut weights = self.weights.bytes_mut().chunks_mut(share * bytes);
        let mut scales = self
            .scales
            .bytes_mut()
            .chunks_mut((share * scale_bytes).max(1));
        let mut shares = (0..panels)
            .step_by(share)
            .map(|first| {
                let weights = weights.next().unwrap_or_default();
                (first, weights, scales.next().unwrap_or_default())
            })
            .collect::<Vec<_>>();
        let own = shares.pop();
        std::thread::scope(|scope| {
            let others: Vec<_> = shares
                .into_iter()
                .map(|(first, weights, scales)| {
                    scope.spawn({
                        let work = &work;
                        move || work(first, weights, scales)
                    })
                })
                .collect();
            let mut outcome = own.map_or(Ok(()), |(first, weights, scales)| {
                work(first, weights, scales)
            });
            for other in others.into_iter().rev() {
                // The first row that is wrong is told, whichever share ended first.
                match other.join() {
                    Ok(told) => outcome = told.and(outcome),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            outcome
        })
    }
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Matrix")
            .field("format", &self.format)
            .field("rows", &self.rows)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
