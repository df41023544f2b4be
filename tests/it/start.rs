//! From nothing to the first answer, with the real program.

use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::json;
use tempfile::TempDir;
use tidegate_server::workers::{ModelKind, ModelMetadata};
use tidegate_tests::{TestApp, process::Program};

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

/// Adds a model that is being loaded until the sender sends, or goes, and that fails then.
fn add_failing(app: &TestApp, name: &str, kind: ModelKind) -> std::sync::mpsc::Sender<()> {
    let (end, ended) = std::sync::mpsc::channel();
    let metadata = ModelMetadata::new(name, kind);
    let app = &app.app;
    let added = app.registry.add_loading(metadata, &app.tasks, move || {
        // Whether it was sent or the sender went is the same.
        let _ = ended.recv();
        Err("its file is missing".to_owned())
    });
    added.expect("the name is free");
    end
}

/// Status of `/ready` once no model is loading any more, and the states of the models.
async fn settled(app: &TestApp) -> Result<(u16, Vec<String>)> {
    eventually("the end of loading", || async {
        let reply = app.anonymous().get("/ready").await?;
        let body = reply.json();
        assert_eq!(body["ready"], reply.status == 200, "{body}");
        let models = body["models"].as_array().context("models")?;
        let told = models.iter().map(|model| {
            let text = |key: &str| model[key].as_str().unwrap_or_default();
            format!("{} {} {}", text("name"), text("state"), text("reason"))
        });
        let told: Vec<String> = told.collect();
        let loading = told.iter().any(|model| model.contains(" loading "));
        Ok((!loading).then_some((reply.status, told)))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_model_beside_the_one_asked_by_default_leaves_the_server_ready() -> Result<()> {
    let app = TestApp::builder().dummy("dummy/echo").start().await?;
    let end = add_failing(&app, "vectors", ModelKind::Embedding);
    let second = add_failing(&app, "second", ModelKind::Llm);
    assert_eq!(app.anonymous().get("/ready").await?.status, 503, "loading");
    drop((end, second));
    let (status, models) = settled(&app).await?;
    assert_eq!(status, 200, "{models:?}");
    assert_eq!(
        models,
        [
            "dummy/echo ready ",
            "vectors failed its file is missing",
            "second failed its file is missing"
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_model_that_is_asked_by_default_the_server_is_not_ready() -> Result<()> {
    // The only one that writes failed; an embedder answers no question.
    let embedder =
        "[[models]]\nname = \"dummy/embed\"\nprovider = \"dummy\"\nkind = \"embedding\"\n";
    let app = TestApp::builder().model(embedder).start().await?;
    assert_eq!(settled(&app).await?.0, 200);
    drop(add_failing(&app, "writer", ModelKind::Llm));
    let (status, models) = settled(&app).await?;
    assert_eq!(status, 503, "{models:?}");

    // It is the one that the configuration names; another one must be asked for by name.
    let app = TestApp::builder()
        .config("[ask]\ndefault_model = \"writer\"")
        .dummy("dummy/echo")
        .start()
        .await?;
    drop(add_failing(&app, "writer", ModelKind::Llm));
    let (status, models) = settled(&app).await?;
    assert_eq!(status, 503, "{models:?}");
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
