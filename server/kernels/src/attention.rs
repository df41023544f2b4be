//! Attention: causal over the keys and values that sequences keep, and in both directions over whole texts.
//!
//! - [`Cache`]: the keys and values of one sequence, all layers, in pages that sequences with the same beginning share.
//! - [`Batch`]: what several sequences run in one step; [`Batch::attend`] is a layer's attention for all of them.
//! - [`full`]: attention of texts without a cache.
//!
//! Keys stand transposed within a page, so that scores and outputs are the same small product (in `tile`) without sums
//! across a register. Softmax is taken while going along (in `block`) over blocks of keys that begin at fixed positions.
//! So a token's numbers depend on its own sequence alone: not on the tokens that run with it, not on how its prompt was
//! cut, not on the number of threads.

mod batch;
mod block;
mod cache;
mod full;
mod tile;

#[cfg(test)]
mod tests;

pub use self::{
    batch::Batch,
    cache::{Cache, Layout, PAGE, Storage},
    full::{Texts, full},
};

/// A layer's attention.
#[derive(Debug, Clone, Copy)]
pub struct Heads<'a> {
    /// Query heads. Those that share keys stand together.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Numbers of a head.
    pub width: usize,
    /// Multiplies products of queries and keys.
    pub scale: f32,
    /// Holds scores within this by a hyperbolic tangent.
    pub cap: Option<f32>,
    /// A token sees itself and what is fewer than so many tokens before it.
    pub window: Option<usize>,
    /// Weights of the norm of each query head before it is turned.
    pub query_norm: Option<&'a [f32]>,
    /// Weights of the norm of each key head before it is turned.
    pub key_norm: Option<&'a [f32]>,
    /// Added to the mean square in these norms.
    pub epsilon: f32,
}

impl Heads<'_> {
    /// Query heads per key head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads.max(1)
    }

    /// Numbers in a row of queries, keys and values.
    fn row(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.width
    }
}
