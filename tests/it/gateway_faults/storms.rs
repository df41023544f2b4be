//! Upstreams that refuse: for a moment, for a while, for everybody.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::{StreamExt as _, stream};
use tidegate_tests::mock::{Act, Mock, Script, any, asks_for};

use super::{ONCE, asked_for, falling_back, over, say, text_of, with};
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_asks_for_a_second_gets_it_and_is_asked_again() -> Result<()> {
    for streams in [false, true] {
        let mock = Mock::start(Script::default().first(1, any, Act::overloaded(1))).await?;
        let app = over(&[mock.model("m")], "").await?;
        let begun = Instant::now();
        let reply = say(&app.anonymous(), "m", "hi", streams).await?;
        assert!(!text_of(&reply, streams)?.is_empty());
        assert!(
            begun.elapsed() >= Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(mock.counts().requests, 2);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_more_patience_than_there_is_is_passed_over_and_left_alone() -> Result<()> {
    let mock = Mock::start(Script::default().when(asks_for("busy"), Act::overloaded(60))).await?;
    let models = [mock.model("busy"), mock.model("calm")];
    let app = over(&models, &falling_back("busy")).await?;
    let user = app.anonymous();
    for nth in 0..10 {
        let reply = say(&user, "fast", "hi", nth % 2 == 0).await?;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    assert_eq!(asked_for(&mock, "busy"), 1, "it asked for a minute's rest");
    assert_eq!(asked_for(&mock, "calm"), 10);
    // Where there is nobody else the caller hears when to come back.
    let alone = say(&user, "busy", "hi", false).await?;
    assert_eq!(alone.status, 429, "{}", alone.text);
    let wait: u64 = alone.header("retry-after").parse()?;
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(alone.json()["error"]["type"], "rate_limit_error");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_of_429_every_caller_is_answered_by_the_next_one() -> Result<()> {
    let mock = Mock::start(Script::default().when(asks_for("busy"), Act::overloaded(60))).await?;
    let models = [mock.model("busy"), mock.model("calm")];
    let app = over(&models, &falling_back("busy")).await?;
    let user = app.anonymous();
    let replies: Vec<Result<u16>> = stream::iter(0..200)
        .map(|nth| {
            let user = user.clone();
            async move { Ok(say(&user, "fast", "hi", nth % 2 == 0).await?.status) }
        })
        .buffer_unordered(32)
        .collect()
        .await;
    for reply in replies {
        assert_eq!(reply?, 200);
    }
    let refused = asked_for(&mock, "busy");
    assert!(
        refused <= 64,
        "asked {refused} times though it asked for rest"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_503_is_tried_again_a_few_times_and_told_as_it_is() -> Result<()> {
    let mock = Mock::start(Script::default().always(Act::unavailable())).await?;
    let without_breaker = "[gateway]\nbreaker_failures = 0\nretry_first_ms = 20\n";
    let app = over(&[with(&mock.model("m"), "retries = 2\n")], without_breaker).await?;
    for streams in [false, true] {
        let before = mock.counts().requests;
        let reply = say(&app.anonymous(), "m", "hi", streams).await?;
        assert_eq!(reply.status, 502, "{}", reply.text);
        assert_eq!(reply.json()["error"]["code"], "upstream_error");
        assert_eq!(mock.counts().requests - before, 3, "once and twice again");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_keeps_failing_is_left_alone_until_one_call_finds_it_well() -> Result<()> {
    let breaker = "[gateway]\nbreaker_failures = 3\nbreaker_open_seconds = 2\n";
    let mock = Mock::start(Script::default().when(asks_for("ill"), Act::unavailable())).await?;
    let models = [with(&mock.model("ill"), ONCE), mock.model("calm")];
    let app = over(&models, &format!("{breaker}{}", falling_back("ill"))).await?;
    let user = app.anonymous();
    let begun = Instant::now();
    for _ in 0..12 {
        let reply = say(&user, "fast", "hi", false).await?;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    // Where the machine is slow the time to try it again comes in between.
    let tries = 3 + begun.elapsed().as_secs() as usize / 2;
    let asked = asked_for(&mock, "ill");
    assert!((3..=tries).contains(&asked), "asked {asked} times");

    mock.follow(Script::default());
    eventually("the model that is well again", || async {
        let reply = say(&user, "fast", "hi", false).await?;
        assert_eq!(reply.status, 200, "{}", reply.text);
        Ok((asked_for(&mock, "ill") > asked).then_some(()))
    })
    .await?;
    let (ill, calm) = (asked_for(&mock, "ill"), asked_for(&mock, "calm"));
    for _ in 0..5 {
        say(&user, "fast", "hi", false).await?;
    }
    assert_eq!(
        (
            asked_for(&mock, "ill") - ill,
            asked_for(&mock, "calm") - calm
        ),
        (5, 0),
        "it has its calls back"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_request_is_tried_nowhere_else() -> Result<()> {
    let mock = Mock::start(Script::default().when(asks_for("strict"), Act::refuse(400))).await?;
    let models = [mock.model("strict"), mock.model("calm")];
    let app = over(&models, &falling_back("strict")).await?;
    let reply = say(&app.anonymous(), "fast", "hi", false).await?;
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
    assert_eq!(asked_for(&mock, "strict"), 1);
    assert_eq!(asked_for(&mock, "calm"), 0);
    Ok(())
}
