//! What GraphQL refuses, bounds and keeps in its place: mutations by GET, foreign pages, costs, cursors and time.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tidegate_schema::model::{Connection, Engine, NewDatasource};
use tidegate_tests::{Reply, TestApp, User, process, upstream::Script};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

use crate::support::{QUESTION, TOWNS, towns};

const NAMES: &str = "{ datasources { edges { node { name } } } }";

async fn post(user: &User, query: &str) -> Result<Value> {
    let reply = user.post("/graphql", &json!({"query": query})).await?;
    Ok(reply.json())
}

/// A GET of an operation, with headers.
async fn get(user: &User, query: &[(&str, &str)], headers: &[(&str, &str)]) -> Result<Reply> {
    let mut request = user.request(Method::GET, "/graphql").query(query);
    for &(name, value) in headers {
        request = request.header(name, value);
    }
    user.send(request).await
}

/// The payloads of an event stream.
fn payloads(reply: &Reply) -> Result<Vec<Value>> {
    let blocks = reply.text.split("\n\n");
    blocks
        .filter_map(|block| block.strip_prefix("event: next\ndata: "))
        .map(|data| serde_json::from_str(data).with_context(|| data.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_mutation_by_get_is_refused_and_nothing_is_done() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    let delete = "mutation { deleteConversation(id: \"c-1\") }";
    let body = json!({"conv_uid": "c-1", "chat_mode": "chat_normal", "user_input": "hello there"});
    user.post("/api/v1/chat/completions", &body).await?;
    let both = format!("query Look {NAMES} mutation Delete {{ deleteConversation(id: \"c-1\") }}");
    let chosen = [("query", both.as_str()), ("operationName", "Delete")];
    for (query, accept) in [
        (&[("query", delete)][..], "*/*"),
        (&[("query", delete)][..], "text/event-stream"),
        (&chosen[..], "*/*"),
    ] {
        let reply = get(&user, query, &[("accept", accept)]).await?;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, "POST"),
            "{}",
            reply.text
        );
        assert_eq!(
            reply.json()["errors"][0]["extensions"]["code"],
            "unsupported"
        );
    }
    let look = [("query", both.as_str()), ("operationName", "Look")];
    let reply = get(&user, &look, &[]).await?;
    assert_eq!(
        reply.json()["data"]["datasources"]["edges"][0]["node"]["name"],
        "towns",
        "{}",
        reply.text
    );
    let kept = post(&user, "{ conversation(id: \"c-1\") { id } }").await?;
    assert_eq!(kept["data"]["conversation"]["id"], "c-1", "{kept}");
    assert_eq!(
        post(&user, delete).await?["data"]["deleteConversation"],
        true
    );
    Ok(())
}

#[tokio::test]
async fn what_a_foreign_page_embeds_is_refused_and_a_link_is_followed() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    let query = [("query", NAMES)];
    for site in ["cross-site", "same-site"] {
        let image = [("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")];
        assert_eq!(get(&user, &query, &image).await?.status, 403, "{site}");
    }
    let own = [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "cors"),
    ];
    assert_eq!(get(&user, &query, &own).await?.status, 200);
    let link = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("accept", "text/html"),
    ];
    assert_eq!(get(&user, &[], &link).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn the_turn_subscription_by_get_stays_open_to_programs_and_to_its_own_page() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    let turn = format!(
        "subscription {{ turn(input: {{question: \"{QUESTION}\", datasource: \"towns\"}}) {{ __typename }} }}"
    );
    let query = [("query", turn.as_str())];
    let stream = ("accept", "text/event-stream");
    for headers in [&[stream][..], &[stream, ("sec-fetch-site", "same-origin")]] {
        let reply = get(&user, &query, headers).await?;
        let last = payloads(&reply)?.pop().context("an event")?;
        assert_eq!(last["data"]["turn"]["__typename"], "TurnDone", "{last}");
    }
    let foreign = [stream, ("sec-fetch-site", "cross-site")];
    assert_eq!(get(&user, &query, &foreign).await?.status, 403);
    Ok(())
}

