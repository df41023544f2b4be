//! The OpenAI surface beyond what was recorded: responses, scores, tokens, names with slashes.

use serde_json::{Value, json};

use super::{Answer, Case, Sent};

/// Stand-ins beside the scripted model, as configuration.
pub(crate) const MODELS: &str = "[[models]]\nname = \"dummy/echo\"\nprovider = \"dummy\"\n\
                                 [[models]]\nname = \"dummy/rerank\"\nprovider = \"dummy\"\nkind = \"reranker\"\n";

/// An error in OpenAI's shape, whatever it says.
fn error(param: &Value, code: &Value, number: u32) -> Value {
    json!({
        "error": {"message": "{{ANY}}", "type": "invalid_request_error", "param": param, "code": code},
        "object": "error", "message": "{{ANY}}", "code": number,
    })
}

/// A refusal by name.
const fn refused(status: u16, body: fn() -> Value) -> Answer {
    Answer::Body(status, body)
}

const fn delete(path: &'static str, answer: Answer) -> Case {
    Case {
        method: "DELETE",
        ..Case::get(path, answer).on_openai()
    }
}

const fn post(path: &'static str, body: fn() -> Value, answer: Answer) -> Case {
    Case::post(path, Sent::Json(body), answer).on_openai()
}

const RESPONSES: &str = "/api/v1/responses";
const KEPT: &str = "/api/v1/responses/resp_{{UUID1}}";
const NOT_KEPT: Answer = refused(404, || error(&Value::Null, &json!("not_found"), 40001));

pub(super) const CASES: &[Case] = &[
    post(
        RESPONSES,
        || json!({"model": "scripted", "input": "hi", "metadata": {"a": "b"}}),
        Answer::Part(|| {
            json!({
                "id": "resp_{{UUID1}}", "object": "response", "created_at": "{{TIMESTAMP}}", "status": "completed",
                "model": "scripted", "error": null, "incomplete_details": null, "metadata": {"a": "b"},
                "output": [{
                    "type": "message", "id": "msg_{{UUID1}}_0", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}],
                }],
            })
        }),
    ),
    post(
        RESPONSES,
        || json!({"model": "scripted", "input": "hi", "previous_response_id": "resp_{{UUID1}}", "store": false}),
        Answer::Part(|| json!({"status": "completed", "previous_response_id": "resp_{{UUID1}}"})),
    ),
    post(
        RESPONSES,
        || json!({"model": "scripted", "input": "hi", "previous_response_id": "resp_nope"}),
        refused(400, || {
            error(
                &json!("previous_response_id"),
                &json!("previous_response_not_found"),
                40302,
            )
        }),
    ),
    post(
        RESPONSES,
        || json!({"model": "scripted", "input": "hi", "tools": [{"type": "web_search"}]}),
        refused(400, || error(&json!("tools[0].type"), &Value::Null, 40001)),
    ),
    post(
        RESPONSES,
        || json!({"model": "scripted", "input": "hi", "stream": true}),
        Answer::Holds("event: response.completed\n"),
    ),
    Case::get(
        KEPT,
        Answer::Part(|| json!({"id": "resp_{{UUID1}}", "object": "response"})),
    )
    .on_openai(),
    delete(
        KEPT,
        Answer::Body(
            200,
            || json!({"id": "resp_{{UUID1}}", "object": "response", "deleted": true}),
        ),
    ),
    Case::get(KEPT, NOT_KEPT).on_openai(),
    delete(KEPT, NOT_KEPT),
    post(
        "/api/v1/beta/relevance",
        || json!({"model": "dummy/rerank", "query": "red fox", "documents": ["a red fox", "a dog"]}),
        Answer::Body(200, || {
            json!({
                "object": "list", "model": "dummy/rerank", "data": [1.0, 0.0],
                "usage": {"prompt_tokens": 0, "total_tokens": 0, "completion_tokens": 0},
            })
        }),
    ),
    post(
        "/api/v1/rerank",
        || {
            json!({
                "model": "dummy/rerank", "query": "red fox", "top_n": 1, "documents": ["a dog", {"text": "a red fox"}],
            })
        },
        Answer::Body(200, || {
            json!({
                "id": "rerank-{{UUID2}}", "model": "dummy/rerank",
                "results": [{"index": 1, "relevance_score": 1.0, "document": {"text": "a red fox"}}],
            })
        }),
    ),
    post(
        "/api/v1/rerank",
        || json!({"model": "dummy/rerank", "query": "red fox", "documents": ["a dog", 7]}),
        refused(400, || error(&json!("documents[1]"), &Value::Null, 40001)),
    ),
    post(
        "/api/v1/rerank",
        || json!({"model": "scripted", "query": "red fox", "documents": []}),
        refused(404, || {
            error(&json!("model"), &json!("model_not_found"), 40301)
        }),
    ),
    // The stand-in's tokens are bytes.
    post(
        "/api/v1/tokenize",
        || json!({"model": "dummy/echo", "prompt": "hi"}),
        Answer::Body(
            200,
            || json!({"count": 2, "max_model_len": null, "tokens": [104, 105]}),
        ),
    ),
    post(
        "/api/v1/tokenize",
        || json!({"model": "scripted", "prompt": "hi"}),
        refused(400, || error(&Value::Null, &json!("unsupported"), 40001)),
    ),
    post(
        "/api/v1/detokenize",
        || json!({"model": "dummy/echo", "tokens": [104, 105]}),
        Answer::Body(200, || json!({"prompt": "hi"})),
    ),
    post(
        "/api/v1/detokenize",
        || json!({"model": "dummy/echo", "tokens": "hi"}),
        refused(400, || error(&json!("tokens"), &Value::Null, 40001)),
    ),
    post(
        "/api/v1/completions",
        || json!({"model": "dummy/echo", "prompt": ["a b", "c"], "n": 2}),
        Answer::Part(|| {
            json!({
                "object": "text_completion",
                "choices": [
                    {"index": 0, "text": "a b", "finish_reason": "stop"}, {"index": 1, "text": "a b"},
                    {"index": 2, "text": "c"}, {"index": 3, "text": "c"},
                ],
                "usage": {"prompt_tokens": 6, "completion_tokens": 6, "total_tokens": 12},
            })
        }),
    ),
    post(
        "/api/v1/completions",
        || json!({"model": "dummy/echo", "prompt": "a", "suffix": "b"}),
        refused(400, || error(&Value::Null, &json!("unsupported"), 40001)),
    ),
    Case::get(
        "/api/v1/models/dummy/echo",
        Answer::Part(|| json!({"id": "dummy/echo", "object": "model"})),
    )
    .on_openai(),
    Case::get(
        "/api/v1/models/dummy%2Fecho",
        Answer::Part(|| json!({"id": "dummy/echo", "object": "model"})),
    )
    .on_openai(),
    Case::get(
        "/api/v1/models/dummy/nope",
        refused(404, || {
            error(&json!("model"), &json!("model_not_found"), 40301)
        }),
    )
    .on_openai(),
];
