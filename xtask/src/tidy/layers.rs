//! Who may name whom: the borders inside `server` and `schema` that are not package borders.
//!
//! The table in `rooms` says what a room never names, with the reason. It is held against `use` lines and written-out
//! paths, with `super` resolved; tests are left alone: they arrange what the code may not.

mod rooms;

use std::collections::BTreeSet;

use anyhow::Result;
use regex::Regex;

use self::rooms::RULES;
use super::{
    Finding,
    tree::{File, Tree},
};

/// Every crossing.
pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let tests: BTreeSet<String> = tree.files.iter().flat_map(test_modules).collect();
    let mut findings = Vec::new();
    for file in tree
        .files
        .iter()
        .filter(|file| file.is_rust() && !is_test(file, &tests))
    {
        for rule in RULES.iter().filter(|rule| in_room(&file.path, rule.room)) {
            for (line, path) in named(file)? {
                let hit = |starts: &[&str]| starts.iter().any(|start| is_under(&path, start));
                if hit(rule.never) && !hit(rule.but) {
                    findings.push(Finding::fault(
                        format!("{}:{line}", file.path),
                        format!(
                            "{} never names {path}: {}",
                            rule.room.trim_end_matches('/'),
                            rule.why
                        ),
                    ));
                }
            }
        }
    }
    findings.dedup();
    Ok(findings)
}

/// Whether a file is of a room, which may be a folder or a single file.
fn in_room(path: &str, room: &str) -> bool {
    path.starts_with(room)
        || path
            .strip_suffix(".rs")
            .is_some_and(|stem| stem == room.trim_end_matches('/'))
}

fn is_under(path: &str, start: &str) -> bool {
    path.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_test(file: &File, tests: &BTreeSet<String>) -> bool {
    file.path.ends_with("/tests.rs")
        || tests.iter().any(|module| {
            file.path == format!("{module}.rs") || file.path.starts_with(&format!("{module}/"))
        })
}

/// Paths, without the ending, of modules that a file declares for tests only.
fn test_modules(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = file.text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            continue;
        }
        let Some(name) = lines.peek().and_then(|next| {
            next.trim()
                .trim_start_matches("pub")
                .trim_start_matches("(super)")
                .trim()
                .strip_prefix("mod ")?
                .strip_suffix(';')
        }) else {
            continue;
        };
        found.push(format!("{}/{name}", module_folder(&file.path)));
    }
    found
}

/// Folder where a file's child modules lie.
fn module_folder(path: &str) -> &str {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    ["/mod", "/lib", "/main"]
        .iter()
        .find_map(|root| stem.strip_suffix(root))
        .unwrap_or(stem)
}

/// Every module path that a file names, resolved from the crate's root, with its line.
fn named(file: &File) -> Result<Vec<(usize, String)>> {
    let here: Vec<&str> = {
        let folder = module_folder(&file.path);
        let inner = folder.split_once("/src/").map_or("", |(_, inner)| inner);
        std::iter::once("crate")
            .chain(inner.split('/').filter(|part| !part.is_empty()))
            .collect()
    };
    let code = without_comments(file.without_tests());
    let mut found = Vec::new();
    let uses = Regex::new(r"(?m)^\s*(?:pub(?:\([a-z]+\))?\s+)?use\s+([^;]+);")?;
    for hit in uses.captures_iter(&code) {
        let line = line_of(&code, hit.get(1).map_or(0, |group| group.start()));
        let mut paths = Vec::new();
        expand(
            "",
            &hit[1].split_whitespace().collect::<String>(),
            &mut paths,
        );
        found.extend(paths.into_iter().map(|path| (line, resolve(&path, &here))));
    }
    let inline = Regex::new(
        r"\b(?:crate|super|[a-z_]+)(?:::[a-z_0-9]+)+|\b(?:axum|serde|diesel|utoipa|async_graphql)::",
    )?;
    let body = uses.replace_all(&code, |hit: &regex::Captures<'_>| {
        "\n".repeat(hit[0].matches('\n').count())
    });
    for hit in inline.find_iter(&body) {
        found.push((
            line_of(&body, hit.start()),
            resolve(hit.as_str().trim_end_matches("::"), &here),
        ));
    }
    Ok(found)
}

/// A path from the crate's root: `super` taken away, `self` filled in.
fn resolve(path: &str, here: &[&str]) -> String {
    let mut base: Vec<&str> = Vec::new();
    let mut parts = path.split("::").peekable();
    match parts.peek() {
        Some(&"self") => {
            base = here.to_vec();
            parts.next();
        }
        Some(&"super") => {
            base = here.to_vec();
            while parts.next_if_eq(&"super").is_some() {
                base.pop();
            }
        }
        _ => {}
    }
    base.extend(parts);
    base.join("::")
}

