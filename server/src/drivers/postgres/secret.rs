//! Passwords: read from the environment where they say so, and kept out of every message.

use tidegate_schema::{Error, Result};

/// The password itself: `${env:NAME}` and `${env:NAME:-default}` are replaced, the rest is as it stands.
pub(super) fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String> {
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
        assert_eq!(expand("a${env:NONE:-b}c", lookup).expect("default"), "abc");
        assert_eq!(expand("${env:NONE:-}", lookup).expect("empty default"), "");
        assert_eq!(expand("pa$$word{}", lookup).expect("plain"), "pa$$word{}");
        let error = expand("${env:NONE}", lookup).expect_err("not set");
        assert!(error.to_string().contains("NONE"), "{error}");
        assert!(expand("${env:PGPASS", lookup).is_err());
    }

    #[test]
    fn the_password_leaves_the_message() {
        assert_eq!(without("bad s3cret here", "s3cret"), "bad *** here");
        assert_eq!(without("a b", ""), "a b");
    }
}
