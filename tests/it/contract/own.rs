//! What takes more than one request to be promised: pages and searches, masked passwords, bodies too large, headers.

use anyhow::{Context as _, Result};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tidegate_tests::{TestApp, User, databases, sse::Frame, upstream::Script};

use super::{
    cases::{DASHBOARD, proposal},
    play::world,
};
use crate::support::{QUESTION, TOWNS, towns};

#[tokio::test]
async fn a_page_beyond_the_last_is_empty_and_a_page_of_nothing_is_refused() -> Result<()> {
    let (app, _upstream) = world().await?;
    let user = app.anonymous();
    assert_eq!(
        user.get("/api/v1/chat/dialogue/list?page=9&page_size=2")
            .await?
            .data(),
        json!([])
    );
    for query in [
        "page=0&page_size=2",
        "page=1&page_size=0",
        "page=x&page_size=2",
        "page=1&page_size=5000",
    ] {
        let reply = user
            .get(&format!("/api/v1/chat/dialogue/list?{query}"))
            .await?;
        assert_eq!(
            (reply.status, &reply.json()["err_code"]),
            (400, &json!("E0001")),
            "{query}: {}",
            reply.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn tables_are_paged_and_searched() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let sql = "CREATE TABLE apples (id INTEGER); CREATE TABLE pears (id INTEGER, core TEXT); CREATE TABLE plums (id INTEGER)";
    app.add_sqlite("fruit", sql).await?;
    let user = app.anonymous();
    let titles = |query: &'static str| {
        let user = user.clone();
        async move {
            let data = user
                .get(&format!("/api/v1/editor/db/tables?db_name=fruit&{query}"))
                .await?
                .data();
            let children = data["children"].as_array().context("children")?;
            anyhow::Ok(
                children
                    .iter()
                    .filter_map(|t| t["title"].as_str().map(str::to_owned))
                    .collect::<Vec<_>>(),
            )
        }
    };
    assert_eq!(
        titles("page_index=1&page_size=2").await?,
        ["apples", "pears"]
    );
    assert_eq!(titles("page_index=2&page_size=2").await?, ["plums"]);
    assert_eq!(
        titles("page_index=1&page_size=9&search_str=P").await?,
        ["apples", "pears", "plums"]
    );
    assert_eq!(
        titles("page_index=1&page_size=9&search_str=CORE").await?,
        ["pears"]
    );
    Ok(())
}

#[tokio::test]
async fn a_masked_password_in_an_edit_keeps_the_stored_one() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let path = app.dir().join("towns.db");
    databases::make(&path, TOWNS)?;
    let user = app.anonymous();
    let body = |password: &str, comment: &str| {
        json!({
            "db_type": "sqlite", "db_name": "towns", "file_path": path, "db_pwd": password, "comment": comment,
        })
    };
    user.post("/api/v1/chat/db/add", &body("word", "one"))
        .await?
        .data();
    let listed = user.get("/api/v1/chat/db/list").await?.data();
    assert_eq!(listed[0]["db_pwd"], "******");
    user.post("/api/v1/chat/db/edit", &body("******", "two"))
        .await?
        .data();
    let stored = app
        .app
        .store
        .find_datasource("towns")
        .await?
        .context("stored")?;
    assert_eq!(
        secrecy::ExposeSecret::expose_secret(&stored.connection.password),
        "word"
    );
    assert_eq!(stored.comment, "two");
    Ok(())
}

