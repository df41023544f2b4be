//! Which names there are, and what they come to.

use futures::FutureExt as _;
use tokio_util::task::TaskTracker;

use super::{
    A_OR_B, A_THEN_B,
    scripted::{Step, over, over_local},
};
use crate::{
    config::Config,
    workers::{ModelKind, ModelMetadata, registry::State},
};

#[tokio::test]
async fn routes_are_listed_behind_the_models_and_as_ready_as_the_readiest() {
    let more = format!("{A_THEN_B}[[routes]]\nname='y'\ntargets=[{{model='nowhere'}}]\n");
    let setup = over("", &more, vec![("a", vec![]), ("b", vec![])]);
    let listed: Vec<(String, bool)> = setup
        .gateway
        .names()
        .into_iter()
        .map(|(metadata, state)| (metadata.name, matches!(state, State::Ready)))
        .collect();
    let name = |name: &str, ready| (name.to_owned(), ready);
    assert_eq!(
        listed,
        [
            name("a", true),
            name("b", true),
            name("x", true),
            name("y", false)
        ]
    );
    let error = setup.say("y").await.expect_err("nobody is there");
    assert_eq!(
        error.to_string(),
        "no model named 'y'; it is a route to nowhere, of which none is here; start one, or add one under [[models]]"
    );
    assert!(setup.gateway.knows("y") && setup.gateway.is_route("y"));
    assert!(!setup.gateway.knows("z") && setup.gateway.language("z").await.is_none());
}

#[tokio::test]
async fn a_route_says_of_itself_what_it_was_asked_for_by() {
    let setup = over("", A_THEN_B, vec![("a", vec![]), ("b", vec![])]);
    let model = setup.gateway.language("x").await.expect("is known");
    let model = model.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(model.metadata().name, "x");
    assert_eq!(model.count_tokens("four").await.expect("counts"), 4);
    assert!(setup.gateway.embedder("x").await.is_none(), "it writes");
}

#[tokio::test]
async fn a_model_that_is_being_loaded_holds_no_other_up() {
    let setup = over("", A_OR_B, vec![("a", vec![Step::Says("a")])]);
    let tasks = TaskTracker::new();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    setup
        .registry
        .add_loading(ModelMetadata::new("b", ModelKind::Llm), &tasks, move || {
            // Whether it was sent or the sender went is the same.
            let _ = wait.recv();
            Err("no file".to_owned())
        })
        .expect("is free");
    assert_eq!(setup.say("x").await.expect("answers"), "a");
    assert!(setup.registry.remove("a"));
    let waiting = setup.gateway.language("x");
    assert!(waiting.now_or_never().is_none(), "the other is waited for");
    drop(go);
    let error = setup.say("x").await.expect_err("and could not be loaded");
    assert_eq!(error.to_string(), "b: no file");
}

#[tokio::test]
async fn models_that_come_and_go_are_kept_to_what_is_configured_for_them() {
    let setup = over_local("", "", vec![("a", vec![])]);
    let config = Config::from_toml(
        "[[models]]\nname='a'\nprovider='proxy'\nbase_url='http://127.0.0.1:1/v1'\nmax_concurrent=1\n",
    )
    .expect("valid");
    setup.gateway.configure(&config.models[0]);
    let held = setup.begin("a", super::request()).await.expect("begins");
    setup.say("a").await.expect_err("one at a time");
    drop(held);
    setup.gateway.forget("a");
    assert!(setup.gateway.traffic().is_empty());
    setup.say("a").await.expect("nothing is kept to");
}
