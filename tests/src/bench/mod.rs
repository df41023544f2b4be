//! What `tidegate-bench` measures, one file per subcommand.

use std::process::ExitCode;

pub mod ask;
pub mod decode;
pub mod embed;
pub mod http;
pub mod idle;
mod peer;
pub mod relay;
mod rounds;
pub mod sql;

/// Says why a measurement failed.
#[expect(
    clippy::print_stderr,
    reason = "complaints of a command line go to standard error"
)]
pub fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn say(text: &str) {
    println!("{text}");
}
