//! Encoding and decoding are inverse, and no step leads out of the grammar.

use std::fmt::Write as _;

use chrono::NaiveDate;

use super::*;
use crate::{
    fixtures::{column, create, library, library_rows, question, quoted, rows, schema, table},
    query::{
        Aggregate, Argument, Comparison, Function, Having, Item, Order, Predicate, Value, When,
    },
    render::{Dialect, render},
    schema::Kind,
};

fn month(year: i32, month: u32) -> Value {
    let start = NaiveDate::from_ymd_opt(year, month, 1).unwrap();
    Value::Dates {
        start,
        end: start + chrono::Months::new(1),
    }
}

fn day(text: &str) -> Value {
    let start: NaiveDate = text.parse().unwrap();
    Value::Dates {
        start,
        end: start + chrono::Days::new(1),
    }
}

fn count(table: TableId) -> Aggregate {
    Aggregate {
        function: Function::Count,
        argument: Argument::Rows(table),
    }
}

fn act(action: Action) -> Step {
    Step::Act(action)
}

#[test]
fn actions_have_stable_indices_within_the_mask() {
    const { assert!(ACTIONS <= 128) };
    for (index, action) in Action::ALL.into_iter().enumerate() {
        assert_eq!(action.index(), index);
        assert_eq!(Action::from_index(index), Some(action));
    }
    assert_eq!(Action::from_index(ACTIONS), None);
}

#[test]
fn a_query_with_everything_survives_the_way_there_and_back() {
    let s = library();
    let c = |name: &str| column(&s, name);
    let query = Query {
        select: vec![
            Item::Column(c("staff.name")),
            Item::Aggregate(count(table(&s, "loans"))),
        ],
        distinct: false,
        filter: vec![
            vec![Predicate::Date(
                c("loans.loaned_on"),
                When::During,
                month(2024, 3),
            )],
            vec![
                Predicate::Compare(
                    c("members.city"),
                    Comparison::Eq,
                    Value::Text("Ulm".to_owned()),
                ),
                Predicate::Compare(
                    c("members.city"),
                    Comparison::Eq,
                    Value::Text("Kiel".to_owned()),
                ),
            ],
            vec![Predicate::Exists(
                table(&s, "reviews"),
                false,
                vec![Predicate::Compare(
                    c("reviews.stars"),
                    Comparison::Lt,
                    Value::Number(3.0),
                )],
            )],
        ],
        having: Some(Having {
            aggregate: count(table(&s, "loans")),
            comparison: Comparison::Ge,
            value: Value::Number(2.0),
        }),
        order: Some(Order {
            by: Item::Aggregate(count(table(&s, "loans"))),
            descending: true,
        }),
        limit: Some(5),
        via: vec![c("loans.issuer_id")],
    };
    let asked = question(
        &s,
        vec![
            month(2024, 3),
            Value::Text("ulm".to_owned()),
            Value::Text("kiel".to_owned()),
            Value::Number(3.0),
            Value::Number(2.0),
            Value::Number(5.0),
        ],
    );
    let steps = encode(&query, &s, &asked).unwrap();
    assert_eq!(steps.len(), 33);
    assert_eq!(
        steps[..2],
        [act(Action::Via), Step::Column(c("loans.issuer_id"))]
    );
    assert_eq!(decode(&steps, &s, &asked).unwrap(), query);
}

#[test]
fn conditions_are_said_in_the_order_of_the_question() {
    let s = library();
    let pages = column(&s, "books.pages");
    let genre = column(&s, "books.genre");
    let long = Predicate::Compare(pages, Comparison::Gt, Value::Number(300.0));
    let crime = Predicate::Compare(genre, Comparison::Eq, Value::Text("crime".to_owned()));
    let asked = question(
        &s,
        vec![Value::Text("Crime".to_owned()), Value::Number(300.0)],
    );
    let query = |filter: Vec<Vec<Predicate>>| Query {
        select: vec![Item::Column(column(&s, "books.title"))],
        filter,
        ..Query::default()
    };
    let one = encode(
        &query(vec![vec![long.clone()], vec![crime.clone()]]),
        &s,
        &asked,
    )
    .unwrap();
    let other = encode(
        &query(vec![vec![crime.clone()], vec![long.clone()]]),
        &s,
        &asked,
    )
    .unwrap();
    assert_eq!(one, other);
    let decoded = decode(&one, &s, &asked).unwrap();
    assert_eq!(decoded.filter, [vec![crime], vec![long]]);
}

