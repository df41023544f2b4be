//! What is read, what is refused, and what comes out again.

use chrono::TimeZone as _;
use serde_json::json;

use super::*;
use crate::model::{ELSEWHERE, Role, Verdict};

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 26, 8, 0, 0)
        .single()
        .expect("a time")
}

fn read_json(document: &Value) -> Result<Vec<KeptConversation>> {
    read(document.to_string().as_bytes(), now())
}

fn refused(document: &Value) -> String {
    read_json(document).expect_err("refused").to_string()
}

/// A file of one conversation with an answered round.
fn file() -> Value {
    let at = "2026-11-25T10:00:00.000001Z";
    let verdict = Verdict {
        allowed: true,
        ..Verdict::default()
    };
    let answer = json!({
        "text": "Here <b>it</b> is.", "sql": "SELECT `a`, b\nFROM t", "chart": "table", "problem": null,
        "columns": [{"name": "a|b"}, {"name": "n"}], "rows": [["x\n<y>", 1], [null, 2.5]],
        "evidence": {"datasource": "shop", "rows_read": 2, "cut_at": null, "verdict": verdict.document()},
    });
    let message = |id: &str, index: i32, role: &str, content: &str| {
        json!({
            "id": id, "round": 1, "index": index, "role": role, "content": content, "select_param": "shop",
            "model_name": "m", "cut": false, "document": null, "created_at": at,
        })
    };
    let mut view = message("m-3", 2, "view", "Here <b>it</b> is.");
    view["document"] = answer;
    json!({
        "format": "tidegate.conversations", "version": 1,
        "conversations": [{
            "conv_uid": "c-1", "chat_mode": "chat_with_db_execute", "title": "Mine", "select_param": "shop",
            "model_name": "m", "app_code": null, "user_name": "001", "sys_code": null, "created_at": at,
            "modified_at": at,
            "messages": [message("m-1", 0, "human", "# how\nmany?"), message("m-2", 1, "ai", "{}"), view],
            "feedback": [{
                "round": 1, "liked": false, "reason_types": ["WRONG_ANSWER"], "score": null, "ques_type": null,
                "question": null, "knowledge_space": null, "remark": "no", "user_name": "001", "created_at": at,
                "modified_at": at,
            }],
        }],
    })
}

#[test]
fn what_is_written_is_read_again_as_it_was() {
    let first = read_json(&file()).expect("reads");
    let written = serde_json::to_value(ConversationFile::from(first[0].clone())).expect("writes");
    assert_eq!(written, file());
}

#[test]
fn what_is_wrong_is_refused_by_its_place() {
    let with = |pointer: &str, value: Value| {
        let mut document = file();
        *document.pointer_mut(pointer).expect("a place") = value;
        refused(&document)
    };
    for (pointer, value, expected) in [
        ("/version", json!(2), "body.format: this server reads"),
        ("/conversations", json!({}), "body.conversations: Input"),
        ("/conversations", json!([]), "body: holds no conversation"),
        (
            "/conversations/0/chat_mode",
            json!(""),
            "body.conversations[0].chat_mode: must not",
        ),
        (
            "/conversations/0/title",
            json!(" "),
            "body.conversations[0].title: must not be empty",
        ),
        (
            "/conversations/0/messages",
            json!([]),
            "body.conversations[0].messages: holds 0",
        ),
        (
            "/conversations/0/messages/1",
            json!(7),
            "body.conversations[0]: invalid type",
        ),
        (
            "/conversations/0/messages/1/role",
            json!("robot"),
            "body.conversations[0].messages[1].role: Input",
        ),
        (
            "/conversations/0/messages/1/round",
            json!(0),
            "body.conversations[0].messages[1].round: Input",
        ),
        (
            "/conversations/0/messages/1/index",
            json!(0),
            "body.conversations[0].messages[1].index: 0 stands twice",
        ),
        (
            "/conversations/0/messages/1/id",
            json!("m-1"),
            "body.conversations[0].messages[1].id: 'm-1' stands",
        ),
        (
            "/conversations/0/messages/1/id",
            json!("a\0"),
            "body.conversations[0].messages[1].id: must have",
        ),
        (
            "/conversations/0/created_at",
            json!("yesterday"),
            "body.conversations[0].created_at: Input",
        ),
        (
            "/conversations/0/created_at",
            json!("2999-01-01T00:00:00Z"),
            "body.conversations[0].created_at: 2999",
        ),
        (
            "/conversations/0/feedback/0/round",
            json!(9),
            "body.conversations[0].feedback[0].round: 9 is no round",
        ),
        (
            "/conversations/0/feedback/0/reason_types",
            json!(["X"]),
            "body.conversations[0].feedback[0].reason_types",
        ),
    ] {
        let told = with(pointer, value);
        assert!(told.starts_with(expected), "{pointer}: {told}");
    }
    for (body, expected) in [
        ("", "body: Field required"),
        ("{\n nope", "body: JSON decode error at line 2"),
        ("7", "body: is no conversation that can be read"),
        ("{\"a\": 1}", "body: is no conversation that can be read"),
    ] {
        let told = read(body.as_bytes(), now())
            .expect_err("refused")
            .to_string();
        assert!(told.starts_with(expected), "{body}: {told}");
    }
    let mut twice = file();
    let again = twice["conversations"][0].clone();
    twice["conversations"]
        .as_array_mut()
        .expect("a list")
        .push(again);
    assert!(refused(&twice).starts_with("body.conversations[1].conv_uid: 'c-1' stands twice"));
}

