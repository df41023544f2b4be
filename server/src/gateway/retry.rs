//! What a failure says of the next try, and how long to wait for it.
//!
//! The loop is our own and no library's: between two tries the breaker, the limit and the other candidates have a say.

use std::time::Duration;

use tidegate_schema::Error;

use crate::config;

/// Whose fault a failure is, and whether it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The upstream could not be reached, broke off, or failed inside: another try may succeed.
    Passing,
    /// It asks for patience.
    Patience(Duration),
    /// It said nothing for too long.
    Silence,
    /// It refuses, and will again: a key that is wrong, a model it does not have, a quota that is used up.
    Standing,
    /// It cannot do what is asked, and is well.
    Unfit,
    /// The request is at fault.
    Request,
}

impl Fault {
    /// Reads an error.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::Overloaded { retry_after } => Self::Patience(*retry_after),
            Error::Timeout { .. } => Self::Silence,
            Error::Upstream { message, .. } => match status(message) {
                None | Some(408 | 425 | 500..=599) => Self::Passing,
                Some(_) => Self::Standing,
            },
            Error::Internal { .. } => Self::Standing,
            Error::Unsupported { .. } | Error::NotFound { .. } => Self::Unfit,
            _ => Self::Request,
        }
    }

    /// Whether the model failed, as opposed to the request.
    pub(super) fn is_the_models(self) -> bool {
        !matches!(self, Self::Unfit | Self::Request)
    }

    /// Whether the same model may be asked again.
    pub(super) fn passes(self) -> bool {
        matches!(self, Self::Passing | Self::Patience(_) | Self::Silence)
    }

    /// Its name in the numbers.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Passing => "unavailable",
            Self::Patience(_) => "too_many_requests",
            Self::Silence => "timeout",
            Self::Standing => "refused",
            Self::Unfit => "unsupported",
            Self::Request => "invalid_request",
        }
    }
}

/// The status that an upstream refused with, which the error of a proxy begins with.
fn status(message: &str) -> Option<u16> {
    message.strip_prefix("answered ")?.get(..3)?.parse().ok()
}

/// Waits before retries: at random below a ceiling that doubles, so that those who failed together do not come back
/// together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    first: Duration,
    most: Duration,
}

impl Waits {
    pub(super) fn of(gateway: &config::Gateway) -> Self {
        Self {
            first: Duration::from_millis(gateway.retry_first_ms),
            most: Duration::from_millis(gateway.retry_most_ms),
        }
    }

    /// The wait before a retry, the first of which is number 0; `random` lies between 0 and 1. None where the upstream
    /// asks for more than anybody is to wait.
    pub(super) fn before(&self, round: u32, fault: Fault, random: f64) -> Option<Duration> {
        let ceiling = self.first.saturating_mul(1 << round.min(16)).min(self.most);
        let drawn = ceiling.mul_f64(random.clamp(0.0, 1.0));
        match fault {
            Fault::Patience(asked) if asked > self.most => None,
            Fault::Patience(asked) => Some(asked + drawn),
            _ => Some(drawn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str) -> Fault {
        Fault::of(&Error::upstream("m", message))
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for passing in [
            "cannot be reached: connection refused",
            "the stream broke: garbage",
            "answered 408 Request Timeout: slow",
            "answered 425 Too Early: wait",
            "answered 500 Internal Server Error: oops",
            "answered 503 Service Unavailable: later",
            "answered 529 <unknown status code>: overloaded",
        ] {
            assert_eq!(said(passing), Fault::Passing, "{passing}");
        }
        for standing in [
            "answered 401 Unauthorized: bad key",
            "answered 404 Not Found: no such model",
            "answered 429 Too Many Requests: check your plan",
        ] {
            assert_eq!(said(standing), Fault::Standing, "{standing}");
        }
        let patience = Error::Overloaded {
            retry_after: Duration::from_secs(3),
        };
        assert_eq!(
            Fault::of(&patience),
            Fault::Patience(Duration::from_secs(3))
        );
        assert_eq!(
            Fault::of(&Error::invalid("messages", "too long")),
            Fault::Request
        );
        assert!(!Fault::Unfit.is_the_models() && !Fault::Request.passes());
    }

    #[test]
    fn waits_double_up_to_the_most_and_are_drawn_below_it() {
        let waits = Waits {
            first: Duration::from_millis(100),
            most: Duration::from_millis(350),
        };
        let before = |round, random| waits.before(round, Fault::Passing, random);
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(before(0, 1.0), millis(100));
        assert_eq!(before(1, 1.0), millis(200));
        assert_eq!(before(1, 0.5), millis(100));
        assert_eq!(before(2, 1.0), millis(350));
        assert_eq!(before(u32::MAX, 1.0), millis(350));
        assert_eq!(before(3, 0.0), millis(0));
    }

    #[test]
    fn what_an_upstream_asks_for_is_waited_for_within_reason() {
        let waits = Waits {
            first: Duration::from_millis(100),
            most: Duration::from_secs(5),
        };
        let asked = |seconds| {
            let fault = Fault::Patience(Duration::from_secs(seconds));
            waits.before(0, fault, 0.5)
        };
        assert_eq!(asked(2), Some(Duration::from_millis(2_050)));
        assert_eq!(asked(6), None);
    }
}
