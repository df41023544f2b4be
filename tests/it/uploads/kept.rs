//! Where files lie, who finds them, and when they go.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tidegate_schema::model::Caller;
use tidegate_server::services::uploads::Preparation;
use tidegate_tests::{Reply, TestApp, User, upstream::Script};

use super::{HISTORY, UPLOAD, app, ask, files_below, left_in, said, send, turn};
use crate::support::eventually;

const CSV: &[u8] = b"town,people\nOslo,3\nBergen,2\n";

/// Reads or removes a file.
async fn file(user: &User, act: &str, conversation: &str, key: &str) -> Result<Reply> {
    let request = user
        .request(Method::POST, &format!("/api/v1/resource/file/{act}"))
        .query(&[("conv_uid", conversation), ("file_key", key)]);
    user.send(request).await
}

async fn sent(user: &User, name: &str) -> Result<(Value, String)> {
    let sent = send(user, UPLOAD, &[("doc_files", name, CSV)])
        .await?
        .data();
    let place = sent["file_path"].as_str().context("a place")?.to_owned();
    Ok((sent, place))
}

/// Someone of another name, on a server without keys.
async fn as_another(app: &TestApp, act: &str, key: &str) -> Result<Reply> {
    let user = app.anonymous();
    let request = user
        .request(Method::POST, &format!("/api/v1/resource/file/{act}"))
        .header("user-id", "002")
        .query(&[("conv_uid", "c-1"), ("file_key", key)]);
    user.send(request).await
}

#[tokio::test]
async fn a_path_in_a_name_reaches_no_other_folder() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let user = app.anonymous();
    for name in [
        "../../../evil.csv",
        "/etc/evil.csv",
        "C:\\windows\\evil.csv",
    ] {
        let (sent, _) = sent(&user, name).await?;
        assert_eq!(sent["file_name"], "evil.csv", "{name}");
    }
    let files = files_below(&app.dir().join("uploads"));
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let parts: Vec<_> = file.iter().collect();
        assert_eq!((parts.len(), parts[1].to_str()), (2, Some("evil.csv")));
    }
    assert!(!app.dir().join("evil.csv").exists());
    let long = format!("{}.csv", "x".repeat(252));
    for name in ["a\u{7f}b.csv", "..", long.as_str()] {
        let reply = send(&user, UPLOAD, &[("doc_files", name, CSV)]).await?;
        assert_eq!(reply.status, 400, "{name}: {}", reply.text);
    }
    Ok(())
}

#[tokio::test]
async fn tables_are_read_as_records_and_texts_as_they_are() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let user = app.anonymous();
    let (object, place) = sent(&user, "towns.csv").await?;
    let expected = json!([{"town": "Oslo", "people": 3}, {"town": "Bergen", "people": 2}]);
    for key in [&place, &object.to_string(), &"towns.csv".to_owned()] {
        let text = file(&user, "read", "c-1", key).await?.data();
        let read: Value = serde_json::from_str(text.as_str().context("text")?)?;
        assert_eq!(read, expected, "{key}");
    }
    // As the current pages ask for it.
    let request = user
        .request(Method::GET, "/api/v1/resource/file/read")
        .query(&[("conv_uid", "c-1"), ("file_key", place.as_str())]);
    let text = user.send(request).await?.data();
    assert!(text.as_str().is_some_and(|text| text.contains("Oslo")));
    let many: String = (0..1_500).fold("n\n".to_owned(), |text, n| format!("{text}{n}\n"));
    let path = UPLOAD.replace("chat_excel", "chat_normal");
    let files: [super::Sent<'_>; 2] = [
        ("doc_files", "many.csv", many.as_bytes()),
        ("doc_files", "notes.md", "# grün\n".as_bytes()),
    ];
    let both = send(&user, &path, &files).await?.data();
    assert_eq!(
        (&both[0]["file_name"], &both[1]["file_learning"]),
        (&json!("many.csv"), &json!(false))
    );
    let text = file(&user, "read", "c-1", "many.csv").await?.data();
    let read: Vec<Value> = serde_json::from_str(text.as_str().context("text")?)?;
    assert_eq!(read.len(), 1_001);
    assert_eq!(
        read[1_000],
        json!({"__note__": "Cut after 1000 rows; there are more."})
    );
    let text = file(&user, "read", "c-1", "notes.md").await?.data();
    assert_eq!(text, "# grün\n");
    Ok(())
}

