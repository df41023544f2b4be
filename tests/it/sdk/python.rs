//! OpenAI's package for Python.

use anyhow::Result;
use tidegate_tests::paths;
use tokio::process::Command;

use super::{
    scenarios, told,
    world::{Target, World, client},
};

async fn plays(target: Target) -> Result<()> {
    let python = client("TIDEGATE_TEST_PYTHON")?;
    let world = World::start(target).await?;
    let mut script = Command::new(python);
    script
        .arg(paths::file("python/openai_scenarios.py"))
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
