//! Models that are started, stopped and started again, by the routes of each generation.

use serde_json::{Value, json};

use super::{Answer, Case, NO_BODY, NO_JSON, Sent, nothing};

fn start(model: &str, worker_type: &str, params: &Value) -> Value {
    json!({
        "host": "127.0.0.1", "port": 5670, "model": model, "worker_type": worker_type, "params": params,
    })
}

/// A model behind a server that is asked only when the model is.
fn upstream(model: &str) -> Value {
    let params = json!({
        "name": model, "provider": "proxy/openai", "api_base": "http://127.0.0.1:1/v1", "api_key": "sk-1",
    });
    start(model, "llm", &params)
}

fn done() -> Value {
    json!({"success": true, "err_code": null, "err_msg": null, "data": true})
}

pub(super) const CASES: &[Case] = &[
    // As it is today.
    Case::get(
        "/api/v2/serve/model/model-types",
        Answer::Holds("\"provider\":\"proxy/openai\""),
    ),
    Case::from_another_origin("GET", "/api/v2/serve/model/model-types"),
    Case::get(
        "/api/v1/worker/model-types",
        Answer::Holds("\"ext_metadata\":{\"tags\":\"privacy\"}"),
    ),
    Case::get(
        "/api/v2/serve/model/health",
        Answer::Body(200, || json!({"status": "ok"})),
    ),
    Case::from_another_origin("GET", "/api/v2/serve/model/health"),
    Case::get(
        "/api/v2/serve/model/test_auth",
        Answer::Body(200, || json!({"status": "ok"})),
    ),
    Case::from_another_origin("GET", "/api/v2/serve/model/test_auth"),
    Case::post(
        "/api/v2/serve/model/models",
        Sent::Json(|| upstream("mine")),
        Answer::Body(200, done),
    ),
    Case::post(
        "/api/v2/serve/model/models",
        Sent::Json(|| upstream("mine")),
        Answer::Refused(
            200,
            "E000X",
            "model start failed a model named 'mine' exists already",
        ),
    ),
    Case::post(
        "/api/v2/serve/model/models",
        Sent::Json(|| {
            start(
                "other",
                "llm",
                &json!({"provider": "proxy/openai", "api_kee": "k"}),
            )
        }),
        Answer::Refused(
            200,
            "E000X",
            "model start failed params.api_kee: is no parameter of a model; did you mean 'api_key'?",
        ),
    ),
    Case::post(
        "/api/v2/serve/model/models",
        Sent::Json(|| start("other", "wizard", &json!({}))),
        Answer::Refused(400, "E0001", "body.worker_type:Input should be 'llm'"),
    ),
    Case::post("/api/v2/serve/model/models", Sent::Nothing, NO_BODY),
    Case::post("/api/v2/serve/model/models", Sent::Text("{"), NO_JSON),
    Case::get(
        "/api/v2/serve/model/models",
        Answer::Holds(
            "\"model_name\":\"mine\",\"worker_type\":\"llm\",\"host\":\"127.0.0.1\",\"port\":5670",
        ),
    ),
    Case::from_another_origin("GET", "/api/v2/serve/model/models"),
    Case::post(
        "/api/v2/serve/model/models/stop",
        Sent::Json(|| start("mine", "llm", &json!({}))),
        Answer::Body(200, done),
    ),
    Case::post(
        "/api/v2/serve/model/models/stop",
        Sent::Json(|| start("mine", "llm", &json!({}))),
        Answer::Refused(
            200,
            "E000X",
            "model stop failed No worker instance found for the model mine worker type llm",
        ),
    ),
    Case::post(
        "/api/v2/serve/model/models/start",
        Sent::Json(|| start("mine", "llm", &json!({}))),
        Answer::Body(200, done),
    ),
    Case::post(
        "/api/v2/serve/model/models/start",
        Sent::Json(|| start("nobody", "llm", &json!({}))),
        Answer::Refused(200, "E000X", "model not found"),
    ),
    // A page that does not know where a model runs leaves the place out.
    Case::post(
        "/api/v1/worker/models/stop",
        Sent::Json(|| {
            json!({
                "host": "", "port": 0, "model": "mine", "worker_type": "llm", "params": {}, "delete_after": true,
            })
        }),
        Answer::Body(200, done),
    ),
    Case::post(
        "/api/v1/worker/models/start",
        Sent::Json(|| start("mine", "llm", &json!({}))),
        Answer::Refused(200, "E000X", "model not found"),
    ),
    // Up to 0.6.
    Case::get(
        "/api/v1/worker/model/params",
        Answer::Holds("\"worker_type\":\"text2vec\""),
    ),
    Case::from_another_origin("GET", "/api/v1/worker/model/params"),
    Case::post(
        "/api/v1/worker/model/start",
        Sent::Json(|| {
            let params = json!({
                "model_name": "older", "model_type": "proxy", "proxy_server_url": "http://127.0.0.1:1/v1",
                "proxy_api_key": "sk-1",
            });
            start("older", "llm", &params)
        }),
        Answer::Body(200, nothing),
    ),
    Case::post(
        "/api/v1/worker/model/start",
        Sent::Json(|| start("older", "llm", &json!({}))),
        Answer::Refused(200, "E000X", "model start failed a model named 'older'"),
    ),
    Case::get(
        "/api/v1/worker/model/list",
        Answer::Holds("\"model_name\":\"older\",\"model_type\":\"llm\""),
    ),
    Case::from_another_origin("GET", "/api/v1/worker/model/list"),
    Case::post(
        "/api/v1/worker/model/stop",
        Sent::Json(|| start("older", "llm", &json!({}))),
        Answer::Body(200, nothing),
    ),
    Case::post(
        "/api/v1/worker/model/stop",
        Sent::Json(|| start("nobody", "reranker", &json!({}))),
        Answer::Refused(
            200,
            "E000X",
            "model stop failed No worker instance found for the model nobody worker type reranker",
        ),
    ),
    Case::get(
        "/api/v1/model/supports",
        Answer::Holds("\"worker_name\":null"),
    ),
    Case::from_another_origin("GET", "/api/v1/model/supports"),
    // How apps choose.
    Case::get(
        "/api/v1/llm-strategy/list",
        Answer::Holds("\"value\":\"priority\""),
    ),
    Case::from_another_origin("GET", "/api/v1/llm-strategy/list"),
    Case::get(
        "/api/v1/llm-strategy/value/list?type=priority",
        Answer::Holds("\"scripted\""),
    ),
    Case::from_another_origin("GET", "/api/v1/llm-strategy/value/list"),
];
