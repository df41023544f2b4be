//! Examples: one per question, counted, gone with their datasource.

use secrecy::SecretString;
use tidegate_schema::{
    Error,
    ids::DatasourceId,
    model::{
        Connection, Engine, Example, ExampleId, ExampleSource, ExampleState, NewDatasource,
        NewExample,
    },
    store::Store,
};

use crate::place::{Place, at, kept, on_both};

on_both!(
    an_example_comes_back_as_it_was,
    the_same_question_is_kept_once,
    no_more_are_kept_than_there_is_room_for,
    they_are_read_from_the_newest_on,
    vectors_come_with_the_name_of_their_model,
    the_state_changes_with_every_change_but_a_use,
    all_of_them_go_with_the_datasource,
);

const MOST: i64 = 100;

async fn datasource(store: &Store, name: &str) -> DatasourceId {
    let new = NewDatasource {
        name: name.into(),
        connection: Connection {
            engine: Engine::Sqlite,
            path: "/data/shop.db".into(),
            host: String::new(),
            port: 0,
            user: String::new(),
            password: SecretString::default(),
            database: String::new(),
        },
        comment: String::new(),
        owner: None,
    };
    store.insert_datasource(new, at(0)).await.unwrap().id
}

fn new(datasource: DatasourceId, question: &str, sql: &str) -> NewExample {
    NewExample {
        datasource,
        question: question.into(),
        sql: sql.into(),
        tables: vec!["orders".into(), "sales.order \"lines\"".into()],
        source: ExampleSource::Given,
        vector: None,
    }
}

async fn add(store: &Store, datasource: DatasourceId, question: &str, seconds: i64) -> Example {
    store
        .keep_example(new(datasource, question, "SELECT 1"), MOST, at(seconds))
        .await
        .unwrap()
}

async fn an_example_comes_back_as_it_was(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    let long = format!("Wie viele Bestellungen über 5 €? {}", "ü".repeat(4_000));
    let example = store
        .keep_example(new(shop, &long, "SELECT\n '\\'"), MOST, at(1))
        .await
        .unwrap();
    let expected = Example {
        id: example.id,
        datasource: shop,
        question: long,
        sql: "SELECT\n '\\'".into(),
        tables: vec!["orders".into(), "sales.order \"lines\"".into()],
        source: ExampleSource::Given,
        created_at: kept(1),
        used: 0,
    };
    assert_eq!(example, expected);
    assert_eq!(
        store.find_example(example.id).await.unwrap(),
        Some(expected.clone())
    );
    let asked = expected.question.to_uppercase();
    assert_eq!(
        store.find_example_of(shop, &asked).await.unwrap(),
        Some(expected)
    );
    assert_eq!(store.find_example_of(shop, "?").await.unwrap(), None);
    assert!(store.delete_example(example.id).await.unwrap());
    assert!(!store.delete_example(example.id).await.unwrap());
    assert_eq!(store.find_example(example.id).await.unwrap(), None);
}

async fn the_same_question_is_kept_once(place: Place) {
    let store = place.open().await;
    let (shop, other) = (
        datasource(&store, "shop").await,
        datasource(&store, "other").await,
    );
    let first = add(&store, shop, "How many orders?", 1).await;
    store.count_example_uses(&[first.id]).await.unwrap();
    let edited = NewExample {
        source: ExampleSource::Edited,
        tables: Vec::new(),
        ..new(shop, " how many  ORDERS", "SELECT 2")
    };
    let second = store.keep_example(edited, MOST, at(2)).await.unwrap();
    assert_eq!(
        second,
        Example {
            id: first.id,
            question: " how many  ORDERS".into(),
            sql: "SELECT 2".into(),
            tables: Vec::new(),
            source: ExampleSource::Edited,
            created_at: kept(2),
            used: 1,
            ..first.clone()
        }
    );
    let elsewhere = add(&store, other, "How many orders?", 3).await;
    assert_ne!(elsewhere.id, first.id);
    assert_eq!(store.example_state(shop).await.unwrap().count, 1);
}

