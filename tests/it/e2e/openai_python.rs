//! OpenAI's own Python package as the client. `TIDEGATE_TEST_PYTHON` names an interpreter that has it; where `CI`
//! is set it has to.

use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{paths, upstream::Script};
use tokio::process::Command;

use crate::support::{QUESTION, SQL, rows, towns};

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_package_gets_the_same_sql_and_rows() -> Result<()> {
    let Some(python) = std::env::var_os("TIDEGATE_TEST_PYTHON") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "TIDEGATE_TEST_PYTHON must name a Python that has the package `openai`; `cargo xtask test` sets it"
        );
        return Ok(());
    };
    let (app, _upstream) = towns(Script::default().embedding("hello", &[0.25])).await?;
    let keyed = app.keyed("sdk", false, None).await?;
    for path in ["/v1", "/api/v1"] {
        let output = Command::new(&python)
            .arg(paths::file("it/e2e/openai_client.py"))
            .env("BASE_URL", format!("{}{path}", keyed.openai()))
            .env("API_KEY", keyed.key().context("a key")?)
            .env("QUESTION", QUESTION)
            .stdin(Stdio::null())
            .output()
            .await?;
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let seen: Value = serde_json::from_str(&text).with_context(|| text.clone().into_owned())?;
        for way in ["whole", "stream"] {
            assert_eq!(seen[way]["tidegate"]["sql"], json!(SQL), "{way}: {seen}");
            assert_eq!(seen[way]["tidegate"]["rows"], rows(), "{way}: {seen}");
        }
        assert_eq!(seen["whole"]["content"], seen["stream"]["content"]);
        assert_eq!(seen["models"], json!(["scripted"]));
        assert_eq!(
            seen["unknown_model"],
            json!({"status": 404, "code": "model_not_found"})
        );
        assert_eq!(
            seen["bad_key"],
            json!({"status": 401, "code": "invalid_api_key"})
        );
    }
    Ok(())
}
