//! Where a database is: what a connection says of its server or its file, read and checked the same for every engine.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use tidegate_schema::{Error, Result, model::Connection};

/// The server's name or address, without what surrounds it; an error if there is none.
pub(super) fn host(given: &str) -> Result<&str> {
    match given.trim() {
        "" => Err(Error::invalid(
            "host",
            "is empty; give the server's host name or address",
        )),
        host => Ok(host),
    }
}

/// The server's port, the engine's own if none is given.
pub(super) fn port(connection: &Connection) -> u16 {
    match connection.port {
        0 => connection.engine.default_port(),
        port => port,
    }
}

/// The path if it names a file. It comes back absolute, so that no library can read it as an address, as an option or
/// as `:memory:`, and the file has to be there, as some would create it.
pub(super) fn existing_file(connection: &Connection) -> Result<PathBuf> {
    let (path, engine) = (connection.path.as_str(), connection.engine.title());
    let wrong = |reason: String| Error::invalid("path", reason);
    if path.trim().is_empty() {
        return Err(wrong(format!(
            "is empty; give the path of an existing {engine} file"
        )));
    }
    let found = Path::new(path);
    match std::fs::metadata(found) {
        Ok(meta) if meta.is_file() => std::path::absolute(found)
            .map_err(|error| wrong(format!("'{path}' is no usable path: {error}"))),
        Ok(_) => Err(wrong(format!(
            "'{path}' is not a file; give a {engine} file"
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(wrong(format!(
            "there is no file '{path}'; give the path of an existing {engine} file (none is created)"
        ))),
        Err(error) => Err(wrong(format!("'{path}' cannot be read: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use tidegate_schema::model::Engine;

    use super::*;

    fn connection(engine: Engine, path: &str, port: u16) -> Connection {
        Connection {
            engine,
            path: path.to_owned(),
            host: String::new(),
            port,
            user: String::new(),
            password: SecretString::from(""),
            database: String::new(),
        }
    }

    #[test]
    fn a_host_has_to_be_named() {
        assert_eq!(host(" db.example ").expect("named"), "db.example");
        for empty in ["", "  "] {
            let error = host(empty).expect_err("empty").to_string();
            assert!(error.contains("host name or address"), "{error}");
        }
    }

    #[test]
    fn a_port_that_is_not_given_is_the_engines_own() {
        assert_eq!(port(&connection(Engine::Postgres, "", 0)), 5432);
        assert_eq!(port(&connection(Engine::CockroachDb, "", 0)), 26257);
        assert_eq!(port(&connection(Engine::CockroachDb, "", 5433)), 5433);
    }

    #[test]
    fn only_a_file_that_is_there_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, missing) = (folder.path().join("a.db"), folder.path().join("b.db"));
        std::fs::write(&file, "").expect("written");
        let read = |path: &Path| {
            let path = path.to_string_lossy();
            existing_file(&connection(Engine::Sqlite, &path, 0))
        };
        assert_eq!(read(&file).expect("is there"), file);
        for (path, says) in [
            (Path::new(" "), "give the path of an existing SQLite file"),
            (folder.path(), "is not a file; give a SQLite file"),
            (missing.as_path(), "none is created"),
            (Path::new(":memory:"), "there is no file"),
        ] {
            let error = read(path).expect_err(says).to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(!missing.exists());
    }
}
