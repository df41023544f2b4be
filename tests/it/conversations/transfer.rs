//! Conversations as files: out, and in again.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{DIALOGUE, ask, column, failure, four, history, list};
use crate::support::{QUESTION, SQL};

const IMPORT: &str = "/api/v1/chat/dialogue/import";

#[tokio::test]
async fn what_is_exported_and_imported_again_is_the_same() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    ask(&user, "c-2", "chat_with_db_execute", QUESTION).await?;
    let rename = json!({"conv_uid": "c-2", "title": "Towns by size"});
    user.post(&format!("{DIALOGUE}/rename"), &rename)
        .await?
        .data();
    let like = json!({"conv_uid": "c-2", "message_id": "2", "feedback_type": "like"});
    user.post("/api/v1/conv/feedback/add", &like).await?.data();
    let path = format!("{DIALOGUE}/export?con_uid=c-2&format=json");
    let before = user.get(&path).await?;
    assert_eq!(before.header("content-type"), "application/json");
    assert_eq!(
        before.header("content-disposition"),
        "attachment; filename=\"conversation-Towns_by_size.json\""
    );
    let told = history(&user, "c-2").await?;
    user.post(&format!("{DIALOGUE}/delete?con_uid=c-2"), &json!({}))
        .await?
        .data();
    let imported = user.post(IMPORT, &before.json()).await?.data();
    assert_eq!(
        imported,
        json!([{"conv_uid": "c-2", "from_conv_uid": "c-2", "title": "Towns by size", "total_messages": 6}])
    );
    assert_eq!(user.get(&path).await?.text, before.text);
    let mut again = history(&user, "c-2").await?;
    for (message, old) in again
        .as_array_mut()
        .context("messages")?
        .iter_mut()
        .zip(told.as_array().context("messages")?)
    {
        // An opinion's number is the store's own.
        if !message["feedback"]["id"].is_null() {
            message["feedback"]["id"] = old["feedback"]["id"].clone();
        }
    }
    assert_eq!(again, told);
    // The editor reads it as before, and the next question goes on behind it.
    let body = json!({"conv_uid": "c-2", "sql": SQL});
    let run = user.post("/api/v1/editor/sql/run", &body).await?.data();
    assert_eq!(run["values"].as_array().map(Vec::len), Some(3), "{run}");
    ask(&user, "c-2", "chat_with_db_execute", QUESTION).await?;
    let orders = history(&user, "c-2").await?;
    assert_eq!(orders[8]["order"], 3, "{orders}");
    Ok(())
}

#[tokio::test]
async fn an_id_that_is_taken_is_replaced_and_told() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let file = user
        .get(&format!("{DIALOGUE}/export?conv_uid=c-2"))
        .await?
        .json();
    let imported = user.post(IMPORT, &file).await?.data();
    let new = imported[0]["conv_uid"]
        .as_str()
        .context("an id")?
        .to_owned();
    assert_eq!(imported[0]["from_conv_uid"], "c-2");
    assert_ne!(new, "c-2");
    assert_eq!(history(&user, &new).await?, history(&user, "c-2").await?);
    assert_eq!(column(&list(&user).await?, "conv_uid").len(), 5);
    Ok(())
}

#[tokio::test]
async fn a_broken_file_stores_nothing_of_it() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let file = user
        .get(&format!("{DIALOGUE}/export?con_uid=c-2"))
        .await?
        .json();
    let mut good = file["conversations"][0].clone();
    good["conv_uid"] = json!("good");
    for message in good["messages"].as_array_mut().context("messages")? {
        message["id"] = json!("");
    }
    let mut broken = good.clone();
    broken["conv_uid"] = json!("broken");
    broken["messages"][2]["role"] = json!("robot");
    let mut both = file.clone();
    both["conversations"] = json!([good, broken]);
    let mut newer = file.clone();
    newer["version"] = json!(9);
    for (body, place) in [
        (both, "body.conversations[1].messages[2].role:"),
        (newer, "body.format:"),
        (json!({}), "body:"),
        (json!({"conversations": []}), "body:"),
        (
            json!([{"messages": [{"type": "robot", "data": {"content": "x"}}]}]),
            "body.messages[0].messages[0].role:",
        ),
    ] {
        let refused = failure(&user.post(IMPORT, &body).await?);
        assert_eq!((refused.0, refused.1.as_str()), (400, "E0001"), "{body}");
        assert!(refused.2.starts_with(place), "{refused:?}");
    }
    let text = user
        .request(reqwest::Method::POST, IMPORT)
        .body("{\"conversations\": [");
    let refused = failure(&user.send(text).await?);
    assert!(
        refused.2.starts_with("body:JSON decode error"),
        "{refused:?}"
    );
    assert_eq!(column(&list(&user).await?, "conv_uid").len(), 4);
    Ok(())
}

