//! What a request costs: requests per second, latencies and processor time of the routes the pages call most, beside
//! a bare server that answers with the same bytes.
//!
//! Both servers are processes of their own, asked by turns over the same connections' number from this one, so that
//! the ratio holds on any machine and the processor time is theirs alone.

mod bare;
pub(super) mod load;
mod place;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, stream};
use serde_json::Value;

use self::{
    load::{Figures, Request},
    place::Place,
};
use super::say;
use crate::User;

pub use self::bare::serve;

/// Requests at a time.
const AT_ONCE: [usize; 3] = [1, 16, 64];
/// The route and concurrency that a floor is about.
const FLOOR: (&str, usize) = ("chat/db/list", 16);
/// Asked ahead of each measurement, so that connections and caches are warm.
const WARM_UP: Duration = Duration::from_millis(300);

/// Measures each route and concurrency for so many seconds and prints; fails where `chat/db/list` is answered fewer
/// than `at_least` times a second at sixteen at a time. `program` is the server's.
pub async fn run(program: &Path, seconds: f64, at_least: Option<f64>) -> Result<()> {
    ensure!(
        seconds > 0.0 && seconds <= 600.0,
        "--seconds lies between 0 and 600"
    );
    let time = Duration::from_secs_f64(seconds);
    let place = Place::start(program).await?;
    say(&format!(
        "{:<18} {:>7} {:>9} {:>8} {:>8} {:>8} {:>11} {:>8} {:>8} {:>6}",
        "route",
        "at once",
        "per s",
        "p50 ms",
        "p99 ms",
        "cpu µs",
        "bare per s",
        "p50 ms",
        "cpu µs",
        "ratio"
    ));
    let mut reached = None;
    for (name, request) in Place::requests() {
        // Proves that there is something to measure, and is what the bare server will say.
        let answer = place.ask(&request).await?;
        let bare = bare::Bare::start(place.dir(), &answer)?;
        for at_once in AT_ONCE {
            let ours = measure_one(place.server(), &request, at_once, time).await?;
            let limit = measure_one(bare.process(), &request, at_once, time).await?;
            say(&format!(
                "{name:<18} {at_once:>7} {:>9.0} {:>8.2} {:>8.2} {:>8.0} {:>11.0} {:>8.2} {:>8.0} {:>6.2}",
                ours.per_second,
                ours.p50_ms,
                ours.p99_ms,
                ours.cpu_us,
                limit.per_second,
                limit.p50_ms,
                limit.cpu_us,
                ours.per_second / limit.per_second
            ));
            if (name, at_once) == FLOOR {
                reached = Some(ours.per_second);
            }
        }
    }
    if let Some(floor) = at_least {
        let reached = reached.context("the route of the floor was measured")?;
        let (name, at_once) = FLOOR;
        ensure!(
            reached >= floor,
            "{name} is answered {reached:.0} times a second at {at_once} at a time, less than {floor:.0}"
        );
    }
    Ok(())
}

async fn measure_one(
    process: load::Process,
    request: &Request,
    at_once: usize,
    time: Duration,
) -> Result<Figures> {
    load::measure(process, request, at_once, WARM_UP).await?;
    load::measure(process, request, at_once, time).await
}

/// Requests per second and latencies of one route, asked through the tests' own client; printed.
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
