//! Lists of tables, which have no default entry to read their keys from.

use toml::{Table, Value};

use super::{ConfigError, unknown};

/// Lists, with the keys of their tables.
const LISTS: [(&str, &[&str]); 2] = [("models", &MODEL_KEYS), ("routes", &ROUTE_KEYS)];

/// Keys of a `[[models]]` table.
const MODEL_KEYS: [&str; 28] = [
    "name",
    "provider",
    "kind",
    "base_url",
    "model",
    "api_key",
    "path",
    "allow_download",
    "dtype",
    "device",
    "executor",
    "context_length",
    "max_sequences",
    "kv_cache_mb",
    "prefill_chunk",
    "queue",
    "threads",
    "timeout_seconds",
    "wire",
    "api_version",
    "relay",
    "connect_seconds",
    "first_token_seconds",
    "between_tokens_seconds",
    "retries",
    "max_concurrent",
    "weight",
    "cache_seconds",
];

/// Keys of a `[[routes]]` table.
const ROUTE_KEYS: [&str; 3] = ["name", "targets", "fallbacks"];

/// Keys of a target of a route.
const TARGET_KEYS: [&str; 2] = ["model", "weight"];

/// The lists' names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    LISTS.iter().map(|(name, _)| *name)
}

/// Whether `path` is one of them; then its keys are ones that are known.
pub(super) fn check(path: &str, value: &Value) -> Result<bool, ConfigError> {
    let Some((_, keys)) = LISTS.iter().find(|(name, _)| *name == path) else {
        return Ok(false);
    };
    let Value::Array(tables) = value else {
        return Err(ConfigError::bad(
            path,
            format!("must be a list of tables: write [[{path}]]"),
        ));
    };
    check_keys(path, tables, keys)?;
    for (i, table) in tables.iter().enumerate() {
        if let Some(Value::Array(targets)) = table.get("targets") {
            check_keys(&format!("{path}[{i}].targets"), targets, &TARGET_KEYS)?;
        }
    }
    Ok(true)
}

fn check_keys(path: &str, tables: &[Value], keys: &[&str]) -> Result<(), ConfigError> {
    for (i, table) in tables.iter().enumerate() {
        for name in table.as_table().into_iter().flat_map(Table::keys) {
            if !keys.contains(&name.as_str()) {
                return Err(unknown(
                    &format!("{path}[{i}].{name}"),
                    name,
                    keys.iter().copied(),
                ));
            }
        }
    }
    Ok(())
}
