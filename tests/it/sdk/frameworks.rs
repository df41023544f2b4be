//! Frameworks over OpenAI's package, each with an environment of its own.

use anyhow::Result;
use tidegate_tests::paths;
use tokio::process::Command;

use super::{
    told,
    world::{Target, World, client},
};

async fn plays(python: &str, script: &str, wanted: &[&str]) -> Result<()> {
    let python = client(python)?;
    let world = World::start(Target::Proxied).await?;
    let mut command = Command::new(python);
    command
        .arg(paths::file(script))
        .envs(world.environment())
        // Neither tells its makers what is done with it.
        .env("LANGSMITH_TRACING", "false")
        .env("ANONYMIZED_TELEMETRY", "false");
    told::check(command, wanted).await
}

#[tokio::test(flavor = "multi_thread")]
async fn langchain_chats_streams_calls_tools_and_reads_forms() -> Result<()> {
    plays(
        "TIDEGATE_TEST_LANGCHAIN",
        "python/langchain_scenarios.py",
        &["invoke", "stream", "bind_tools", "with_structured_output"],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn llama_index_chats_streams_and_completes() -> Result<()> {
    plays(
        "TIDEGATE_TEST_LLAMA_INDEX",
        "python/llama_index_scenarios.py",
        &["chat", "stream_chat", "complete"],
    )
    .await
}
