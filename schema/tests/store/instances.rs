//! Instances: kept once by name and place, heard of, lost, left and forgotten.

use tidegate_schema::{model::Instance, store::Store};

use crate::place::{Place, at, kept, on_both};

on_both!(
    an_instance_comes_back_as_it_registered_and_once,
    one_that_is_unknown_is_not_heard_of,
    one_that_leaves_stays_listed_unless_it_is_removed,
    those_that_fall_silent_are_marked_and_later_forgotten,
);

fn instance(name: &str, port: u16) -> Instance {
    Instance::new(name, "10.0.0.5", port)
}

async fn health(store: &Store) -> Vec<(String, u16, bool)> {
    let listed = store.list_instances().await.unwrap();
    listed
        .into_iter()
        .map(|one| (one.model_name, one.port, one.healthy))
        .collect()
}

async fn an_instance_comes_back_as_it_registered_and_once(place: Place) {
    let store = place.open().await;
    let mut one = Instance {
        weight: 2.5,
        check_healthy: false,
        prompt_template: Some("chatml".into()),
        load: Some(3),
        last_heartbeat: Some(kept(1)),
        ..instance("qwen@llm", 8001)
    };
    store.keep_instance(&one, at(1)).await.unwrap();
    assert_eq!(store.list_instances().await.unwrap(), [one.clone()]);
    one.weight = 1.0;
    one.prompt_template = None;
    // Another registration changes weight and template, and is a sign of life.
    one.last_heartbeat = Some(kept(9));
    store
        .keep_instance(
            &Instance {
                check_healthy: true,
                ..one.clone()
            },
            at(9),
        )
        .await
        .unwrap();
    assert_eq!(store.list_instances().await.unwrap(), [one]);
}

async fn one_that_is_unknown_is_not_heard_of(place: Place) {
    let store = place.open().await;
    let one = instance("qwen@llm", 8001);
    assert!(!store.hear_of_instance(&one, at(1)).await.unwrap());
    store.keep_instance(&one, at(1)).await.unwrap();
    let busy = Instance {
        load: Some(7),
        ..one
    };
    assert!(store.hear_of_instance(&busy, at(2)).await.unwrap());
    let listed = store.list_instances().await.unwrap();
    assert_eq!(listed[0].load, Some(7));
    assert_eq!(listed[0].last_heartbeat, Some(kept(2)));
}

async fn one_that_leaves_stays_listed_unless_it_is_removed(place: Place) {
    let store = place.open().await;
    let one = instance("qwen@llm", 8001);
    store.keep_instance(&one, at(1)).await.unwrap();
    let leave = async |remove| {
        store
            .retire_instance("qwen@llm", "10.0.0.5", 8001, remove)
            .await
            .unwrap()
    };
    assert!(leave(false).await);
    assert_eq!(health(&store).await, [("qwen@llm".to_owned(), 8001, false)]);
    assert!(store.hear_of_instance(&one, at(2)).await.unwrap());
    assert_eq!(health(&store).await, [("qwen@llm".to_owned(), 8001, true)]);
    assert!(leave(true).await);
    assert!(!leave(true).await);
    assert!(health(&store).await.is_empty());
}

async fn those_that_fall_silent_are_marked_and_later_forgotten(place: Place) {
    let store = place.open().await;
    let trusted = Instance {
        check_healthy: false,
        ..instance("kept@llm", 1)
    };
    for (one, seconds) in [
        (&trusted, 1),
        (&instance("lost@llm", 2), 1),
        (&instance("there@llm", 3), 50),
    ] {
        store.keep_instance(one, at(seconds)).await.unwrap();
    }
    assert_eq!(store.mark_silent_instances(at(30)).await.unwrap(), 1);
    assert_eq!(store.mark_silent_instances(at(30)).await.unwrap(), 0);
    let expected = [
        ("kept@llm".to_owned(), 1, true),
        ("lost@llm".to_owned(), 2, false),
        ("there@llm".to_owned(), 3, true),
    ];
    assert_eq!(health(&store).await, expected);
    assert_eq!(store.forget_instances(at(30)).await.unwrap(), 1);
    assert_eq!(health(&store).await.len(), 2);
}
