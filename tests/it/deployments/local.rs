//! Models of this process: loading is waited for, memory comes and goes.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{
    TestApp, User,
    checkpoint::{self, Sizes},
};

use super::{say, standing, wanted};
use crate::support::{eventually, graphql};

/// Waits until a model is in a state.
async fn is(user: &User, name: &str, state: &str) -> Result<Value> {
    eventually(&format!("{name} is {state}"), || async {
        let found = standing(user, name).await?;
        Ok(found.filter(|model| model["state"] == state))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_loads_and_stopping_gives_the_memory_back() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let weights = app.dir().join("tiny");
    checkpoint::make(&weights, Sizes::TINY)?;
    let params = json!({"provider": "hf", "path": weights, "concurrency": 2, "context_length": 64});
    let body = wanted("tiny", &params);
    let started = user.post("/api/v2/serve/model/models", &body).await?;
    assert_eq!(started.data(), json!(true), "{}", started.text);
    let model = standing(&user, "tiny").await?.context("listed")?;
    assert_eq!(
        (&model["state"], &model["provider"]),
        (&json!("READY"), &json!("hf"))
    );
    assert!(
        model["memoryBytes"].as_u64().is_some_and(|bytes| bytes > 0),
        "{model}"
    );
    assert!(
        model["loadedIn"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0),
        "{model}"
    );
    assert_eq!(say(&user, "tiny").await?.status, 200);

    let restart = "mutation { restartModel(name: \"tiny\") { ... on Model { name } ... on Problem { message } } }";
    let restarted = graphql(&user, restart, json!({})).await?;
    assert_eq!(restarted["restartModel"]["name"], "tiny", "{restarted}");
    is(&user, "tiny", "READY").await?;
    assert_eq!(say(&user, "tiny").await?.status, 200);

    user.post("/api/v2/serve/model/models/stop", &body)
        .await?
        .data();
    assert!(!app.app.registry.knows("tiny"));
    let model = standing(&user, "tiny").await?.context("listed")?;
    assert_eq!(
        (&model["state"], &model["memoryBytes"]),
        (&json!("STOPPED"), &Value::Null)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_load_any_more_is_listed_with_the_reason_and_others_start()
-> Result<()> {
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let weights = app.dir().join("tiny");
    checkpoint::make(&weights, Sizes::TINY)?;
    for name in ["one", "other"] {
        let path = if name == "one" {
            weights.clone()
        } else {
            let copy = app.dir().join("copy");
            checkpoint::make(&copy, Sizes::TINY)?;
            copy
        };
        let params = json!({"provider": "hf", "path": path, "context_length": 64});
        let started = user
            .post("/api/v2/serve/model/models", &wanted(name, &params))
            .await?;
        assert_eq!(started.data(), json!(true), "{}", started.text);
    }
    let dir = app.keep_dir();
    drop(app);
    std::fs::remove_file(weights.join("config.json"))?;
    let again = TestApp::builder().start_in(dir).await?;
    let user = again.anonymous();
    let failed = is(&user, "one", "FAILED").await?;
    let reason = failed["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("config.json"), "{failed}");
    is(&user, "other", "READY").await?;
    Ok(())
}
