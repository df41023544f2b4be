//! Literals, lists, spans, buckets and names as SQL spells them.

use super::{Library, by, days, select};
use crate::{
    query::{Bucket, Comparison, Item, Like, Predicate, Query, Value, When},
    render::{Dialect, render},
};

#[test]
fn alternatives_of_one_column_become_a_list() {
    let l = Library::open();
    let query = Query {
        filter: vec![vec![
            l.is("members.city", "ulm"),
            l.is("members.city", "Kiel"),
        ]],
        ..select(vec![l.count("members")])
    };
    assert_eq!(
        l.sql(&query),
        "SELECT COUNT(*) AS member_count\nFROM members\nWHERE city IN ('Ulm', 'Kiel')"
    );
    let mixed = Query {
        filter: vec![vec![
            l.is("members.city", "Ulm"),
            Predicate::Exists(l.t("loans"), false, vec![]),
        ]],
        ..select(vec![l.show("members.id")])
    };
    assert_eq!(l.rows(&mixed), [["1"], ["3"], ["5"]]);
}

#[test]
fn unknown_text_ignores_case_and_is_escaped() {
    let l = Library::open();
    let query = Query {
        filter: vec![vec![l.is("authors.name", "o'neil")]],
        ..select(vec![l.show("authors.id")])
    };
    assert_eq!(
        l.sql(&query),
        "SELECT id\nFROM authors\nWHERE LOWER(name) = LOWER('o''neil')"
    );
    let like = |column: &str, like: Like, value: &str| Query {
        filter: vec![vec![Predicate::Like(
            l.c(column),
            like,
            Value::Text(value.to_owned()),
        )]],
        ..select(vec![l.show("reviews.body")])
    };
    assert_eq!(
        l.one(&like("reviews.body", Like::Contains, "0% S")),
        "100% salt"
    );
    assert_eq!(l.rows(&like("reviews.body", Like::Contains, "_")).len(), 0);
    assert_eq!(
        l.one(&like("reviews.body", Like::StartsWith, "LOV")),
        "lovely"
    );
    assert_eq!(l.one(&like("reviews.body", Like::EndsWith, "dd")), "odd");
    let postgres = render(
        &like("reviews.body", Like::StartsWith, "a_b"),
        &l.schema,
        Dialect::Postgres,
    );
    assert!(
        postgres
            .unwrap()
            .ends_with("body ILIKE 'a\\_b%' ESCAPE '\\'")
    );
}

#[test]
fn spans_hold_dates_and_timestamps() {
    let l = Library::open();
    let count = |when: When, start: &str, end: &str| {
        l.one(&Query {
            filter: vec![vec![Predicate::Date(
                l.c("loans.loaned_on"),
                when,
                days(start, end),
            )]],
            ..select(vec![l.count("loans")])
        })
    };
    assert_eq!(count(When::During, "2024-03-01", "2024-04-01"), "3");
    assert_eq!(count(When::During, "2024-03-31", "2024-04-01"), "1");
    assert_eq!(count(When::Before, "2024-03-01", "2024-04-01"), "3");
    assert_eq!(count(When::After, "2024-03-01", "2024-03-02"), "3");
    assert_eq!(count(When::Since, "2024-03-01", "2024-03-02"), "4");
    assert_eq!(count(When::Until, "2024-03-01", "2024-03-02"), "4");
}

#[test]
fn buckets_have_one_form_in_each_dialect() {
    let l = Library::open();
    let query = |bucket: Bucket| Query {
        filter: vec![vec![Predicate::Compare(
            l.c("books.id"),
            Comparison::Eq,
            Value::Number(6.0),
        )]],
        ..select(vec![Item::Bucket(bucket, l.c("books.bought_on"))])
    };
    let seen = [
        Bucket::Year,
        Bucket::Quarter,
        Bucket::Month,
        Bucket::Day,
        Bucket::Weekday,
    ]
    .map(|bucket| l.one(&query(bucket)));
    assert_eq!(seen, ["2024", "2024-Q4", "2024-12", "2024-12-24", "2"]);
    assert_eq!(
        render(&query(Bucket::Quarter), &l.schema, Dialect::Postgres).unwrap(),
        "SELECT to_char(bought_on, 'YYYY-\"Q\"Q') AS quarter\nFROM books\nWHERE id = '6'"
    );
}

#[test]
fn quotes_only_names_that_need_it() {
    let l = Library::open();
    let query = Query {
        order: by(l.show("hours.opens"), false),
        ..select(vec![l.show("hours.Day"), l.show("staff.order")])
    };
    let error = render(&query, &l.schema, Dialect::Sqlite).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no foreign keys lead from hours to staff"
    );
    let query = Query {
        order: by(l.show("hours.opens"), false),
        ..select(vec![l.show("hours.Day")])
    };
    assert_eq!(l.sql(&query), "SELECT \"Day\"\nFROM hours\nORDER BY opens");
    assert_eq!(
        l.sql(&select(vec![l.show("staff.order")])),
        "SELECT \"order\"\nFROM staff"
    );
}
