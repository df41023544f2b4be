//! Nothing uncovered: every operation of the documents has a contract case, recorded or of our own, that succeeds, and
//! one that fails, or stands in `ledger/uncovered.txt` as `ID success` or `ID failure`. That list only gets shorter,
//! and nothing rewrites it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tidegate_server::api;
use tidegate_tests::paths;

use super::{
    cases,
    differences::{self, Difference},
    replay,
};

/// `GET /api/v1/models/{model} get_model`.
struct Operation {
    method: String,
    path: String,
    id: String,
}

fn operations(document: &Value) -> Result<Vec<Operation>> {
    let paths = document["paths"].as_object().context("paths")?;
    let mut found = Vec::new();
    for (path, acts) in paths {
        for (method, operation) in acts.as_object().context("operations")? {
            found.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                id: operation["operationId"]
                    .as_str()
                    .with_context(|| format!("{path} has no id"))?
                    .to_owned(),
            });
        }
    }
    Ok(found)
}

/// The documents by their names: of the web listener, of the OpenAI listener, and between processes.
const NAMES: [&str; 3] = ["rest", "openai", "cluster"];

fn documents() -> Result<[Value; 3]> {
    Ok([
        api::docs::finished(api::rest_routes().into_openapi())?,
        api::docs::finished(api::openai_routes().into_openapi())?,
        api::docs::finished(api::cluster_routes().into_openapi())?,
    ])
}

/// Whether a path with `{…}` segments stands for a path.
fn stands_for(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(t, p)| t.starts_with('{') || t == p)
}

/// A request whose outcome is known: of which listener, what it asks, and whether it is a success.
struct Known {
    openai: bool,
    method: String,
    path: String,
    succeeds: bool,
}

/// Every request of our own and every recorded one.
fn known() -> Vec<Known> {
    let mut known: Vec<Known> = cases::GROUPS
        .iter()
        .flat_map(|(_, cases)| cases.iter())
        .map(|case| Known {
            openai: case.openai,
            method: case.method.to_owned(),
            path: case.path.split('?').next().unwrap_or_default().to_owned(),
            succeeds: case.succeeds(),
        })
        .collect();
    let differences = differences::all();
    for file in replay::FILES {
        for case in replay::cases(file) {
            if let Some(succeeds) = ours(&case, &format!("{file}/{}", case.name), &differences) {
                known.push(Known {
                    openai: case.server.starts_with("apiserver"),
                    method: case.request.method,
                    path: case.request.path,
                    succeeds,
                });
            }
        }
    }
    known
}

/// Whether our answer to a recorded request is a success; nothing where the entry of a difference leaves it open.
fn ours(case: &replay::Case, name: &str, differences: &[Difference]) -> Option<bool> {
    let (mut status, mut succeeds) = case.outcome();
    for difference in differences.iter().filter(|entry| entry.concerns(name)) {
        let ours = difference.ours.as_ref();
        let (told_status, told) = match difference.path.as_str() {
            "" => (
                ours.and_then(|ours| ours.get("status")),
                ours.and_then(|ours| ours.get("body")?.get("success")),
            ),
            "/status" => (ours, None),
            "/body" => (None, ours.and_then(|ours| ours.get("success"))),
            "/body/success" | "/stream" | "/stream/*" | "/stream/first" => (None, None),
            _ => continue,
        };
        if let Some(told) = told_status.and_then(toml::Value::as_integer) {
            status = u16::try_from(told).ok()?;
        }
        match told.and_then(toml::Value::as_bool) {
            Some(told) => succeeds = told,
            // Whatever it says, it is a failure by its status.
            None if status != 200 && !difference.path.is_empty() => succeeds = false,
            None => return None,
        }
    }
    Some(succeeds && status == 200)
}

