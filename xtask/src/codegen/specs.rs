//! The contract: asked of the server itself, checked for what clients need, sorted, committed.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

use super::Generated;
use crate::{process, workspace};

/// Method names that an OpenAPI path may hold.
pub const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// The documents, sorted.
pub struct Specs {
    /// Name and document of every OpenAPI listener.
    pub openapi: Vec<(&'static str, Value)>,
    /// GraphQL's schema definition.
    pub graphql: String,
}

impl Specs {
    /// The committed files.
    pub fn files(&self) -> Result<Vec<Generated>> {
        let mut files = Vec::new();
        for (name, document) in &self.openapi {
            let text = serde_json::to_string_pretty(document)? + "\n";
            files.push(Generated::new(format!("clients/specs/{name}.json"), text));
        }
        files.push(Generated::new(
            "clients/specs/schema.graphql",
            self.graphql.trim_end().to_owned() + "\n",
        ));
        Ok(files)
    }
}

/// Asks the server, which needs no configuration, no database and no network for it.
pub fn print() -> Result<Specs> {
    let ask = |which: &str| {
        let mut cargo = workspace::cargo();
        cargo.args([
            "run",
            "--quiet",
            "--package",
            "tidegate-server",
            "--no-default-features",
            "--",
            "spec",
            which,
        ]);
        process::output(&mut cargo).with_context(|| format!("printing the {which} contract"))
    };
    let mut openapi = Vec::new();
    for name in ["rest", "openai", "cluster"] {
        let mut document: Value =
            serde_json::from_str(&ask(name)?).with_context(|| format!("the {name} contract"))?;
        document.sort_all_objects();
        check(&document).with_context(|| format!("the {name} contract"))?;
        openapi.push((name, document));
    }
    Ok(Specs {
        openapi,
        graphql: ask("graphql")?,
    })
}

/// Every operation of a document: path, method, operation.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Map<String, Value>)> {
    document["paths"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(path, item)| {
            item.as_object()
                .into_iter()
                .flatten()
                .filter_map(move |(method, operation)| {
                    METHODS.contains(&method.as_str()).then_some((
                        path.as_str(),
                        method.as_str(),
                        operation.as_object()?,
                    ))
                })
        })
}

/// Refuses a document that a client could not be generated from, naming every operation that lacks something.
fn check(document: &Value) -> Result<()> {
    let mut faults = Vec::new();
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for (path, method, operation) in operations(document) {
        let place = format!("{} {path}", method.to_uppercase());
        match operation.get("operationId").and_then(Value::as_str) {
            None => faults.push(format!("{place} has no operationId")),
            Some(id) => {
                if let Some(other) = ids.insert(id, place.clone()) {
                    faults.push(format!("{place} and {other} share the operationId {id}"));
                }
            }
        }
        if operation
            .get("summary")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            faults.push(format!("{place} has no summary: document its handler"));
        }
        if operation
            .get("tags")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
        {
            faults.push(format!("{place} has no tag"));
        }
        let responses = operation.get("responses").and_then(Value::as_object);
        for status in ["200", "4XX", "5XX"] {
            if responses.is_none_or(|responses| !responses.contains_key(status)) {
                faults.push(format!("{place} declares no response {status}"));
            }
        }
        if responses.is_some_and(|responses| responses.contains_key("default")) {
            faults.push(format!(
                "{place} declares a default response, which generators take for success too"
            ));
        }
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    ensure!(!ids.is_empty(), "it has no operation");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(operation: Value) -> Value {
        json!({"paths": {"/a": {"get": operation}}})
    }

    fn whole() -> Value {
        json!({"operationId": "list_a", "summary": "List.", "tags": ["a"],
            "responses": {"200": {}, "4XX": {}, "5XX": {}}})
    }

    #[test]
    fn accepts_an_operation_with_everything() {
        check(&document(whole())).expect("whole");
    }

    #[test]
    fn names_what_an_operation_lacks() {
        for (lacking, words) in [
            ("operationId", "GET /a has no operationId"),
            ("summary", "GET /a has no summary"),
            ("tags", "GET /a has no tag"),
            ("responses", "GET /a declares no response 200"),
        ] {
            let mut operation = whole();
            operation.as_object_mut().expect("object").remove(lacking);
            let fault = check(&document(operation)).expect_err(lacking).to_string();
            assert!(fault.contains(words), "{fault}");
        }
    }

    #[test]
    fn refuses_default_responses_and_shared_ids() {
        let mut operation = whole();
        operation["responses"]["default"] = json!({});
        assert!(
            check(&document(operation))
                .expect_err("default")
                .to_string()
                .contains("default response")
        );
        let twice = json!({"paths": {"/a": {"get": whole()}, "/b": {"post": whole()}}});
        assert!(
            check(&twice)
                .expect_err("twice")
                .to_string()
                .contains("POST /b and GET /a share the operationId list_a")
        );
    }
}
