//! The gateway over scripted models, on a clock that stands still while anything can happen.

mod bounds;
mod kept;
mod names;
mod scripted;

use std::time::Duration;

use tidegate_schema::Error;
use tokio::time::Instant;

use self::scripted::{Setup, Step, over};
use crate::workers::{GenerateRequest, PromptMessage};

const SECOND: Duration = Duration::from_secs(1);

/// A route to `a` with the fallback `b`.
const A_THEN_B: &str = "[[routes]]\nname='x'\ntargets=[{model='a'}]\nfallbacks=['b']\n";
/// A route that `a` and `b` share.
const A_OR_B: &str = "[[routes]]\nname='x'\ntargets=[{model='a'}, {model='b'}]\n";

fn refused(status: &str) -> Step {
    Step::Fails(Error::upstream("up", format!("answered {status}: no")))
}

fn busy(seconds: u64) -> Step {
    Step::Fails(Error::Overloaded {
        retry_after: Duration::from_secs(seconds),
    })
}

fn request() -> GenerateRequest {
    GenerateRequest::of(vec![PromptMessage::user("hi")])
}

fn a_and_b(a: Vec<Step>, b: Vec<Step>) -> Setup {
    over("", A_THEN_B, vec![("a", a), ("b", b)])
}

#[tokio::test(start_paused = true)]
async fn what_stays_goes_to_the_fallback_without_a_retry() {
    let setup = a_and_b(vec![refused("401 Unauthorized")], vec![Step::Says("b")]);
    assert_eq!(setup.say("x").await.expect("answers"), "b");
    assert_eq!((setup.asked("a"), setup.asked("b")), (1, 1));
    let traffic = setup.traffic("a");
    assert_eq!((traffic.fallbacks, traffic.retries), (1, 0));
    assert_eq!((traffic.open, traffic.calls["refused"]), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_after_a_wait() {
    let broken = || refused("503 Service Unavailable");
    let setup = over(
        "",
        "",
        vec![("a", vec![broken(), broken(), Step::Says("at last")])],
    );
    let begun = Instant::now();
    assert_eq!(setup.say("a").await.expect("answers"), "at last");
    assert_eq!((setup.asked("a"), setup.traffic("a").retries), (3, 2));
    assert!(
        begun.elapsed() <= SECOND,
        "two waits of a quarter and a half"
    );
    let setup = over("", "", vec![("a", vec![broken(), broken(), broken()])]);
    let error = setup.say("a").await.expect_err("three are enough");
    assert!(error.to_string().contains("answered 503"), "{error}");
    assert_eq!(setup.asked("a"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_is_asked_when_the_retries_are_used_up_and_an_equal_at_once() {
    let broken = || {
        vec![
            refused("500 Oops"),
            refused("500 Oops"),
            refused("500 Oops"),
        ]
    };
    let setup = a_and_b(broken(), vec![]);
    setup.say("x").await.expect("answers");
    assert_eq!((setup.asked("a"), setup.asked("b")), (3, 1));
    let always = (0..4).map(|_| refused("500 Oops")).collect();
    let setup = over("", A_OR_B, vec![("a", always), ("b", vec![])]);
    // Whoever is drawn first: `a` is asked once at most before `b` is.
    for _ in 0..4 {
        setup.say("x").await.expect("answers");
    }
    assert!(setup.asked("a") <= 4 && setup.asked("b") == 4);
    assert_eq!(setup.traffic("a").retries, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_repaired_behind_the_first_piece() {
    let broke = Error::upstream("a", "the stream broke");
    let setup = a_and_b(vec![Step::BreaksOff("half", broke)], vec![]);
    let (text, error) = setup.listen("x", request()).await.expect("begins");
    assert_eq!(text, "half");
    assert!(error.is_some_and(|error| error.to_string().contains("broke")));
    assert_eq!((setup.asked("a"), setup.asked("b")), (1, 0));
    let traffic = setup.traffic("a");
    assert_eq!(
        (traffic.calls["answered"], traffic.calls["unavailable"]),
        (1, 1)
    );
    assert_eq!(traffic.open, 0);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_request_is_told_at_once() {
    let fault = Error::invalid("messages", "too long");
    let setup = a_and_b(vec![Step::Fails(fault)], vec![]);
    let error = setup.say("x").await.expect_err("is told");
    assert_eq!(error.to_string(), "messages: too long");
    assert_eq!((setup.asked("a"), setup.asked("b")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_one_model_cannot_do_another_may() {
    let cannot = Error::Unsupported {
        what: "no tools".to_owned(),
    };
    let setup = a_and_b(vec![Step::Fails(cannot)], vec![Step::Says("b")]);
    assert_eq!(setup.say("x").await.expect("answers"), "b");
    assert_eq!(setup.asked("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn patience_is_kept_as_long_as_it_is_asked_for_within_reason() {
    let setup = over("", "", vec![("a", vec![busy(3), Step::Says("well")])]);
    let begun = Instant::now();
    assert_eq!(setup.say("a").await.expect("answers"), "well");
    assert!(begun.elapsed() >= 3 * SECOND && begun.elapsed() < 4 * SECOND);
    let setup = over("", "", vec![("a", vec![busy(60)])]);
    let begun = Instant::now();
    let error = setup.say("a").await.expect_err("too long to wait");
    assert!(
        matches!(error, Error::Overloaded { retry_after } if retry_after == Duration::from_mins(1))
    );
    assert!(begun.elapsed() < SECOND && setup.asked("a") == 1);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_patience_is_passed_over_while_another_is_there() {
    let setup = a_and_b(vec![busy(5)], vec![]);
    let begun = Instant::now();
    for _ in 0..3 {
        setup.say("x").await.expect("answers");
    }
    assert_eq!((setup.asked("a"), setup.asked("b")), (1, 3));
    assert!(begun.elapsed() < SECOND, "nobody waited");
    tokio::time::advance(5 * SECOND).await;
    setup.say("x").await.expect("answers");
    assert_eq!((setup.asked("a"), setup.asked("b")), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_at_its_own_deadline_and_nobody_is_blamed() {
    let setup = a_and_b(vec![Step::Hangs], vec![]);
    let hurried = GenerateRequest {
        deadline: Some(2 * SECOND),
        ..request()
    };
    let begun = Instant::now();
    let error = setup.listen("x", hurried).await.expect_err("is late");
    assert_eq!(error.to_string(), "the request took longer than 2 s");
    assert!(begun.elapsed() < 3 * SECOND);
    assert_eq!(setup.asked("b"), 0);
    let traffic = setup.traffic("a");
    assert_eq!((traffic.calls["timeout"], traffic.open), (0, 0));
}
