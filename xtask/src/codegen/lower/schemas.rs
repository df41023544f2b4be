//! Schemas: what 3.1 says about a value, in the words of 3.0.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::{drop_keys, each, first_example, known, object};

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
pub(super) fn schema(schema_value: &mut Value) -> Result<()> {
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
