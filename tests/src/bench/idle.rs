//! The server at rest: memory, and the time from start to the first answer.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use tempfile::TempDir;

use super::say;
use crate::{
    client::http,
    memory::resident,
    process::{Program, Server, free_port},
};

/// How long the server is left alone before its memory is read.
const REST: Duration = Duration::from_secs(2);

/// Measures and prints.
pub async fn run(program: &Path, starts: usize, start_within_ms: Option<f64>) -> Result<()> {
    say(&format!(
        "program  {}",
        program.file_name().unwrap_or_default().to_string_lossy()
    ));
    let mut worst: f64 = 0.0;
    for (label, builtin) in [
        ("without the built-in model", false),
        ("with the built-in model", true),
    ] {
        let dir = TempDir::new()?;
        let config = format!(
            "[data]\ndir = {:?}\n[builtin]\nenabled = {builtin}\n[log]\nfilter = \"error\"\n",
            dir.path().join("data").display().to_string()
        );
        let program = Program::new(&program.display().to_string(), dir.path(), &config)?;
        // The first start makes the store and the sample; it is measured apart.
        let (first, server) = first_answer(&program).await?;
        let ready = ready(&server).await?;
        tokio::time::sleep(REST).await;
        say(label);
        say(&format!(
            "  memory at rest      {:.1} MB",
            resident(server.id())? as f64 / 1e6
        ));
        if let Some(ready) = ready {
            say(&format!(
                "  models ready after  {:.0} ms more",
                ready.as_secs_f64() * 1000.0
            ));
        }
        drop(server);
        let mut times = Vec::new();
        for _ in 0..starts.max(1) {
            let (took, server) = first_answer(&program).await?;
            drop(server);
            times.push(took.as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        worst = worst.max(median);
        say(&format!(
            "  first 200, new data {:.0} ms",
            first.as_secs_f64() * 1000.0
        ));
        say(&format!(
            "  first 200, median   {median:.0} ms of {} starts",
            times.len()
        ));
    }
    if let Some(limit) = start_within_ms {
        anyhow::ensure!(
            worst <= limit,
            "the first answer takes {worst:.0} ms, more than {limit:.0} ms"
        );
    }
    Ok(())
}

async fn first_answer(program: &Program) -> Result<(Duration, Server)> {
    let (port, openai) = (free_port()?, free_port()?);
    let started = Instant::now();
    let server = program.spawn(port, openai)?;
    let client = http();
    let url = format!("http://{}/api/health", server.web);
    loop {
        if client
            .get(&url)
            .send()
            .await
            .is_ok_and(|response| response.status().is_success())
        {
            return Ok((started.elapsed(), server));
        }
        anyhow::ensure!(
            started.elapsed() < Duration::from_mins(1),
            "no answer within 60 s"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until `/ready` says so; nothing when a model fails to load.
async fn ready(server: &Server) -> Result<Option<Duration>> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_mins(2) {
        let reply = server.anonymous().get("/ready").await?;
        let body = reply.json();
        // First, as the server may be ready without it.
        let mut models = body["models"].as_array().into_iter().flatten();
        if let Some(model) = models.find(|model| model["state"] == "failed") {
            say(&format!(
                "  {} could not be loaded: {}",
                model["name"], model["reason"]
            ));
            return Ok(None);
        }
        if body["ready"] == true {
            return Ok(Some(started.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(None)
}
