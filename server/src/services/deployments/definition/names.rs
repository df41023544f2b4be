//! The names that parameters have come by, and what is done with each.

use serde_json::Value;
use tidegate_schema::{Error, Result};

use crate::services::datasources::nearest;

/// What is done with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It is a text of the model's table.
    Text(&'static str),
    /// It is a whole number of the table.
    Whole(&'static str),
    /// It is a number of the table.
    Share(&'static str),
    /// It is a yes or no of the table.
    Flag(&'static str),
    /// How much is done at once.
    Concurrency,
    /// What weights are held as.
    Dtype,
    /// Whether weights are held as this.
    Shorter(&'static str),
    /// DB-GPT's form of how weights are shortened.
    Quantization,
    /// Where a model runs.
    Device,
    /// The dialect of a server.
    Dialect,
    /// Nothing: it is read elsewhere, or steers what only upstream's workers have.
    Nothing,
    /// It cannot be kept to; why, and what to do.
    Refused(&'static str),
}

/// A parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) what: Use,
}

const fn known(name: &'static str, what: Use) -> Known {
    Known { name, what }
}

/// DB-GPT's names, the older ones too, then our own.
static KNOWN: &[Known] = &[
    known("name", Use::Nothing),
    known("provider", Use::Nothing),
    known("backend", Use::Text("model")),
    known("path", Use::Text("path")),
    known("device", Use::Device),
    known("torch_dtype", Use::Dtype),
    known("quantization", Use::Quantization),
    known("context_length", Use::Whole("context_length")),
    known("concurrency", Use::Concurrency),
    known("api_base", Use::Text("base_url")),
    known("api_url", Use::Text("base_url")),
    known("api_key", Use::Text("api_key")),
    known("api_type", Use::Dialect),
    known("api_version", Use::Text("api_version")),
    known(
        "http_proxy",
        Use::Refused(
            "a proxy of its own cannot be given to a model; set HTTPS_PROXY for the server and leave it out",
        ),
    ),
    // What only upstream's workers have, or what is found out without being told.
    known("verbose", Use::Nothing),
    known("prompt_template", Use::Nothing),
    known("reasoning_model", Use::Nothing),
    known("worker_type", Use::Nothing),
    known("trust_remote_code", Use::Nothing),
    known("low_cpu_mem_usage", Use::Nothing),
    known("num_gpus", Use::Nothing),
    known("max_gpu_memory", Use::Nothing),
    known("attn_implementation", Use::Nothing),
    known("language", Use::Nothing),
    known("model_kwargs", Use::Nothing),
    known("encode_kwargs", Use::Nothing),
    known("normalize_embeddings", Use::Nothing),
    known("multi_process", Use::Nothing),
    known("cache_folder", Use::Nothing),
    known("max_length", Use::Nothing),
    known("timeout", Use::Whole("timeout_seconds")),
    // Up to 0.6.
    known("model_name", Use::Nothing),
    known("model_alias", Use::Nothing),
    known("model_type", Use::Nothing),
    known("model_path", Use::Text("path")),
    known("proxyllm_backend", Use::Text("model")),
    known("proxy_server_url", Use::Text("base_url")),
    known("proxy_api_base", Use::Text("base_url")),
    known("proxy_api_key", Use::Text("api_key")),
    known("proxy_api_type", Use::Dialect),
    known("proxy_api_version", Use::Text("api_version")),
    known("max_context_size", Use::Whole("context_length")),
    known("limit_model_concurrency", Use::Concurrency),
    known("load_8bit", Use::Shorter("int8")),
    known("load_4bit", Use::Shorter("int4")),
    known("host", Use::Nothing),
    known("port", Use::Nothing),
    known("register", Use::Nothing),
    known("controller_addr", Use::Nothing),
    known("worker_class", Use::Nothing),
    known("worker_register_host", Use::Nothing),
    known("standalone", Use::Nothing),
    known("daemon", Use::Nothing),
    known("send_heartbeat", Use::Nothing),
    known("heartbeat_interval", Use::Nothing),
    known("log_level", Use::Nothing),
    known("log_file", Use::Nothing),
    known("tracer_file", Use::Nothing),
    known("cpu_offloading", Use::Nothing),
    known("gptq_ckpt", Use::Nothing),
    known("gptq_wbits", Use::Nothing),
    known("gptq_groupsize", Use::Nothing),
    known("gptq_act_order", Use::Nothing),
    known("compute_dtype", Use::Nothing),
    known("quant_type", Use::Nothing),
    known("use_double_quant", Use::Nothing),
    // Ours.
    known("model", Use::Text("model")),
    known("base_url", Use::Text("base_url")),
    known("wire", Use::Dialect),
    known("allow_download", Use::Flag("allow_download")),
    known("dtype", Use::Dtype),
    known("executor", Use::Text("executor")),
    known("max_sequences", Use::Whole("max_sequences")),
    known("max_concurrent", Use::Whole("max_concurrent")),
    known("kv_cache_mb", Use::Whole("kv_cache_mb")),
    known("prefill_chunk", Use::Whole("prefill_chunk")),
    known("queue", Use::Whole("queue")),
    known("threads", Use::Whole("threads")),
    known("timeout_seconds", Use::Whole("timeout_seconds")),
    known("weight", Use::Share("weight")),
    known("connect_seconds", Use::Whole("connect_seconds")),
    known("first_token_seconds", Use::Whole("first_token_seconds")),
    known(
        "between_tokens_seconds",
        Use::Whole("between_tokens_seconds"),
    ),
    known("retries", Use::Whole("retries")),
    known("cache_seconds", Use::Whole("cache_seconds")),
];

/// The parameter of a name.
pub(super) fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// Whether a parameter is a text of the model's table under a key.
pub(super) fn goes_to(name: &str, key: &str) -> bool {
    find(name).is_some_and(|known| matches!(known.what, Use::Text(own) if own == key))
}

/// Whether a model can be started with a parameter of that name.
#[cfg(test)]
pub(in crate::services::deployments) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// A parameter that is none: upstream's workers refuse it too.
pub(super) fn unknown(name: &str) -> Error {
    let names: Vec<String> = KNOWN.iter().map(|known| known.name.to_owned()).collect();
    let hint = nearest(&names, name)
        .filter(|hint| hint.starts_with("did you mean"))
        .unwrap_or_else(|| "GET /api/v2/serve/model/model-types lists those there are".to_owned());
    Error::invalid(
        format!("params.{name}"),
        format!("is no parameter of a model; {hint}"),
    )
}

fn wrong(known: &Known, wanted: &str) -> Error {
    Error::invalid(
        format!("params.{}", known.name),
        format!("Input should be {wanted}"),
    )
}

/// A parameter's text.
pub(super) fn text<'a>(known: &Known, value: &'a Value) -> Result<&'a str> {
    value.as_str().ok_or_else(|| wrong(known, "a valid string"))
}

/// A parameter's whole number, also as text: forms send both.
pub(super) fn whole(known: &Known, value: &Value) -> Result<i64> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .filter(|number| *number >= 0)
        .ok_or_else(|| wrong(known, "a valid integer that is not negative"))
}

/// A parameter's number, also as text.
pub(super) fn number(known: &Known, value: &Value) -> Result<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .filter(|number| number.is_finite())
        .ok_or_else(|| wrong(known, "a valid number"))
}

