//! Keys and values of a sequence, in pages that sequences with the same beginning share.

use tidegate_kernels::{
    KernelError,
    attention::{self, Layout},
};

use crate::workers::torch::{
    error::{ModelError, Result},
    files::memory,
    network::Cache,
};

/// Keys and values of one sequence.
pub(in crate::workers::torch) struct NativeCache(attention::Cache);

impl NativeCache {
    /// Empty, with room for `tokens`.
    pub(super) fn new(layout: Layout, tokens: usize) -> Result<Self> {
        attention::Cache::new(layout, tokens)
            .map(Self)
            .map_err(|error| no_room(&error))
    }

    /// What the kernels work on.
    pub(super) fn kept(&mut self) -> &mut attention::Cache {
        &mut self.0
    }
}

/// Says what to do where the system has no memory for more tokens.
pub(super) fn no_room(error: &KernelError) -> ModelError {
    match error {
        KernelError::Memory { bytes } => ModelError::Text(format!(
            "there is no memory for {} of keys, values and their positions; free some, or lower context_length, \
             max_sequences or kv_cache_mb",
            memory::size(*bytes as u64)
        )),
        other => ModelError::Text(other.to_string()),
    }
}

impl Cache for NativeCache {
    fn tokens(&self) -> usize {
        self.0.tokens()
    }

    fn bytes(&self) -> u64 {
        self.0.bytes() as u64
    }

    fn truncate(&mut self, tokens: usize) {
        self.0.truncate(tokens);
    }

    /// Nothing is copied until one of the two goes on from within a page they share.
    fn fork(&self, tokens: usize) -> Result<Self> {
        if tokens > self.0.tokens() {
            return Err(ModelError::Text(format!(
                "{tokens} tokens of a cache cannot be copied, it holds {}",
                self.0.tokens()
            )));
        }
        Ok(Self(self.0.fork(tokens)))
    }
}
