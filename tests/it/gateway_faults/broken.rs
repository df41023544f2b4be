//! Answers that are none: silence, garbage, pages, halves.

use std::time::{Duration, Instant};

use anyhow::Result;
use tidegate_tests::mock::{Act, Mock, Script, asks_for};

use super::{ONCE, asked_for, broken_off, falling_back, over, say, text_of, with};
use crate::support::eventually;

/// Longer than any of these may take on a machine that is busy; the limits under test are of one second.
const NEVER: Duration = Duration::from_secs(30);

/// The models `ill`, to which this is done, and `calm` behind one server, and the route `fast` over both.
async fn ill(act: Act, keys: &str) -> Result<(tidegate_tests::TestApp, Mock)> {
    let mock = Mock::start(Script::default().when(asks_for("ill"), act)).await?;
    let models = [
        with(&mock.model("ill"), &format!("{ONCE}{keys}")),
        mock.model("calm"),
    ];
    let app = over(&models, &falling_back("ill")).await?;
    Ok((app, mock))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_says_nothing_is_given_up_in_time_and_the_next_one_answers() -> Result<()>
{
    let (app, mock) = ill(Act::silent(), "timeout_seconds = 1\n").await?;
    let user = app.anonymous();
    for stream in [false, true] {
        let begun = Instant::now();
        let alone = say(&user, "ill", "hi", stream).await?;
        assert_eq!(alone.status, 504, "{}", alone.text);
        assert_eq!(alone.json()["error"]["code"], "timeout", "{}", alone.text);
        assert!(!text_of(&say(&user, "fast", "hi", stream).await?, stream)?.is_empty());
        assert!(begun.elapsed() < NEVER);
    }
    // Whoever is given up on is told so: its connection is closed.
    eventually("the end of the calls that were given up", || async {
        let counts = mock.counts();
        Ok((counts.aborted >= 2 && counts.running == 0).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_has_a_limit_of_its_own() -> Result<()> {
    let late = Act::answer().after(Duration::from_secs(8));
    let (app, mock) = ill(late, "first_token_seconds = 1\ntimeout_seconds = 60\n").await?;
    let user = app.anonymous();
    let reply = say(&user, "fast", "hi", true).await?;
    assert!(!text_of(&reply, true)?.is_empty());
    assert_eq!(asked_for(&mock, "ill"), 1);
    assert_eq!(asked_for(&mock, "calm"), 1);
    // An answer that is no stream has no first token: it is waited for.
    let reply = say(&user, "ill", "hi", false).await?;
    assert!(!text_of(&reply, false)?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_an_error_in_the_callers_dialect_and_the_next_one_answers()
-> Result<()> {
    for (name, act) in [
        ("garbage", Act::garbage()),
        ("a page", Act::html()),
        ("nothing", Act::nothing()),
        ("a closed connection", Act::hang_up()),
    ] {
        let (app, mock) = ill(act, "timeout_seconds = 20\n").await?;
        let user = app.anonymous();
        for stream in [false, true] {
            let begun = Instant::now();
            let alone = say(&user, "ill", "hi", stream).await?;
            assert_eq!(alone.status, 502, "{name}, {stream}: {}", alone.text);
            let error = alone.json()["error"].clone();
            assert_eq!(error["code"], "upstream_error", "{name}, {stream}: {error}");
            let message = error["message"].as_str().unwrap_or_default();
            assert!(message.contains("ill"), "{name}, {stream}: {message}");
            assert!(begun.elapsed() < NEVER, "{name}, {stream}");
            let helped = say(&user, "fast", "hi", stream).await?;
            assert!(!text_of(&helped, stream)?.is_empty(), "{name}, {stream}");
        }
        assert_eq!(asked_for(&mock, "ill"), 4, "{name}: each asked once");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_an_error_and_never_half_a_body() -> Result<()> {
    let (app, _mock) = ill(Act::cut_after(1), "timeout_seconds = 20\n").await?;
    let reply = say(&app.anonymous(), "ill", "hi", false).await?;
    assert_eq!(reply.status, 502, "{}", reply.text);
    assert_eq!(reply.json()["error"]["code"], "upstream_error");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_ends_in_one_well_formed_error_and_nobody_else_is_asked() -> Result<()>
{
    for (name, act, code) in [
        ("cut in a piece", Act::cut_after(3), "upstream_error"),
        ("stalled", Act::stalls_after(3), "timeout"),
        (
            "an error in a piece's place",
            Act::fails_after(3),
            "upstream_error",
        ),
    ] {
        let (app, mock) = ill(act, "between_tokens_seconds = 1\n").await?;
        let begun = Instant::now();
        let reply = say(&app.anonymous(), "fast", "hi", true).await?;
        assert_eq!(reply.status, 200, "{name}: the answer has begun");
        // Panics where the stream ends within an event.
        let frames = reply.frames();
        let error = broken_off(&frames).map_err(|error| error.context(name))?;
        if name != "an error in a piece's place" {
            // That one is the upstream's own and may go through as it is.
            assert_eq!(error["code"], code, "{name}: {error}");
        }
        let told = tidegate_tests::sse::joined_deltas(&frames);
        assert!(!told.is_empty(), "{name}: what was said before is kept");
        assert_eq!(
            asked_for(&mock, "calm"),
            0,
            "{name}: it was too late for others"
        );
        assert!(begun.elapsed() < NEVER, "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_not_there_is_named_and_the_next_one_answers() -> Result<()> {
    let mock = Mock::start(Script::default()).await?;
    // A port that was free a moment ago.
    let gone = tidegate_tests::process::free_port()?;
    let ill = format!(
        "[[models]]\nname = \"ill\"\nprovider = \"proxy\"\nbase_url = \"http://127.0.0.1:{gone}/v1\"\n{ONCE}"
    );
    let app = over(&[ill, mock.model("calm")], &falling_back("ill")).await?;
    let user = app.anonymous();
    for stream in [false, true] {
        let alone = say(&user, "ill", "hi", stream).await?;
        assert_eq!(alone.status, 502, "{}", alone.text);
        let helped = say(&user, "fast", "hi", stream).await?;
        assert!(!text_of(&helped, stream)?.is_empty());
    }
    Ok(())
}
