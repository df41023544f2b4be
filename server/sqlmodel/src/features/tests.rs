//! Features, over small schemas.

use chrono::NaiveDate;

use super::*;
use crate::schema::{
    Booleans, ColumnDescription, ForeignKeyDescription, TableDescription, describe,
};

fn col(name: &str, declared: &str, values: &[&str]) -> ColumnDescription {
    ColumnDescription {
        name: name.into(),
        declared: declared.into(),
        primary: name == "id",
        samples: values.iter().map(|&v| v.into()).collect(),
        samples_complete: true,
        ..ColumnDescription::default()
    }
}

/// customers 0..3: id name city; orders 3..7: id customer_id status order_date;
/// order_items 7..11: order_id product_name qty unit_price
fn shop() -> Schema {
    let table = |name: &str, columns, parent: Option<(&str, &str)>| TableDescription {
        name: name.into(),
        columns,
        foreign_keys: parent
            .map(|(column, table)| ForeignKeyDescription {
                columns: vec![column.into()],
                table: table.into(),
                references: vec!["id".into()],
            })
            .into_iter()
            .collect(),
        ..TableDescription::default()
    };
    let mut schema = describe(
        &[
            table(
                "customers",
                vec![
                    col("id", "integer", &[]),
                    ColumnDescription {
                        samples_complete: false,
                        ..col("name", "text", &["Anna Berg"])
                    },
                    col("city", "text", &["Berlin", "New York"]),
                ],
                None,
            ),
            table(
                "orders",
                vec![
                    col("id", "integer", &[]),
                    col("customer_id", "integer", &[]),
                    col("status", "text", &["shipped", "pending", "a", "b", "c_d"]),
                    col("order_date", "date", &[]),
                ],
                Some(("customer_id", "customers")),
            ),
            table(
                "order_items",
                vec![
                    col("order_id", "integer", &[]),
                    ColumnDescription {
                        samples_complete: false,
                        ..col("product_name", "text", &[])
                    },
                    col("qty", "integer", &[]),
                    ColumnDescription {
                        comment: Some("net of discount".into()),
                        ..col("unit_price", "real", &[])
                    },
                ],
                Some(("order_id", "orders")),
            ),
        ],
        Booleans::Numeric,
    );
    schema.columns[6].nullable = true;
    schema
}

struct Seen {
    question: Question,
    features: Features,
}

fn see(text: &str) -> Seen {
    let schema = shop();
    let today = NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day");
    let question = Question::read(text, &schema, today);
    let features = extract(&question, &schema, &SchemaIndex::new(&schema));
    Seen { question, features }
}

impl Seen {
    fn word(&self, lower: &str) -> usize {
        self.question
            .words
            .iter()
            .position(|w| w.lower == lower)
            .expect(lower)
    }

    fn candidate(&self, text: &str) -> usize {
        let first = self.question.candidates.iter().position(|c| {
            let words = &self.question.words[c.words.clone()];
            words
                .iter()
                .map(|w| w.lower.as_str())
                .collect::<Vec<_>>()
                .join(" ")
                == text
        });
        self.features.words + first.expect(text)
    }

    fn table(&self, table: usize) -> usize {
        self.features.words + self.features.candidates + table
    }

    fn column(&self, column: usize) -> usize {
        self.table(self.features.tables) + column
    }

    fn relation(&self, a: usize, b: usize) -> u8 {
        self.features.relations[a * self.features.items() + b]
    }
}

