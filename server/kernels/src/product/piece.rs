//! What a kernel is handed, and the kernels there are for a format on a processor.

/// A strip of rows times some panels, over some groups of columns.
pub(super) struct Piece {
    /// Rows of the strip.
    pub(super) rows: usize,
    /// The strip, packed, from the first group on.
    pub(super) x: *const u8,
    /// Scales of the strip's groups, for the integer formats.
    pub(super) x_scales: *const f32,
    /// What the integer sums begin with: it takes back that weights are stored around their middle.
    pub(super) x_offsets: *const i32,
    /// The first panel, from the first group on.
    pub(super) w: *const u8,
    /// Bytes from a panel to the next.
    pub(super) w_stride: usize,
    /// Scales of the first panel from the first group on, `f16`.
    pub(super) w_scales: *const u8,
    /// Bytes from a panel's scales to the next panel's.
    pub(super) s_stride: usize,
    /// Lines of a panel in a group. The kernel knows it; that the compiler does not keeps the loop over it rolled, with
    /// all sums in registers.
    pub(super) lines: usize,
    /// Groups of 32 columns to go through.
    pub(super) groups: usize,
    /// Where the sums go.
    pub(super) out: *mut f32,
    /// Numbers from a row of it to the next.
    pub(super) out_stride: usize,
    /// Outputs that exist; the last panel may be cut.
    pub(super) valid: usize,
    /// What the sums go on from, or null where they begin.
    pub(super) from: *const f32,
    /// Numbers from a row of it to the next.
    pub(super) from_stride: usize,
    /// What is added to the sums once, at their beginning or at their end; or null. It has `outputs` numbers.
    pub(super) bias: *const f32,
    /// Outputs of the matrix from the first panel on.
    pub(super) outputs: usize,
    /// Whether the sums end here.
    pub(super) last: bool,
    /// What to bring nearer meanwhile.
    pub(super) ahead: *const u8,
    /// How many lines of it for each group.
    pub(super) ahead_lines: usize,
}

/// Does a piece. The number of panels is the kernel's own, and of rows the one it was chosen for.
///
/// # Safety
///
/// The piece's pointers reach as far as rows, panels and groups say, and the processor has the kernel's instructions.
pub(super) type Kernel = unsafe fn(&Piece);

/// The kernel for a number of rows and of panels, if there is one.
pub(super) type Select = fn(usize, usize) -> Option<Kernel>;

/// How rows are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// `f32`, by four columns: `[depth / 4, rows, 4]`.
    Floats,
    /// The same in `bf16`.
    Halves,
    /// `bf16` by groups: `[depth / 32, rows, 32]`.
    Lines,
    /// Bytes by groups: `[depth / 32, rows, 32]`, with scales and offsets `[depth / 32, rows]`.
    Bytes,
    /// The same in words of 16 bits; of each four columns the first and third, then the second and fourth.
    Words,
}

impl Packing {
    /// Bytes of a group of one row.
    pub(super) const fn group_bytes(self) -> usize {
        match self {
            Self::Floats => 128,
            Self::Halves | Self::Lines | Self::Words => 64,
            Self::Bytes => 32,
        }
    }
}

/// The kernels for a format on a processor.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    pub(super) packing: Packing,
    /// The most rows of a strip.
    pub(super) rows: usize,
    pub(super) kernel: Select,
    /// How many panels at once go best with so many rows. What is left of them goes one by one.
    pub(super) panels: fn(usize) -> usize,
    /// Groups of a panel that stay in the first cache while the strips go over them.
    pub(super) block: usize,
    /// Bytes of packed rows that some panels are taken through at a time: half of a small second cache for most.
    pub(super) rows_cache: usize,
    /// What a thread does when it has done its share.
    pub(super) rest: fn(),
    /// Writes groups of a panel out for the kernel to read, [`UNPACKED`] bytes each, where it does not take them as they
    /// lie in the matrix. That is done once for all strips.
    pub(super) unpack: Option<Unpack>,
}

/// Reads so many groups of a panel and writes them.
///
/// # Safety
///
/// Both pointers reach that far, and the processor has the kernel's instructions.
pub(super) type Unpack = unsafe fn(*const u8, usize, *mut u8);

/// Bytes of a group of a panel that was written out.
pub(super) const UNPACKED: usize = 512;

/// Half of a small second cache.
pub(super) const ROWS_CACHE: usize = 256 << 10;
