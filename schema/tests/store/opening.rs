//! Opening: keys, migrations, versions, and what cannot be opened.

use tidegate_schema::{
    Error,
    model::ConversationFilter,
    store::{Sealer, Store, StoreUrl},
};

use crate::place::{Place, ask, head, on_both};

on_both!(
    what_was_stored_is_there_again,
    another_key_is_refused,
    a_newer_database_is_refused,
    every_migration_goes_down_and_up,
    many_may_open_at_once,
    other_errors_say_what_to_do,
);

async fn what_was_stored_is_there_again(place: Place) {
    let store = place.open().await;
    store.health().await.unwrap();
    let id = ask(&store, head("a"), "?", 0).await;
    drop(store);
    let store = place.open().await;
    assert_eq!(store.list_messages(&id).await.unwrap().len(), 1);
    store.health().await.unwrap();
}

async fn another_key_is_refused(place: Place) {
    place.open().await;
    let error = place.try_open([8; 32]).await.unwrap_err();
    assert!(
        matches!(&error, Error::Invalid { field, .. } if field == "database.secret_key"),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("is not the key this store was made with"),
        "{error}"
    );
    place.open().await.health().await.unwrap();
}

async fn a_newer_database_is_refused(place: Place) {
    drop(place.open().await);
    place
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')")
        .await;
    let error = place.try_open([7; 32]).await.unwrap_err();
    assert_eq!(error.kind(), "conflict");
    assert!(
        error.to_string().contains("newer") && error.to_string().contains("29991231000001"),
        "{error}"
    );
}

async fn every_migration_goes_down_and_up(place: Place) {
    let store = place.open().await;
    ask(&store, head("a"), "?", 0).await;
    drop(store);
    Store::revert(&place.url()).await.unwrap();
    // Nothing of ours is left in the way.
    place
        .execute("CREATE TABLE conversations (x INTEGER); DROP TABLE conversations")
        .await;
    let store = place.open().await;
    assert!(store.list_messages(&"a".into()).await.unwrap().is_empty());
    ask(&store, head("a"), "?", 0).await;
}

async fn many_may_open_at_once(place: Place) {
    let url = place.url();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..6 {
        let url = url.clone();
        tasks.spawn(async move {
            let store = Store::open(&url, Sealer::from_bytes(&[7; 32]))
                .await
                .unwrap();
            ask(&store, head(&format!("c{task}")), "?", task).await;
        });
    }
    tasks.join_all().await;
    assert_eq!(
        place
            .open()
            .await
            .count_conversations(&ConversationFilter::default())
            .await
            .unwrap(),
        6
    );
}

async fn other_errors_say_what_to_do(place: Place) {
    let store = place.open().await;
    if matches!(place, Place::Postgres(_)) {
        // PostgreSQL cannot hold it; SQLite finds nothing.
        let error = store.find_datasource("a\0b").await.unwrap_err();
        assert_eq!(error.kind(), "invalid", "{error:?}");
    } else {
        assert!(store.find_datasource("a\0b").await.unwrap().is_none());
    }
    place.execute("DROP TABLE audit_entries").await;
    let error = store.list_audit(1).await.unwrap_err();
    assert_eq!(error.to_string(), "internal error; the log has the details");
    assert!(
        error.log_chain().contains("audit_entries"),
        "{}",
        error.log_chain()
    );
    store.health().await.unwrap();
}

#[tokio::test]
async fn what_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sealer = || Sealer::from_bytes(&[7; 32]);
    let garbage = folder.path().join("garbage.db");
    std::fs::write(
        &garbage,
        "this is not a database, but it is long enough to be looked at".repeat(20),
    )
    .unwrap();
    let blocked = folder.path().join("garbage.db").join("own.db");
    for path in [garbage, blocked, folder.path().to_owned()] {
        let error = Store::open(&StoreUrl::sqlite(path.clone()), sealer())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("database.url: sqlite:/"), "{error}");
    }
    let url = StoreUrl::parse("postgres://anna:hush@127.0.0.1:1/none").unwrap();
    let error = Store::open(&url, sealer()).await.unwrap_err().to_string();
    assert!(
        error.starts_with("database.url: postgres://anna:…@127.0.0.1:1/none cannot be opened"),
        "{error}"
    );
    assert!(!error.contains("hush"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_private_and_works_without_many_threads() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("own.db");
    let store = Store::open(
        &StoreUrl::sqlite(path.clone()),
        Sealer::from_bytes(&[7; 32]),
    )
    .await
    .unwrap();
    ask(&store, head("a"), "?", 0).await;
    for file in ["own.db", "own.db-wal"] {
        let mode = std::fs::metadata(path.with_file_name(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn postgres_works_without_many_threads() {
    let place = Place::postgres().await;
    ask(&place.open().await, head("a"), "?", 0).await;
}
