//! Random walks over random schemas: no step leads out of the grammar.

use std::fmt::Write as _;

use super::{day, month};
use crate::{
    fixtures::{create, library, library_rows, question, quoted, rows, schema},
    grammar::{Action, State, Step, decode, encode},
    query::Value,
    question::Question,
    render::{Dialect, render},
    schema::{Kind, Schema},
};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }
}

fn random_schema(dice: &mut Dice) -> String {
    let tables = 1 + dice.roll(6);
    let names = ["orders", "Line Items", "user", "café", "stores", "group"];
    let mut lines = String::new();
    for table in 0..tables {
        _ = write!(lines, "{}:", names[table].replace(' ', "_"));
        if dice.roll(6) > 0 {
            lines.push_str(" id*");
        }
        for key in 0..dice.roll(3) {
            // Any table with a primary key may be referred to, also the own one.
            let to = dice.roll(tables);
            _ = write!(lines, " k{key}?>{}", names[to].replace(' ', "_"));
        }
        let kinds = [
            "!",
            ":",
            "=red|green|dark_blue",
            "#",
            "?#",
            "@",
            "?@",
            "~",
            "?:",
            "#",
        ];
        let columns = [
            "name", "Note", "year", "total", "order", "quantity", "from", "x'y", "b\"q",
        ];
        for at in 0..=dice.roll(6) {
            let kind = kinds[dice.roll(kinds.len())];
            _ = write!(lines, " {}{at}{kind}", columns[dice.roll(columns.len())]);
        }
        lines.push('\n');
    }
    lines
}

/// Rows with small numbers, so that keys meet and groups form.
fn populate(connection: &rusqlite::Connection, schema: &Schema, dice: &mut Dice) {
    for table in &schema.tables {
        for row in 1..=6 {
            let cells: Vec<String> = schema.columns[table.columns.clone()]
                .iter()
                .map(|c| match c.kind {
                    Kind::Id => row.to_string(),
                    _ if c.nullable && dice.roll(4) == 0 => "NULL".to_owned(),
                    Kind::Key => (1 + dice.roll(6)).to_string(),
                    Kind::Number => dice.roll(9).to_string(),
                    Kind::Flag => dice.roll(2).to_string(),
                    Kind::Date => format!("'2024-0{}-1{}'", 1 + dice.roll(4), dice.roll(9)),
                    Kind::Text => format!("'{}'", ["red", "green", "Zoe"][dice.roll(3)]),
                })
                .collect();
            let sql = format!(
                "INSERT INTO {} VALUES ({})",
                quoted(&table.name),
                cells.join(", ")
            );
            connection.execute(&sql, []).unwrap();
        }
    }
}

fn random_values(dice: &mut Dice) -> Vec<Value> {
    let mut pool = vec![
        Value::Number(3.0),
        Value::Number(2.5),
        Value::Number(7.0),
        month(2024, 2),
        day("2024-03-12"),
        Value::Text("Red".to_owned()),
        Value::Text("it's 100%_\\".to_owned()),
        Value::Text("AB-12".to_owned()),
    ];
    (0..dice.roll(6))
        .map(|_| pool.swap_remove(dice.roll(pool.len())))
        .collect()
}

fn walk(schema: &Schema, question: &Question, dice: &mut Dice) -> Vec<Step> {
    let mut state = State::new(schema, question);
    let mut steps = Vec::new();
    while !state.is_done() {
        let legal = state.legal();
        let all = |list: &[bool], step: fn(usize) -> Step| -> Vec<Step> {
            (0..list.len()).filter(|&i| list[i]).map(step).collect()
        };
        let mut open: Vec<Step> = Action::ALL
            .into_iter()
            .filter(|action| legal.actions & action.bit() != 0)
            .map(Step::Act)
            .collect();
        open.extend(all(&legal.columns, Step::Column));
        open.extend(all(&legal.tables, Step::Table));
        open.extend(all(&legal.values, Step::Value));
        assert!(!open.is_empty(), "a dead end after {steps:?}");
        let step = open[dice.roll(open.len())];
        state.advance(step).unwrap();
        steps.push(step);
        assert!(steps.len() < 200, "no end in sight: {steps:?}");
    }
    steps
}

#[test]
fn whatever_is_admitted_renders_and_runs() {
    let mut dice = Dice(7);
    let mut filtered = 0;
    let mut with_rows = 0;
    for round in 0..100 {
        let text = random_schema(&mut dice);
        let s = if round % 10 == 0 {
            library()
        } else {
            schema(&text)
        };
        let database = if round % 10 == 0 {
            library_rows(&s)
        } else {
            create(&s)
        };
        if round % 10 != 0 {
            populate(&database, &s, &mut dice);
        }
        for _ in 0..20 {
            let asked = question(&s, random_values(&mut dice));
            let steps = walk(&s, &asked, &mut dice);
            let query = decode(&steps, &s, &asked).unwrap();
            filtered += usize::from(!query.filter.is_empty());
            let sql = render(&query, &s, Dialect::Sqlite).unwrap();
            let found = rows(&database, &sql).unwrap_or_else(|e| panic!("{e}\n{query:?}\n{text}"));
            with_rows += usize::from(!found.is_empty());
            let postgres = render(&query, &s, Dialect::Postgres).unwrap();
            parses_as_postgres(&postgres);
            let again = encode(&query, &s, &asked).unwrap_or_else(|e| panic!("{e}\n{query:?}"));
            let back = decode(&again, &s, &asked).unwrap();
            assert_eq!(encode(&back, &s, &asked).unwrap(), again);
            assert_eq!(back.select, query.select);
            assert_eq!(back.order, query.order);
        }
    }
    assert!(filtered > 800, "the walks hardly filter: {filtered}");
    assert!(with_rows > 500, "the walks hardly find rows: {with_rows}");
}

#[cfg(feature = "generate")]
fn parses_as_postgres(sql: &str) {
    let dialect = sqlparser::dialect::PostgreSqlDialect {};
    if let Err(error) = sqlparser::parser::Parser::parse_sql(&dialect, sql) {
        panic!("{error}\n{sql}");
    }
}

#[cfg(not(feature = "generate"))]
fn parses_as_postgres(sql: &str) {
    assert!(sql.starts_with("SELECT"), "{sql}");
}
