//! Datasources: the user's databases.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::ids::DatasourceId;

/// Database engines with a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// A SQLite file.
    Sqlite,
    /// PostgreSQL, over its wire.
    Postgres,
}

impl Engine {
    /// Every engine there is a driver for.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// DB-GPT's type name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }

    /// Whether it is reached by a file path rather than a host.
    pub fn is_file(self) -> bool {
        matches!(self, Self::Sqlite)
    }

    /// The engine of a DB-GPT type name (`postgres` is understood too).
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "sqlite" => Some(Self::Sqlite),
            "postgresql" | "postgres" => Some(Self::Postgres),
            _ => None,
        }
    }
}

/// How to reach a database.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Engine.
    pub engine: Engine,
    /// File path, for file engines; else empty.
    pub path: String,
    /// Host, for server engines; else empty.
    pub host: String,
    /// Port; 0 for the engine's own.
    pub port: u16,
    /// User name.
    pub user: String,
    /// Password; sealed when stored, never logged. `${env:NAME}` is read from the environment on connecting.
    pub password: SecretString,
    /// Name of the database on the server. Usually the datasource's own name.
    pub database: String,
}

/// A registered database.
#[derive(Debug, Clone)]
pub struct Datasource {
    /// Number.
    pub id: DatasourceId,
    /// Unique name, used in every call.
    pub name: String,
    /// How to reach it.
    pub connection: Connection,
    /// Free text.
    pub comment: String,
    /// Who added it, a display name.
    pub owner: Option<String>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub modified_at: DateTime<Utc>,
}

/// A datasource to add.
#[derive(Debug, Clone)]
pub struct NewDatasource {
    /// Unique name.
    pub name: String,
    /// How to reach it.
    pub connection: Connection,
    /// Free text.
    pub comment: String,
    /// Who adds it.
    pub owner: Option<String>,
}

/// Changes to a datasource; `None` leaves a part as it is.
#[derive(Debug, Clone, Default)]
pub struct DatasourcePatch {
    /// How to reach it.
    pub connection: Option<Connection>,
    /// Free text.
    pub comment: Option<String>,
}
