//! Encoding and decoding are inverse, and only what fits may come next.

mod walks;

use chrono::NaiveDate;

use super::*;
use crate::{
    fixtures::{column, library, question, schema, table},
    query::{
        Aggregate, Argument, Comparison, Function, Having, Item, Order, Predicate, Value, When,
    },
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
