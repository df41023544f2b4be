//! The model list.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every model that can be asked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"object": "list", "data": [{"id": "tidegate-sql", "object": "model", "created": 1700000000,
    "owned_by": "tidegate", "root": "tidegate-sql", "parent": null, "permission": []}]}))]
pub struct ModelList {
    /// `list`.
    pub object: String,
    /// The models, by id.
    pub data: Vec<ModelCard>,
}

/// One model.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "tidegate-sql", "object": "model", "created": 1700000000, "owned_by": "tidegate",
    "root": "tidegate-sql", "parent": null, "permission": []}))]
pub struct ModelCard {
    /// Name.
    pub id: String,
    /// `model`.
    pub object: String,
    /// Unix seconds.
    pub created: i64,
    /// Who serves it.
    pub owned_by: String,
    /// The same name.
    pub root: String,
    /// Always null.
    pub parent: Option<String>,
    /// As DB-GPT lists it.
    pub permission: Vec<ModelPermission>,
}

/// What may be done with a model; DB-GPT's clients expect the list to be there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ModelPermission {
    /// `modelperm-…`.
    pub id: String,
    /// `model_permission`.
    pub object: String,
    /// Unix seconds.
    pub created: i64,
    /// Always false.
    pub allow_create_engine: bool,
    /// Always true.
    pub allow_sampling: bool,
    /// Always true.
    pub allow_logprobs: bool,
    /// Always true.
    pub allow_search_indices: bool,
    /// Always true.
    pub allow_view: bool,
    /// Always false.
    pub allow_fine_tuning: bool,
    /// `*`.
    pub organization: String,
    /// Always null.
    pub group: Option<String>,
    /// Always false.
    pub is_blocking: bool,
}

impl ModelCard {
    /// The card of a model.
    pub fn new(name: &str, permission_id: &str, created: i64) -> Self {
        Self {
            id: name.to_owned(),
            object: "model".to_owned(),
            created,
            owned_by: "tidegate".to_owned(),
            root: name.to_owned(),
            parent: None,
            permission: vec![ModelPermission {
                id: format!("modelperm-{permission_id}"),
                object: "model_permission".to_owned(),
                created,
                allow_create_engine: false,
                allow_sampling: true,
                allow_logprobs: true,
                allow_search_indices: true,
                allow_view: true,
                allow_fine_tuning: false,
                organization: "*".to_owned(),
                group: None,
                is_blocking: false,
            }],
        }
    }
}
