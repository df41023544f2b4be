//! The sixteen routes by which models are listed, asked, started and stopped, each answered with success.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tidegate_tests::{
    Reply, TestApp, User,
    upstream::{Script, Upstream},
};

/// A server that is a worker too, with a model that writes and one that embeds.
async fn server() -> Result<(TestApp, Upstream)> {
    let upstream = Upstream::start(Script::default()).await?;
    let app = TestApp::builder()
        .model(&upstream.model("writer"))
        .model(&upstream.embedder("vectors"))
        .start()
        .await?;
    Ok((app, upstream))
}

/// A request to start or stop a model, with the address that the server itself names.
async fn request(user: &User, model: &str, params: Value) -> Result<Value> {
    let listed = user.get("/api/v1/worker/model/list").await?.data();
    let place = &listed[0];
    Ok(json!({
        "host": place["host"], "port": place["port"], "model": model, "worker_type": "llm", "params": params,
    }))
}

fn started_with(upstream: &Upstream) -> Value {
    json!({"provider": "proxy/openai", "api_base": upstream.base_url(), "api_key": "sk-1"})
}

/// The answer of a route without an envelope.
fn plain(reply: &Reply) -> Result<Value> {
    ensure!(reply.status == 200, "{} {}", reply.status, reply.text);
    Ok(reply.json())
}

#[tokio::test]
async fn models_are_listed_and_started_by_the_older_routes() -> Result<()> {
    let (app, upstream) = server().await?;
    let user = app.anonymous();
    let types = user.get("/api/v1/model/types").await?.data();
    assert_eq!(types, json!(["writer"]));
    for path in ["/api/v1/model/supports", "/api/v1/worker/model/params"] {
        let supported = user.get(path).await?.data();
        let first = supported
            .as_array()
            .and_then(|all| all.first())
            .context("some")?;
        for key in ["model", "worker_type", "provider", "params", "host", "port"] {
            assert!(!first[key].is_null(), "{path} has no {key}: {first}");
        }
    }
    let body = request(&user, "more", started_with(&upstream)).await?;
    let started = user.post("/api/v1/worker/model/start", &body).await?;
    assert_eq!(started.data(), Value::Null);
    let listed = user.get("/api/v1/worker/model/list").await?.data();
    let more = listed
        .as_array()
        .and_then(|all| all.iter().find(|model| model["model_name"] == "more"))
        .context("listed")?;
    assert_eq!(more["healthy"], true, "{more}");
    let stopped = user.post("/api/v1/worker/model/stop", &body).await?;
    assert_eq!(stopped.data(), Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_worker_answers_on_every_route() -> Result<()> {
    let (app, upstream) = server().await?;
    let user = app.anonymous();
    let question = json!({
        "model": "writer", "messages": [{"role": "human", "content": "Hello"}], "echo": false,
    });
    let written = user.post("/api/worker/generate", &question).await?;
    assert_eq!(plain(&written)?["error_code"], 0, "{}", written.text);

    let streamed = user.post("/api/worker/generate_stream", &question).await?;
    ensure!(streamed.status == 200, "{}", streamed.text);
    let frames: Vec<Value> = streamed
        .text
        .split('\0')
        .filter(|frame| !frame.is_empty())
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let last = frames.last().context("a frame")?;
    assert_eq!(last["error_code"], 0, "{last}");

    let embedded = json!({"model": "vectors", "input": ["hello", "world"]});
    let vectors = plain(&user.post("/api/worker/embeddings", &embedded).await?)?;
    assert_eq!(vectors.as_array().map(Vec::len), Some(2));

    let counted = json!({"model": "writer", "prompt": "Hello worker"});
    let count = plain(&user.post("/api/worker/count_token", &counted).await?)?;
    assert!(count.is_i64() || count.is_u64(), "{count}");

    let about = json!({"model": "writer"});
    let metadata = plain(&user.post("/api/worker/model_metadata", &about).await?)?;
    assert_eq!(metadata["model"], "writer");

    let path = "/api/worker/parameter/descriptions?model=writer&worker_type=llm";
    let parameters = plain(&user.get(path).await?)?;
    assert_eq!(parameters[0]["param_name"], "name");

    let supports = plain(&user.get("/api/worker/models/supports").await?)?;
    assert!(supports[0]["models"].is_array(), "{supports}");

    let body = request(&user, "more", started_with(&upstream)).await?;
    plain(&user.post("/api/worker/models/startup", &body).await?)?;
    let apply = json!({"model": "more", "apply_type": "restart", "worker_type": "llm"});
    let applied = plain(&user.post("/api/worker/apply", &apply).await?)?;
    assert_eq!(applied["success"], true, "{applied}");
    plain(&user.post("/api/worker/models/shutdown", &body).await?)?;
    Ok(())
}

#[tokio::test]
async fn the_newer_routes_stand_under_both_their_prefixes() -> Result<()> {
    let (app, upstream) = server().await?;
    let user = app.anonymous();
    for (prefix, model) in [
        ("/api/v2/serve/model", "newer"),
        ("/api/v1/worker", "newest"),
    ] {
        for path in ["model-types", "models"] {
            let listed = user.get(&format!("{prefix}/{path}")).await?.data();
            assert!(
                listed.as_array().is_some_and(|all| !all.is_empty()),
                "{prefix}/{path}: {listed}"
            );
        }
        for path in ["health", "test_auth"] {
            let reply = user.get(&format!("{prefix}/{path}")).await?;
            assert_eq!(plain(&reply)?, json!({"status": "ok"}));
        }
        let body = request(&user, model, started_with(&upstream)).await?;
        for path in ["models", "models/stop", "models/start", "models/stop"] {
            let url = format!("{prefix}/{path}");
            let sent = user.request(Method::POST, &url).json(&body);
            assert_eq!(user.send(sent).await?.data(), json!(true), "{url}");
        }
    }
    Ok(())
}
