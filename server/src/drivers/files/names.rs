//! Names of tables and columns, from whatever files and headers are called.

use std::collections::HashSet;

/// Characters of a table's name.
const MAX_TABLE_CHARS: usize = 60;
/// Characters of a column's name.
const MAX_COLUMN_CHARS: usize = 120;

/// Names that are taken. SQLite tells names apart without regard to case.
#[derive(Debug, Default)]
pub(super) struct Taken(HashSet<String>);

impl Taken {
    /// `wanted`, or with the first free number from 2 behind it.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.0.insert(name.to_lowercase()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }
}

/// A table's name as a plain identifier: letters of any script, digits and underscores, no digit first.
pub(super) fn table(wanted: &str) -> String {
    let mut name = String::new();
    for letter in wanted.chars() {
        if letter.is_alphanumeric() {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if name.chars().count() >= MAX_TABLE_CHARS {
            break;
        }
    }
    let name = name.trim_end_matches('_');
    let reserved = name.to_ascii_lowercase().starts_with("sqlite_");
    if name.is_empty() {
        "data".to_owned()
    } else if reserved || name.starts_with(char::is_numeric) {
        format!("t_{name}")
    } else {
        name.to_owned()
    }
}

/// Names of columns as the header spells them, without line breaks; empty ones are numbered, and no two are alike.
pub(super) fn columns<S: AsRef<str>>(header: &[S]) -> Vec<String> {
    let mut taken = Taken::default();
    let name = |(index, written): (usize, &S)| {
        let words: Vec<&str> = written.as_ref().split_whitespace().collect();
        let mut name: String = words
            .join(" ")
            .chars()
            .filter(|c| !c.is_control())
            .collect();
        if let Some((end, _)) = name.char_indices().nth(MAX_COLUMN_CHARS) {
            name.truncate(end);
        }
        if name.is_empty() {
            name = format!("column{}", index + 1);
        }
        taken.take(&name)
    };
    header.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_are_plain_identifiers() {
        for (file, expected) in [
            ("sales", "sales"),
            ("Sales 2024 (final)", "Sales_2024_final"),
            ("2024-01", "t_2024_01"),
            ("销售 数据", "销售_数据"),
            ("sqlite_master", "t_sqlite_master"),
            ("_tidegate_files", "tidegate_files"),
            ("--", "data"),
            ("a\"; DROP TABLE x; --", "a_DROP_TABLE_x"),
        ] {
            assert_eq!(table(file), expected, "{file}");
        }
        assert_eq!(table(&"x".repeat(500)).len(), MAX_TABLE_CHARS);
    }

    #[test]
    fn column_names_are_the_headers_own_and_unique() {
        let header = ["id", "ID", "", " total\nprice ", "id_2", ""];
        assert_eq!(
            columns(&header),
            ["id", "ID_2", "column3", "total price", "id_2_2", "column6"]
        );
    }
}
