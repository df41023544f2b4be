//! What one key may use: calls and tokens a minute, and tokens in all.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use tidegate_schema::{Error, ids::KeyId, model::KeyLimits};

use super::bucket::Bucket;

/// How old what is known of a budget may become while its key is used.
pub(super) const FRESH: Duration = Duration::from_secs(30);
/// How old it may be when a call is refused for it.
pub(super) const STALE: Duration = Duration::from_secs(1);

/// Why a call is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// Too many calls; when to try again, and how many a minute there may be.
    Requests(Duration, u32),
    /// Too many tokens; when to try again, and how many a minute there may be.
    Tokens(Duration, u32),
    /// The budget is spent.
    Spent(KeyLimits),
    /// What was used before could not be read.
    Failed(Error),
}

impl Refused {
    /// Which limit it was, as it is counted.
    pub(super) fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Requests(..) => Some("requests"),
            Self::Tokens(..) => Some("tokens"),
            Self::Spent(_) => Some("budget"),
            Self::Failed(_) => None,
        }
    }
}

/// What a key may use and has used. Each key has locks of its own, held for a few sums.
#[derive(Debug)]
pub(super) struct Allowance {
    pub(super) key: KeyId,
    pub(super) limits: KeyLimits,
    requests: Option<Mutex<Bucket>>,
    tokens: Option<Mutex<Bucket>>,
    /// Tokens that the store has of this key, as far as they count.
    stored: AtomicU64,
    /// Tokens whose rows are on their way to the store.
    unstored: AtomicU64,
    /// Tokens that calls under way are expected to take.
    reserved: AtomicU64,
    /// When `stored` was read.
    read_at: Mutex<Option<Instant>>,
    reading: AtomicBool,
}

impl Allowance {
    pub(super) fn new(key: KeyId, limits: KeyLimits, now: Instant) -> Self {
        let bucket =
            |a_minute: Option<u32>| a_minute.map(|a_minute| Mutex::new(Bucket::new(a_minute, now)));
        Self {
            key,
            limits,
            requests: bucket(limits.requests_per_minute),
            tokens: bucket(limits.tokens_per_minute),
            stored: AtomicU64::new(0),
            unstored: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            read_at: Mutex::new(None),
            reading: AtomicBool::new(false),
        }
    }

    /// Counts one call, unless there were too many calls or tokens of late.
    pub(super) fn take(&self, now: Instant) -> Result<(), Refused> {
        if let Some(tokens) = &self.tokens {
            let limit = self.limits.tokens_per_minute.unwrap_or_default();
            lock(tokens)
                .look(now)
                .map_err(|wait| Refused::Tokens(wait, limit))?;
        }
        if let Some(requests) = &self.requests {
            let mut requests = lock(requests);
            let limit = self.limits.requests_per_minute.unwrap_or_default();
            requests
                .look(now)
                .map_err(|wait| Refused::Requests(wait, limit))?;
            requests.take(1.0);
        }
        Ok(())
    }

    /// Sets tokens aside for a call that begins.
    pub(super) fn reserve(&self, count: u64) {
        self.reserved.fetch_add(count, Ordering::Relaxed);
        if let Some(tokens) = &self.tokens {
            lock(tokens).take(count as f64);
        }
    }

    /// A call has ended for which so many tokens were set aside, and took so many. The latter are on their way to the
    /// store.
    pub(super) fn settle(&self, reserved: u64, used: u64) {
        self.reserved.fetch_sub(reserved, Ordering::Relaxed);
        self.unstored.fetch_add(used, Ordering::Relaxed);
        if let Some(tokens) = &self.tokens {
            let mut tokens = lock(tokens);
            tokens.give_back(reserved as f64);
            tokens.take(used as f64);
        }
    }

    /// So many tokens are in the store by now, or will never be.
    pub(super) fn arrived(&self, count: u64) {
        self.stored.fetch_add(count, Ordering::Relaxed);
        self.unstored.fetch_sub(count, Ordering::Relaxed);
    }

    /// Whether the budget is spent.
    pub(super) fn is_spent(&self) -> bool {
        let used = [&self.stored, &self.unstored, &self.reserved]
            .iter()
            .fold(0_u64, |sum, part| {
                sum.saturating_add(part.load(Ordering::Relaxed))
            });
        self.limits
            .token_budget
            .is_some_and(|budget| used >= budget)
    }

    /// The time from which on tokens count; none where all do.
    pub(super) fn budget_begins(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let days = TimeDelta::try_days(i64::from(self.limits.budget_days?))?;
        now.checked_sub_signed(days)
    }

    /// How long ago the store was read; none where it never was.
    pub(super) fn budget_age(&self, now: Instant) -> Option<Duration> {
        lock(&self.read_at).map(|at| now.saturating_duration_since(at))
    }

    /// The store had so many tokens then.
    pub(super) fn set_stored(&self, tokens: u64, at: Instant) {
        self.stored.store(tokens, Ordering::Relaxed);
        *lock(&self.read_at) = Some(at);
    }

    /// Whether nobody else is reading the store for this key; from now on somebody is.
    pub(super) fn begin_reading(&self) -> bool {
        !self.reading.swap(true, Ordering::Relaxed)
    }

    pub(super) fn end_reading(&self) {
        self.reading.store(false, Ordering::Relaxed);
    }
}

/// Numbers are whole after each statement, so a panic elsewhere spoils none.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(limits: KeyLimits, now: Instant) -> Allowance {
        Allowance::new("k".into(), limits, now)
    }

    #[test]
    fn a_call_refused_for_tokens_is_not_counted_as_one() {
        let now = Instant::now();
        let limits = KeyLimits {
            requests_per_minute: Some(2),
            tokens_per_minute: Some(60),
            ..KeyLimits::default()
        };
        let allowance = of(limits, now);
        allowance.take(now).expect("the first");
        allowance.reserve(10);
        allowance.settle(10, 120);
        let refused = allowance.take(now).expect_err("owes 60 tokens");
        assert_eq!(refused.limit(), Some("tokens"));
        let later = now + Duration::from_secs(62);
        allowance.take(later).expect("one");
        allowance.take(later).expect("two");
        let refused = allowance.take(later).expect_err("a third");
        assert!(matches!(refused, Refused::Requests(wait, _) if wait <= Duration::from_secs(30)));
    }

    #[test]
    fn a_budget_counts_what_is_stored_on_its_way_and_expected() {
        let limits = KeyLimits {
            token_budget: Some(100),
            budget_days: Some(7),
            ..KeyLimits::default()
        };
        let now = Instant::now();
        let allowance = of(limits, now);
        assert_eq!(allowance.budget_age(now), None);
        allowance.set_stored(60, now);
        assert_eq!(allowance.budget_age(now), Some(Duration::ZERO));
        allowance.reserve(40);
        assert!(allowance.is_spent());
        allowance.settle(40, 39);
        assert!(!allowance.is_spent());
        allowance.arrived(39);
        assert!(!allowance.is_spent());
        allowance.settle(0, 1);
        assert!(allowance.is_spent());
        allowance.set_stored(0, now);
        assert!(!allowance.is_spent());
        let today = DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
        assert_eq!(
            allowance.budget_begins(today),
            Some(today - TimeDelta::days(7))
        );
        assert!(allowance.begin_reading() && !allowance.begin_reading());
        allowance.end_reading();
        assert!(allowance.begin_reading());
    }
}
