//! Waits, places and breakers.

use futures::StreamExt as _;
use tidegate_schema::Error;
use tokio::time::Instant;

use super::{
    A_OR_B, A_THEN_B, SECOND, refused, request,
    scripted::{Step, over, over_local, over_relays},
};
use crate::{gateway::Circuit, workers::Chunk};

#[tokio::test(start_paused = true)]
async fn silence_before_the_first_piece_goes_to_the_fallback() {
    let setup = over(
        "first_token_seconds=5\n",
        A_THEN_B,
        vec![("a", vec![Step::Hangs]), ("b", vec![Step::Says("b")])],
    );
    let begun = Instant::now();
    assert_eq!(setup.say("x").await.expect("answers"), "b");
    assert!(begun.elapsed() >= 5 * SECOND && begun.elapsed() < 6 * SECOND);
    assert_eq!(setup.traffic("a").calls["timeout"], 1);
}

#[tokio::test(start_paused = true)]
async fn silence_alone_is_tried_again_and_then_told_with_its_limit() {
    let script = vec![Step::Hangs, Step::Hangs];
    let setup = over(
        "first_token_seconds=5\nretries=1\n",
        "",
        vec![("a", script)],
    );
    let error = setup.say("a").await.expect_err("is silent");
    assert_eq!(
        error.to_string(),
        "the beginning of an answer of 'a' took longer than 5 s"
    );
    assert_eq!(setup.asked("a"), 2);
}

