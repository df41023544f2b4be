//! Calls over a real store: what is admitted, what is counted, what is kept.

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use tempfile::TempDir;
use tidegate_schema::model::{CallStatus, KeyLimits, Usage, UsageFilter, UsageGroup};

use super::*;
use crate::{
    clock::Clock,
    config::Config,
    workers::{Chunk, ChunkStream, FinishReason},
};

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("a time")
}

/// An application over a folder.
async fn open(folder: &TempDir, clock: Clock) -> App {
    let mut config = Config::builtin_defaults();
    config.data.dir = folder.path().display().to_string();
    config.limits.usage_days = 10;
    App::open(config, clock).await.expect("a store")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Whoever has a key with these limits, kept in the store.
async fn keyed(app: &App, name: &str, limits: KeyLimits) -> Caller {
    let (token, _) = app
        .keys()
        .create_limited(&Caller::local("001"), name, false, None, limits)
        .await
        .expect("a key");
    let found = app.keys().identify(Some(&token), None, true).await;
    found.expect("a good key")
}

fn call(model: &str) -> Call {
    Call {
        model: model.to_owned(),
        operation: Operation::Chat,
        streamed: true,
    }
}

fn usage(prompt_tokens: u32, completion_tokens: u32) -> Usage {
    Usage {
        prompt_tokens,
        completion_tokens,
    }
}

fn end(usage: Usage) -> Chunk {
    Chunk::End {
        choice: 0,
        finish: FinishReason::Stop,
        usage,
        confidence: None,
    }
}

fn stream(chunks: Vec<Result<Chunk>>) -> ChunkStream {
    Box::pin(futures::stream::iter(chunks))
}

async fn entries(app: &App) -> Vec<UsageEntry> {
    let all = UsageFilter::default();
    let found = app
        .metering()
        .list(&Caller::local("001"), all, None, 100)
        .await;
    let mut entries: Vec<UsageEntry> = found
        .expect("read")
        .into_iter()
        .map(|(_, entry)| entry)
        .collect();
    entries.reverse();
    entries
}

#[tokio::test]
async fn a_call_is_kept_with_how_it_ended_whatever_that_was() {
    let folder = folder();
    let app = open(&folder, Clock::fixed(start())).await;
    let caller = keyed(&app, "team", KeyLimits::default()).await;
    let admit = async |model: &str| {
        let admitted = app.metering().admit(&caller, call(model)).await;
        admitted.expect("no limits")
    };

    let mut done = admit("a").await;
    done.served_by("b");
    let chunks = vec![Ok(Chunk::text("one")), Ok(end(usage(7, 2)))];
    assert_eq!(done.around(stream(chunks)).count().await, 2);

    let failure = Error::upstream("a", "gone");
    let chunks = vec![Ok(Chunk::text("one")), Err(failure), Ok(end(usage(9, 9)))];
    let mut failed = admit("a").await;
    failed.expect(40, Some(100));
    assert_eq!(failed.around(stream(chunks)).count().await, 2);

    let mut left = admit("a").await.around(stream(vec![
        Ok(Chunk::text("one")),
        Ok(Chunk::text("two")),
        Ok(end(usage(7, 3))),
    ]));
    left.next().await.expect("a chunk").expect("text");
    drop(left);

    let mut satisfied = admit("a")
        .await
        .around(stream(vec![Ok(Chunk::text("one")), Ok(end(usage(7, 1)))]));
    satisfied.next().await.expect("a chunk").expect("text");
    satisfied.next().await.expect("a chunk").expect("an end");
    drop(satisfied);

    drop(admit("a").await);

    let kept = entries(&app).await;
    let seen: Vec<_> = kept
        .iter()
        .map(|entry| {
            (
                entry.status,
                entry.error.as_str(),
                entry.prompt_tokens,
                entry.completion_tokens,
                entry.first_token_ms.is_some(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (CallStatus::Done, "", 7, 2, true),
            (CallStatus::Failed, "upstream", 10, 1, true),
            (CallStatus::Cancelled, "", 0, 1, true),
            (CallStatus::Done, "", 7, 1, true),
            (CallStatus::Cancelled, "", 0, 0, false),
        ]
    );
    assert_eq!(
        (kept[0].model.as_str(), kept[0].served_by.as_str()),
        ("a", "b")
    );
    assert_eq!((kept[0].at, kept[0].key_name.as_str()), (start(), "team"));
    assert!(kept[0].streamed && kept[0].key == caller.key);
}

#[tokio::test]
async fn too_many_calls_are_refused_with_the_time_to_try_again() {
    let folder = folder();
    let app = open(&folder, Clock::fixed(start())).await;
    let limits = KeyLimits {
        requests_per_minute: Some(2),
        ..KeyLimits::default()
    };
    let caller = keyed(&app, "slow", limits).await;
    for _ in 0..2 {
        let meter = app.metering().admit(&caller, call("a")).await;
        meter.expect("within the limit").done();
    }
    let refused = app.metering().admit(&caller, call("a")).await;
    let Err(Error::RateLimited {
        reason,
        retry_after,
    }) = refused.map(drop)
    else {
        panic!("the third call of a minute was let in");
    };
    assert!(
        reason
            .starts_with("the key 'slow' is at its limit (requests per minute: 2); try again in "),
        "{reason}"
    );
    assert!(retry_after <= Duration::from_secs(30), "{retry_after:?}");
    let other = app.metering().admit(&Caller::local("001"), call("a")).await;
    other.expect("nobody else is limited").done();
    assert_eq!(entries(&app).await.len(), 3, "a refused call is none");
    let text = metrics::shared().text().expect("text");
    let line = "tidegate_calls_refused_total{tidegate_key=\"slow\",tidegate_limit=\"requests\"} 1";
    assert!(text.contains(line), "{text}");
}

#[tokio::test]
async fn tokens_of_a_call_under_way_are_set_aside() {
    let folder = folder();
    let app = open(&folder, Clock::fixed(start())).await;
    let limits = KeyLimits {
        tokens_per_minute: Some(100),
        ..KeyLimits::default()
    };
    let caller = keyed(&app, "narrow", limits).await;
    let mut first = app.metering().admit(&caller, call("a")).await.expect("one");
    first.expect(40, Some(200));
    let refused = app.metering().admit(&caller, call("a")).await;
    assert!(matches!(refused.map(drop), Err(Error::RateLimited { .. })));
    first.usage(usage(10, 5));
    first.done();
    let second = app.metering().admit(&caller, call("a")).await;
    second.expect("most came back").done();
}

#[tokio::test]
async fn a_spent_budget_refuses_also_after_a_restart_until_its_days_are_over() {
    let folder = folder();
    let limits = KeyLimits {
        token_budget: Some(100),
        budget_days: Some(2),
        ..KeyLimits::default()
    };
    let caller = {
        let app = open(&folder, Clock::fixed(start())).await;
        let caller = keyed(&app, "team", limits).await;
        let mut meter = app.metering().admit(&caller, call("a")).await.expect("one");
        meter.usage(usage(60, 50));
        meter.done();
        let refused = app.metering().admit(&caller, call("a")).await.map(drop);
        let Err(Error::QuotaExceeded { reason }) = refused else {
            panic!("a spent budget let a call in");
        };
        assert!(reason.contains("100 tokens of the last 2 days"), "{reason}");
        app.stop().await;
        caller
    };
    let app = open(&folder, Clock::fixed(start() + TimeDelta::hours(1))).await;
    let refused = app.metering().admit(&caller, call("a")).await.map(drop);
    assert!(matches!(refused, Err(Error::QuotaExceeded { .. })));
    let app = open(&folder, Clock::fixed(start() + TimeDelta::hours(49))).await;
    let meter = app.metering().admit(&caller, call("a")).await;
    meter.expect("its days are over").done();
}

#[tokio::test]
async fn a_key_sees_its_own_calls_alone() {
    let folder = folder();
    let app = open(&folder, Clock::fixed(start())).await;
    let one = keyed(&app, "one", KeyLimits::default()).await;
    let two = keyed(&app, "two", KeyLimits::default()).await;
    for caller in [&one, &two, &two] {
        let meter = app.metering().admit(caller, call("a")).await;
        let mut meter = meter.expect("no limits");
        meter.usage(usage(1, 1));
        meter.done();
    }
    let all = UsageFilter::default();
    let own = app.metering().list(&one, all, None, 9).await;
    assert_eq!(own.expect("read").len(), 1);
    let of_two = UsageFilter {
        key: two.key.clone(),
        since: None,
    };
    let refused = app.metering().list(&one, of_two.clone(), None, 9).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })));
    let totals = app
        .metering()
        .totals(&Caller::local("001"), of_two, UsageGroup::Key)
        .await
        .expect("read");
    assert_eq!((totals.len(), totals[0].calls), (1, 2));
    assert_eq!(totals[0].name, "two");
    assert!(app.metering().numbers(Some(&one)).is_err());
    assert!(app.metering().numbers(None).is_ok());
}

