//! Which models there are, where each stands, and which could be started.

use std::{path::Path, time::Duration};

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream::BoxStream};
use tidegate_schema::{
    Result,
    model::{Act, Caller, DeployedKind, ModelPlace, StartableModel},
};

use super::{Deployments, parameters, providers::PROVIDERS, state::Known, target::kind};
use crate::workers::registry::{Standing, State};

/// How often the models are looked at while one of them is loading, and otherwise.
const SOON: Duration = Duration::from_millis(250);
const LATER: Duration = Duration::from_secs(1);
/// Models on this machine's disk that are listed.
const MOST_FOUND: usize = 200;

/// A model of this server as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedModel {
    /// Name it is asked for by.
    pub name: String,
    /// What it is for.
    pub kind: DeployedKind,
    /// What runs it, by DB-GPT's name: `hf`, `proxy/openai`, `builtin`; nothing for one that another process runs.
    pub provider: Option<String>,
    /// The server it runs in.
    pub place: ModelPlace,
    /// Whatever starts and stops it there; nothing where it is not heard of.
    pub manager: Option<ModelPlace>,
    /// Whether it is to run: one that is loading, ready or failed.
    pub running: bool,
    /// Where it stands; nothing for one that was stopped.
    pub state: Option<ListedState>,
    /// The share of it that is there while it is loaded, from 0 to 1, as far as that is known.
    pub progress: Option<f64>,
    /// Bytes of memory its weights take in this process.
    pub memory_bytes: Option<u64>,
    /// How long loading took.
    pub loaded_in: Option<Duration>,
    /// What its weights are held as, in this process.
    pub dtype: Option<String>,
    /// Whether it answers questions about databases only.
    pub sql_only: bool,
    /// The prompt template that was asked for.
    pub prompt_template: Option<String>,
    /// When it was last known to run.
    pub seen_at: Option<DateTime<Utc>>,
}

/// Where a model stands that is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedState {
    /// Being loaded.
    Loading,
    /// Usable.
    Ready,
    /// Could not be loaded, or cannot go on; why.
    Failed(String),
}

impl ListedModel {
    /// Whether it can be asked.
    pub fn is_ready(&self) -> bool {
        self.state == Some(ListedState::Ready)
    }
}

