//! `tidegate db`: datasources.

use clap::{Args, Subcommand};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use secrecy::SecretString;
use tidegate_schema::model::{Connection, Engine, NewDatasource};

use super::{app, caller, print};
use crate::config::Config;

/// Datasources.
#[derive(Debug, Subcommand)]
pub enum Db {
    /// Add a database after proving that it answers.
    Add(Add),
    /// List the databases.
    List,
    /// Prove that a database answers.
    Test {
        /// Its name.
        name: String,
    },
    /// Remove a database from the list; the database itself is left alone.
    Remove {
        /// Its name.
        name: String,
    },
}

/// A database to add.
#[derive(Debug, Args)]
pub struct Add {
    /// Name it goes by in questions.
    name: String,
    /// A file (`sales.db`, `sqlite:sales.db`) or a URL (`postgres://user:password@host:5432/name`).
    ///
    /// A password may be written `${env:NAME}`: it is then read from the environment on connecting.
    url: String,
    /// Free text.
    #[arg(long, default_value = "")]
    comment: String,
}

impl Db {
    /// Runs one act and prints what came of it.
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = app(config, false).await?;
        let datasources = app.datasources();
        match self {
            Self::Add(add) => {
                let new = NewDatasource {
                    connection: connection(&add.url)?,
                    name: add.name,
                    comment: add.comment,
                    owner: None,
                };
                let added = datasources.create(&caller(), new).await?;
                let tables = datasources
                    .catalogue(&caller(), &added.name)
                    .await?
                    .tables
                    .len();
                print(&format!(
                    "Added '{}' ({}, {tables} tables).\n",
                    added.name,
                    added.connection.engine.name()
                ));
            }
            Self::List => {
                let mut table = Table::new();
                table
                    .load_preset(UTF8_FULL_CONDENSED)
                    .set_header(["name", "engine", "where", "comment"]);
                for datasource in datasources.list(&caller()).await? {
                    let connection = datasource.connection;
                    let place = if connection.engine.is_file() {
                        connection.path
                    } else {
                        format!(
                            "{}:{}/{}",
                            connection.host, connection.port, connection.database
                        )
                    };
                    table.add_row([
                        datasource.name,
                        connection.engine.name().to_owned(),
                        place,
                        datasource.comment,
                    ]);
                }
                print(&format!("{table}\n"));
            }
            Self::Test { name } => {
                let found = datasources.get(&caller(), &name).await?;
                datasources
                    .test(&caller(), &name, &found.connection)
                    .await?;
                print(&format!("'{name}' answers.\n"));
            }
            Self::Remove { name } => {
                datasources.get(&caller(), &name).await?;
                datasources.delete(&caller(), &name).await?;
                print(&format!("Removed '{name}'.\n"));
            }
        }
        Ok(())
    }
}

/// The connection a URL or path describes.
fn connection(text: &str) -> anyhow::Result<Connection> {
    let file = |path: &str| -> anyhow::Result<Connection> {
        // An absolute path, so that the server finds it from wherever it is started.
        let path = std::path::absolute(path)?.display().to_string();
        Ok(Connection {
            engine: Engine::Sqlite,
            path,
            host: String::new(),
            port: 0,
            user: String::new(),
            password: SecretString::from(""),
            database: String::new(),
        })
    };
    let Some((scheme, rest)) = text.split_once(':') else {
        return file(text);
    };
    match scheme {
        "sqlite" => file(rest.strip_prefix("//").unwrap_or(rest)),
        "postgres" | "postgresql" => {
            // `${env:NAME}` is no URL text: it is taken out before parsing and put back as the password.
            let (plain, secret) = take_secret(text);
            let url = url::Url::parse(&plain).map_err(|e| {
                anyhow::anyhow!("url: {e}; write postgres://user:password@host:5432/name")
            })?;
            let decode = |text: &str| {
                url::form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
                    .next()
                    .map_or_else(String::new, |(_, value)| value.into_owned())
            };
            let database = decode(url.path().trim_start_matches('/'));
            anyhow::ensure!(
                !database.is_empty(),
                "url: name the database, as postgres://host/name"
            );
            let password = secret.unwrap_or_else(|| decode(url.password().unwrap_or_default()));
            Ok(Connection {
                engine: Engine::Postgres,
                path: String::new(),
                host: url.host_str().unwrap_or("127.0.0.1").to_owned(),
                port: url.port().unwrap_or(5432),
                user: decode(url.username()),
                password: SecretString::from(password),
                database,
            })
        }
        _ if std::path::Path::new(text).exists() => file(text),
        other => anyhow::bail!("url: no driver for '{other}'; supported: sqlite, postgresql"),
    }
}

fn take_secret(text: &str) -> (String, Option<String>) {
    let Some(start) = text.find("${env:") else {
        return (text.to_owned(), None);
    };
    let Some(length) = text[start..].find('}') else {
        return (text.to_owned(), None);
    };
    let secret = text[start..=start + length].to_owned();
    (text.replace(&secret, "secret"), Some(secret))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn reads_a_postgres_url_with_an_escaped_password() {
        let read = connection("postgres://ann:p%40ss@db.local:5433/sales").expect("a connection");
        assert_eq!(
            (read.host.as_str(), read.port, read.database.as_str()),
            ("db.local", 5433, "sales")
        );
        assert_eq!(read.password.expose_secret(), "p@ss");
    }

    #[test]
    fn keeps_a_password_from_the_environment_unread() {
        let read = connection("postgres://ann:${env:DB_PASSWORD}@h/sales").expect("a connection");
        assert_eq!(read.password.expose_secret(), "${env:DB_PASSWORD}");
    }

    #[test]
    fn an_unknown_scheme_names_the_known_ones() {
        let error = connection("oracle://x/y")
            .expect_err("no driver")
            .to_string();
        assert_eq!(
            error,
            "url: no driver for 'oracle'; supported: sqlite, postgresql"
        );
    }
}
