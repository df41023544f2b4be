//! The edges of the REST surface: masks, framings, doubled spellings, values out of range, headers for browsers.

use anyhow::{Context as _, Result};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tidegate_schema::model::{Connection, Engine, NewDatasource};
use tidegate_tests::{
    Reply, TestApp,
    sse::{Frame, joined_deltas},
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, TOWNS, towns};

/// The text of the last whole-text frame.
fn last_text(reply: &Reply) -> Result<String> {
    let frames = reply.frames();
    let last = frames.last().and_then(Frame::json).context("a frame")?;
    let content = last.pointer("/choices/0/message/content");
    Ok(content
        .and_then(Value::as_str)
        .context("content")?
        .to_owned())
}

#[tokio::test]
async fn a_stored_password_is_sent_to_no_other_host() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let thief = listener.local_addr()?;
    let stored = NewDatasource {
        name: "sales".to_owned(),
        connection: Connection {
            engine: Engine::Postgres,
            path: String::new(),
            host: "db.example".to_owned(),
            port: 5432,
            user: "anna".to_owned(),
            password: SecretString::from("word"),
            database: "sales".to_owned(),
        },
        comment: String::new(),
        owner: None,
    };
    app.app
        .store
        .insert_datasource(stored, app.app.clock.now())
        .await?;
    let user = app.anonymous();
    let body = |name: &str| {
        json!({
            "db_type": "postgresql", "db_name": name, "db_host": thief.ip(), "db_port": thief.port(),
            "db_user": "anna", "db_pwd": "******",
        })
    };
    let edited = user.post("/api/v1/chat/db/edit", &body("sales")).await?;
    assert_eq!(
        (edited.status, &edited.json()["err_code"]),
        (400, &json!("E0001")),
        "{}",
        edited.text
    );
    let added = user.post("/api/v1/chat/db/add", &body("more")).await?;
    assert_eq!(
        (added.status, &added.json()["err_code"]),
        (400, &json!("E0001")),
        "{}",
        added.text
    );
    let tested = user
        .post("/api/v1/chat/db/test/connect", &body("sales"))
        .await?;
    assert_eq!(tested.json()["err_code"], "E1001", "{}", tested.text);
    for reply in [edited, added, tested] {
        assert!(
            reply.text.contains("body.db_pwd") && reply.text.contains("send the password itself"),
            "{}",
            reply.text
        );
    }
    // Every answer is there: whoever was to be called has been.
    let called = listener.accept();
    assert!(
        called.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock),
        "another host was asked with the stored password"
    );
    Ok(())
}

#[tokio::test]
async fn a_stored_datasource_is_tested_with_its_password_behind_the_mask() -> Result<()> {
    let app = TestApp::builder().start().await?;
    app.add_sqlite("towns", TOWNS).await?;
    let body = json!({
        "db_type": "sqlite", "db_name": "towns", "file_path": app.dir().join("towns.db"), "db_pwd": "******",
    });
    let reply = app
        .anonymous()
        .post("/api/v1/chat/db/test/connect", &body)
        .await?;
    assert_eq!(reply.data(), json!(true));
    Ok(())
}

#[tokio::test]
async fn plain_frames_are_a_setting() -> Result<()> {
    let app = TestApp::builder()
        .config("[server]\nplain_frames = true")
        .dummy("dummy/echo")
        .dummy("dummy/fails-midway")
        .start()
        .await?;
    let user = app.anonymous();
    let ask = |model: &str, incremental: bool| {
        let user = user.clone();
        let body = json!({
            "user_input": "one\ntwo three four five six", "model_name": model, "incremental": incremental,
        });
        async move { user.post("/api/v1/chat/completions", &body).await }
    };
    let plain = ask("dummy/echo", false).await?.text;
    assert!(plain.starts_with("data:one"), "{plain}");
    assert!(
        plain.ends_with("data:one\\ntwo three four five six\n\n"),
        "{plain}"
    );
    let failed = ask("dummy/fails-midway", false).await?.text;
    let last = failed.trim_end().rsplit("\n\n").next();
    assert!(
        last.is_some_and(|frame| frame.starts_with("data:[ERROR]")),
        "{failed}"
    );
    let unknown = ask("nobody", false).await?.text;
    assert!(unknown.starts_with("data:[ERROR]no model"), "{unknown}");
    let incremental = ask("dummy/echo", true).await?.frames();
    assert_eq!(incremental.last(), Some(&Frame::Done));
    Ok(())
}

