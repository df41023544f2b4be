//! The reasons behind a library's error, which its own words often leave out.

use std::error::Error;

/// A message with the causes of the error behind it, each once.
pub(super) fn with_causes(mut message: String, error: &dyn Error) -> String {
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = next.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] io::Error);

    #[test]
    fn a_cause_is_told_behind_the_message_unless_that_says_it_already() {
        for (own, told) in [
            ("no connection", "no connection: refused"),
            ("no connection (refused)", "no connection (refused)"),
        ] {
            let error = Outer(own, io::Error::other("refused"));
            assert_eq!(with_causes(error.to_string(), &error), told);
        }
    }
}
