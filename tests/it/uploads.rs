//! Files that are sent: kept, read, asked as tables, introduced, and gone with whatever they belong to.

mod asked;
mod kept;
mod refused;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tidegate_tests::{
    Reply, TestApp, User,
    sse::Frame,
    upstream::{Script, Upstream},
};

/// Where the pages send files, and where older ones did.
const UPLOAD: &str =
    "/api/v1/resource/file/upload?conv_uid=c-1&chat_mode=chat_excel&model_name=scripted";
const LOAD: &str =
    "/api/v1/chat/mode/params/file/load?conv_uid=c-1&chat_mode=chat_excel&model_name=scripted";
const HISTORY: &str = "/api/v1/chat/dialogue/messages/history?con_uid=c-1";

/// A file to send: its field, name and content.
type Sent<'a> = (&'static str, &'a str, &'a [u8]);

/// Sends files in one form, names as browsers write them.
async fn send(user: &User, path: &str, files: &[Sent<'_>]) -> Result<Reply> {
    let mut form = Form::new().percent_encode_noop();
    for &(field, name, content) in files {
        let part = Part::bytes(content.to_vec()).file_name(name.to_owned());
        form = form.part(field, part);
    }
    user.send(user.request(Method::POST, path).multipart(form))
        .await
}

/// An application with a scripted model.
async fn app(script: Script) -> Result<(TestApp, Upstream)> {
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    Ok((app, upstream))
}

/// Asks a question of a file.
async fn turn(user: &User, question: &str, select_param: Value) -> Result<Reply> {
    let body = json!({
        "conv_uid": "c-1", "chat_mode": "chat_excel", "model_name": "scripted", "user_input": question,
        "select_param": select_param,
    });
    user.post("/api/v1/chat/completions", &body).await
}

/// Asks a question of a file; the last text the pages are given.
async fn ask(user: &User, question: &str, select_param: Value) -> Result<String> {
    let reply = turn(user, question, select_param).await?;
    let frames = reply.frames();
    let last = frames.last().context("a frame")?;
    Ok(match last {
        Frame::Json(frame) => frame["choices"][0]["message"]["content"]
            .as_str()
            .context("content")?
            .to_owned(),
        Frame::Text(text) => text.clone(),
        Frame::Done => String::new(),
    })
}

/// The content of the chart in a text.
fn chart(text: &str) -> Result<Value> {
    let (_, rest) = text
        .split_once("<chart-view content=\"")
        .with_context(|| format!("no chart in {text}"))?;
    let (content, _) = rest.split_once("\" />").context("the chart's end")?;
    let plain = content
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    Ok(serde_json::from_str(&plain)?)
}

/// Role and text of a conversation's messages.
fn said(history: &Value) -> Vec<(String, String)> {
    let text =
        |message: &Value, field: &str| message[field].as_str().unwrap_or_default().to_owned();
    history
        .as_array()
        .into_iter()
        .flatten()
        .map(|message| (text(message, "role"), text(message, "context")))
        .collect()
}

/// What lies below a folder: every file, by its path within.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.extend(path.strip_prefix(folder).map(Path::to_path_buf));
            }
        }
    }
    found.sort();
    found
}

/// Everything of uploads in a data directory: the files, and what was read of them.
fn left_in(app: &TestApp) -> Vec<PathBuf> {
    let mut found = files_below(&app.dir().join("uploads"));
    found.extend(files_below(&app.dir().join("files/uploads")));
    found
}
