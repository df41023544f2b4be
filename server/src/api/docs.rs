//! The OpenAPI documents, finished so that clients can be generated from them, and the page that shows them.

use axum::{Json, Router, routing::get};
use serde_json::{Map, Value, json};
use utoipa::openapi::{
    InfoBuilder, License, OpenApi, OpenApiBuilder,
    security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};
use utoipa_swagger_ui::SwaggerUi;

use crate::app::App;

fn document(title: &str, description: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title(title)
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(License::new("Apache-2.0")))
        .build();
    // With a key, or without one where the server has none: the empty requirement.
    let security = [
        SecurityRequirement::new("key", std::iter::empty::<String>()),
        SecurityRequirement::default(),
    ];
    let mut document = OpenApiBuilder::new()
        .info(info)
        .security(Some(security))
        .build();
    document
        .components
        .get_or_insert_with(Default::default)
        .security_schemes
        .insert(
            "key".to_owned(),
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)).into(),
        );
    document
}

/// The empty document of the web listener.
pub(super) fn rest_document() -> OpenApi {
    document(
        "Tidegate",
        "Ask your databases in plain words: DB-GPT's REST routes, guarded and with evidence.",
    )
}

/// The empty document of the OpenAI listener.
pub(super) fn openai_document() -> OpenApi {
    document(
        "Tidegate, OpenAI surface",
        "Chat completions, completions, responses, embeddings, scores of documents and tokens in OpenAI's dialect.",
    )
}

/// The empty document of the routes between processes.
pub(super) fn cluster_document() -> OpenApi {
    document(
        "Tidegate, cluster",
        "Controllers and workers: which process offers which model, and its models for other processes, in DB-GPT's \
         shapes.",
    )
}

/// `/openapi.json` and `/docs`.
pub(super) fn routes(document: OpenApi) -> Router<App> {
    let finished = finished(document).unwrap_or_else(|error| json!({"error": error.to_string()}));
    let show = get(move || {
        let body = finished.clone();
        async move { Json(body) }
    });
    Router::new()
        .route("/openapi.json", show)
        .merge(SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from("/openapi.json")))
}

/// A document as it is served and committed: every response described, every failure declared, generic envelopes
/// pointing at their payload's schema.
pub fn finished(document: OpenApi) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(document)?;
    share_components(&mut value);
    nullable_envelopes(&mut value);
    let openai = value.pointer("/components/schemas/ErrorBody").is_some();
    declare_responses(&mut value, openai);
    if !openai {
        add_failure_schema(&mut value);
    }
    Ok(value)
}

/// utoipa writes the payload of `Envelope<T>` out in place: points at the component instead, where one is equal.
fn share_components(document: &mut Value) {
    let Some(schemas) = document
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .cloned()
    else {
        return;
    };
    let named: Vec<(String, Value)> = schemas
        .iter()
        .filter(|(name, schema)| {
            !name.starts_with("Envelope") && schema.get("properties").is_some()
        })
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect();
    let Some(all) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, schema) in all.iter_mut() {
        point_at(schema, &named, name);
    }
}

fn point_at(schema: &mut Value, named: &[(String, Value)], owner: &str) {
    match schema {
        Value::Object(object) => {
            for inner in object.values_mut() {
                match named
                    .iter()
                    .find(|(name, known)| name != owner && known == inner)
                {
                    Some((name, _)) => {
                        *inner = json!({"$ref": format!("#/components/schemas/{name}")});
                    }
                    None => point_at(inner, named, owner),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|inner| point_at(inner, named, owner)),
        _ => {}
    }
}

/// `data` is null on failure, whatever its type.
fn nullable_envelopes(document: &mut Value) {
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (_, schema) in schemas
        .iter_mut()
        .filter(|(name, _)| name.starts_with("Envelope"))
    {
        let Some(data) = schema.pointer_mut("/properties/data") else {
            continue;
        };
        let nullable = data.get("type").is_some_and(|kind| {
            kind.as_array()
                .is_some_and(|kinds| kinds.contains(&json!("null")))
        }) || data.get("oneOf").is_some();
        if !nullable {
            *data = json!({"oneOf": [data.take(), {"type": "null"}]});
        }
    }
}

fn declare_responses(document: &mut Value, openai: bool) {
    let failure = if openai {
        "#/components/schemas/ErrorBody"
    } else {
        "#/components/schemas/Failure"
    };
    let failed = |what: &str| json!({"description": what, "content": {"application/json": {"schema": {"$ref": failure}}}});
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return;
    };
    for operation in paths
        .values_mut()
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
    {
        let Some(responses) = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut)
        else {
            continue;
        };
        responses.insert(
            "4XX".to_owned(),
            failed("The request cannot be met; the message says why."),
        );
        responses.insert("5XX".to_owned(), failed("A fault on the server's side."));
        for (status, response) in responses.iter_mut() {
            if let Some(response) = response.as_object_mut()
                && response.get("description").is_none_or(|text| text == "")
            {
                let text = if status == "200" {
                    "Success."
                } else {
                    "Failure."
                };
                response.insert("description".to_owned(), json!(text));
            }
        }
    }
}

fn add_failure_schema(document: &mut Value) {
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    schemas.insert(
        "Failure".to_owned(),
        json!({
            "type": "object",
            "description": "The envelope of a failure.",
            "required": ["success"],
            "properties": {
                "success": {"type": "boolean", "description": "Always false."},
                "err_code": {"type": ["string", "null"], "description": "Code."},
                "err_msg": {"type": ["string", "null"], "description": "What went wrong and what to do."},
                "data": {"description": "Always null.", "type": ["object", "null"]},
            },
        }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_takes_a_key_and_can_do_without() {
        for document in [rest_document(), openai_document()] {
            let document = finished(document).expect("a document");
            assert_eq!(document["security"], json!([{"key": []}, {}]));
            assert_eq!(
                document["components"]["securitySchemes"]["key"],
                json!({"type": "http", "scheme": "bearer"})
            );
        }
    }
}
