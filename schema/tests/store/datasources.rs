//! Datasources and the sealing of their passwords.

use secrecy::{ExposeSecret as _, SecretString};
use tidegate_schema::{
    Error,
    ids::DatasourceId,
    model::{Connection, DatasourcePatch, Engine, NewDatasource},
};

use crate::place::{Place, at, kept, on_both};

on_both!(every_act, a_password_is_sealed, numbers_are_not_used_again,);

fn server(name: &str, password: &str) -> NewDatasource {
    NewDatasource {
        name: name.into(),
        connection: Connection {
            engine: Engine::Postgres,
            path: String::new(),
            host: "db.example".into(),
            port: 65535,
            user: "anna".into(),
            password: SecretString::from(password),
            database: "sales".into(),
        },
        comment: "Sales, été 2024 ✓".into(),
        owner: Some("anna".into()),
    }
}

fn file(name: &str) -> NewDatasource {
    NewDatasource {
        name: name.into(),
        connection: Connection {
            engine: Engine::Sqlite,
            path: "/data/shop.db".into(),
            host: String::new(),
            port: 0,
            user: String::new(),
            password: SecretString::default(),
            database: "shop".into(),
        },
        comment: String::new(),
        owner: None,
    }
}

async fn every_act(place: Place) {
    let store = place.open().await;
    assert!(store.list_datasources().await.unwrap().is_empty());
    assert!(store.find_datasource("sales").await.unwrap().is_none());

    let sales = store
        .insert_datasource(server("sales", "hush"), at(0))
        .await
        .unwrap();
    let shop = store.insert_datasource(file("shop"), at(1)).await.unwrap();
    assert!(sales.id < shop.id);
    assert_eq!(sales.created_at, kept(0));

    let found = store.find_datasource("sales").await.unwrap().unwrap();
    assert_eq!(found.connection.engine, Engine::Postgres);
    assert_eq!(
        (
            found.connection.host.as_str(),
            found.connection.port,
            found.connection.user.as_str()
        ),
        ("db.example", 65535, "anna")
    );
    assert_eq!(found.connection.password.expose_secret(), "hush");
    assert_eq!(found.connection.database, "sales");
    assert_eq!(
        (found.comment.as_str(), found.owner.as_deref()),
        ("Sales, été 2024 ✓", Some("anna"))
    );
    let found = store.find_datasource_by_id(shop.id).await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_str(), found.connection.path.as_str()),
        ("shop", "/data/shop.db")
    );
    assert_eq!(found.connection.password.expose_secret(), "");
    assert!(
        store
            .find_datasource_by_id(DatasourceId(shop.id.0 + 1))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        store.find_datasource("SALES").await.unwrap().is_none(),
        "names are told apart by case"
    );

    let taken = store
        .insert_datasource(file("sales"), at(2))
        .await
        .unwrap_err();
    assert!(
        matches!(&taken, Error::AlreadyExists { what: "datasource", name } if name == "sales"),
        "{taken:?}"
    );

    assert!(
        !store
            .find_datasource("sales")
            .await
            .unwrap()
            .unwrap()
            .writable,
        "read only until it is marked"
    );
    let marked = store.mark_writable("sales", true, at(4)).await.unwrap();
    assert!(marked.unwrap().writable);
    assert!(
        store
            .mark_writable("none", true, at(4))
            .await
            .unwrap()
            .is_none()
    );
    let patch = DatasourcePatch {
        connection: None,
        comment: Some("new".into()),
    };
    let changed = store
        .update_datasource("sales", patch, at(5))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (changed.comment.as_str(), changed.connection.host.as_str()),
        ("new", "db.example")
    );
    assert_eq!(changed.connection.password.expose_secret(), "hush");
    assert_eq!(
        (changed.created_at, changed.modified_at),
        (kept(0), kept(5))
    );
    assert!(changed.writable, "it is the same database");
    let patch = DatasourcePatch {
        connection: Some(server("", "other").connection),
        comment: None,
    };
    let changed = store
        .update_datasource("sales", patch, at(6))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(changed.connection.password.expose_secret(), "other");
    assert!(changed.writable, "another password opens the same door");
    let patch = DatasourcePatch {
        connection: Some(file("").connection),
        comment: None,
    };
    let changed = store
        .update_datasource("sales", patch, at(6))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(changed.connection.engine, Engine::Sqlite);
    assert_eq!(
        changed.connection.password.expose_secret(),
        "",
        "the old password goes with its connection"
    );
    assert_eq!(changed.comment, "new");
    assert!(!changed.writable, "another database was never marked");
    assert!(
        store
            .update_datasource("none", DatasourcePatch::default(), at(7))
            .await
            .unwrap()
            .is_none()
    );

    let names: Vec<String> = store
        .list_datasources()
        .await
        .unwrap()
        .into_iter()
        .map(|d| d.name)
        .collect();
    assert_eq!(names, ["sales", "shop"]);
    assert!(store.delete_datasource("sales").await.unwrap());
    assert!(!store.delete_datasource("sales").await.unwrap());
    assert_eq!(store.list_datasources().await.unwrap().len(), 1);
}

async fn a_password_is_sealed(place: Place) {
    let store = place.open().await;
    store
        .insert_datasource(server("one", "hush-hush-hush"), at(0))
        .await
        .unwrap();
    store
        .insert_datasource(server("two", "other"), at(0))
        .await
        .unwrap();
    if let Place::Sqlite(folder) = &place {
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(14).any(|window| window == b"hush-hush-hush"));
        }
    }

    // Another row's password, though sealed under the same key, does not open here.
    let swap = "UPDATE datasources SET password = (SELECT password FROM datasources WHERE name = 'two') \
                WHERE name = 'one'";
    place.execute(swap).await;
    let error = store.find_datasource("one").await.unwrap_err().to_string();
    assert!(
        error.starts_with("database.secret_key: ") && error.contains("'one'"),
        "{error}"
    );
    assert!(store.list_datasources().await.is_err(), "never garbage");
    assert_eq!(
        store
            .find_datasource("two")
            .await
            .unwrap()
            .unwrap()
            .connection
            .password
            .expose_secret(),
        "other"
    );
}

async fn numbers_are_not_used_again(place: Place) {
    let store = place.open().await;
    let first = store.insert_datasource(file("a"), at(0)).await.unwrap();
    store.delete_datasource("a").await.unwrap();
    let second = store.insert_datasource(file("a"), at(1)).await.unwrap();
    assert!(second.id > first.id);
}