#[tokio::test(start_paused = true)]
async fn silence_between_two_pieces_ends_the_answer_with_an_error() {
    let setup = over(
        "between_tokens_seconds=3\n",
        "",
        vec![("a", vec![Step::Stalls("half")])],
    );
    let begun = Instant::now();
    let (text, error) = setup.listen("a", request()).await.expect("begins");
    assert_eq!(text, "half");
    assert_eq!(
        error.expect("is late").to_string(),
        "a piece of the answer of 'a' took longer than 3 s"
    );
    assert!(begun.elapsed() >= 3 * SECOND && begun.elapsed() < 4 * SECOND);
    assert_eq!(setup.traffic("a").open, 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_taken_for_a_slow_upstream() {
    let setup = over("between_tokens_seconds=3\n", "", vec![("a", vec![])]);
    let mut pieces = setup.begin("a", request()).await.expect("begins");
    assert!(matches!(pieces.next().await, Some(Ok(Chunk::Text(_)))));
    tokio::time::advance(60 * SECOND).await;
    assert!(matches!(pieces.next().await, Some(Ok(Chunk::End { .. }))));
    assert!(pieces.next().await.is_none() && pieces.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn more_calls_than_may_be_are_refused_at_once_until_one_is_dropped() {
    let setup = over("max_concurrent=1\n", "", vec![("a", vec![])]);
    let first = setup.begin("a", request()).await.expect("there is a place");
    assert_eq!(setup.traffic("a").open, 1);
    let begun = Instant::now();
    let error = setup.say("a").await.expect_err("there is none");
    assert!(matches!(error, Error::Overloaded { .. }), "{error}");
    assert_eq!(begun.elapsed(), std::time::Duration::ZERO);
    assert_eq!((setup.traffic("a").refused, setup.asked("a")), (1, 1));
    drop(first);
    assert_eq!(setup.traffic("a").open, 0);
    setup.say("a").await.expect("there is one again");
}

#[tokio::test(start_paused = true)]
async fn a_model_without_a_place_is_passed_over() {
    let setup = over(
        "max_concurrent=1\n",
        A_THEN_B,
        vec![("a", vec![]), ("b", vec![])],
    );
    let _held = setup.begin("a", request()).await.expect("there is a place");
    setup.say("x").await.expect("the other has one");
    assert_eq!((setup.asked("a"), setup.asked("b")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_makes_its_place_free() {
    let setup = over("max_concurrent=1\n", "", vec![("a", vec![Step::Hangs])]);
    let given_up = tokio::time::timeout(SECOND, setup.say("a")).await;
    assert!(given_up.is_err());
    assert_eq!(setup.traffic("a").open, 0);
    setup.say("a").await.expect("there is a place");
}

#[tokio::test(start_paused = true)]
async fn of_equals_the_one_with_fewer_open_calls_is_asked() {
    let setup = over("", A_OR_B, vec![("a", vec![]), ("b", vec![])]);
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(setup.begin("x", request()).await.expect("begins"));
    }
    assert_eq!((setup.asked("a"), setup.asked("b")), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_keeps_failing_is_left_alone_and_then_tried_by_one_call() {
    let broken = || refused("500 Oops");
    let setup = over(
        "retries=0\n",
        &format!("[gateway]\nbreaker_failures=2\nbreaker_open_seconds=15\n{A_THEN_B}"),
        vec![("a", vec![broken(), broken(), broken()]), ("b", vec![])],
    );
    for _ in 0..5 {
        setup.say("x").await.expect("answers");
    }
    assert_eq!((setup.asked("a"), setup.asked("b")), (2, 5));
    assert_eq!(setup.traffic("a").circuit, Circuit::Open);
    tokio::time::advance(15 * SECOND).await;
    setup.say("x").await.expect("answers");
    setup.say("x").await.expect("answers");
    assert_eq!(setup.asked("a"), 3, "one call tried it");
    tokio::time::advance(15 * SECOND).await;
    assert_eq!(setup.say("x").await.expect("answers"), "well");
    assert_eq!(setup.asked("a"), 4);
    assert_eq!(setup.traffic("a").circuit, Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn where_no_other_is_there_a_model_is_asked_once_against_its_breaker() {
    let broken = || refused("500 Oops");
    let script = (0..4).map(|_| broken()).collect();
    let setup = over(
        "retries=2\n",
        "[gateway]\nbreaker_failures=3\n",
        vec![("a", script)],
    );
    setup.say("a").await.expect_err("three calls open it");
    assert_eq!(
        (setup.asked("a"), setup.traffic("a").circuit),
        (3, Circuit::Open)
    );
    setup.say("a").await.expect_err("one more call");
    assert_eq!(setup.asked("a"), 4);
    setup.say("a").await.expect("it answers again");
    assert_eq!(setup.traffic("a").circuit, Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_model_of_this_process_has_no_retries_and_no_numbers_unless_it_is_in_a_route() {
    let script = || vec![refused("500 Oops")];
    let setup = over_local("", "", vec![("a", script())]);
    setup.say("a").await.expect_err("fails once");
    assert!(setup.gateway.traffic().is_empty());
    let setup = over_local("", A_THEN_B, vec![("a", script()), ("b", vec![])]);
    setup.say("x").await.expect("the other answers");
    assert_eq!(
        (setup.asked("a"), setup.traffic("b").calls["answered"]),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn bytes_fall_back_before_the_first_of_them_and_not_behind() {
    let broke = Error::upstream("b", "the stream broke");
    let setup = over_relays(
        "retries=0\n",
        A_THEN_B,
        vec![
            ("a", vec![refused("503 Service Unavailable")]),
            ("b", vec![Step::BreaksOff("data: 1\n\n", broke)]),
        ],
    );
    let mut answer = setup.pass("x", true).await.expect("begins");
    assert_eq!(
        answer.body.next().await.expect("a piece").expect("of it"),
        "data: 1\n\n"
    );
    assert_eq!(setup.traffic("b").open, 1);
    assert!(answer.body.next().await.is_some_and(|piece| piece.is_err()));
    assert_eq!((setup.asked("a"), setup.asked("b")), (1, 1));
    assert_eq!(setup.traffic("b").open, 0);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_passed_on_only_where_every_model_can_and_nothing_is_to_be_kept() {
    let relays = |setup: &super::Setup| {
        let gateway = &setup.gateway;
        let model = futures::FutureExt::now_or_never(gateway.language("x"));
        let model = model.flatten().expect("is there").expect("is well");
        model.relay().is_some()
    };
    let models = || vec![("a", vec![]), ("b", vec![])];
    assert!(relays(&over_relays("", A_THEN_B, models())));
    assert!(!relays(&over_relays(
        "cache_seconds=1\n",
        A_THEN_B,
        models()
    )));
    assert!(!relays(&over("", A_THEN_B, models())));
}
