//! A breaker for each model: one that keeps failing is left alone for a while, then tried by one call.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::config;

/// Longest that a model rests because it asked to.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// The model is called.
    Closed,
    /// One call tries whether it is well again.
    HalfOpen,
    /// It is left alone while another can answer.
    Open,
}

/// How a call goes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// As any other.
    Free,
    /// As the one that tries whether the model is well again.
    Probe,
    /// Though the model is to be left alone, since no other is there.
    Against,
}

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    failures: u32,
    window: Duration,
    open: Duration,
}

impl Bounds {
    pub(super) fn of(gateway: &config::Gateway) -> Self {
        Self {
            failures: gateway.breaker_failures,
            window: Duration::from_secs(gateway.breaker_window_seconds),
            open: Duration::from_secs(gateway.breaker_open_seconds),
        }
    }
}

/// One model's breaker. The time is handed in, so that it stands still while one thing is judged.
pub(super) struct Breaker {
    bounds: Bounds,
    now: Mutex<Standing>,
}

struct Standing {
    circuit: Circuit,
    /// Since when calls are counted.
    since: Instant,
    calls: u32,
    failures: u32,
    /// Until when it is left alone.
    until: Instant,
    /// Whether a call is trying it.
    probing: bool,
    /// Until when it asked for patience.
    rests: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(bounds: Bounds, now: Instant) -> Self {
        Self {
            bounds,
            now: Mutex::new(Standing {
                circuit: Circuit::Closed,
                since: now,
                calls: 0,
                failures: 0,
                until: now,
                probing: false,
                rests: None,
            }),
        }
    }

    pub(super) fn circuit(&self) -> Circuit {
        self.standing().circuit
    }

    /// Whether a call may come without being the last resort.
    pub(super) fn is_willing(&self, now: Instant) -> bool {
        let standing = self.standing();
        match standing.circuit {
            Circuit::Closed => standing.rests.is_none_or(|until| until <= now),
            Circuit::Open => standing.until <= now,
            Circuit::HalfOpen => !standing.probing,
        }
    }

    /// A call goes in.
    pub(super) fn enter(&self, now: Instant) -> Pass {
        let mut standing = self.standing();
        let may_probe = match standing.circuit {
            Circuit::Closed => return Pass::Free,
            Circuit::Open => standing.until <= now,
            Circuit::HalfOpen => !standing.probing,
        };
        if !may_probe {
            return Pass::Against;
        }
        standing.circuit = Circuit::HalfOpen;
        standing.probing = true;
        Pass::Probe
    }

    /// A call has its answer, or a refusal that is the request's fault. Whether that closed it.
    pub(super) fn succeeded(&self, now: Instant) -> bool {
        let mut standing = self.standing();
        standing.rests = None;
        if standing.circuit == Circuit::Closed {
            self.roll(&mut standing, now);
            standing.calls = standing.calls.saturating_add(1);
            return false;
        }
        standing.circuit = Circuit::Closed;
        standing.probing = false;
        (standing.since, standing.calls, standing.failures) = (now, 0, 0);
        true
    }

    /// A call that went in so has failed. Whether that opened it.
    pub(super) fn failed(&self, pass: Pass, now: Instant) -> bool {
        let mut standing = self.standing();
        match (standing.circuit, pass) {
            (Circuit::Closed, _) => {
                self.roll(&mut standing, now);
                standing.calls = standing.calls.saturating_add(1);
                standing.failures = standing.failures.saturating_add(1);
                let enough = self.bounds.failures > 0
                    && standing.failures >= self.bounds.failures
                    && standing.failures.saturating_mul(2) >= standing.calls;
                if !enough {
                    return false;
                }
            }
            (Circuit::HalfOpen, Pass::Probe) => {}
            // It is known not to be well, and when it is tried is settled.
            (Circuit::HalfOpen | Circuit::Open, _) => return false,
        }
        standing.circuit = Circuit::Open;
        standing.probing = false;
        standing.until = now + self.bounds.open;
        true
    }

    /// The model asks for patience: others are asked first until then.
    pub(super) fn rest(&self, time: Duration, now: Instant) {
        let until = now + time.min(LONGEST_REST);
        let mut standing = self.standing();
        standing.rests = Some(standing.rests.map_or(until, |other| other.max(until)));
    }

