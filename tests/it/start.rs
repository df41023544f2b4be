//! From nothing to the first answer, with the real program.

use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::json;
use tempfile::TempDir;
use tidegate_tests::process::Program;

use crate::support::{eventually, program};

/// The time is only printed here: on a busy machine it says little. `tidegate-bench idle` holds the budget.
#[expect(
    clippy::print_stdout,
    reason = "the measured time is for whoever reads the test's output"
)]
#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_comes_before_the_sample_is_made() -> Result<()> {
    let dir = TempDir::new()?;
    let config = format!(
        "[data]\ndir = {:?}\n[builtin]\nenabled = false\n",
        dir.path().join("data").display().to_string()
    );
    let program = Program::new(
        env!("CARGO_BIN_EXE_tidegate-under-test"),
        dir.path(),
        &config,
    )?;
    let started = Instant::now();
    let server = program.serve(&[])?;
    let user = server.anonymous();
    assert_eq!(
        user.get("/api/health").await?.json(),
        json!({"status": "ok"})
    );
    assert_eq!(
        user.get("/ready").await?.json(),
        json!({"ready": true, "store": true, "models": []})
    );
    println!(
        "first 200 and sample after {} ms",
        started.elapsed().as_millis()
    );
    let run = json!({"db_name": "shop", "sql": "SELECT COUNT(*) > 40000 AS many FROM orders"});
    let rows = eventually("the sample", || async {
        let data = user.post("/api/v1/editor/sql/run", &run).await?.json();
        Ok(data["data"]["values"].as_array().cloned())
    })
    .await?;
    assert_eq!(rows, [json!(["1"])]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_everything_again() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(
        dir.path(),
        "[[models]]\nname = \"dummy/echo\"\nprovider = \"dummy\"\n",
    )?;
    let body = json!({"conv_uid": "c-1", "model_name": "dummy/echo", "user_input": "remember me"});
    let before = {
        let server = program.serve(&[])?;
        server
            .anonymous()
            .post("/api/v1/chat/completions", &body)
            .await?;
        server
            .anonymous()
            .get("/api/v1/chat/dialogue/messages/history?con_uid=c-1")
            .await?
            .data()
    };
    let server = program.serve(&[])?;
    let after = server
        .anonymous()
        .get("/api/v1/chat/dialogue/messages/history?con_uid=c-1")
        .await?
        .data();
    assert_eq!(after, before);
    assert_eq!(after.as_array().map(Vec::len), Some(3));
    Ok(())
}

/// Where libtorch is loaded lazily: elsewhere the program is linked to it and does not start without it.
#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#[tokio::test(flavor = "multi_thread")]
async fn without_libtorch_the_server_answers_and_its_models_say_what_is_missing() -> Result<()> {
    let dir = TempDir::new()?;
    // Found before the real one, and no library.
    std::fs::write(dir.path().join("libtch.so"), "no library")?;
    let config = format!(
        "[data]\ndir = {:?}\nsample = false\n",
        dir.path().join("data").display().to_string()
    );
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by their environment where the program is"
    )]
    let binary = std::env::var("TIDEGATE_TEST_BINARY")
        .context("TIDEGATE_TEST_BINARY is not set; run the tests with `cargo xtask test`")?;
    let program =
        Program::new(&binary, dir.path(), &config)?.with_path("LD_LIBRARY_PATH", dir.path());
    let server = program.serve(&[])?;
    let user = server.anonymous();
    assert_eq!(
        user.get("/api/health").await?.json(),
        json!({"status": "ok"})
    );
    let models = eventually("the end of loading", || async {
        let models = user.get("/ready").await?.json()["models"].clone();
        let models = models.as_array().cloned().unwrap_or_default();
        let loading = models.iter().any(|model| model["state"] == "loading");
        Ok((!loading).then_some(models))
    })
    .await?;
    assert_eq!(models.len(), 2, "{models:?}");
    for model in models {
        assert_eq!(model["state"], "failed");
        let reason = model["reason"].as_str().unwrap_or_default();
        assert!(
            reason.contains("libtorch cannot be loaded") && reason.contains("cargo xtask libtorch"),
            "{reason}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let refused = program.run(&["serve", "--port", &port, "--openai-port", "0"])?;
    assert!(
        !refused.success && refused.err.contains("server.port"),
        "{refused:?}"
    );
    Ok(())
}
