//! Parameters of both generations, and what is refused.

use chrono::DateTime;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tidegate_schema::model::{DeployedKind, DeploymentId, ModelPlace};

use super::*;

fn deployment(kind: DeployedKind, params: &Value) -> Deployment {
    Deployment {
        id: DeploymentId {
            model: "mine".to_owned(),
            kind,
            place: ModelPlace {
                host: "127.0.0.1".to_owned(),
                port: 5670,
            },
        },
        params: DeployParams(params.as_object().expect("an object").clone()),
        running: true,
        user: None,
        sys_code: None,
        created_at: DateTime::UNIX_EPOCH,
        modified_at: DateTime::UNIX_EPOCH,
    }
}

fn lookup(name: &str) -> Option<String> {
    (name == "OPENAI_API_KEY").then(|| "sk-env".to_owned())
}

fn model(params: &Value) -> Result<config::Model, String> {
    read_with(&deployment(DeployedKind::Llm, params), &lookup).map_err(|error| error.to_string())
}

#[test]
fn what_a_page_sends_becomes_an_upstream() {
    let model = model(&json!({
        "name": "mine", "provider": "proxy/openai", "backend": "gpt", "verbose": false, "concurrency": "7",
        "prompt_template": null, "context_length": null, "api_base": "${env:OPENAI_API_BASE:-http://127.0.0.1:1/v1}",
        "api_key": "${env:OPENAI_API_KEY}", "api_type": "", "http_proxy": null, "worker_type": "llm",
    }))
    .expect("valid");
    assert_eq!(model.provider, config::Provider::Proxy);
    assert_eq!((model.name.as_str(), model.model.as_str()), ("mine", "gpt"));
    assert_eq!(model.base_url, "http://127.0.0.1:1/v1");
    assert_eq!(model.api_key.expose_secret(), "sk-env");
    assert_eq!(model.max_concurrent, 7);
}

#[test]
fn what_is_not_said_is_the_providers() {
    let found = model(&json!({"provider": "proxy/ollama", "api_base": "http://box:11434/"}));
    let found = found.expect("valid");
    assert_eq!(
        (found.base_url.as_str(), found.model.as_str()),
        ("http://box:11434/v1", "mine")
    );
    let found = model(&json!({"provider": "proxy/openai"})).expect("valid");
    assert_eq!(found.base_url, "https://api.openai.com/v1");
    let keyless = json!({"provider": "proxy/openai", "api_key": "${env:NO_API_KEY:-}"});
    let found = model(&keyless).expect("valid");
    assert_eq!(found.api_key.expose_secret(), "");
    let found = model(&json!({"provider": "proxy/anthropic", "api_key": "k"})).expect("valid");
    assert_eq!(found.wire, "anthropic");
}

#[test]
fn older_parameters_mean_the_same() {
    let proxy = model(&json!({
        "model_name": "mine", "model_type": "proxy", "proxy_server_url": "http://127.0.0.1:1/v1",
        "proxy_api_key": "k", "proxyllm_backend": "gpt", "limit_model_concurrency": 3,
    }))
    .expect("valid");
    assert_eq!((proxy.model.as_str(), proxy.max_concurrent), ("gpt", 3));
    let local = model(&json!({
        "model_name": "mine", "model_path": "/models/mine", "device": "auto", "load_8bit": true, "load_4bit": false,
    }))
    .expect("valid");
    assert_eq!(local.provider, config::Provider::Torch);
    assert_eq!(
        (
            local.path.as_str(),
            local.dtype.as_str(),
            local.device.as_str()
        ),
        ("/models/mine", "int8", "")
    );
}

#[test]
fn a_local_model_is_named_by_its_path_or_its_name() {
    let found = model(&json!({
        "provider": "hf", "name": "org/mine", "torch_dtype": "bfloat16", "concurrency": 4,
        "quantization": {"type": "bitsandbytes", "load_in_8bits": false},
    }))
    .expect("valid");
    assert_eq!(
        (
            found.path.as_str(),
            found.dtype.as_str(),
            found.max_sequences
        ),
        ("org/mine", "bf16", 4)
    );
    let shorter = json!({"provider": "hf", "quantization": {"type": "bitsandbytes_4bits"}});
    assert_eq!(model(&shorter).expect("valid").dtype, "int4");
}

#[test]
fn what_is_wrong_is_told_by_its_parameter() {
    for (params, said) in [
        (
            json!({"provider": "proxy/nope"}),
            "Unknown type value: proxy/nope, known types: ['hf'",
        ),
        (
            json!({"provider": "proxy/openai", "api_kee": "k"}),
            "params.api_kee: is no parameter of a model; did you mean 'api_key'?",
        ),
        (
            json!({"provider": "proxy/openai", "concurrency": "many"}),
            "params.concurrency: Input should be a valid integer",
        ),
        (
            json!({"provider": "proxy/azure", "api_key": "k"}),
            "params.api_base: the environment variable AZURE_OPENAI_API_BASE is not set",
        ),
        (
            json!({"provider": "proxy/openai", "api_key": "${env:HOME}"}),
            "params.api_key: the environment variable HOME may not be read",
        ),
        (
            json!({"provider": "proxy/openai", "http_proxy": "http://127.0.0.1:1"}),
            "params.http_proxy: a proxy of its own",
        ),
        (
            json!({"provider": "hf", "queue": 0}),
            "params.queue: is 0; it must lie between 1",
        ),
    ] {
        let error = model(&params).expect_err(said);
        assert!(error.starts_with(said), "{error}");
    }
    let embedder = deployment(
        DeployedKind::Embedding,
        &json!({"provider": "proxy/deepseek", "api_key": "k"}),
    );
    let error = read_with(&embedder, &lookup).expect_err("no embedder");
    assert!(
        error
            .to_string()
            .contains("proxy/deepseek runs no models of the type text2vec"),
        "{error}"
    );
}

#[test]
fn changes_are_taken_over_but_for_what_is_fixed_or_masked() {
    let mut params = deployment(
        DeployedKind::Llm,
        &json!({"name": "mine", "provider": "proxy/openai", "api_key": "k"}),
    )
    .params;
    let changed = |params: &mut DeployParams, changes: Value| {
        let changes = changes.as_object().expect("an object").clone();
        merge(params, changes).map_err(|error| error.to_string())
    };
    let changes = json!({"name": "mine", "api_key": MASK, "concurrency": 50, "backend": null});
    changed(&mut params, changes).expect("valid");
    assert_eq!(
        Value::Object(params.0.clone()),
        json!({"name": "mine", "provider": "proxy/openai", "api_key": "k", "concurrency": 50})
    );
    let refused = changed(&mut params, json!({"provider": "hf"})).expect_err("fixed");
    assert!(
        refused.starts_with("params.provider: cannot be changed"),
        "{refused}"
    );
    let refused = changed(&mut params, json!({"concurency": 1})).expect_err("unknown");
    assert!(refused.contains("did you mean 'concurrency'?"), "{refused}");
}
