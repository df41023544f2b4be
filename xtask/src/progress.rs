//! What a person sees while something long is under way: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// One line on what is being done. It goes to standard error: standard output belongs to results.
pub fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// A bar over a number of bytes. Off a terminal it is one line at the start, and the bar itself is silent.
pub fn bytes(what: &str, total: u64) -> ProgressBar {
    if !stderr().is_terminal() {
        say(&format!("{what} ({} MB)", total / 1_000_000));
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("xtask: {msg} {bar:30} {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total)
        .with_style(style)
        .with_message(what.to_owned())
}
