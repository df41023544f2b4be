//! Keys and the audit log.

use tidegate_schema::model::{ApiKey, AuditEntry, Grant, KeyLimits, NewApiKey};

use crate::place::{Place, at, kept, on_both};

on_both!(
    keys_are_found_listed_and_revoked,
    lists_of_names_are_grants_of_reading,
    limits_come_back_as_they_were_given,
    the_audit_log_keeps_what_was_judged,
    a_change_that_was_begun_ends_once
);

fn key(id: &str, hash: &str, grants: Option<Vec<Grant>>, seconds: i64) -> NewApiKey {
    NewApiKey {
        id: id.into(),
        name: format!("{id}'s"),
        prefix: "tg-abc".into(),
        hash: hash.into(),
        admin: grants.is_none(),
        grants,
        limits: KeyLimits::default(),
        created_at: at(seconds),
    }
}

async fn keys_are_found_listed_and_revoked(place: Place) {
    let store = place.open().await;
    assert!(!store.has_active_keys().await.unwrap());
    let grants = Some(vec![
        Grant::reading("shop"),
        Grant {
            tables: Some(["sales.orders".to_owned(), "a\"b,c".to_owned()].into()),
            write: true,
            ..Grant::reading("a\"b,c")
        },
    ]);
    let one = store
        .insert_key(key("one", "h1", grants.clone(), 1))
        .await
        .unwrap();
    let two = store.insert_key(key("two", "h2", None, 0)).await.unwrap();
    let none = store
        .insert_key(key("three", "h3", Some(Vec::new()), 2))
        .await
        .unwrap();
    assert_eq!(
        one,
        ApiKey {
            id: "one".into(),
            name: "one's".into(),
            prefix: "tg-abc".into(),
            hash: "h1".into(),
            admin: false,
            grants,
            limits: KeyLimits::default(),
            created_at: kept(1),
            revoked_at: None,
        }
    );
    assert_eq!(
        none.grants,
        Some(Vec::new()),
        "a grant of nothing is not a grant of all"
    );
    assert!(two.admin && two.grants.is_none());
    let again = store
        .insert_key(key("four", "h1", None, 3))
        .await
        .unwrap_err();
    assert_eq!(again.kind(), "already_exists");

    assert_eq!(
        store.find_key_by_hash("h1").await.unwrap(),
        Some(one.clone())
    );
    assert_eq!(store.find_key_by_hash("h9").await.unwrap(), None);
    assert_eq!(
        store.list_keys().await.unwrap(),
        [two.clone(), one.clone(), none.clone()]
    );

    assert!(store.revoke_key(&one.id, at(10)).await.unwrap());
    assert!(!store.revoke_key(&one.id, at(20)).await.unwrap());
    let revoked = store.find_key_by_hash("h1").await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(kept(10)), "the first time stays");
    assert!(store.has_active_keys().await.unwrap());
    assert!(store.revoke_key(&two.id, at(11)).await.unwrap());
    assert!(store.revoke_key(&none.id, at(11)).await.unwrap());
    assert!(!store.has_active_keys().await.unwrap());
    assert_eq!(store.list_keys().await.unwrap().len(), 3);
    assert!(!store.revoke_key(&"none".into(), at(12)).await.unwrap());
}

async fn lists_of_names_are_grants_of_reading(place: Place) {
    let store = place.open().await;
    store.insert_key(key("one", "h1", None, 1)).await.unwrap();
    place
        .execute("UPDATE api_keys SET datasources = '[\"shop\",\"towns\"]'")
        .await;
    let found = store.find_key_by_hash("h1").await.unwrap().unwrap();
    assert_eq!(
        found.grants,
        Some(vec![Grant::reading("shop"), Grant::reading("towns")])
    );
}

async fn limits_come_back_as_they_were_given(place: Place) {
    let store = place.open().await;
    let limits = KeyLimits {
        requests_per_minute: Some(0),
        tokens_per_minute: Some(u32::MAX),
        token_budget: Some(1 << 40),
        budget_days: None,
    };
    let new = NewApiKey {
        limits,
        ..key("one", "h1", None, 1)
    };
    assert_eq!(store.insert_key(new).await.unwrap().limits, limits);
    let found = store.find_key_by_hash("h1").await.unwrap().unwrap();
    assert_eq!(found.limits, limits);
}

async fn a_change_that_was_begun_ends_once(place: Place) {
    let store = place.open().await;
    let begun = AuditEntry {
        at: kept(0),
        caller: "anna".into(),
        datasource: "shop".into(),
        sql: "DELETE FROM t WHERE id = 1".into(),
        allowed: true,
        reason: String::new(),
        rows: 0,
        elapsed_ms: 0,
        writes: true,
        confirmed: true,
        ended: false,
    };
    let id = store.record_query(begun.clone()).await.unwrap();
    assert_eq!(
        store.list_audit(9).await.unwrap(),
        std::slice::from_ref(&begun)
    );
    let ended = AuditEntry {
        reason: "no such table".into(),
        rows: 3,
        elapsed_ms: 12,
        ended: true,
        ..begun
    };
    assert!(store.end_query(id, ended.clone()).await.unwrap());
    assert!(!store.end_query(id, ended.clone()).await.unwrap());
    assert_eq!(store.list_audit(9).await.unwrap(), [ended]);
}

async fn the_audit_log_keeps_what_was_judged(place: Place) {
    let store = place.open().await;
    let entry = |number: i64| AuditEntry {
        at: kept(number / 2),
        caller: "anna".into(),
        datasource: "shop".into(),
        sql: format!("SELECT {number}"),
        allowed: number % 2 == 0,
        reason: if number % 2 == 0 {
            String::new()
        } else {
            "only queries may run".into()
        },
        rows: i64::from(i32::MAX) + number,
        elapsed_ms: number,
        writes: number % 2 == 1,
        confirmed: number == 3,
        ended: true,
    };
    for number in 0..5 {
        store.record_query(entry(number)).await.unwrap();
    }
    assert_eq!(
        store.list_audit(3).await.unwrap(),
        [entry(4), entry(3), entry(2)]
    );
    assert_eq!(store.list_audit(u32::MAX).await.unwrap().len(), 5);
    let odd = AuditEntry {
        sql: "SELECT '\0'".into(),
        ..entry(9)
    };
    store.record_query(odd).await.unwrap();
    assert_eq!(
        store.list_audit(1).await.unwrap()[0].sql,
        "SELECT '\u{FFFD}'"
    );
}
