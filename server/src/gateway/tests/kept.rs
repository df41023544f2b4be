//! Answers and vectors that are kept.

use std::sync::{Arc, atomic::Ordering};

use futures::StreamExt as _;

use super::{
    SECOND, request,
    scripted::{Counting, Step, over, over_local},
};
use crate::workers::{Embedder, GenerateRequest, ModelKind, ModelMetadata, Tool, registry::Model};

fn greedy() -> GenerateRequest {
    GenerateRequest {
        temperature: Some(0.0),
        ..request()
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_the_same_each_time_is_given_again_until_its_time_is_over() {
    let script = vec![Step::Says("one"), Step::Says("two")];
    let setup = over("cache_seconds=60\n", "", vec![("a", script)]);
    let said = || async { setup.listen("a", greedy()).await.expect("answers").0 };
    assert_eq!(said().await, "one");
    assert_eq!(said().await, "one");
    let traffic = setup.traffic("a");
    assert_eq!((traffic.cache_hits, traffic.cache_misses), (1, 1));
    tokio::time::advance(60 * SECOND).await;
    assert_eq!(said().await, "two");
}

#[tokio::test(start_paused = true)]
async fn what_may_differ_is_asked_again() {
    let tool = Tool {
        name: "t".to_owned(),
        description: None,
        parameters: serde_json::Value::Null,
        strict: None,
    };
    let drawn = GenerateRequest {
        temperature: Some(0.7),
        ..request()
    };
    let with_tools = GenerateRequest {
        tools: vec![tool],
        ..greedy()
    };
    for asked in [request(), drawn, with_tools] {
        let setup = over("cache_seconds=60\n", "", vec![("a", vec![])]);
        for _ in 0..2 {
            setup.listen("a", asked.clone()).await.expect("answers");
        }
        assert_eq!(setup.asked("a"), 2, "{asked:?}");
    }
    let setup = over("cache_seconds=60\n", "", vec![("a", vec![])]);
    for seed in [1, 2, 1] {
        let seeded = GenerateRequest {
            seed: Some(seed),
            fair_key: Some(format!("key {seed}")),
            ..request()
        };
        setup.listen("a", seeded).await.expect("answers");
    }
    assert_eq!(setup.asked("a"), 2, "by seed");
}

#[tokio::test(start_paused = true)]
async fn who_writes_an_object_in_another_order_asks_the_same() {
    let setup = over("cache_seconds=60\n", "", vec![("a", vec![])]);
    for form in [
        r#"{"a": 1, "b": {"c": 2, "d": 3}}"#,
        r#"{"b": {"d": 3, "c": 2}, "a": 1}"#,
    ] {
        let values = serde_json::from_str(form).expect("an object");
        let asked = GenerateRequest {
            template_values: values,
            ..greedy()
        };
        setup.listen("a", asked).await.expect("answers");
    }
    assert_eq!(setup.asked("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_is_not_kept() {
    let broke = tidegate_schema::Error::upstream("a", "the stream broke");
    let script = vec![Step::BreaksOff("half", broke), Step::Says("whole")];
    let setup = over("cache_seconds=60\n", "", vec![("a", script)]);
    let (_, error) = setup.listen("a", greedy()).await.expect("begins");
    assert!(error.is_some());
    // Nor is one whose listener left.
    let mut pieces = setup.begin("a", greedy()).await.expect("begins");
    assert!(pieces.next().await.is_some());
    drop(pieces);
    setup.listen("a", greedy()).await.expect("answers");
    assert_eq!(setup.asked("a"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_text_is_embedded_once_and_the_others_with_what_is_kept() {
    let model = "[[models]]\nname='e'\nprovider='dummy'\nkind='embedding'\ncache_seconds=60\n";
    let setup = over_local("", model, vec![]);
    let counting = Arc::new(Counting::default());
    let embedder: Arc<dyn Embedder> = Arc::clone(&counting) as Arc<dyn Embedder>;
    setup
        .registry
        .add(
            ModelMetadata::new("e", ModelKind::Embedding),
            Model::Embedder(embedder),
        )
        .expect("is free");
    let embed = |texts: &[&str], dimensions| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let gateway = &setup.gateway;
        async move {
            let model = gateway.embedder("e").await.expect("is known");
            let model = model.unwrap_or_else(|error| panic!("{error}"));
            model.embed(texts, dimensions).await.expect("embeds")
        }
    };
    assert_eq!(embed(&["a", "bb"], None).await, [[1.0], [2.0]]);
    assert_eq!(
        embed(&["bb", "ccc", "a"], None).await,
        [[2.0], [3.0], [1.0]]
    );
    assert_eq!(counting.texts.load(Ordering::Relaxed), 3);
    assert_eq!(embed(&["a"], Some(1)).await, [[1.0]]);
    assert_eq!(
        counting.texts.load(Ordering::Relaxed),
        4,
        "of another width"
    );
    let traffic = setup.traffic("e");
    assert_eq!((traffic.cache_hits, traffic.cache_misses), (2, 4));
}
