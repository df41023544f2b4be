//! What calls of models used.

use chrono::TimeDelta;
use tidegate_schema::{
    ids::KeyId,
    model::{CallStatus, Operation, UsageEntry, UsageFilter, UsageGroup, UsageTotal},
    store::{Store, UsageOf},
};

use crate::place::{Place, kept, on_both};

on_both!(
    calls_are_listed_the_latest_first_and_come_back_as_they_were,
    any_number_of_calls_is_stored_in_their_order,
    calls_add_up_by_key_model_and_day,
    a_keys_tokens_are_counted_since_a_time,
    old_rows_go_but_for_those_of_named_keys,
    labels_go_with_the_last_of_their_rows,
    rows_and_labels_come_and_go_at_the_same_time,
    rows_from_before_there_were_labels_are_kept
);

fn call(key: Option<&str>, model: &str, tokens: u64, seconds: i64) -> UsageEntry {
    UsageEntry {
        at: kept(seconds),
        key: key.map(KeyId::from),
        key_name: key.map_or(String::new(), |key| format!("{key}'s")),
        model: model.to_owned(),
        served_by: model.to_owned(),
        operation: Operation::Chat,
        prompt_tokens: tokens,
        completion_tokens: 1,
        cached_tokens: 0,
        status: CallStatus::Done,
        error: String::new(),
        first_token_ms: Some(7),
        duration_ms: 20,
        streamed: true,
    }
}

fn failed(call: UsageEntry) -> UsageEntry {
    UsageEntry {
        status: CallStatus::Failed,
        error: "timeout".to_owned(),
        served_by: String::new(),
        first_token_ms: None,
        streamed: false,
        ..call
    }
}

async fn calls_are_listed_the_latest_first_and_come_back_as_they_were(place: Place) {
    let store = place.open().await;
    let calls = [
        call(Some("one"), "gpt", 10, 1),
        failed(call(None, "gpt", 0, 2)),
        call(Some("two"), "little", 5, 3),
    ];
    store.insert_usage(&calls.clone().into()).await.unwrap();
    store.insert_usage(&[].into()).await.unwrap();
    let all = UsageFilter::default();
    let first = store.list_usage(&all, None, 2).await.unwrap();
    assert_eq!(first[0].1, calls[2]);
    assert_eq!(first[1].1, calls[1]);
    let rest = store.list_usage(&all, Some(first[1].0), 9).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].1, calls[0]);
    let own = UsageFilter {
        key: Some("one".into()),
        since: Some(kept(1)),
    };
    assert_eq!(store.list_usage(&own, None, 9).await.unwrap().len(), 1);
    let later = UsageFilter {
        since: Some(kept(2)),
        ..own
    };
    assert!(store.list_usage(&later, None, 9).await.unwrap().is_empty());
}

async fn any_number_of_calls_is_stored_in_their_order(place: Place) {
    let store = place.open().await;
    let mut all = Vec::new();
    for count in [1, 15, 16, 17, 40] {
        let new: Vec<UsageEntry> = (0..count)
            .map(|nth| call(Some("one"), "gpt", nth, all.len() as i64 + nth as i64))
            .collect();
        store.insert_usage(&new.clone().into()).await.unwrap();
        all.extend(new);
    }
    all.reverse();
    assert_eq!(listed(&store).await, all);
}

async fn calls_add_up_by_key_model_and_day(place: Place) {
    let store = place.open().await;
    let day = 24 * 3600;
    store
        .insert_usage(
            &[
                call(Some("one"), "gpt", 10, 0),
                failed(call(Some("one"), "gpt", 3, 1)),
                call(Some("two"), "little", 50, day),
            ]
            .into(),
        )
        .await
        .unwrap();
    let all = UsageFilter::default();
    let by_key = store.sum_usage(&all, UsageGroup::Key).await.unwrap();
    let one = UsageTotal {
        name: "one's".to_owned(),
        calls: 2,
        failed: 1,
        prompt_tokens: 13,
        completion_tokens: 2,
    };
    assert_eq!(by_key[1], one);
    assert_eq!(by_key[0].name, "two's");
    let by_model = store.sum_usage(&all, UsageGroup::Model).await.unwrap();
    assert_eq!(by_model[0].name, "little");
    assert_eq!((by_model[1].calls, by_model[1].prompt_tokens), (2, 13));
    let by_day = store.sum_usage(&all, UsageGroup::Day).await.unwrap();
    let names: Vec<&str> = by_day.iter().map(|total| total.name.as_str()).collect();
    let date = |seconds| kept(seconds).date_naive().to_string();
    assert_eq!(names, [date(day), date(0)]);
    let own = UsageFilter {
        key: Some("one".into()),
        since: None,
    };
    assert_eq!(store.sum_usage(&own, UsageGroup::Key).await.unwrap(), [one]);
}

async fn a_keys_tokens_are_counted_since_a_time(place: Place) {
    let store = place.open().await;
    let key = KeyId::from("one");
    assert_eq!(store.tokens_of_key(&key, None).await.unwrap(), 0);
    store
        .insert_usage(
            &[
                call(Some("one"), "gpt", 10, 0),
                call(Some("one"), "gpt", 20, 100),
                call(Some("two"), "gpt", 40, 100),
            ]
            .into(),
        )
        .await
        .unwrap();
    assert_eq!(store.tokens_of_key(&key, None).await.unwrap(), 32);
    let late = kept(100) - TimeDelta::seconds(1);
    assert_eq!(store.tokens_of_key(&key, Some(late)).await.unwrap(), 21);
}

