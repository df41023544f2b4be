//! DB-GPT's own processes and ours, in both directions: what its packages bring registers, lists and generates through
//! ours, and ours through it.
//!
//! `TIDEGATE_TEST_DBGPT` names its program `dbgpt`; `cargo xtask test` installs it from the Python package registry
//! where that can be done in time, and sets it. Where `CI` is set it has to be there.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{
    User,
    child::Part,
    client::http,
    dbgpt::Dbgpt,
    mock::{Act, Mock, Script},
    process::free_port,
    roles::Roles,
    sse,
};

const ANSWER: &str = "So says the model behind it all.";
const QUESTION: &str = "what does it say?";

/// Its program; none on a developer's machine without it.
fn dbgpt() -> Option<PathBuf> {
    let named = std::env::var_os("TIDEGATE_TEST_DBGPT").filter(|name| !name.is_empty());
    assert!(
        named.is_some() || std::env::var_os("CI").is_none(),
        "TIDEGATE_TEST_DBGPT must name DB-GPT's program; `cargo xtask test` installs it (Python 3.10 or 3.11 with the \
         package registry in reach) and sets it"
    );
    named.map(PathBuf::from)
}

/// Asks for a chat at this URL in both forms and gives the texts, with everybody's last words in a failure.
async fn chat(url: &str, model: &str, parts: &[&Part]) -> Result<[String; 2]> {
    let ask = async |stream: bool| {
        let body = json!({
            "model": model, "stream": stream, "messages": [{"role": "user", "content": QUESTION}],
        });
        let response = http().post(url).json(&body).send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(
            status.is_success(),
            "{url}: {status} {text}{}",
            words(parts)
        );
        anyhow::Ok(text)
    };
    let whole: Value = serde_json::from_str(&ask(false).await?)?;
    let said = whole.pointer("/choices/0/message/content");
    let said = said.and_then(Value::as_str).unwrap_or_default().to_owned();
    ensure!(!said.is_empty(), "{whole}{}", words(parts));
    let stream = ask(true).await?;
    let told = sse::joined_deltas(&sse::frames(&stream));
    ensure!(!told.is_empty(), "{stream}{}", words(parts));
    Ok([said, told])
}

fn words(parts: &[&Part]) -> String {
    let words: Vec<String> = parts.iter().map(|part| part.child.last_words()).collect();
    format!("\n{}", words.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn its_worker_registers_with_our_controller_and_ours_generates_through_it() -> Result<()> {
    let Some(program) = dbgpt() else {
        return Ok(());
    };
    let mock = Mock::start(Script::default().always(Act::says(ANSWER))).await?;
    let dir = TempDir::new()?;
    let (dbgpt, roles) = both(&program, &dir);
    let controller = roles.controller("controller", free_port()?, "").await?;
    let worker = dbgpt
        .worker(&controller.url(), "theirs", &mock.base_url())
        .await?;
    let api = roles
        .apiserver("apiserver", &controller.url(), "theirs")
        .await?;
    let parts = [&controller, &worker, &api];
    let url = format!("{}/v1/chat/completions", api.url());
    assert_eq!(chat(&url, "theirs", &parts).await?, [ANSWER, ANSWER]);
    assert!(mock.counts().requests >= 2, "its own model was asked");

    // Its command line reads our controller.
    let listed = dbgpt
        .run(&["model", "--address", &controller.url(), "list"])
        .await?;
    assert!(listed.success, "{listed:?}{}", words(&parts));
    let port = worker.address.port().to_string();
    let row = listed
        .out
        .lines()
        .find(|line| line.contains("theirs") && line.contains(&port));
    let row = row.unwrap_or_else(|| panic!("no row of its worker in {listed:?}"));
    assert!(row.contains("llm") && row.contains("True"), "{row}");
    // A worker of its kind registers itself beside its models.
    assert!(listed.out.contains("WorkerManager"), "{}", listed.out);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn our_worker_registers_with_its_controller_and_its_server_generates_through_ours()
-> Result<()> {
    let Some(program) = dbgpt() else {
        return Ok(());
    };
    let dir = TempDir::new()?;
    let (dbgpt, roles) = both(&program, &dir);
    let controller = dbgpt.controller().await?;
    let models = "[[models]]\nname = \"ours\"\nprovider = \"dummy\"\n\
                  [[models]]\nname = \"vectors\"\nprovider = \"dummy\"\nkind = \"embedding\"\n";
    let worker = roles
        .worker("worker", free_port()?, &controller.url(), models)
        .await?;
    let api = dbgpt.apiserver(&controller.url(), "ours").await?;
    let parts = [&controller, &worker, &api];
    let url = format!("{}/api/v1/chat/completions", api.url());
    // Our stand-in repeats what it is asked.
    assert_eq!(chat(&url, "ours", &parts).await?, [QUESTION, QUESTION]);

    let someone = User::anonymous(api.address, api.address);
    let body = json!({"model": "vectors", "input": ["one", "two"]});
    let reply = someone.openai_post("/api/v1/embeddings", &body).await?;
    assert_eq!(reply.status, 200, "{}{}", reply.text, words(&parts));
    let embedded = reply.json();
    let widths: Vec<usize> = embedded["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["embedding"].as_array().map(Vec::len))
        .collect();
    assert_eq!(widths, [8, 8], "{embedded}");

    // Its command line finds our worker through its own controller.
    let listed = dbgpt
        .run(&["model", "--address", &controller.url(), "list"])
        .await?;
    let port = worker.address.port().to_string();
    assert!(
        listed
            .out
            .lines()
            .any(|line| line.contains("ours") && line.contains(&port) && line.contains("True")),
        "{listed:?}{}",
        words(&parts)
    );
    Ok(())
}

/// Its processes and ours, with their files below one directory.
fn both(program: &std::path::Path, dir: &TempDir) -> (Dbgpt, Roles) {
    let ours = env!("CARGO_BIN_EXE_tidegate-under-test");
    (
        Dbgpt::new(program, dir.path()),
        Roles::new(ours, dir.path()),
    )
}
