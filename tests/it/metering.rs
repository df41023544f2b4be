//! How much a key may use, what is kept of calls, and what can be watched from outside.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tidegate_schema::model::{CallStatus, Caller, KeyLimits, Operation, UsageEntry, UsageFilter};
use tidegate_tests::{
    Reply, TestApp, User,
    mock::{Act, Mock, Script},
    upstream::{Script as UpstreamScript, Upstream},
};
use tokio::sync::mpsc;

use crate::support::{QUESTION, SQL, TOWNS, eventually, graphql};

const CHAT: &str = "/v1/chat/completions";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The model `mocked` behind a server that answers by a script.
async fn over(script: Script, config: &str) -> Result<(TestApp, Mock)> {
    let mock = Mock::start(script).await?;
    let app = TestApp::builder()
        .config(config)
        .model(&mock.model("mocked"))
        .start()
        .await?;
    Ok((app, mock))
}

/// Somebody with a key of this name and these limits.
async fn limited(app: &TestApp, name: &str, limits: KeyLimits) -> Result<User> {
    let (key, _) = app
        .app
        .keys()
        .create_limited(&Caller::local("001"), name, false, None, limits)
        .await?;
    Ok(app.anonymous().with_key(&key))
}

fn asking(model: &str, stream: bool) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": stream})
}

async fn ask(user: &User) -> Result<Reply> {
    user.openai_post(CHAT, &asking("mocked", false)).await
}

async fn kept(app: &TestApp) -> Result<Vec<UsageEntry>> {
    let found = app
        .app
        .metering()
        .list(&Caller::local("001"), UsageFilter::default(), None, 100)
        .await?;
    Ok(found.into_iter().map(|(_, entry)| entry).collect())
}

async fn numbers(user: &User) -> Result<String> {
    let reply = user.get("/metrics").await?;
    ensure!(reply.status == 200, "{} {}", reply.status, reply.text);
    Ok(reply.text)
}

#[tokio::test]
async fn too_many_calls_get_429_and_the_time_to_come_back() -> Result<()> {
    let (app, mock) = over(Script::default(), "").await?;
    let limits = KeyLimits {
        requests_per_minute: Some(2),
        ..KeyLimits::default()
    };
    let user = limited(&app, "slow", limits).await?;
    for _ in 0..2 {
        assert_eq!(ask(&user).await?.status, 200);
    }
    let refused = ask(&user).await?;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    let wait: u64 = refused.header("retry-after").parse()?;
    assert!((1..=30).contains(&wait), "{wait}");
    let streamed = user.openai_post(CHAT, &asking("mocked", true)).await?;
    assert_eq!(streamed.status, 429, "{}", streamed.text);
    assert_eq!(mock.counts().requests, 2, "a refused call reaches no model");
    let other = app.keyed("other", false, None).await?;
    assert_eq!(ask(&other).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_spent_budget_is_told_as_such_and_outlives_the_process() -> Result<()> {
    let mock = Mock::start(Script::default()).await?;
    let start = || TestApp::builder().model(&mock.model("mocked"));
    let app = start().start().await?;
    let limits = KeyLimits {
        token_budget: Some(1),
        ..KeyLimits::default()
    };
    let user = limited(&app, "poor", limits).await?;
    let key = user.key().context("a key")?.to_owned();
    assert_eq!(ask(&user).await?.status, 200);
    let spent = |reply: Reply| {
        let error = reply.json()["error"].clone();
        assert_eq!(reply.status, 429, "{}", reply.text);
        assert_eq!(error["code"], "insufficient_quota", "{error}");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| text.contains("'poor'")),
            "{error}"
        );
    };
    spent(ask(&user).await?);
    let entries = kept(&app).await?;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].key_name, "poor");
    assert!(entries[0].prompt_tokens + entries[0].completion_tokens > 1);
    app.app.stop().await;
    let dir = app.keep_dir();
    drop(app);

    let app = start().start_in(dir).await?;
    assert_eq!(kept(&app).await?, entries, "rows outlive the process");
    spent(ask(&app.anonymous().with_key(&key)).await?);
    Ok(())
}