#[test]
fn words_are_tied_to_names_and_values() {
    for (text, word, column, expected) in [
        ("average unit price", "unit", 10, column_tie::PHRASE),
        ("average unit prices", "prices", 10, column_tie::PHRASE),
        ("average price", "price", 10, column_tie::WORD),
        ("average prices", "prices", 10, column_tie::STEM),
        ("total quantity", "quantity", 9, column_tie::TRIGRAM),
        ("the discounts", "discounts", 10, column_tie::COMMENT),
        ("customers in berlin", "berlin", 2, column_tie::VALUE),
        ("what did berg buy", "berg", 1, column_tie::VALUE_PART),
        ("all customers", "customers", 2, column_tie::TABLE),
        ("names of customers", "names", 1, column_tie::PHRASE),
        ("what was paid", "paid", 10, column_tie::NONE),
    ] {
        let seen = see(text);
        let (word, column) = (seen.word(word), seen.column(column));
        assert_eq!(
            seen.relation(word, column),
            WORD_COLUMN.forth(expected),
            "{text}"
        );
        assert_eq!(
            seen.relation(column, word),
            WORD_COLUMN.back(expected),
            "{text}"
        );
    }
    for (text, word, table, expected) in [
        ("order items", "order", 2, table_tie::PHRASE),
        ("orders", "orders", 1, table_tie::PHRASE),
        ("orders", "orders", 2, table_tie::STEM),
        ("in berlin", "berlin", 0, table_tie::VALUE),
        ("by city", "city", 0, table_tie::COLUMN),
        ("by city", "city", 1, table_tie::NONE),
    ] {
        let seen = see(text);
        let relation = seen.relation(seen.word(word), seen.table(table));
        assert_eq!(relation, WORD_TABLE.forth(expected), "{text} {table}");
    }
}

#[test]
fn candidates_fit_columns() {
    for (text, candidate, column, expected) in [
        ("in new york", "new york", 2, fit::EXACT),
        ("orders we ship", "ship", 5, fit::PARTIAL),
        ("in new york", "new york", 8, fit::POSSIBLE),
        ("in new york", "new york", 5, fit::ABSENT),
        ("in new york", "new york", 9, fit::WRONG),
        ("over 5", "5", 9, fit::POSSIBLE),
        ("over 5", "5", 6, fit::WRONG),
        ("last year", "last year", 6, fit::POSSIBLE),
        ("orders of Berg", "berg", 1, fit::PARTIAL),
    ] {
        let seen = see(text);
        let (candidate, column) = (seen.candidate(candidate), seen.column(column));
        assert_eq!(
            seen.relation(candidate, column),
            CANDIDATE_COLUMN.forth(expected),
            "{text}"
        );
    }
}

#[test]
fn items_relate_by_keys() {
    let seen = see("x");
    for (a, b, expected) in [
        (seen.table(1), seen.table(0), relations::TABLE_REFERS),
        (seen.table(0), seen.table(1), relations::TABLE_REFERRED),
        (seen.table(0), seen.table(2), relations::TABLES_TWO_STEPS),
        (seen.column(4), seen.column(0), relations::COLUMN_REFERS),
        (seen.column(0), seen.column(4), relations::COLUMN_REFERRED),
        (seen.column(0), seen.column(3), relations::COLUMNS_NAMESAKES),
        (
            seen.column(1),
            seen.column(2),
            relations::COLUMNS_SAME_TABLE_AND_KIND,
        ),
        (
            seen.column(1),
            seen.column(0),
            relations::COLUMNS_SAME_TABLE,
        ),
        (seen.column(1), seen.column(5), relations::COLUMNS_ONE_STEP),
        (seen.column(1), seen.column(9), relations::COLUMNS_FAR),
    ] {
        assert_eq!(seen.relation(a, b), expected);
    }
    let label = relations::COLUMN_TABLE.forth(relations::place::LABEL);
    assert_eq!(seen.relation(seen.column(1), seen.table(0)), label);
    let refers = relations::COLUMN_TABLE.forth(relations::place::REFERS);
    assert_eq!(seen.relation(seen.column(4), seen.table(0)), refers);
}

#[test]
fn everything_is_within_bounds_and_only_the_diagonal_is_self() {
    const { assert!(RELATIONS <= 96) };
    let long = "order ".repeat(40);
    for text in [
        "",
        "How many orders did Anna Berg place in \"New York\" in 2024, top 5?",
        &long,
    ] {
        let seen = see(text);
        let (features, n) = (&seen.features, seen.features.items());
        assert_eq!((features.flags.len(), features.kinds.len()), (n, n));
        assert_eq!(features.relations.len(), n * n);
        assert!(features.kinds.iter().all(|&k| usize::from(k) < KINDS));
        assert!(
            features
                .relations
                .iter()
                .all(|&r| usize::from(r) < RELATIONS)
        );
        for a in 0..n {
            for b in 0..n {
                assert_eq!(seen.relation(a, b) == relations::SELF, a == b, "{a} {b}");
            }
        }
    }
    let none = Schema::default();
    let day = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day");
    let question = Question::read("How many in 2024?", &none, day);
    assert_eq!(
        extract(&question, &none, &SchemaIndex::new(&none)).items(),
        6
    );
}

