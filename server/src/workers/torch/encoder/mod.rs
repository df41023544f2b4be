//! Encoders: texts to vectors, and pairs of texts to scores, out of Hugging Face directories.
//!
//! - [`shape`], [`weights`]: what the files say, for BERT, RoBERTa, DistilBERT and ModernBERT.
//! - [`native`]: runs on the CPU, over rows without padding; [`dense`]: runs on libtorch tensors, for GPUs.
//! - [`texts`]: texts to tokens; [`modules`], [`pooling`], [`head`]: states to vectors and scores.
//! - [`network`]: all of it together, put up by [`load`]; [`turns`]: whose texts are run next.
//! - [`embedder`], [`reranker`]: both kinds of models behind the seam.

mod dense;
mod embedder;
mod head;
mod load;
mod modules;
mod native;
mod network;
mod pooling;
mod reranker;
mod shape;
mod texts;
mod turns;
mod weights;

pub(in crate::workers) use self::embedder::TorchEmbedder;
pub(in crate::workers::torch) use self::reranker::TorchReranker;
#[cfg(test)]
pub(in crate::workers::torch) use self::{
    load::{Loaded, cpu_format},
    network::Network,
    turns::Ask,
};
