//! Requests of our own to the routes that are ours, and to those recorded with a state we do not rebuild.

use serde_json::{Value, json};

/// One request and what comes back.
pub(super) struct Case {
    pub(super) openai: bool,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) status: u16,
    pub(super) expected: fn() -> Value,
}

pub(super) const CASES: [Case; 13] = [
    Case {
        openai: false,
        method: "GET",
        path: "/api/health",
        status: 200,
        expected: || json!({"status": "ok"}),
    },
    Case {
        openai: false,
        method: "GET",
        path: "/ready",
        status: 200,
        expected: || {
            json!({
                "ready": true, "store": true, "models": [{"name": "scripted", "state": "ready", "reason": null}],
            })
        },
    },
    Case {
        openai: false,
        method: "GET",
        path: "/api/v1/chat/dialogue/messages?conv_uid=c-1",
        status: 200,
        expected: || {
            json!({"success": true, "err_code": null, "err_msg": null, "data": [
                {"role": "human", "context": "hi", "order": 1, "time_stamp": null, "model_name": "scripted", "feedback": {}},
                {"role": "ai", "context": "hello", "order": 1, "time_stamp": null, "model_name": "scripted", "feedback": {}},
                {"role": "view", "context": "hello", "order": 1, "time_stamp": null, "model_name": "scripted", "feedback": {}},
            ]})
        },
    },
    Case {
        openai: false,
        method: "GET",
        path: "/api/v1/editor/db/tables?db_name=towns&page_index=1&page_size=10",
        status: 200,
        expected: || {
            let column = |name: &str, kind: &str, can_null: &str| {
                json!({
                    "title": name, "key": name, "type": kind, "default_value": null, "can_null": can_null, "comment": "None",
                    "children": [],
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
        },
    },
    Case {
        openai: false,
        method: "GET",
        path: "/api/v1/chat/dialogue/list?page=2&page_size=2",
        status: 200,
        expected: || {
            json!({"success": true, "err_code": null, "err_msg": null, "data": [{
                "conv_uid": "c-1", "user_input": "hi", "chat_mode": "chat_normal", "app_code": "", "select_param": "",
                "model_name": "scripted", "user_name": "", "sys_code": null, "gmt_created": "{{TIMESTAMP}}",
                "gmt_modified": "{{TIMESTAMP}}",
            }]})
        },
    },
    Case {
        openai: true,
        method: "GET",
        path: "/api/v1/models/scripted",
        status: 200,
        expected: || {
            json!({
                "id": "scripted", "object": "model", "created": "{{TIMESTAMP}}", "owned_by": "tidegate",
                "root": "scripted", "parent": null, "permission": [{
                    "id": "modelperm-{{UUID1}}", "object": "model_permission", "created": "{{TIMESTAMP}}",
                    "allow_create_engine": false, "allow_sampling": true, "allow_logprobs": true,
                    "allow_search_indices": true, "allow_view": true, "allow_fine_tuning": false, "organization": "*",
                    "group": null, "is_blocking": false,
                }],
            })
        },
    },
    Case {
        openai: true,
        method: "GET",
        path: "/api/v1/models/nope",
        status: 404,
        expected: || {
            json!({
                "error": {
                    "message": "no model named 'nope'", "type": "invalid_request_error",
                    "param": "model", "code": "model_not_found",
                },
                "object": "error", "message": "no model named 'nope'", "code": 40301,
            })
        },
    },
    Case {
        openai: false,
        method: "POST",
        path: "/api/v1/editor/sql/export",
        status: 400,
        expected: no_body,
    },
    Case {
        openai: false,
        method: "GET",
        path: "/api/v1/editor/db/progress?db_name=nope",
        status: 400,
        expected: || {
            json!({
                "success": false, "err_code": "E0003",
                "err_msg": "Database config not found for: nope; there is: towns", "data": null,
            })
        },
    },
    Case {
        openai: false,
        method: "POST",
        path: "/api/v1/editor/examples/add",
        status: 400,
        expected: no_body,
    },
    Case {
        openai: false,
        method: "POST",
        path: "/api/v1/editor/examples/accept",
        status: 400,
        expected: no_body,
    },
    Case {
        openai: false,
        method: "GET",
        path: "/api/v1/editor/examples/list?db_name=towns",
        status: 200,
        expected: || json!({"success": true, "err_code": null, "err_msg": null, "data": []}),
    },
    Case {
        openai: false,
        method: "POST",
        path: "/api/v1/editor/examples/delete?id=1",
        status: 200,
        expected: || json!({"success": true, "err_code": null, "err_msg": null, "data": false}),
    },
];

/// What a request without its body is told.
fn no_body() -> Value {
    json!({"success": false, "err_code": "E0001", "err_msg": "body:Field required;", "data": null})
}