/// The paths of a use tree without blanks: `a::{b,c::{d,self}}`.
fn expand(prefix: &str, tree: &str, into: &mut Vec<String>) {
    let join = |rest: &str| {
        if prefix.is_empty() {
            rest.to_owned()
        } else {
            format!("{prefix}::{rest}")
        }
    };
    let Some(open) = tree.find('{') else {
        let name = tree.trim_start_matches("::");
        // Blanks are gone, so an alias has grown onto the name: the name's own end does not matter here.
        into.push(if name == "self" {
            prefix.to_owned()
        } else {
            join(name.trim_end_matches("::*"))
        });
        return;
    };
    let inner = tree[open + 1..]
        .strip_suffix('}')
        .unwrap_or(&tree[open + 1..]);
    let prefix = match tree[..open].trim_end_matches("::") {
        "" => prefix.to_owned(),
        more => join(more),
    };
    let mut depth = 0usize;
    let mut start = 0;
    for (at, sign) in inner.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand_one(&prefix, &inner[start..at], into);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand_one(&prefix, &inner[start..], into);
}

fn expand_one(prefix: &str, tree: &str, into: &mut Vec<String>) {
    if !tree.is_empty() {
        expand(prefix, tree, into);
    }
}

/// The code with comments and the insides of plain strings blanked, line for line.
pub fn without_comments(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    for line in code.lines() {
        let mut in_string = false;
        let mut escaped = false;
        let mut previous = ' ';
        let mut cut = line.len();
        for (at, sign) in line.char_indices() {
            if escaped {
                escaped = false;
            } else if in_string && sign == '\\' {
                escaped = true;
            } else if sign == '"' && previous != '\'' {
                in_string = !in_string;
            } else if !in_string && line[at..].starts_with("//") {
                cut = at;
                break;
            }
            previous = sign;
        }
        out.push_str(&line[..cut]);
        out.push('\n');
    }
    out
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut tree = Tree::default();
        tree.add(path, Some(text.to_owned()));
        check(&tree)
            .expect("checked")
            .into_iter()
            .map(|found| format!("{}: {}", found.place, found.message))
            .collect()
    }

    #[test]
    fn finds_a_skin_that_names_the_store_in_a_nested_use() {
        let found = findings(
            "server/src/api/v1/db.rs",
            "use tidegate_schema::{\n    Error,\n    store::{Store, StoreUrl},\n};\n",
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with(
                "server/src/api/v1/db.rs:1: server/src/api never names tidegate_schema::store::"
            ),
            "{found:?}"
        );
    }

    #[test]
    fn finds_paths_written_out_in_code_and_paths_through_super() {
        assert_eq!(
            findings(
                "server/src/services/sql.rs",
                "fn f() -> axum::Router { todo() }\n"
            )
            .len(),
            1
        );
        assert_eq!(
            findings(
                "server/src/scenes/data.rs",
                "use super::super::services::Sql;\n"
            )
            .len(),
            1
        );
        assert_eq!(
            findings("server/src/scenes/data.rs", "use super::prompt::Sql;\n").len(),
            0
        );
    }

    #[test]
    fn lets_workers_speak_the_dialects_of_other_servers() {
        assert!(
            findings(
                "server/src/workers/proxy.rs",
                "use tidegate_schema::wire::openai::ChatIn;\n"
            )
            .is_empty()
        );
        assert_eq!(
            findings(
                "server/src/workers/proxy.rs",
                "use tidegate_schema::wire::v1::ChatIn;\n"
            )
            .len(),
            1
        );
    }

    #[test]
    fn leaves_tests_and_comments_alone() {
        assert!(
            findings(
                "server/src/api/a.rs",
                "// use diesel::prelude;\n/// [`diesel::x`]\nfn f() {}\n"
            )
            .is_empty()
        );
        assert!(
            findings(
                "server/src/api/a.rs",
                "fn f() {}\n#[cfg(test)]\nmod tests {\n    use diesel::x;\n}\n"
            )
            .is_empty()
        );
        let mut tree = Tree::default();
        tree.add(
            "server/src/api/mod.rs",
            Some("#[cfg(test)]\nmod trial;\n".to_owned()),
        );
        tree.add(
            "server/src/api/trial.rs",
            Some("use diesel::x;\n".to_owned()),
        );
        assert!(check(&tree).expect("checked").is_empty());
    }

    #[test]
    fn does_not_take_one_name_for_the_start_of_another() {
        assert!(findings("schema/src/model/a.rs", "use serde_json::Value;\n").is_empty());
        assert_eq!(
            findings("schema/src/model/a.rs", "use serde::Serialize;\n").len(),
            1
        );
        assert_eq!(
            findings(
                "schema/src/model/a.rs",
                "#[derive(serde::Serialize)]\nstruct A;\n"
            )
            .len(),
            1
        );
    }
}
