//! Plays the cases of our own, a group at a time, against a server with a database and a few conversations.

use anyhow::{Context as _, Result};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tidegate_tests::{
    Reply, TestApp, User,
    json::{ABSENT, Bindings, Mismatch, compare},
    upstream::{Script, Upstream},
};

use super::cases::{self, Answer, Case, DASHBOARD, GROUPS, Sent, proposal};
use crate::support::{QUESTION, SQL, TOWNS};

/// A server with the database `towns`, the model `scripted` and three conversations.
pub(super) async fn world() -> Result<(TestApp, Upstream)> {
    world_with("").await
}

/// The same with other models beside, as `[[models]]` tables.
async fn world_with(models: &str) -> Result<(TestApp, Upstream)> {
    let script = Script::default()
        .answer("hi", &["hello"])
        .answer(DASHBOARD, &[&proposal()])
        .sql(QUESTION, SQL);
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .model(models)
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    for conversation in ["c-1", "c-2", "c-3"] {
        let body = json!({"conv_uid": conversation, "model_name": "scripted", "user_input": "hi"});
        app.anonymous()
            .post("/api/v1/chat/completions", &body)
            .await?;
    }
    Ok((app, upstream))
}

/// Plays a group of cases in their order.
async fn play(group: &str) -> Result<()> {
    let (_, cases) = GROUPS
        .iter()
        .find(|(name, _)| *name == group)
        .with_context(|| format!("no group '{group}'"))?;
    let models = match group {
        "openai" => cases::OPENAI_MODELS,
        "cluster" => cases::CLUSTER_MODELS,
        _ => "",
    };
    let (app, _upstream) = world_with(models).await?;
    let mut bindings = Bindings::default();
    for case in *cases {
        let reply = ask(&app.anonymous(), case, &bindings).await?;
        let found = judge(case, &reply, &mut bindings);
        assert!(
            found.is_empty(),
            "{} {}: {found:#?}\n{} {}",
            case.method,
            case.path,
            reply.status,
            reply.text
        );
    }
    Ok(())
}

async fn ask(user: &User, case: &Case, bindings: &Bindings) -> Result<Reply> {
    let base = if case.openai {
        user.openai()
    } else {
        user.web()
    };
    let method = Method::from_bytes(case.method.as_bytes())?;
    let mut request = user.request(method, &format!("{base}{}", bindings.fill(case.path)));
    if case.foreign {
        request = request.header("origin", "http://page.example");
    }
    request = match case.sent {
        Sent::Nothing => request,
        Sent::Json(body) => request.json(&bindings.fill_json(&body())),
        Sent::Text(text) => request.body(text),
        Sent::File {
            field,
            name,
            content,
        } => {
            let file = Part::text(content).file_name(name).mime_str("text/csv")?;
            request.multipart(Form::new().part(field, file))
        }
    };
    user.send(request).await
}

/// What is not as promised.
fn judge(case: &Case, reply: &Reply, bindings: &mut Bindings) -> Vec<Mismatch> {
    let status = |expected: u16| {
        (reply.status != expected).then(|| Mismatch {
            path: "status".to_owned(),
            expected: json!(expected),
            got: json!(reply.status),
        })
    };
    let lacks = |what: &str| Mismatch {
        path: "text".to_owned(),
        expected: json!(what),
        got: Value::Null,
    };
    match case.answer {
        Answer::Body(code, body) => {
            let mut found = compare(&body(), &reply.json(), bindings);
            found.extend(status(code));
            found
        }
        Answer::Part(body) => {
            let mut found = compare(&body(), &reply.json(), bindings);
            found.retain(|mismatch| mismatch.expected != ABSENT);
            found.extend(status(200));
            found
        }
        Answer::Holds(text) => {
            let missing = (!reply.text.contains(text)).then(|| lacks(text));
            status(200).into_iter().chain(missing).collect()
        }
        Answer::Turn => {
            let frames = reply.frames();
            let told = !frames.is_empty() && frames.iter().all(|frame| frame.json().is_some());
            let missing = (!told).then(|| lacks("frames of JSON"));
            status(200).into_iter().chain(missing).collect()
        }
        Answer::Refused(code, name, text) => {
            let expected =
                json!({"success": false, "err_code": name, "err_msg": "{{ANY}}", "data": null});
            let mut found = compare(&expected, &reply.json(), bindings);
            let text = bindings.fill(text);
            let message = reply.json()["err_msg"].clone();
            if !message
                .as_str()
                .is_some_and(|message| message.contains(&text))
            {
                found.push(lacks(&text));
            }
            found.extend(status(code));
            found
        }
    }
}

#[tokio::test]
async fn routes_of_the_server_answer_as_promised() -> Result<()> {
    play("server").await
}

#[tokio::test]
async fn routes_of_conversations_answer_as_promised() -> Result<()> {
    play("dialogue").await
}

#[tokio::test]
async fn routes_of_datasources_answer_as_promised() -> Result<()> {
    play("datasources").await
}

#[tokio::test]
async fn routes_of_the_editor_answer_as_promised() -> Result<()> {
    play("editor").await
}

#[tokio::test]
async fn routes_of_charts_answer_as_promised() -> Result<()> {
    play("charts").await
}

#[tokio::test]
async fn routes_of_models_answer_as_promised() -> Result<()> {
    play("models").await
}

#[tokio::test]
async fn routes_between_processes_answer_as_promised() -> Result<()> {
    play("cluster").await
}

#[tokio::test]
async fn routes_of_files_answer_as_promised() -> Result<()> {
    play("files").await
}

#[tokio::test]
async fn routes_of_the_openai_surface_answer_as_promised() -> Result<()> {
    play("openai").await
}

#[tokio::test]
async fn routes_of_feedback_answer_as_promised() -> Result<()> {
    play("feedback").await
}