#[tokio::test]
async fn old_rows_go_unless_a_budget_counts_them() {
    let folder = folder();
    let app = open(&folder, Clock::fixed(start())).await;
    let budget = |budget_days| KeyLimits {
        token_budget: Some(1000),
        budget_days,
        ..KeyLimits::default()
    };
    let for_ever = keyed(&app, "for ever", budget(None)).await;
    let long = keyed(&app, "long", budget(Some(20))).await;
    let plain = keyed(&app, "plain", KeyLimits::default()).await;
    for caller in [&for_ever, &long, &plain] {
        let meter = app.metering().admit(caller, call("a")).await;
        meter.expect("within the budget").done();
    }
    app.stop().await;
    let after = async |days| {
        let later = Clock::fixed(start() + TimeDelta::days(days));
        let app = open(&folder, later).await;
        app.metering().sweep().await.expect("swept")
    };
    assert_eq!(after(9).await, 0);
    assert_eq!(after(11).await, 1, "the plain key's");
    assert_eq!(after(21).await, 1, "the long budget's");
    assert_eq!(after(1000).await, 0, "the other counts for ever");
}

#[tokio::test]
async fn a_full_channel_loses_rows_and_holds_up_nobody() {
    let folder = folder();
    let app = open(&folder, Clock::fixed(start())).await;
    let before = metrics::shared().server().usage_dropped.get();
    let local = Caller::local("001");
    // The test has one thread, so the writer does not run meanwhile.
    for _ in 0..BACKLOG + 5 {
        let admitted = app.metering().admit(&local, call("a")).await;
        admitted.expect("no limits").done();
    }
    let lost = metrics::shared().server().usage_dropped.get() - before;
    assert!(lost >= 5, "{lost}");
    for _ in 0..60 {
        // Waits for the rows, as long as that is bearable.
        let all = UsageFilter::default();
        let totals = app.metering().totals(&local, all, UsageGroup::Model).await;
        let kept = totals.expect("read").first().map_or(0, |total| total.calls);
        if kept + lost == BACKLOG as u64 + 5 {
            return;
        }
    }
    panic!("rows are neither kept nor counted as lost");
}
