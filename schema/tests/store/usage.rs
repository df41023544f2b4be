//! What calls of models used.

use chrono::TimeDelta;
use tidegate_schema::{
    ids::KeyId,
    model::{CallStatus, Operation, UsageEntry, UsageFilter, UsageGroup, UsageTotal},
    store::UsageOf,
};

use crate::place::{Place, kept, on_both};

on_both!(
    calls_are_listed_the_latest_first_and_come_back_as_they_were,
    any_number_of_calls_is_stored_in_their_order,
    calls_add_up_by_key_model_and_day,
    a_keys_tokens_are_counted_since_a_time,
    old_rows_go_but_for_those_of_named_keys
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
    let found = store.list_usage(&UsageFilter::default(), None, 100).await;
    let found: Vec<UsageEntry> = found.unwrap().into_iter().map(|(_, call)| call).collect();
    assert_eq!(found, all);
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
