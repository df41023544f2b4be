//! Values of labels that callers choose: a bounded number of them, since each is a series that a scraper keeps for
//! ever.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

/// Values of one label.
const MOST: usize = 200;

/// What stands for every value behind the last that has a series of its own.
const OTHER: &str = "other";

/// The values of one label that have series of their own.
#[derive(Debug, Default)]
pub struct Labels(RwLock<HashSet<Arc<str>>>);

impl Labels {
    /// The value, where it has a series.
    pub fn known(&self, value: &str) -> Option<Arc<str>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(value).cloned()
    }

    /// The value with a series of its own while there is room for one, else what stands for the rest.
    pub fn make_known(&self, value: &str) -> Arc<str> {
        if let Some(value) = self.known(value) {
            return value;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            return Arc::from(OTHER);
        }
        let value: Arc<str> = Arc::from(value);
        known.insert(Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_values_have_series_and_the_rest_shares_one() {
        let labels = Labels::default();
        assert_eq!(labels.known("k0"), None);
        for n in 0..MOST {
            assert_eq!(&*labels.make_known(&format!("k{n}")), format!("k{n}"));
        }
        assert_eq!(&*labels.make_known("one more"), OTHER);
        assert_eq!(labels.known("one more"), None);
        assert_eq!(labels.make_known("k7"), labels.known("k7").expect("known"));
    }
}
