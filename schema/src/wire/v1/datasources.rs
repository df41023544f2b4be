//! Datasources as `/api/v1/chat/db/*` writes them.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Error, Result,
    model::{Connection, Datasource, DatasourcePatch, Engine, NewDatasource},
};

/// What stands for a stored password in answers. Sent back in an edit, it leaves the password as it is.
pub const MASK: &str = "******";

/// A datasource to add, edit or test.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = DBConfig, example = json!({"db_type": "sqlite", "db_name": "sales", "file_path": "/data/sales.db", "comment": "Sales"}))]
pub struct DatasourceIn {
    /// Engine, one of `/api/v1/chat/db/support/type`.
    pub db_type: String,
    /// Unique name.
    pub db_name: String,
    /// Path of a file database. `db_path` is understood too.
    #[serde(default, alias = "db_path")]
    pub file_path: String,
    /// Host of a server database.
    #[serde(default)]
    pub db_host: String,
    /// Port, a number or its text; 0 for the engine's own.
    #[serde(default, deserialize_with = "crate::wire::lenient::port")]
    pub db_port: u16,
    /// User.
    #[serde(default)]
    pub db_user: String,
    /// Password. `${env:NAME}` is read from the server's environment on connecting.
    #[serde(default)]
    pub db_pwd: String,
    /// Free text.
    #[serde(default)]
    pub comment: String,
}

impl DatasourceIn {
    fn engine(&self) -> Result<Engine> {
        Engine::from_name(&self.db_type).ok_or_else(|| {
            let known: Vec<&str> = Engine::ALL.into_iter().map(Engine::name).collect();
            Error::Unsupported {
                what: format!(
                    "Unsupported database type:{}; supported: {}",
                    self.db_type,
                    known.join(", ")
                ),
            }
        })
    }

    /// The connection described.
    pub fn connection(&self) -> Result<Connection> {
        let engine = self.engine()?;
        if engine.is_file() && self.file_path.is_empty() {
            return Err(Error::invalid(
                "body.file_path",
                format!("must name the {} file", self.db_type),
            ));
        }
        if !engine.is_file() && self.db_host.is_empty() {
            return Err(Error::invalid(
                "body.db_host",
                "must name the host of the database server",
            ));
        }
        Ok(Connection {
            engine,
            path: self.file_path.clone(),
            host: self.db_host.clone(),
            port: self.db_port,
            user: self.db_user.clone(),
            password: SecretString::from(self.db_pwd.clone()),
            database: self.db_name.clone(),
        })
    }

    /// The datasource to add.
    pub fn into_new(self, owner: &str) -> Result<NewDatasource> {
        Ok(NewDatasource {
            connection: self.connection()?,
            name: self.db_name,
            comment: self.comment,
            owner: Some(owner.to_owned()),
        })
    }

    /// The change of `current`; a masked password stays as it is.
    pub fn into_patch(self, current: &Datasource) -> Result<DatasourcePatch> {
        let mut connection = self.connection()?;
        if self.db_pwd == MASK {
            connection.password = current.connection.password.clone();
        }
        // The database's name on the server is kept when the datasource goes by another name.
        connection.database.clone_from(&current.connection.database);
        Ok(DatasourcePatch {
            connection: Some(connection),
            comment: Some(self.comment),
        })
    }
}

/// A stored datasource.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatasourceOut {
    /// Number.
    pub id: i64,
    /// Engine.
    pub db_type: String,
    /// Unique name.
    pub db_name: String,
    /// Path of a file database.
    pub db_path: Option<String>,
    /// The same, under the name the v0.5 clients read.
    pub file_path: Option<String>,
    /// Host of a server database.
    pub db_host: String,
    /// Port, as text.
    pub db_port: String,
    /// User.
    pub db_user: String,
    /// Masked; empty when there is none.
    pub db_pwd: String,
    /// Free text.
    pub comment: String,
    /// Always null.
    pub sys_code: Option<String>,
    /// Who added it.
    pub user_id: Option<String>,
    /// Always null.
    pub user_name: Option<String>,
    /// When it was added.
    pub gmt_created: Option<String>,
    /// When it was last changed.
    pub gmt_modified: Option<String>,
    /// Always null.
    pub ext_config: Option<String>,
}

impl From<Datasource> for DatasourceOut {
    fn from(source: Datasource) -> Self {
        let connection = source.connection;
        let masked = !connection.password.expose_secret().is_empty();
        Self {
            id: source.id.0,
            db_type: connection.engine.name().to_owned(),
            db_name: source.name,
            db_path: Some(connection.path.clone()),
            file_path: Some(connection.path),
            db_host: connection.host,
            db_port: connection.port.to_string(),
            db_user: connection.user,
            db_pwd: if masked {
                MASK.to_owned()
            } else {
                String::new()
            },
            comment: source.comment,
            sys_code: None,
            user_id: Some(source.owner.unwrap_or_default()),
            user_name: None,
            gmt_created: Some(super::timestamp(source.created_at)),
            gmt_modified: Some(super::timestamp(source.modified_at)),
            ext_config: None,
        }
    }
}

/// An engine there is a driver for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatasourceType {
    /// Name.
    pub db_type: String,
    /// Whether it is reached by a file path.
    pub is_file_db: bool,
}

impl From<Engine> for DatasourceType {
    fn from(engine: Engine) -> Self {
        Self {
            db_type: engine.name().to_owned(),
            is_file_db: engine.is_file(),
        }
    }
}

/// Filter of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct DatasourceQuery {
    /// Only the one of this name.
    pub db_name: Option<String>,
}

/// Which datasource.
#[derive(Debug, Deserialize, IntoParams)]
pub struct DatasourceName {
    /// Its name.
    pub db_name: String,
}