#[tokio::test]
async fn a_stream_whose_reader_leaves_is_counted_as_cancelled_and_open_no_more() -> Result<()> {
    let slow = Act::words(1000).pause(Duration::from_millis(50));
    let (app, mock) = over(Script::default().always(slow), "").await?;
    let user = app.anonymous();
    let url = format!("{}{CHAT}", user.openai());
    let request = user.request(Method::POST, &url);
    let response = request.json(&asking("mocked", true)).send().await?;
    let mut pieces = response.bytes_stream();
    pieces.next().await.context("a piece")??;
    let labels = "gen_ai_operation_name=\"chat\",tidegate_key=\"none\"";
    let running = format!("tidegate_calls_open{{gen_ai_request_model=\"mocked\",{labels}}} 1");
    let text = numbers(&user).await?;
    assert!(text.contains(&running), "{running} in {text}");
    drop(pieces);
    let over = running.replace("} 1", "} 0");
    let cancelled = format!(
        "tidegate_calls_total{{gen_ai_request_model=\"mocked\",{labels},error_type=\"cancelled\"}} 1"
    );
    eventually("the end of the call", || async {
        let text = numbers(&user).await?;
        Ok((text.contains(&over) && text.contains(&cancelled)).then_some(()))
    })
    .await?;
    eventually("the end of the upstream's call", || async {
        Ok((mock.counts().running == 0).then_some(()))
    })
    .await?;
    let entries = kept(&app).await?;
    assert_eq!(entries[0].status, CallStatus::Cancelled);
    assert!(entries[0].completion_tokens > 0, "{:?}", entries[0]);
    Ok(())
}

#[tokio::test]
async fn a_turn_is_counted_once_whichever_surface_asks() -> Result<()> {
    let upstream = Upstream::start(UpstreamScript::default().sql(QUESTION, SQL)).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let limits = KeyLimits {
        requests_per_minute: Some(2),
        ..KeyLimits::default()
    };
    let (key, _) = app
        .app
        .keys()
        .create_limited(&Caller::local("001"), "team", true, None, limits)
        .await?;
    let user = app.anonymous().with_key(&key);
    let body = json!({
        "model_name": "scripted", "chat_mode": "chat_with_db_execute", "select_param": "towns",
        "user_input": QUESTION,
    });
    let turn = user.post("/api/v1/chat/completions", &body).await?;
    assert_eq!(turn.status, 200, "{}", turn.text);
    let body = json!({
        "model": "scripted:towns", "messages": [{"role": "user", "content": QUESTION}],
    });
    let asked = user.openai_post(CHAT, &body).await?;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let refused = user.openai_post(CHAT, &body).await?;
    assert_eq!(refused.status, 429, "{}", refused.text);
    let entries = kept(&app).await?;
    assert_eq!(entries.len(), 2, "{entries:?}");
    for entry in &entries {
        assert_eq!(entry.operation, Operation::Turn);
        assert_eq!(entry.status, CallStatus::Done);
        assert_eq!(
            (entry.model.as_str(), entry.key_name.as_str()),
            ("scripted", "team")
        );
        assert!(
            entry.prompt_tokens > 0 && entry.completion_tokens > 0,
            "{entry:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn numbers_are_for_keys_that_may_manage_unless_they_are_open_to_all() -> Result<()> {
    let (app, _mock) = over(Script::default(), "").await?;
    let text = numbers(&app.anonymous()).await?;
    assert!(text.ends_with("# EOF\n"), "{text}");
    for name in ["process_resident_memory_bytes", "process_open_fds"] {
        assert!(text.contains(name), "{name} in {text}");
    }
    let reader = app.keyed("reader", false, None).await?;
    let admin = app.keyed("admin", true, None).await?;
    assert_eq!(app.anonymous().get("/metrics").await?.status, 401);
    assert_eq!(reader.get("/metrics").await?.status, 403);
    assert_eq!(reader.openai_get("/metrics").await?.status, 403);
    assert_eq!(admin.openai_get("/metrics").await?.status, 200);
    let route = "http_route=\"/metrics\",http_response_status_code=\"403\"";
    eventually("the requests are counted", || async {
        Ok(numbers(&admin).await?.contains(route).then_some(()))
    })
    .await?;

    let open = "[observability]\nmetrics_open = true\n";
    let (app, _mock) = over(Script::default(), open).await?;
    app.keyed("reader", false, None).await?;
    assert_eq!(app.anonymous().get("/metrics").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn usage_is_seen_through_graphql_by_its_own_key_and_by_managers() -> Result<()> {
    let (app, _mock) = over(Script::default(), "").await?;
    let one = app.keyed("one", false, None).await?;
    let two = app.keyed("two", false, None).await?;
    let admin = app.keyed("admin", true, None).await?;
    for user in [&one, &two, &two] {
        assert_eq!(ask(user).await?.status, 200);
    }
    let query = "{ usage(first: 2) { nodes { keyName model servedBy operation status promptTokens }
                   pageInfo { hasNextPage } } usageTotals(by: KEY) { name calls } }";
    let seen = graphql(&one, query, json!({})).await?;
    let nodes = seen["usage"]["nodes"].as_array().context("a list")?;
    assert_eq!(nodes.len(), 1, "{seen}");
    assert_eq!(nodes[0]["keyName"], "one");
    assert_eq!(nodes[0]["operation"], "CHAT");
    assert_eq!(nodes[0]["status"], "DONE");
    assert_eq!(seen["usageTotals"], json!([{"name": "one", "calls": 1}]));
    let seen = graphql(&admin, query, json!({})).await?;
    assert_eq!(seen["usage"]["pageInfo"]["hasNextPage"], true, "{seen}");
    assert_eq!(
        seen["usageTotals"],
        json!([{"name": "two", "calls": 2}, {"name": "one", "calls": 1}])
    );
    Ok(())
}

/// A collector that keeps what it is sent.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's task ends with the test"
)]
async fn collector() -> Result<(String, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>)> {
    type Sent = mpsc::UnboundedSender<(HeaderMap, Bytes)>;
    async fn keep(State(sent): State<Sent>, headers: HeaderMap, body: Bytes) {
        // A test that has seen enough has left.
        let _ = sent.send((headers, body));
    }
    let (sent, received) = mpsc::unbounded_channel();
    let router = Router::new()
        .route("/v1/traces", post(keep))
        .with_state(sent);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, received))
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|some| some == text)
}

