//! Names and literals as SQL spells them.

use chrono::NaiveDate;

use crate::schema::{ColumnId, Schema, TableId};

/// Words that SQLite or PostgreSQL reserve, at least in some place where a name may stand.
const RESERVED: &[&str] = &[
    "abort",
    "action",
    "add",
    "after",
    "all",
    "alter",
    "always",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "attach",
    "authorization",
    "autoincrement",
    "before",
    "begin",
    "between",
    "binary",
    "both",
    "by",
    "cascade",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "commit",
    "concurrently",
    "conflict",
    "constraint",
    "create",
    "cross",
    "current",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "database",
    "default",
    "deferrable",
    "deferred",
    "delete",
    "desc",
    "detach",
    "distinct",
    "do",
    "drop",
    "each",
    "else",
    "end",
    "escape",
    "except",
    "exclude",
    "exclusive",
    "exists",
    "explain",
    "fail",
    "false",
    "fetch",
    "filter",
    "first",
    "following",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "generated",
    "glob",
    "grant",
    "group",
    "groups",
    "having",
    "if",
    "ignore",
    "ilike",
    "immediate",
    "in",
    "index",
    "indexed",
    "initially",
    "inner",
    "insert",
    "instead",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "key",
    "last",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "match",
    "materialized",
    "natural",
    "no",
    "not",
    "nothing",
    "notnull",
    "null",
    "nulls",
    "of",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "others",
    "outer",
    "over",
    "overlaps",
    "partition",
    "placing",
    "plan",
    "pragma",
    "preceding",
    "primary",
    "query",
    "raise",
    "range",
    "recursive",
    "references",
    "regexp",
    "reindex",
    "release",
    "rename",
    "replace",
    "restrict",
    "returning",
    "right",
    "rollback",
    "row",
    "rows",
    "savepoint",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "temp",
    "temporary",
    "then",
    "ties",
    "to",
    "trailing",
    "transaction",
    "trigger",
    "true",
    "unbounded",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "vacuum",
    "values",
    "variadic",
    "verbose",
    "view",
    "virtual",
    "when",
    "where",
    "window",
    "with",
    "without",
];

/// A name, in quotes where it needs them.
pub(super) fn name(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && RESERVED.binary_search(&name).is_err();
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A piece of text. A zero byte would end the statement early, so none is let through.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

/// A day.
pub(super) fn day(day: NaiveDate) -> String {
    format!("'{}'", day.format("%Y-%m-%d"))
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
#[derive(Default)]
pub(super) struct Names {
    scopes: Vec<Vec<(TableId, String)>>,
    /// Whether columns are written with their table.
    pub(super) qualified: bool,
}

impl Names {
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
            Some(namespace) => format!("{}.{}", name(namespace), name(&own.name)),
            None => name(&own.name),
        };
        if alias != own.name {
            text = format!("{text} AS {}", name(&alias));
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
        name(found.map_or(schema.tables[table].name.as_str(), |(_, alias)| alias))
    }

    /// A column.
    pub(super) fn column(&self, schema: &Schema, column: ColumnId) -> String {
        let own = &schema.columns[column];
        if self.qualified {
            format!("{}.{}", self.table(schema, own.table), name(&own.name))
        } else {
            name(&own.name)
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
        format!("{}.{}", name(table), name(&own.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
        assert_eq!(name("order"), "\"order\"");
        assert_eq!(name("orders"), "orders");
        assert_eq!(name("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!(
            [5.0, -0.0, 2.5, 1e15].map(number),
            ["5", "0", "2.5", "1000000000000000"]
        );
    }
}
