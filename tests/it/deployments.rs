//! Models that are started, stopped and started again while the server runs, and with it.

mod cli;
#[cfg(feature = "torch")]
mod local;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{
    Reply, TestApp, User,
    upstream::{Script, Upstream},
};

use crate::support::graphql;

pub(crate) const MODELS: &str =
    "{ models { name kind state provider progress memoryBytes loadedIn reason } }";
const KEY: &str = "sk-never-shown-again";

/// What a page sends to start a model.
pub(crate) fn wanted(model: &str, params: &Value) -> Value {
    json!({"host": "", "port": 0, "model": model, "worker_type": "llm", "params": params})
}

fn behind(upstream: &Upstream) -> Value {
    json!({"provider": "proxy/openai", "api_base": upstream.base_url(), "api_key": KEY})
}

async fn act(user: &User, path: &str, body: &Value) -> Result<Reply> {
    user.post(&format!("/api/v2/serve/model/{path}"), body)
        .await
}

/// Asks a model for a few words.
pub(crate) async fn say(user: &User, model: &str) -> Result<Reply> {
    let body = json!({
        "model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4, "temperature": 0,
    });
    user.post("/v1/chat/completions", &body).await
}

/// How a model stands.
pub(crate) async fn standing(user: &User, name: &str) -> Result<Option<Value>> {
    let data = graphql(user, MODELS, json!({})).await?;
    let models = data["models"].as_array().context("models")?.clone();
    Ok(models.into_iter().find(|model| model["name"] == name))
}

