//! Where a database is and which engine it has, read from a URL or a path.

use std::{fs::File, io::Read as _, path::Path};

use secrecy::SecretString;
use tidegate_schema::model::{Connection, Dialect, Engine};

use crate::cli::usage;

/// What stands in a URL for a password from the environment while it is parsed.
const PLACEHOLDER: &str = "secret";
/// Endings of data files.
const DATA_FILES: [&str; 13] = [
    "csv", "tsv", "tab", "txt", "xlsx", "xlsm", "xlsb", "xls", "ods", "json", "jsonl", "ndjson",
    "parquet",
];

/// The connection a URL or path describes.
pub(super) fn connection(text: &str) -> anyhow::Result<Connection> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return file(text, of_file(Path::new(text)));
    };
    match Engine::from_name(scheme) {
        Some(engine) if engine.is_file() => file(rest.strip_prefix("//").unwrap_or(rest), engine),
        Some(engine) => server(text, engine),
        None if Path::new(text).exists() => file(text, of_file(Path::new(text))),
        None => {
            let known: Vec<&str> = Engine::ALL.into_iter().map(Engine::name).collect();
            Err(usage(format!(
                "url: no driver for '{scheme}'; supported: {}",
                known.join(", ")
            )))
        }
    }
}

/// A database in a file or folder.
fn file(path: &str, engine: Engine) -> anyhow::Result<Connection> {
    if path.is_empty() {
        return Err(usage("url: name the file, as sqlite:sales.db"));
    }
    Ok(Connection {
        engine,
        // An absolute path, so that the server finds it from wherever it is started.
        path: std::path::absolute(path)?.display().to_string(),
        host: String::new(),
        port: 0,
        user: String::new(),
        password: SecretString::from(""),
        database: String::new(),
    })
}

/// What a path without a scheme leads to: by the file's first bytes, else by its ending. A new or an empty file is a
/// SQLite database, and the driver says what is wrong with anything else.
fn of_file(path: &Path) -> Engine {
    if path.is_dir() {
        return Engine::File;
    }
    let mut head = Vec::new();
    if let Ok(file) = File::open(path) {
        // What cannot be read is told by whoever opens it.
        let _ = file.take(16).read_to_end(&mut head);
    }
    if head.starts_with(b"SQLite format 3\0") {
        return Engine::Sqlite;
    }
    if head.get(8..12) == Some(b"DUCK") {
        return Engine::DuckDb;
    }
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    match ending.as_str() {
        "duckdb" | "ddb" => Engine::DuckDb,
        ending if DATA_FILES.contains(&ending) => Engine::File,
        _ => Engine::Sqlite,
    }
}

/// A database on a server.
fn server(text: &str, engine: Engine) -> anyhow::Result<Connection> {
    // `${env:NAME}` is no URL text: it is taken out before parsing and put back as the password.
    let (plain, secret) = take_secret(text);
    let scheme = text.split(':').next().unwrap_or_default();
    let port = engine.default_port();
    let url = url::Url::parse(&plain).map_err(|error| {
        usage(format!(
            "url: {error}; write {scheme}://user:password@host:{port}/name, and in user and password %40 for @, %2F \
             for /, %3A for :, %3F for ? and %23 for #"
        ))
    })?;
    if secret.is_some() && url.password() != Some(PLACEHOLDER) {
        return Err(usage(
            "url: ${env:NAME} can stand for the whole password, and for nothing else",
        ));
    }
    if !url.has_host() && !plain[scheme.len()..].starts_with("://") {
        return Err(usage(format!(
            "url: write {scheme}://user:password@host:{port}/name"
        )));
    }
    check_options(&url, engine)?;
    let database = decode(url.path().trim_start_matches('/'));
    if database.is_empty() && engine.dialect() == Dialect::Postgres {
        return Err(usage(format!(
            "url: name the database, as {scheme}://host/name"
        )));
    }
    let password = secret.unwrap_or_else(|| decode(url.password().unwrap_or_default()));
    let host = match url.host() {
        // Without the brackets, which belong to the URL.
        Some(url::Host::Ipv6(address)) => address.to_string(),
        Some(host) => decode(&host.to_string()),
        None => "127.0.0.1".to_owned(),
    };
    Ok(Connection {
        engine,
        path: String::new(),
        host: if host.is_empty() {
            "127.0.0.1".to_owned()
        } else {
            host
        },
        port: url.port().unwrap_or(port),
        user: decode(url.username()),
        password: SecretString::from(password),
        database,
    })
}

/// Refuses what a connection has no place for, rather than dropping it in silence.
fn check_options(url: &url::Url, engine: Engine) -> anyhow::Result<()> {
    if url.fragment().is_some() {
        return Err(usage("url: write # as %23"));
    }
    for (name, value) in url.query_pairs() {
        match (&*name, &*value) {
            // What every connection does.
            ("sslmode", "prefer") if engine.dialect() == Dialect::Postgres => {}
            ("sslmode", other) if engine.dialect() == Dialect::Postgres => {
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
mod tests;
