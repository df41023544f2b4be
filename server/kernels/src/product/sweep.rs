//! The walk through panels, groups of columns and strips of rows.

#![expect(
    unsafe_code,
    reason = "threads write disjoint outputs of one slice, which a slice cannot be shared out as: rows are its outer dimension"
)]

use std::{ops::Range, ptr};

use super::{
    pack::Packed,
    piece::{Kernels, Piece, UNPACKED},
};
use crate::matrix::PANEL_ROWS as PANEL;

/// The length of the parts when `total` is cut into as few equal ones as have at most `most`.
pub(super) fn evenly(total: usize, most: usize) -> usize {
    total.div_ceil(total.div_ceil(most).max(1)).max(1)
}

/// Rows cut into strips of nearly the same number.
#[derive(Clone, Copy)]
pub(super) struct Strips {
    pub(super) rows: usize,
    pub(super) count: usize,
}

impl Strips {
    pub(super) fn new(rows: usize, most: usize) -> Self {
        Self {
            rows,
            count: rows.div_ceil(most),
        }
    }

    pub(super) fn rows(self, strip: usize) -> Range<usize> {
        let (least, longer) = (self.rows / self.count, self.rows % self.count);
        let start = strip * least + strip.min(longer);
        start..start + least + usize::from(strip < longer)
    }
}

/// One product, shared by all threads.
pub(super) struct Work<'a> {
    pub(super) kernels: Kernels,
    pub(super) packed: Packed,
    pub(super) groups: usize,
    pub(super) strips: Strips,
    /// Groups that are gone through before the next panel.
    pub(super) deep: usize,
    pub(super) panels: usize,
    pub(super) outputs: usize,
    pub(super) weights: &'a [u8],
    pub(super) scales: &'a [u8],
    pub(super) bias: Option<&'a [f32]>,
    /// Sums that are not at their end, `partial_length` for each part of the team.
    pub(super) partial: *mut f32,
    pub(super) partial_length: usize,
    /// Weights that were written out for the kernel, `near_length` bytes for each part of the team.
    pub(super) near: *mut u8,
    pub(super) near_length: usize,
    pub(super) output: *mut f32,
}

// SAFETY: the output is written by panels, each of which one thread claims, and sums by parts; all else is only read.
unsafe impl Sync for Work<'_> {}

impl Work<'_> {
    /// Takes all rows through a run of panels.
    ///
    /// # Safety
    ///
    /// No other thread has these panels or this part.
    pub(super) unsafe fn sweep(&self, panels: &Range<usize>, part: usize) {
        for start in (0..self.groups).step_by(self.deep) {
            let groups = start..(start + self.deep).min(self.groups);
            // SAFETY: the caller's.
            unsafe { self.walk(panels.clone(), &groups, part) };
        }
    }

    /// Takes all rows through some groups of a run of panels.
    ///
    /// # Safety
    ///
    /// No other thread has these panels or this part.
    unsafe fn walk(&self, panels: Range<usize>, groups: &Range<usize>, part: usize) {
        let strips = self.strips.count;
        let fine = if strips == 1 && self.kernels.unpack.is_none() {
            groups.len()
        } else {
            evenly(groups.len(), self.kernels.block)
        };
        let together = (self.kernels.panels)(self.strips.rows(0).len());
        let w_group = self.weights.len() / self.panels / self.groups;
        let s_group = self.scales.len() / self.panels / self.groups;
        let (w_stride, s_stride) = (w_group * self.groups, s_group * self.groups);
        let mut panel = panels.start;
        while panel < panels.end {
            // Sums that wait for other panels need a place of their own.
            let place = if self.deep < self.groups {
                panel - panels.start
            } else {
                0
            };
            let partial = part * self.partial_length + place * PANEL * self.strips.rows;
            let count = if panels.end - panel >= together {
                together
            } else {
                1
            };
            for start in groups.clone().step_by(fine) {
                let fine = start..(start + fine).min(groups.end);
                let last = fine.end == self.groups;
                let w = panel * w_stride + fine.start * w_group;
                // SAFETY: the panels' groups are within the weights, and this part's room is for the panels of a block.
                let (near, near_stride) = unsafe {
                    match self.kernels.unpack {
                        None => (self.weights.as_ptr().add(w), w_stride),
                        Some(unpack) => {
                            let near = self.near.add(part * self.near_length);
                            let stride = fine.len() * UNPACKED;
                            for panel in 0..count {
                                let from = self.weights.as_ptr().add(w + panel * w_stride);
                                unpack(from, fine.len(), near.add(panel * stride));
                            }
                            (near.cast_const(), stride)
                        }
                    }
                };
                // Where the walk goes on: the first strips bring it nearer.
                let ahead = if fine.end < groups.end {
                    w + fine.len() * w_group
                } else {
                    (panel + count) * w_stride + groups.start * w_group
                };
                let helpers = strips.min(4);
                let ahead_lines = (count * w_group / 64).div_ceil(helpers);
                for strip in 0..strips {
                    let rows = self.strips.rows(strip);
                    let at = rows.start * self.groups + fine.start * rows.len();
                    let partial = partial + rows.start * count * PANEL;
                    let helps = strips > 1 && strip < helpers;
                    let ahead = ahead + strip * fine.len() * ahead_lines * 64;
                    let scales = panel * s_stride + fine.start * s_group;
                    // SAFETY: panels, groups and strips are within the matrix, the packed rows and the output.
                    unsafe {
                        let piece = Piece {
                            rows: rows.len(),
                            x: self.packed.x.add(at * self.kernels.packing.group_bytes()),
                            x_scales: self.packed.scales.wrapping_add(at),
                            x_offsets: self.packed.offsets.wrapping_add(at),
                            w: near,
                            w_stride: near_stride,
                            w_scales: self.scales.as_ptr().add(scales),
                            s_stride,
                            lines: w_group / 64,
                            groups: fine.len(),
                            from: if fine.start == 0 {
                                ptr::null()
                            } else {
                                self.partial.add(partial)
                            },
                            from_stride: count * PANEL,
                            out: if last {
                                self.output.add(rows.start * self.outputs + panel * PANEL)
                            } else {
                                self.partial.add(partial)
                            },
                            out_stride: if last { self.outputs } else { count * PANEL },
                            valid: if last {
                                self.outputs - panel * PANEL
                            } else {
                                count * PANEL
                            },
                            bias: match self.bias {
                                Some(bias) => bias.as_ptr().add(panel * PANEL),
                                None => ptr::null(),
                            },
                            outputs: self.outputs - panel * PANEL,
                            last,
                            ahead: self.weights.as_ptr().wrapping_add(ahead),
                            ahead_lines: if helps { ahead_lines } else { 0 },
                        };
                        match (self.kernels.kernel)(rows.len(), count) {
                            Some(kernel) => kernel(&piece),
                            None => {
                                unreachable!("the tables have every strip that rows are cut into")
                            }
                        }
                    }
                }
            }
            panel += count;
        }
    }
}
