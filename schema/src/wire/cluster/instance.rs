//! Instances on the wire.

use chrono::{DateTime, NaiveDateTime, Timelike as _, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{Problems, Reader};
use crate::model::Instance;

/// Numbers beyond this are milliseconds: as seconds they would lie three thousand years ahead.
const MILLISECONDS: f64 = 1e11;

/// An instance of a model, as controllers list it and workers register.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "model_name": "qwen@llm", "host": "10.0.0.5", "port": 8001, "weight": 1.0, "check_healthy": true, "healthy": true,
    "enabled": true, "prompt_template": null, "last_heartbeat": "2026-03-01T10:00:00.123456",
    "remove_from_registry": false
}))]
pub struct InstanceBody {
    /// The model's name and its type: `name@llm`, `name@text2vec`, `name@reranker`, or `WorkerManager@service`.
    pub model_name: String,
    /// Where the worker is reached.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How much of the work it is to have beside the others.
    pub weight: f64,
    /// Whether it is lost when it is not heard of.
    pub check_healthy: bool,
    /// Whether it was heard of lately.
    pub healthy: bool,
    /// Whether it is to be asked.
    pub enabled: bool,
    /// The form of its prompts, where it says.
    pub prompt_template: Option<String>,
    /// When it was last heard of: UTC, without a zone, as DB-GPT writes times.
    pub last_heartbeat: Option<String>,
    /// Always false in lists.
    pub remove_from_registry: bool,
    /// Answers under way there. Only where `detail=true` asks for it: older readers know no such key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<u32>,
}

impl InstanceBody {
    /// An instance as DB-GPT's processes read it, or with what ours tell each other beside.
    pub fn of(instance: &Instance, detail: bool) -> Self {
        Self {
            model_name: instance.model_name.clone(),
            host: instance.host.clone(),
            port: instance.port,
            weight: instance.weight,
            check_healthy: instance.check_healthy,
            healthy: instance.healthy,
            enabled: instance.enabled,
            prompt_template: instance.prompt_template.clone(),
            last_heartbeat: instance.last_heartbeat.map(written),
            remove_from_registry: false,
            load: instance.load.filter(|_| detail),
        }
    }

    /// Reads an instance that registers, beats or is listed. What is left out has DB-GPT's default.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(body: &Map<String, Value>) -> Result<Instance, Problems> {
        let mut reader = Reader::of_body(body);
        let mut instance = Instance::new(reader.text("model_name"), reader.text("host"), 0);
        instance.port = reader.port("port");
        instance.weight = reader.number_or_none("weight").unwrap_or(1.0);
        instance.check_healthy = reader.flag("check_healthy", true);
        instance.healthy = reader.flag("healthy", false);
        instance.enabled = reader.flag("enabled", true);
        instance.prompt_template = reader.text_or_none("prompt_template");
        // Whatever form it has: a controller takes its own clock's time.
        instance.last_heartbeat = reader.given("last_heartbeat").and_then(time);
        instance.load = reader
            .given("load")
            .and_then(Value::as_u64)
            .and_then(|calls| u32::try_from(calls).ok());
        reader.end()?;
        Ok(instance)
    }
}

/// The instances of a controller's list; those that cannot be read or cannot be are passed over.
pub fn instances(list: &Value) -> Vec<Instance> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .filter_map(|body| InstanceBody::read(body).ok())
        .filter(|instance| instance.check().is_ok())
        .collect()
}

/// What to list.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InstanceQuery {
    /// Only instances of this model, by its full name: `name@type`.
    pub model_name: Option<String>,
    /// Only those that are healthy.
    #[param(required = false)]
    pub healthy_only: bool,
    /// With what our own processes tell each other beside.
    #[param(required = false)]
    pub detail: bool,
}

impl InstanceQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// Every parameter that is wrong.
    pub fn read(query: &Map<String, Value>) -> Result<Self, Problems> {
        let mut reader = Reader::of_query(query);
        let read = Self {
            model_name: reader
                .text_or_none("model_name")
                .filter(|name| !name.is_empty()),
            healthy_only: reader.flag("healthy_only", false),
            detail: reader.flag("detail", false),
        };
        reader.end()?;
        Ok(read)
    }
}

/// Which instance leaves.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InstanceKey {
    /// The model, by its full name: `name@type`.
    pub model_name: String,
    /// Where the worker is reached.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether nothing of it is to stay in the list.
    #[param(required = false)]
    pub remove_from_registry: bool,
}

