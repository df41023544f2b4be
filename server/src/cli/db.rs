//! `tidegate db`: datasources.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tidegate_schema::model::{Connection, Datasource, Engine, NewDatasource};

use super::{app, caller, print, print_json, usage};
use crate::config::Config;

/// Datasources.
#[derive(Debug, Subcommand)]
pub enum Db {
    /// Add a database after proving that it answers.
    Add(Add),
    /// List the databases.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
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
    /// A password may be written `${env:CRM_PASSWORD}`: it is then read from the environment on connecting. The
    /// variable's name must end in PASSWORD or begin with PG. TLS is used where the server offers it
    /// (`sslmode=prefer`).
    url: String,
    /// Read the password from standard input, so that neither the shell's history nor the process list has it.
    #[arg(long)]
    password_stdin: bool,
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
                let mut connection = connection(&add.url)?;
                if add.password_stdin {
                    connection = with_password(connection, std::io::stdin().lock())?;
                }
                let new = NewDatasource {
                    connection,
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
                ))?;
            }
            Self::List { json: true } => {
                let found = datasources.list(&caller()).await?;
                print_json(&found.iter().map(document).collect())?;
            }
            Self::List { json: false } => {
                let mut table = Table::new();
                table
                    .load_preset(UTF8_FULL_CONDENSED)
                    .set_header(["name", "engine", "where", "comment"]);
                for datasource in datasources.list(&caller()).await? {
                    table.add_row([
                        datasource.name,
                        datasource.connection.engine.name().to_owned(),
                        place(&datasource.connection),
                        datasource.comment,
                    ]);
                }
                print(&format!("{table}\n"))?;
            }
            Self::Test { name } => {
                let found = datasources.get(&caller(), &name).await?;
                datasources
                    .test(&caller(), &name, &found.connection)
                    .await?;
                print(&format!("'{name}' answers.\n"))?;
            }
            Self::Remove { name } => {
                datasources.get(&caller(), &name).await?;
                datasources.delete(&caller(), &name).await?;
                print(&format!("Removed '{name}'.\n"))?;
            }
        }
        Ok(())
    }
}

/// Where a database is, for a person.
fn place(connection: &Connection) -> String {
    let Connection {
        path,
        host,
        port,
        database,
        ..
    } = connection;
    if connection.engine.is_file() {
        path.clone()
    } else if host.contains(':') {
        format!("[{host}]:{port}/{database}")
    } else {
        format!("{host}:{port}/{database}")
    }
}

/// A datasource as JSON, without its password.
fn document(datasource: &Datasource) -> Value {
    let connection = &datasource.connection;
    let mut document = json!({
        "name": datasource.name,
        "engine": connection.engine.name(),
        "comment": datasource.comment,
        "owner": datasource.owner,
        "created_at": datasource.created_at,
    });
    let place = if connection.engine.is_file() {
        json!({"path": connection.path})
    } else {
        json!({
            "host": connection.host,
            "port": connection.port,
            "user": connection.user,
            "database": connection.database,
        })
    };
    if let (Value::Object(document), Value::Object(place)) = (&mut document, place) {
        document.extend(place);
    }
    document
}

/// The connection with the password that stands in `input`, up to the end of its first line.
fn with_password(
    mut connection: Connection,
    mut input: impl std::io::BufRead,
) -> anyhow::Result<Connection> {
    if connection.engine.is_file() {
        return Err(usage(
            "--password-stdin: a file has no password; leave the option out",
        ));
    }
    if !connection.password.expose_secret().is_empty() {
        return Err(usage(
            "--password-stdin: the URL holds a password already; take it out there, or leave the option out",
        ));
    }
    let mut line = String::new();
    input
        .read_line(&mut line)
        .context("--password-stdin: standard input could not be read")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(usage(
            "--password-stdin: standard input is empty; pipe the password in",
        ));
    }
    connection.password = SecretString::from(password);
    Ok(connection)
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
        "postgres" | "postgresql" => postgres(text),
        _ if std::path::Path::new(text).exists() => file(text),
        other => Err(usage(format!(
            "url: no driver for '{other}'; supported: sqlite, postgresql"
        ))),
    }
}

/// What stands in a URL for a password from the environment while it is parsed.
const PLACEHOLDER: &str = "secret";

