//! What a file holds: its tables, their columns, types and rows, and a few values. All of it is bounded: a workbook may
//! have hundreds of sheets, and a sheet thousands of columns.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, RowSet};

use crate::{
    drivers::Limits,
    guard::{GuardOptions, GuardedDatabase},
};

/// Tables that are described, and those beyond them that are named.
const MOST_TABLES: usize = 8;
const MOST_NAMED: usize = 40;
/// Columns of a table that are described.
const MOST_COLUMNS: usize = 30;
/// Values shown of a column, and characters of each.
const MOST_VALUES: usize = 3;
const VALUE_CHARS: usize = 30;
/// Characters of a name.
const NAME_CHARS: usize = 120;
/// For counting and looking at rows, all tables together: the page waits.
const TIME: Duration = Duration::from_secs(10);
/// Bytes of the rows looked at, of each table.
const ROW_BYTES: usize = 1 << 20;
/// Questions proposed.
const MOST_QUESTIONS: usize = 4;

/// What is known of a file before anything is asked of it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The file's name.
    file: String,
    tables: Vec<TableFacts>,
    /// Names of tables that are not described, and how many more there are.
    named: Vec<String>,
    unnamed: usize,
}

#[derive(Debug, Clone, Default)]
struct TableFacts {
    name: String,
    /// What the catalogue says of it: the sheet it comes from.
    note: Option<String>,
    /// Unknown where they could not be counted in time.
    rows: Option<u64>,
    columns: Vec<ColumnFacts>,
    /// Columns that are not described.
    more: usize,
}

#[derive(Debug, Clone, Default)]
struct ColumnFacts {
    name: String,
    data_type: String,
    note: Option<String>,
    values: Vec<String>,
    /// Whether it has a handful of values to group by.
    groups: bool,
}

impl Facts {
    /// Those of a file without tables.
    #[cfg(test)]
    pub(super) fn none_of(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            ..Self::default()
        }
    }

    /// Looks at a file's tables. What cannot be had in time is left out.
    pub async fn gather(file: &str, database: &GuardedDatabase, catalogue: &Catalogue) -> Self {
        let until = Instant::now() + TIME;
        let mut facts = Self {
            file: file.to_owned(),
            ..Self::default()
        };
        for table in catalogue.tables.iter().take(MOST_TABLES) {
            let name = quoted(&table.name);
            let count = format!("SELECT COUNT(*) FROM {name}");
            let counted = look(database, &count, until).await;
            let first = format!("SELECT * FROM {name} LIMIT {MOST_VALUES}");
            let rows = look(database, &first, until).await;
            facts
                .tables
                .push(TableFacts::of(table, counted.as_ref(), rows.as_ref()));
        }
        let mut beyond = catalogue.tables.iter().skip(MOST_TABLES);
        facts.named = beyond
            .by_ref()
            .take(MOST_NAMED)
            .map(|table| table.name.clone())
            .collect();
        facts.unnamed = beyond.count();
        facts
    }

    /// The tables as Markdown, safe to be shown: no cell of a file can add markup of its own.
    pub fn tables_text(&self) -> String {
        let mut text = String::new();
        for table in &self.tables {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            table.write(&mut text);
        }
        if !self.named.is_empty() {
            let names: Vec<String> = self.named.iter().map(|name| shown(name)).collect();
            _ = write!(text, "\n\nFurther tables: {}", names.join(", "));
            if self.unnamed > 0 {
                _ = write!(text, " and {} more", self.unnamed);
            }
            text.push('.');
        }
        text
    }

    /// One sentence on what the file holds.
    pub(super) fn summary(&self) -> String {
        let tables = self.tables.len() + self.named.len() + self.unnamed;
        let file = shown(&self.file);
        let counted: Option<u64> = self.tables.iter().map(|table| table.rows).sum();
        let rows = counted.filter(|_| tables == self.tables.len());
        let held = match (tables, rows) {
            (1, Some(rows)) => format!("one table with {}", counted_rows(rows)),
            (1, None) => "one table".to_owned(),
            (_, Some(rows)) => format!("{tables} tables with {} in all", counted_rows(rows)),
            (_, None) => format!("{tables} tables"),
        };
        format!("**{file}** holds {held}.")
    }

    /// Questions that the tables can answer, in plain words.
    pub(super) fn questions(&self) -> Vec<String> {
        let mut found = Vec::new();
        for table in &self.tables {
            let first = |is: fn(&ColumnFacts) -> bool| {
                table
                    .columns
                    .iter()
                    .find(|column| is(column))
                    .map(|column| shown(&column.name))
            };
            let name = shown(&table.name);
            let number = first(ColumnFacts::is_amount);
            let group = first(|column| column.groups);
            let day = first(ColumnFacts::is_moment);
            found.push(format!("How many rows are there in {name}?"));
            match (&number, &group) {
                (Some(number), Some(group)) => {
                    found.push(format!(
                        "What is the total {number} per {group} in {name}, largest first?"
                    ));
                }
                (None, Some(group)) => {
                    found.push(format!("How many rows of {name} are there per {group}?"));
                }
                (Some(number), None) => found.push(format!(
                    "What are the smallest, the average and the largest {number} in {name}?"
                )),
                (None, None) => {}
            }
            if let Some(day) = day {
                found.push(match number {
                    Some(number) => {
                        format!("What is the total {number} per month of {day} in {name}?")
                    }
                    None => format!("How many rows of {name} are there per month of {day}?"),
                });
            }
        }
        found.truncate(MOST_QUESTIONS);
        found
    }
}

