//! Rules for pages: what they point at exists.

use anyhow::Result;
use regex::Regex;

use super::{Finding, tree::Tree};

/// Every link and every path in back-ticks that leads nowhere.
pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let link = Regex::new(r"\]\(([^)\s]+)\)")?;
    let ticked = Regex::new(r"`([^`\s]+)`")?;
    let roots: Vec<&str> = tree
        .paths
        .iter()
        .filter_map(|path| path.split_once('/').map(|(root, _)| root))
        .collect();
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (at, line) in file.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            if fenced {
                continue;
            }
            let mut dead = |what: String| {
                findings.push(Finding::fault(format!("{}:{}", file.path, at + 1), what))
            };
            for hit in link.captures_iter(line) {
                let target = hit[1].split('#').next().unwrap_or_default();
                if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                if !exists(tree, folder, target) {
                    dead(format!("links to {target}, which is not there"));
                }
            }
            for hit in ticked.captures_iter(line) {
                let path = hit[1].trim_end_matches([':', '/']);
                if is_path(path, &roots) && !exists(tree, folder, path) && !exists(tree, "", path) {
                    dead(format!("speaks of {path}, which is not there"));
                }
            }
        }
    }
    Ok(findings)
}

/// Whether a word is a path of ours: it starts with a folder of the root and has no sign of a pattern.
fn is_path(word: &str, roots: &[&str]) -> bool {
    let Some((root, _)) = word.split_once('/') else {
        return false;
    };
    let patterned = word.contains(|sign: char| "*<>{}…$|\"'=(,;".contains(sign))
        || word.contains("...")
        || word.contains("::");
    roots.contains(&root) && !patterned
}

/// Whether a path, from a folder, leads to a file or folder of the repository.
fn exists(tree: &Tree, folder: &str, path: &str) -> bool {
    let mut parts: Vec<&str> = if path.starts_with('/') {
        Vec::new()
    } else {
        folder.split('/').filter(|part| !part.is_empty()).collect()
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                // A path that leaves the repository leads to nothing in it.
                if parts.pop().is_none() {
                    return false;
                }
            }
            part => parts.push(part),
        }
    }
    parts.is_empty() || tree.paths.contains(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(page: &str) -> Vec<String> {
        let mut tree = Tree::default();
        tree.add("docs/a.md", Some(page.to_owned()));
        tree.add("server/src/main.rs", Some(String::new()));
        check(&tree)
            .expect("checked")
            .into_iter()
            .map(|found| format!("{}: {}", found.place, found.message))
            .collect()
    }

    #[test]
    fn finds_links_that_lead_nowhere() {
        assert_eq!(
            messages("see [b](b.md)\n"),
            ["docs/a.md:1: links to b.md, which is not there"]
        );
        assert_eq!(messages("[out](../../x.md)\n").len(), 1);
        assert!(
            messages("[a](a.md#part) [s](../server/src) [w](https://example.com/x) [h](#part)\n")
                .is_empty()
        );
    }

    #[test]
    fn finds_paths_in_ticks_that_are_not_there() {
        assert_eq!(
            messages("\n`server/src/lib.rs`\n"),
            ["docs/a.md:2: speaks of server/src/lib.rs, which is not there"]
        );
        assert!(
            messages(
                "`server/src/main.rs` `server/src/` `/api/v1/x` `server/src/{a,b}.rs` `a/b`\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn passes_over_fenced_blocks() {
        assert!(messages("```text\n[b](b.md) `server/none`\n```\n").is_empty());
    }
}
