//! The current page: frames of JSON, a query beside each body, message objects, uploads, thumbs.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{Reply, sse::Frame};

use super::{DASHBOARD, HELLO, Page, REVENUE, acts, chart_view, has, list, opened, report, text};
use crate::support::{QUESTION, SQL};

/// The texts of a stream as this page reads them: the content of each frame, which is the whole text so far. The
/// stream just ends.
fn told(reply: &Reply) -> Vec<String> {
    assert!(reply.text.starts_with("data: "), "{}", reply.text);
    let contents = reply.frames().into_iter().map(|frame| {
        let Frame::Json(frame) = frame else {
            panic!("not a frame of JSON: {frame:?}");
        };
        has(&frame, "id:string model:string choices:list usage:object");
        let message = &frame["choices"][0]["message"];
        has(message, "role:string content:string reasoning_content:null");
        text(&message["content"])
    });
    contents.collect()
}

/// Asks in a conversation; what the page shows at the end.
async fn ask(
    page: &Page,
    conversation: &str,
    mode: &str,
    asked: &Value,
    question: &Value,
) -> Result<String> {
    let body = json!({
        "conv_uid": conversation, "app_code": "", "user_input": question, "chat_mode": mode, "select_param": asked,
        "model_name": "scripted", "temperature": 0.6, "max_new_tokens": 4000, "ext_info": {},
    });
    let texts = told(&page.ask(&body).await?);
    texts.last().cloned().context("a frame")
}

/// A new conversation, which this page names in the query and in the body.
async fn begin(page: &Page, mode: &str) -> Result<String> {
    let new = page
        .post(
            &format!("/api/v1/chat/dialogue/new?chat_mode={mode}&model_name=scripted"),
            &json!({"chat_mode": mode, "model": "scripted"}),
        )
        .await?;
    has(&new, "conv_uid:string chat_mode:string");
    assert_eq!(new["chat_mode"], mode);
    Ok(text(&new["conv_uid"]))
}

/// The page of conversations beside the chat.
async fn first_page(page: &Page, filter: &Value) -> Result<Vec<Value>> {
    let found = page
        .post(
            "/api/v1/chat/dialogue/query_page?page=1&page_size=20",
            filter,
        )
        .await?;
    has(
        &found,
        "items:list total_count:number total_pages:number page:number page_size:number",
    );
    assert_eq!(
        (&found["page"], &found["page_size"]),
        (&json!(1), &json!(20))
    );
    Ok(list(&found["items"]).to_vec())
}

#[tokio::test]
async fn the_first_visit_finds_models_questions_reasons_and_nothing_to_go_on_with() -> Result<()> {
    let (_app, _upstream, page) = opened("").await?;
    assert_eq!(page.get("/api/v1/model/types").await?, json!(["scripted"]));
    assert_eq!(page.get("/api/v1/chat/dialogue/list").await?, json!([]));
    assert!(first_page(&page, &json!({})).await?.is_empty());
    let questions = page
        .get("/api/v1/question/list?valid=true&is_hot_question=true")
        .await?;
    assert!(list(&questions).is_empty());
    let reasons = page.get("/api/v1/conv/feedback/reasons").await?;
    assert!(!list(&reasons).is_empty());
    for reason in list(&reasons) {
        has(reason, "reason_type:string reason:string");
    }
    Ok(())
}

#[tokio::test]
async fn a_chat_is_begun_asked_stopped_liked_cleared_and_deleted() -> Result<()> {
    let (_app, _upstream, page) = opened("").await?;
    let mode = "chat_normal";
    let conversation = begin(&page, mode).await?;
    let hello = json!({"role": "user", "content": [{"type": "text", "text": HELLO}]});
    let said = ask(&page, &conversation, mode, &json!(""), &hello).await?;
    assert_eq!(said, "Hello there,\nwhat would you like to know?");
    assert_eq!(page.shown(&conversation, 1).await?, said);
    let stop = format!("/api/v1/chat/topic/terminate?conv_id={conversation}&round_index=1");
    assert_eq!(page.act(&stop).await?, Value::Null);
    let listed = first_page(&page, &json!({"chat_mode": mode, "sys_code": ""})).await?;
    assert_eq!(
        (&listed[0]["conv_uid"], &listed[0]["user_input"]),
        (&json!(conversation), &json!(HELLO))
    );
    let other = json!({"chat_mode": "chat_excel"});
    assert!(first_page(&page, &other).await?.is_empty());
    judge(&page, &conversation).await?;

    let clear = format!("/api/v1/chat/dialogue/clear?con_uid={conversation}");
    assert_eq!(page.act(&clear).await?, Value::Null);
    assert!(page.history(&conversation).await?.is_empty());
    acts::delete(&page, &conversation).await
}