impl TableFacts {
    fn of(table: &CatalogueTable, counted: Option<&RowSet>, rows: Option<&RowSet>) -> Self {
        let count = counted
            .and_then(|set| set.rows.first()?.first()?.to_text())
            .and_then(|text| text.parse().ok());
        let columns = table.columns.iter().take(MOST_COLUMNS).enumerate();
        Self {
            name: table.name.clone(),
            note: table.comment.clone(),
            rows: count,
            columns: columns
                .map(|(at, column)| ColumnFacts::of(column, at, rows))
                .collect(),
            more: table.columns.len().saturating_sub(MOST_COLUMNS),
        }
    }

    fn write(&self, text: &mut String) {
        let mut said: Vec<String> = self.note.iter().map(|note| shown(note)).collect();
        said.extend(self.rows.map(counted_rows));
        _ = write!(text, "**{}**", shown(&self.name));
        if !said.is_empty() {
            _ = write!(text, " ({})", said.join(", "));
        }
        text.push_str("\n\n| Column | Type | For example |\n| --- | --- | --- |");
        for column in &self.columns {
            let mut values: Vec<String> = column.values.clone();
            values.extend(column.note.iter().map(|note| format!("({})", shown(note))));
            _ = write!(
                text,
                "\n| {} | {} | {} |",
                shown(&column.name),
                shown(&column.data_type),
                values.join(", ")
            );
        }
        if self.more > 0 {
            _ = write!(text, "\n\nand {} more columns.", self.more);
        }
    }
}

impl ColumnFacts {
    fn of(column: &CatalogueColumn, at: usize, rows: Option<&RowSet>) -> Self {
        let mut values: Vec<String> = Vec::new();
        let seen = rows
            .into_iter()
            .flat_map(|set| &set.rows)
            .filter_map(|row| row.get(at)?.to_text());
        for value in seen.chain(column.values.iter().cloned()) {
            let value = cut(&value, VALUE_CHARS);
            if values.len() < MOST_VALUES && !value.is_empty() && !values.contains(&value) {
                values.push(value);
            }
        }
        Self {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            note: column.comment.clone(),
            values,
            groups: is_text(&column.data_type)
                && column.values_complete
                && (2..=50).contains(&column.values.len()),
        }
    }

    /// Whether it is a number worth adding up: not one that only names its row.
    fn is_amount(&self) -> bool {
        let name = self.name.to_lowercase();
        let names_a_row = ["id", "no", "nr", "编号", "序号", "year", "month"]
            .iter()
            .any(|end| name == *end || name.ends_with(&format!("_{end}")));
        let kind = self.data_type.as_str();
        !names_a_row && (kind == "INTEGER" || kind == "REAL" || kind.starts_with("DECIMAL"))
    }

    fn is_moment(&self) -> bool {
        matches!(self.data_type.as_str(), "DATE" | "TIMESTAMP")
    }
}

fn is_text(data_type: &str) -> bool {
    data_type == "TEXT"
}

/// The rows of a small query, if they can be had by then.
async fn look(database: &GuardedDatabase, sql: &str, until: Instant) -> Option<RowSet> {
    let time = until.saturating_duration_since(Instant::now());
    if time.is_zero() {
        return None;
    }
    let limits = Limits {
        rows: MOST_VALUES,
        bytes: ROW_BYTES,
        time,
    };
    let looked = database.run(sql, &GuardOptions::default(), limits).await;
    match looked {
        Ok((_, rows)) => Some(rows),
        Err(refusal) => {
            tracing::debug!(error = %refusal.error, "a file's rows could not be looked at");
            None
        }
    }
}

/// A name as SQL writes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn counted_rows(rows: u64) -> String {
    if rows == 1 {
        "1 row".to_owned()
    } else {
        format!("{rows} rows")
    }
}

/// A name, shown.
fn shown(text: &str) -> String {
    cut(text, NAME_CHARS)
}

/// A text on one line, cut to so many characters, in which nothing is markup: pages render Markdown with HTML in it.
pub(in crate::scenes) fn cut(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut words = String::new();
    for (count, letter) in line.chars().enumerate() {
        if count == most {
            words.push('…');
            break;
        }
        match letter {
            '&' => words.push_str("&amp;"),
            '<' => words.push_str("&lt;"),
            '>' => words.push_str("&gt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '$' => {
                words.push('\\');
                words.push(letter);
            }
            letter if letter.is_control() => {}
            letter => words.push(letter),
        }
    }
    words
}

#[cfg(test)]
mod tests;
