//! How fast answers come to their ends: from it a refused caller learns when to try again.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What is told before anything was measured, and the least that is told at all.
const LEAST: Duration = Duration::from_secs(1);
/// The most that is told.
const MOST: Duration = Duration::from_mins(5);
/// Weight of the newest measurement.
const NEWEST: f64 = 0.2;

/// Measured by the thread that ends answers, read by those who refuse requests.
#[derive(Default)]
pub(in crate::workers::torch) struct Pace(Mutex<Measured>);

#[derive(Default, Clone, Copy)]
struct Measured {
    /// Mean seconds between two requests that end while others are there.
    between: Option<f64>,
    /// When the last one ended, or the first of a busy time came.
    since: Option<Instant>,
}

impl Pace {
    /// There is work again: time in which there was none says nothing.
    pub(super) fn wake(&self, now: Instant) {
        self.lock().since = Some(now);
    }

    /// A request has ended.
    pub(super) fn ended(&self, now: Instant) {
        let mut measured = self.lock();
        if let Some(since) = measured.since {
            let took = now.saturating_duration_since(since).as_secs_f64();
            measured.between = Some(match measured.between {
                Some(mean) => mean + NEWEST * (took - mean),
                None => took,
            });
        }
        measured.since = Some(now);
    }

    /// When a place is likely to be free: the usual time between two ends, less what of it has passed. An answer that
    /// takes longer than usual is given as long again as it took.
    pub(in crate::workers::torch) fn retry_after(&self, now: Instant) -> Duration {
        let measured = *self.lock();
        let passed = measured.since.map_or(0.0, |since| {
            now.saturating_duration_since(since).as_secs_f64()
        });
        let left = match measured.between {
            Some(mean) if mean > passed => mean - passed,
            _ => passed,
        };
        Duration::from_secs_f64(left.ceil()).clamp(LEAST, MOST)
    }

    fn lock(&self) -> MutexGuard<'_, Measured> {
        // Measurements are whole after each statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_usual_time_less_what_has_passed() {
        let pace = Pace::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(pace.retry_after(start), Duration::from_secs(1));
        pace.wake(start);
        assert_eq!(
            pace.retry_after(at(7)),
            Duration::from_secs(7),
            "nothing ended in seven"
        );
        pace.ended(at(10));
        assert_eq!(pace.retry_after(at(10)), Duration::from_secs(10));
        assert_eq!(pace.retry_after(at(14)), Duration::from_secs(6));
        assert_eq!(pace.retry_after(at(25)), Duration::from_secs(15));
        assert_eq!(pace.retry_after(at(10_000)), Duration::from_mins(5));
    }

    #[test]
    fn idle_time_is_not_counted_and_newer_ends_weigh_more() {
        let pace = Pace::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        pace.wake(start);
        pace.ended(at(10));
        pace.wake(at(1000));
        pace.ended(at(1020));
        assert_eq!(pace.retry_after(at(1020)), Duration::from_secs(12));
    }
}
