//! Models of other processes of the cluster: listed beside this one's, and started and stopped by asking their process.
//!
//! Only a process that is registered and heard of is asked, so that nobody makes this one call an address of theirs.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tidegate_schema::{
    Error, Result,
    model::{Act, Caller, DeployParams, DeployedKind, Instance, ModelPlace},
};

use super::{Deployments, ListedModel, ListedState, Target};
use crate::workers::http_client;

/// Most of an answer that is read.
const ANSWER_BYTES: usize = 1 << 20;
/// Most of a refusal's text that is passed on.
const REFUSAL_CHARS: usize = 500;

/// What another process is asked to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order<'a> {
    /// Start a model: a new one, or without parameters one that was stopped.
    Start(&'a DeployParams),
    /// Stop one.
    Stop { forget: bool },
    /// Stop one and start it again.
    Restart,
}

impl Deployments<'_> {
    /// The models of this server, then those of the other processes of the cluster, healthy or not. Where the cluster
    /// cannot be asked, this server's alone.
    pub async fn everywhere(&self, caller: &Caller) -> Result<Vec<ListedModel>> {
        caller.may(Act::Ask)?;
        let mut found = self.list(caller)?;
        let told = match self.0.cluster().list(None, false).await {
            Ok(told) => told.instances,
            Err(error) => {
                tracing::warn!(%error, "models of other processes cannot be listed");
                return Ok(found);
            }
        };
        for instance in &told {
            let place = place_of(instance);
            let (name, kind) = instance.parts();
            let Some(kind) = DeployedKind::from_name(kind) else {
                continue;
            };
            if self.is_at_home(&place) {
                continue;
            }
            let is_managed = managers(&told).any(|manager| manager.is_at(&place.host, place.port));
            found.push(ListedModel {
                name: name.to_owned(),
                kind,
                provider: None,
                manager: is_managed.then(|| place.clone()),
                place,
                running: true,
                state: Some(if instance.usable() {
                    ListedState::Ready
                } else {
                    ListedState::Failed("its process is not heard of".to_owned())
                }),
                progress: None,
                memory_bytes: None,
                loaded_in: None,
                dtype: None,
                sql_only: false,
                prompt_template: instance.prompt_template.clone(),
                seen_at: instance.last_heartbeat,
            });
        }
        Ok(found)
    }

    /// Has the process at a target's place do something with a model of its own.
    ///
    /// # Errors
    /// [`Error::NotFound`] where no such process is registered, [`Error::Upstream`] with its own words.
    pub(super) async fn order(&self, target: &Target, order: Order<'_>) -> Result<()> {
        let Some(place) = &target.place else {
            return Err(self.unknown(target));
        };
        let told = self.0.cluster().list(Some(Instance::MANAGER), true).await?;
        let Some(manager) = told
            .instances
            .iter()
            .find(|manager| manager.usable() && manager.is_at(&place.host, place.port))
        else {
            return Err(self.unknown(target));
        };
        let (path, body) = written(target, place, order);
        let at = manager.address();
        let wrong = |reason: String| Error::upstream(&at, reason);
        let client = http_client().map_err(|error| wrong(error.to_string()))?;
        let mut request = client
            .post(format!("http://{at}{path}"))
            .timeout(Duration::from_secs(self.0.config.cluster.call_seconds))
            .json(&body);
        let key = self.0.config.cluster.key_for_workers();
        if !key.expose_secret().is_empty() {
            request = request.bearer_auth(key.expose_secret());
        }
        let mut response = request
            .send()
            .await
            .map_err(|error| wrong(error.without_url().to_string()))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while bytes.len() < ANSWER_BYTES
            && let Some(piece) = response
                .chunk()
                .await
                .map_err(|error| wrong(error.without_url().to_string()))?
        {
            bytes.extend_from_slice(&piece);
        }
        let text = String::from_utf8_lossy(&bytes);
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if !status.is_success() {
            return Err(wrong(refusal(&answer, &text, status.as_u16())));
        }
        // An order to restart is answered with success or not in the body.
        if answer["success"] == false {
            return Err(wrong(shortened(
                answer["message"].as_str().unwrap_or("it was refused"),
            )));
        }
        Ok(())
    }
}

/// An order as DB-GPT's workers take it.
fn written(target: &Target, place: &ModelPlace, order: Order<'_>) -> (&'static str, Value) {
    let kind = target.kind.worker_type();
    let startup = |params: Value, forget: bool| {
        json!({
            "host": place.host, "port": place.port, "model": target.model, "worker_type": kind, "params": params,
            "delete_after": forget,
        })
    };
    match order {
        Order::Start(params) => (
            "/api/worker/models/startup",
            startup(Value::Object(params.0.clone()), false),
        ),
        Order::Stop { forget } => ("/api/worker/models/shutdown", startup(json!({}), forget)),
        Order::Restart => (
            "/api/worker/apply",
            json!({"model": target.model, "apply_type": "restart", "worker_type": kind, "params": {}}),
        ),
    }
}

fn managers(told: &[Instance]) -> impl Iterator<Item = &Instance> {
    told.iter()
        .filter(|instance| instance.usable() && instance.model_name == Instance::MANAGER)
}

fn place_of(instance: &Instance) -> ModelPlace {
    ModelPlace {
        host: instance.host.clone(),
        port: instance.port,
    }
}

/// Why a process refused, in its own words.
fn refusal(answer: &Value, text: &str, status: u16) -> String {
    let said = ["err_msg", "detail", "message"]
        .into_iter()
        .find_map(|field| answer[field].as_str());
    match said.unwrap_or(text).trim() {
        "" => format!("it answered with status {status}"),
        said => shortened(said),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(REFUSAL_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_written_as_workers_take_it() {
        let place = ModelPlace {
            host: "10.0.0.5".to_owned(),
            port: 8001,
        };
        let target = Target {
            model: "m".to_owned(),
            kind: DeployedKind::Embedding,
            place: Some(place.clone()),
        };
        let (path, body) = written(&target, &place, Order::Stop { forget: true });
        assert_eq!(path, "/api/worker/models/shutdown");
        assert_eq!(
            body,
            json!({
                "host": "10.0.0.5", "port": 8001, "model": "m", "worker_type": "text2vec", "params": {},
                "delete_after": true,
            })
        );
        let (path, body) = written(&target, &place, Order::Restart);
        assert_eq!(
            (path, &body["apply_type"]),
            ("/api/worker/apply", &json!("restart"))
        );
    }

    #[test]
    fn a_refusal_is_told_in_the_process_s_own_words_and_briefly() {
        let said = |text: &str| {
            let answer = serde_json::from_str(text).unwrap_or_default();
            refusal(&answer, text, 500)
        };
        assert_eq!(said(r#"{"detail": "no room"}"#), "no room");
        assert_eq!(said("Internal Server Error"), "Internal Server Error");
        assert_eq!(said(""), "it answered with status 500");
        assert_eq!(said(&"x".repeat(900)).len(), REFUSAL_CHARS);
    }
}