#[tokio::test]
async fn a_negative_page_is_refused_in_words() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    for name in ["first", "last"] {
        for list in ["datasources", "conversations"] {
            let query = format!("{{ {list}({name}: -1) {{ edges {{ cursor }} }} }}");
            let body = post(&user, &query).await?;
            let message = body["errors"][0]["message"].as_str().context("refused")?;
            assert!(
                message.contains(name) && message.contains("non-negative"),
                "{body}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_cost_beyond_all_numbers_is_too_high_and_not_nothing() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    // 2^31 - 1 rows of 2^31 - 1 rows of three fields: more than 64 bits hold.
    let query = format!(
        "{{ datasources(first: {0}) {{ edges {{ node {{ tables(first: {0}) {{ edges {{ node {{ name isView comment }} \
         }} }} }} }} }} }}",
        i32::MAX
    );
    let body = post(&app.anonymous(), &query).await?;
    let message = body["errors"][0]["message"].as_str().context("refused")?;
    assert!(message.contains("complex"), "{body}");
    // Both ends asked for: the greater counts.
    let query = "{ conversations(first: 1, last: 200) { edges { node { messages(last: 200) { edges { node { id } } } } } } }";
    let body = post(&app.anonymous(), query).await?;
    let message = body["errors"][0]["message"].as_str().context("refused")?;
    assert!(message.contains("complex"), "{body}");
    Ok(())
}

#[tokio::test]
async fn the_last_of_all_cursors_is_an_empty_page() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    // The greatest position there is, in base64.
    let query =
        "{ datasources(after: \"MTg0NDY3NDQwNzM3MDk1NTE2MTU\") { totalCount edges { cursor } } }";
    let body = post(&app.anonymous(), query).await?;
    assert_eq!(
        body["data"]["datasources"],
        json!({"totalCount": 1, "edges": []}),
        "{body}"
    );
    Ok(())
}

#[tokio::test]
async fn a_database_that_does_not_answer_leaves_the_others_in_the_list() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    // Straight into the store: no such server answers.
    let gone = NewDatasource {
        name: "gone".to_owned(),
        connection: Connection {
            engine: Engine::Postgres,
            path: String::new(),
            host: "127.0.0.1".to_owned(),
            port: process::free_port()?,
            user: "ann".to_owned(),
            password: SecretString::from("word"),
            database: "gone".to_owned(),
        },
        comment: String::new(),
        owner: None,
    };
    let now = app.app.clock.now();
    app.app.store.insert_datasource(gone, now).await?;
    let query = "{ datasources { edges { node { name tables { totalCount } } } } }";
    let body = post(&app.anonymous(), query).await?;
    let edges = body["data"]["datasources"]["edges"]
        .as_array()
        .with_context(|| body.to_string())?;
    let node = |name: &str| {
        edges
            .iter()
            .map(|edge| &edge["node"])
            .find(|node| node["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(
        node("towns"),
        json!({"name": "towns", "tables": {"totalCount": 1}})
    );
    assert_eq!(node("gone"), json!({"name": "gone", "tables": null}));
    let error = &body["errors"][0];
    assert_eq!(error["extensions"]["code"], "upstream", "{body}");
    assert_eq!(
        error["path"].as_array().and_then(|path| path.last()),
        Some(&json!("tables"))
    );
    Ok(())
}

#[tokio::test]
async fn a_question_that_cannot_be_put_is_an_event_of_its_turn() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let query = "subscription { turn(input: {question: \"q\", datasource: \"twons\"}) { __typename \
                 ... on TurnFailed { problem { code message } } } }";
    let user = app.anonymous();
    let request = user
        .request(Method::POST, "/graphql")
        .header("accept", "text/event-stream")
        .json(&json!({"query": query}));
    let events = payloads(&user.send(request).await?)?;
    assert_eq!(events.len(), 1, "{events:?}");
    let turn = &events[0]["data"]["turn"];
    assert_eq!(
        (&turn["__typename"], &turn["problem"]["code"]),
        (&json!("TurnFailed"), &json!("not_found")),
        "{events:?}"
    );
    assert_eq!(events[0]["errors"], Value::Null);
    Ok(())
}

/// An application whose operations may take a second, with a query that takes longer.
async fn hasty() -> Result<(TestApp, String)> {
    let app = TestApp::builder()
        .config("[graphql]\ntimeout_seconds = 1\n[limits]\nquery_seconds = 20")
        .dummy("dummy/slow")
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) \
               SELECT COUNT(*) FROM n";
    let slow =
        format!("mutation {{ runSql(datasource: \"towns\", sql: \"{sql}\") {{ __typename }} }}");
    Ok((app, slow))
}

fn assert_elapsed(body: &Value) {
    let error = &body["errors"][0];
    assert_eq!(error["extensions"]["code"], "timeout", "{body}");
    assert_eq!(error["message"], "the operation took longer than 1 s");
}

#[tokio::test]
async fn an_elapsed_operation_says_so_with_a_code_over_every_transport() -> Result<()> {
    let (app, slow) = hasty().await?;
    let user = app.anonymous();
    let started = Instant::now();
    assert_elapsed(&post(&user, &slow).await?);

    let batch = json!([{"query": NAMES}, {"query": slow}]);
    let reply = user.post("/graphql", &batch).await?.json();
    assert_eq!(
        reply[0]["data"]["datasources"]["edges"][0]["node"]["name"], "towns",
        "{reply}"
    );
    assert_elapsed(&reply[1]);

    let request = user
        .request(Method::POST, "/graphql")
        .header("accept", "text/event-stream")
        .json(&json!({"query": slow}));
    let events = payloads(&user.send(request).await?)?;
    assert_elapsed(events.first().context("an event")?);

    assert_elapsed(&over_websocket(&user, &slow).await?);
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}

/// The first payload of an operation over graphql-transport-ws.
async fn over_websocket(user: &User, query: &str) -> Result<Value> {
    let url = format!("{}/graphql", user.web().replace("http://", "ws://"));
    let mut request = url.into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    let send = |value: Value| Message::text(value.to_string());
    socket
        .send(send(json!({"type": "connection_init"})))
        .await?;
    let operation = json!({"id": "1", "type": "subscribe", "payload": {"query": query}});
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let message: Value = serde_json::from_str(&text)?;
        match message["type"].as_str() {
            Some("connection_ack") => socket.send(send(operation.clone())).await?,
            Some("next") => return Ok(message["payload"].clone()),
            other => bail!("{other:?}: {message}"),
        }
    }
    bail!("the socket ended before the operation did")
}

#[tokio::test]
async fn asking_may_take_a_turn_on_top_of_an_operations_time() -> Result<()> {
    let (app, _) = hasty().await?;
    // A hundred words of 20 ms each.
    let question = "word ".repeat(100);
    let query = format!(
        "mutation {{ ask(input: {{question: \"{question}\", model: \"dummy/slow\"}}) {{ __typename \
         ... on Answer {{ text }} }} }}"
    );
    let started = Instant::now();
    let body = post(&app.anonymous(), &query).await?;
    assert_eq!(body["data"]["ask"]["__typename"], "Answer", "{body}");
    assert!(started.elapsed() > Duration::from_secs(1));
    Ok(())
}
