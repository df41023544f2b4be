//! What a model can be started with, in the order of a form.

use serde_json::{Value, json};
use tidegate_schema::model::{DeployedKind, Parameter, ParameterKind};

use super::providers::Provider;

/// Group of the parameters of models that run in this process.
const LOCAL: &str = "tidegate.models.LocalModelParameters";
/// Group of the parameters of models behind a server.
const REMOTE: &str = "tidegate.models.UpstreamModelParameters";

/// Where a form begins; DB-GPT's own numbers for what it has first.
const NAME: i32 = -1000;
const PROVIDER: i32 = -900;
const BACKEND: i32 = -700;

/// The parameters of a provider's models of a kind.
pub(super) fn of(provider: &Provider, kind: DeployedKind) -> Vec<Parameter> {
    let class = if provider.is_local { LOCAL } else { REMOTE };
    let mut form = Form {
        class,
        parameters: Vec::new(),
    };
    form.text("name", "What callers ask for.", Value::Null)
        .required = true;
    form.last().order = NAME;
    let runs = format!("What runs it: {}.", provider.title);
    form.text("provider", &runs, json!(provider.name)).fixed = true;
    form.last().order = PROVIDER;
    if provider.is_local {
        local(&mut form, kind);
    } else {
        remote(&mut form, provider);
    }
    let mut parameters = form.parameters;
    parameters.sort_by_key(|parameter| parameter.order);
    parameters
}

/// Parameters as they are collected.
struct Form {
    class: &'static str,
    parameters: Vec<Parameter>,
}

impl Form {
    fn add(
        &mut self,
        name: &'static str,
        kind: ParameterKind,
        description: &str,
        default: Value,
    ) -> &mut Parameter {
        let order = i32::try_from(self.parameters.len()).unwrap_or(i32::MAX);
        self.parameters.push(Parameter {
            name,
            class: self.class,
            kind,
            required: false,
            description: description.to_owned(),
            default,
            choices: Vec::new(),
            secret: false,
            fixed: false,
            order,
        });
        self.last()
    }

    /// The one added last.
    fn last(&mut self) -> &mut Parameter {
        let at = self.parameters.len() - 1;
        &mut self.parameters[at]
    }

    fn text(&mut self, name: &'static str, description: &str, default: Value) -> &mut Parameter {
        self.add(name, ParameterKind::Text, description, default)
    }

    fn whole(&mut self, name: &'static str, description: &str, default: i64) -> &mut Parameter {
        self.add(name, ParameterKind::Integer, description, json!(default))
    }

    fn flag(&mut self, name: &'static str, description: &str) -> &mut Parameter {
        self.add(name, ParameterKind::Boolean, description, json!(false))
    }
}

fn local(form: &mut Form, kind: DeployedKind) {
    form.text(
        "path",
        "Hugging Face model directory on the server, or hf:organisation/name to look for in its store; empty for the \
         name.",
        Value::Null,
    );
    form.text(
        "dtype",
        "What weights are held as; empty for the checkpoint's own.",
        Value::Null,
    )
    .choices = if kind == DeployedKind::Llm {
        vec!["f32", "bf16", "f16", "int8", "int4"]
    } else {
        vec!["f32", "bf16", "f16", "int8"]
    };
    form.text("device", "Where it runs; empty for cpu.", Value::Null)
        .choices = vec!["cpu", "cuda"];
    form.text(
        "executor",
        "What computes: own kernels or libtorch; empty for the faster one.",
        Value::Null,
    )
    .choices = vec!["native", "torch"];
    form.whole(
        "context_length",
        "Most tokens of prompt and answer together; 0 for all the model can.",
        0,
    );
    form.whole("concurrency", "Answers that are written at once.", 16);
    form.whole(
        "queue",
        "Requests that may wait; more are refused with a time to try again.",
        64,
    );
    if kind == DeployedKind::Llm {
        form.whole(
            "kv_cache_mb",
            "Megabytes for keys and values; 0 for a share of what is free.",
            0,
        );
        form.whole(
            "prefill_chunk",
            "Prompt tokens run between two tokens of the answers under way.",
            256,
        );
    }
    form.whole("threads", "Threads; 0 for those that are free.", 0);
    form.flag(
        "allow_download",
        "Whether a model that is named and not in the store may be downloaded.",
    );
}

fn remote(form: &mut Form, provider: &Provider) {
    form.text(
        "backend",
        "The server's own name for the model; empty for the name.",
        Value::Null,
    )
    .order = BACKEND;
    let said = |text: &'static str| {
        if text.is_empty() {
            Value::Null
        } else {
            json!(text)
        }
    };
    form.text(
        "api_base",
        "Base URL of the server, up to and including the version.",
        said(provider.base_url),
    )
    .required = provider.base_url.is_empty();
    form.text(
        "api_key",
        "Key of the server; ${env:NAME} is read from the environment.",
        said(provider.api_key),
    )
    .secret = true;
    if provider.wire == "azure" {
        form.text("api_version", "Version of the API.", json!("2024-10-21"));
    }
    form.whole(
        "concurrency",
        "Requests under way at once; more are refused with a time to try again. 0 for any number.",
        0,
    );
    form.whole(
        "timeout_seconds",
        "Longest wait for an answer to begin, and for each piece of it.",
        120,
    );
    form.whole("retries", "Further tries where the server fails.", 2);
    form.whole(
        "context_length",
        "Most tokens of prompt and answer together; 0 for what the server takes.",
        0,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::deployments::providers::{PROVIDERS, find};

    #[test]
    fn a_form_begins_with_name_and_provider_and_hides_the_key() {
        let form = of(find("proxy/openai").expect("known"), DeployedKind::Llm);
        let names: Vec<&str> = form.iter().map(|parameter| parameter.name).collect();
        assert_eq!(names[..4], ["name", "provider", "backend", "api_base"]);
        assert!(form[0].required && form[1].fixed);
        let secrets: Vec<&str> = form
            .iter()
            .filter(|parameter| parameter.secret)
            .map(|parameter| parameter.name)
            .collect();
        assert_eq!(secrets, ["api_key"]);
    }

    #[test]
    fn every_parameter_of_a_form_is_one_that_a_model_can_be_started_with() {
        for provider in &PROVIDERS {
            for (kind, _) in provider.examples {
                for parameter in of(provider, *kind) {
                    assert!(
                        crate::services::deployments::definition::is_known(parameter.name),
                        "{} of {}",
                        parameter.name,
                        provider.name
                    );
                }
            }
        }
    }
}