#[tokio::test]
async fn exports_of_db_gpt_are_read_and_shown() -> Result<()> {
    let (app, _upstream, user) = four().await?;
    // Ours of the same route are read as well: they have its form.
    let exported = user
        .get(&format!("{DIALOGUE}/export_messages?format=json"))
        .await?;
    assert_eq!(exported.header("content-type"), "application/json");
    let exported = exported.json();
    assert_eq!(exported["total_conversations"], 4);
    assert_eq!(
        (&exported["user_name"], &exported["sys_code"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        column(&exported["conversations"], "conv_uid"),
        ["c-4", "c-3", "c-2", "c-1"]
    );
    let one = &exported["conversations"][2];
    assert_eq!(
        (&one["total_messages"], &one["messages"]),
        (&json!(3), &history(&user, "c-2").await?)
    );
    for conversation in ["c-1", "c-2", "c-3", "c-4"] {
        user.post(
            &format!("{DIALOGUE}/delete?con_uid={conversation}"),
            &json!({}),
        )
        .await?
        .data();
    }
    let imported = user.post(IMPORT, &exported).await?.data();
    assert_eq!(column(&imported, "conv_uid"), ["c-4", "c-3", "c-2", "c-1"]);
    let told = history(&user, "c-2").await?;
    assert_eq!(
        told[2]["context"], one["messages"][2]["context"],
        "the chart is in its text"
    );

    let rounds = json!([{
        "chat_mode": "chat_normal", "model_name": "vicuna", "chat_order": 1, "start_date": "2023-09-30 12:00:00",
        "param_value": "", "summary": "s",
        "messages": [
            {"type": "human", "data": {"content": "an old question"}},
            {"type": "ai", "data": {"content": "an old answer"}},
        ],
    }]);
    let imported = user.post(IMPORT, &rounds).await?.data();
    assert_eq!(
        (&imported[0]["from_conv_uid"], &imported[0]["title"]),
        (&Value::Null, &json!("an old question"))
    );
    let id = imported[0]["conv_uid"].as_str().context("an id")?;
    let told = history(&user, id).await?;
    assert_eq!(
        column(&told, "role"),
        ["human", "ai", "view"],
        "a view stands in for the missing one"
    );
    assert_eq!(told[2]["context"], "an old answer");
    let rounds = user.get("/api/v1/editor/sql/rounds?con_uid=c-2").await?;
    assert_eq!(rounds.data(), json!([]), "of which database is not told");

    // Nor is it to whom it was granted: only whoever may see everything sees what was asked of a database.
    let some = app.keyed("some", false, Some(&["towns"])).await?;
    let seen = list(&some).await?;
    let seen = column(&seen, "conv_uid");
    assert!(seen.contains(&"c-1") && !seen.contains(&"c-2"), "{seen:?}");
    assert_eq!(history(&some, "c-2").await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn all_messages_are_an_attachment_unless_json_is_asked_for() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let path = format!("{DIALOGUE}/export_messages");
    let file = user.get(&format!("{path}?user_name=001")).await?;
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"conversation_export_001_dbgpt.json\""
    );
    assert_eq!(file.json()["total_conversations"], 4);
    let nobody = user
        .get(&format!("{path}?user_id=nobody&format=json"))
        .await?
        .json();
    assert_eq!(
        nobody,
        json!({"user_name": "nobody", "sys_code": null, "conversations": [], "total_conversations": 0})
    );
    let refused = failure(&user.get(&format!("{path}?format=xml")).await?);
    assert_eq!(refused.2, "query.format:Input should be 'file' or 'json';");
    Ok(())
}

#[tokio::test]
async fn a_page_of_markdown_shows_question_query_table_and_words() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let path = format!("{DIALOGUE}/export?format=markdown&con_uid");
    let page = user.get(&format!("{path}=c-2")).await?;
    assert!(page.header("content-type").starts_with("text/markdown"));
    for part in [
        "## Question 1\n",
        "> how many people live in each town, largest first?\n",
        "Here it is.\n",
        SQL,
        "| town | people |\n| --- | --- |\n| Oslo | 3 |\n| Bergen | 2 |\n",
    ] {
        assert!(
            page.text.contains(part),
            "{part:?} is missing in {}",
            page.text
        );
    }
    for (query, message) in [
        (format!("{path}=nope"), "no conversation named 'nope'"),
        (format!("{DIALOGUE}/export"), "query.con_uid:Field required"),
        (
            format!("{DIALOGUE}/export?con_uid=c-2&format=pdf"),
            "query.format:Input should be",
        ),
    ] {
        let refused = failure(&user.get(&query).await?);
        assert!(refused.2.starts_with(message), "{query}: {refused:?}");
    }
    Ok(())
}

#[tokio::test]
async fn importing_takes_the_right_to_manage_datasources() -> Result<()> {
    let (app, _upstream, user) = four().await?;
    let file = user
        .get(&format!("{DIALOGUE}/export?con_uid=c-2"))
        .await?
        .json();
    let asks = app.keyed("asks", false, None).await?;
    let other = app.keyed("other", true, Some(&[])).await?;
    for (user, reason) in [(&asks, "manage datasources"), (&other, "has no grant on")] {
        let refused = failure(&user.post(IMPORT, &file).await?);
        assert_eq!(refused.0, 403, "{refused:?}");
        assert!(refused.2.contains(reason), "{refused:?}");
    }
    Ok(())
}
