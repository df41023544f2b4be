//! From OpenAPI 3.1, which the server writes and publishes, to the 3.0 that the client generator reads.
//!
//! Only the copy in memory is lowered. Every construct is either known here or an error that names its place:
//! a guess would become a wrong client. When the generator reads 3.1, this file and its folder are deleted.

mod schemas;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

use self::schemas::schema;
use super::specs::METHODS;

/// Lowers a document. Operations with a multipart body are left out: their calls are written by hand.
pub fn lower(mut document: Value) -> Result<Value> {
    let root = object(&mut document)?;
    let version = root
        .get("openapi")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ensure!(
        version.starts_with("3.1"),
        "the document is of OpenAPI {version:?} where 3.1 is expected"
    );
    root.insert("openapi".to_owned(), json!("3.0.3"));
    drop_keys(root, &["jsonSchemaDialect", "webhooks"]);
    known(
        root,
        &[
            "openapi",
            "info",
            "servers",
            "paths",
            "components",
            "tags",
            "security",
            "externalDocs",
        ],
    )?;
    if let Some(info) = root.get_mut("info") {
        let info = object(info)?;
        drop_keys(info, &["summary"]);
        if let Some(license) = info.get_mut("license") {
            drop_keys(object(license)?, &["identifier"]);
        }
    }
    if let Some(paths) = root.get_mut("paths") {
        for (path, item) in object(paths)?.iter_mut() {
            path_item(item).with_context(|| path.clone())?;
        }
        object(paths)?.retain(|_, item| METHODS.iter().any(|method| item.get(method).is_some()));
    }
    if let Some(components) = root.get_mut("components") {
        let components = object(components)?;
        known(
            components,
            &[
                "schemas",
                "responses",
                "parameters",
                "requestBodies",
                "securitySchemes",
            ],
        )?;
        for (kind, lower_one) in [
            ("schemas", schema as fn(&mut Value) -> Result<()>),
            ("responses", response),
            ("parameters", parameter),
            ("requestBodies", content_of),
        ] {
            for (name, one) in components
                .get_mut(kind)
                .map(object)
                .transpose()?
                .into_iter()
                .flatten()
            {
                lower_one(one).with_context(|| format!("components/{kind}/{name}"))?;
            }
        }
    }
    Ok(document)
}

fn path_item(item: &mut Value) -> Result<()> {
    let item = object(item)?;
    let allowed: Vec<&str> = METHODS
        .into_iter()
        .chain(["parameters", "summary", "description"])
        .collect();
    known(item, &allowed)?;
    if let Some(parameters) = item.get_mut("parameters") {
        each(parameters, parameter)?;
    }
    item.retain(|_, operation| {
        operation
            .pointer("/requestBody/content/multipart~1form-data")
            .is_none()
    });
    for method in METHODS {
        if let Some(found) = item.get_mut(method) {
            operation(found).with_context(|| method.to_uppercase())?;
        }
    }
    Ok(())
}

fn operation(operation: &mut Value) -> Result<()> {
    let operation = object(operation)?;
    known(
        operation,
        &[
            "tags",
            "summary",
            "description",
            "externalDocs",
            "operationId",
            "parameters",
            "requestBody",
            "responses",
            "deprecated",
            "security",
            "servers",
        ],
    )?;
    if let Some(parameters) = operation.get_mut("parameters") {
        each(parameters, parameter).context("parameters")?;
    }
    if let Some(body) = operation.get_mut("requestBody") {
        content_of(body).context("requestBody")?;
    }
    if let Some(responses) = operation.get_mut("responses") {
        for (status, one) in object(responses)?.iter_mut() {
            response(one).with_context(|| format!("responses/{status}"))?;
        }
    }
    Ok(())
}

fn parameter(parameter: &mut Value) -> Result<()> {
    let parameter = object(parameter)?;
    if parameter.contains_key("$ref") {
        return known(parameter, &["$ref"]);
    }
    known(
        parameter,
        &[
            "name",
            "in",
            "description",
            "required",
            "deprecated",
            "allowEmptyValue",
            "style",
            "explode",
            "schema",
            "example",
        ],
    )?;
    let name = parameter
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    ensure!(
        matches!(
            parameter.get("in").and_then(Value::as_str),
            Some("query" | "path" | "header")
        ),
        "parameter {name} is neither in the query, nor the path, nor a header"
    );
    parameter
        .get_mut("schema")
        .map_or(Ok(()), schema)
        .with_context(|| format!("parameter {name}"))
}

fn response(response: &mut Value) -> Result<()> {
    let fields = object(response)?;
    if fields.contains_key("$ref") {
        return known(fields, &["$ref"]);
    }
    known(fields, &["description", "headers", "content"])?;
    ensure!(
        fields.contains_key("description"),
        "the response has no description"
    );
    for (name, header) in fields
        .get_mut("headers")
        .map(object)
        .transpose()?
        .into_iter()
        .flatten()
    {
        let header = object(header)?;
        known(header, &["description", "required", "schema"])?;
        header
            .get_mut("schema")
            .map_or(Ok(()), schema)
            .with_context(|| format!("header {name}"))?;
    }
    content_of(response)
}

/// Lowers the media types of a request body or a response.
fn content_of(holder: &mut Value) -> Result<()> {
    for (media_type, media) in holder
        .get_mut("content")
        .map(object)
        .transpose()?
        .into_iter()
        .flatten()
    {
        let media = object(media)?;
        first_example(media);
        known(media, &["schema", "example"]).with_context(|| media_type.clone())?;
        media
            .get_mut("schema")
            .map_or(Ok(()), schema)
            .with_context(|| media_type.clone())?;
    }
    Ok(())
}

fn first_example(object: &mut Map<String, Value>) {
    let first = match object.remove("examples") {
        Some(Value::Array(list)) => list.into_iter().next(),
        Some(Value::Object(named)) => named
            .into_iter()
            .next()
            .and_then(|(_, example)| example.get("value").cloned()),
        _ => None,
    };
    if let Some(first) = first {
        object.entry("example").or_insert(first);
    }
}

fn object(value: &mut Value) -> Result<&mut Map<String, Value>> {
    value.as_object_mut().context("an object was expected")
}

fn each(list: &mut Value, lower_one: fn(&mut Value) -> Result<()>) -> Result<()> {
    for (i, one) in list
        .as_array_mut()
        .context("a list was expected")?
        .iter_mut()
        .enumerate()
    {
        lower_one(one).with_context(|| i.to_string())?;
    }
    Ok(())
}

fn drop_keys(object: &mut Map<String, Value>, keys: &[&str]) {
    object.retain(|key, _| !keys.contains(&key.as_str()));
}

/// An error for the first key that is neither in the list nor an extension.
fn known(object: &Map<String, Value>, keys: &[&str]) -> Result<()> {
    match object
        .keys()
        .find(|key| !key.starts_with("x-") && !keys.contains(&key.as_str()))
    {
        Some(unknown) => {
            bail!("{unknown} is not known to the lowering; teach it in xtask/src/codegen/lower.rs")
        }
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "lower_tests.rs"]
mod tests;
