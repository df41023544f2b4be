//! Catalogues and vectors: kept whole, gone with their datasource.

use std::sync::Arc;

use secrecy::SecretString;
use tidegate_schema::{
    Error,
    ids::DatasourceId,
    model::{
        Catalogue, CatalogueColumn, CatalogueTable, Connection, Datasource, Engine, ForeignKey,
        KeptCatalogue, NewDatasource,
    },
    store::Store,
};

use crate::place::{Place, at, kept, on_both};

on_both!(
    a_catalogue_comes_back_as_it_was,
    vectors_are_kept_by_the_hash_of_their_text,
    all_of_it_goes_with_the_datasource,
    another_form_is_read_as_none,
);

async fn datasource(store: &Store, name: &str) -> Datasource {
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
    store.insert_datasource(new, at(0)).await.unwrap()
}

fn catalogue() -> Catalogue {
    let table = CatalogueTable {
        schema: Some("sales".into()),
        name: "order lines".into(),
        is_view: false,
        comment: Some("What was ordered, été ✓".into()),
        columns: vec![
            CatalogueColumn {
                name: "id".into(),
                data_type: "integer".into(),
                nullable: false,
                default: Some("nextval('ids')".into()),
                ..CatalogueColumn::default()
            },
            CatalogueColumn {
                name: "state".into(),
                data_type: String::new(),
                nullable: true,
                comment: Some("open or not".into()),
                values: vec!["closed".into(), "open \"now\"".into()],
                values_complete: true,
                ..CatalogueColumn::default()
            },
        ],
        primary_key: vec!["id".into()],
        foreign_keys: vec![ForeignKey {
            columns: vec!["a".into(), "b".into()],
            references_schema: None,
            references_table: "orders".into(),
            references_columns: vec!["x".into(), "y".into()],
        }],
        row_estimate: Some(7),
    };
    let view = CatalogueTable {
        name: "v".into(),
        is_view: true,
        ..CatalogueTable::default()
    };
    Catalogue {
        tables: vec![table, view],
    }
}

fn read(datasource: &Datasource, fingerprint: Option<&str>) -> KeptCatalogue {
    KeptCatalogue {
        catalogue: Arc::new(catalogue()),
        datasource_modified_at: datasource.modified_at,
        fingerprint: fingerprint.map(str::to_owned),
        read_at: kept(1),
        sampled_at: None,
    }
}

async fn a_catalogue_comes_back_as_it_was(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    assert_eq!(store.find_catalogue(shop.id).await.unwrap(), None);
    let first = read(&shop, Some("abc"));
    store.keep_catalogue(shop.id, &first).await.unwrap();
    assert_eq!(
        store.find_catalogue(shop.id).await.unwrap(),
        Some(first.clone())
    );
    let second = KeptCatalogue {
        catalogue: Arc::default(),
        fingerprint: None,
        sampled_at: Some(kept(3)),
        ..first
    };
    store.keep_catalogue(shop.id, &second).await.unwrap();
    assert_eq!(store.find_catalogue(shop.id).await.unwrap(), Some(second));
    assert!(store.delete_catalogue(shop.id).await.unwrap());
    assert!(!store.delete_catalogue(shop.id).await.unwrap());
    assert_eq!(store.find_catalogue(shop.id).await.unwrap(), None);
}

async fn vectors_are_kept_by_the_hash_of_their_text(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    let vectors = [
        ("one".to_owned(), vec![0.5, -1.25, f32::MIN_POSITIVE]),
        ("two".to_owned(), vec![1.0; 384]),
    ];
    store.keep_vectors(shop.id, "m", &vectors).await.unwrap();
    let again = [("one".to_owned(), vec![9.0])];
    store.keep_vectors(shop.id, "m", &again).await.unwrap();
    store.keep_vectors(shop.id, "other", &again).await.unwrap();
    let found = store.list_vectors(shop.id, "m").await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(
        (&found["one"], &found["two"]),
        (&vectors[0].1, &vectors[1].1)
    );
    let gone = ["two".to_owned(), "never there".to_owned()];
    store.delete_vectors(shop.id, "m", &gone).await.unwrap();
    let found = store.list_vectors(shop.id, "m").await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["one"]);
    let other = store.list_vectors(shop.id, "other").await.unwrap();
    assert_eq!(other["one"], [9.0]);
}

async fn all_of_it_goes_with_the_datasource(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    let kept = read(&shop, None);
    store.keep_catalogue(shop.id, &kept).await.unwrap();
    let vectors = [("one".to_owned(), vec![1.0])];
    store.keep_vectors(shop.id, "m", &vectors).await.unwrap();
    assert!(store.delete_datasource("shop").await.unwrap());
    assert_eq!(store.find_catalogue(shop.id).await.unwrap(), None);
    assert!(store.list_vectors(shop.id, "m").await.unwrap().is_empty());

    let late = store.keep_catalogue(shop.id, &kept).await.unwrap_err();
    assert!(matches!(late, Error::Conflict { .. }), "{late:?}");
    let late = store
        .keep_vectors(DatasourceId(shop.id.0), "m", &vectors)
        .await;
    assert!(matches!(late, Err(Error::Conflict { .. })), "{late:?}");
}

async fn another_form_is_read_as_none(place: Place) {
    let store = place.open().await;
    let shop = datasource(&store, "shop").await;
    store
        .keep_catalogue(shop.id, &read(&shop, None))
        .await
        .unwrap();
    place.execute("UPDATE catalogues SET form = form + 1").await;
    assert_eq!(store.find_catalogue(shop.id).await.unwrap(), None);
}