#[tokio::test]
async fn an_unknown_model_is_one_marked_frame_whatever_its_name() -> Result<()> {
    let app = TestApp::builder().dummy("dummy/echo").start().await?;
    for incremental in [true, false] {
        let body =
            json!({"user_input": "hi", "model_name": "no\r\nsuch", "incremental": incremental});
        let frames = app
            .anonymous()
            .post("/api/v1/chat/completions", &body)
            .await?
            .frames();
        assert!(
            matches!(&frames[0], Frame::Text(text) if text.starts_with("[SERVER_ERROR]") && text.contains("no such")),
            "{frames:?}"
        );
        assert_eq!(frames.get(1), incremental.then_some(&Frame::Done));
    }
    Ok(())
}

#[tokio::test]
async fn a_failed_query_says_why_once_in_either_framing() -> Result<()> {
    let question = "what is broken?";
    let script = Script::default().sql(question, "SELECT * FROM missing");
    let (app, _upstream) = towns(script).await?;
    let ask = |incremental: bool| {
        let user = app.anonymous();
        let body = json!({
            "chat_mode": "chat_with_db_execute", "select_param": "towns", "model_name": "scripted",
            "user_input": question, "incremental": incremental,
        });
        async move { user.post("/api/v1/chat/completions", &body).await }
    };
    let whole = last_text(&ask(false).await?)?;
    assert!(
        whole.starts_with("Here it is.\n<span style=\"color:red\">ERROR!</span>"),
        "{whole}"
    );
    let pieces = joined_deltas(&ask(true).await?.frames());
    for text in [whole, pieces] {
        assert_eq!(text.matches("no such table").count(), 1, "{text}");
        assert_eq!(text.matches("Here it is.").count(), 1, "{text}");
        assert_eq!(text.matches("ERROR!</span>").count(), 1, "{text}");
        assert_eq!(text.matches("<chart-view").count(), 1, "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_says_when_its_rows_were_cut() -> Result<()> {
    let script = Script::default().sql(QUESTION, "SELECT name FROM people");
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .config("[limits]\nrows = 2")
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let body = json!({
        "conv_uid": "c-1", "chat_mode": "chat_with_db_execute", "select_param": "towns", "model_name": "scripted",
        "user_input": QUESTION,
    });
    let user = app.anonymous();
    let text = last_text(&user.post("/api/v1/chat/completions", &body).await?)?;
    let note = "Cut after 2 rows; there are more.";
    assert_eq!(text.matches(note).count(), 1, "{text}");
    let history = user
        .get("/api/v1/chat/dialogue/messages/history?con_uid=c-1")
        .await?
        .data();
    assert_eq!(history[2]["context"], text);
    Ok(())
}

#[tokio::test]
async fn both_spellings_in_one_request_have_to_agree() -> Result<()> {
    let app = TestApp::builder().start().await?;
    app.add_sqlite("towns", TOWNS).await?;
    let user = app.anonymous();
    let path = app.dir().join("towns.db");
    let twice =
        json!({"db_type": "sqlite", "db_name": "again", "file_path": path, "db_path": path});
    assert_eq!(
        user.post("/api/v1/chat/db/add", &twice).await?.data(),
        json!(true)
    );
    let history = "/api/v1/chat/dialogue/messages/history";
    for query in [
        "con_uid=c-1&conv_uid=c-1",
        "con_uid=&conv_uid=c-1",
        "conv_uid=c-1",
    ] {
        assert_eq!(
            user.get(&format!("{history}?{query}")).await?.data(),
            json!([]),
            "{query}"
        );
    }
    let run = |one: &str, other: &str| json!({"db_name": "towns", "sql": "SELECT 1", "con_uid": one, "conv_uid": other});
    user.post("/api/v1/editor/sql/run", &run("c-1", "c-1"))
        .await?
        .data();

    let differ =
        json!({"db_type": "sqlite", "db_name": "other", "file_path": path, "db_path": "/x.db"});
    for (reply, names) in [
        (
            user.post("/api/v1/chat/db/add", &differ).await?,
            ["body.file_path", "db_path"],
        ),
        (
            user.get(&format!("{history}?con_uid=c-1&conv_uid=c-2"))
                .await?,
            ["query.con_uid", "conv_uid"],
        ),
        (
            user.post("/api/v1/editor/sql/run", &run("c-1", "c-2"))
                .await?,
            ["body.conv_uid", "con_uid"],
        ),
    ] {
        assert!(
            reply.status == 400 && names.iter().all(|name| reply.text.contains(name)),
            "{names:?}: {} {}",
            reply.status,
            reply.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_a_turn_cannot_take_is_refused_by_its_field() -> Result<()> {
    let app = TestApp::builder().dummy("dummy/echo").start().await?;
    let picture = json!({"role": "user", "content": [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "http://page.example/a.png"}},
    ]});
    for (body, field) in [
        (json!({"user_input": picture}), "body.user_input.content[1]"),
        (
            json!({"user_input": "hi", "max_new_tokens": 0}),
            "body.max_new_tokens",
        ),
        (
            json!({"user_input": "hi", "temperature": 2.5}),
            "body.temperature",
        ),
        (
            json!({"user_input": "hi", "temperature": 1e300}),
            "body.temperature",
        ),
    ] {
        let reply = app
            .anonymous()
            .post("/api/v1/chat/completions", &body)
            .await?;
        let found = reply.json();
        assert_eq!(
            (reply.status, &found["err_code"]),
            (400, &json!("E0001")),
            "{body}: {}",
            reply.text
        );
        assert!(
            found["err_msg"]
                .as_str()
                .is_some_and(|message| message.starts_with(field)),
            "{found}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_documents_say_what_may_be_sent_and_how_to_authorize() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let rest = app.anonymous().get("/openapi.json").await?.json();
    let (_, openai) = tidegate_server::api::openai_routes().split_for_parts();
    let openai = tidegate_server::api::docs::finished(openai)?;
    for (document, place) in [
        (&rest, "ConversationVo/properties/user_input"),
        (&rest, "ConversationVo/properties/select_param"),
        (&openai, "ChatMessage/properties/content"),
        (&openai, "ChatIn/properties/stop"),
    ] {
        let schema = document
            .pointer(&format!("/components/schemas/{place}"))
            .with_context(|| place.to_owned())?;
        assert!(
            schema.get("type").is_none() && schema.get("description").is_some(),
            "{place}: {schema}"
        );
    }
    for document in [&rest, &openai] {
        assert_eq!(document["security"], json!([{"key": []}, {}]));
        assert_eq!(
            document["components"]["securitySchemes"]["key"]["scheme"],
            "bearer"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_allowed_page_may_send_its_key() -> Result<()> {
    for origin in ["http://page.example", "*"] {
        let app = TestApp::builder()
            .config(&format!("[server]\ncors_origins = [\"{origin}\"]"))
            .start()
            .await?;
        let user = app.anonymous();
        let request = user
            .request(Method::OPTIONS, "/api/v1/chat/db/list")
            .header("origin", "http://page.example")
            .header("access-control-request-method", "GET")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            );
        let reply = user.send(request).await?;
        assert_eq!(
            reply.header("access-control-allow-headers"),
            "authorization,content-type",
            "{origin}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_foreign_page_and_a_foreign_host_are_refused_in_the_surfaces_shape() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let openai = format!("{}/api/v1/chat/completions", user.openai());
    for (url, place, code) in [
        ("/api/v1/editor/sql/run", "/err_code", "403"),
        ("/v1/chat/completions", "/error/code", "forbidden"),
        (&openai, "/error/code", "forbidden"),
        ("/graphql", "/errors/0/extensions/code", "forbidden"),
    ] {
        for (name, value) in [("origin", "http://page.example"), ("host", "page.example")] {
            let request = user.request(Method::POST, url).header(name, value);
            let reply = user.send(request.json(&json!({}))).await?;
            assert_eq!(reply.status, 403, "{url}: {}", reply.text);
            let found = reply.json().pointer(place).cloned();
            assert_eq!(found, Some(json!(code)), "{url}: {}", reply.text);
            assert!(reply.text.contains("server.cors_origins"), "{}", reply.text);
        }
    }
    Ok(())
}
