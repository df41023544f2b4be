//! How a model is called: how long, how often, how many at once.

use std::time::Duration;

use crate::config::{self, Provider};

/// One model's bounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Policy {
    /// Calls at once; none for any number.
    pub(super) most_open: Option<usize>,
    /// Longest wait for the first piece of an answer.
    pub(super) first_token: Option<Duration>,
    /// Longest wait between two of its pieces.
    pub(super) between: Option<Duration>,
    /// Longest wait for an answer that comes in one piece.
    pub(super) whole: Option<Duration>,
    /// How often a call is tried again.
    pub(super) retries: u32,
    /// How long an answer is kept.
    pub(super) keeps: Option<Duration>,
}

impl Policy {
    /// What is configured for a model. What runs in this process keeps its own time and has its own queue, and failing
    /// twice would help nobody: only the number of its calls and what is kept of them can be set.
    pub(super) fn of(model: &config::Model) -> Self {
        let seconds = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        let own = Self {
            most_open: (model.max_concurrent > 0).then_some(model.max_concurrent),
            keeps: seconds(model.cache_seconds),
            ..Self::default()
        };
        if model.provider != Provider::Proxy {
            return own;
        }
        let whole = seconds(model.timeout_seconds);
        Self {
            first_token: seconds(model.first_token_seconds).or(whole),
            between: seconds(model.between_tokens_seconds).or(whole),
            whole,
            retries: model.retries,
            ..own
        }
    }

    /// Whether there is nothing to be kept to, so that the model can be given out as it is.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What of an answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// Its first piece.
    FirstToken,
    /// All of it.
    Whole,
}

impl Span {
    /// How long that may take.
    pub(super) fn limit(self, policy: &Policy) -> Option<Duration> {
        match self {
            Self::FirstToken => policy.first_token,
            Self::Whole => policy.whole,
        }
    }

    /// What it is, for an error.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::FirstToken => "the beginning of an answer",
            Self::Whole => "an answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn policy(more: &str) -> Policy {
        let config = Config::from_toml(&format!("[[models]]\nname='m'\n{more}")).expect("valid");
        Policy::of(&config.models[0])
    }

    #[test]
    fn waits_of_an_upstream_default_to_its_longest_silence() {
        let proxy = "provider='proxy'\nbase_url='http://127.0.0.1:1/v1'\n";
        let plain = policy(proxy);
        let two_minutes = Some(Duration::from_mins(2));
        assert_eq!(
            (plain.first_token, plain.between, plain.whole, plain.retries),
            (two_minutes, two_minutes, two_minutes, 2)
        );
        let own = policy(&format!(
            "{proxy}first_token_seconds=5\nbetween_tokens_seconds=3\ntimeout_seconds=60\nmax_concurrent=7\n"
        ));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(
            (own.first_token, own.between, own.whole, own.most_open),
            (seconds(5), seconds(3), seconds(60), Some(7))
        );
    }

    #[test]
    fn a_model_of_this_process_is_passed_through() {
        assert!(policy("provider='dummy'\nfirst_token_seconds=5\n").is_plain());
        assert!(!policy("provider='dummy'\nmax_concurrent=1\n").is_plain());
        assert!(!policy("provider='dummy'\ncache_seconds=1\n").is_plain());
    }
}
