//! What a script told of its scenarios.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// Longest a script may take.
const PATIENCE: Duration = Duration::from_secs(200);

/// One scenario, as a script tells of it.
#[derive(Debug, Deserialize)]
struct Line {
    scenario: String,
    ok: bool,
    detail: String,
}

/// Runs a script to its end; an error unless it told of each of `wanted` that it went well, and of nothing else that
/// it did not.
pub(super) async fn check(mut script: Command, wanted: &[&str]) -> Result<()> {
    script
        .stdin(Stdio::null())
        .kill_on_drop(true)
        // The server is on this machine, wherever the caller's other requests go.
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1");
    let output = tokio::time::timeout(PATIENCE, script.output())
        .await
        .with_context(|| format!("no end within {} s", PATIENCE.as_secs()))?
        .context("the script cannot be started")?;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let mut told: BTreeMap<String, Line> = BTreeMap::new();
    for line in out.lines().filter(|line| line.starts_with('{')) {
        let line: Line =
            serde_json::from_str(line).with_context(|| format!("no scenario: {line}"))?;
        told.insert(line.scenario.clone(), line);
    }
    let mut faults: Vec<String> = wanted
        .iter()
        .filter(|name| !told.contains_key(**name))
        .map(|name| format!("{name}: nothing was told of it"))
        .collect();
    faults.extend(
        told.values()
            .filter(|line| !line.ok)
            .map(|line| format!("{}: {}", line.scenario, line.detail)),
    );
    ensure!(
        faults.is_empty() && output.status.success(),
        "{}\n{}\n{err}",
        output.status,
        faults.join("\n")
    );
    Ok(())
}