impl Deployments<'_> {
    /// The models of this server: those that run in their order, then those that were stopped.
    pub fn list(&self, caller: &Caller) -> Result<Vec<ListedModel>> {
        caller.may(Act::Ask)?;
        let now = self.0.clock.now();
        let standings = self.0.registry.standings();
        let mut found: Vec<ListedModel> = standings
            .into_iter()
            .filter_map(|standing| {
                let provider = self.0.deployed.provider(&standing.metadata.name)?;
                let known = self.0.deployed.find(&standing.metadata.name);
                Some(self.standing(standing, Some(provider), known.as_ref(), now))
            })
            .collect();
        let there = |name: &str, found: &[ListedModel]| found.iter().any(|m| m.name == name);
        for (name, known) in self.0.deployed.all(false) {
            // One that is being started again is listed as such.
            if !there(&name, &found) {
                found.push(self.stopped(name, &known, now));
            }
        }
        Ok(found)
    }

    /// The same, then whatever else can be asked: routes, and models that other processes run. Those have no provider.
    pub fn all(&self, caller: &Caller) -> Result<Vec<ListedModel>> {
        let mut found = self.list(caller)?;
        let now = self.0.clock.now();
        for (metadata, state) in self.0.models().states() {
            if !found.iter().any(|model| model.name == metadata.name) {
                let standing = Standing {
                    metadata,
                    state,
                    loaded_in: None,
                    progress: None,
                };
                found.push(self.standing(standing, None, None, now));
            }
        }
        Ok(found)
    }

    /// One of them.
    pub fn get(&self, caller: &Caller, name: &str) -> Result<Option<ListedModel>> {
        let all = self.all(caller)?;
        Ok(all.into_iter().find(|model| model.name == name))
    }

    /// The models whenever one of them changes, beginning with how they stand now. It ends with the server, and when
    /// whoever listens leaves.
    pub fn watch(&self, caller: &Caller) -> Result<BoxStream<'static, Vec<ListedModel>>> {
        caller.may(Act::Ask)?;
        let (app, caller) = (self.0.clone(), caller.clone());
        let stream = async_stream::stream! {
            let mut before: Option<Vec<ListedModel>> = None;
            loop {
                let Ok(now) = app.deployments().all(&caller) else { break };
                let is_loading = now
                    .iter()
                    .any(|model| model.state == Some(ListedState::Loading));
                let timeless = without_times(&now);
                if before.as_ref() != Some(&timeless) {
                    before = Some(timeless);
                    yield now;
                }
                let pause = if is_loading { SOON } else { LATER };
                tokio::select! {
                    () = app.stopping.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        };
        Ok(stream.boxed())
    }

    /// The models that can be started: every provider with an example of its models, and the model directories in the
    /// store of models.
    pub async fn supports(&self, caller: &Caller) -> Result<Vec<StartableModel>> {
        caller.may(Act::Ask)?;
        let store = self
            .0
            .data_dir()
            .map(|dir| dir.join("models"))
            .unwrap_or_default();
        let directories = self
            .0
            .tasks
            .spawn_blocking(move || directories(&store))
            .await
            .unwrap_or_default();
        let mut found = Vec::new();
        for provider in &PROVIDERS {
            for (kind, example) in provider.examples {
                let entry =
                    |name: String, path: Option<String>, description: String| StartableModel {
                        name,
                        kind: *kind,
                        provider: provider.name,
                        path,
                        remote: !provider.is_local,
                        enabled: !provider.is_local || cfg!(feature = "torch"),
                        description,
                        parameters: parameters::of(provider, *kind),
                        place: self.place().clone(),
                    };
                if provider.is_local {
                    let words = "A model directory in this server's store of models.";
                    found.extend(directories.iter().map(|(name, path)| {
                        entry(name.clone(), Some(path.clone()), words.to_owned())
                    }));
                }
                let name = if example.is_empty() {
                    format!("my-{}", kind.name())
                } else {
                    (*example).to_owned()
                };
                let words = if provider.is_local {
                    "An example: any Hugging Face model directory of the server, under a name of your choice."
                        .to_owned()
                } else {
                    format!(
                        "An example of a model of {}: any of its models can be named.",
                        provider.title
                    )
                };
                found.push(entry(name, None, words));
            }
        }
        Ok(found)
    }

    fn standing(
        &self,
        standing: Standing,
        provider: Option<String>,
        known: Option<&Known>,
        now: DateTime<Utc>,
    ) -> ListedModel {
        let metadata = standing.metadata;
        ListedModel {
            kind: kind(metadata.kind),
            name: metadata.name,
            provider,
            place: self.place().clone(),
            manager: Some(self.place().clone()),
            running: true,
            state: Some(match standing.state {
                State::Loading => ListedState::Loading,
                State::Ready => ListedState::Ready,
                State::Failed(reason) => ListedState::Failed(reason),
            }),
            progress: standing.progress,
            memory_bytes: metadata.memory_bytes,
            loaded_in: standing.loaded_in,
            dtype: metadata.dtype,
            sql_only: metadata.sql_only,
            prompt_template: known.and_then(Known::prompt_template),
            seen_at: Some(now),
        }
    }

    fn stopped(&self, name: String, known: &Known, now: DateTime<Utc>) -> ListedModel {
        ListedModel {
            name,
            kind: known.kind,
            provider: Some(known.provider()),
            place: self.place().clone(),
            manager: Some(self.place().clone()),
            running: false,
            state: None,
            progress: None,
            memory_bytes: None,
            loaded_in: None,
            dtype: None,
            sql_only: false,
            prompt_template: known.prompt_template(),
            seen_at: Some(known.stopped_at.unwrap_or(now)),
        }
    }
}

/// The same without when each was seen, to be compared.
fn without_times(models: &[ListedModel]) -> Vec<ListedModel> {
    let timeless = |model: &ListedModel| ListedModel {
        seen_at: None,
        ..model.clone()
    };
    models.iter().map(timeless).collect()
}

/// The model directories in the store of models, with what each can be named by as a path.
fn directories(store: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(store)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let (path, name) = (entry.path(), entry.file_name().into_string().ok()?);
            if path.join("config.json").is_file() {
                return Some((name, path.to_str()?.to_owned()));
            }
            // What was downloaded lies in a folder named after the hub's name, a commit below.
            let name = name.strip_prefix("models--")?.replacen("--", "/", 1);
            path.join("snapshots")
                .is_dir()
                .then(|| (name.clone(), format!("hf:{name}")))
        })
        .collect();
    found.sort();
    found.truncate(MOST_FOUND);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_of_models_is_looked_into() {
        let store = tempfile::tempdir().expect("a directory");
        let make = |path: &str| {
            std::fs::create_dir_all(store.path().join(path)).expect("writable");
        };
        make("mine");
        std::fs::write(store.path().join("mine/config.json"), "{}").expect("writable");
        make("models--org--tiny-model/snapshots/abc");
        make("unfinished");
        let found = directories(store.path());
        let mine = store.path().join("mine").display().to_string();
        assert_eq!(
            found,
            [
                ("mine".to_owned(), mine),
                ("org/tiny-model".to_owned(), "hf:org/tiny-model".to_owned())
            ]
        );
        assert!(directories(&store.path().join("nowhere")).is_empty());
    }
}
