//! Datasources as `/api/v1/chat/db/*` writes them. What chat modes may be asked of is in `params`.

mod params;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use self::params::{ModeQuery, ParamOut, ResourceQuery};
use crate::{
    Error, Result,
    model::{Connection, Datasource, DatasourcePatch, Engine, NewDatasource},
    wire::lenient::either,
};

/// What stands for a stored password in answers. Sent back for the same server, it leaves the password as it is.
pub const MASK: &str = "******";

/// A datasource to add, edit or test.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = DBConfig, example = json!({"db_type": "sqlite", "db_name": "sales", "file_path": "/data/sales.db", "comment": "Sales"}))]
pub struct DatasourceIn {
    /// Engine, one of `/api/v1/chat/db/support/type`.
    pub db_type: String,
    /// Unique name.
    pub db_name: String,
    /// Path of a file database.
    #[serde(default)]
    pub file_path: Option<String>,
    /// The same.
    #[serde(default)]
    pub db_path: Option<String>,
    /// Host of a server database.
    #[serde(default)]
    pub db_host: String,
    /// Port, a number or its text; 0 for the engine's own.
    #[serde(default, deserialize_with = "crate::wire::lenient::port")]
    pub db_port: u16,
    /// User.
    #[serde(default)]
    pub db_user: String,
    /// Password. `${env:NAME}` is read from the server's environment on connecting, if NAME ends in PASSWORD or
    /// begins with PG.
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

    /// The connection described. From a datasource stored under the same name come the password behind the mask,
    /// and the database's name on the server, which need not be the datasource's.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the mask stands for no stored password, or for that of another server.
    pub fn connection(&self, stored: Option<&Datasource>) -> Result<Connection> {
        let mut connection = self.described()?;
        let stored = stored.map(|datasource| &datasource.connection);
        if self.db_pwd == MASK {
            connection.password = kept_password(&connection, stored)?;
        }
        if let Some(stored) = stored
            && stored.engine == connection.engine
        {
            connection.database.clone_from(&stored.database);
        }
        Ok(connection)
    }

    /// The connection as the fields alone have it.
    fn described(&self) -> Result<Connection> {
        let engine = self.engine()?;
        let path = either(
            "body",
            ("file_path", self.file_path.as_deref()),
            ("db_path", self.db_path.as_deref()),
        )?
        .unwrap_or_default();
        if engine.is_file() && path.is_empty() {
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
            path: path.to_owned(),
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
            connection: self.connection(None)?,
            name: self.db_name,
            comment: self.comment,
            owner: Some(owner.to_owned()),
        })
    }

    /// The change of `current`; a masked password stays as it is.
    pub fn into_patch(self, current: &Datasource) -> Result<DatasourcePatch> {
        Ok(DatasourcePatch {
            connection: Some(self.connection(Some(current))?),
            comment: Some(self.comment),
        })
    }
}

/// The stored password that the mask stands for. It goes to the server it was given for and to no other: whoever
/// may change a datasource could have it sent to a host of theirs.
fn kept_password(wanted: &Connection, stored: Option<&Connection>) -> Result<SecretString> {
    let Some(stored) = stored else {
        return Err(Error::invalid(
            "body.db_pwd",
            format!(
                "'{MASK}' stands for a stored password, and there is none; send the password itself"
            ),
        ));
    };
    let same = stored.engine == wanted.engine
        && stored.host.eq_ignore_ascii_case(&wanted.host)
        && stored.port == wanted.port
        && stored.user == wanted.user;
    if !same {
        return Err(Error::invalid(
            "body.db_pwd",
            format!(
                "'{MASK}' keeps the stored password only while db_type, db_host, db_port and db_user stay as they \
                 are; send the password itself"
            ),
        ));
    }
    Ok(stored.password.clone())
}

/// A stored datasource.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": 3, "db_type": "sqlite", "db_name": "shop", "db_path": "/data/shop.db", "file_path": "/data/shop.db",
    "db_host": "", "db_port": "0", "db_user": "", "db_pwd": "", "comment": "demo", "sys_code": null, "user_id": "001",
    "user_name": null, "gmt_created": "2026-11-25 10:00:00", "gmt_modified": "2026-11-25 10:00:00", "ext_config": null,
}))]
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
#[schema(example = json!({"db_type": "sqlite", "is_file_db": true}))]
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
    #[param(example = "shop")]
    pub db_name: Option<String>,
}