async fn no_more_are_kept_than_there_is_room_for(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    for question in ["one", "two"] {
        let kept = store.keep_example(new(shop, question, "SELECT 1"), 2, at(1));
        kept.await.unwrap();
    }
    let third = store
        .keep_example(new(shop, "three", "SELECT 3"), 2, at(2))
        .await;
    assert!(matches!(third, Err(Error::Conflict { .. })), "{third:?}");
    assert_eq!(store.example_state(shop).await.unwrap().count, 2);
    let again = store
        .keep_example(new(shop, "Two?", "SELECT 2"), 2, at(3))
        .await;
    assert_eq!(again.unwrap().sql, "SELECT 2");
}

async fn they_are_read_from_the_newest_on(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    let other = datasource(&store, "other").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(add(&store, shop, &format!("question {n}"), n).await.id);
        add(&store, other, &format!("question {n}"), n).await;
    }
    ids.reverse();
    let scanned = async |after: Option<ExampleId>, limit: u32| {
        let found = store.scan_examples(shop, after, limit).await.unwrap();
        found.iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(scanned(None, 2).await, ids[..2]);
    assert_eq!(scanned(Some(ids[1]), 2).await, ids[2..4]);
    assert!(scanned(Some(ids[4]), 2).await.is_empty());
    let wanted = [ids[3], ids[0], ExampleId(i64::MAX)];
    let mut found = store.find_examples(&wanted).await.unwrap();
    found.sort_by_key(|one| one.id);
    let found: Vec<ExampleId> = found.iter().map(|one| one.id).collect();
    assert_eq!(found, [ids[3], ids[0]]);
    assert!(store.find_examples(&[]).await.unwrap().is_empty());
}

async fn vectors_come_with_the_name_of_their_model(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    let with = NewExample {
        vector: Some(("m".into(), vec![0.5, -1.25])),
        ..new(shop, "one", "SELECT 1")
    };
    let one = store.keep_example(with, MOST, at(1)).await.unwrap().id;
    let two = add(&store, shop, "two", 2).await.id;
    let vectors = async || -> Vec<Option<(String, Vec<f32>)>> {
        let found = store.list_example_questions(shop).await.unwrap();
        found.into_iter().map(|one| one.vector).collect()
    };
    assert_eq!(
        vectors().await,
        [Some(("m".to_owned(), vec![0.5, -1.25])), None]
    );
    let made = [(two, vec![1.0; 384]), (ExampleId(i64::MAX), vec![1.0; 384])];
    store.keep_example_vectors("n", &made).await.unwrap();
    let found = vectors().await;
    assert_eq!(found[1], Some(("n".to_owned(), vec![1.0; 384])));
    add(&store, shop, "One?", 3).await;
    let found = store.list_example_questions(shop).await.unwrap();
    assert_eq!((found[0].id, &found[0].vector), (one, &None));
    assert_eq!(found[0].question, "One?");
}

async fn the_state_changes_with_every_change_but_a_use(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    let state = async || store.example_state(shop).await.unwrap();
    let mut before = state().await;
    let nothing = ExampleState {
        count: 0,
        vectors: 0,
        latest: None,
    };
    assert_eq!(before, nothing);
    let one = add(&store, shop, "one", 1).await.id;
    for change in ["add", "replace", "embed", "delete"] {
        match change {
            "replace" => drop(add(&store, shop, "one", 2).await),
            "embed" => store
                .keep_example_vectors("m", &[(one, vec![1.0])])
                .await
                .unwrap(),
            "delete" => assert!(store.delete_example(one).await.unwrap()),
            _ => {}
        }
        let after = state().await;
        assert_ne!(after, before, "{change}");
        before = after;
        store.count_example_uses(&[one]).await.unwrap();
        assert_eq!(state().await, before, "a use after {change}");
    }
}

async fn all_of_them_go_with_the_datasource(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    let one = add(&store, shop, "one", 1).await;
    assert!(store.delete_datasource("shop").await.unwrap());
    assert_eq!(store.find_example(one.id).await.unwrap(), None);
    let late = store
        .keep_example(new(shop, "two", "SELECT 1"), MOST, at(2))
        .await;
    assert!(matches!(late, Err(Error::Conflict { .. })), "{late:?}");
}
