//! From plain table descriptions, as introspection gives them, to the model's [`Schema`].
//!
//! Kinds, labels and missing foreign keys are inferred here, so the server and the generator see a database
//! with the same eyes.

use super::{
    Column, ColumnId, Kind, Schema, Table, TableId, identifier_words,
    kinds::{Class, declared_class, kind_of},
    labels::label,
};
use crate::question::stem;

/// How the engine stores yes and no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booleans {
    /// A type of its own (PostgreSQL).
    Native,
    /// As 0 and 1, whatever the declared type says (SQLite).
    Numeric,
}

/// A column as the catalogue describes it.
#[derive(Debug, Clone, Default)]
pub struct ColumnDescription {
    /// Its name, unquoted.
    pub name: String,
    /// The declared type, as the catalogue spells it; may be empty (SQLite).
    pub declared: String,
    /// Whether NULL may occur.
    pub nullable: bool,
    /// Whether it is (part of) the primary key.
    pub primary: bool,
    /// Whether a constraint or the samples say that its values differ in every row.
    pub unique: bool,
    /// The catalogue's comment.
    pub comment: Option<String>,
    /// Distinct values seen, as text.
    pub samples: Vec<String>,
    /// Whether `samples` holds all of them.
    pub samples_complete: bool,
}

/// A foreign key; `columns` and `references` correspond.
#[derive(Debug, Clone, Default)]
pub struct ForeignKeyDescription {
    /// Referring columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub table: String,
    /// Its columns; empty means its primary key.
    pub references: Vec<String>,
}

/// A table as the catalogue describes it.
#[derive(Debug, Clone, Default)]
pub struct TableDescription {
    /// Its name, unquoted.
    pub name: String,
    /// The namespace, when it has to be named in SQL.
    pub namespace: Option<String>,
    /// The catalogue's comment.
    pub comment: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<ColumnDescription>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKeyDescription>,
}

/// Longer values are prose: nobody quotes them whole, and they would only blur the index.
const LONGEST_VALUE: usize = 64;

/// Builds the model's view. Foreign keys over several columns, and those to tables not described, are left out:
/// a query joins over one column. A column named after another table's single key (`customer_id`) counts as a
/// reference even where no key is declared.
pub fn describe(tables: &[TableDescription], booleans: Booleans) -> Schema {
    let mut schema = Schema::default();
    for (id, table) in tables.iter().enumerate() {
        let first = schema.columns.len();
        schema
            .columns
            .extend(table.columns.iter().map(|c| column(id, c, booleans)));
        schema.tables.push(Table {
            name: table.name.clone(),
            namespace: table.namespace.clone(),
            comment: table.comment.clone().filter(|c| !c.trim().is_empty()),
            columns: first..schema.columns.len(),
            label: None,
        });
    }
    for (id, table) in tables.iter().enumerate() {
        for key in &table.foreign_keys {
            refer(&mut schema, id, key);
        }
    }
    infer_references(&mut schema);
    for (id, table) in tables.iter().enumerate() {
        schema.tables[id].label = label(&schema, id, table);
    }
    schema
}

fn column(table: TableId, described: &ColumnDescription, booleans: Booleans) -> Column {
    let kind = kind_of(
        &described.declared,
        &described.name,
        &described.samples,
        described.primary,
    );
    let keeps_values = kind == Kind::Text
        || (kind == Kind::Id && declared_class(&described.declared) != Class::Number);
    let mut values = Vec::new();
    if keeps_values {
        let fits = |v: &&String| !v.trim().is_empty() && v.chars().count() <= LONGEST_VALUE;
        values.extend(described.samples.iter().filter(fits).cloned());
    }
    let numeric =
        declared_class(&described.declared) != Class::Boolean || booleans == Booleans::Numeric;
    Column {
        table,
        name: described.name.clone(),
        kind,
        comment: described.comment.clone().filter(|c| !c.trim().is_empty()),
        primary: described.primary,
        nullable: described.nullable && !described.primary,
        references: None,
        values_complete: described.samples_complete
            && !values.is_empty()
            && values.len() == described.samples.len(),
        values,
        numeric_flag: kind == Kind::Flag && numeric,
    }
}

fn refer(schema: &mut Schema, table: TableId, key: &ForeignKeyDescription) {
    let find = |table: TableId, name: &str| {
        let mut columns = schema.tables[table].columns.clone();
        columns.find(|&c| schema.columns[c].name.eq_ignore_ascii_case(name))
    };
    let [column] = key.columns.as_slice() else {
        return;
    };
    let Some(parent) = schema
        .tables
        .iter()
        .position(|t| t.name.eq_ignore_ascii_case(&key.table))
    else {
        return;
    };
    let to = match key.references.as_slice() {
        [] => schema.primary_key(parent),
        [name] => find(parent, name),
        _ => None,
    };
    if let (Some(from), Some(to)) = (find(table, column), to) {
        set_reference(&mut schema.columns[from], to);
    }
}

fn set_reference(column: &mut Column, to: ColumnId) {
    column.kind = Kind::Key;
    column.references = Some(to);
    column.values = Vec::new();
    column.values_complete = false;
}