/// Which datasource.
#[derive(Debug, Deserialize, IntoParams)]
pub struct DatasourceName {
    /// Its name.
    #[param(example = "shop")]
    pub db_name: String,
}

/// Which datasource is to be looked into.
#[derive(Debug, Deserialize, IntoParams)]
pub struct SummaryQuery {
    /// Its name.
    #[param(example = "shop")]
    pub db_name: String,
    /// Its engine; needed, as upstream needs it, and not looked at: the name says which.
    #[param(example = "sqlite")]
    pub db_type: String,
}

/// Which datasource is to be read again. The pages send all of it; its name is enough.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"db_type": "sqlite", "db_name": "shop"}))]
pub struct RefreshIn {
    /// Its name.
    pub db_name: String,
    /// Its engine; not looked at.
    #[serde(default)]
    pub db_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};

    use super::*;
    use crate::ids::DatasourceId;

    fn sent(changes: &Value) -> DatasourceIn {
        let mut body = json!({
            "db_type": "postgresql", "db_name": "sales", "db_host": "db.example", "db_port": 5432,
            "db_user": "anna", "db_pwd": MASK,
        });
        body.as_object_mut()
            .expect("an object")
            .extend(changes.as_object().expect("an object").clone());
        serde_json::from_value(body).expect("a datasource")
    }

    fn stored() -> Datasource {
        let mut connection = sent(&json!({"db_pwd": "word"}))
            .connection(None)
            .expect("a connection");
        connection.database = "sales_2024".to_owned();
        Datasource {
            id: DatasourceId(1),
            name: "sales".to_owned(),
            connection,
            comment: String::new(),
            owner: None,
            writable: false,
            created_at: DateTime::UNIX_EPOCH,
            modified_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_mask_keeps_the_password_for_the_same_server_alone() {
        let stored = stored();
        let kept = sent(&json!({"db_host": "DB.example", "comment": "new"}))
            .connection(Some(&stored))
            .expect("the same server");
        assert_eq!(kept.password.expose_secret(), "word");
        assert_eq!(kept.database, "sales_2024");
        for other in [
            json!({"db_host": "evil.example"}),
            json!({"db_port": 5433}),
            json!({"db_user": "bo"}),
            json!({"db_type": "sqlite", "file_path": "/x.db"}),
        ] {
            let message = sent(&other)
                .connection(Some(&stored))
                .expect_err("another server")
                .to_string();
            assert!(
                message.starts_with("body.db_pwd: ")
                    && message.ends_with("send the password itself"),
                "{other}: {message}"
            );
        }
        let given = sent(&json!({"db_host": "other.example", "db_pwd": "new"}))
            .connection(Some(&stored))
            .expect("a password of its own");
        assert_eq!(given.password.expose_secret(), "new");
    }

    #[test]
    fn the_mask_is_no_password_of_a_new_datasource() {
        let message = sent(&json!({}))
            .into_new("001")
            .expect_err("refused")
            .to_string();
        assert!(
            message.starts_with("body.db_pwd: '******' stands for"),
            "{message}"
        );
    }

    #[test]
    fn a_path_may_come_under_both_names_if_they_agree() {
        let path = |paths: &Value| {
            let mut file = json!({"db_type": "sqlite", "db_pwd": ""});
            file.as_object_mut()
                .expect("an object")
                .extend(paths.as_object().expect("an object").clone());
            sent(&file)
                .connection(None)
                .map(|connection| connection.path)
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            path(&json!({"file_path": "", "db_path": "/a.db"})),
            Ok("/a.db".to_owned())
        );
        assert_eq!(
            path(&json!({"file_path": "/a.db", "db_path": "/a.db"})),
            Ok("/a.db".to_owned())
        );
        let message =
            path(&json!({"file_path": "/a.db", "db_path": "/b.db"})).expect_err("refused");
        assert!(
            message.contains("body.file_path") && message.contains("db_path"),
            "{message}"
        );
    }
}