#[test]
fn word_distances_are_clipped_and_directed() {
    let ids: Vec<u8> = (0..13).map(|to| relations::word_word(6, to)).collect();
    assert_eq!(ids, [1, 1, 2, 3, 4, 5, 0, 6, 7, 8, 9, 10, 10]);
}

#[test]
fn flags_say_what_words_candidates_and_columns_are() {
    let seen = see("Top 5 orders from New York in 2024");
    let flags = |item: usize| &seen.features.flags[item];
    let on = |item: usize, at: usize| flags(item)[at] == 1.0;
    assert!(
        on(0, flag::FIRST) && on(seen.word("5"), flag::NUMBER) && on(seen.word("2024"), flag::YEAR)
    );
    assert!(on(seen.word("from"), flag::STOPWORD) && on(seen.word("york"), flag::IN_VALUE));
    assert!(on(seen.word("orders"), flag::TABLE_WORD) && on(seen.candidate("5"), flag::SMALL));
    assert!(on(seen.candidate("new york"), flag::EXACT));
    assert!(on(seen.table(1), flag::NAMED) && !on(seen.table(0), flag::NAMED));
    assert!(on(seen.column(2), flag::VALUED) && on(seen.column(2), flag::CATEGORY));
    assert!(on(seen.column(6), flag::NULLABLE) && on(seen.column(1), flag::LABEL));
}

#[test]
fn texts_read_like_words() {
    let texts = item_texts(&shop());
    let pair = |at: usize| (texts[at].0.as_str(), texts[at].1.as_str());
    assert_eq!(pair(2), ("order items", "order items"));
    assert_eq!(
        pair(3 + 5),
        ("status", "orders: status: shipped, pending, a, b")
    );
    assert_eq!(
        pair(3 + 10),
        ("unit price", "order items: unit price, net of discount")
    );
}

/// Release only: `cargo test --release -p tidegate-sqlmodel reading_is_fast -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, meaningful in a release build only"]
fn reading_is_fast() {
    use std::time::Instant;

    use crate::question::ValueIndex;
    let mut tables = Vec::new();
    for t in 0..5 {
        let mut columns = vec![col("id", "integer", &[])];
        for c in 0..7 {
            let values: Vec<String> = (0..15).map(|v| format!("Value {t}{c} Number{v}")).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            columns.push(col(
                [
                    "name",
                    "city",
                    "status",
                    "note",
                    "kind",
                    "unit_price",
                    "made_on",
                ][c],
                if c < 5 { "text" } else { "real" },
                &values,
            ));
        }
        tables.push(TableDescription {
            name: ["customers", "orders", "items", "stores", "staff"][t].into(),
            columns,
            ..TableDescription::default()
        });
    }
    let schema = describe(&tables, Booleans::Numeric);
    let today = NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day");
    let text = "Which five customers in Bremen bought items over 100 since March 2024?";
    let rounds = 2000;
    let begun = Instant::now();
    for _ in 0..rounds / 10 {
        std::hint::black_box((ValueIndex::new(&schema), SchemaIndex::new(&schema)));
    }
    let indexing = begun.elapsed() / (rounds / 10);
    let (values, index) = (ValueIndex::new(&schema), SchemaIndex::new(&schema));
    let begun = Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(Question::read_with(text, &values, today));
    }
    let reading = begun.elapsed() / rounds;
    let question = Question::read_with(text, &values, today);
    let begun = Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(extract(&question, &schema, &index));
    }
    let extracting = begun.elapsed() / rounds;
    let report = format!(
        "{} words, {} candidates, {} items: index {indexing:?}, read {reading:?}, extract {extracting:?}\n",
        question.words.len(),
        question.candidates.len(),
        schema.tables.len() + schema.columns.len(),
    );
    std::io::Write::write_all(&mut std::io::stderr(), report.as_bytes()).expect("standard error");
    assert!((reading + extracting).as_micros() < 300, "{report}");
}