/// A parameter's yes or no, also as text.
pub(super) fn flag(known: &Known, value: &Value) -> Result<bool> {
    match value {
        Value::Bool(yes) => Ok(*yes),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(wrong(known, "a valid boolean")),
    }
}

/// What a kind of numbers is called here; nothing for the checkpoint's own.
pub(super) fn dtype(name: &str) -> Option<&str> {
    match name {
        "auto" => None,
        "float16" | "half" => Some("f16"),
        "bfloat16" => Some("bf16"),
        "float" | "float32" => Some("f32"),
        own => Some(own),
    }
}

/// What weights are shortened to: DB-GPT's table of how, by its type.
pub(super) fn quantization(name: &str, value: &Value) -> Result<Option<&'static str>> {
    let yes = |field: &str| value[field] == true;
    match value["type"].as_str() {
        Some("bitsandbytes_8bits") => Ok(Some("int8")),
        Some("bitsandbytes_4bits") => Ok(Some("int4")),
        Some("bitsandbytes") if yes("load_in_4bits") => Ok(Some("int4")),
        Some("bitsandbytes") if yes("load_in_8bits") => Ok(Some("int8")),
        Some("bitsandbytes") => Ok(None),
        _ => Err(Error::invalid(
            format!("params.{name}"),
            "has a type that is not known; leave it out and set dtype to int8 or int4",
        )),
    }
}