#[tokio::test]
async fn a_body_too_large_is_refused_in_each_shape() -> Result<()> {
    let app = TestApp::builder()
        .config("[server]\nmax_body_bytes = 1000")
        .start()
        .await?;
    let body = json!({"user_input": "x".repeat(5000), "sql": "x".repeat(5000), "messages": []});
    let user = app.anonymous();
    let openai = user.openai();
    let reason = "larger than 1000 bytes";
    for (url, place) in [
        ("/api/v1/chat/completions".to_owned(), "/err_msg"),
        ("/api/v1/editor/sql/run".to_owned(), "/err_msg"),
        ("/v1/chat/completions".to_owned(), "/error/message"),
        (
            format!("{openai}/api/v1/chat/completions"),
            "/error/message",
        ),
        ("/graphql".to_owned(), "/errors/0/message"),
    ] {
        let text = body.to_string();
        let pieces: Vec<Result<String, std::io::Error>> =
            vec![Ok(text[..2000].to_owned()), Ok(text[2000..].to_owned())];
        let stream = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
        let whole = user.request(Method::POST, &url).body(text);
        let chunked = user.request(Method::POST, &url).body(stream);
        for request in [whole, chunked] {
            let request = request.header("content-type", "application/json");
            let reply = user.send(request).await?;
            let found = reply.json();
            let message = found.pointer(place).and_then(Value::as_str);
            assert!(
                reply.status == 413 && message.is_some_and(|text| text.contains(reason)),
                "{url}: {} {}",
                reply.status,
                reply.text
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn request_ids_are_taken_and_made() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let given = user
        .send(
            user.request(Method::GET, "/api/health")
                .header("x-request-id", "mine"),
        )
        .await?;
    assert_eq!(given.header("x-request-id"), "mine");
    assert!(
        !user
            .get("/api/health")
            .await?
            .header("x-request-id")
            .is_empty()
    );
    Ok(())
}

#[tokio::test]
async fn pages_of_other_origins_get_no_permission_unless_configured() -> Result<()> {
    let ask = |user: User| async move {
        let request = user
            .request(Method::OPTIONS, "/api/v1/chat/db/list")
            .header("origin", "http://page.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        anyhow::Ok(
            user.send(request)
                .await?
                .header("access-control-allow-origin")
                .to_owned(),
        )
    };
    let closed = TestApp::builder().start().await?;
    assert_eq!(ask(closed.anonymous()).await?, "");
    let opened = TestApp::builder()
        .config("[server]\ncors_origins = [\"http://page.example\"]")
        .start()
        .await?;
    assert_eq!(ask(opened.anonymous()).await?, "http://page.example");
    Ok(())
}

#[tokio::test]
async fn the_documentation_needs_no_other_server() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let graphiql = user
        .send(
            user.request(Method::GET, "/graphql")
                .header("accept", "text/html"),
        )
        .await?;
    let docs = user.get("/docs/").await?;
    for page in [docs, graphiql] {
        assert_eq!(page.status, 200, "{}", page.text);
        for other in [
            "https://unpkg",
            "https://cdn",
            "https://esm",
            "https://fonts",
        ] {
            assert!(!page.text.contains(other), "{other} is asked for something");
        }
    }
    Ok(())
}

/// Sends a file with the table of [`TOWNS`] to a conversation; what it is asked by.
async fn upload(user: &User, conversation: &str) -> Result<Value> {
    let csv = "name,town\nAnn,Oslo\nBo,Oslo\nCy,Bergen\n";
    let file = Part::text(csv)
        .file_name("people.csv")
        .mime_str("text/csv")?;
    let path = format!(
        "/api/v1/resource/file/upload?conv_uid={conversation}&chat_mode=chat_excel&model_name=scripted"
    );
    let request = user
        .request(Method::POST, &path)
        .multipart(Form::new().part("doc_files", file));
    Ok(user.send(request).await?.data())
}

#[tokio::test]
async fn every_scene_that_is_offered_is_answered() -> Result<()> {
    let (app, _upstream) = towns(Script::default().answer(DASHBOARD, &[&proposal()])).await?;
    let user = app.anonymous();
    let scenes = user
        .post("/api/v1/chat/dialogue/scenes", &json!({}))
        .await?
        .data();
    let scenes = scenes.as_array().context("a list")?;
    assert!(!scenes.is_empty());
    for scene in scenes {
        let mode = scene["chat_scene"].as_str().context("chat_scene")?;
        let conversation = format!("c-{mode}");
        let asked = if mode == "chat_excel" {
            upload(&user, &conversation).await?
        } else {
            json!("towns")
        };
        let question = if mode == "chat_dashboard" {
            DASHBOARD
        } else {
            QUESTION
        };
        let body = json!({
            "conv_uid": conversation, "chat_mode": mode, "select_param": asked, "model_name": "scripted",
            "user_input": question,
        });
        let reply = user.post("/api/v1/chat/completions", &body).await?;
        let frames = reply.frames();
        let last = frames.last().and_then(Frame::json);
        let content = last.and_then(|frame| frame.pointer("/choices/0/message/content"));
        let text = content.and_then(Value::as_str).unwrap_or_default();
        assert!(
            text.contains("Oslo") || text.contains("Here it is."),
            "{scene}: {}",
            reply.text
        );
        assert!(!text.contains("ERROR!"), "{scene}: {text}");
    }
    Ok(())
}
