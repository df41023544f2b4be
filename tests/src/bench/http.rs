//! Requests per second and latencies of a few routes, over an application in this process.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::say;
use crate::{TestApp, User};

/// Measures and prints.
pub async fn run(requests: usize) -> Result<()> {
    let app = TestApp::builder().dummy("dummy/echo").start().await?;
    app.add_sqlite(
        "t",
        "CREATE TABLE t (x INTEGER); INSERT INTO t VALUES (1), (2), (3)",
    )
    .await?;
    let sql = json!({"db_name": "t", "sql": "SELECT SUM(x) FROM t"});
    let chat =
        json!({"model": "dummy/echo", "messages": [{"role": "user", "content": "one two three"}]});
    say(&format!(
        "{:<28} {:>5} {:>10} {:>9} {:>9}",
        "route", "at a time", "per second", "p50 ms", "p99 ms"
    ));
    for (path, body) in [
        ("/api/health", None),
        ("/api/v1/editor/sql/run", Some(&sql)),
        ("/v1/chat/completions", Some(&chat)),
    ] {
        for at_once in [1, 16, 64] {
            measure(&app.anonymous(), path, body, at_once, requests).await?;
        }
    }
    Ok(())
}

pub(super) async fn measure(
    user: &User,
    path: &str,
    body: Option<&Value>,
    at_once: usize,
    requests: usize,
) -> Result<()> {
    let started = Instant::now();
    let mut times: Vec<Duration> = stream::iter(0..requests)
        .map(|_| async {
            let begun = Instant::now();
            let reply = match body {
                Some(body) => user.post(path, body).await?,
                None => user.get(path).await?,
            };
            anyhow::ensure!(
                reply.status == 200,
                "{path}: {} {}",
                reply.status,
                reply.text
            );
            Ok(begun.elapsed())
        })
        .buffer_unordered(at_once)
        .collect::<Vec<Result<Duration>>>()
        .await
        .into_iter()
        .collect::<Result<_>>()?;
    let whole = started.elapsed().as_secs_f64();
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    say(&format!(
        "{path:<28} {at_once:>9} {:>10.0} {:>9.2} {:>9.2}",
        requests as f64 / whole,
        at(0.5),
        at(0.99)
    ));
    Ok(())
}