async fn old_rows_go_but_for_those_of_named_keys(place: Place) {
    let store = place.open().await;
    let one = KeyId::from("one");
    store
        .insert_usage(
            &[
                call(Some("one"), "gpt", 1, 0),
                call(None, "gpt", 1, 0),
                call(None, "gpt", 1, 1),
                call(None, "gpt", 1, 100),
            ]
            .into(),
        )
        .await
        .unwrap();
    let keep = std::slice::from_ref(&one);
    let gone = |most| store.delete_usage_before(UsageOf::AllBut(keep), kept(50), most);
    assert_eq!(gone(1).await.unwrap(), 1);
    assert_eq!(gone(9).await.unwrap(), 1);
    assert_eq!(gone(9).await.unwrap(), 0);
    let own = store.delete_usage_before(UsageOf::Key(&one), kept(50), 9);
    assert_eq!(own.await.unwrap(), 1);
    let everybody = store.delete_usage_before(UsageOf::AllBut(&[]), kept(101), 9);
    assert_eq!(everybody.await.unwrap(), 1);
}

async fn labels_go_with_the_last_of_their_rows(place: Place) {
    let store = place.open().await;
    let calls = [
        call(Some("one"), "gpt", 1, 0),
        call(Some("one"), "gpt", 2, 1),
        call(Some("two"), "gpt", 3, 100),
    ];
    store.insert_usage(&calls.clone().into()).await.unwrap();
    assert_eq!(store.delete_unused_usage_labels().await.unwrap(), 0);
    let everybody = UsageOf::AllBut(&[]);
    let gone = store.delete_usage_before(everybody, kept(50), 9).await;
    assert_eq!(gone.unwrap(), 2);
    assert_eq!(store.delete_unused_usage_labels().await.unwrap(), 1);
    store.insert_usage(&calls.clone().into()).await.unwrap();
    let all = listed(&store).await;
    assert_eq!(all.len(), 4);
    assert_eq!(all[2], calls[0]);
}

async fn listed(store: &Store) -> Vec<UsageEntry> {
    let found = store.list_usage(&UsageFilter::default(), None, 1000).await;
    found.unwrap().into_iter().map(|(_, call)| call).collect()
}

async fn rows_and_labels_come_and_go_at_the_same_time(place: Place) {
    const ROUNDS: usize = 30;
    let store = place.open().await;
    let insert = async |reversed: bool| {
        for round in 0..ROUNDS {
            // Half the labels are new, half of them everybody's.
            let mut new: Vec<UsageEntry> = (0..10)
                .map(|nth| call(None, &format!("m{nth}-{}", round * (nth % 2)), 1, 0))
                .collect();
            if reversed {
                new.reverse();
            }
            store.insert_usage(&new.into()).await.unwrap();
        }
    };
    let remove = async || {
        let mut gone = 0;
        for _ in 0..ROUNDS {
            let everybody = UsageOf::AllBut(&[]);
            gone += store
                .delete_usage_before(everybody, kept(50), 100)
                .await
                .unwrap();
            store.delete_unused_usage_labels().await.unwrap();
        }
        gone
    };
    let ((), (), gone) = tokio::join!(insert(false), insert(true), remove());
    assert_eq!(gone as usize + listed(&store).await.len(), 2 * 10 * ROUNDS);
}

async fn rows_from_before_there_were_labels_are_kept(place: Place) {
    let down = match place {
        Place::Sqlite(_) => {
            include_str!("../../migrations/sqlite/2026-11-27-000004_usage_labels/down.sql")
        }
        Place::Postgres(_) => {
            include_str!("../../migrations/postgres/2026-11-27-000004_usage_labels/down.sql")
        }
    };
    let store = place.open().await;
    let calls = [
        call(Some("one"), "gpt", 10, 1),
        failed(call(None, "gpt", 0, 2)),
        UsageEntry {
            at: kept(3) + TimeDelta::microseconds(50_007),
            ..call(Some("one"), "gpt", 11, 3)
        },
    ];
    store.insert_usage(&calls.clone().into()).await.unwrap();
    drop(store);
    place.execute(down).await;
    place
        .execute(
            "DELETE FROM __diesel_schema_migrations WHERE version = '20261127000004'; \
             INSERT INTO usage_entries (at, key_id, key_name, model, served_by, operation, \
             prompt_tokens, completion_tokens, cached_tokens, status, error, duration_ms, streamed) \
             VALUES ('2026-11-27 10:00:01.5', '', '', 'gpt', '', 'chat', 4, 0, 0, 'failed', 'timeout', 20, false), \
             ('2026-11-27 10:00:02', '', '', 'gpt', '', 'chat', 5, 0, 0, 'failed', 'timeout', 20, false)",
        )
        .await;
    let store = place.open().await;
    let all = listed(&store).await;
    let times: Vec<String> = all[..2].iter().map(|call| call.at.to_rfc3339()).collect();
    assert_eq!(
        times,
        ["2026-11-27T10:00:02+00:00", "2026-11-27T10:00:01.500+00:00"]
    );
    assert_eq!(all[1].error, "timeout");
    let (mut kept, calls) = (all[2..].to_vec(), calls.to_vec());
    kept.reverse();
    assert_eq!(kept, calls);
    store.insert_usage(&calls.into()).await.unwrap();
    assert_eq!(listed(&store).await.len(), 8);
}