/// `customer_id`, `customerId`, `customer_code` → the table `customers`, if it has a single key of that name or
/// named `id`.
fn infer_references(schema: &mut Schema) {
    let stems = |words: &[String]| words.iter().map(|w| stem(w)).collect::<Vec<_>>();
    let tables: Vec<Vec<String>> = schema
        .tables
        .iter()
        .map(|t| stems(&identifier_words(&t.name)))
        .collect();
    for id in 0..schema.columns.len() {
        let column = &schema.columns[id];
        let words = identifier_words(&column.name);
        let Some((ending, owner)) = words.split_last() else {
            continue;
        };
        if column.references.is_some()
            || schema.primary_key(column.table) == Some(id)
            || owner.is_empty()
            || !is_key_ending(ending)
        {
            continue;
        }
        let owner = stems(owner);
        let target = (0..tables.len()).find_map(|table| {
            if tables[table] != owner || table == column.table {
                return None;
            }
            let key = schema.primary_key(table)?;
            let key_words = identifier_words(&schema.columns[key].name);
            (key_words == words || key_words == [ending.clone()]).then_some(key)
        });
        if let Some(key) = target {
            set_reference(&mut schema.columns[id], key);
        }
    }
}

fn is_key_ending(word: &str) -> bool {
    matches!(
        word,
        "id" | "key" | "code" | "no" | "nr" | "num" | "uuid" | "guid" | "ref" | "fk"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn col(name: &str, declared: &str, samples: &[&str]) -> ColumnDescription {
        ColumnDescription {
            name: name.into(),
            declared: declared.into(),
            nullable: true,
            samples: samples.iter().map(|&s| s.into()).collect(),
            ..ColumnDescription::default()
        }
    }

    #[test]
    fn infers_kinds_from_types_names_and_samples() {
        for (declared, name, samples, primary, expected) in [
            ("INTEGER", "id", &["1", "2"][..], true, Kind::Id),
            ("bigint", "customer_id", &[], false, Kind::Id),
            ("uuid", "ref", &[], false, Kind::Id),
            ("TEXT", "isbn", &["978-1"], true, Kind::Id),
            ("TEXT", "name", &["a"], true, Kind::Text),
            (
                "character varying(20)",
                "city",
                &["York"],
                false,
                Kind::Text,
            ),
            ("numeric(10,2)", "price", &["1.50"], false, Kind::Number),
            ("double precision", "weight", &[], false, Kind::Number),
            ("INTEGER", "is_active", &["0", "1"], false, Kind::Flag),
            ("INTEGER", "has_children", &["0", "3"], false, Kind::Number),
            ("INTEGER", "children", &["0", "1"], false, Kind::Number),
            ("tinyint(1)", "paid", &["1"], false, Kind::Flag),
            ("boolean", "anything", &[], false, Kind::Flag),
            (
                "timestamp with time zone",
                "created",
                &[],
                false,
                Kind::Date,
            ),
            (
                "TEXT",
                "ordered",
                &["2024-03-05", "2024-03-06 10:00"],
                false,
                Kind::Date,
            ),
            ("TEXT", "created_at", &[], false, Kind::Date),
            ("TEXT", "period", &["2024-03"], false, Kind::Text),
            ("", "amount", &["1.5", "2"], false, Kind::Number),
            ("", "note", &["x"], false, Kind::Text),
            ("interval", "duration", &[], false, Kind::Text),
            ("point", "place", &[], false, Kind::Text),
        ] {
            let samples: Vec<String> = samples.iter().map(|&s| s.into()).collect();
            assert_eq!(
                kind_of(declared, name, &samples, primary),
                expected,
                "{name} {declared}"
            );
        }
    }

    #[test]
    fn finds_labels_and_references_that_are_not_declared() {
        let id = |name: &str| ColumnDescription {
            primary: true,
            ..col(name, "integer", &[])
        };
        let table = |name: &str, columns| TableDescription {
            name: name.into(),
            columns,
            ..TableDescription::default()
        };
        let code = ColumnDescription {
            unique: true,
            ..col("code", "text", &["A"])
        };
        let mail = ColumnDescription {
            unique: true,
            ..col("email", "text", &["a@b"])
        };
        let mut orders = table(
            "orders",
            vec![
                id("id"),
                col("customer_id", "int", &[]),
                col("customer_name", "text", &[]),
                col("by", "int", &[]),
            ],
        );
        orders.foreign_keys = vec![
            ForeignKeyDescription {
                columns: vec!["by".into()],
                table: "Staff".into(),
                references: Vec::new(),
            },
            ForeignKeyDescription {
                columns: vec!["id".into()],
                table: "gone".into(),
                references: Vec::new(),
            },
        ];
        let schema = describe(
            &[
                table(
                    "customers",
                    vec![
                        id("id"),
                        mail.clone(),
                        col("first_name", "text", &[]),
                        col("last_name", "text", &[]),
                    ],
                ),
                orders,
                table("staff", vec![id("staff_id"), mail, code]),
                table(
                    "readings",
                    vec![id("id"), col("at", "date", &[]), col("level", "real", &[])],
                ),
            ],
            Booleans::Native,
        );
        let name = |t: usize| {
            schema.tables[t]
                .label
                .map(|c| schema.columns[c].name.as_str())
        };
        assert_eq!(
            [name(0), name(1), name(2), name(3)],
            [Some("last_name"), Some("customer_name"), Some("code"), None]
        );
        let keys: Vec<_> = schema.foreign_keys().collect();
        assert_eq!(keys, [(5, 0), (7, 8)]);
        assert_eq!(schema.columns[5].kind, Kind::Key);
    }

    #[test]
    fn keeps_short_values_and_says_whether_they_are_all() {
        let complete = |samples: &[&str]| {
            let column = ColumnDescription {
                samples_complete: true,
                ..col("note", "text", samples)
            };
            let table = TableDescription {
                name: "t".into(),
                columns: vec![column],
                ..TableDescription::default()
            };
            describe(&[table], Booleans::Numeric).columns.remove(0)
        };
        assert!(complete(&["a", "b"]).values_complete);
        let long = "x".repeat(65);
        let cut = complete(&["a", &long]);
        assert_eq!(
            (cut.values, cut.values_complete),
            (vec!["a".to_owned()], false)
        );
    }
}
