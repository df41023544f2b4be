//! The SQL editor: rounds, edited answers, files, examples.

use serde_json::json;

use super::{Answer, Case, NO_BODY, Sent, nothing};
use crate::support::{QUESTION, SQL};

const UNKNOWN: &str = "Database config not found for: nope; there is: towns";

pub(super) const CASES: &[Case] = &[
    Case::post(
        "/api/v1/chat/completions",
        Sent::Json(|| {
            json!({
                "conv_uid": "c-data", "chat_mode": "chat_with_db_execute", "select_param": "towns",
                "model_name": "scripted", "user_input": QUESTION,
            })
        }),
        Answer::Turn,
    ),
    Case::get(
        "/api/v1/editor/db/tables?db_name=towns&page_index=1&page_size=10",
        Answer::Body(200, || {
            let column = |name: &str, kind: &str, can_null: &str| {
                json!({
                    "title": name, "key": name, "type": kind, "default_value": null, "can_null": can_null,
                    "comment": "None", "children": [],
                })
            };
            json!({"success": true, "err_code": null, "err_msg": null, "data": {
                "title": "towns", "key": "towns", "type": "db", "default_value": null, "can_null": "YES",
                "comment": null, "children": [{
                    "title": "people", "key": "people", "type": "table", "default_value": null, "can_null": "YES",
                    "comment": null, "children": [
                        column("id", "INTEGER", "NO"), column("name", "TEXT", "NO"), column("town", "TEXT", "NO"),
                    ],
                }],
            }})
        }),
    ),
    Case::get(
        "/api/v1/editor/db/progress?db_name=towns",
        Answer::Part(|| json!({"success": true, "data": {"tables": "{{NUMBER}}"}})),
    ),
    Case::get(
        "/api/v1/editor/db/progress?db_name=nope",
        Answer::Refused(400, "E0003", UNKNOWN),
    ),
    // Either spelling names the conversation.
    Case::get(
        "/api/v1/editor/sql/rounds?conv_uid=c-data",
        Answer::Body(200, || {
            json!({"success": true, "err_code": null, "err_msg": null, "data": [
                {"round": 1, "db_name": "towns", "round_name": QUESTION},
            ]})
        }),
    ),
    Case::post(
        "/api/v1/editor/sql",
        Sent::Json(|| json!({"con_uid": "c-data", "round": 1})),
        Answer::Body(200, || {
            json!({"success": true, "err_code": null, "err_msg": null, "data": {
                "thoughts": "Here it is.", "direct_response": "", "sql": SQL, "display_type": "response_table",
            }})
        }),
    ),
    Case::post(
        "/api/v1/editor/sql",
        Sent::Json(|| json!({"con_uid": "c-data", "round": 7})),
        Answer::Refused(200, "E000X", "not have sql!"),
    ),
    Case::post(
        "/api/v1/sql/editor/submit",
        Sent::Json(|| {
            json!({
                "con_uid": "c-data", "db_name": "towns", "conv_round": 1, "new_sql": "SELECT COUNT(*) AS n FROM people",
                "new_speak": "All of them.",
            })
        }),
        Answer::Body(200, nothing),
    ),
    Case::get(
        "/api/v1/editor/sql?conv_uid=c-data&round=1",
        Answer::Part(|| {
            json!({"success": true, "data": {
                "thoughts": "All of them.", "sql": "SELECT COUNT(*) AS n FROM people",
            }})
        }),
    ),
    Case::post(
        "/api/v1/sql/editor/submit",
        Sent::Json(|| {
            json!({
                "conv_uid": "c-data", "db_name": "nope", "conv_round": 1, "new_sql": "SELECT 1",
            })
        }),
        Answer::Refused(400, "E0003", UNKNOWN),
    ),
    Case::post(
        "/api/v1/editor/sql/export",
        Sent::Json(
            || json!({"db_name": "towns", "sql": "SELECT name FROM people ORDER BY name", "format": "csv"}),
        ),
        Answer::Holds("Flo"),
    ),
    Case::post("/api/v1/editor/sql/export", Sent::Nothing, NO_BODY),
    Case::post(
        "/api/v1/editor/examples/add",
        Sent::Json(
            || json!({"db_name": "towns", "question": "how many?", "sql": "SELECT COUNT(*) FROM people"}),
        ),
        Answer::Part(
            || json!({"success": true, "data": {"question": "how many?", "source": "given"}}),
        ),
    ),
    Case::post("/api/v1/editor/examples/add", Sent::Nothing, NO_BODY),
    Case::post(
        "/api/v1/editor/examples/accept",
        Sent::Json(|| json!({"conv_uid": "c-data", "conv_round": 1, "sql": SQL})),
        Answer::Part(|| json!({"success": true, "data": {"question": QUESTION, "sql": SQL}})),
    ),
    Case::post("/api/v1/editor/examples/accept", Sent::Nothing, NO_BODY),
    Case::get(
        "/api/v1/editor/examples/list?db_name=towns&page_size=1",
        Answer::Part(|| json!({"success": true, "data": [{"tables": ["people"]}]})),
    ),
    Case::get(
        "/api/v1/editor/examples/list?db_name=nope",
        Answer::Refused(400, "E0003", UNKNOWN),
    ),
    Case::post(
        "/api/v1/editor/examples/delete?id=4711",
        Sent::Nothing,
        Answer::Body(
            200,
            || json!({"success": true, "err_code": null, "err_msg": null, "data": false}),
        ),
    ),
    Case::post(
        "/api/v1/editor/examples/delete",
        Sent::Nothing,
        Answer::Refused(400, "E0001", "query.id:Field required;"),
    ),
];
