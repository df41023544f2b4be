//! A bucket that fills evenly. Unlike the ones of a rate-limiting crate it takes back what was reserved too much and
//! may be owed to: how many tokens a call takes is known when it ends.

use std::time::{Duration, Instant};

/// How much may be used just now, of so much a minute.
#[derive(Debug)]
pub(super) struct Bucket {
    a_minute: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(a_minute: u32, now: Instant) -> Self {
        let a_minute = f64::from(a_minute);
        Self {
            a_minute,
            level: a_minute,
            at: now,
        }
    }

    /// Whether there is one left, or else how long it takes until there is.
    pub(super) fn look(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at);
        self.at = self.at.max(now);
        let filled = self.level + passed.as_secs_f64() / 60.0 * self.a_minute;
        self.level = filled.min(self.a_minute);
        // Times are not told exactly; a thousandth is no reason to come back.
        if self.level >= 0.999 {
            return Ok(());
        }
        let seconds = (1.0 - self.level) / self.a_minute * 60.0;
        Err(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    /// Takes what was used, or is going to be.
    pub(super) fn take(&mut self, count: f64) {
        self.level -= count;
    }

    /// Gives back what was taken and not used.
    pub(super) fn give_back(&mut self, count: f64) {
        self.level = (self.level + count).min(self.a_minute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(of: Result<(), Duration>) -> Option<u64> {
        of.err().map(|wait| wait.as_secs_f64().round() as u64)
    }

    #[test]
    fn it_gives_what_a_minute_has_at_once_and_fills_evenly() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut bucket = Bucket::new(6, begun);
        for _ in 0..6 {
            assert_eq!(seconds(bucket.look(begun)), None);
            bucket.take(1.0);
        }
        assert_eq!(seconds(bucket.look(begun)), Some(10));
        assert_eq!(seconds(bucket.look(at(4))), Some(6));
        assert_eq!(seconds(bucket.look(at(10))), None);
        bucket.take(1.0);
        assert_eq!(seconds(bucket.look(at(600))), None);
        assert!(
            (bucket.level - 6.0).abs() < 1e-9,
            "it is full and no fuller"
        );
        assert_eq!(seconds(bucket.look(begun)), None, "time goes forward only");
    }

    #[test]
    fn what_was_reserved_too_much_comes_back_and_what_was_too_little_is_owed() {
        let now = Instant::now();
        let mut bucket = Bucket::new(60, now);
        bucket.take(50.0);
        bucket.give_back(40.0);
        assert!((bucket.level - 50.0).abs() < 1e-9);
        bucket.take(80.0);
        assert_eq!(seconds(bucket.look(now)), Some(31));
        bucket.give_back(1000.0);
        assert!((bucket.level - 60.0).abs() < 1e-9);
    }
}
