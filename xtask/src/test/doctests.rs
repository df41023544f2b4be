//! Whether there are documentation tests: running none costs time and says nothing.

use std::{fs, path::Path};

use anyhow::Result;

use crate::workspace;

/// Sources of the library packages.
const LIBRARIES: [&str; 4] = [
    "schema/src",
    "server/src",
    "server/sqlmodel/src",
    "clients/rust/src",
];

/// Whether any library has a documentation test.
pub fn any_example() -> Result<bool> {
    for sources in LIBRARIES {
        if any(&workspace::root().join(sources))? {
            return Ok(true);
        }
    }
    Ok(false)
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
