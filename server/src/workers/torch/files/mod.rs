//! From a Hugging Face directory to plain data: sizes and switches, positions, weights.
//!
//! - [`shape`]: what `config.json` says of a decoder; [`rope`]: its positions.
//! - [`checkpoint`]: weight files, checked whole when opened; [`weights`]: their matrices in the order of a decoder.
//! - [`quantised`]: matrices that were quantised offline.
//! - [`memory`]: whether there is room for it all; [`library`]: whether libtorch is there.
//!
//! Nothing here computes with a model: that is what the executors are for.

pub(in crate::workers::torch) mod checkpoint;
pub(in crate::workers::torch) mod fields;
pub(in crate::workers::torch) mod library;
pub(in crate::workers::torch) mod memory;
pub(in crate::workers::torch) mod quantised;
pub(in crate::workers::torch) mod rope;
pub(in crate::workers::torch) mod shape;
pub(in crate::workers::torch) mod weights;
