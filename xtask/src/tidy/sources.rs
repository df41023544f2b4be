//! Rules for source files: their opening line, their length, what must not stand in them.

use std::collections::BTreeMap;

use anyhow::Result;
use regex::Regex;

use super::{
    Finding,
    layers::without_comments,
    tree::{File, Tree},
};

/// Lines after which a file should be split by act, and lines it must not reach.
const LONG: usize = 400;
const TOO_LONG: usize = 800;

/// Every finding.
pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree
        .files
        .iter()
        .filter(|file| file.is_rust() && !file.is_generated())
    {
        findings.extend(opening(file));
        findings.extend(length(file));
        findings.extend(unfinished(file));
    }
    for file in &tree.files {
        findings.extend(machine(file)?);
    }
    findings.extend(routes(tree)?);
    Ok(findings)
}

/// Every module says what the room is for.
fn opening(file: &File) -> Option<Finding> {
    let first = file
        .text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    (!first.starts_with("//!")).then(|| {
        Finding::fault(
            format!("{}:1", file.path),
            "does not open with `//!`: say in a line what the module is for",
        )
    })
}

fn length(file: &File) -> Option<Finding> {
    let lines = file.without_tests().lines().count();
    if lines >= TOO_LONG {
        return Some(Finding::fault(
            &file.path,
            format!(
                "has {lines} lines without its tests; split it by act, {TOO_LONG} is the limit"
            ),
        ));
    }
    (lines > LONG).then(|| {
        Finding::warning(
            &file.path,
            format!("has {lines} lines without its tests; from {LONG} on split it by act"),
        )
    })
}

/// Marks of work that was put off. The words are put together here so as not to find themselves.
fn unfinished(file: &File) -> Vec<Finding> {
    let marks = [concat!("to", "do!("), concat!("unimple", "mented!(")];
    without_comments(&file.text)
        .lines()
        .enumerate()
        .filter(|(_, line)| marks.iter().any(|mark| code_holds(line, mark)))
        .map(|(at, _)| {
            Finding::fault(
                format!("{}:{}", file.path, at + 1),
                "is unfinished: write it, or return an error that says so",
            )
        })
        .collect()
}

/// Whether a mark stands in code and not inside a text.
fn code_holds(line: &str, mark: &str) -> bool {
    line.find(mark)
        .is_some_and(|at| line[..at].matches('"').count().is_multiple_of(2))
}

/// What ties the repository to one machine or one network.
fn machine(file: &File) -> Result<Vec<Finding>> {
    // The lock file names its registry by design.
    if file.path == "Cargo.lock" {
        return Ok(Vec::new());
    }
    let homes = concat!(
        r"(^|[\s\x22'`=(:])/",
        r"(home|root|Users|work|workspace)/\w"
    );
    let registries = concat!(
        r"\b(static\.|index\.)?cra",
        r"tes\.io\b|\bpy",
        r"pi\.org\b|\bfiles\.python",
        r"hosted\.org\b|\bregistry\.npm",
        r"js\.org\b|\bdownload\.py",
        r"torch\.org\b"
    );
    let mut findings = Vec::new();
    for (pattern, message) in [
        (homes, "names a path of one machine"),
        (
            registries,
            "names a registry's host: speak of the registry, its client knows the address",
        ),
    ] {
        let pattern = Regex::new(pattern)?;
        for (at, _) in file
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| pattern.is_match(line))
        {
            findings.push(Finding::fault(format!("{}:{}", file.path, at + 1), message));
        }
    }
    Ok(findings)
}

