//! The same question through GraphQL: mutation, WebSocket, event stream.

use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tidegate_tests::{User, upstream::Script};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

use crate::support::{QUESTION, SQL, rows, towns};

const ASK: &str = "mutation ($input: AskInput!) { ask(input: $input) { __typename
    ... on Answer { conversation sql text result { columns { name } rows rowCount cutAt } problem { code message }
        evidence { datasource model tablesShown verdict { allowed tables } rowsRead repairs } }
    ... on Problem { code message field } } }";

const TURN: &str = "subscription ($input: AskInput!) { turn(input: $input) { __typename
    ... on TurnStarted { conversation round model }
    ... on TurnSchema { tables }
    ... on TurnSql { sql }
    ... on TurnRows { rows }
    ... on TurnFailed { problem { code message } }
    ... on TurnDone { answer { sql result { rows } } } } }";

fn input() -> Value {
    json!({"question": QUESTION, "datasource": "towns", "model": "scripted"})
}

async fn run(user: &User, query: &str, variables: Value) -> Result<Value> {
    let reply = user
        .post("/graphql", &json!({"query": query, "variables": variables}))
        .await?;
    Ok(reply.json())
}

#[tokio::test]
async fn the_mutation_answers_with_evidence() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let body = run(&app.anonymous(), ASK, json!({"input": input()})).await?;
    assert_eq!(body["errors"], Value::Null, "{body}");
    let answer = &body["data"]["ask"];
    assert_eq!(answer["sql"], SQL);
    assert_eq!(answer["result"]["rows"], rows());
    assert_eq!(answer["problem"], Value::Null);
    assert_eq!(answer["evidence"]["datasource"], "towns");
    assert_eq!(
        answer["evidence"]["verdict"],
        json!({"allowed": true, "tables": ["people"]})
    );
    assert_eq!(answer["evidence"]["tablesShown"], json!(["people"]));
    assert_eq!(answer["evidence"]["rowsRead"], 3);
    Ok(())
}

#[tokio::test]
async fn an_unknown_datasource_is_data_and_not_an_error() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let asked =
        json!({"input": {"question": QUESTION, "datasource": "twons", "model": "scripted"}});
    let body = run(&app.anonymous(), ASK, asked).await?;
    assert_eq!(body["data"]["ask"]["__typename"], "Problem", "{body}");
    assert_eq!(body["data"]["ask"]["code"], "not_found");
    assert!(
        body["data"]["ask"]["message"]
            .as_str()
            .context("message")?
            .contains("towns"),
        "{body}"
    );
    Ok(())
}

/// Runs a subscription over graphql-transport-ws; every payload until `complete`.
async fn subscribe(user: &User, init: Value, query: &str, variables: Value) -> Result<Vec<Value>> {
    let mut request =
        format!("{}/graphql", user.web().replace("http://", "ws://")).into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let (mut socket, response) = tokio_tungstenite::connect_async(request).await?;
    assert_eq!(
        response.headers()["sec-websocket-protocol"],
        "graphql-transport-ws"
    );
    let send = |value: Value| Message::text(value.to_string());
    socket
        .send(send(json!({"type": "connection_init", "payload": init})))
        .await?;
    let mut payloads = Vec::new();
    while let Some(message) = socket.next().await {
        let text = match message? {
            Message::Text(text) => text,
            Message::Close(frame) => bail!("closed: {frame:?}"),
            _ => continue,
        };
        let message: Value = serde_json::from_str(&text)?;
        match message["type"].as_str() {
            Some("connection_ack") => {
                let payload = json!({"query": query, "variables": variables});
                socket
                    .send(send(
                        json!({"id": "1", "type": "subscribe", "payload": payload}),
                    ))
                    .await?;
            }
            Some("next") => payloads.push(message["payload"].clone()),
            Some("complete") => return Ok(payloads),
            other => bail!("{other:?}: {message}"),
        }
    }
    bail!("the socket ended before the subscription did")
}

fn check_events(events: &[Value]) {
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| event["data"]["turn"]["__typename"].as_str())
        .collect();
    for kind in [
        "TurnStarted",
        "TurnSchema",
        "TurnSql",
        "TurnVerdict",
        "TurnColumns",
        "TurnRows",
        "TurnChart",
        "TurnText",
        "TurnUsage",
    ] {
        assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
    }
    assert_eq!(
        (kinds.first(), kinds.last()),
        (Some(&"TurnStarted"), Some(&"TurnDone"))
    );
    let of = |kind: &str| {
        events
            .iter()
            .map(|e| &e["data"]["turn"])
            .find(|turn| turn["__typename"] == kind)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(of("TurnSql")["sql"], SQL);
    assert_eq!(of("TurnRows")["rows"], rows());
    assert_eq!(
        of("TurnDone")["answer"],
        json!({"sql": SQL, "result": {"rows": rows()}})
    );
}

