//! Reads the description of what the enterprise is about.

use super::{Column, Table};

/// The tables of a description, each with its key and what every table has.
///
/// # Panics
/// On a line that is not understood, as the fixture is then wrong.
pub(super) fn description(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut schema = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            name.clone_into(&mut schema);
        } else if let Some(note) = line.strip_prefix(". ") {
            let (name, comment) = note
                .split_once(": ")
                .unwrap_or_else(|| panic!("no comment on a column: {line}"));
            let column = tables
                .last_mut()
                .and_then(|table| table.columns.iter_mut().find(|column| column.name == name))
                .unwrap_or_else(|| panic!("no such column: {line}"));
            comment.clone_into(&mut column.comment);
        } else {
            tables.push(table(&schema, line));
        }
    }
    tables
}

fn table(schema: &str, line: &str) -> Table {
    let parts: Vec<&str> = line.split('|').map(str::trim).collect();
    let [name, comment, columns] = parts[..] else {
        panic!("not three parts: {line}");
    };
    let camel = name.starts_with(char::is_uppercase);
    let own = words(columns).into_iter().map(column);
    let columns = std::iter::once(plain("id", "bigint"))
        .chain(own)
        .chain(usual(camel))
        .collect();
    Table {
        schema: schema.to_owned(),
        name: name.to_owned(),
        comment: comment.to_owned(),
        columns,
    }
}

/// Columns that every table has.
pub(super) fn usual(camel: bool) -> Vec<Column> {
    let names = if camel {
        ["CreatedAt", "CreatedBy", "ChangedAt", "ChangedBy"]
    } else {
        ["created_ts", "created_by", "changed_ts", "changed_by"]
    };
    names
        .into_iter()
        .zip(["timestamp", "varchar(30)", "timestamp", "varchar(30)"])
        .map(|(name, data_type)| plain(name, data_type))
        .collect()
}

pub(super) fn plain(name: &str, data_type: &'static str) -> Column {
    Column {
        name: name.to_owned(),
        data_type,
        ..Column::default()
    }
}

/// Cuts at blanks, but for those between parentheses.
fn words(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|sign: char| {
        match sign {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        sign == ' ' && depth == 0
    })
    .filter(|word| !word.is_empty())
    .collect()
}

fn column(word: &str) -> Column {
    if let Some((name, target)) = word.split_once('>') {
        return Column {
            refers: Some(target.to_owned()),
            ..plain(name, "bigint")
        };
    }
    let (name, rest) = word
        .split_once(':')
        .unwrap_or_else(|| panic!("no type: {word}"));
    let (letter, values) = match rest.split_once('(') {
        Some((letter, values)) => (letter, values.trim_end_matches(')')),
        None => (rest, ""),
    };
    let values = values
        .split(',')
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .collect();
    Column {
        values,
        ..plain(name, data_type(letter))
    }
}

/// The SQL type of a letter.
pub(super) fn data_type(letter: &str) -> &'static str {
    match letter {
        "t" => "varchar(200)",
        "n" => "numeric(14,2)",
        "i" => "integer",
        "d" => "date",
        "ts" => "timestamp",
        "b" => "boolean",
        other => panic!("no such type: {other}"),
    }
}
