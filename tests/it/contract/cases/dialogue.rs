//! Conversations: begun, listed, found, renamed, carried out and in, emptied.

use serde_json::{Value, json};

use super::{Answer, Case, NO_BODY, NO_JSON, Sent, nothing, success};

pub(super) const CASES: &[Case] = &[
    Case::from_another_origin("POST", "/api/v1/chat/dialogue/scenes"),
    Case::from_another_origin("POST", "/api/v1/chat/dialogue/new"),
    Case::from_another_origin("GET", "/api/v1/chat/dialogue/health"),
    Case::get(
        "/api/v1/chat/dialogue/messages?conv_uid=c-1",
        Answer::Body(200, || {
            json!({"success": true, "err_code": null, "err_msg": null, "data": [
                {"role": "human", "context": "hi", "order": 1, "time_stamp": null, "model_name": "scripted", "feedback": {}},
                {"role": "ai", "context": "hello", "order": 1, "time_stamp": null, "model_name": "scripted", "feedback": {}},
                {"role": "view", "context": "hello", "order": 1, "time_stamp": null, "model_name": "scripted", "feedback": {}},
            ]})
        }),
    ),
    Case::get(
        "/api/v1/chat/dialogue/messages",
        Answer::Refused(400, "E0001", "query.con_uid:Field required;"),
    ),
    Case::get(
        "/api/v1/chat/dialogue/list?page=2&page_size=2",
        Answer::Body(
            200,
            || json!({"success": true, "err_code": null, "err_msg": null, "data": [conversation("c-1")]}),
        ),
    ),
    Case::get(
        "/api/v1/chat/dialogue/list?page=0&page_size=2",
        Answer::Refused(400, "E0001", "page"),
    ),
    Case::post(
        "/api/v1/chat/dialogue/query_page?page=2&page_size=2",
        Sent::Json(|| json!({})),
        Answer::Body(200, || {
            json!({"success": true, "err_code": null, "err_msg": null, "data": {
                "items": [conversation("c-1")], "total_count": 3, "total_pages": 2, "page": 2, "page_size": 2,
            }})
        }),
    ),
    Case::post(
        "/api/v1/chat/dialogue/query_page?page=0&page_size=2",
        Sent::Json(|| json!({})),
        Answer::Refused(400, "E0001", "page"),
    ),
    Case::post(
        "/api/v1/chat/dialogue/query",
        Sent::Json(|| json!({"conv_uid": "c-2"})),
        Answer::Part(|| json!({"success": true, "data": conversation("c-2")})),
    ),
    Case::post("/api/v1/chat/dialogue/query", Sent::Text("{nope"), NO_JSON),
    Case::post(
        "/api/v1/chat/prepare",
        Sent::Json(|| json!({"conv_uid": "c-9", "chat_mode": "chat_normal", "user_input": ""})),
        Answer::Body(
            200,
            || json!({"success": true, "err_code": null, "err_msg": null, "data": []}),
        ),
    ),
    Case::post("/api/v1/chat/prepare", Sent::Nothing, NO_BODY),
    Case::post(
        "/api/v1/chat/topic/terminate?conv_id=c-1&round_index=0",
        Sent::Nothing,
        Answer::Body(200, nothing),
    ),
    Case::post(
        "/api/v1/chat/topic/terminate",
        Sent::Nothing,
        Answer::Refused(400, "E0001", "query.conv_id:Field required;"),
    ),
    Case::post(
        "/api/v1/chat/dialogue/rename",
        Sent::Json(|| json!({"conv_uid": "c-2", "title": "Greetings"})),
        Answer::Part(success),
    ),
    Case::post(
        "/api/v1/chat/dialogue/rename",
        Sent::Json(|| json!({"conv_uid": "c-2"})),
        Answer::Refused(400, "E0001", "body.title:Field required;"),
    ),
    Case::get(
        "/api/v1/chat/dialogue/search?q=greetings",
        Answer::Part(|| json!({"success": true, "data": {"total_count": 1}})),
    ),
    Case::get(
        "/api/v1/chat/dialogue/search",
        Answer::Refused(400, "E0001", "q"),
    ),
    Case::post(
        "/api/v1/chat/dialogue/search",
        Sent::Json(|| json!({"q": "HELLO"})),
        Answer::Part(|| json!({"success": true, "data": {"total_count": 3}})),
    ),
    Case::post(
        "/api/v1/chat/dialogue/search",
        Sent::Json(|| json!({"q": ""})),
        Answer::Refused(400, "E0001", "q"),
    ),
    Case::get(
        "/api/v1/chat/dialogue/export?con_uid=c-2&format=markdown",
        Answer::Holds("hello"),
    ),
    Case::get(
        "/api/v1/chat/dialogue/export?con_uid=nope&format=json",
        Answer::Refused(400, "E0003", "nope"),
    ),
    Case::get(
        "/api/v1/chat/dialogue/export_messages?format=json",
        Answer::Part(|| json!({"user_name": null, "total_conversations": 3})),
    ),
    Case::from_another_origin("GET", "/api/v1/chat/dialogue/export_messages"),
    Case::post(
        "/api/v1/chat/dialogue/import",
        Sent::Json(exported),
        Answer::Part(success),
    ),
    Case::post(
        "/api/v1/chat/dialogue/import",
        Sent::Text("{nope"),
        Answer::Refused(400, "E0001", "JSON decode error"),
    ),
    Case::get(
        "/api/v1/chat/dialogue/messages/history?con_uid=c-imported",
        Answer::Part(|| json!({"success": true, "data": [{"context": "how many?", "order": 1}]})),
    ),
    Case::post(
        "/api/v1/chat/dialogue/clear?con_uid=c-3",
        Sent::Nothing,
        Answer::Body(200, nothing),
    ),
    Case::post(
        "/api/v1/chat/dialogue/clear",
        Sent::Nothing,
        Answer::Refused(400, "E0001", "query.con_uid:Field required;"),
    ),
];

/// One of the conversations that the server is filled with.
fn conversation(id: &str) -> Value {
    json!({
        "conv_uid": id, "user_input": "hi", "chat_mode": "chat_normal", "app_code": "", "select_param": "",
        "model_name": "scripted", "user_name": "", "sys_code": null, "gmt_created": "{{TIMESTAMP}}",
        "gmt_modified": "{{TIMESTAMP}}",
    })
}

/// What DB-GPT exports.
fn exported() -> Value {
    let message = |role: &str, text: &str| {
        json!({
            "role": role, "context": text, "order": 1, "time_stamp": null, "model_name": "gpt", "feedback": {},
        })
    };
    json!({"user_name": null, "sys_code": null, "total_conversations": 1, "conversations": [{
        "conv_uid": "c-imported", "chat_mode": "chat_normal", "app_code": "", "create_time": "2024-05-01 10:00:00",
        "update_time": "2024-05-01 10:00:01", "total_messages": 3,
        "messages": [message("human", "how many?"), message("ai", "three"), message("view", "three")],
    }]})
}
