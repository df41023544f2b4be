//! Deployments: kept sealed, by server, and forgotten one by one.

use serde_json::{Map, json};
use tidegate_schema::model::{DeployParams, DeployedKind, Deployment, DeploymentId, ModelPlace};

use crate::place::{Place, at, kept, on_both};

on_both!(
    a_deployment_comes_back_as_it_was,
    a_later_one_stands_in_the_place_of_an_earlier_one,
    a_server_has_its_own_alone,
    what_one_is_started_with_opens_in_no_others_place,
);

fn place(port: u16) -> ModelPlace {
    ModelPlace {
        host: "127.0.0.1".to_owned(),
        port,
    }
}

fn deployment(model: &str, port: u16, seconds: i64) -> Deployment {
    let mut params = Map::new();
    params.insert("provider".to_owned(), json!("proxy/openai"));
    params.insert("api_key".to_owned(), json!("sk-sealed"));
    Deployment {
        id: DeploymentId {
            model: model.to_owned(),
            kind: DeployedKind::Embedding,
            place: place(port),
        },
        params: DeployParams(params),
        running: true,
        user: Some("001".to_owned()),
        sys_code: None,
        created_at: kept(seconds),
        modified_at: kept(seconds),
    }
}

async fn a_deployment_comes_back_as_it_was(place: Place) {
    let store = place.open().await;
    let one = deployment("a", 5670, 1);
    store.put_deployment(&one).await.unwrap();
    assert_eq!(
        store.find_deployment(&one.id).await.unwrap(),
        Some(one.clone())
    );
    assert!(store.mark_deployment(&one.id, false, at(2)).await.unwrap());
    let stopped = store.find_deployment(&one.id).await.unwrap().unwrap();
    assert_eq!((stopped.running, stopped.params), (false, one.params));
    assert!(store.delete_deployment(&one.id).await.unwrap());
    assert!(!store.delete_deployment(&one.id).await.unwrap());
    assert!(!store.mark_deployment(&one.id, true, at(3)).await.unwrap());
    assert_eq!(store.find_deployment(&one.id).await.unwrap(), None);
}

async fn a_later_one_stands_in_the_place_of_an_earlier_one(place: Place) {
    let store = place.open().await;
    let first = deployment("a", 5670, 1);
    store.put_deployment(&first).await.unwrap();
    let mut second = deployment("a", 5670, 9);
    second.params.0.insert("concurrency".to_owned(), json!(3));
    second.running = false;
    store.put_deployment(&second).await.unwrap();
    let found = store.list_deployments(&first.id.place).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].params, second.params);
    assert_eq!(
        (found[0].created_at, found[0].modified_at, found[0].running),
        (kept(1), kept(9), false)
    );
}

async fn a_server_has_its_own_alone(store_place: Place) {
    let store = store_place.open().await;
    for (model, port, seconds) in [("b", 1, 2), ("a", 1, 1), ("a", 2, 3)] {
        store
            .put_deployment(&deployment(model, port, seconds))
            .await
            .unwrap();
    }
    let names = |found: Vec<Deployment>| -> Vec<String> {
        found.into_iter().map(|one| one.id.model).collect()
    };
    let first = store.list_deployments(&place(1)).await.unwrap();
    assert_eq!(names(first), ["a", "b"]);
    let second = store.list_deployments(&place(2)).await.unwrap();
    assert_eq!(names(second), ["a"]);
    assert!(store.list_deployments(&place(3)).await.unwrap().is_empty());
}

async fn what_one_is_started_with_opens_in_no_others_place(store_place: Place) {
    let store = store_place.open().await;
    let one = deployment("a", 1, 1);
    store.put_deployment(&one).await.unwrap();
    store_place
        .execute("UPDATE deployments SET port = 2 WHERE model = 'a'")
        .await;
    let moved = DeploymentId {
        place: place(2),
        ..one.id
    };
    let error = store.find_deployment(&moved).await.unwrap_err().to_string();
    assert!(
        error.contains("does not open with this key") && !error.contains("sk-sealed"),
        "{error}"
    );
    // The others of a server are started all the same.
    assert!(store.list_deployments(&place(2)).await.unwrap().is_empty());
}
