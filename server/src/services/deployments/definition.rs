//! From what a model is started with, by DB-GPT's names of two generations and by ours, to a model of the
//! configuration: the same table, held to the same rules.

mod environment;
mod names;

use serde_json::{Map, Value};
use tidegate_schema::{
    Error, Result,
    model::{DeployParams, Deployment},
};
use toml::Table;

#[cfg(test)]
pub(super) use self::names::is_known;
use self::{
    environment::{Lookup, expand, variable},
    names::{Known, Use},
};
use super::providers::{self, Provider};
use crate::config::{self, Config};

/// What stands for a stored secret where parameters are changed.
const MASK: &str = "******";

/// Names under which the name of a model comes; they cannot be changed.
const OWN_NAMES: [&str; 3] = ["name", "model_name", "model_alias"];

/// The table of a deployment, checked. `${env:NAME}` is read anew each time, so that a stored definition follows the
/// environment.
///
/// # Errors
/// [`Error::Unsupported`] for a provider that is not known, [`Error::Invalid`] with the parameter that is wrong.
pub(super) fn read(deployment: &Deployment) -> Result<config::Model> {
    read_with(deployment, &variable)
}

fn read_with(deployment: &Deployment, lookup: Lookup<'_>) -> Result<config::Model> {
    let id = &deployment.id;
    let provider = providers::find(&provider_name(&deployment.params))?;
    if !provider.runs(id.kind) {
        return Err(Error::invalid(
            "worker_type",
            format!(
                "{} runs no models of the type {}; choose another provider",
                provider.name,
                id.kind.worker_type()
            ),
        ));
    }
    let mut table = Table::new();
    for (name, value) in &deployment.params.0 {
        put(&mut table, provider, name, value, lookup)?;
    }
    fill(&mut table, provider, deployment, lookup)?;
    table.insert("name".to_owned(), id.model.as_str().into());
    table.insert("kind".to_owned(), id.kind.name().into());
    checked(table)
}

/// What runs a model: the provider that is named, or the one that older parameters mean.
pub(super) fn provider_name(params: &DeployParams) -> String {
    let said = |name: &str| text(&params.0, name).is_some_and(|text| !text.is_empty());
    if let Some(provider) = text(&params.0, "provider").filter(|name| !name.is_empty()) {
        return provider.to_owned();
    }
    // Before providers had names a model was a proxy by where it was asked.
    let is_proxy = text(&params.0, "model_type") == Some("proxy")
        || ["proxy_server_url", "proxy_api_base", "api_base", "base_url"]
            .into_iter()
            .any(said);
    let is_azure = text(&params.0, "proxy_api_type") == Some("azure")
        || text(&params.0, "api_type") == Some("azure");
    match (is_proxy, is_azure) {
        (_, true) => "proxy/azure",
        (true, false) => "proxy/openai",
        (false, false) => "hf",
    }
    .to_owned()
}

/// Takes changes over. What is null, and what is masked, stays as it is.
///
/// # Errors
/// [`Error::Invalid`] for a parameter that is not known, and for one that cannot be changed.
pub(super) fn merge(params: &mut DeployParams, changes: Map<String, Value>) -> Result<()> {
    for (name, value) in changes {
        if value.is_null() || value == MASK {
            continue;
        }
        let fixed = name == "provider" || OWN_NAMES.contains(&name.as_str());
        let before = params.0.get(&name);
        if fixed && before.is_some_and(|before| *before != value) {
            return Err(Error::invalid(
                format!("params.{name}"),
                "cannot be changed; stop the model and start another",
            ));
        }
        if names::find(&name).is_none() {
            return Err(names::unknown(&name));
        }
        if !fixed {
            params.0.insert(name, value);
        }
    }
    Ok(())
}

