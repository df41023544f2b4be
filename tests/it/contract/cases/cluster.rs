//! The routes between processes: who offers what, and this server's models for others.

use serde_json::{Value, json};

use super::{Answer, Case, Sent};

/// Stand-ins beside the scripted model, as configuration: one that writes, one that embeds, one that judges.
pub(crate) const MODELS: &str = "[[models]]\nname = \"dummy/echo\"\nprovider = \"dummy\"\n\
                                 [[models]]\nname = \"dummy/embed\"\nprovider = \"dummy\"\nkind = \"embedding\"\n\
                                 [[models]]\nname = \"dummy/rerank\"\nprovider = \"dummy\"\nkind = \"reranker\"\n";

const fn post(path: &'static str, body: fn() -> Value, answer: Answer) -> Case {
    Case::post(path, Sent::Json(body), answer)
}

const fn delete(path: &'static str, answer: Answer) -> Case {
    Case {
        method: "DELETE",
        ..Case::get(path, answer)
    }
}

/// A refusal over one field.
fn field(kind: &str, loc: [&str; 2], msg: &str, input: &Value) -> Value {
    json!({"detail": [{"type": kind, "loc": loc, "msg": msg, "input": input}]})
}

/// A field of a body that was left out, and the body.
fn missing(name: &str, body: &Value) -> Value {
    field("missing", ["body", name], "Field required", body)
}

/// A refusal in words, for peers of ours with its kind beside.
fn failed(detail: &str, kind: &str) -> Value {
    json!({"detail": detail, "error": {"kind": kind, "message": "{{ANY}}"}})
}

/// No model of that name and type.
fn nobody(kind: &str) -> Value {
    let words =
        format!("Cound not found worker instances for model name nope and worker type {kind}");
    failed(&words, "not_found")
}

fn far() -> Value {
    json!({"model_name": "far@llm", "host": "127.0.0.1", "port": 9})
}

fn hello() -> Value {
    json!({"model": "dummy/echo", "messages": [{"role": "human", "content": "hello there"}]})
}

/// A model behind a server that is asked only when the model is.
fn startup(params: &Value) -> Value {
    json!({"host": "127.0.0.1", "port": 1, "model": "mine", "worker_type": "llm", "params": params})
}

fn upstream() -> Value {
    startup(&json!({
        "name": "mine", "provider": "proxy/openai", "api_base": "http://127.0.0.1:1/v1", "api_key": "sk-1",
    }))
}

fn forgotten() -> Value {
    let mut body = startup(&json!({}));
    body["delete_after"] = json!(true);
    body
}

const CONTROLLER: &str = "/api/controller/models";
const GENERATE: &str = "/api/worker/generate";
const STREAM: &str = "/api/worker/generate_stream";
const EMBEDDINGS: &str = "/api/worker/embeddings";
const COUNT: &str = "/api/worker/count_token";
const METADATA: &str = "/api/worker/model_metadata";
const APPLY: &str = "/api/worker/apply";
const STARTUP: &str = "/api/worker/models/startup";
const SHUTDOWN: &str = "/api/worker/models/shutdown";

