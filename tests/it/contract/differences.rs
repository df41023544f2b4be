//! Differences from the recorded answers that are meant: entries of `fixtures/differences.toml`, each under a number
//! of `docs/quirks.md`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_tests::{
    json::{Bindings, Mismatch, compare},
    paths,
};

use super::replay;

/// A difference that is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Difference {
    /// Cases as `file/name`, `*` for any text.
    pub(super) cases: Vec<String>,
    /// Where, a JSON pointer; `*` for any one segment. What lies below is covered too.
    pub(super) path: String,
    /// Number in `docs/quirks.md`.
    pub(super) quirk: String,
    /// What stands there instead; placeholders are understood.
    pub(super) ours: Option<toml::Value>,
}

impl Difference {
    /// Whether it is about a case, named `file/name`.
    pub(super) fn concerns(&self, name: &str) -> bool {
        self.cases.iter().any(|pattern| matches(pattern, name))
    }
}

#[derive(Deserialize)]
struct Differences {
    difference: Vec<Difference>,
}

/// Every entry.
pub(super) fn all() -> Vec<Difference> {
    let all: Differences = toml::from_str(&paths::text("fixtures/differences.toml"))
        .expect("fixtures/differences.toml");
    all.difference
}

/// The entry that allows a mismatch, and which of its patterns did.
pub(super) fn allowed(
    differences: &[Difference],
    name: &str,
    mismatch: &Mismatch,
    got: &Value,
    bindings: &Bindings,
) -> Option<(usize, usize)> {
    differences.iter().enumerate().find_map(|(i, difference)| {
        let at = covered(&difference.path, &mismatch.path)?;
        let pattern = difference
            .cases
            .iter()
            .position(|pattern| matches(pattern, name))?;
        if let Some(ours) = &difference.ours {
            let ours = serde_json::to_value(ours).ok()?;
            // A chart's parts are no places in the answer itself: there the mismatch has what came.
            let there = if at == mismatch.path {
                Some(&mismatch.got)
            } else {
                got.pointer(&at)
            };
            let there = there
                .cloned()
                .unwrap_or_else(|| json!(tidegate_tests::json::ABSENT));
            if !compare(&ours, &there, &mut bindings.clone()).is_empty() {
                return None;
            }
        }
        Some((i, pattern))
    })
}

/// The part of `path` that an entry's path stands for, if it covers it.
fn covered(entry: &str, path: &str) -> Option<String> {
    let (entry, path): (Vec<&str>, Vec<&str>) =
        (entry.split('/').collect(), path.split('/').collect());
    let covers =
        entry.len() <= path.len() && entry.iter().zip(&path).all(|(e, p)| *e == "*" || e == p);
    covers.then(|| path[..entry.len()].join("/"))
}

/// Whether a pattern with `*` fits a name.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|i| rest.is_char_boundary(i) && matches(tail, &rest[i..]))
        }),
    }
}

#[test]
fn every_difference_names_a_quirk_that_is_written_down() {
    let quirks = std::fs::read_to_string(paths::file("../docs/quirks.md")).expect("docs/quirks.md");
    for difference in all() {
        let heading = format!("## {} ", difference.quirk);
        assert!(
            quirks.contains(&heading),
            "{} is not in docs/quirks.md",
            difference.quirk
        );
    }
    for room in ["../server/src", "../schema/src", "../clients/rust/src"] {
        for number in cited(&paths::file(room)) {
            assert!(
                quirks.contains(&format!("## {number} ")),
                "{number}, cited below {room}, is not in docs/quirks.md"
            );
        }
    }
    let known: BTreeSet<String> = replay::FILES
        .iter()
        .flat_map(|file| {
            replay::cases(file)
                .into_iter()
                .map(move |case| format!("{file}/{}", case.name))
        })
        .collect();
    for difference in all() {
        for pattern in &difference.cases {
            assert!(
                known.iter().any(|name| matches(pattern, name)),
                "'{pattern}' in fixtures/differences.toml is no recorded case"
            );
        }
    }
}

/// The quirks that the sources below a directory cite.
fn cited(dir: &std::path::Path) -> BTreeSet<String> {
    let number = regex::Regex::new(r"\bQ-\d{3}\b").expect("a fixed pattern");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir)
        .expect("a directory of the repository")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            found.extend(cited(&path));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            found.extend(number.find_iter(&text).map(|m| m.as_str().to_owned()));
        }
    }
    found
}
