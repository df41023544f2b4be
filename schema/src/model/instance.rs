//! Instances: which process offers a model, and whether it was heard of lately.

use chrono::{DateTime, Utc};

use crate::{Error, Result};

/// Most characters of a name or a host.
const MOST_CHARS: usize = 255;

/// A model as one process offers it; a row of a controller's list.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The model's name and what it is for, as `name@type`.
    pub model_name: String,
    /// Where the process is reached.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How much of the work it is to have beside the others; 0 for none while there are others.
    pub weight: f64,
    /// Whether it is lost when it is not heard of.
    pub check_healthy: bool,
    /// Whether it was heard of lately and has not left.
    pub healthy: bool,
    /// Whether it is to be asked at all.
    pub enabled: bool,
    /// DB-GPT's name of the form its prompts have, where it says.
    pub prompt_template: Option<String>,
    /// When it was last heard of.
    pub last_heartbeat: Option<DateTime<Utc>>,
    /// Answers under way there, where it tells.
    pub load: Option<u32>,
}

impl Instance {
    /// What every process that serves models is registered as beside them.
    pub const MANAGER: &'static str = "WorkerManager@service";

    /// An instance that was just heard of and tells nothing more.
    pub fn new(model_name: impl Into<String>, host: impl Into<String>, port: u16) -> Self {
        Self {
            model_name: model_name.into(),
            host: host.into(),
            port,
            weight: 1.0,
            check_healthy: true,
            healthy: true,
            enabled: true,
            prompt_template: None,
            last_heartbeat: None,
            load: None,
        }
    }

    /// The model's own name and its type: `("qwen", "llm")`.
    pub fn parts(&self) -> (&str, &str) {
        self.model_name
            .rsplit_once('@')
            .unwrap_or((&self.model_name, ""))
    }

    /// Where the process is reached, as a URL has it.
    pub fn address(&self) -> String {
        authority(&self.host, self.port)
    }

    /// Whether it is of the process at this place.
    pub fn is_at(&self, host: &str, port: u16) -> bool {
        self.port == port && bare(&self.host).eq_ignore_ascii_case(bare(host))
    }

    /// Whether it is the same instance: that model, of that process.
    pub fn is_same(&self, other: &Self) -> bool {
        self.model_name == other.model_name && self.is_at(&other.host, other.port)
    }

    /// Whether it can be asked.
    pub fn usable(&self) -> bool {
        self.healthy && self.enabled
    }

    /// Refuses what cannot be the name or the place of an instance.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn check(&self) -> Result<()> {
        let (name, kind) = self.parts();
        if name.is_empty() || kind.is_empty() || name.contains('@') {
            return Err(Error::invalid(
                "model_name",
                "must be name@type, as qwen@llm, without another '@'",
            ));
        }
        if self.model_name.contains('\0') || self.model_name.chars().nth(MOST_CHARS).is_some() {
            return Err(Error::invalid(
                "model_name",
                format!("must have at most {MOST_CHARS} characters and no NUL among them"),
            ));
        }
        let fits =
            |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_' | ':');
        let host = bare(&self.host);
        if host.is_empty() || host.len() > MOST_CHARS || !host.chars().all(fits) {
            return Err(Error::invalid(
                "host",
                "must be a host name or an IP address, without scheme, port or path",
            ));
        }
        if self.port == 0 {
            return Err(Error::invalid("port", "must lie between 1 and 65535"));
        }
        if !self.weight.is_finite() || self.weight < 0.0 {
            return Err(Error::invalid("weight", "must be a number, 0 or more"));
        }
        Ok(())
    }
}

/// A host and a port as a URL has them: an IPv6 address in brackets.
pub fn authority(host: &str, port: u16) -> String {
    let host = bare(host);
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_parts_and_a_place_is_written_as_a_url_has_it() {
        let instance = Instance::new("qwen@llm", "10.0.0.5", 8001);
        assert_eq!(instance.parts(), ("qwen", "llm"));
        assert_eq!(instance.address(), "10.0.0.5:8001");
        assert_eq!(authority("::1", 8001), "[::1]:8001");
        assert_eq!(authority("[::1]", 8001), "[::1]:8001");
        assert!(Instance::new("m@llm", "[::1]", 1).is_at("::1", 1));
        assert!(!instance.is_at("10.0.0.5", 8002));
        assert_eq!(Instance::new("alone", "h", 1).parts(), ("alone", ""));
    }

    #[test]
    fn what_cannot_be_an_instance_is_refused_by_field() {
        let refused = |change: fn(&mut Instance)| {
            let mut instance = Instance::new("qwen@llm", "worker-1.example", 8001);
            instance.check().expect("good before");
            change(&mut instance);
            let text = instance.check().expect_err("refused").to_string();
            text.split(':').next().unwrap_or_default().to_owned()
        };
        assert_eq!(refused(|i| i.model_name = "qwen".to_owned()), "model_name");
        assert_eq!(refused(|i| i.model_name = "@llm".to_owned()), "model_name");
        assert_eq!(
            refused(|i| i.model_name = "a@b@llm".to_owned()),
            "model_name"
        );
        assert_eq!(
            refused(|i| i.model_name = format!("{}@llm", "x".repeat(255))),
            "model_name"
        );
        for host in ["", "a/b", "user@host", "http://a", "a b", "h?x"] {
            let mut instance = Instance::new("qwen@llm", host, 8001);
            assert!(instance.check().is_err(), "{host}");
            instance.host = "::1".to_owned();
            assert!(instance.check().is_ok());
        }
        assert_eq!(refused(|i| i.port = 0), "port");
        assert_eq!(refused(|i| i.weight = f64::NAN), "weight");
        assert_eq!(refused(|i| i.weight = -1.0), "weight");
    }
}
