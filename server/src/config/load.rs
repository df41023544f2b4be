//! From TOML and the environment to [`Config`](super::Config), with messages that name the key.

mod lists;

use std::path::Path;

use toml::{Table, Value};

use super::Config;

/// The embedded defaults, which are the reference too.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// A lookup of environment variables; tests hand in their own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{source_name}{key}: {reason}")]
pub struct ConfigError {
    /// `file path: ` or empty.
    source_name: String,
    /// Dotted key.
    key: String,
    /// Why, and what to do.
    reason: String,
}

impl ConfigError {
    /// A key that cannot be accepted.
    pub fn bad(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            source_name: String::new(),
            key: key.into(),
            reason: reason.into(),
        }
    }

    fn in_file(mut self, path: &Path) -> Self {
        self.source_name = format!("{}: ", path.display());
        self
    }
}

impl Config {
    /// The defaults alone.
    ///
    /// # Panics
    /// Never: a test reads the embedded file.
    pub fn builtin_defaults() -> Self {
        Self::load(None, &|_| None).expect("the embedded defaults are valid")
    }

    /// Defaults, then the file, then the environment.
    ///
    /// # Errors
    /// An unreadable file, bad TOML, an unknown key, a value of the wrong type.
    pub fn load(file: Option<&Path>, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let mut root = Value::Table(layered(file, environment)?);
        substitute(&mut root, "", environment)?;
        Self::checked(root)
    }

    /// Defaults with a TOML text over them; what tests use.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let mut merged: Table = DEFAULTS
            .parse()
            .map_err(|e: toml::de::Error| ConfigError::bad("defaults", e.to_string()))?;
        Self::overlay(&mut merged, text)?;
        Self::checked(Value::Table(merged))
    }

    fn overlay(merged: &mut Table, text: &str) -> Result<(), ConfigError> {
        let given: Table = text.parse().map_err(|e: toml::de::Error| {
            ConfigError::bad("toml", e.to_string().replace('\n', " "))
        })?;
        merge(merged, given, "")
    }

    fn checked(root: Value) -> Result<Self, ConfigError> {
        let config: Self = root.try_into().map_err(|e: toml::de::Error| {
            ConfigError::bad("configuration", e.to_string().replace('\n', " "))
        })?;
        config.check()?;
        Ok(config)
    }

    /// What is wrong with values that TOML alone cannot tell, for configurations that were put together by hand too.
    ///
    /// # Errors
    /// The first such key.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.web_address()?;
        if !matches!(self.log.format.as_str(), "pretty" | "json") {
            return Err(ConfigError::bad("log.format", "must be 'pretty' or 'json'"));
        }
        if !(0.0..=1.0).contains(&self.ask.abstain_below) {
            return Err(ConfigError::bad(
                "ask.abstain_below",
                "must lie between 0 and 1",
            ));
        }
        for (i, model) in self.models.iter().enumerate() {
            let key = |name: &str| format!("models[{i}].{name}");
            if model.name.is_empty() || model.name.contains('@') {
                return Err(ConfigError::bad(
                    key("name"),
                    "must be set and must not contain '@'",
                ));
            }
            if self.models[..i]
                .iter()
                .any(|other| other.name == model.name)
            {
                return Err(ConfigError::bad(
                    key("name"),
                    format!("'{}' is taken by an earlier model", model.name),
                ));
            }
            match model.provider {
                super::Provider::Proxy if model.base_url.is_empty() => {
                    return Err(ConfigError::bad(
                        key("base_url"),
                        "must be set for a proxy model, as https://host/v1",
                    ));
                }
                super::Provider::Torch if model.path.is_empty() => {
                    return Err(ConfigError::bad(
                        key("path"),
                        "must be set for a torch model: a Hugging Face directory",
                    ));
                }
                _ => {}
            }
            for (name, value, most) in [
                ("max_sequences", model.max_sequences, 1024),
                ("prefill_chunk", model.prefill_chunk, 65_536),
                ("queue", model.queue, 65_536),
            ] {
                if !(1..=most).contains(&value) {
                    return Err(ConfigError::bad(
                        key(name),
                        format!("is {value}; it must lie between 1 and {most}"),
                    ));
                }
            }
            model.check_upstream(key)?;
        }
        self.check_gateway()?;
        self.check_cluster()
    }
}

