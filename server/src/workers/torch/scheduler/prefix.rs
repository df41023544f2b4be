//! Caches that are kept when their sequence is over, to be gone on from by sequences that begin alike.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Included, Unbounded},
    sync::Arc,
};

use lru::LruCache;

use crate::workers::torch::{error::Result, network::Cache};

/// Fewest tokens that are worth a copy of their keys and values.
const LEAST: usize = 4;
/// Most caches kept, however small they are.
const MOST: usize = 1024;

/// What a cache holds. Ordered by tokens, so that what begins alike stands together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// How positions were told; caches of different regimes have nothing in common.
    pub(super) regime: Vec<u8>,
    /// The tokens run.
    pub(super) tokens: Vec<u32>,
}

/// A kept cache that begins as a sequence does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    /// Which.
    pub(super) id: u64,
    /// Tokens in common.
    pub(super) tokens: usize,
    /// Whether the cache holds nothing else, so that it can be taken over.
    pub(super) whole: bool,
}

struct Entry<C> {
    key: Arc<Key>,
    cache: C,
    bytes: u64,
}

/// The kept caches.
pub(super) struct Kept<C> {
    order: BTreeMap<Arc<Key>, u64>,
    entries: LruCache<u64, Entry<C>>,
    bytes: u64,
    next: u64,
}

/// Tokens that two sequences begin with alike.
pub(super) fn common(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// Whether so many tokens in common are worth anything.
pub(super) fn is_worth(tokens: usize) -> bool {
    tokens >= LEAST
}

impl<C: Cache> Kept<C> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            order: BTreeMap::new(),
            entries: LruCache::unbounded(),
            bytes: 0,
            next: 0,
        }
    }

    /// Bytes of all.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of one.
    pub(super) fn bytes_of(&self, id: u64) -> u64 {
        self.entries.peek(&id).map_or(0, |entry| entry.bytes)
    }

    /// The cache that has most tokens in common with `key`, if it has enough. It counts as used.
    pub(super) fn find(&mut self, key: &Key) -> Option<Hit> {
        // In the order of tokens, what has most in common stands next to the key, on one side or the other.
        let before = self
            .order
            .range::<Key, _>((Unbounded, Included(key)))
            .next_back();
        let behind = self
            .order
            .range::<Key, _>((Excluded(key), Unbounded))
            .next();
        let best = [before, behind]
            .into_iter()
            .flatten()
            .filter(|(other, _)| other.regime == key.regime)
            .map(|(other, &id)| Hit {
                id,
                tokens: common(&other.tokens, &key.tokens),
                whole: key.tokens.starts_with(&other.tokens),
            })
            .max_by_key(|hit| (hit.tokens, hit.whole))
            .filter(|hit| is_worth(hit.tokens))?;
        self.entries.promote(&best.id);
        Some(best)
    }

    /// A copy of the first tokens of a cache.
    pub(super) fn fork(&self, id: u64, tokens: usize) -> Option<Result<C>> {
        Some(self.entries.peek(&id)?.cache.fork(tokens))
    }

    /// Gives a cache away.
    pub(super) fn take(&mut self, id: u64) -> Option<C> {
        let entry = self.entries.pop(&id)?;
        self.order.remove(&entry.key);
        self.bytes -= entry.bytes;
        Some(entry.cache)
    }

    /// Keeps a cache that holds what `key` says, unless another one holds that too. One that holds a part of it only
    /// is let go.
    pub(super) fn keep(&mut self, key: Key, cache: C) {
        if !is_worth(key.tokens.len()) {
            return;
        }
        let longer = self
            .order
            .range::<Key, _>((Included(&key), Unbounded))
            .next();
        if let Some((other, &id)) = longer
            && other.regime == key.regime
            && other.tokens.starts_with(&key.tokens)
        {
            self.entries.promote(&id);
            return;
        }
        let shorter = self
            .order
            .range::<Key, _>((Unbounded, Excluded(&key)))
            .next_back();
        if let Some((other, &id)) = shorter
            && other.regime == key.regime
            && key.tokens.starts_with(&other.tokens)
        {
            self.take(id);
        }
        let (key, bytes, id) = (Arc::new(key), cache.bytes(), self.next);
        self.next += 1;
        self.bytes += bytes;
        self.order.insert(Arc::clone(&key), id);
        self.entries.put(id, Entry { key, cache, bytes });
        while self.entries.len() > MOST {
            self.evict(None);
        }
    }

    /// Lets the cache go that was used longest ago, but not `spared`; whether there was one.
    pub(super) fn evict(&mut self, spared: Option<u64>) -> bool {
        let oldest = self.entries.peek_lru().map(|(&id, _)| id);
        let Some(id) = oldest else { return false };
        if Some(id) != spared {
            return self.take(id).is_some();
        }
        // What is spared was used last; if it is the oldest too, it is alone.
        self.entries.promote(&id);
        let oldest = self.entries.peek_lru().map(|(&id, _)| id);
        match oldest {
            Some(other) if other != id => self.take(other).is_some(),
            _ => false,
        }
    }

    /// Lets all go.
    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.entries.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests;