#[test]
fn an_export_of_db_gpt_is_read() {
    let document = json!({
        "user_name": null, "sys_code": null, "total_conversations": 1,
        "conversations": [{
            "conv_uid": "old", "chat_mode": "chat_normal", "app_code": "", "create_time": "2025-01-02 03:04:05",
            "update_time": "2025-01-02 03:05:00", "total_messages": 2,
            "messages": [
                {"role": "human", "context": "hi", "order": 1, "time_stamp": null, "model_name": "m", "feedback": {}},
                {"role": "view", "context": "hello", "order": 1, "time_stamp": null, "model_name": "m",
                    "feedback": {"feedback_type": "like", "reason_types": ["NEW_REASON"], "user_name": "001"}},
            ],
        }],
    });
    let kept = read_json(&document).expect("reads");
    let one = &kept[0];
    assert_eq!(
        (one.conversation.id.as_str(), one.messages.len()),
        ("old", 2)
    );
    assert_eq!(one.conversation.model.as_deref(), Some("m"));
    assert_eq!(
        (one.messages[1].index, one.messages[1].role),
        (1, Role::View)
    );
    assert_eq!(one.feedback[0].opinion.liked, Some(true));
    let alone = read_json(&document["conversations"][0]).expect("reads");
    assert_eq!(alone, kept);
    // It does not tell what was asked, and so nothing that a grant could name.
    let mut asking = document.clone();
    asking["conversations"][0]["chat_mode"] = json!("chat_with_db_execute");
    let asking = read_json(&asking).expect("reads");
    let asked_of = |one: &KeptConversation| one.messages[0].detail.select_param.clone();
    assert_eq!(asked_of(&asking[0]).as_deref(), Some(ELSEWHERE));
    assert_eq!(asked_of(one), None, "talk was asked of nothing");
    let mut broken = document;
    broken["conversations"][0]["messages"][1]["role"] = json!("robot");
    assert!(refused(&broken).starts_with("body.conversations[0].messages[1].role: "));
}

#[test]
fn rounds_of_the_first_versions_are_read() {
    let round = |number: i32, question: &str| {
        json!({
            "chat_mode": "chat_with_db_execute", "model_name": "vicuna", "chat_order": number,
            "start_date": "2023-09-30 12:00:00", "cost": 0, "tokens": 0, "param_type": "DB Select",
            "param_value": "shop", "user_name": null, "sys_code": null, "summary": "x",
            "messages": [
                {"type": "human", "data": {"content": question, "example": false, "additional_kwargs": {}}},
                {"type": "ai", "data": {"content": "{}"}},
                {"type": "view", "data": {"content": {"odd": 1}}},
            ],
        })
    };
    let rounds = json!([round(1, "one?"), round(2, "two?")]);
    let kept = read_json(&rounds).expect("reads");
    let one = &kept[0];
    assert_eq!(one.conversation.mode, "chat_with_db_execute");
    assert_eq!(one.conversation.select_param.as_deref(), Some("shop"));
    assert!(one.conversation.id.as_str().is_empty(), "it came with none");
    let places: Vec<(i32, i32)> = one.messages.iter().map(|m| (m.round, m.index)).collect();
    assert_eq!(places, [(1, 0), (1, 1), (1, 2), (2, 3), (2, 4), (2, 5)]);
    assert_eq!(one.messages[2].content, "{\"odd\":1}");
    // As a row of the table of conversations has them.
    let row = json!({"conv_uid": "row", "user_name": "anna", "messages": rounds.to_string()});
    let row = read_json(&row).expect("reads");
    assert_eq!(row[0].conversation.id.as_str(), "row");
    assert_eq!(row[0].conversation.user.as_deref(), Some("anna"));
    assert_eq!(row[0].messages.len(), 6);
}

