//! What is refused, early and whole: nothing of it is kept.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use tidegate_schema::model::Caller;
use tidegate_server::services::uploads::Preparation;
use tidegate_tests::{TestApp, upstream::Script};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{HISTORY, LOAD, UPLOAD, app, left_in, send};

#[tokio::test]
async fn a_file_that_announces_its_size_is_refused_before_it_is_read() -> Result<()> {
    let app = TestApp::builder()
        .config("[limits]\nupload_megabytes = 1")
        .start()
        .await?;
    let mut stream = TcpStream::connect(app.web).await?;
    let head = format!(
        "POST {UPLOAD} HTTP/1.1\r\nHost: {}\r\nContent-Type: multipart/form-data; boundary=x\r\n\
         Content-Length: 209715200\r\nConnection: close\r\n\r\n",
        app.web
    );
    let started = Instant::now();
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(30), stream.read_to_string(&mut answer)).await??;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("limits.upload_megabytes"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(left_in(&app).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_file_may_be_larger_than_other_bodies() -> Result<()> {
    let app = TestApp::builder()
        .config("[server]\nmax_body_bytes = 1000\n[limits]\nupload_megabytes = 1")
        .start()
        .await?;
    let path = UPLOAD.replace("chat_excel", "chat_normal");
    let content = vec![b'x'; 100_000];
    let sent = send(
        &app.anonymous(),
        &path,
        &[("doc_files", "notes.md", &content)],
    )
    .await?;
    assert_eq!(sent.data()["file_name"], "notes.md");
    Ok(())
}

#[tokio::test]
async fn a_file_that_grows_beyond_its_limit_leaves_nothing_behind() -> Result<()> {
    let app = TestApp::builder()
        .config("[limits]\nupload_megabytes = 1")
        .start()
        .await?;
    let preparation = Preparation {
        conversation: "c-1".into(),
        mode: "chat_normal".to_owned(),
        select_param: None,
        model: None,
        sys_code: None,
        app_code: None,
    };
    let caller = Caller::local("001");
    let uploads = app.app.uploads();
    let incoming = uploads.begin(&caller, preparation).await?;
    let mut part = incoming.open("body.file", Some("large.csv")).await?;
    let piece = vec![b'x'; 600_000];
    part.write("body.file", &piece).await?;
    let refused = part.write("body.file", &piece).await;
    let text = refused.expect_err("too large").to_string();
    assert!(
        text.starts_with("body.file: 'large.csv' is larger than 1 MB"),
        "{text}"
    );
    assert!(text.contains("limits.upload_megabytes"), "{text}");
    drop((part, incoming));
    assert!(left_in(&app).is_empty());
    Ok(())
}

#[tokio::test]
async fn one_conversation_asks_one_file() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let files: [super::Sent<'_>; 2] = [
        ("doc_files", "a.csv", b"n\n1\n"),
        ("doc_files", "b.csv", b"n\n1\n"),
    ];
    let reply = send(&app.anonymous(), UPLOAD, &files).await?;
    let body = reply.json();
    assert_eq!(
        (reply.status, &body["success"], &body["err_code"]),
        (200, &json!(false), &json!("E000X"))
    );
    assert_eq!(
        body["err_msg"],
        "Only one file is supported for Excel chat."
    );
    assert!(left_in(&app).is_empty());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_place_and_not_kept() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let user = app.anonymous();
    let ragged: super::Sent<'_> = ("doc_files", "town list.csv", b"a,b\n1,2\n1,2,3\n");
    let reply = send(&user, UPLOAD, &[ragged]).await?;
    let body = reply.json();
    assert_eq!((reply.status, &body["err_code"]), (400, &json!("E0001")));
    let message = body["err_msg"].as_str().unwrap_or_default();
    assert!(
        message.contains("'town list.csv'") && message.contains("row 3"),
        "{message}"
    );
    assert!(
        !message.contains(&app.dir().display().to_string()),
        "{message}"
    );
    let loaded = send(&user, LOAD, &[("doc_file", "town list.csv", ragged.2)]).await?;
    let body = loaded.json();
    assert_eq!((loaded.status, &body["err_code"]), (200, &json!("E000X")));
    let message = body["err_msg"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("File Load Error ") && message.contains("row 3"),
        "{message}"
    );
    for (name, content, expected) in [
        ("scan.pdf", &b"%PDF-1.7"[..], ".parquet"),
        ("book.xlsx", &b"no workbook"[..], "book.xlsx"),
        ("empty.csv", &b""[..], "empty"),
    ] {
        let reply = send(&user, UPLOAD, &[("doc_files", name, content)]).await?;
        assert_eq!(reply.status, 400, "{name}: {}", reply.text);
        assert!(reply.text.contains(expected), "{name}: {}", reply.text);
    }
    assert!(left_in(&app).is_empty(), "{:?}", left_in(&app));
    assert_eq!(user.get(HISTORY).await?.data(), json!([]));
    Ok(())
}

#[tokio::test]
async fn a_form_without_a_file_is_told_what_it_misses() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let user = app.anonymous();
    for (path, field) in [(UPLOAD, "doc_files"), (LOAD, "doc_file")] {
        let expected = json!({
            "success": false, "err_code": "E0001", "err_msg": format!("body.{field}:Field required;"), "data": null,
        });
        let bare = user.send(user.request(reqwest::Method::POST, path)).await?;
        assert_eq!((bare.status, bare.json()), (400, expected.clone()));
        let other = send(&user, path, &[("picture", "a.png", b"x")]).await?;
        assert_eq!((other.status, other.json()), (400, expected));
    }
    let nowhere = send(
        &user,
        "/api/v1/resource/file/upload?chat_mode=chat_excel",
        &[("doc_files", "a.csv", b"n\n1\n")],
    )
    .await?;
    assert_eq!(nowhere.json()["err_msg"], "query.conv_uid:Field required;");
    Ok(())
}
