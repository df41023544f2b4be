//! `tidegate db export`: a query's result as a file.

use std::{
    ffi::OsString,
    io::{ErrorKind, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use tidegate_schema::Error;
use tokio::{fs::File, io::AsyncWriteExt as _};

use super::run::statement;
use crate::{
    app::App,
    cli::{caller, complain, print, usage},
    services::exports::{self, Format, Options, Written},
};

/// Export the result of one query.
#[derive(Debug, Args)]
pub struct Export {
    /// The database's name.
    name: String,
    /// The query; `-` reads it from standard input.
    sql: String,
    /// csv, json, jsonl, arrow (an IPC stream), parquet or xlsx; by default what --out ends in, else csv.
    #[arg(long)]
    format: Option<Format>,
    /// The file, written when it is complete; standard output by default.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Fail where a cap (`limits.export_rows`, `limits.export_bytes`) would cut the result, rather than say so.
    #[arg(long)]
    whole: bool,
    /// Begin a CSV with a byte order mark, which some spreadsheets need to take it for UTF-8.
    #[arg(long)]
    bom: bool,
}

impl Export {
    /// Exports. A file that would be half a result is not left behind.
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let format = format(self.format, self.out.as_deref());
        let to_terminal = self.out.is_none() && std::io::stdout().is_terminal();
        if to_terminal && !format.is_text() {
            return Err(usage(format!(
                "--format: {format} is not for a terminal; name a file with --out, or pipe it on"
            )));
        }
        if let Some(path) = self.out.as_deref().filter(|path| path.is_dir()) {
            return Err(usage(format!(
                "--out: {} is a folder; name a file in it",
                path.display()
            )));
        }
        let options = Options {
            format,
            whole: self.whole,
            bom: self.bom,
        };
        let sql = statement(&self.sql)?;
        let export = app
            .exports()
            .start(&caller(), &self.name, &sql, options)
            .await?;
        let bar = if to_terminal {
            ProgressBar::hidden()
        } else {
            bar()
        };
        let written = match &self.out {
            Some(path) => to_file(path, export, &bar).await,
            None => to_output(export, &bar).await,
        };
        let bytes = bar.position();
        bar.finish_and_clear();
        let Some(Written { rows, cut_at }) = written? else {
            return Ok(());
        };
        if let Some(path) = &self.out {
            print(&format!(
                "Exported {rows} rows, {bytes} bytes, to {}.\n",
                path.display()
            ))?;
        }
        if let Some(cut) = cut_at {
            complain(&format!(
                "Cut after {cut} rows; there are more. Narrow the query, or raise limits.export_rows and \
                 limits.export_bytes; --whole makes a cut a failure."
            ));
        }
        Ok(())
    }
}

/// The format that was asked for, or the one a file's name ends in.
fn format(asked: Option<Format>, out: Option<&Path>) -> Format {
    let ending = out
        .and_then(Path::extension)
        .and_then(|ending| ending.to_str());
    asked
        .or_else(|| ending?.parse().ok())
        .unwrap_or(Format::Csv)
}

/// A sign of life on a terminal; nothing elsewhere.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {bytes} {bytes_per_sec} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::no_length().with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Brings the body piece by piece; an interruption from the keyboard is an error, so that what was begun is tidied up.
async fn pieces(
    export: exports::Export,
    mut take: impl AsyncFnMut(&[u8]) -> anyhow::Result<bool>,
) -> anyhow::Result<Option<Written>> {
    let exports::Export {
        mut body, written, ..
    } = export;
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let piece = tokio::select! {
            piece = body.next() => piece,
            _ = &mut interrupted => anyhow::bail!("interrupted before the export ended"),
        };
        let Some(piece) = piece else { break };
        let piece = piece?;
        if !take(&piece[..]).await? {
            return Ok(None);
        }
    }
    let written = written
        .await
        .map_err(|_| Error::internal("ending an export", "it told no end"))?;
    Ok(Some(written))
}

/// Writes the body to standard output; nothing is told of a reader that has seen enough and left.
async fn to_output(export: exports::Export, bar: &ProgressBar) -> anyhow::Result<Option<Written>> {
    let found = pieces(export, async |piece: &[u8]| {
        bar.inc(piece.len() as u64);
        match std::io::stdout().write_all(piece) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            done => done.map(|()| true).context("writing to standard output"),
        }
    })
    .await?;
    match std::io::stdout().flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(found),
    }
}

/// Writes the body beside the file and gives it the file's name when it is complete.
async fn to_file(
    path: &Path,
    export: exports::Export,
    bar: &ProgressBar,
) -> anyhow::Result<Option<Written>> {
    let part = Part::beside(path);
    let mut file = File::create(&part.0)
        .await
        .with_context(|| format!("--out: {} cannot be written", part.0.display()))?;
    let written = pieces(export, async |piece: &[u8]| {
        bar.inc(piece.len() as u64);
        file.write_all(piece)
            .await
            .with_context(|| format!("--out: writing {}", part.0.display()))?;
        Ok(true)
    })
    .await?;
    let done = async {
        file.flush().await?;
        file.sync_all().await?;
        tokio::fs::rename(&part.0, path).await
    };
    done.await
        .with_context(|| format!("--out: {} cannot be written", path.display()))?;
    Ok(written)
}

/// A file that is not complete; it goes when it is dropped, unless it was renamed.
struct Part(PathBuf);

impl Part {
    fn beside(path: &Path) -> Self {
        let mut name = OsString::from(path);
        name.push(".part");
        Self(PathBuf::from(name))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Once renamed it is not there, which is as it should be.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_asked_for_else_what_the_file_ends_in() {
        let by = |out: &str| format(None, Some(Path::new(out)));
        assert_eq!(by("a/b.PARQUET"), Format::Parquet);
        assert_eq!(by("b.ndjson"), Format::JsonLines);
        assert_eq!(by("b.txt"), Format::Csv);
        assert_eq!(by("csv"), Format::Csv);
        assert_eq!(format(None, None), Format::Csv);
        let asked = format(Some(Format::Arrow), Some(Path::new("b.csv")));
        assert_eq!(asked, Format::Arrow);
    }

    #[test]
    fn a_half_written_file_goes_with_what_wrote_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("out.csv");
        let part = Part::beside(&path);
        std::fs::write(&part.0, "half").expect("written");
        assert_eq!(part.0, dir.path().join("out.csv.part"));
        drop(part);
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0);
    }
}
