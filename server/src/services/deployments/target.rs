//! Which model is meant, and what it is to be started with.

use tidegate_schema::{
    Error, Result,
    model::{DeployParams, DeployedKind, ModelPlace},
};

use crate::{services::check_id, workers::ModelKind};

/// Which model is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Name that callers ask for.
    pub model: String,
    /// What it is for.
    pub kind: DeployedKind,
    /// The server it runs in; nothing for this one.
    pub place: Option<ModelPlace>,
}

/// A model to be started.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Which.
    pub target: Target,
    /// What it is started with, by DB-GPT's names.
    pub params: DeployParams,
    /// Who starts it, a display name.
    pub user: Option<String>,
    /// The system it is started for.
    pub sys_code: Option<String>,
}

/// A name that another model has.
pub(super) fn taken(name: &str) -> Error {
    Error::AlreadyExists {
        what: "model",
        name: name.to_owned(),
    }
}

/// The kind of a model by the name that deployments have for it.
pub(super) fn kind(kind: ModelKind) -> DeployedKind {
    match kind {
        ModelKind::Llm => DeployedKind::Llm,
        ModelKind::Embedding => DeployedKind::Embedding,
        ModelKind::Reranker => DeployedKind::Reranker,
    }
}

/// The same the other way round.
pub(super) fn model_kind(kind: DeployedKind) -> ModelKind {
    match kind {
        DeployedKind::Llm => ModelKind::Llm,
        DeployedKind::Embedding => ModelKind::Embedding,
        DeployedKind::Reranker => ModelKind::Reranker,
    }
}

/// Refuses what can be no name of a model.
pub(super) fn check_name(name: &str) -> Result<()> {
    check_id("model", name)?;
    let field = "model";
    if name.trim().is_empty() {
        return Err(Error::invalid(field, "must not be empty"));
    }
    if name.contains('@') || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            field,
            "must not contain '@' or control characters; choose another name",
        ));
    }
    Ok(())
}
