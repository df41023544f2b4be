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
impl Tidy {
    pub fn run(self) -> Result<()> {
        Ok(())
    }
}
