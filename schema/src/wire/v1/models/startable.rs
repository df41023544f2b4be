//! Models that can be started, and what each can be started with.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::model::{ModelPlace, Parameter, StartableModel};

/// A parameter that a model can be started with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ParameterDescription, example = json!({
    "required": false, "is_array": false, "param_name": "api_key",
    "param_class": "tidegate.models.UpstreamModelParameters", "param_type": "string", "label": "api_key",
    "description": "Key of the server.",
    "default_value": "${env:OPENAI_API_KEY}", "valid_values": null, "ext_metadata": {"tags": "privacy"},
    "nested_fields": null, "param_order": 3,
}))]
pub struct ParameterOut {
    /// Whether a model is not started without it.
    pub required: bool,
    /// Always false.
    pub is_array: bool,
    /// Its name.
    pub param_name: String,
    /// The group of parameters it belongs to.
    pub param_class: String,
    /// `string`, `integer`, `number` or `boolean`.
    pub param_type: String,
    /// What a form shows for it.
    pub label: String,
    /// What it does, and its unit.
    pub description: String,
    /// What holds where it is not said.
    #[schema(value_type = Value)]
    pub default_value: Value,
    /// The values it can have, where they are few.
    pub valid_values: Option<Vec<Value>>,
    /// `tags` is `privacy` for secrets and `fixed` for what cannot be chosen; `order` where it stands in a form.
    #[schema(value_type = Option<Object>)]
    pub ext_metadata: Option<Map<String, Value>>,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    pub nested_fields: Option<Map<String, Value>>,
    /// Where it stands in a form; small numbers first.
    pub param_order: i32,
}

impl From<Parameter> for ParameterOut {
    fn from(parameter: Parameter) -> Self {
        let mut metadata = Map::new();
        if parameter.order < 0 {
            metadata.insert("order".to_owned(), json!(parameter.order));
        }
        let tag = match (parameter.secret, parameter.fixed) {
            (true, _) => Some("privacy"),
            (false, true) => Some("fixed"),
            (false, false) => None,
        };
        if let Some(tag) = tag {
            metadata.insert("tags".to_owned(), json!(tag));
        }
        let choices: Vec<Value> = parameter.choices.into_iter().map(Value::from).collect();
        Self {
            required: parameter.required,
            is_array: false,
            param_name: parameter.name.to_owned(),
            param_class: parameter.class.to_owned(),
            param_type: parameter.kind.name().to_owned(),
            label: parameter.name.to_owned(),
            description: parameter.description,
            default_value: parameter.default,
            valid_values: (!choices.is_empty()).then_some(choices),
            ext_metadata: Some(metadata),
            nested_fields: None,
            param_order: parameter.order,
        }
    }
}

/// A model that can be started.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = SupportedModel)]
pub struct SupportedOut {
    /// A name for it.
    pub model: String,
    /// `llm`, `text2vec` or `reranker`.
    pub worker_type: String,
    /// What runs it: `hf`, `proxy/openai`, …
    pub provider: String,
    /// Its directory on the server.
    pub path: Option<String>,
    /// Whether that is there.
    pub path_exist: bool,
    /// Whether it is asked over the network.
    pub proxy: bool,
    /// Whether the server can start it.
    pub enabled: bool,
    /// What it can be started with.
    pub params: Vec<ParameterOut>,
    /// For a person.
    pub description: Option<String>,
}

/// A model that can be started, with the server that can.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = StartableModel)]
pub struct StartableOut {
    /// A name for it.
    pub model: String,
    /// `llm`, `text2vec` or `reranker`.
    pub worker_type: String,
    /// What runs it: `hf`, `proxy/openai`, …
    pub provider: String,
    /// Its directory on the server.
    pub path: Option<String>,
    /// Whether that is there.
    pub path_exist: bool,
    /// Whether it is asked over the network.
    pub proxy: bool,
    /// Whether the server can start it.
    pub enabled: bool,
    /// What it can be started with.
    pub params: Vec<ParameterOut>,
    /// For a person.
    pub description: Option<String>,
    /// Host of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Always null.
    pub worker_name: Option<String>,
}

impl From<StartableModel> for SupportedOut {
    fn from(model: StartableModel) -> Self {
        Self {
            model: model.name,
            worker_type: model.kind.worker_type().to_owned(),
            provider: model.provider.to_owned(),
            path_exist: model.path.is_some(),
            path: model.path,
            proxy: model.remote,
            enabled: model.enabled,
            params: model.parameters.into_iter().map(Into::into).collect(),
            description: Some(model.description),
        }
    }
}

impl From<StartableModel> for StartableOut {
    fn from(model: StartableModel) -> Self {
        let ModelPlace { host, port } = model.place.clone();
        let model = SupportedOut::from(model);
        Self {
            model: model.model,
            worker_type: model.worker_type,
            provider: model.provider,
            path: model.path,
            path_exist: model.path_exist,
            proxy: model.proxy,
            enabled: model.enabled,
            params: model.params,
            description: model.description,
            host,
            port,
            worker_name: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ParameterKind;

    #[test]
    fn a_parameter_has_every_key_of_upstreams_and_secrets_are_marked() {
        let out = ParameterOut::from(Parameter {
            name: "api_key",
            class: "c",
            kind: ParameterKind::Text,
            required: false,
            description: "Key.".to_owned(),
            default: Value::Null,
            choices: Vec::new(),
            secret: true,
            fixed: false,
            order: 3,
        });
        assert_eq!(
            serde_json::to_value(out).expect("serialises"),
            json!({
                "required": false, "is_array": false, "param_name": "api_key", "param_class": "c",
                "param_type": "string", "label": "api_key", "description": "Key.", "default_value": null,
                "valid_values": null, "ext_metadata": {"tags": "privacy"}, "nested_fields": null, "param_order": 3,
            })
        );
    }
}