/// Thumbs up, then down with reasons, then none.
async fn judge(page: &Page, conversation: &str) -> Result<()> {
    let opinion = async || -> Result<Value> {
        let history = page.history(conversation).await?;
        Ok(history[2]["feedback"].clone())
    };
    assert_eq!(opinion().await?, json!({}));
    let liked = json!({"conv_uid": conversation, "message_id": "1", "feedback_type": "like"});
    let kept = page.post("/api/v1/conv/feedback/add", &liked).await?;
    has(
        &kept,
        "conv_uid:string message_id:string feedback_type:string",
    );
    assert_eq!(opinion().await?["feedback_type"], "like");
    let disliked = json!({
        "conv_uid": conversation, "message_id": "1", "feedback_type": "unlike", "reason_types": ["OTHERS"],
        "remark": "too short",
    });
    page.post("/api/v1/conv/feedback/add", &disliked).await?;
    let now = opinion().await?;
    assert_eq!(
        (&now["feedback_type"], &now["reason_types"], &now["remark"]),
        (&json!("unlike"), &json!(["OTHERS"]), &json!("too short"))
    );
    let taken_back = json!({"conv_uid": conversation, "message_id": "1"});
    page.post("/api/v1/conv/feedback/cancel", &taken_back)
        .await?;
    assert_eq!(opinion().await?, json!({}));
    Ok(())
}

#[tokio::test]
async fn a_database_is_asked_and_its_answer_edited_and_run_again() -> Result<()> {
    let (app, _upstream, page) = opened("").await?;
    acts::databases(&page, &app.dir()).await?;
    acts::choices(&page).await?;
    let mode = "chat_with_db_execute";
    let conversation = begin(&page, mode).await?;
    let said = ask(
        &page,
        &conversation,
        mode,
        &json!("towns"),
        &json!(QUESTION),
    )
    .await?;
    let chart = chart_view(&said);
    assert_eq!(
        (&chart["sql"], &chart["data"][0]),
        (&json!(SQL), &json!({"town": "Oslo", "people": 3}))
    );
    assert_eq!(page.shown(&conversation, 1).await?, said);
    acts::edit_sql(&page, &conversation).await?;
    let again = ask(
        &page,
        &conversation,
        mode,
        &json!("towns"),
        &json!(QUESTION),
    )
    .await?;
    assert_eq!(list(&chart_view(&again)["data"]).len(), 3);
    acts::delete(&page, &conversation).await
}

#[tokio::test]
async fn a_csv_is_uploaded_introduced_and_asked() -> Result<()> {
    let (_app, _upstream, page) = opened("").await?;
    let mode = "chat_excel";
    let conversation = begin(&page, mode).await?;
    let path = format!(
        "/api/v1/resource/file/upload?conv_uid={conversation}&chat_mode={mode}&model_name=scripted&user_name=001\
         &sys_code=&temperature=0.6&max_new_tokens=4000"
    );
    let sent = page.upload(&path, "doc_files").await?;
    has(
        &sent,
        "is_oss:boolean file_path:string file_name:string file_learning:boolean bucket:string",
    );
    assert_eq!(
        (&sent["file_name"], &sent["file_learning"]),
        (&json!("sales.csv"), &json!(true))
    );
    let introduced = page.shown(&conversation, 1).await?;
    assert!(introduced.contains("region"), "{introduced}");
    // As text, which is how this page sends it, and as the object that it is.
    for (round, asked) in [(2, json!(sent.to_string())), (3, sent.clone())] {
        let said = ask(&page, &conversation, mode, &asked, &json!(REVENUE)).await?;
        acts::check_regions(&said);
        assert_eq!(page.shown(&conversation, round).await?, said);
    }
    acts::delete(&page, &conversation).await
}

#[tokio::test]
async fn a_dashboard_is_drawn_and_a_chart_of_it_edited() -> Result<()> {
    let (app, _upstream, page) = opened("").await?;
    acts::databases(&page, &app.dir()).await?;
    let mode = "chat_dashboard";
    let conversation = begin(&page, mode).await?;
    let said = ask(
        &page,
        &conversation,
        mode,
        &json!("towns"),
        &json!(DASHBOARD),
    )
    .await?;
    acts::check_dashboard(&report(&said));
    acts::check_dashboard(&report(&page.shown(&conversation, 1).await?));
    acts::edit_chart(&page, &conversation).await?;
    acts::delete(&page, &conversation).await
}
