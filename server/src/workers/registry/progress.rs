//! How far loading a model is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Bytes of a model that were read or fetched, of how many. Counted by whoever loads it, read by whoever looks. Cheap
/// to clone.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    /// 0 where it is not known.
    total: AtomicU64,
}

impl Progress {
    /// Begins a stretch of so many bytes: reading the weights, or fetching a file of them.
    pub fn begin(&self, total: u64) {
        self.0.done.store(0, Ordering::Relaxed);
        self.0.total.store(total, Ordering::Relaxed);
    }

    /// So many bytes more are there.
    pub fn add(&self, bytes: u64) {
        self.0.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that are there, and how many there are to be; `None` before that is known.
    pub fn bytes(&self) -> Option<(u64, u64)> {
        let total = self.0.total.load(Ordering::Relaxed);
        // Tied weights are read once and may stand in the file twice, small ones are read twice.
        (total > 0).then(|| (self.0.done.load(Ordering::Relaxed).min(total), total))
    }

    /// The share that is there, from 0 to 1; `None` before that is known.
    pub fn share(&self) -> Option<f64> {
        self.bytes().map(|(done, total)| done as f64 / total as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_known_with_the_whole_and_never_more_than_that() {
        let progress = Progress::default();
        progress.add(5);
        assert_eq!(progress.share(), None);
        progress.begin(8);
        progress.clone().add(2);
        assert_eq!(
            (progress.share(), progress.bytes()),
            (Some(0.25), Some((2, 8)))
        );
        progress.add(100);
        assert_eq!(progress.share(), Some(1.0));
    }
}