#[test]
fn names_the_literal_that_the_question_lacks() {
    let s = library();
    let query = Query {
        select: vec![Item::Column(column(&s, "books.title"))],
        filter: vec![vec![Predicate::Compare(
            column(&s, "books.genre"),
            Comparison::Eq,
            Value::Text("crime".to_owned()),
        )]],
        ..Query::default()
    };
    let error = encode(&query, &s, &question(&s, vec![Value::Number(2.0)])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the question has no literal candidate for the text \"crime\""
    );
}

#[test]
fn dates_are_said_with_the_spans_that_were_asked() {
    let s = library();
    let d = column(&s, "loans.loaned_on");
    let said = |predicate: Predicate, values: Vec<Value>| {
        let query = Query {
            select: vec![Item::Aggregate(count(table(&s, "loans")))],
            filter: vec![vec![predicate]],
            ..Query::default()
        };
        let asked = question(&s, values);
        encode(&query, &s, &asked)
            .map(|steps| decode(&steps, &s, &asked).unwrap().filter[0][0].clone())
    };
    let date = |when: When, value: Value| Predicate::Date(d, when, value);
    assert_eq!(
        said(
            date(When::Since, day("2024-04-01")),
            vec![month(2024, 3), month(2024, 5)]
        ),
        Ok(date(When::After, month(2024, 3)))
    );
    assert_eq!(
        said(
            date(When::Since, day("2024-04-01")),
            vec![month(2024, 3), month(2024, 4)]
        ),
        Ok(date(When::Since, month(2024, 4)))
    );
    assert_eq!(
        said(date(When::Until, day("2024-02-29")), vec![month(2024, 3)]),
        Ok(date(When::Before, month(2024, 3)))
    );
    let spring = Value::Dates {
        start: NaiveDate::from_ymd_opt(2024, 3, 1).unwrap(),
        end: NaiveDate::from_ymd_opt(2024, 6, 1).unwrap(),
    };
    let months = Predicate::DateBetween(d, month(2024, 3), month(2024, 5));
    assert_eq!(
        said(
            date(When::During, spring.clone()),
            vec![month(2024, 3), month(2024, 5)]
        ),
        Ok(months.clone())
    );
    assert_eq!(
        said(months, vec![spring.clone()]),
        Ok(date(When::During, spring.clone()))
    );
    assert!(
        said(
            date(When::During, spring),
            vec![month(2024, 3), month(2024, 4)]
        )
        .is_err()
    );
}

#[test]
fn keeps_kinds_apart() {
    let s = library();
    let asked = question(
        &s,
        vec![
            Value::Number(3.0),
            month(2024, 3),
            Value::Text("Ulm".into()),
        ],
    );
    let mut state = State::new(&s, &asked);
    for step in [
        act(Action::Show),
        Step::Column(column(&s, "books.title")),
        act(Action::Eq),
    ] {
        state.advance(step).unwrap();
    }
    let legal = state.legal();
    assert!(legal.columns[column(&s, "books.pages")]);
    assert!(
        !legal.columns[column(&s, "books.bought_on")],
        "dates are not compared by Eq"
    );
    assert!(!legal.columns[column(&s, "books.withdrawn")]);
    assert!(
        !legal.columns[column(&s, "hours.opens")],
        "no key leads from books to hours"
    );
    let mut text = state.clone();
    text.advance(Step::Column(column(&s, "members.city")))
        .unwrap();
    assert_eq!(text.legal().values, [false, false, true]);
    state
        .advance(Step::Column(column(&s, "books.pages")))
        .unwrap();
    assert_eq!(state.legal().values, [true, false, false]);
    let refused = state.advance(Step::Value(1)).unwrap_err();
    assert!(
        matches!(refused, GrammarError::Illegal { position: 4, .. }),
        "{refused}"
    );
}

#[test]
fn offers_via_only_where_keys_compete() {
    let s = library();
    let mut state = State::new(&s, &question(&s, vec![]));
    state.advance(act(Action::Via)).unwrap();
    let legal: Vec<&str> = (0..s.columns.len())
        .filter(|&c| state.legal().columns[c])
        .map(|c| s.columns[c].name.as_str())
        .collect();
    assert_eq!(legal, ["issuer_id", "receiver_id"]);
    let plain = schema("a: id* n#\nb: id* a_id>a");
    assert_eq!(
        State::new(&plain, &question(&plain, vec![]))
            .legal()
            .actions
            & Action::Via.bit(),
        0
    );
}

#[test]
fn refuses_sequences_without_an_end() {
    let s = library();
    let steps = [act(Action::ShowAll), Step::Table(0)];
    assert_eq!(
        decode(&steps, &s, &question(&s, vec![])),
        Err(GrammarError::Unfinished(2))
    );
}

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
