//! `tidegate model quantize`.

use std::{
    io::{IsTerminal as _, stderr},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::{caller, for_terminal, print},
    config::Config,
    services::quantising::{self, Request},
    telemetry,
};

/// Round a local model's weights to 8 or 4 bits.
#[derive(Debug, Args)]
pub struct Quantize {
    /// The model's directory, or its name in the configuration.
    path: String,
    /// What the weights are rounded to.
    #[arg(long, value_enum)]
    to: Format,
    /// Directory that the file is put in; beside the weights by default. A file made elsewhere is used once it lies
    /// there.
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// Make the file anew where there is one that fits.
    #[arg(long)]
    again: bool,
}

/// What weights are rounded to.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Groups of 32 share a scale: 8.5 bits a weight.
    Int8,
    /// Groups of 32 share a scale: 4.5 bits a weight.
    Int4,
}

impl Quantize {
    /// Quantises with a bar on a terminal.
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        telemetry::install(&config.log);
        let format = match self.to {
            Format::Int8 => "int8",
            Format::Int4 => "int4",
        };
        let request = Request {
            path: self.path,
            format: format.to_owned(),
            out: self.out,
            again: self.again,
        };
        let bar = bar();
        let shown = bar.clone();
        let quantising = tokio::task::spawn_blocking(move || {
            quantising::quantise(&caller(), &config, request, &mut |done, all| {
                shown.set_length(all as u64);
                shown.set_position(done as u64);
            })
        });
        let outcome = quantising.await.context("quantising broke off");
        bar.finish_and_clear();
        let made = outcome??;
        print(&for_terminal(&format!(
            "Rounded {} matrices to {format}: {}, {:.1} MB.\nIt is used wherever this model is loaded with dtype = \
             \"{format}\".\n",
            made.matrices,
            made.path.display(),
            made.bytes as f64 / 1e6
        )))
    }
}

/// A bar on a terminal; nothing elsewhere.
fn bar() -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} matrices {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
