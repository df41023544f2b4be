//! The numbers of language models on a CPU, in plain Rust.
//!
//! - [`level`]: what the processor offers, found once at run time.
//! - [`team`]: threads that work together on one thing at a time.
//! - [`memory`]: aligned memory on huge pages.
//! - [`matrix`]: weights in one of five formats, laid out for streaming; [`format`](mod@format) turns numbers into them.
//! - [`product`](mod@product): rows of numbers times a matrix.
//! - [`norm`], [`rope`], [`activation`], [`attention`]: what a transformer does between its products.
//! - Beneath them `vector`, the registers that kernels are written over, and `rows`, which shares rows out over a team.
//!
//! Sums are `f32` everywhere. What a row gives never depends on the rows beside it nor on the number of threads: a
//! sequence gets the same tokens alone and in a batch.
//!
//! The crate knows no model, no file and no tensor library. It is the only place with instructions of one processor:
//! each kernel that uses them has a portable twin and a test that compares the two.

pub mod activation;
pub mod attention;
pub mod format;
pub mod level;
pub mod matrix;
pub mod memory;
pub mod norm;
pub mod product;
pub mod rope;
mod rows;
pub mod team;
mod vector;

pub use self::{
    format::Format,
    level::{Isa, Level},
    matrix::{KernelError, Matrix},
    product::product,
    team::Team,
};