#[test]
fn a_page_holds_question_words_query_and_table() {
    let kept = read_json(&file()).expect("reads");
    let page = markdown(&kept[0]);
    for part in [
        "# Mine\n",
        "\n## Question 1\n\n> \\# how\n> many?\n",
        "\nHere &lt;b>it&lt;/b> is.\n",
        "\n```sql\nSELECT `a`, b\nFROM t\n```\n",
        "\n| a\\|b | n |\n| --- | --- |\n| x &lt;y&gt; | 1 |\n|  | 2.5 |\n",
    ] {
        assert!(page.contains(part), "{part:?} is missing in {page}");
    }
    assert!(!page.contains("<b>") && !page.contains("\n# how"), "{page}");
}

#[test]
fn a_page_is_bounded_and_its_fences_hold() {
    let mut document = file();
    let view = &mut document["conversations"][0]["messages"][2]["document"];
    view["rows"] = (0..60).map(|n| json!([n, "x".repeat(500)])).collect();
    view["sql"] = json!("SELECT '```' AS fence");
    let kept = read_json(&document).expect("reads");
    let page = markdown(&kept[0]);
    assert!(
        page.contains("| 49 | ") && !page.contains("| 50 | "),
        "{page}"
    );
    assert!(page.contains("The first 50 of 60 rows."), "{page}");
    assert!(
        page.contains("\n````sql\nSELECT '```' AS fence\n````\n"),
        "{page}"
    );
    assert!(!page.contains(&"x".repeat(201)), "{page}");
}

#[test]
fn code_in_an_answers_words_stays_code_and_ends_with_them() {
    let page = |text: &str| {
        let mut document = file();
        document["conversations"][0]["messages"][2]["document"]["text"] = json!(text);
        markdown(&read_json(&document).expect("reads")[0])
    };
    let whole = page("So:\n```python\n# a comment\nif a < b: pass\n``\n```\n<b> # x");
    let part = "\nSo:\n```python\n# a comment\nif a < b: pass\n``\n```\n&lt;b> # x\n";
    assert!(whole.contains(part), "{whole}");
    let left = page("~~~~\n<b>\n~~~");
    assert!(
        left.contains("\n~~~~\n<b>\n~~~\n~~~~\n\n```sql\n"),
        "{left}"
    );
    for none in [
        "``\n<b>",
        "``` a`b\n<b>",
        "- a\n  ```\n<b>",
        "  ```\nx\n```\n<b>",
        "```\nx\r```\r<b>",
        "```\nx\n   ````\t\n<b>",
    ] {
        let page = page(none);
        assert!(page.contains("&lt;b>") && !page.contains("<b>"), "{page}");
    }
}

#[test]
fn a_page_shows_the_charts_of_a_dashboard_and_why_one_failed() {
    let mut document = file();
    document["conversations"][0]["messages"][2]["document"] = json!({
        "text": "Two charts.", "sql": null, "dashboard": {"conversation": "c-1", "charts": [
            {"title": "Sales", "thoughts": "By town.", "sql": "SELECT 1", "error": null,
                "columns": [{"name": "n"}], "rows": [[1]]},
            {"title": "Broken", "thoughts": "", "sql": "SELECT x", "error": "no such column: x"},
        ]},
    });
    let kept = read_json(&document).expect("reads");
    let page = markdown(&kept[0]);
    for part in [
        "\n### Sales\n\nBy town.\n\n```sql\nSELECT 1\n```\n\n| n |\n| --- |\n| 1 |\n",
        "\n### Broken\n\n```sql\nSELECT x\n```\n\n**Failed:** no such column: x\n",
    ] {
        assert!(page.contains(part), "{part:?} is missing in {page}");
    }
}
