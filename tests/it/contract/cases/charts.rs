//! Charts of a dashboard: listed, looked at, run, edited, carried out.

use serde_json::json;

use super::{Answer, Case, NO_BODY, Sent, nothing};
use crate::support::SQL;

/// What the dashboard is asked for with.
pub(in crate::contract) const DASHBOARD: &str = "Build a dashboard of the towns";

/// What the model proposes for it.
pub(in crate::contract) fn proposal() -> String {
    json!([
        {"thoughts": "Where they live.", "showcase": "BarChart", "sql": SQL, "title": "People by town"},
        {
            "thoughts": "All of them.", "showcase": "IndicatorValue", "sql": "SELECT COUNT(*) AS people FROM people",
            "title": "People",
        },
    ])
    .to_string()
}

pub(super) const CASES: &[Case] = &[
    Case::post(
        "/api/v1/chat/completions",
        Sent::Json(|| {
            json!({
                "conv_uid": "c-board", "chat_mode": "chat_dashboard", "select_param": "towns",
                "model_name": "scripted", "user_input": DASHBOARD,
            })
        }),
        Answer::Turn,
    ),
    Case::get(
        "/api/v1/editor/chart/list?conv_uid=c-board",
        Answer::Part(|| {
            json!({"success": true, "data": {"round": 1, "db_name": "towns", "charts": [
                {"title": "People by town", "sql": SQL, "showcase": "BarChart", "thoughts": "Where they live."},
            ]}})
        }),
    ),
    Case::get(
        "/api/v1/editor/chart/list",
        Answer::Refused(400, "E0001", "query.con_uid:Field required;"),
    ),
    Case::post(
        "/api/v1/editor/chart/info",
        Sent::Json(|| json!({"conv_uid": "c-board", "chart_title": "People by town"})),
        Answer::Part(|| {
            json!({"success": true, "data": {
                "chart_uid": "{{ANY}}", "chart_type": "BarChart", "chart_name": "People by town", "db_name": "towns",
                "chart_value": [{"name": "Oslo", "type": "people", "value": "3"}],
                "table_value": [["town", "people"], ["Oslo", 3]],
            }})
        }),
    ),
    Case::post("/api/v1/editor/chart/info", Sent::Nothing, NO_BODY),
    Case::post(
        "/api/v1/editor/chart/run",
        Sent::Json(|| json!({"conv_uid": "c-board", "sql": SQL, "chart_type": "PieChart"})),
        Answer::Part(|| {
            json!({"success": true, "data": {
                "chart_type": "PieChart", "sql_data": {"colunms": ["town", "people"], "values": [["Oslo", "3"]]},
                "chart_values": [{"name": "Oslo", "type": "people", "value": "3"}],
            }})
        }),
    ),
    // What changes rows is refused here as it is in the editor.
    Case::post(
        "/api/v1/editor/chart/run",
        Sent::Json(|| json!({"db_name": "towns", "sql": "DELETE FROM people"})),
        Answer::Refused(200, "E000X", "Operation not allowed: "),
    ),
    Case::post(
        "/api/v1/chart/editor/submit",
        Sent::Json(|| {
            json!({
                "conv_uid": "c-board", "chart_title": "People by town", "db_name": "towns", "old_sql": SQL,
                "new_chart_type": "Table", "new_sql": "SELECT name, town FROM people", "new_comment": "Who lives where.",
                "gmt_create": 0,
            })
        }),
        Answer::Body(200, nothing),
    ),
    Case::get(
        "/api/v1/editor/chart/list?con_uid=c-board",
        Answer::Part(|| {
            json!({"success": true, "data": {"charts": [
                {"title": "People by town", "sql": "SELECT name, town FROM people", "thoughts": "Who lives where."},
            ]}})
        }),
    ),
    Case::post("/api/v1/chart/editor/submit", Sent::Nothing, NO_BODY),
    Case::get(
        "/api/v1/editor/dashboard/export?con_uid=c-board",
        Answer::Holds("People by town"),
    ),
    Case::get(
        "/api/v1/editor/dashboard/export",
        Answer::Refused(400, "E0001", "query.con_uid:Field required;"),
    ),
];
