//! The configuration in force, as a person may see it: secrets as stars.

use std::path::Path;

use toml::Value;

use super::{Config, ConfigError, Environment, load::layered};

/// Keys whose text is a secret.
const SECRET_KEYS: [&str; 4] = ["secret_key", "api_key", "key", "otlp_headers"];

impl Config {
    /// What [`Config::load`] would read, as TOML: `${env:…}` unexpanded, secrets as stars.
    ///
    /// # Errors
    /// As [`Config::load`], so that what is shown is always a configuration the server would start with.
    pub fn shown(file: Option<&Path>, environment: Environment<'_>) -> Result<String, ConfigError> {
        Self::load(file, environment)?;
        let mut root = Value::Table(layered(file, environment)?);
        mask(&mut root);
        toml::to_string(&root).map_err(|e| ConfigError::bad("configuration", e.to_string()))
    }
}

/// Puts stars over secrets. A reference to a variable is none.
fn mask(value: &mut Value) {
    match value {
        Value::Table(table) => {
            for (key, inner) in table.iter_mut() {
                match inner {
                    Value::String(text) if SECRET_KEYS.contains(&key.as_str()) => {
                        if !text.is_empty() && !text.starts_with("${env:") {
                            "********".clone_into(text);
                        }
                    }
                    Value::String(text) if text.contains("://") => {
                        if let Ok(mut url) = url::Url::parse(text)
                            && url
                                .password()
                                .is_some_and(|word| !word.contains("$%7Benv:"))
                            && url.set_password(Some("********")).is_ok()
                        {
                            *text = url.into();
                        }
                    }
                    inner => mask(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_in_force_and_keeps_secrets() {
        let dir = tempfile::tempdir().expect("writable");
        let file = dir.path().join("tidegate.toml");
        let text = "[server]\nport = 7001\n[database]\nurl = 'postgres://me:hidden@db.example/x'\n\
                    [[models]]\nname = 'a'\nprovider = 'proxy'\nbase_url = 'http://127.0.0.1:1/v1'\napi_key = 'hidden'\n\
                    [[models]]\nname = 'b'\nprovider = 'proxy'\nbase_url = 'http://127.0.0.1:1/v1'\n\
                    api_key = '${env:KEY}'\n";
        std::fs::write(&file, text).expect("writable");
        let environment = |name: &str| match name {
            "TIDEGATE_LIMITS_ROWS" => Some("77".to_owned()),
            "KEY" | "TIDEGATE_DATABASE_SECRET_KEY" => Some("hidden".to_owned()),
            _ => None,
        };
        let shown = Config::shown(Some(&file), &environment).expect("valid");
        for part in [
            "port = 7001",
            "rows = 77",
            "me:********@db.example",
            "secret_key = \"********\"",
            "api_key = \"${env:KEY}\"",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(!shown.contains("hidden"), "{shown}");
        let bad = |name: &str| (name == "TIDEGATE_SERVER_PORT").then(|| "x".to_owned());
        assert!(Config::shown(None, &bad).is_err());
    }
}
