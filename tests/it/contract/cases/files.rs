//! Files that are sent: learnt, read, removed.

use serde_json::json;

use super::{Answer, Case, Sent, nothing};

/// A small table.
const CSV: &str = "town,people\nOslo,3\nBergen,2\n";

pub(super) const CASES: &[Case] = &[
    Case::post(
        "/api/v1/chat/mode/params/file/load?conv_uid=c-old&chat_mode=chat_excel&model_name=scripted",
        Sent::File {
            field: "doc_file",
            name: "towns.csv",
            content: CSV,
        },
        Answer::Part(|| {
            json!({"success": true, "data": [
                {"role": "human", "order": 1}, {"role": "ai", "order": 1}, {"role": "view", "order": 1},
            ]})
        }),
    ),
    Case::post(
        "/api/v1/chat/mode/params/file/load?conv_uid=c-old&chat_mode=chat_excel&model_name=scripted",
        Sent::Nothing,
        Answer::Refused(400, "E0001", "Field required;"),
    ),
    Case::post(
        "/api/v1/resource/file/upload?conv_uid=c-new&chat_mode=chat_excel&model_name=scripted",
        Sent::File {
            field: "doc_files",
            name: "towns.csv",
            content: CSV,
        },
        Answer::Body(200, || {
            json!({"success": true, "err_code": null, "err_msg": null, "data": {
                "is_oss": true, "file_path": "dbgpt-fs://local/dbgpt_app_file/{{UUID1}}", "file_name": "towns.csv",
                "file_learning": true, "bucket": "dbgpt_app_file",
            }})
        }),
    ),
    Case::post(
        "/api/v1/resource/file/upload?conv_uid=c-new&chat_mode=chat_excel",
        Sent::Nothing,
        Answer::Refused(400, "E0001", "body.doc_files:Field required;"),
    ),
    // Neither the file's name nor the address lets another conversation read it.
    Case::post(
        "/api/v1/resource/file/read?conv_uid=c-new&file_key=dbgpt-fs://local/dbgpt_app_file/{{UUID1}}",
        Sent::Nothing,
        Answer::Holds("Bergen"),
    ),
    Case::post(
        "/api/v1/resource/file/read?conv_uid=c-1&file_key=dbgpt-fs://local/dbgpt_app_file/{{UUID1}}",
        Sent::Nothing,
        Answer::Refused(400, "E0003", "{{UUID1}}"),
    ),
    // The current page asks by GET.
    Case::get(
        "/api/v1/resource/file/read?conv_uid=c-new&file_key=towns.csv",
        Answer::Holds("Bergen"),
    ),
    Case::get(
        "/api/v1/resource/file/read?conv_uid=c-new",
        Answer::Refused(400, "E0001", "query.file_key:Field required;"),
    ),
    Case::post(
        "/api/v1/resource/file/delete?conv_uid=c-new&file_key=dbgpt-fs://local/dbgpt_app_file/{{UUID1}}",
        Sent::Nothing,
        Answer::Body(200, nothing),
    ),
    Case::post(
        "/api/v1/resource/file/delete?conv_uid=c-new",
        Sent::Nothing,
        Answer::Refused(400, "E0001", "query.file_key:Field required;"),
    ),
];
