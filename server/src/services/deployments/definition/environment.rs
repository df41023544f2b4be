//! `${env:NAME}` in what a model is started with.

use tidegate_schema::{Error, Result};

/// Looks a variable of the environment up.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Ends of the names of variables that may be read.
const ENDS: [&str; 6] = [
    "_API_KEY",
    "_API_TOKEN",
    "_API_BASE",
    "_BASE_URL",
    "_API_VERSION",
    "HF_TOKEN",
];

/// A variable of this process.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment is a person's way to keep an upstream's key out of the store"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A text with `${env:NAME}` and `${env:NAME:-default}` replaced.
///
/// Whoever may start a model chooses the server that its key is sent to, so only variables that are named as keys and
/// addresses of models are read.
///
/// # Errors
/// [`Error::Invalid`] with the parameter, where a variable may not be read or is not set.
pub(super) fn expand(parameter: &str, text: &str, lookup: Lookup<'_>) -> Result<String> {
    let wrong = |reason: String| Error::invalid(format!("params.{parameter}"), reason);
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${env:") {
        done.push_str(&rest[..start]);
        let inner = &rest[start + "${env:".len()..];
        let Some(end) = inner.find('}') else {
            return Err(wrong("has '${env:' without its closing '}'".to_owned()));
        };
        let (name, default) = match inner[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner[..end], None),
        };
        if !may_be_read(name) {
            return Err(wrong(format!(
                "the environment variable {name} may not be read here; name it so that it ends in {}, and does not \
                 begin with TIDEGATE_",
                ENDS.join(", ")
            )));
        }
        let Some(value) = lookup(name).or_else(|| default.map(str::to_owned)) else {
            return Err(wrong(format!(
                "the environment variable {name} is not set; set it for the server, or give the value itself"
            )));
        };
        done.push_str(&value);
        rest = &inner[end + 1..];
    }
    done.push_str(rest);
    Ok(done)
}

fn may_be_read(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ENDS.iter().any(|end| name.ends_with(end)) && !name.starts_with("TIDEGATE_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "SOME_API_KEY").then(|| "sk-1".to_owned())
    }

    #[test]
    fn keys_and_addresses_are_read_and_nothing_else() {
        let read = |text: &str| expand("api_key", text, &lookup).map_err(|e| e.to_string());
        assert_eq!(read("${env:SOME_API_KEY}"), Ok("sk-1".to_owned()));
        assert_eq!(
            read("${env:NO_API_BASE:-http://127.0.0.1/v1}"),
            Ok("http://127.0.0.1/v1".to_owned())
        );
        assert_eq!(read("plain $ text"), Ok("plain $ text".to_owned()));
        for (text, said) in [
            ("${env:HOME}", "HOME may not be read"),
            (
                "${env:TIDEGATE_X_API_KEY}",
                "TIDEGATE_X_API_KEY may not be read",
            ),
            ("${env:OTHER_API_KEY}", "OTHER_API_KEY is not set"),
            ("${env:SOME_API_KEY", "without its closing"),
        ] {
            let error = read(text).expect_err(text);
            assert!(
                error.starts_with("params.api_key: ") && error.contains(said),
                "{error}"
            );
        }
    }
}
