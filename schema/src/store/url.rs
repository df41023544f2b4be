//! Where the store is: a SQLite file or a PostgreSQL server.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

const FIELD: &str = "database.url";

/// Address of the store. `Debug` and `Display` never show a password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(pub(super) Place);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// An absolute path.
    Sqlite(PathBuf),
    Postgres(String),
}

impl StoreUrl {
    /// Reads `sqlite:PATH`, a plain path, or `postgres://user:password@host:port/database`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let scheme = text
            .split_once("://")
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("postgres" | "postgresql") => return Ok(Self(Place::Postgres(text.to_owned()))),
            Some("sqlite") | None => {}
            Some(other) => {
                return Err(Error::invalid(
                    FIELD,
                    format!(
                        "'{other}' is no store we know; use sqlite:PATH or postgres://user@host/database \
                         (other databases can be added as datasources)"
                    ),
                ));
            }
        }
        let path = text
            .strip_prefix("sqlite://")
            .or_else(|| text.strip_prefix("sqlite:"))
            .unwrap_or(text);
        if path.is_empty() || path == ":memory:" {
            return Err(Error::invalid(
                FIELD,
                "names no file; the store needs one (leave the setting empty for the data directory's own)",
            ));
        }
        Self::at(Path::new(path))
    }

    /// A SQLite file.
    pub fn sqlite(path: PathBuf) -> Self {
        // Only an empty path has no absolute form, and that fails with its reason on opening.
        Self::at(&path).unwrap_or(Self(Place::Sqlite(path)))
    }

    /// The SQLite file, if it is one.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }

    /// An absolute path is never mistaken for a `file:` URI, and survives a change of the working directory.
    fn at(path: &Path) -> Result<Self> {
        std::path::absolute(path)
            .map(|path| Self(Place::Sqlite(path)))
            .map_err(|error| {
                Error::invalid(FIELD, format!("'{}' is no path: {error}", path.display()))
            })
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres(url) => f.write_str(&without_secrets(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// The address without its password and without its parameters, which may hold another.
fn without_secrets(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(address, _)| address);
    let Some((scheme, rest)) = url.split_once("://") else {
        return String::from("postgres://…");
    };
    // A password with an unescaped `@` or `/` in it: everything before the last `@` is credentials.
    let Some((credentials, place)) = rest.rsplit_once('@') else {
        return format!("{scheme}://{rest}");
    };
    match credentials.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:…@{place}"),
        None => format!("{scheme}://{credentials}@{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_urls_are_told_apart() {
        for text in [
            "sqlite:/data/a.db",
            "sqlite:///data/a.db",
            "/data/a.db",
            " /data/a.db ",
        ] {
            let url = StoreUrl::parse(text).expect(text);
            assert_eq!(url.sqlite_path(), Some(Path::new("/data/a.db")), "{text}");
        }
        assert!(
            StoreUrl::parse("a.db")
                .expect("a path")
                .sqlite_path()
                .is_some_and(Path::is_absolute)
        );
        assert!(
            StoreUrl::parse("postgresql://u@h/d")
                .expect("a server")
                .sqlite_path()
                .is_none()
        );
        for text in ["", "sqlite:", "sqlite::memory:", "mysql://h/d"] {
            let error = StoreUrl::parse(text).expect_err(text).to_string();
            assert!(error.starts_with("database.url: "), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://anna:hush@db.example:5432/tide",
            "postgres://anna:hu@sh@db.example/tide",
            "postgres://anna:hush/@db.example/tide?sslmode=disable",
            "postgres://anna@db.example/tide?password=hush",
        ] {
            let url = StoreUrl::parse(text).expect("a server");
            let shown = format!("{url} {url:?}");
            assert!(!shown.contains("hush") && !shown.contains("sh@"), "{shown}");
            assert!(
                shown.contains("anna") && shown.contains("db.example"),
                "{shown}"
            );
        }
    }
}