impl InstanceKey {
    /// Reads a query.
    ///
    /// # Errors
    /// Every parameter that is wrong.
    pub fn read(query: &Map<String, Value>) -> Result<Self, Problems> {
        let mut reader = Reader::of_query(query);
        let read = Self {
            model_name: reader.text("model_name"),
            host: reader.text("host"),
            port: reader.port("port"),
            remove_from_registry: reader.flag("remove_from_registry", false),
        };
        reader.end()?;
        Ok(read)
    }
}

/// A time as Python writes one that has no zone.
fn written(at: DateTime<Utc>) -> String {
    let form = if at.nanosecond() / 1000 == 0 {
        "%Y-%m-%dT%H:%M:%S"
    } else {
        "%Y-%m-%dT%H:%M:%S%.6f"
    };
    at.format(form).to_string()
}

/// A time in any of the forms that DB-GPT's versions wrote. Times without a zone are the writer's local ones: they are
/// only compared with each other.
fn time(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::Number(number) => {
            let number = number.as_f64()?;
            let milliseconds = if number.abs() < MILLISECONDS {
                number * 1000.0
            } else {
                number
            };
            DateTime::from_timestamp_millis(milliseconds as i64)
        }
        Value::String(text) => {
            let text = text.trim();
            if let Ok(at) = DateTime::parse_from_rfc3339(text) {
                return Some(at.to_utc());
            }
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
                .iter()
                .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
                .map(|at| at.and_utc())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn what_a_worker_leaves_out_has_db_gpts_default() {
        let read = InstanceBody::read(&object(json!({
            "model_name": "fake@llm", "host": "127.0.0.1", "port": "9999", "weight": null
        })))
        .expect("reads");
        let expected = Instance {
            healthy: false,
            ..Instance::new("fake@llm", "127.0.0.1", 9999)
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn an_instance_is_written_with_ten_keys_and_one_more_where_it_is_asked_for() {
        let at = DateTime::from_timestamp(1_740_823_200, 123_456_789).expect("a time");
        let instance = Instance {
            last_heartbeat: Some(at),
            load: Some(3),
            ..Instance::new("gpt-4o@llm", "10.0.0.5", 5670)
        };
        let plain = serde_json::to_value(InstanceBody::of(&instance, false)).expect("JSON");
        assert_eq!(
            plain,
            json!({
                "model_name": "gpt-4o@llm", "host": "10.0.0.5", "port": 5670, "weight": 1.0, "check_healthy": true,
                "healthy": true, "enabled": true, "prompt_template": null,
                "last_heartbeat": "2025-03-01T10:00:00.123456", "remove_from_registry": false
            })
        );
        let more = serde_json::to_value(InstanceBody::of(&instance, true)).expect("JSON");
        assert_eq!(more["load"], 3);
        let back = instances(&json!([more, {"model_name": "broken"}, 7]));
        assert_eq!(back.len(), 1);
        assert_eq!(back[0].load, Some(3));
        assert_eq!(
            written(DateTime::from_timestamp(1_740_823_200, 0).expect("a time")),
            "2025-03-01T10:00:00"
        );
    }

    #[test]
    fn times_are_read_in_every_form() {
        let expected = DateTime::from_timestamp_millis(1_740_823_200_500);
        for form in [
            json!("2025-03-01T10:00:00.500000"),
            json!("2025-03-01 10:00:00.5"),
            json!("2025-03-01T10:00:00.5Z"),
            json!("2025-03-01T11:00:00.5+01:00"),
            json!(1_740_823_200.5),
            json!(1_740_823_200_500_i64),
        ] {
            assert_eq!(time(&form), expected, "{form}");
        }
        for nonsense in [json!("yesterday"), json!(true), json!(null), json!({})] {
            assert_eq!(time(&nonsense), None);
        }
    }

    #[test]
    fn queries_name_what_is_missing() {
        let query =
            super::super::query([("model_name", "m@llm"), ("healthy_only", "True")].into_iter());
        let read = InstanceQuery::read(&query).expect("reads");
        assert!(read.healthy_only && read.model_name.as_deref() == Some("m@llm"));
        let problems = InstanceKey::read(&query).expect_err("host and port are missing");
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[0].loc, [json!("query"), json!("host")]);
    }
}
