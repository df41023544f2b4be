//! `tidegate model` against a running server.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::upstream::{Script, Upstream};

use crate::support::program;

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_started_talked_to_restarted_and_stopped_from_the_terminal() -> Result<()> {
    let upstream =
        Upstream::start(Script::default().answer("hi", &["hello from the terminal"])).await?;
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let server = program.serve(&[])?;
    let at = format!("http://{}", server.web);
    let run = |arguments: &[&str]| {
        let mut all = vec!["model"];
        all.extend(arguments);
        all.extend(["--server", &at]);
        program.run(&all)
    };
    let base_url = upstream.base_url();
    let started = run(&[
        "start",
        "mine",
        "--base-url",
        &base_url,
        "--param",
        "retries=0",
    ])?;
    assert!(
        started.success && started.out.contains("mine is ready"),
        "{started:?}"
    );
    let taken = run(&["start", "mine", "--base-url", &base_url])?;
    assert!(
        taken.code == Some(1) && taken.err.contains("exists already"),
        "{taken:?}"
    );
    let listed = run(&["list", "--json"])?;
    let document: Value =
        serde_json::from_str(&listed.out).with_context(|| format!("{listed:?}"))?;
    let mine = &document["models"][0];
    assert_eq!(
        (&mine["name"], &mine["state"], &mine["provider"]),
        (&json!("mine"), &json!("ready"), &json!("proxy/openai"))
    );
    let watched = run(&["list", "--watch"])?;
    assert!(
        watched.success && watched.out.contains("mine"),
        "{watched:?}"
    );

    let said = program.run_with_input(&["model", "chat", "mine", "--server", &at], "hi\n")?;
    assert!(
        said.success && said.out.contains("hello from the terminal"),
        "{said:?}"
    );
    let nobody = program.run_with_input(&["model", "chat", "nobody", "--server", &at], "hi\n")?;
    assert!(
        nobody.code == Some(1) && nobody.err.contains("no model named 'nobody'"),
        "{nobody:?}"
    );

    let restarted = run(&["restart", "mine"])?;
    assert!(restarted.success, "{restarted:?}");
    let stopped = run(&["stop", "mine"])?;
    assert!(stopped.success, "{stopped:?}");
    let again = run(&["start", "mine"])?;
    assert!(
        again.success && again.out.contains("mine is ready"),
        "{again:?}"
    );
    let gone = run(&["stop", "mine", "--forget"])?;
    assert!(gone.success, "{gone:?}");
    let refused = run(&["start", "mine"])?;
    assert!(
        refused.code == Some(1) && refused.err.contains("model not found"),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn without_a_server_it_says_what_to_do() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let started = program.run(&[
        "model",
        "start",
        "mine",
        "--path",
        "p",
        "--server",
        "http://127.0.0.1:1",
    ])?;
    assert!(
        started.code == Some(1) && started.err.contains("tidegate serve"),
        "{started:?}"
    );
    let wrong = program.run(&["model", "start", "mine", "--param", "nonsense"])?;
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    Ok(())
}