pub(super) const CASES: &[Case] = &[
    // Who offers what.
    Case::get(
        "/api/controller/models?model_name=dummy%2Fecho%40llm&healthy_only=true",
        Answer::Body(200, || {
            json!([{
                "model_name": "dummy/echo@llm", "host": "127.0.0.1", "port": "{{NUMBER}}", "weight": 1.0,
                "check_healthy": true, "healthy": true, "enabled": true, "prompt_template": null,
                "last_heartbeat": "{{TIMESTAMP}}", "remove_from_registry": false,
            }])
        }),
    ),
    Case::get(
        "/api/controller/models?healthy_only=maybe",
        Answer::Body(422, || {
            field(
                "bool_parsing",
                ["query", "healthy_only"],
                "Input should be a valid boolean, unable to interpret input",
                &json!("maybe"),
            )
        }),
    ),
    post(CONTROLLER, far, Answer::Body(200, || json!(true))),
    post(
        CONTROLLER,
        || json!({"model_name": "far@llm", "host": "http://127.0.0.1/", "port": 9}),
        Answer::Body(400, || {
            json!({
                "detail": "host: must be a host name or an IP address, without scheme, port or path",
                "error": {"kind": "invalid", "field": "host", "message": "{{ANY}}"},
            })
        }),
    ),
    post(
        "/api/controller/heartbeat",
        far,
        Answer::Body(200, || json!(true)),
    ),
    post(
        "/api/controller/heartbeat",
        || json!({"model_name": "far@llm", "host": "127.0.0.1"}),
        Answer::Body(422, || {
            missing(
                "port",
                &json!({"model_name": "far@llm", "host": "127.0.0.1"}),
            )
        }),
    ),
    Case::get(
        "/api/controller/models?model_name=far%40llm",
        Answer::Holds("\"host\":\"127.0.0.1\",\"port\":9,"),
    ),
    delete(
        "/api/controller/models?model_name=far%40llm&host=127.0.0.1&port=9&remove_from_registry=true",
        Answer::Body(200, || json!(true)),
    ),
    delete(
        "/api/controller/models?model_name=far%40llm&host=127.0.0.1",
        Answer::Body(422, || {
            field("missing", ["query", "port"], "Field required", &Value::Null)
        }),
    ),
    Case::get(
        "/api/controller/models?model_name=far%40llm",
        Answer::Body(200, || json!([])),
    ),
    // This server's models.
    post(
        GENERATE,
        hello,
        Answer::Part(|| {
            json!({
                "content": {"object": {"data": "hello there", "format": "text"}, "type": "text"},
                "error_code": 0, "incremental": false, "finish_reason": "stop",
                "usage": {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4},
            })
        }),
    ),
    post(
        GENERATE,
        || json!({"prompt": "x"}),
        Answer::Body(422, || missing("model", &json!({"prompt": "x"}))),
    ),
    // Failures of models stand in the answer.
    post(
        GENERATE,
        || json!({"model": "nope", "prompt": "x"}),
        Answer::Holds("not found worker instances for model name nope and worker type llm"),
    ),
    post(STREAM, hello, Answer::Holds("\"data\":\"hello there\"")),
    post(
        STREAM,
        || json!({"prompt": "x"}),
        Answer::Body(422, || missing("model", &json!({"prompt": "x"}))),
    ),
    post(
        EMBEDDINGS,
        || json!({"model": "dummy/embed", "input": ["a", "b"]}),
        Answer::Body(200, || {
            json!([["{{8 numbers in all}}"], ["{{8 numbers in all}}"]])
        }),
    ),
    post(
        EMBEDDINGS,
        || {
            json!({
                "model": "dummy/rerank", "worker_type": "reranker", "query": "red fox", "input": ["a red fox", "a dog"],
            })
        },
        Answer::Body(200, || json!([[1.0, 0.0]])),
    ),
    post(
        EMBEDDINGS,
        || json!({"model": "nope", "input": ["a"]}),
        Answer::Body(404, || nobody("text2vec")),
    ),
    post(
        COUNT,
        || json!({"model": "dummy/echo", "prompt": "a b c"}),
        Answer::Body(200, || json!(3)),
    ),
    post(
        COUNT,
        || json!({"model": "nope", "prompt": "a b c"}),
        Answer::Body(404, || nobody("llm")),
    ),
    post(
        METADATA,
        || json!({"model": "dummy/echo"}),
        Answer::Part(|| json!({"model": "dummy/echo", "chat_model": true, "context_length": null})),
    ),
    post(
        METADATA,
        || json!({"model": "nope"}),
        Answer::Body(404, || nobody("llm")),
    ),
    // Starting and stopping them.
    post(STARTUP, upstream, Answer::Body(200, || Value::Null)),
    post(
        STARTUP,
        upstream,
        Answer::Body(409, || {
            failed("{{ANY}}'mine' exists already{{ANY}}", "already_exists")
        }),
    ),
    Case::get(
        "/api/worker/parameter/descriptions?model=mine",
        Answer::Holds("\"param_name\":\"api_key\""),
    ),
    Case::get(
        "/api/worker/parameter/descriptions",
        Answer::Body(422, || {
            field(
                "missing",
                ["query", "model"],
                "Field required",
                &Value::Null,
            )
        }),
    ),
    Case::get(
        "/api/worker/models/supports",
        Answer::Holds("\"provider\":\"proxy/openai\""),
    ),
    Case::from_another_origin("GET", "/api/worker/models/supports"),
    post(
        APPLY,
        || json!({"model": "mine", "apply_type": "stop", "worker_type": "llm"}),
        Answer::Part(|| {
            json!({
                "message": "model mine@proxy/openai(127.0.0.1:{{NUMBER}}) stop successfully", "success": true,
            })
        }),
    ),
    post(
        APPLY,
        || json!({"model": "mine", "apply_type": "start"}),
        Answer::Part(|| json!({"success": true})),
    ),
    post(
        APPLY,
        || json!({"model": "nope", "apply_type": "start"}),
        Answer::Body(404, || nobody("llm")),
    ),
    post(SHUTDOWN, forgotten, Answer::Body(200, || Value::Null)),
    post(
        SHUTDOWN,
        forgotten,
        Answer::Body(404, || {
            failed(
                "Cound not found worker instances for model name mine and worker type llm",
                "not_found",
            )
        }),
    ),
];
