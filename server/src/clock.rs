//! Time and ids, replaceable in tests.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

/// Where time and ids come from.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl Clock {
    /// The machine's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn system() -> Self {
        Self {
            now: Arc::new(Utc::now),
        }
    }

    /// A clock that stands still.
    pub fn fixed(at: DateTime<Utc>) -> Self {
        Self {
            now: Arc::new(move || at),
        }
    }

    /// Now.
    pub fn now(&self) -> DateTime<Utc> {
        (self.now)()
    }

    /// Today, in UTC.
    pub fn today(&self) -> NaiveDate {
        self.now().date_naive()
    }

    /// A new time-ordered id (UUIDv7).
    pub fn new_id(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }
}
