//! Answers under way in this process, by model: what it tells controllers of its load.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

/// Models counted; more are not, and have no load to tell.
const MOST: usize = 1024;

/// Counts by model.
#[derive(Clone, Default)]
pub struct Loads(Arc<Mutex<HashMap<String, Arc<AtomicU32>>>>);

/// An answer under way. It counts until it is dropped.
pub struct Busy(Arc<AtomicU32>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Loads {
    /// An answer begins.
    pub fn begin(&self, model: &str) -> Busy {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = match counts.get(model) {
            Some(count) => Arc::clone(count),
            None if counts.len() >= MOST => Arc::default(),
            None => Arc::clone(counts.entry(model.to_owned()).or_default()),
        };
        count.fetch_add(1, Ordering::Relaxed);
        Busy(count)
    }

    /// Answers under way of a model.
    pub fn of(&self, model: &str) -> u32 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(model)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_until_it_is_dropped() {
        let loads = Loads::default();
        let one = loads.begin("m");
        let other = loads.begin("m");
        assert_eq!((loads.of("m"), loads.of("n")), (2, 0));
        drop(one);
        assert_eq!(loads.of("m"), 1);
        drop(other);
        assert_eq!(loads.of("m"), 0);
    }
}