/// A URL leads to one handler: each route is declared once per listener, in full.
fn routes(tree: &Tree) -> Result<Vec<Finding>> {
    let declared = Regex::new(
        r#"utoipa::path\(\s*(get|put|post|delete|patch|head|options),\s*path = "([^"]+)""#,
    )?;
    let nested = Regex::new(r"\.nest(_service)?\(")?;
    let mut findings = Vec::new();
    let mut seen: BTreeMap<(bool, String, String), String> = BTreeMap::new();
    for file in tree
        .files
        .iter()
        .filter(|file| file.is_rust() && file.path.starts_with("server/src/"))
    {
        let code = without_comments(&file.text);
        for hit in nested.find_iter(&code) {
            findings.push(Finding::fault(
                format!("{}:{}", file.path, line_of(&code, hit.start())),
                "nests a router, so its paths cannot be found by their text: write them in full",
            ));
        }
        for hit in declared.captures_iter(&code) {
            let place = format!(
                "{}:{}",
                file.path,
                line_of(&code, hit.get(0).map_or(0, |all| all.start()))
            );
            // The OpenAI listener has a document of its own.
            let listener = file.path.starts_with("server/src/api/openai/");
            let key = (listener, hit[1].to_owned(), hit[2].to_owned());
            if let Some(other) = seen.insert(key, place.clone()) {
                findings.push(Finding::fault(
                    place,
                    format!("declares {} {}, as {other} does", &hit[1], &hit[2]),
                ));
            }
        }
    }
    Ok(findings)
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.add(path, Some((*text).to_owned()));
        }
        tree
    }

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        check(&tree(files))
            .expect("checked")
            .into_iter()
            .map(|found| format!("{}: {}", found.place, found.message))
            .collect()
    }

    #[test]
    fn demands_an_opening_line_of_hand_written_modules() {
        assert_eq!(messages(&[("server/src/a.rs", "use std::fs;\n")]).len(), 1);
        assert!(messages(&[("server/src/a.rs", "//! About.\n")]).is_empty());
        assert!(
            messages(&[(
                "server/src/a.rs",
                "// @generated by `cargo xtask codegen`\nuse x;\n"
            )])
            .is_empty()
        );
    }

    #[test]
    fn counts_lines_without_tests() {
        let code = |lines: usize| format!("//! A.\n{}", "fn f() {}\n".repeat(lines - 1));
        let at =
            |lines: usize| check(&tree(&[("server/src/a.rs", &code(lines))])).expect("checked");
        assert!(at(LONG).is_empty());
        assert!(at(LONG + 1)[0].warning);
        assert!(!at(TOO_LONG)[0].warning);
        let tested = format!(
            "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
            code(10),
            "fn g() {}\n".repeat(TOO_LONG)
        );
        assert!(
            check(&tree(&[("server/src/a.rs", &tested)]))
                .expect("checked")
                .is_empty()
        );
    }

    #[test]
    fn finds_unfinished_code_and_not_words_about_it() {
        let mark = concat!("to", "do!()");
        assert_eq!(
            messages(&[("a/b.rs", &format!("//! A.\nfn f() {{ {mark} }}\n"))]).len(),
            1
        );
        assert!(
            messages(&[(
                "a/b.rs",
                &format!("//! A.\n// no {mark}\nfn f() -> &str {{ \"{mark}\" }}\n")
            )])
            .is_empty()
        );
    }

    #[test]
    fn finds_paths_of_a_machine_and_hosts_of_registries() {
        let home = concat!("see /ho", "me/me/x");
        let host = concat!("from https://py", "pi.org/simple");
        assert_eq!(messages(&[("a.md", home)]).len(), 1);
        assert_eq!(messages(&[("a.md", host)]).len(), 1);
        assert!(messages(&[("a.md", "GET /api/root/x and /v1/work")]).is_empty());
    }

    #[test]
    fn finds_a_route_declared_twice_and_a_nested_router() {
        let route = "//! A.\n#[utoipa::path(get, path = \"/a\")]\nfn a() {}\n";
        let found = messages(&[
            ("server/src/api/a.rs", route),
            ("server/src/api/b.rs", route),
        ]);
        assert_eq!(
            found,
            ["server/src/api/b.rs:2: declares get /a, as server/src/api/a.rs:2 does"]
        );
        assert!(
            messages(&[
                ("server/src/api/a.rs", route),
                ("server/src/api/openai/b.rs", route)
            ])
            .is_empty()
        );
        assert_eq!(
            messages(&[(
                "server/src/api/a.rs",
                "//! A.\nfn a() { r.nest(\"/a\", b) }\n"
            )])
            .len(),
            1
        );
    }
}
