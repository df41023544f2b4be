//! Nothing uncovered: every operation of the documents has a recorded or an own contract case, or stands in
//! `ledger/uncovered.txt`. That list only gets shorter, and nothing rewrites it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tidegate_server::api;
use tidegate_tests::paths;

use super::{cases, replay};

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

fn documents() -> Result<[Value; 2]> {
    Ok([
        api::docs::finished(api::rest_routes().into_openapi())?,
        api::docs::finished(api::openai_routes().into_openapi())?,
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

#[test]
fn every_operation_has_a_contract_case_or_stands_in_the_ledger() -> Result<()> {
    let [rest, openai] = documents()?;
    let mut known: Vec<(bool, String, String)> = cases::CASES
        .iter()
        .map(|case| {
            (
                case.openai,
                case.method.to_owned(),
                case.path.split('?').next().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    for file in replay::FILES {
        for case in replay::cases(file) {
            known.push((
                case.server.starts_with("apiserver"),
                case.request.method,
                case.request.path,
            ));
        }
    }
    let mut uncovered = BTreeSet::new();
    for (is_openai, document) in [(false, &rest), (true, &openai)] {
        for operation in operations(document)? {
            let covered = known.iter().any(|(surface, method, path)| {
                *surface == is_openai
                    && *method == operation.method
                    && stands_for(&operation.path, path)
            });
            if !covered {
                uncovered.insert(operation.id);
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
        "no contract case for {new:?}: add one to it/contract/cases.rs or a recorded one"
    );
    let gone: Vec<_> = ledger.difference(&uncovered).collect();
    assert!(
        gone.is_empty(),
        "{gone:?} is covered now: take it out of ledger/uncovered.txt"
    );
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
    for (name, document) in ["rest", "openai"].into_iter().zip(documents()?) {
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
