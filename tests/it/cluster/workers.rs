//! Workers that die, freeze, come back, and leave.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tidegate_tests::{
    child::Part,
    process::free_port,
    roles::{BEAT, EXPIRY},
    sse::{self, Frame},
};

use super::{
    Begun, Cluster, STALE, answered, asked, instances, until_healthy, user, with_words, words,
};
use crate::{
    gateway_faults::{begin, broken_off},
    support::eventually,
};

/// How long a worker that was asked to leave may take: what runs is finished first.
const LEAVING: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_a_stream_leaves_an_error_and_the_next_request_goes_elsewhere()
-> Result<()> {
    let cluster = Cluster::start().await?;
    let first = cluster.worker("first", free_port()?).await?;
    let api = cluster.apiserver().await?;
    let someone = user(&api);
    // There is only one who can answer this.
    let response = begin(&someone, &asked(&words(1_500), true)).await?;
    let begun = Begun::read(response, 4).await?;
    let second = cluster.worker("second", free_port()?).await?;
    // The API server hears of it with its next look.
    tokio::time::sleep(STALE).await;
    first.child.kill()?;

    let told = with_words(begun.rest().await, &[&api, &second])?;
    // Panics where it ends within an event.
    let frames = sse::frames(&told);
    let error = broken_off(&frames)?;
    assert_eq!(error["code"], "upstream_error", "{error}");
    assert!(
        sse::joined_deltas(&frames).starts_with("word0 word1"),
        "{told}"
    );
    // The first is listed as healthy still; nobody hears of that.
    for nth in 0..10 {
        let text = format!("question {nth}");
        with_words(answered(&someone, &text).await, &[&api, &second])?;
    }
    until_healthy(
        &cluster.controller.url(),
        first_port(&cluster, &second).await?,
        false,
    )
    .await
}

/// The port of the model's other instance.
async fn first_port(cluster: &Cluster, second: &Part) -> Result<u16> {
    let listed = instances(&cluster.controller.url()).await?;
    let port = listed
        .iter()
        .filter_map(|instance| instance["port"].as_u64())
        .find(|port| *port != u64::from(second.address.port()))
        .context("it stays listed when it dies")?;
    Ok(u16::try_from(port)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_a_worker_that_dies_before_its_first_word_are_answered_by_another() -> Result<()>
{
    let cluster = Cluster::start().await?;
    let mut workers = vec![
        cluster.worker("first", free_port()?).await?,
        cluster.worker("second", free_port()?).await?,
    ];
    let api = cluster.apiserver().await?;
    let someone = user(&api);
    for nth in 0..6 {
        answered(&someone, &format!("both {nth}")).await?;
    }
    let killed = workers.remove(0);
    killed.child.kill()?;
    // The API server has not heard of it: whoever is sent there is sent on.
    let asking = (0..40).map(|nth| {
        let someone = someone.clone();
        async move { answered(&someone, &format!("one {nth}")).await }
    });
    for outcome in futures::future::join_all(asking).await {
        with_words(outcome, &[&api, &workers[0]])?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_started_again_is_healthy_within_one_beat() -> Result<()> {
    let cluster = Cluster::start().await?;
    let port = free_port()?;
    let worker = cluster.worker("worker", port).await?;
    let api = cluster.apiserver().await?;
    let someone = user(&api);
    answered(&someone, "before").await?;
    worker.child.kill()?;
    let url = cluster.controller.url();
    until_healthy(&url, port, false).await?;

    let worker = cluster
        .roles
        .worker("worker", port, &url, super::SLOW)
        .await?;
    // It answers: from now on counts.
    let begun = Instant::now();
    with_words(
        until_healthy(&url, port, true).await,
        &[&worker, &cluster.controller],
    )?;
    let took = begun.elapsed();
    assert!(took <= Duration::from_secs(BEAT), "{took:?}");
    let healthy = instances(&url).await?;
    assert_eq!(healthy.len(), 1, "the same instance again: {healthy:?}");
    eventually("an answer through the API server", || async {
        Ok(answered(&someone, "after").await.is_ok().then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_signs_of_life_are_lost_expires_and_comes_back_with_the_next() -> Result<()>
{
    let cluster = Cluster::start().await?;
    let frozen = cluster.worker("frozen", free_port()?).await?;
    let well = cluster.worker("well", free_port()?).await?;
    let api = cluster.apiserver().await?;
    let someone = user(&api);
    let url = cluster.controller.url();
    // Its connections stay open, and it takes new ones: only its beats are missing.
    frozen.child.halt()?;
    let begun = Instant::now();
    until_healthy(&url, frozen.address.port(), false).await?;
    assert!(
        begun.elapsed() >= Duration::from_secs(EXPIRY - BEAT) / 2,
        "one late beat is no death: {:?}",
        begun.elapsed()
    );
    // The API server hears of it with its next look.
    tokio::time::sleep(STALE).await;
    for nth in 0..10 {
        let begun = Instant::now();
        with_words(
            answered(&someone, &format!("well {nth}")).await,
            &[&api, &well],
        )?;
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "nobody waits for it"
        );
    }
    frozen.child.go_on()?;
    until_healthy(&url, frozen.address.port(), true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_leave_finishes_what_runs_and_takes_nothing_new() -> Result<()> {
    let cluster = Cluster::start().await?;
    let mut leaving = cluster.worker("leaving", free_port()?).await?;
    let api = cluster.apiserver().await?;
    let someone = user(&api);
    // For twenty seconds: longer than all until it is asked to leave, and shorter than it may take then.
    let text = words(1_000);
    let response = begin(&someone, &asked(&text, true)).await?;
    let begun = Begun::read(response, 4).await?;
    let staying = cluster.worker("staying", free_port()?).await?;
    // The API server hears of it with its next look.
    tokio::time::sleep(STALE).await;
    leaving.child.terminate()?;
    let asked_at = Instant::now();
    let url = cluster.controller.url();
    until_healthy(&url, leaving.address.port(), false).await?;
    let told_after = asked_at.elapsed();
    assert!(
        told_after < Duration::from_secs(EXPIRY - BEAT),
        "it says that it leaves, and does not just expire: {told_after:?}"
    );
    for nth in 0..5 {
        with_words(
            answered(&someone, &format!("new {nth}")).await,
            &[&api, &staying, &leaving],
        )?;
    }
    let told = with_words(begun.rest().await, &[&api, &leaving])?;
    let frames = sse::frames(&told);
    assert_eq!(sse::joined_deltas(&frames), text, "to its last word");
    assert_eq!(frames.last(), Some(&Frame::Done));
    let status = leaving.child.until_ended(LEAVING).await?;
    ensure!(status.success(), "{status}\n{}", leaving.child.last_words());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_nobody_serves_is_named_with_the_nearest_there_is() -> Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("worker", free_port()?).await?;
    let api = cluster.apiserver().await?;
    let body = json!({"model": "dummy/slwo", "messages": [{"role": "user", "content": "hi"}]});
    let reply = user(&api)
        .openai_post(crate::gateway_faults::CHAT, &body)
        .await?;
    assert_eq!(reply.status, 404, "{}", reply.text);
    assert_eq!(reply.json()["error"]["code"], "model_not_found");
    assert!(reply.text.contains("dummy/slow"), "{}", reply.text);
    Ok(())
}
