//! Passwords: read from the environment where they say so, and kept out of every message.

use secrecy::ExposeSecret;
use tidegate_schema::{Error, Result, model::Connection};

/// The password of a connection, with what it asks for from the environment in its place.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is a user's way to keep a password out of the store"
)]
pub(super) fn password(connection: &Connection) -> Result<String> {
    expand(connection.password.expose_secret(), |name| {
        std::env::var(name).ok()
    })
}

/// The password itself: `${env:NAME}` and `${env:NAME:-default}` are replaced, the rest is as it stands.
///
/// Whoever may add a datasource chooses the host the password is sent to, so only variables that are named as
/// passwords are read.
fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${env:") {
        done.push_str(&rest[..start]);
        let inner = &rest[start + "${env:".len()..];
        let Some(end) = inner.find('}') else {
            return Err(Error::invalid(
                "password",
                "has '${env:' without its closing '}'",
            ));
        };
        let (name, default) = match inner[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner[..end], None),
        };
        if !may_be_read(name) {
            let reason = format!(
                "the environment variable {name} may not stand in a password; name it so that it ends in PASSWORD \
                 or begins with PG, and not with TIDEGATE_"
            );
            return Err(Error::invalid("password", reason));
        }
        let Some(value) = lookup(name).or_else(|| default.map(str::to_owned)) else {
            let reason =
                format!("the environment variable {name} is not set; set it and try again");
            return Err(Error::invalid("password", reason));
        };
        done.push_str(&value);
        rest = &inner[end + 1..];
    }
    done.push_str(rest);
    Ok(done)
}

fn may_be_read(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    (name.ends_with("PASSWORD") || name.starts_with("PG")) && !name.starts_with("TIDEGATE_")
}

/// A message in which the password does not occur. Very short ones would only maim the message.
pub(super) fn without(message: &str, password: &str) -> String {
    if password.len() < 4 {
        message.to_owned()
    } else {
        message.replace(password, "***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_fills_in() {
        let lookup = |name: &str| (name == "PGPASS").then(|| "s3cret".to_owned());
        assert_eq!(expand("${env:PGPASS}", lookup).expect("set"), "s3cret");
        assert_eq!(
            expand("a${env:NO_PASSWORD:-b}c", lookup).expect("default"),
            "abc"
        );
        assert_eq!(
            expand("${env:NO_PASSWORD:-}", lookup).expect("empty default"),
            ""
        );
        assert_eq!(expand("pa$$word{}", lookup).expect("plain"), "pa$$word{}");
        let error = expand("${env:NO_PASSWORD}", lookup).expect_err("not set");
        assert!(error.to_string().contains("NO_PASSWORD"), "{error}");
        assert!(expand("${env:PGPASS", lookup).is_err());
    }

    #[test]
    fn only_variables_named_as_passwords_are_read() {
        let lookup = |_: &str| Some("s3cret".to_owned());
        for name in ["CRM_PASSWORD", "PGPASSWORD", "PGPASS_CRM"] {
            assert_eq!(
                expand(&format!("${{env:{name}}}"), lookup).expect(name),
                "s3cret"
            );
        }
        for name in [
            "OPENAI_API_KEY",
            "TIDEGATE_SECRET_KEY",
            "TIDEGATE_PASSWORD",
            "tidegate_password",
            "PASSWORD_FILE",
            "",
        ] {
            for text in [format!("${{env:{name}}}"), format!("${{env:{name}:-x}}")] {
                let error = expand(&text, lookup).expect_err(name).to_string();
                assert!(
                    error.contains("ends in PASSWORD or begins with PG"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn the_password_leaves_the_message() {
        assert_eq!(without("bad s3cret here", "s3cret"), "bad *** here");
        assert_eq!(without("a b", ""), "a b");
    }
}