fn postgres(text: &str) -> anyhow::Result<Connection> {
    // `${env:NAME}` is no URL text: it is taken out before parsing and put back as the password.
    let (plain, secret) = take_secret(text);
    let url = url::Url::parse(&plain).map_err(|e| {
        usage(format!(
            "url: {e}; write postgres://user:password@host:5432/name, and in the password %40 for @, %2F for /, \
             %3A for :, %3F for ? and %23 for #"
        ))
    })?;
    if secret.is_some() && url.password() != Some(PLACEHOLDER) {
        return Err(usage(
            "url: ${env:NAME} can stand for the whole password, and for nothing else",
        ));
    }
    check_options(&url)?;
    let database = decode(url.path().trim_start_matches('/'));
    if database.is_empty() {
        return Err(usage("url: name the database, as postgres://host/name"));
    }
    let password = secret.unwrap_or_else(|| decode(url.password().unwrap_or_default()));
    let host = match url.host() {
        // Without the brackets, which belong to the URL.
        Some(url::Host::Ipv6(address)) => address.to_string(),
        Some(host) => decode(&host.to_string()),
        None => "127.0.0.1".to_owned(),
    };
    Ok(Connection {
        engine: Engine::Postgres,
        path: String::new(),
        host,
        port: url.port().unwrap_or(5432),
        user: decode(url.username()),
        password: SecretString::from(password),
        database,
    })
}

/// Refuses what a connection has no place for, rather than dropping it in silence.
fn check_options(url: &url::Url) -> anyhow::Result<()> {
    if url.fragment().is_some() {
        return Err(usage("url: write # as %23"));
    }
    for (name, value) in url.query_pairs() {
        match (&*name, &*value) {
            // What every connection does.
            ("sslmode", "prefer") => {}
            ("sslmode", other) => {
                return Err(usage(format!(
                    "url: sslmode={other} cannot be kept: a connection uses TLS where the server offers it, without \
                     checking its certificate (sslmode=prefer). Leave sslmode out; where TLS must be certain, have \
                     the server refuse plain connections (hostssl in pg_hba.conf)"
                )));
            }
            (other, _) => {
                return Err(usage(format!(
                    "url: '{other}' cannot be set for a connection; leave it out (a ? in a password is %3F)"
                )));
            }
        }
    }
    Ok(())
}

/// Percent-encoded text, decoded. Here a `+` is a plus and a `&` is no border, unlike in a form.
fn decode(text: &str) -> String {
    let field = text.replace('+', "%2B").replace('&', "%26");
    url::form_urlencoded::parse(format!("x={field}").as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

fn take_secret(text: &str) -> (String, Option<String>) {
    let Some(start) = text.find("${env:") else {
        return (text.to_owned(), None);
    };
    let Some(length) = text[start..].find('}') else {
        return (text.to_owned(), None);
    };
    let secret = text[start..=start + length].to_owned();
    (text.replace(&secret, PLACEHOLDER), Some(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Usage;

    fn refusal(text: &str) -> String {
        let error = connection(text).expect_err("a refusal");
        assert!(error.is::<Usage>(), "{text} is not the caller's mistake");
        error.to_string()
    }

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

    #[test]
    fn ampersand_and_plus_stand_for_themselves_in_user_and_password() {
        let read = connection("postgres://a+b:p&q=r+s%20t@h/my+base").expect("a connection");
        assert_eq!(read.user, "a+b");
        assert_eq!(read.password.expose_secret(), "p&q=r+s t");
        assert_eq!(read.database, "my+base");
    }

    #[test]
    fn the_brackets_of_an_ipv6_address_stay_in_the_url() {
        let read = connection("postgres://ann@[fe80::1]:5433/sales").expect("a connection");
        assert_eq!((read.host.as_str(), read.port), ("fe80::1", 5433));
        assert_eq!(place(&read), "[fe80::1]:5433/sales");
        let local = connection("postgres:///sales").expect("a connection");
        assert_eq!(local.host, "127.0.0.1");
    }

    #[test]
    fn options_that_cannot_be_kept_are_refused_with_the_remedy() {
        assert!(connection("postgres://h/sales?sslmode=prefer").is_ok());
        for mode in ["disable", "require", "verify-full"] {
            let said = refusal(&format!("postgres://h/sales?sslmode={mode}"));
            assert!(
                said.contains(mode) && said.contains("sslmode=prefer"),
                "{said}"
            );
        }
        let said = refusal("postgres://h/sales?connect_timeout=3");
        assert!(said.contains("'connect_timeout'"), "{said}");
        assert!(refusal("postgres://h/sales#x").contains("%23"));
    }

    #[test]
    fn a_password_from_the_environment_stands_nowhere_else() {
        assert!(refusal("postgres://ann@${env:HOST}/sales").contains("whole password"));
        assert!(refusal("postgres://ann:x${env:REST}@h/sales").contains("whole password"));
    }

    #[test]
    fn a_password_is_read_from_one_line_of_input() {
        let plain = || connection("postgres://ann@h/sales").expect("a connection");
        let read = with_password(plain(), &b"p@ss: w&rd\nmore\n"[..]).expect("a password");
        assert_eq!(read.password.expose_secret(), "p@ss: w&rd");
        for (connection, input) in [
            (plain(), "\n"),
            (
                connection("postgres://ann:one@h/sales").expect("a connection"),
                "two",
            ),
            (connection("sales.db").expect("a connection"), "word"),
        ] {
            let error = with_password(connection, input.as_bytes()).expect_err("a refusal");
            assert!(error.is::<Usage>(), "{error}");
        }
    }
}
