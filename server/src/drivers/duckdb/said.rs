//! DuckDB's errors, by what the caller can do about them.

use tidegate_schema::Error;

use super::{Source, session};

/// The database's own words, with the remedy where they do not name it.
pub(super) fn explain(source: &Source, error: &duckdb::Error) -> Error {
    match error {
        duckdb::Error::InvalidParameterCount(..) => Error::invalid(
            "sql",
            "has parameters (? or $1); write the values into the query",
        ),
        duckdb::Error::NulError(_) => {
            Error::invalid("sql", "holds a character of code 0; take it out")
        }
        other => by_words(source, &other.to_string()),
    }
}

/// The wrapper around DuckDB hands on its words and no kind.
fn by_words(source: &Source, said: &str) -> Error {
    let path = source.file.path().display();
    let holds = |part: &str| said.contains(part);
    if holds("FATAL Error") || holds("has been invalidated") {
        source.file.forget();
    }
    let message = if holds("Could not set lock on file") {
        format!(
            "'{path}' is open for writing in another program; close it there, or register a copy of the file ({said})"
        )
    } else if holds("Trying to read a database file with version number") {
        format!(
            "'{path}' was written by another generation of DuckDB than the one built in; write it anew with a \
             DuckDB that reads it, by EXPORT DATABASE and IMPORT DATABASE ({said})"
        )
    } else if holds("is not a valid DuckDB database file") {
        format!("'{path}' is not a DuckDB database")
    } else if said.starts_with("Out of Memory Error") {
        format!(
            "the query needs more than the {} that the queries of one file may use; ask for fewer rows or columns, or \
             group less finely",
            session::MEMORY
        )
    } else if said.starts_with("Permission Error")
        || holds("read-only mode")
        || holds("configuration has been locked")
    {
        return Error::Forbidden {
            reason: format!("the session is read-only: {said}"),
        };
    } else {
        said.to_owned()
    };
    Error::upstream(&*source.name, message)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::file::File, *};

    #[test]
    fn what_can_be_done_about_it_is_said() {
        let source = Source {
            name: "sales".into(),
            file: File::of(Path::new("/nowhere/sales.duckdb")),
        };
        for (said, part) in [
            (
                "IO Error: Could not set lock on file \"sales.duckdb\": Conflicting lock is held in python (PID 7)",
                "register a copy",
            ),
            (
                "IO Error: Trying to read a database file with version number 999, but we can only read versions \
                 between 64 and 68.",
                "EXPORT DATABASE",
            ),
            (
                "IO Error: The file \"x\" exists, but it is not a valid DuckDB database file!",
                "not a DuckDB database",
            ),
            (
                "Out of Memory Error: could not allocate block of size 256.0 KiB (953.6 MiB/953.6 MiB used)",
                "fewer rows",
            ),
        ] {
            let error = by_words(&source, said);
            assert!(
                matches!(&error, Error::Upstream { provider, message }
                    if provider == "sales" && message.contains(part)),
                "{error:?}"
            );
        }
        let refused = "Invalid Input Error: Cannot execute statement of type \"INSERT\" on database \"sales\" which is \
                       attached in read-only mode!";
        assert!(matches!(
            by_words(&source, refused),
            Error::Forbidden { .. }
        ));
    }
}
