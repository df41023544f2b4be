//! What the server or the way to it said, with the remedy where there is a usual one.

use std::fmt::Write as _;

use tiberius::error::{Error, TokenError};

use super::shape::Wrong;

/// From this class on the server closes the connection.
const FATAL_CLASS: u8 = 20;

/// The words for the caller; may contain what the server was sent, so the password is taken out by the pool.
pub(super) fn message(place: &str, error: &Error) -> String {
    match error {
        Error::Server(said) => server_message(said.message(), said.code(), said.line()),
        Error::Io { message, .. } => format!(
            "the connection to {place} was lost ({message}); check that the server is up and try again"
        ),
        Error::Routing { host, port } => format!(
            "{place} sends its readers on to {host}:{port}, which sends them on again; give the last server's \
             address itself"
        ),
        other => format!("what {place} answers cannot be read: {other}"),
    }
}

/// Whether the connection can be used again after this.
pub(super) fn leaves_usable(error: &Error) -> bool {
    matches!(error, Error::Server(said) if is_usable_after(said))
}

fn is_usable_after(said: &TokenError) -> bool {
    said.class() < FATAL_CLASS
}

/// What the server found wrong with a statement it only looked at.
pub(super) fn wrong(wrong: &Wrong) -> String {
    server_message(&wrong.message, wrong.number, 0)
}

fn server_message(text: &str, code: u32, line: u32) -> String {
    let mut message = text.trim().to_owned();
    // Line 1 says nothing in a statement of one line, and 0 means nowhere.
    _ = if line > 1 {
        write!(message, " (error {code}, line {line})")
    } else {
        write!(message, " (error {code})")
    };
    if let Some(remedy) = remedy(code) {
        message.extend(["; ", remedy]);
    }
    message
}

fn remedy(code: u32) -> Option<&'static str> {
    Some(match code {
        18456 | 18452 => {
            "check the user name and the password; it has to be a login of SQL Server itself, not one of Windows"
        }
        18470 | 18486 => "have an administrator enable or unlock the login",
        18487 | 18488 => "the password has expired: change it with another program first",
        4060 | 4064 | 911 => "check the name of the database, and that the login has a user in it",
        207 | 208 => {
            "the name may be misspelt or the table dropped meanwhile: list the tables again, and name the schema \
             of a table outside dbo"
        }
        229 | 230 => "have an administrator grant SELECT on it, or the role db_datareader",
        1205 | 1222 => "another transaction holds the rows; try again",
        10928 | 10929 | 40197 | 40501 | 40613 | 49918 | 49919 | 49920 => {
            "the service is busy; try again"
        }
        41368 => {
            "have an administrator set the database's MEMORY_OPTIMIZED_ELEVATE_TO_SNAPSHOT on, or write WITH \
             (SNAPSHOT) after the table's name"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_s_words_come_with_number_line_and_remedy() {
        let text = server_message("Login failed for user 'shop'.", 18456, 1);
        assert!(
            text.starts_with("Login failed for user 'shop'. (error 18456); check the user name"),
            "{text}"
        );
        let text = server_message("Incorrect syntax near 'x'.", 102, 3);
        assert_eq!(text, "Incorrect syntax near 'x'. (error 102, line 3)");
    }

    #[test]
    fn a_lost_connection_names_the_server() {
        let error = Error::Io {
            kind: std::io::ErrorKind::UnexpectedEof,
            message: "No more packets in the wire".into(),
        };
        assert!(!leaves_usable(&error));
        let text = message("db.example:1433", &error);
        assert!(
            text.contains("connection to db.example:1433 was lost"),
            "{text}"
        );
    }
}
