//! `tidegate db run`: one statement, through the guard.

use std::{io::Read, num::NonZeroUsize};

use anyhow::Context as _;
use clap::Args;
use comfy_table::Table;
use serde_json::{Value, json};
use tidegate_schema::model::{Cell, ResultColumn, RowSet, Verdict, cut_words};

use crate::{
    app::App,
    cli::{caller, complain, for_terminal, print, print_json, usage, wide_table},
    config::Config,
    services::{
        exports,
        sql::{Executed, Failed},
    },
};

/// Most bytes of a statement from standard input; the guard takes none of that size.
const MOST_SQL_BYTES: u64 = 10 << 20;

/// Run one SQL statement and print its rows.
#[derive(Debug, Args)]
pub struct Run {
    /// The database's name.
    name: String,
    /// The statement; `-` reads it from standard input.
    sql: String,
    /// Print columns, rows and the guard's verdict as JSON.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print the rows as CSV.
    #[arg(long)]
    csv: bool,
    /// Have a statement that changes rows run. It also takes a database that is marked with `tidegate db writable`.
    #[arg(long)]
    confirm: bool,
    /// Most rows, instead of `limits.rows`.
    #[arg(long, value_name = "ROWS")]
    limit: Option<NonZeroUsize>,
}

impl Run {
    /// Puts the limit that was asked for in place of the configured one.
    pub(super) fn limit(&self, config: &mut Config) {
        if let Some(limit) = self.limit {
            config.limits.rows = limit.get();
        }
    }

    /// Runs and prints. What was refused, failed or waits for a confirmation is an error; as JSON it is printed too,
    /// with what the guard said.
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let sql = statement(&self.sql)?;
        let executed = app
            .sql()
            .execute(&caller(), &self.name, &sql, self.confirm)
            .await;
        match executed {
            Ok(Executed::Read { verdict, rows }) => self.rows(&verdict, &rows),
            Ok(Executed::Changed {
                verdict,
                rows,
                elapsed_ms,
            }) => self.changed(&verdict, rows, elapsed_ms),
            Ok(Executed::Unconfirmed { verdict, .. }) => {
                let reason = unconfirmed(&self.name, &verdict);
                self.nothing(&reason, Some(&verdict))?;
                anyhow::bail!(reason)
            }
            Err(Failed { verdict, error }) => {
                self.nothing(&error.to_string(), verdict.as_deref())?;
                Err(error.into())
            }
        }
    }

    /// Prints as JSON why there is nothing, and what the guard said, as far as it was asked.
    fn nothing(&self, reason: &str, verdict: Option<&Verdict>) -> anyhow::Result<()> {
        match verdict {
            Some(verdict) if self.json => {
                print_json(&json!({"error": reason, "verdict": verdict.document()}))
            }
            _ => Ok(()),
        }
    }

    fn rows(&self, verdict: &Verdict, rows: &RowSet) -> anyhow::Result<()> {
        if self.json {
            print_json(&document(verdict, rows))?;
        } else if self.csv {
            let text = String::from_utf8(exports::csv(rows)?).context("writing CSV")?;
            print(&text)?;
        } else {
            print(&format!("{}\n", table(rows)))?;
            complain(&format!(
                "{} in {} ms",
                count(rows.rows.len()),
                rows.elapsed_ms
            ));
        }
        if let Some(words) = cut_words(rows) {
            complain(&format!(
                "{words} --limit and `tidegate db export` bring more."
            ));
        }
        Ok(())
    }

    fn changed(&self, verdict: &Verdict, rows: u64, elapsed_ms: u64) -> anyhow::Result<()> {
        if self.json {
            return print_json(&json!({
                "changed": rows,
                "elapsed_ms": elapsed_ms,
                "verdict": verdict.document(),
            }));
        }
        let changed = format!("Changed {}.\n", count(rows as usize));
        // CSV on standard output is rows or nothing.
        if self.csv {
            complain(changed.trim_end());
            return Ok(());
        }
        print(&changed)
    }
}

/// The statement itself, read from standard input where it says so.
pub(super) fn statement(sql: &str) -> anyhow::Result<String> {
    if sql != "-" {
        return Ok(sql.to_owned());
    }
    read(std::io::stdin().lock())
}

fn read(input: impl Read) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    input
        .take(MOST_SQL_BYTES + 1)
        .read_to_end(&mut bytes)
        .context("sql: standard input could not be read")?;
    if bytes.len() as u64 > MOST_SQL_BYTES {
        return Err(usage(format!(
            "sql: standard input holds more than {MOST_SQL_BYTES} bytes, which is no single statement"
        )));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| usage("sql: standard input is not UTF-8; convert it first"))?;
    if text.trim().is_empty() {
        return Err(usage("sql: standard input is empty; pipe the statement in"));
    }
    Ok(text)
}

/// What would run, and how to have it run.
fn unconfirmed(name: &str, verdict: &Verdict) -> String {
    format!(
        "nothing was changed: the statement would run as {} on '{name}', with the tables {}; run it again with \
         --confirm to have it run",
        verdict.statement.to_uppercase(),
        verdict.tables.join(", ")
    )
}

fn count(rows: usize) -> String {
    format!("{rows} {}", if rows == 1 { "row" } else { "rows" })
}

/// Rows for a person. NULL is the word; text that would steer the terminal is spelled out.
fn table(rows: &RowSet) -> Table {
    let mut table = wide_table();
    table.set_header(rows.columns.iter().map(|column| for_terminal(&column.name)));
    let shown = |cell: &Cell| {
        cell.to_text()
            .map_or_else(|| "NULL".to_owned(), |text| for_terminal(&text))
    };
    for row in &rows.rows {
        table.add_row(row.iter().map(shown));
    }
    table
}

/// Columns, rows, and what is to be known of them.
fn document(verdict: &Verdict, rows: &RowSet) -> Value {
    let columns: Vec<Value> = rows.columns.iter().map(ResultColumn::document).collect();
    json!({
        "columns": columns,
        "rows": rows.json_rows(usize::MAX),
        "cut_at": rows.cut_at,
        "elapsed_ms": rows.elapsed_ms,
        "verdict": verdict.document(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Usage;

    #[test]
    fn a_statement_from_standard_input_is_text_and_of_a_bounded_size() {
        assert_eq!(read(&b"SELECT 1\n"[..]).expect("read"), "SELECT 1\n");
        for bad in [&b""[..], b" \n", b"SELECT '\xff'"] {
            let error = read(bad).expect_err("refused");
            assert!(error.is::<Usage>(), "{error}");
        }
        let endless = std::io::repeat(b' ');
        let error = read(endless).expect_err("refused").to_string();
        assert!(error.contains("more than"), "{error}");
    }
}
