//! From OpenAPI 3.1, which the server writes and publishes, to the 3.0 that the client generator reads.
//!
//! Only the copy in memory is lowered. Every construct is either known here or an error that names its place:
//! a guess would become a wrong client. When the generator reads 3.1, this file is deleted.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

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

/// Keys of a schema that mean the same in both versions.
const SAME: [&str; 31] = [
    "title",
    "description",
    "type",
    "nullable",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "enum",
    "default",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "deprecated",
    "readOnly",
    "writeOnly",
    "example",
];

/// Lowers a schema and those inside it. Walks by meaning, not by key: a property may be called `const`.
fn schema(schema_value: &mut Value) -> Result<()> {
    if *schema_value == Value::Bool(true) {
        *schema_value = json!({});
    }
    let schema_object = schema_value
        .as_object_mut()
        .context("a schema that admits nothing, or is no object")?;
    if schema_object.contains_key("$ref") {
        return reference(schema_object);
    }
    union_with_null(schema_object)?;
    constant(schema_object);
    for (exclusive, plain) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        if let Some(limit) = schema_object
            .get(exclusive)
            .filter(|limit| limit.is_number())
            .cloned()
        {
            ensure!(
                !schema_object.contains_key(plain),
                "both {exclusive} and {plain}"
            );
            schema_object.insert(plain.to_owned(), limit);
            schema_object.insert(exclusive.to_owned(), json!(true));
        }
    }
    tuple(schema_object)?;
    encoding(schema_object)?;
    first_example(schema_object);
    // The server checks names and patterns; a client of types has no place for them.
    drop_keys(
        schema_object,
        &["propertyNames", "pattern", "itemSchema", "$comment"],
    );
    let allowed: Vec<&str> = SAME
        .into_iter()
        .chain(["discriminator", "externalDocs"])
        .collect();
    known(schema_object, &allowed)?;

    for (name, property) in schema_object
        .get_mut("properties")
        .map(object)
        .transpose()?
        .into_iter()
        .flatten()
    {
        schema(property).with_context(|| format!("property {name}"))?;
    }
    for key in ["items", "not"] {
        schema_object
            .get_mut(key)
            .map_or(Ok(()), schema)
            .context(key)?;
    }
    if let Some(rest) = schema_object
        .get_mut("additionalProperties")
        .filter(|rest| !rest.is_boolean())
    {
        schema(rest).context("additionalProperties")?;
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        schema_object
            .get_mut(key)
            .map_or(Ok(()), |list| each(list, schema))
            .context(key)?;
    }
    Ok(())
}

/// In 3.0 what stands beside a reference is ignored, so the reference moves inside.
fn reference(object: &mut Map<String, Value>) -> Result<()> {
    known(
        object,
        &[
            "$ref",
            "description",
            "default",
            "deprecated",
            "title",
            "nullable",
        ],
    )?;
    if object.len() > 1
        && let Some(to) = object.remove("$ref")
    {
        object.insert("allOf".to_owned(), json!([{"$ref": to}]));
    }
    Ok(())
}

/// `type: [T, null]` and `oneOf: [T, {type: null}]` become `nullable`.
fn union_with_null(object: &mut Map<String, Value>) -> Result<()> {
    if let Some(Value::Array(types)) = object.get("type") {
        let others: Vec<Value> = types
            .iter()
            .filter(|one| **one != "null")
            .cloned()
            .collect();
        ensure!(others.len() == 1, "a value of the types {types:?}");
        let nullable = others.len() < types.len();
        object.insert("type".to_owned(), others[0].clone());
        if nullable {
            object.insert("nullable".to_owned(), json!(true));
        }
    }
    ensure!(
        object.get("type").is_none_or(|one| one != "null"),
        "a value that is only ever null"
    );
    for key in ["oneOf", "anyOf"] {
        let Some(Value::Array(members)) = object.get_mut(key) else {
            continue;
        };
        let before = members.len();
        members.retain(|member| member.get("type").is_none_or(|one| one != "null"));
        if members.len() == before {
            continue;
        }
        ensure!(!members.is_empty(), "a union of nothing but null");
        if members.len() == 1 {
            let only = members.remove(0);
            object.remove(key);
            merge_only(object, only)?;
        }
        object.insert("nullable".to_owned(), json!(true));
    }
    Ok(())
}

/// The one member left of a union takes the union's place.
fn merge_only(object: &mut Map<String, Value>, only: Value) -> Result<()> {
    if only.get("$ref").is_some() {
        ensure!(
            !object.contains_key("allOf"),
            "a nullable reference beside allOf"
        );
        object.insert("allOf".to_owned(), json!([only]));
        return Ok(());
    }
    let Value::Object(only) = only else {
        bail!("a union's member is no object")
    };
    for (key, value) in only {
        // What the outer schema says about the field is nearer to it.
        if matches!(key.as_str(), "description" | "title" | "default") && object.contains_key(&key)
        {
            continue;
        }
        ensure!(
            object.insert(key.clone(), value).is_none(),
            "both a union and its only member have {key}"
        );
    }
    Ok(())
}

/// `const: x` becomes an enumeration of one.
fn constant(object: &mut Map<String, Value>) {
    let Some(value) = object.remove("const") else {
        return;
    };
    if !object.contains_key("type") {
        let kind = match &value {
            Value::String(_) => Some("string"),
            Value::Bool(_) => Some("boolean"),
            Value::Number(number) if number.is_f64() => Some("number"),
            Value::Number(_) => Some("integer"),
            _ => None,
        };
        if let Some(kind) = kind {
            object.insert("type".to_owned(), json!(kind));
        }
    }
    object.insert("enum".to_owned(), json!([value]));
}

/// A tuple becomes a list of its length; 3.0 cannot say that its places differ.
fn tuple(object: &mut Map<String, Value>) -> Result<()> {
    let Some(places) = object.remove("prefixItems") else {
        return Ok(());
    };
    let Value::Array(places) = places else {
        bail!("prefixItems is no list")
    };
    ensure!(
        object.get("items").is_none_or(|rest| *rest == false),
        "a tuple that goes on after its places"
    );
    let first = places.first().cloned().unwrap_or_else(|| json!({}));
    let same = places.iter().all(|place| *place == first);
    object.insert("items".to_owned(), if same { first } else { json!({}) });
    object.insert("minItems".to_owned(), json!(places.len()));
    object.insert("maxItems".to_owned(), json!(places.len()));
    Ok(())
}

/// How 3.1 writes bytes.
fn encoding(object: &mut Map<String, Value>) -> Result<()> {
    let encoding = object.remove("contentEncoding");
    let media = object.remove("contentMediaType");
    let format = match (encoding.as_ref().and_then(Value::as_str), media.is_some()) {
        (Some("base64"), _) => "byte",
        (Some(other), _) => bail!("a text in the encoding {other}"),
        (None, true) => "binary",
        (None, false) => return Ok(()),
    };
    object.insert("format".to_owned(), json!(format));
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
