//! Opinions on answers, and questions that a page suggests.

use serde_json::json;

use super::{Answer, Case, NO_BODY, Sent, success};

pub(super) const CASES: &[Case] = &[
    Case::from_another_origin("GET", "/api/v1/conv/feedback/reasons"),
    Case::post(
        "/api/v1/conv/feedback/add",
        Sent::Json(|| {
            json!({
                "conv_uid": "c-1", "message_id": "1", "feedback_type": "unlike", "reason_types": ["WRONG_ANSWER"],
                "remark": "no",
            })
        }),
        Answer::Part(|| {
            json!({"success": true, "data": {
                "conv_uid": "c-1", "message_id": "1", "feedback_type": "unlike", "reason_types": ["WRONG_ANSWER"],
                "reason": [{"reason_type": "WRONG_ANSWER", "reason": "Wrong answer"}], "remark": "no",
            }})
        }),
    ),
    Case::post("/api/v1/conv/feedback/add", Sent::Nothing, NO_BODY),
    Case::get(
        "/api/v1/chat/dialogue/messages/history?con_uid=c-1",
        Answer::Part(|| {
            json!({"success": true, "data": [
                {"role": "human"}, {"role": "ai"}, {"role": "view", "feedback": {"feedback_type": "unlike"}},
            ]})
        }),
    ),
    Case::post(
        "/api/v1/conv/feedback/cancel",
        Sent::Json(|| json!({"conv_uid": "c-1", "message_id": "1"})),
        Answer::Part(success),
    ),
    Case::post("/api/v1/conv/feedback/cancel", Sent::Nothing, NO_BODY),
    Case::get(
        "/api/v1/feedback/select",
        Answer::Part(|| {
            json!({"success": true, "data": {
                "information": "{{ANY}}", "work_study": "{{ANY}}", "just_fun": "{{ANY}}", "others": "{{ANY}}",
            }})
        }),
    ),
    Case::from_another_origin("GET", "/api/v1/feedback/select"),
    Case::get(
        "/api/v1/feedback/find?conv_uid=c-2&conv_index=1",
        Answer::Body(200, super::nothing),
    ),
    Case::post(
        "/api/v1/feedback/commit",
        Sent::Json(|| {
            json!({
                "conv_uid": "c-2", "conv_index": 1, "question": "hi", "score": 4, "ques_type": "work_study",
                "messages": "quick", "knowledge_space": "", "user_name": "001",
            })
        }),
        Answer::Body(
            200,
            || json!({"success": true, "err_code": null, "err_msg": null, "data": true}),
        ),
    ),
    Case::post("/api/v1/feedback/commit", Sent::Nothing, NO_BODY),
    Case::get(
        "/api/v1/feedback/find?conv_uid=c-2&conv_index=1",
        Answer::Part(|| {
            json!({"success": true, "data": {
                "conv_uid": "c-2", "conv_index": 1, "score": 4, "ques_type": "work_study", "messages": "quick",
            }})
        }),
    ),
    Case::get(
        "/api/v1/feedback/find?conv_uid=c-2",
        Answer::Refused(400, "E0001", "query.conv_index:Field required;"),
    ),
    Case::get(
        "/api/v1/question/list?valid=true",
        Answer::Body(
            200,
            || json!({"success": true, "err_code": null, "err_msg": null, "data": []}),
        ),
    ),
    Case::from_another_origin("GET", "/api/v1/question/list"),
];