#[test]
fn every_operation_has_a_success_and_a_failure_or_stands_in_the_ledger() -> Result<()> {
    let [rest, openai, cluster] = documents()?;
    let known = known();
    let mut uncovered = BTreeSet::new();
    // The web listener has the routes between processes too.
    for (is_openai, document) in [(false, &rest), (true, &openai), (false, &cluster)] {
        for operation in operations(document)? {
            for (succeeds, kind) in [(true, "success"), (false, "failure")] {
                let covered = known.iter().any(|known| {
                    known.openai == is_openai
                        && known.succeeds == succeeds
                        && known.method == operation.method
                        && stands_for(&operation.path, &known.path)
                });
                if !covered {
                    uncovered.insert(format!("{} {kind}", operation.id));
                }
            }
        }
    }
    let ledger: BTreeSet<String> = paths::text("ledger/uncovered.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let new: Vec<_> = uncovered.difference(&ledger).collect();
    assert!(
        new.is_empty(),
        "no contract case for {new:?}: add one below it/contract/cases or a recorded one"
    );
    let gone: Vec<_> = ledger.difference(&uncovered).collect();
    assert!(
        gone.is_empty(),
        "{gone:?} is covered now: take it out of ledger/uncovered.txt"
    );
    Ok(())
}

#[test]
fn every_operation_shows_an_example() -> Result<()> {
    let [rest, ..] = documents()?;
    let schemas = &rest["components"]["schemas"];
    for operation in operations(&rest)? {
        let act = &rest["paths"][&operation.path][operation.method.to_lowercase()];
        let shown = has_example(act)
            || reached(act, schemas)
                .iter()
                .any(|name| name != "Failure" && has_example(&schemas[name]));
        assert!(shown, "{} shows no example", operation.id);
    }
    Ok(())
}

fn has_example(node: &Value) -> bool {
    match node {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            matches!(name.as_str(), "example" | "examples") || has_example(value)
        }),
        Value::Array(values) => values.iter().any(has_example),
        _ => false,
    }
}

/// The schemas that a part of the document names, and those that they name.
fn reached(node: &Value, schemas: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![node];
    while let Some(node) = left.pop() {
        match node {
            Value::Object(fields) => {
                if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                    let name = name.rsplit('/').next().unwrap_or(name).to_owned();
                    if !found.contains(&name) {
                        left.push(&schemas[&name]);
                        found.insert(name);
                    }
                }
                left.extend(fields.values());
            }
            Value::Array(values) => left.extend(values),
            _ => {}
        }
    }
    found
}

#[test]
fn every_operation_shows_an_example_of_the_body_it_takes() -> Result<()> {
    let [rest, ..] = documents()?;
    let schemas = &rest["components"]["schemas"];
    for operation in operations(&rest)? {
        let act = &rest["paths"][&operation.path][operation.method.to_lowercase()];
        let Some(content) = act.pointer("/requestBody/content/application~1json") else {
            continue;
        };
        let schema = content["schema"]["$ref"]
            .as_str()
            .and_then(|reference| reference.rsplit('/').next())
            .map_or(&content["schema"], |name| &schemas[name]);
        let shown = [content, schema].into_iter().any(|place| {
            ["example", "examples"]
                .into_iter()
                .any(|key| !place[key].is_null())
        });
        assert!(shown, "{} shows no example of its body", operation.id);
    }
    Ok(())
}

#[test]
fn operation_ids_are_unique_and_declare_their_failures() -> Result<()> {
    for document in documents()? {
        let mut seen = BTreeSet::new();
        for operation in operations(&document)? {
            assert!(
                seen.insert(operation.id.clone()),
                "{} stands twice",
                operation.id
            );
            let responses =
                &document["paths"][&operation.path][operation.method.to_lowercase()]["responses"];
            for status in ["200", "4XX", "5XX"] {
                assert!(
                    responses[status].is_object(),
                    "{} does not declare {status}",
                    operation.id
                );
            }
            assert!(
                responses["default"].is_null(),
                "{} declares `default`",
                operation.id
            );
        }
    }
    Ok(())
}

#[test]
fn the_committed_documents_are_those_of_the_server() -> Result<()> {
    for (name, document) in NAMES.into_iter().zip(documents()?) {
        let path = paths::file(&format!("../clients/specs/{name}.json"));
        let committed: Value = serde_json::from_str(
            &std::fs::read_to_string(&path).with_context(|| path.display().to_string())?,
        )?;
        assert!(
            committed == document,
            "clients/specs/{name}.json is stale: run `cargo xtask codegen`"
        );
    }
    Ok(())
}
