//! Names and literals as SQL spells them.

use chrono::NaiveDate;

use super::{Dialect, reserved::is_reserved};
use crate::schema::{ColumnId, Schema, TableId};

/// A name, in quotes where it needs them.
pub(super) fn name(name: &str, dialect: Dialect) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !is_reserved(name, dialect);
    if plain {
        return name.to_owned();
    }
    match dialect {
        Dialect::Sqlite | Dialect::Postgres | Dialect::DuckDb => {
            format!("\"{}\"", name.replace('"', "\"\""))
        }
        Dialect::MySql => format!("`{}`", name.replace('`', "``")),
        // There a backslash escapes in names too.
        Dialect::ClickHouse => {
            format!("`{}`", name.replace('\\', "\\\\").replace('`', "``"))
        }
        Dialect::TransactSql => format!("[{}]", name.replace(']', "]]")),
    }
}

/// A piece of text. A zero byte would end the statement early, so none is let through.
pub(super) fn text(text: &str, dialect: Dialect) -> String {
    let inside = text.replace('\0', "").replace('\'', "''");
    match dialect {
        Dialect::MySql | Dialect::ClickHouse => format!("'{}'", inside.replace('\\', "\\\\")),
        // Without the N it would be cut down to the code page of the database.
        Dialect::TransactSql if !inside.is_ascii() => format!("N'{inside}'"),
        _ => format!("'{inside}'"),
    }
}

/// A day.
pub(super) fn day(day: NaiveDate, dialect: Dialect) -> String {
    let day = format!("'{}'", day.format("%Y-%m-%d"));
    if dialect == Dialect::TransactSql {
        // For a `datetime` the bare text is read by the language of the session, French as year, day, month.
        format!("CAST({day} AS date)")
    } else {
        day
    }
}

/// A number, whole ones without a fraction.
pub(super) fn number(number: f64) -> String {
    if number == 0.0 {
        "0".to_owned()
    } else {
        number.to_string()
    }
}

/// The tables in sight, innermost last, each with the name its columns are reached by.
pub(super) struct Names {
    dialect: Dialect,
    scopes: Vec<Vec<(TableId, String)>>,
    /// Whether columns are written with their table.
    pub(super) qualified: bool,
}

impl Names {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            scopes: Vec::new(),
            qualified: false,
        }
    }

    pub(super) fn open(&mut self) {
        self.scopes.push(Vec::new());
    }

    pub(super) fn close(&mut self) {
        self.scopes.pop();
    }

    /// Brings a table into sight and gives what stands for it after `FROM` or `JOIN`.
    pub(super) fn add(&mut self, schema: &Schema, table: TableId) -> String {
        let own = &schema.tables[table];
        let taken = |name: &str| {
            self.scopes
                .iter()
                .flatten()
                .any(|(_, other)| other.eq_ignore_ascii_case(name))
        };
        let mut alias = own.name.clone();
        let mut copy = 2;
        while taken(&alias) {
            alias = format!("{}_{copy}", own.name);
            copy += 1;
        }
        let mut text = match &own.namespace {
            Some(namespace) => format!("{}.{}", self.name(namespace), self.name(&own.name)),
            None => self.name(&own.name),
        };
        if alias != own.name {
            text = format!("{text} AS {}", self.name(&alias));
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.push((table, alias));
        }
        text
    }

    /// What the columns of a table are written behind.
    pub(super) fn table(&self, schema: &Schema, table: TableId) -> String {
        let found = self
            .scopes
            .iter()
            .rev()
            .flatten()
            .find(|(t, _)| *t == table);
        self.name(found.map_or(schema.tables[table].name.as_str(), |(_, alias)| alias))
    }

    /// A column.
    pub(super) fn column(&self, schema: &Schema, column: ColumnId) -> String {
        let own = &schema.columns[column];
        if self.qualified {
            format!("{}.{}", self.table(schema, own.table), self.name(&own.name))
        } else {
            self.name(&own.name)
        }
    }

    /// A column of the scope around the innermost, for the condition that ties both together.
    pub(super) fn outer_column(&self, schema: &Schema, column: ColumnId) -> String {
        let own = &schema.columns[column];
        let outer = self
            .scopes
            .iter()
            .rev()
            .skip(1)
            .flatten()
            .find(|(t, _)| *t == own.table);
        let table = outer.map_or(schema.tables[own.table].name.as_str(), |(_, alias)| alias);
        format!("{}.{}", self.name(table), self.name(&own.name))
    }

    fn name(&self, plain: &str) -> String {
        name(plain, self.dialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_quoted_as_the_engine_quotes() {
        let quoted = |plain: &str| Dialect::ALL.map(|dialect| name(plain, dialect));
        assert_eq!(
            quoted("order"),
            [
                "\"order\"",
                "\"order\"",
                "`order`",
                "\"order\"",
                "`order`",
                "[order]"
            ]
        );
        assert_eq!(quoted("orders"), ["orders"; 6]);
        assert_eq!(
            quoted("rank"),
            ["rank", "rank", "`rank`", "rank", "rank", "rank"]
        );
        assert_eq!(
            quoted("Day"),
            ["\"Day\"", "\"Day\"", "`Day`", "\"Day\"", "`Day`", "[Day]"]
        );
    }

    #[test]
    fn quotes_inside_a_name_do_not_end_it() {
        assert_eq!(name("a\"b", Dialect::Sqlite), "\"a\"\"b\"");
        assert_eq!(name("a`b", Dialect::MySql), "`a``b`");
        assert_eq!(name("a`\\b", Dialect::ClickHouse), r"`a``\\b`");
        assert_eq!(name("a]b[c", Dialect::TransactSql), "[a]]b[c]");
    }

    #[test]
    fn text_ends_where_it_should_in_each_dialect() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::DuckDb] {
            assert_eq!(text("o'\0neil\\", dialect), r"'o''neil\'");
        }
        for dialect in [Dialect::MySql, Dialect::ClickHouse] {
            assert_eq!(text("o'neil\\", dialect), r"'o''neil\\'");
        }
        assert_eq!(text("o'neil\\", Dialect::TransactSql), r"'o''neil\'");
        assert_eq!(text("Tromsø", Dialect::TransactSql), "N'Tromsø'");
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!(
            [5.0, -0.0, 2.5, 1e15].map(number),
            ["5", "0", "2.5", "1000000000000000"]
        );
    }
}
