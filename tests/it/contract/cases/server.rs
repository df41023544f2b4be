//! Whether the server lives, and which models there are.

use serde_json::json;

use super::{Answer, Case};

pub(super) const CASES: &[Case] = &[
    Case::get(
        "/api/health",
        Answer::Body(200, || json!({"status": "ok"})),
    ),
    Case::from_another_origin("GET", "/api/health"),
    Case::get(
        "/ready",
        Answer::Body(200, || {
            json!({
                "ready": true, "store": true, "models": [{"name": "scripted", "state": "ready", "reason": null}],
            })
        }),
    ),
    Case::from_another_origin("GET", "/ready"),
    Case::from_another_origin("GET", "/api/v1/test"),
    Case::from_another_origin("GET", "/api/v1/model/types"),
    Case::get(
        "/api/v1/models/scripted",
        Answer::Body(200, || {
            json!({
                "id": "scripted", "object": "model", "created": "{{TIMESTAMP}}", "owned_by": "tidegate",
                "root": "scripted", "parent": null, "permission": [{
                    "id": "modelperm-{{UUID1}}", "object": "model_permission", "created": "{{TIMESTAMP}}",
                    "allow_create_engine": false, "allow_sampling": true, "allow_logprobs": true,
                    "allow_search_indices": true, "allow_view": true, "allow_fine_tuning": false, "organization": "*",
                    "group": null, "is_blocking": false,
                }],
            })
        }),
    )
    .on_openai(),
    Case::get(
        "/api/v1/models/nope",
        Answer::Body(404, || {
            json!({
                "error": {
                    "message": "no model named 'nope'; there is: scripted", "type": "invalid_request_error",
                    "param": "model", "code": "model_not_found",
                },
                "object": "error", "message": "no model named 'nope'; there is: scripted", "code": 40301,
            })
        }),
    )
    .on_openai(),
];
