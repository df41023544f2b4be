//! Opinions on answers, and the small routes beside them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{column, failure, four, history};

#[tokio::test]
async fn an_opinion_stands_in_the_history_until_it_is_taken_back() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let reasons = user.get("/api/v1/conv/feedback/reasons").await?.data();
    assert_eq!(column(&reasons, "reason_type").len(), 6);
    let unlike = json!({
        "conv_uid": "c-1", "message_id": "1", "feedback_type": "unlike", "reason_types": ["WRONG_ANSWER", "OTHERS"],
        "remark": "no",
    });
    let add = "/api/v1/conv/feedback/add";
    let given = user.post(add, &unlike).await?.data();
    assert_eq!(
        (&given["conv_uid"], &given["message_id"]),
        (&json!("c-1"), &json!("1"))
    );
    assert_eq!(given["reason_type"], "WRONG_ANSWER,OTHERS");
    assert_eq!(given["reason"][0]["reason"], "Wrong answer");
    assert_eq!(given["user_name"], "001");
    for message in history(&user, "c-1")
        .await?
        .as_array()
        .context("messages")?
    {
        assert_eq!(message["feedback"], given);
    }
    let like = json!({"conv_uid": "c-1", "message_id": 1, "feedback_type": "like"});
    let again = user.post(add, &like).await?.data();
    assert_eq!(
        (&again["id"], &again["reason_types"]),
        (&given["id"], &json!([]))
    );
    // An older page adds its own, and is told of it alone.
    let find = "/api/v1/feedback/find?conv_uid=c-1&conv_index=1";
    assert_eq!(user.get(find).await?.data(), Value::Null);
    let commit = json!({
        "conv_uid": "c-1", "conv_index": 1, "question": "hi", "score": 4, "ques_type": "just_fun", "messages": "good",
    });
    assert_eq!(
        user.post("/api/v1/feedback/commit", &commit).await?.data(),
        json!(true)
    );
    let found = user.get(find).await?.data();
    assert_eq!(
        (&found["score"], &found["messages"]),
        (&json!(4), &json!("good"))
    );
    let told = history(&user, "c-1").await?;
    assert_eq!(
        (
            &told[0]["feedback"]["feedback_type"],
            &told[0]["feedback"]["score"]
        ),
        (&json!("like"), &json!(4))
    );
    let topics = user.get("/api/v1/feedback/select").await?.data();
    assert!(topics["work_study"].is_string());
    let cancel = "/api/v1/conv/feedback/cancel";
    for _ in 0..2 {
        let key = json!({"conv_uid": "c-1", "message_id": "1"});
        assert_eq!(user.post(cancel, &key).await?.data(), json!([]));
    }
    assert_eq!(history(&user, "c-1").await?[0]["feedback"], json!({}));
    for (path, body, code, message) in [
        (
            add,
            json!({"conv_uid": "nope", "message_id": "1"}),
            "E0003",
            "no conversation named 'nope'",
        ),
        (
            add,
            json!({"conv_uid": "c-1", "message_id": "9"}),
            "E0003",
            "no round named '9'; the latest",
        ),
        (
            add,
            json!({"conv_uid": "c-1"}),
            "E0001",
            "body.message_id:Field required",
        ),
        (
            cancel,
            json!({"message_id": "1"}),
            "E0001",
            "body.conv_uid:Field required",
        ),
        (
            "/api/v1/feedback/commit",
            json!({"conv_uid": "c-1"}),
            "E0001",
            "body.conv_index:Field required",
        ),
    ] {
        let refused = failure(&user.post(path, &body).await?);
        assert_eq!(
            (refused.0, refused.1.as_str()),
            (400, code),
            "{path} {body}"
        );
        assert!(refused.2.starts_with(message), "{path} {body}: {refused:?}");
    }
    let missing = failure(&user.get("/api/v1/feedback/find?conv_uid=c-1").await?);
    assert_eq!(missing.2, "query.conv_index:Field required;");
    Ok(())
}

#[tokio::test]
async fn questions_that_were_kept_are_suggested_within_grants() -> Result<()> {
    let (app, _upstream, user) = four().await?;
    let add = |question: &str, sql: &str| {
        let body = json!({"db_name": "towns", "question": question, "sql": sql});
        let user = user.clone();
        async move { user.post("/api/v1/editor/examples/add", &body).await }
    };
    add("how many people?", "SELECT COUNT(*) FROM people")
        .await?
        .data();
    let list = "/api/v1/question/list";
    let told = user
        .get(&format!("{list}?valid=true&app_code=&chat_mode="))
        .await?
        .data();
    assert_eq!(column(&told, "question"), ["how many people?"]);
    assert_eq!(told[0]["params"], json!({"select_param": "towns"}));
    for query in [
        "is_hot_question=true",
        "chat_mode=chat_normal",
        "app_code=a",
        "valid=false",
    ] {
        let told = user.get(&format!("{list}?{query}")).await?.data();
        assert_eq!(told, json!([]), "{query}");
    }
    let permissions = user.get("/api/v1/permission/db/list?db_name=towns").await?;
    assert_eq!(permissions.data(), Value::Null);
    let other = app.keyed("other", false, Some(&[])).await?;
    assert_eq!(other.get(list).await?.data(), json!([]));
    let nobody = app.anonymous().with_key("wrong").get(list).await?;
    assert_eq!(nobody.status, 401);
    Ok(())
}