/// Defaults, then the file, then the environment, as they stand.
pub(super) fn layered(
    file: Option<&Path>,
    environment: Environment<'_>,
) -> Result<Table, ConfigError> {
    let mut merged: Table = DEFAULTS
        .parse()
        .map_err(|e: toml::de::Error| ConfigError::bad("defaults", e.to_string()))?;
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::bad("file", format!("cannot be read: {e}")).in_file(path))?;
        Config::overlay(&mut merged, &text).map_err(|e| e.in_file(path))?;
    }
    overlay_environment(&mut merged, environment)?;
    Ok(merged)
}

fn merge(into: &mut Table, from: Table, prefix: &str) -> Result<(), ConfigError> {
    for (key, value) in from {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        if lists::check(&path, &value)? {
            into.insert(key, value);
            continue;
        }
        let known: Vec<String> = into.keys().cloned().collect();
        match (into.get_mut(&key), value) {
            (None, _) => {
                let lists = lists::names().filter(|_| prefix.is_empty());
                let known = known
                    .iter()
                    .map(String::as_str)
                    .chain(lists.map(|name| name as &str));
                return Err(unknown(&path, &key, known));
            }
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new, &path)?,
            (Some(old), new) => {
                let fits = old.same_type(&new) || (old.is_float() && new.is_integer());
                if !fits {
                    return Err(ConfigError::bad(
                        path,
                        format!("must be a {}, not a {}", old.type_str(), new.type_str()),
                    ));
                }
                *old = match new {
                    Value::Integer(n) if old.is_float() => Value::Float(n as f64),
                    new => new,
                };
            }
        }
    }
    Ok(())
}

fn unknown<'a>(path: &str, key: &str, known: impl Iterator<Item = &'a str>) -> ConfigError {
    let nearest = known
        .map(|name| (strsim::jaro_winkler(name, key), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.6);
    let hint = nearest.map_or_else(
        || "`tidegate config show --defaults` explains every key".to_owned(),
        |(_, name)| format!("did you mean '{name}'?"),
    );
    ConfigError::bad(path, format!("no such key; {hint}"))
}

fn overlay_environment(
    merged: &mut Table,
    environment: Environment<'_>,
) -> Result<(), ConfigError> {
    for (section, table) in merged.iter_mut() {
        let Value::Table(table) = table else { continue };
        for (key, value) in table.iter_mut() {
            let variable = format!("TIDEGATE_{}_{}", section.to_uppercase(), key.to_uppercase());
            let Some(text) = environment(&variable) else {
                continue;
            };
            let bad = |what: &str| {
                ConfigError::bad(variable.clone(), format!("must be {what}, not '{text}'"))
            };
            *value = match value {
                Value::Boolean(_) => {
                    Value::Boolean(text.parse().map_err(|_| bad("true or false"))?)
                }
                Value::Integer(_) => {
                    Value::Integer(text.parse().map_err(|_| bad("a whole number"))?)
                }
                Value::Float(_) => Value::Float(text.parse().map_err(|_| bad("a number"))?),
                Value::Array(_) => Value::Array(
                    text.split(',')
                        .map(|part| Value::String(part.trim().to_owned()))
                        .collect(),
                ),
                _ => Value::String(text),
            };
        }
    }
    Ok(())
}

/// Replaces `${env:NAME}` and `${env:NAME:-default}` inside text values.
fn substitute(
    value: &mut Value,
    path: &str,
    environment: Environment<'_>,
) -> Result<(), ConfigError> {
    match value {
        Value::String(text) => {
            while let Some(start) = text.find("${env:") {
                let Some(length) = text[start..].find('}') else {
                    return Err(ConfigError::bad(path, "'${env:' without a closing '}'"));
                };
                let inside = &text[start + 6..start + length];
                let (name, default) = inside
                    .split_once(":-")
                    .map_or((inside, None), |(name, default)| {
                        (name, Some(default.to_owned()))
                    });
                let Some(found) = environment(name).or(default) else {
                    return Err(ConfigError::bad(
                        path,
                        format!("the environment variable {name} is not set"),
                    ));
                };
                text.replace_range(start..=start + length, &found);
            }
        }
        Value::Table(table) => {
            for (key, inner) in table.iter_mut() {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                substitute(inner, &path, environment)?;
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter_mut().enumerate() {
                substitute(inner, &format!("{path}[{i}]"), environment)?;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