#[tokio::test]
async fn the_subscription_tells_every_stage_over_a_websocket() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let events = subscribe(&app.anonymous(), json!({}), TURN, json!({"input": input()})).await?;
    check_events(&events);
    Ok(())
}

#[tokio::test]
async fn the_subscription_runs_as_an_event_stream_too() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    let request = user
        .request(reqwest::Method::POST, "/graphql")
        .header("accept", "text/event-stream")
        .json(&json!({"query": TURN, "variables": {"input": input()}}));
    let reply = user.send(request).await?;
    let events: Vec<Value> = reply
        .text
        .split("\n\n")
        .filter_map(|block| block.strip_prefix("event: next\ndata: "))
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    check_events(&events);
    assert!(
        reply.text.ends_with("event: complete\ndata:\n\n"),
        "{}",
        reply.text
    );
    Ok(())
}

#[tokio::test]
async fn a_websocket_brings_its_key_in_connection_init() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let keyed = app.keyed("page", false, None).await?;
    let init = json!({"authorization": format!("Bearer {}", keyed.key().context("key")?)});
    let events = subscribe(&app.anonymous(), init, TURN, json!({"input": input()})).await?;
    check_events(&events);
    assert!(
        subscribe(&app.anonymous(), json!({}), TURN, json!({"input": input()}))
            .await
            .is_err()
    );
    Ok(())
}

#[tokio::test]
async fn conversations_page_forwards_and_backwards() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    for i in 1..=5 {
        let body = json!({"conv_uid": format!("c-{i}"), "model_name": "scripted", "user_input": format!("hello {i}")});
        user.post("/api/v1/chat/completions", &body).await?;
    }
    let page = "query ($first: Int, $last: Int, $after: String, $before: String) {
        conversations(first: $first, last: $last, after: $after, before: $before) {
            edges { cursor node { id messages(first: 10) { edges { node { role } } } } }
            pageInfo { hasNextPage hasPreviousPage } } }";
    let ids = |body: &Value| -> Vec<String> {
        let edges = body["data"]["conversations"]["edges"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        edges
            .iter()
            .filter_map(|edge| Some(edge["node"]["id"].as_str()?.to_owned()))
            .collect()
    };
    let first = run(&user, page, json!({"first": 2})).await?;
    assert_eq!(ids(&first), ["c-5", "c-4"], "{first}");
    assert_eq!(
        first["data"]["conversations"]["pageInfo"],
        json!({"hasNextPage": true, "hasPreviousPage": false})
    );
    let cursor = &first["data"]["conversations"]["edges"][1]["cursor"];
    let second = run(&user, page, json!({"first": 2, "after": cursor})).await?;
    assert_eq!(ids(&second), ["c-3", "c-2"], "{second}");
    let cursor = &second["data"]["conversations"]["edges"][0]["cursor"];
    let back = run(&user, page, json!({"last": 1, "before": cursor})).await?;
    assert_eq!(ids(&back), ["c-4"], "{back}");
    assert_eq!(
        back["data"]["conversations"]["pageInfo"]["hasPreviousPage"],
        true
    );
    let roles = &first["data"]["conversations"]["edges"][0]["node"]["messages"]["edges"];
    assert_eq!(roles.as_array().map(Vec::len), Some(3));
    Ok(())
}

#[tokio::test]
async fn deep_wide_and_repeated_queries_are_refused() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    let costly = "{ conversations(first: 200) { edges { node { messages(first: 200) { edges { node { id } } } } } } }";
    let body = run(&user, costly, Value::Null).await?;
    assert!(
        body["errors"][0]["message"]
            .as_str()
            .context("refused")?
            .contains("complex"),
        "{body}"
    );
    let aliases = (0..500)
        .map(|i| format!("a{i}: __typename"))
        .collect::<Vec<_>>()
        .join(" ");
    let body = run(&user, &format!("{{ {aliases} }}"), Value::Null).await?;
    assert!(body["errors"].is_array(), "{body}");
    Ok(())
}