/// Puts one parameter where it belongs.
fn put(
    table: &mut Table,
    provider: &Provider,
    name: &str,
    value: &Value,
    lookup: Lookup<'_>,
) -> Result<()> {
    let Some(known) = names::find(name) else {
        return Err(names::unknown(name));
    };
    if !is_filled(value) {
        return Ok(());
    }
    match known.what {
        Use::Nothing => {}
        Use::Refused(reason) => return Err(Error::invalid(format!("params.{name}"), reason)),
        Use::Text(key) => {
            let text = expand(name, names::text(known, value)?, lookup)?;
            if !text.is_empty() {
                table.insert(key.to_owned(), text.into());
            }
        }
        Use::Whole(key) => insert_number(table, known, key, value)?,
        Use::Flag(key) => {
            table.insert(key.to_owned(), names::flag(known, value)?.into());
        }
        Use::Share(key) => {
            table.insert(key.to_owned(), names::number(known, value)?.into());
        }
        Use::Concurrency => {
            let key = if provider.is_local {
                "max_sequences"
            } else {
                "max_concurrent"
            };
            insert_number(table, known, key, value)?;
        }
        Use::Dtype => {
            if let Some(dtype) = names::dtype(names::text(known, value)?) {
                table.insert("dtype".to_owned(), dtype.into());
            }
        }
        Use::Shorter(dtype) => {
            if names::flag(known, value)? {
                table.insert("dtype".to_owned(), dtype.into());
            }
        }
        Use::Quantization => {
            if let Some(dtype) = names::quantization(name, value)? {
                table.insert("dtype".to_owned(), dtype.into());
            }
        }
        Use::Device => {
            let device = names::text(known, value)?;
            if device != "auto" {
                table.insert("device".to_owned(), device.into());
            }
        }
        Use::Dialect => {
            let dialect = names::text(known, value)?;
            // What OpenAI's own library calls it where nothing else is meant.
            if !matches!(dialect, "open_ai" | "openai") {
                table.insert("wire".to_owned(), dialect.into());
            }
        }
    }
    Ok(())
}

/// Forms send what was not filled in too.
fn is_filled(value: &Value) -> bool {
    !value.is_null() && value != ""
}

fn insert_number(table: &mut Table, known: &Known, key: &str, value: &Value) -> Result<()> {
    table.insert(key.to_owned(), names::whole(known, value)?.into());
    Ok(())
}

/// Adds what follows from the provider where it was not said.
fn fill(
    table: &mut Table,
    provider: &Provider,
    deployment: &Deployment,
    lookup: Lookup<'_>,
) -> Result<()> {
    let params = &deployment.params.0;
    let own_name = OWN_NAMES
        .into_iter()
        .find_map(|name| text(params, name).filter(|name| !name.is_empty()))
        .unwrap_or(&deployment.id.model);
    if provider.is_local {
        table.insert("provider".to_owned(), "torch".into());
        table
            .entry("path")
            .or_insert_with(|| own_name.to_owned().into());
        return Ok(());
    }
    table.insert("provider".to_owned(), "proxy".into());
    table
        .entry("model")
        .or_insert_with(|| own_name.to_owned().into());
    for (key, name, default) in [
        ("base_url", "api_base", provider.base_url),
        ("api_key", "api_key", provider.api_key),
    ] {
        // Said to be empty is said too: a server may want no key.
        let is_said = params
            .iter()
            .any(|(name, value)| is_filled(value) && names::goes_to(name, key));
        if !default.is_empty() && !is_said {
            table.insert(key.to_owned(), expand(name, default, lookup)?.into());
        }
    }
    if !provider.wire.is_empty() {
        table.entry("wire").or_insert_with(|| provider.wire.into());
    }
    if provider.name == "proxy/ollama"
        && let Some(toml::Value::String(url)) = table.get_mut("base_url")
    {
        with_version(url);
    }
    Ok(())
}

/// DB-GPT asks Ollama in its own dialect, which has its address without a path; OpenAI's is below `/v1`.
fn with_version(url: &mut String) {
    let bare = url.trim_end_matches('/');
    let has_path = bare
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('/'));
    if !has_path {
        *url = format!("{bare}/v1");
    }
}

/// The table as the configuration reads it.
fn checked(table: Table) -> Result<config::Model> {
    let models = toml::Value::Array(vec![table.into()]);
    let document = toml::to_string(&Table::from_iter([("models".to_owned(), models)]))
        .map_err(|error| Error::internal("writing a model's table", error))?;
    let mut config =
        Config::from_toml(&document).map_err(|error| by_parameter(&error.to_string()))?;
    config
        .models
        .pop()
        .ok_or_else(|| Error::internal("reading a model's table", "it is not there"))
}

/// What is wrong with a table, told of the parameter that the key comes from.
fn by_parameter(told: &str) -> Error {
    let Some((key, reason)) = told
        .strip_prefix("models[0].")
        .and_then(|rest| rest.split_once(": "))
    else {
        return Error::invalid("params", told.replace("models[0].", ""));
    };
    let name = match key {
        "base_url" => "api_base",
        "model" => "backend",
        "max_concurrent" | "max_sequences" => "concurrency",
        "wire" => "api_type",
        other => other,
    };
    Error::invalid(format!("params.{name}"), reason)
}

fn text<'a>(params: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    params.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