#[tokio::test]
async fn a_file_is_found_by_its_owner_in_its_conversation_alone() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let user = app.anonymous();
    let (_, place) = sent(&user, "towns.csv").await?;
    for act in ["read", "delete"] {
        let elsewhere = file(&user, act, "c-2", &place).await?;
        for reply in [elsewhere, as_another(&app, act, &place).await?] {
            assert_eq!(
                (reply.status, &reply.json()["err_code"]),
                (400, &json!("E0003")),
                "{act}: {}",
                reply.text
            );
            assert!(reply.text.contains("no file named"), "{}", reply.text);
        }
    }
    let body = json!({
        "conv_uid": "c-1", "chat_mode": "chat_excel", "model_name": "scripted", "user_input": "how many?",
        "select_param": place,
    });
    let foreign = user
        .request(Method::POST, "/api/v1/chat/completions")
        .header("user-id", "002")
        .json(&body);
    let foreign = user.send(foreign).await?;
    assert!(foreign.text.contains("no file named"), "{}", foreign.text);
    for (query, missing) in [("conv_uid=c-1", "file_key"), ("file_key=x", "conv_uid")] {
        let path = format!("/api/v1/resource/file/delete?{query}");
        let reply = user.send(user.request(Method::POST, &path)).await?;
        assert_eq!(
            reply.json()["err_msg"],
            format!("query.{missing}:Field required;")
        );
    }
    assert_eq!(file(&user, "read", "c-1", &place).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_key_with_grants_asks_its_own_files_and_sees_no_others() -> Result<()> {
    let script = Script::default().sql("how many?", "SELECT COUNT(*) AS n FROM towns");
    let (app, _upstream) = app(script).await?;
    app.add_sqlite("shop", "CREATE TABLE t (id INTEGER)")
        .await?;
    let one = app.keyed("one", false, Some(&["shop"])).await?;
    let other = app.keyed("other", false, Some(&["shop"])).await?;
    let (object, _) = sent(&one, "towns.csv").await?;
    for _ in 0..2 {
        let text = ask(&one, "how many?", object.clone()).await?;
        assert!(text.contains("<chart-view "), "{text}");
    }
    let foreign = turn(&other, "how many?", object).await?;
    assert_eq!(foreign.status, 403, "{}", foreign.text);
    for (user, messages, conversations) in [(&one, 9, 1), (&other, 0, 0)] {
        let history = user.get(HISTORY).await?.data();
        assert_eq!(said(&history).len(), messages, "{history}");
        let list = user.get("/api/v1/chat/dialogue/list").await?.data();
        assert_eq!(list.as_array().map(Vec::len), Some(conversations), "{list}");
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_deleted_is_gone_and_can_be_asked_no_more() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let user = app.anonymous();
    let (object, place) = sent(&user, "towns.csv").await?;
    assert_eq!(
        file(&user, "delete", "c-1", &place).await?.data(),
        Value::Null
    );
    assert!(files_below(&app.dir().join("uploads")).is_empty());
    assert!(left_in(&app).is_empty(), "{:?}", left_in(&app));
    let again = file(&user, "delete", "c-1", &place).await?;
    assert!(again.text.contains("no file named"), "{}", again.text);
    let asked = ask(&user, "how many?", object).await?;
    assert!(asked.contains("no file named"), "{asked}");
    Ok(())
}

#[tokio::test]
async fn files_go_with_their_conversation() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let user = app.anonymous();
    sent(&user, "towns.csv").await?;
    user.send(user.request(Method::POST, "/api/v1/chat/dialogue/delete?con_uid=c-1"))
        .await?
        .data();
    assert!(left_in(&app).is_empty(), "{:?}", left_in(&app));
    let kept = app.app.store.list_uploads(&"c-1".into()).await?;
    assert!(kept.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_sender_who_leaves_at_the_end_leaves_a_file_that_is_whole() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let preparation = Preparation {
        conversation: "c-1".into(),
        mode: "chat_excel".to_owned(),
        select_param: None,
        model: None,
        sys_code: None,
        app_code: None,
    };
    let caller = Caller::local("001");
    let uploads = app.app.uploads();
    let mut incoming = uploads.begin(&caller, preparation).await?;
    let mut part = incoming.open("body.file", Some("towns.csv")).await?;
    part.write("body.file", CSV).await?;
    incoming.keep(part).await?;
    let finished = tokio::time::timeout(Duration::ZERO, incoming.finish()).await;
    assert!(finished.is_err(), "it cannot be read at once");
    eventually("the file to be known", || async {
        let sent = app.app.store.list_uploads(&"c-1".into()).await?;
        Ok((sent.len() == 1).then_some(()))
    })
    .await?;
    let read = file(&app.anonymous(), "read", "c-1", "towns.csv").await?;
    assert!(read.text.contains("Bergen"), "{}", read.text);
    Ok(())
}

#[tokio::test]
async fn what_was_left_behind_goes_at_the_next_start_and_the_rest_stays() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let user = app.anonymous();
    let (_, place) = sent(&user, "towns.csv").await?;
    let before = left_in(&app);
    // A server that was killed while a file was sent, and after one was read.
    let left = app.dir().join("uploads/0199-left");
    std::fs::create_dir_all(&left)?;
    std::fs::write(left.join("sending.part"), b"half a")?;
    std::fs::write(app.dir().join("files/uploads/0199-left.db"), b"")?;
    app.app.sweep().await;
    assert_eq!(left_in(&app), before);
    assert!(!left.exists());
    assert_eq!(file(&user, "read", "c-1", &place).await?.status, 200);
    Ok(())
}
