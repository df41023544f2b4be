//! The page of the 0.5 line, `old_web`: plain frames, bodies without a query, the old upload.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::Reply;

use super::{DASHBOARD, HELLO, Page, REVENUE, acts, chart_view, has, list, opened, report, text};
use crate::support::{QUESTION, SQL};

const PLAIN: &str = "[server]\nplain_frames = true";

/// The texts of a stream as this page reads them: every event is one line behind `data:`, without a space, in which
/// a line break is a backslash and an `n`; one that begins with `[ERROR]` is shown as a failure.
fn told(reply: &Reply) -> Vec<String> {
    assert!(reply.text.ends_with("\n\n"), "{:?}", reply.text);
    let events = reply.text.trim_end_matches('\n').split("\n\n");
    events
        .map(|event| {
            let data = event
                .strip_prefix("data:")
                .unwrap_or_else(|| panic!("no data in {event:?}"));
            assert!(
                !data.starts_with([' ', '\n']) && !data.contains('\n'),
                "not a plain frame: {event:?}"
            );
            assert!(!data.starts_with("[ERROR]") && data != "[DONE]", "{event}");
            data.replace("\\n", "\n")
        })
        .collect()
}

/// Asks in a conversation; what the page shows at the end.
async fn ask(
    page: &Page,
    conversation: &str,
    mode: &str,
    asked: &Value,
    question: &str,
) -> Result<String> {
    let body = json!({
        "conv_uid": conversation, "user_input": question, "chat_mode": mode, "select_param": asked,
        "model_name": "scripted",
    });
    let texts = told(&page.ask(&body).await?);
    texts.last().cloned().context("an event")
}

/// A new conversation. This page names the mode in the body alone.
async fn begin(page: &Page, mode: &str) -> Result<String> {
    let new = page
        .post(
            "/api/v1/chat/dialogue/new",
            &json!({"chat_mode": mode, "model": "scripted"}),
        )
        .await?;
    has(&new, "conv_uid:string chat_mode:string");
    assert_eq!(new["chat_mode"], mode);
    Ok(text(&new["conv_uid"]))
}