#[tokio::test]
async fn a_call_is_traced_from_its_caller_to_the_model() -> Result<()> {
    let (url, mut received) = collector().await?;
    let config = format!(
        "[observability]\notlp_endpoint = {url:?}\notlp_headers = \"authorization=Bearer s3cret\"\n"
    );
    let (app, mock) = over(Script::default(), &config).await?;
    let user = app.anonymous();
    let url = format!("{}{CHAT}", user.openai());
    let request = user
        .request(Method::POST, &url)
        .header("traceparent", PARENT)
        .json(&asking("mocked", false));
    let reply = user.send(request).await?;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let seen: Vec<String> = mock
        .seen()
        .iter()
        .map(|seen| seen.header("traceparent").to_owned())
        .collect();
    let (trace, span) = PARENT.split_at(36);
    assert!(
        seen[0].starts_with(trace) && !seen[0].ends_with(span),
        "the model is told of the trace, and of a span of ours: {seen:?}"
    );
    let parts: [&[u8]; 5] = [
        b"gen_ai.request.model",
        b"gen_ai.usage.input_tokens",
        b"chat mocked",
        b"POST /v1/chat/completions",
        &[0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd],
    ];
    let mut all = Vec::new();
    while !parts.iter().all(|part| holds(&all, part)) {
        let next = tokio::time::timeout(Duration::from_secs(30), received.recv()).await?;
        let (headers, body) = next.context("the collector is there")?;
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert_eq!(headers["content-type"], "application/x-protobuf");
        all.extend_from_slice(&body);
    }
    Ok(())
}

#[tokio::test]
async fn without_a_collector_a_callers_trace_is_passed_on_as_it_is() -> Result<()> {
    let (app, mock) = over(Script::default(), "").await?;
    let user = app.anonymous();
    let url = format!("{}{CHAT}", user.openai());
    let request = user
        .request(Method::POST, &url)
        .header("traceparent", PARENT)
        .json(&asking("mocked", false));
    user.send(request).await?;
    ask(&user).await?;
    let seen: Vec<String> = mock
        .seen()
        .iter()
        .map(|seen| seen.header("traceparent").to_owned())
        .collect();
    assert_eq!(seen, [PARENT, ""]);
    Ok(())
}

#[tokio::test]
async fn the_access_log_has_a_line_for_each_request_and_no_key_in_it() -> Result<()> {
    let dir = tempfile::TempDir::new()?;
    let path = dir.path().join("access.log");
    let config = format!(
        "[observability]\naccess_log = {:?}\n",
        path.display().to_string()
    );
    let (app, _mock) = over(Script::default(), &config).await?;
    let user = app.keyed("team", false, None).await?;
    let reply = ask(&user).await?;
    app.anonymous().get("/api/v1/nowhere").await?;
    let lines = eventually("two lines", || async {
        app.app.telemetry.flush().await;
        let text = std::fs::read_to_string(&path)?;
        let lines: Vec<Value> = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        Ok((lines.len() >= 2).then_some(lines))
    })
    .await?;
    let asked = lines
        .iter()
        .find(|line| line["route"] == CHAT)
        .context("the question's line")?;
    assert_eq!(asked["status"], 200, "{asked}");
    assert_eq!(asked["key"], "team");
    assert_eq!(asked["model"], "mocked");
    assert_eq!(asked["request_id"], reply.header("x-request-id"));
    assert_eq!(asked["bytes"], reply.text.len() as u64);
    assert!(
        asked["tokens"].as_u64().is_some_and(|tokens| tokens > 1),
        "{asked}"
    );
    let nowhere = lines.iter().find(|line| line["status"] == 404);
    assert_eq!(nowhere.context("the other's line")?["route"], "");
    let text = std::fs::read_to_string(&path)?;
    assert!(!text.contains(user.key().context("a key")?), "{text}");
    Ok(())
}
