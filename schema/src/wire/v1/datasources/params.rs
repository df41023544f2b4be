//! What chat modes may be asked of, as `/api/v1/chat/mode/params/*` and `/api/v1/resource/params/list` write it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::model::Datasource;

/// Which mode.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct ModeQuery {
    /// The mode; `chat_normal` when not given.
    #[param(example = "chat_with_db_execute")]
    pub chat_mode: Option<String>,
}

/// Which kind of resource.
#[derive(Debug, Deserialize, IntoParams)]
pub struct ResourceQuery {
    /// `database`, `knowledge` or `tool`.
    #[param(example = "database")]
    pub resource_type: String,
}

/// Something that a chat mode may be asked of.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"param": "shop", "type": "sqlite"}))]
pub struct ParamOut {
    /// Its name, to be sent as `select_param`.
    pub param: String,
    /// A database's engine.
    #[serde(rename = "type")]
    pub kind: String,
}

impl From<Datasource> for ParamOut {
    fn from(source: Datasource) -> Self {
        Self {
            kind: source.connection.engine.name().to_owned(),
            param: source.name,
        }
    }
}