#[tokio::test]
async fn the_first_visit_shows_scenes_models_and_no_conversation() -> Result<()> {
    let (_app, _upstream, page) = opened(PLAIN).await?;
    let scenes = page.act("/api/v1/chat/dialogue/scenes").await?;
    for scene in list(&scenes) {
        has(
            scene,
            "chat_scene:string scene_name:string scene_describe:string param_title:string show_disable:boolean",
        );
    }
    for mode in [
        "chat_with_db_execute",
        "chat_with_db_qa",
        "chat_excel",
        "chat_dashboard",
    ] {
        assert!(
            list(&scenes)
                .iter()
                .any(|scene| scene["chat_scene"] == mode),
            "{mode} is missing"
        );
    }
    assert_eq!(page.get("/api/v1/model/types").await?, json!(["scripted"]));
    assert_eq!(page.get("/api/v1/chat/dialogue/list").await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn a_chat_is_begun_asked_shown_again_judged_and_deleted() -> Result<()> {
    let (_app, _upstream, page) = opened(PLAIN).await?;
    let conversation = begin(&page, "chat_normal").await?;
    let said = ask(&page, &conversation, "chat_normal", &json!(""), HELLO).await?;
    assert_eq!(said, "Hello there,\nwhat would you like to know?");
    let history = page.history(&conversation).await?;
    assert_eq!(
        (&history[0]["role"], &history[0]["context"]),
        (&json!("human"), &json!(HELLO))
    );
    assert_eq!(page.shown(&conversation, 1).await?, said);
    let listed = page.listed(&conversation).await?.context("listed")?;
    assert_eq!(
        (&listed["user_input"], &listed["chat_mode"]),
        (&json!(HELLO), &json!("chat_normal"))
    );
    judge(&page, &conversation).await?;
    acts::delete(&page, &conversation).await
}

/// The old form of an opinion.
async fn judge(page: &Page, conversation: &str) -> Result<()> {
    let topics = page.get("/api/v1/feedback/select").await?;
    has(
        &topics,
        "information:string work_study:string just_fun:string others:string",
    );
    let find = format!("/api/v1/feedback/find?conv_uid={conversation}&conv_index=1");
    assert_eq!(page.get(&find).await?, Value::Null);
    let opinion = json!({
        "conv_uid": conversation, "conv_index": 1, "question": HELLO, "knowledge_space": "", "score": 4,
        "ques_type": "just_fun", "messages": "friendly",
    });
    assert_eq!(page.post("/api/v1/feedback/commit", &opinion).await?, true);
    let found = page.get(&find).await?;
    has(
        &found,
        "conv_uid:string conv_index:number question:string score:number ques_type:string messages:string?",
    );
    assert_eq!(
        (&found["score"], &found["messages"]),
        (&json!(4), &json!("friendly"))
    );
    Ok(())
}

#[tokio::test]
async fn a_database_is_added_asked_and_its_answer_edited_and_run_again() -> Result<()> {
    let (app, _upstream, page) = opened(PLAIN).await?;
    acts::databases(&page, &app.dir()).await?;
    acts::choices(&page).await?;
    let mode = "chat_with_db_execute";
    let conversation = begin(&page, mode).await?;
    let said = ask(&page, &conversation, mode, &json!("towns"), QUESTION).await?;
    assert!(said.starts_with("Here it is.\n<chart-view "), "{said}");
    let chart = chart_view(&said);
    assert_eq!(
        (&chart["sql"], &chart["data"][0]),
        (&json!(SQL), &json!({"town": "Oslo", "people": 3}))
    );
    assert_eq!(page.shown(&conversation, 1).await?, said);
    acts::edit_sql(&page, &conversation).await?;
    // Asked once more, the conversation goes on.
    let again = ask(&page, &conversation, mode, &json!("towns"), QUESTION).await?;
    assert_eq!(list(&chart_view(&again)["data"]).len(), 3);
    acts::delete(&page, &conversation).await?;
    assert_eq!(
        page.act("/api/v1/chat/db/delete?db_name=towns").await?,
        true
    );
    assert_eq!(page.get("/api/v1/chat/db/list").await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn a_csv_is_loaded_introduced_and_asked() -> Result<()> {
    let (_app, _upstream, page) = opened(PLAIN).await?;
    let mode = "chat_excel";
    let conversation = begin(&page, mode).await?;
    let path = format!(
        "/api/v1/chat/mode/params/file/load?conv_uid={conversation}&chat_mode={mode}&model_name=scripted"
    );
    let history = page.upload(&path, "doc_file").await?;
    let roles: Vec<&Value> = list(&history)
        .iter()
        .map(|message| &message["role"])
        .collect();
    assert_eq!(roles, [&json!("human"), &json!("ai"), &json!("view")]);
    assert!(text(&history[2]["context"]).contains("region"), "{history}");
    // The page sends on what the list says that the conversation is asked of.
    let listed = page.listed(&conversation).await?.context("listed")?;
    assert!(!text(&listed["select_param"]).is_empty(), "{listed}");
    let said = ask(&page, &conversation, mode, &listed["select_param"], REVENUE).await?;
    acts::check_regions(&said);
    assert_eq!(page.shown(&conversation, 2).await?, said);
    // Or the file's name, as it shows it.
    let named = ask(&page, &conversation, mode, &json!("sales.csv"), REVENUE).await?;
    acts::check_regions(&named);
    acts::delete(&page, &conversation).await
}

#[tokio::test]
async fn a_dashboard_is_drawn_and_a_chart_of_it_edited() -> Result<()> {
    let (app, _upstream, page) = opened(PLAIN).await?;
    acts::databases(&page, &app.dir()).await?;
    let mode = "chat_dashboard";
    let conversation = begin(&page, mode).await?;
    // This page parses the frame itself.
    let said = ask(&page, &conversation, mode, &json!("towns"), DASHBOARD).await?;
    acts::check_dashboard(&report(&said));
    let shown = page.shown(&conversation, 1).await?;
    acts::check_dashboard(&report(&shown.replace("\\n", "\n")));
    acts::edit_chart(&page, &conversation).await?;
    acts::delete(&page, &conversation).await
}
