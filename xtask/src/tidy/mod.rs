//! `cargo xtask tidy`: rules of the house that the compiler does not know.
//!
//! Every rule is a function from the tree to findings; a finding names the place and the remedy. Warnings are
//! printed and pass.

mod layers;
mod markdown;
mod sources;
mod tree;

use anyhow::{Result, ensure};
use clap::Args;

use crate::workspace;

/// Check the rules that the compiler does not know: layers, links, file length, route literals.
#[derive(Debug, Args)]
pub struct Tidy {}

/// What a rule has to say about a place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// File, with the line where there is one.
    place: String,
    /// What is wrong, and what to do.
    message: String,
    /// Whether it only warns.
    warning: bool,
}

impl Finding {
    fn fault(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
            warning: false,
        }
    }

    fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            warning: true,
            ..Self::fault(place, message)
        }
    }
}

impl Tidy {
    /// Applies every rule and prints everything found.
    pub fn run(self) -> Result<()> {
        let files = tree::read(&workspace::root())?;
        let mut findings = layers::check(&files)?;
        findings.extend(sources::check(&files)?);
        findings.extend(markdown::check(&files)?);
        findings.sort();
        for finding in &findings {
            let kind = if finding.warning { "warning" } else { "error" };
            eprintln!("{kind}: {}: {}", finding.place, finding.message);
        }
        let faults = findings.iter().filter(|finding| !finding.warning).count();
        ensure!(faults == 0, "tidy found {faults} fault(s)");
        Ok(())
    }
}
