//! Datasources and what modes may be asked of.

use serde_json::json;

use super::{Answer, Case, Sent, success};

const UNKNOWN: &str = "Database config not found for: nope; there is: towns";

pub(super) const CASES: &[Case] = &[
    Case::from_another_origin("GET", "/api/v1/chat/db/list"),
    Case::from_another_origin("GET", "/api/v1/chat/db/support/type"),
    Case::from_another_origin("GET", "/api/v1/permission/db/list"),
    Case::post(
        "/api/v1/chat/db/refresh",
        Sent::Json(|| json!({"db_type": "sqlite", "db_name": "nope"})),
        Answer::Refused(400, "E0003", UNKNOWN),
    ),
    Case::post(
        "/api/v1/chat/db/summary?db_name=nope&db_type=sqlite",
        Sent::Nothing,
        Answer::Refused(400, "E0003", UNKNOWN),
    ),
    Case::post(
        "/api/v1/chat/mode/params/list?chat_mode=chat_with_db_execute",
        Sent::Nothing,
        Answer::Body(200, || {
            json!({"success": true, "err_code": null, "err_msg": null, "data": [
                {"param": "towns", "type": "sqlite"},
            ]})
        }),
    ),
    Case::from_another_origin("POST", "/api/v1/chat/mode/params/list"),
    Case::post(
        "/api/v1/chat/mode/params/info?chat_mode=chat_with_db_execute",
        Sent::Nothing,
        Answer::Part(success),
    ),
    Case::from_another_origin("POST", "/api/v1/chat/mode/params/info"),
    Case::post(
        "/api/v1/resource/params/list",
        Sent::Nothing,
        Answer::Refused(400, "E0001", "query.resource_type:Field required;"),
    ),
];
