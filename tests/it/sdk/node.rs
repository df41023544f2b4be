//! OpenAI's package for Node.

use std::os::unix::fs::symlink;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tidegate_tests::paths;
use tokio::process::Command;

use super::{
    scenarios, told,
    world::{Target, World, client, needed},
};

const SCRIPT: &str = "openai_scenarios.mjs";

async fn plays(target: Target) -> Result<()> {
    let node = client("TIDEGATE_TEST_NODE")?;
    // Node looks for packages where the script lies and above.
    let dir = TempDir::new()?;
    std::fs::copy(paths::file("node").join(SCRIPT), dir.path().join(SCRIPT))?;
    symlink(
        needed("TIDEGATE_TEST_NODE_MODULES")?,
        dir.path().join("node_modules"),
    )
    .context("the packages cannot be put beside the script")?;
    let world = World::start(target).await?;
    let mut script = Command::new(node);
    script
        .arg(dir.path().join(SCRIPT))
        .envs(world.environment());
    told::check(script, &scenarios(target)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_works_with_a_local_model() -> Result<()> {
    plays(Target::Local).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_works_with_a_proxied_model() -> Result<()> {
    plays(Target::Proxied).await
}
