//! Exports: rows in, bytes out, in one of six formats, with memory that does not grow with the result.
//!
//! Plain code over any [`Write`], to be run on a thread of its own. It knows no caller, no datasource and no skin. How
//! each format writes each kind of cell stands in `docs/types.md`.

mod columnar;
mod delimited;
mod documents;
mod names;
pub mod report;
mod sheets;
mod text;

#[cfg(test)]
mod tests;

use std::{fmt, io::Write, path::PathBuf, str::FromStr};

use tidegate_schema::{
    Error, Result,
    model::{Cell, ResultColumn, RowSet},
};

use crate::drivers::Batch;

/// What a result can be exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values, by RFC 4180.
    Csv,
    /// One array of objects.
    Json,
    /// One object a line.
    JsonLines,
    /// Arrow's IPC stream.
    Arrow,
    /// Parquet.
    Parquet,
    /// An Excel workbook.
    Xlsx,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Csv,
        Self::Json,
        Self::JsonLines,
        Self::Arrow,
        Self::Parquet,
        Self::Xlsx,
    ];

    /// Its name, which is the ending of its files too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
            Self::Xlsx => "xlsx",
        }
    }

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
            Self::JsonLines => "application/x-ndjson",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// Whether a file of it says itself where a cap cut it.
    pub fn tells_a_cut(self) -> bool {
        matches!(self, Self::Parquet | Self::Xlsx)
    }

    /// Whether a person can read it as it is.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Json | Self::JsonLines)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    /// The format of a name, in any case; `ndjson` is `jsonl`.
    fn from_str(name: &str) -> Result<Self> {
        let name = name.trim().to_ascii_lowercase();
        let known = match name.as_str() {
            "ndjson" => Some(Self::JsonLines),
            name => Self::ALL.into_iter().find(|format| format.name() == name),
        };
        known.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            Error::invalid("format", format!("must be one of {}", names.join(", ")))
        })
    }
}

/// What is exported, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The format.
    pub format: Format,
    /// The result's columns.
    pub columns: Vec<ResultColumn>,
    /// Whether the database holds every value to its column's declared type. SQLite does not.
    pub strict: bool,
    /// Whether a result that a cap cut is an error, rather than an export that is cut.
    pub whole: bool,
    /// Whether a CSV begins with a byte order mark, which some spreadsheets need to take it for UTF-8.
    pub bom: bool,
    /// A folder for what is too large for memory until it is complete (XLSX).
    pub scratch: PathBuf,
}

/// What an export came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows in it.
    pub rows: u64,
    /// Set when a cap cut it: after so many rows.
    pub cut_at: Option<usize>,
}

/// One format's way to write.
trait Encoder {
    /// Takes rows, each as long as the columns, and writes as much as it can.
    fn rows(&mut self, rows: Vec<Vec<Cell>>) -> Result<()>;

    /// Writes what is left, and flushes.
    fn end(self: Box<Self>, written: Written) -> Result<()>;
}

/// Refuses what cannot be exported whatever its rows are.
///
/// # Errors
/// [`Error::Unsupported`] for more columns than the format has room for.
pub fn check(plan: &Plan) -> Result<()> {
    let most = sheets::MOST_COLUMNS;
    if plan.format == Format::Xlsx && plan.columns.len() > most {
        return Err(Error::Unsupported {
            what: format!(
                "the result has {} columns and an Excel sheet at most {most}; select fewer, or export it as csv, json \
                 or parquet",
                plan.columns.len()
            ),
        });
    }
    Ok(())
}

/// Writes a result as it comes. What was written before an error is no valid export, and its reader must not be left
/// to think so.
///
/// # Errors
/// The rows' own; [`Error::Unsupported`] for a value that the format has no place for, with its row and column;
/// [`Error::Conflict`] for a cut result that was to be whole; [`Error::Internal`] if `out` fails.
pub fn write<W: Write + Send>(
    plan: &Plan,
    batches: impl Iterator<Item = Result<Batch>>,
    out: W,
) -> Result<Written> {
    check(plan)?;
    let mut encoder: Box<dyn Encoder + '_> = match plan.format {
        Format::Csv => Box::new(delimited::Csv::begin(plan, out)?),
        Format::Json => Box::new(documents::Documents::array(&plan.columns, out)?),
        Format::JsonLines => Box::new(documents::Documents::lines(&plan.columns, out)),
        Format::Arrow => Box::new(columnar::Columnar::stream(plan, out)),
        Format::Parquet => Box::new(columnar::Columnar::parquet(plan, out)),
        Format::Xlsx => Box::new(sheets::Sheets::begin(plan, out)?),
    };
    let mut written = Written::default();
    for batch in batches {
        match batch? {
            Batch::Rows(rows) => {
                written.rows += rows.len() as u64;
                encoder.rows(rows)?;
            }
            Batch::Cut(rows) if plan.whole => return Err(cut_short(rows)),
            Batch::Cut(rows) => written.cut_at = Some(rows),
        }
    }
    encoder.end(written)?;
    Ok(written)
}

/// A result at hand as CSV.
///
/// # Errors
/// As [`write`].
pub fn csv(result: &RowSet) -> Result<Vec<u8>> {
    let plan = Plan {
        format: Format::Csv,
        columns: result.columns.clone(),
        strict: true,
        whole: false,
        bom: false,
        scratch: PathBuf::new(),
    };
    let mut out = Vec::new();
    let rows = result
        .rows
        .chunks(1_000)
        .map(|rows| Ok(Batch::Rows(rows.to_vec())));
    write(&plan, rows, &mut out)?;
    Ok(out)
}

fn cut_short(rows: usize) -> Error {
    Error::Conflict {
        reason: format!(
            "the result has more rows than an export may have and was to be whole: it would be cut after {rows}; \
             narrow the query, or raise limits.export_rows and limits.export_bytes"
        ),
    }
}

/// The failure of whatever is written to.
fn unwritten(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("writing an export", error)
}

/// A value that has no place in a format. What the value is stays unsaid: it is the database's, and errors are logged.
fn misfit(place: Place<'_>, why: &str, remedy: &str) -> Error {
    Error::Unsupported {
        what: format!(
            "row {}, column '{}': {why}; {remedy}",
            place.row, place.column
        ),
    }
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    /// Row, from 1.
    row: u64,
    /// The column's name.
    column: &'a str,
}
