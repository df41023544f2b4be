//! tidy
use anyhow::Result;
use clap::Args;
/// tidy
#[derive(Debug, Args)]
pub struct Tidy {}
impl Tidy {
    pub fn run(self) -> Result<()> {
        Ok(())
    }
}
