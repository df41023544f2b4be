//! Models that come and go.

use async_trait::async_trait;

use super::*;

struct Judge;

#[async_trait]
impl Reranker for Judge {
    fn metadata(&self) -> ModelMetadata {
        ModelMetadata {
            memory_bytes: Some(7),
            ..named("judge")
        }
    }

    async fn rerank(&self, _: String, documents: Vec<String>) -> Result<Vec<f32>> {
        Ok(documents.iter().map(|text| text.len() as f32).collect())
    }
}

fn named(name: &str) -> ModelMetadata {
    ModelMetadata::new(name, ModelKind::Reranker)
}

fn judge() -> Model {
    Model::Reranker(Arc::new(Judge))
}

#[tokio::test]
async fn a_name_is_given_once_until_it_is_free_again() {
    let registry = Registry::new();
    registry.add(named("judge"), judge()).expect("free");
    let refused = registry.add(named("judge"), judge()).expect_err("taken");
    assert_eq!(
        refused.to_string(),
        "a model named 'judge' exists already; choose another name"
    );
    let tasks = TaskTracker::new();
    registry
        .add_loading(named("judge"), &tasks, || Ok(judge()))
        .expect_err("taken");
    assert!(registry.remove("judge") && !registry.remove("judge"));
    assert!(registry.reranker("judge").await.is_none());
    registry.add(named("judge"), judge()).expect("free again");
}

#[tokio::test]
async fn what_loading_brings_to_light_is_told_once_it_is_over() {
    let registry = Registry::new();
    let tasks = TaskTracker::new();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    registry
        .add_loading(named("judge"), &tasks, move || {
            // Whether it was sent or the sender went is the same.
            let _ = wait.recv();
            Ok(judge())
        })
        .expect("free");
    let before = registry.standings();
    assert!(matches!(before[0].state, State::Loading));
    let known = (before[0].metadata.memory_bytes, before[0].loaded_in);
    assert_eq!(known, (None, None));
    drop(go);
    let model = registry.reranker("judge").await.expect("known");
    let model = model.unwrap_or_else(|error| panic!("{error}"));
    let scores = model.rerank(String::new(), vec!["four".to_owned()]);
    assert_eq!(scores.await.expect("judges"), [4.0]);
    let after = registry.standings();
    assert!(matches!(after[0].state, State::Ready));
    assert_eq!(after[0].metadata.memory_bytes, Some(7));
    assert!(after[0].loaded_in.is_some());
    assert!(
        registry.language("judge").await.is_none(),
        "it does not write"
    );
}

#[tokio::test]
async fn a_model_removed_while_it_loads_is_not_there_when_it_is_loaded() {
    let registry = Registry::new();
    let tasks = TaskTracker::new();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    registry
        .add_loading(named("judge"), &tasks, move || {
            let _ = wait.recv();
            Ok(judge())
        })
        .expect("free");
    assert!(registry.remove("judge"));
    drop(go);
    tasks.close();
    tasks.wait().await;
    assert!(registry.standings().is_empty() && !registry.knows("judge"));
}

#[tokio::test]
async fn a_model_is_waited_for_and_known_from_another_of_its_name() {
    let registry = Registry::new();
    let tasks = TaskTracker::new();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    registry
        .add_watched(named("judge"), &tasks, move |progress| {
            progress.begin(8);
            progress.add(2);
            let _ = wait.recv();
            Ok(judge())
        })
        .expect("free");
    let first = registry.awaited("judge").expect("is there");
    while registry.standings()[0].progress.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(registry.standings()[0].progress, Some(0.25));
    drop(go);
    first.settled().await.expect("is loaded");
    assert_eq!(registry.standings()[0].progress, None);
    assert!(registry.still_has(&first));
    registry.remove("judge");
    assert!(!registry.still_has(&first));
    registry.add(named("judge"), judge()).expect("free again");
    assert!(!registry.still_has(&first));
    assert!(registry.awaited("nobody").is_none());
}