#[tokio::test]
async fn a_started_model_is_asked_by_every_surface_and_is_there_after_a_restart() -> Result<()> {
    let upstream = Upstream::start(Script::default().answer("hi", &["hello"])).await?;
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let started = act(&user, "models", &wanted("mine", &behind(&upstream))).await?;
    assert_eq!(started.data(), json!(true));
    let answer = say(&user, "mine").await?;
    assert!(answer.text.contains("hello"), "{}", answer.text);
    let types = user.get("/api/v1/model/types").await?.data();
    assert_eq!(types, json!(["mine"]));
    let model = standing(&user, "mine").await?.context("listed")?;
    assert_eq!(
        (&model["state"], &model["provider"]),
        (&json!("READY"), &json!("proxy/openai"))
    );

    let dir = app.keep_dir();
    drop(app);
    let again = TestApp::builder().start_in(dir).await?;
    let user = again.anonymous();
    let answer = say(&user, "mine").await?;
    assert!(answer.text.contains("hello"), "{}", answer.text);

    // One that was stopped stays stopped.
    let body = wanted("mine", &json!({}));
    assert_eq!(act(&user, "models/stop", &body).await?.data(), json!(true));
    let dir = again.keep_dir();
    drop(again);
    let last = TestApp::builder().start_in(dir).await?;
    let user = last.anonymous();
    let model = standing(&user, "mine").await?.context("listed")?;
    assert_eq!(model["state"], "STOPPED");
    assert_eq!(say(&user, "mine").await?.status, 404);
    assert_eq!(act(&user, "models/start", &body).await?.data(), json!(true));
    assert_eq!(say(&user, "mine").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_refused_duplicate_and_a_failed_start_leave_everything_as_it_was() -> Result<()> {
    let upstream = Upstream::start(Script::default().answer("hi", &["hello"])).await?;
    let app = TestApp::builder()
        .model(&upstream.model("configured"))
        .start()
        .await?;
    let user = app.anonymous();
    act(&user, "models", &wanted("mine", &behind(&upstream)))
        .await?
        .data();
    let nowhere =
        json!({"provider": "proxy/openai", "api_base": "http://127.0.0.1:1/v1", "api_key": "k"});
    for taken in ["mine", "configured"] {
        let refused = act(&user, "models", &wanted(taken, &nowhere)).await?.json();
        let message = refused["err_msg"].as_str().unwrap_or_default();
        assert!(message.contains("exists already"), "{refused}");
        let answer = say(&user, taken).await?;
        assert!(answer.text.contains("hello"), "{}", answer.text);
    }
    for (params, said) in [
        (json!({"provider": "hf", "dtype": "int7"}), "int7"),
        (
            json!({"provider": "proxy/azure", "api_key": "k"}),
            "api_base",
        ),
    ] {
        let refused = act(&user, "models", &wanted("broken", &params)).await?;
        let body = refused.json();
        let message = body["err_msg"].as_str().unwrap_or_default();
        assert!(
            refused.status == 200
                && message.starts_with("model start failed ")
                && message.contains(said),
            "{body}"
        );
        assert!(standing(&user, "broken").await?.is_none());
    }
    Ok(())
}

#[tokio::test]
async fn what_a_model_is_started_with_is_never_shown_and_never_stored_open() -> Result<()> {
    let upstream = Upstream::start(Script::default()).await?;
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let body = wanted("mine", &behind(&upstream));
    act(&user, "models", &body).await?.data();
    let duplicate = act(&user, "models", &body).await?;
    let mut shown = vec![duplicate.text];
    for path in [
        "/api/v2/serve/model/models",
        "/api/v2/serve/model/model-types",
        "/api/v1/worker/model/list",
        "/api/v1/model/supports",
        "/ready",
    ] {
        shown.push(user.get(path).await?.text);
    }
    shown.push(graphql(&user, MODELS, json!({})).await?.to_string());
    for text in shown {
        assert!(!text.contains(KEY), "{text}");
    }
    for entry in std::fs::read_dir(app.dir())? {
        let path = entry?.path();
        if path.is_file() {
            let bytes = std::fs::read(&path)?;
            let found = bytes
                .windows(KEY.len())
                .any(|piece| piece == KEY.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_a_key_that_manages_may_start_and_stop() -> Result<()> {
    let upstream = Upstream::start(Script::default()).await?;
    let app = TestApp::builder().start().await?;
    let (admin, reader) = (
        app.keyed("admin", true, None).await?,
        app.keyed("reader", false, None).await?,
    );
    let body = wanted("mine", &behind(&upstream));
    for path in ["models", "models/start", "models/stop"] {
        let refused = act(&reader, path, &body).await?;
        assert_eq!(
            (refused.status, &refused.json()["err_code"]),
            (403, &json!("403")),
            "{path}"
        );
    }
    let start =
        "mutation ($params: JSON!) { startModel(name: \"mine\", params: $params) { __typename
        ... on Model { name state } ... on Problem { code } } }";
    let params = json!({"params": behind(&upstream)});
    let refused = graphql(&reader, start, params.clone()).await?;
    assert_eq!(refused["startModel"]["code"], "forbidden");
    let started = graphql(&admin, start, params).await?;
    assert_eq!(started["startModel"]["state"], "READY", "{started}");
    assert_eq!(
        standing(&reader, "mine").await?.context("listed")?["state"],
        "READY"
    );
    let stop = "mutation { stopModel(name: \"mine\", forget: true) { __typename ... on ModelStopped { forgotten } } }";
    let stopped = graphql(&admin, stop, json!({})).await?;
    assert_eq!(stopped["stopModel"]["forgotten"], true);
    assert!(standing(&admin, "mine").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn whoever_watches_is_told_when_a_model_comes_and_goes() -> Result<()> {
    let upstream = Upstream::start(Script::default()).await?;
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let request = user
        .request(reqwest::Method::POST, "/graphql")
        .header("accept", "text/event-stream")
        .json(&json!({"query": "subscription { modelStates { name state } }"}));
    let mut watching = request.send().await?;
    let mut told = String::new();
    let mut until = async |text: &str| -> Result<()> {
        while !told.contains(text) {
            let piece = watching.chunk().await?.context("the stream goes on")?;
            told.push_str(&String::from_utf8_lossy(&piece));
        }
        Ok(())
    };
    until("\"modelStates\":[]").await?;
    let body = wanted("mine", &behind(&upstream));
    act(&user, "models", &body).await?.data();
    until("{\"name\":\"mine\",\"state\":\"READY\"}").await?;
    act(&user, "models/stop", &body).await?.data();
    until("{\"name\":\"mine\",\"state\":\"STOPPED\"}").await?;
    Ok(())
}
