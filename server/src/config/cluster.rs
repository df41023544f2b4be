//! The cluster: controllers, keys, and how often processes tell that they are there.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Config, ConfigError};

/// Shortest key that is taken: a short one is found by trying.
const SHORTEST_KEY: usize = 16;

/// Processes that share their models.
#[derive(Debug, Clone, Deserialize)]
pub struct Cluster {
    /// Controllers that keep count of instances; none where this process does.
    pub controllers: Vec<String>,
    /// What processes of the cluster show each other; empty for none.
    pub key: SecretString,
    /// Whether processes without a key may ask and register where keys are in force.
    pub open: bool,
    /// Host by which others reach this process; empty for the address it listens at.
    pub advertise: String,
    /// Seconds between two signs of life.
    pub heartbeat_seconds: u64,
    /// Seconds without one behind which an instance is taken for lost.
    pub expiry_seconds: u64,
    /// Seconds between two looks at the list of instances.
    pub poll_seconds: u64,
    /// Seconds to wait for a worker's answer to begin, and for each piece of it.
    pub call_seconds: u64,
}

impl Cluster {
    /// The key that workers are shown; none where anybody may register as one.
    pub fn key_for_workers(&self) -> SecretString {
        if self.open {
            SecretString::default()
        } else {
            self.key.clone()
        }
    }
}

impl Config {
    /// What is wrong with `[cluster]`.
    pub(super) fn check_cluster(&self) -> Result<(), ConfigError> {
        let cluster = &self.cluster;
        let key = cluster.key.expose_secret();
        if !key.is_empty() && key.len() < SHORTEST_KEY {
            return Err(ConfigError::bad(
                "cluster.key",
                format!("is too short to keep anybody out; use {SHORTEST_KEY} characters or more"),
            ));
        }
        if cluster
            .advertise
            .contains(|sign: char| matches!(sign, '/' | '@' | '?' | '#') || sign.is_whitespace())
        {
            return Err(ConfigError::bad(
                "cluster.advertise",
                "must be a host name or an IP address alone, without scheme, port or path",
            ));
        }
        for (name, value, most) in [
            ("heartbeat_seconds", cluster.heartbeat_seconds, 3_600),
            ("expiry_seconds", cluster.expiry_seconds, 86_400),
            ("poll_seconds", cluster.poll_seconds, 3_600),
            ("call_seconds", cluster.call_seconds, 86_400),
        ] {
            if !(1..=most).contains(&value) {
                return Err(ConfigError::bad(
                    format!("cluster.{name}"),
                    format!("is {value}; it must lie between 1 and {most}"),
                ));
            }
        }
        if cluster.expiry_seconds <= cluster.heartbeat_seconds {
            return Err(ConfigError::bad(
                "cluster.expiry_seconds",
                "must be more than cluster.heartbeat_seconds, better three times as much: else nobody stays healthy",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_shown_the_key_unless_anybody_may_be_one() {
        for (open, shown) in [(false, "sixteen letters!"), (true, "")] {
            let text = format!("[cluster]\nkey = 'sixteen letters!'\nopen = {open}\n");
            let config = Config::from_toml(&text).expect("a configuration");
            assert_eq!(config.cluster.key_for_workers().expose_secret(), shown);
        }
    }

    #[test]
    fn what_would_lose_or_let_in_everybody_is_refused() {
        let refused = |line: &str| {
            let read = Config::from_toml(&format!("[cluster]\n{line}\n"));
            read.expect_err(line).to_string()
        };
        for (line, key) in [
            ("key = 'short'", "cluster.key: "),
            ("advertise = 'http://gpu-1'", "cluster.advertise: "),
            ("heartbeat_seconds = 0", "cluster.heartbeat_seconds: "),
            ("heartbeat_seconds = 60", "cluster.expiry_seconds: "),
            ("call_seconds = 0", "cluster.call_seconds: "),
        ] {
            let error = refused(line);
            assert!(error.starts_with(key), "{error}");
        }
        let good = "[cluster]\ncontrollers = ['a:8000', 'b:8000']\nkey = 'sixteen letters!'\nadvertise = 'gpu-1'\n";
        assert_eq!(
            Config::from_toml(good)
                .expect("valid")
                .cluster
                .controllers
                .len(),
            2
        );
    }
}
