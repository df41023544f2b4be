//! The files the rules look at: what is tracked, and what would be.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::Result;

use crate::process;

/// A text file of the repository.
#[derive(Debug)]
pub struct File {
    /// Path from the root, with `/`.
    pub path: String,
    /// Content.
    pub text: String,
}

impl File {
    /// Whether a machine wrote it: its first lines say so.
    pub fn is_generated(&self) -> bool {
        self.text
            .lines()
            .take(4)
            .any(|line| line.contains("enerated by `cargo xtask codegen`"))
    }

    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The code without the tests at its bottom.
    pub fn without_tests(&self) -> &str {
        // Helpers for tests may stand higher up; the module of tests is what ends a file.
        let end = self
            .text
            .find("#[cfg(test)]\nmod tests {")
            .unwrap_or(self.text.len());
        &self.text[..end]
    }
}

/// Every file.
#[derive(Debug, Default)]
pub struct Tree {
    /// Those that are text.
    pub files: Vec<File>,
    /// Paths of all files and of the folders they are in.
    pub paths: BTreeSet<String>,
}

/// Reads what git tracks and what it does not ignore.
pub fn read(root: &Path) -> Result<Tree> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ])
    .current_dir(root);
    let mut tree = Tree::default();
    let listed = process::output(&mut git)?;
    for path in listed
        .split('\0')
        .filter(|path| !path.is_empty())
        .collect::<BTreeSet<_>>()
    {
        // A tracked file may be deleted and not yet committed so.
        let Ok(bytes) = fs::read(root.join(path)) else {
            continue;
        };
        tree.add(path, String::from_utf8(bytes).ok());
    }
    Ok(tree)
}

impl Tree {
    /// Adds a file; `None` for one that is not text.
    pub fn add(&mut self, path: &str, text: Option<String>) {
        let mut end = path.len();
        loop {
            self.paths.insert(path[..end].to_owned());
            match path[..end].rfind('/') {
                Some(slash) => end = slash,
                None => break,
            }
        }
        if let Some(text) = text {
            self.files.push(File {
                path: path.to_owned(),
                text,
            });
        }
    }
}