    /// The call that tried it ended without telling anything: the next one may.
    pub(super) fn give_up_probe(&self) {
        self.standing().probing = false;
    }

    /// Begins to count anew where the window is over.
    fn roll(&self, standing: &mut Standing, now: Instant) {
        if now.saturating_duration_since(standing.since) >= self.bounds.window {
            (standing.since, standing.calls, standing.failures) = (now, 0, 0);
        }
    }

    /// The numbers are whole after each statement, so a panic elsewhere spoils none.
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker(failures: u32) -> (Breaker, Instant) {
        let now = Instant::now();
        let bounds = Bounds {
            failures,
            window: 10 * SECOND,
            open: 5 * SECOND,
        };
        (Breaker::new(bounds, now), now)
    }

    #[test]
    fn opens_behind_failures_that_are_half_of_the_calls_and_not_before() {
        let (breaker, now) = breaker(3);
        for _ in 0..4 {
            breaker.succeeded(now);
        }
        for _ in 0..3 {
            assert!(!breaker.failed(Pass::Free, now), "three of seven");
        }
        assert!(breaker.failed(Pass::Free, now), "four of eight");
        assert_eq!(breaker.circuit(), Circuit::Open);
        assert!(!breaker.is_willing(now));
        assert_eq!(breaker.enter(now), Pass::Against);
    }

    #[test]
    fn failures_of_an_earlier_window_do_not_count() {
        let (breaker, now) = breaker(2);
        assert!(!breaker.failed(Pass::Free, now));
        assert!(!breaker.failed(Pass::Free, now + 10 * SECOND));
        assert!(breaker.failed(Pass::Free, now + 11 * SECOND));
    }

    #[test]
    fn one_call_tries_it_and_what_comes_of_that_decides() {
        let (breaker, now) = breaker(1);
        assert!(breaker.failed(Pass::Free, now));
        let later = now + 5 * SECOND;
        assert!(breaker.is_willing(later));
        assert_eq!(breaker.enter(later), Pass::Probe);
        assert_eq!(breaker.circuit(), Circuit::HalfOpen);
        assert!(!breaker.is_willing(later));
        assert_eq!(breaker.enter(later), Pass::Against);
        assert!(breaker.failed(Pass::Probe, later), "it opens again");
        assert!(!breaker.is_willing(later + 4 * SECOND));
        let again = later + 5 * SECOND;
        assert_eq!(breaker.enter(again), Pass::Probe);
        assert!(breaker.succeeded(again), "it closes");
        assert_eq!(breaker.enter(again), Pass::Free);
    }

    #[test]
    fn a_probe_that_was_given_up_leaves_the_place_to_the_next() {
        let (breaker, now) = breaker(1);
        breaker.failed(Pass::Free, now);
        let later = now + 5 * SECOND;
        assert_eq!(breaker.enter(later), Pass::Probe);
        breaker.give_up_probe();
        assert_eq!(breaker.enter(later), Pass::Probe);
    }

    #[test]
    fn a_call_against_it_closes_it_when_it_succeeds_and_moves_nothing_when_not() {
        let (breaker, now) = breaker(1);
        breaker.failed(Pass::Free, now);
        assert!(!breaker.failed(Pass::Against, now + 4 * SECOND));
        assert!(breaker.is_willing(now + 5 * SECOND), "it is tried in time");
        assert!(breaker.succeeded(now + SECOND));
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }

    #[test]
    fn who_asks_for_patience_is_asked_last_for_that_time_or_until_it_answers() {
        let (breaker, now) = breaker(5);
        breaker.rest(2 * SECOND, now);
        breaker.rest(SECOND, now);
        assert!(!breaker.is_willing(now + SECOND));
        assert!(breaker.is_willing(now + 2 * SECOND));
        breaker.rest(Duration::MAX, now);
        assert!(breaker.is_willing(now + LONGEST_REST));
        breaker.rest(2 * SECOND, now);
        breaker.succeeded(now);
        assert!(breaker.is_willing(now));
    }

    #[test]
    fn nought_never_opens_it() {
        let (breaker, now) = breaker(0);
        assert!((0..100).all(|_| !breaker.failed(Pass::Free, now)));
    }
}
