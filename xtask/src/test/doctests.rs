//! Which packages have documentation tests: compiling a package for none costs time and says nothing.

use std::{fs, path::Path};

use anyhow::Result;

use crate::workspace;

/// Library packages and their sources.
const LIBRARIES: [(&str, &str); 4] = [
    ("tidegate-schema", "schema/src"),
    ("tidegate-server", "server/src"),
    ("tidegate-sqlmodel", "server/sqlmodel/src"),
    ("tidegate-client", "clients/rust/src"),
];

/// Names of the packages with at least one documentation test.
pub fn packages() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (package, sources) in LIBRARIES {
        if any(&workspace::root().join(sources))? {
            found.push(package.to_owned());
        }
    }
    Ok(found)
}

fn any(dir: &Path) -> Result<bool> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let here = if path.is_dir() {
            any(&path)?
        } else {
            path.extension().is_some_and(|extension| extension == "rs")
                && holds_example(&fs::read_to_string(&path)?)
        };
        if here {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a documentation comment opens a block that rustdoc compiles.
fn holds_example(source: &str) -> bool {
    let mut inside = false;
    for line in source.lines().map(str::trim_start) {
        let Some(comment) = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
        else {
            inside = false;
            continue;
        };
        let Some(language) = comment.trim().strip_prefix("```") else {
            continue;
        };
        if inside {
            inside = false;
            continue;
        }
        inside = true;
        let compiled = ["rust", "no_run", "should_panic", "compile_fail"];
        if language.is_empty()
            || language
                .split(',')
                .any(|word| compiled.contains(&word.trim()))
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::holds_example;

    #[test]
    fn sees_examples_that_rustdoc_compiles() {
        assert!(holds_example(
            "/// Does.\n/// ```\n/// let x = 1;\n/// ```\nfn f() {}"
        ));
        assert!(holds_example("//! ```rust,no_run\n//! main();\n//! ```"));
    }

    #[test]
    fn passes_over_text_blocks_and_their_ends() {
        assert!(!holds_example(
            "/// ```text\n/// a picture\n/// ```\nfn f() {}"
        ));
        assert!(!holds_example("let s = \"```\";"));
    }
}
