//! Which tables are joined, and which only asked whether they have a row.

use super::{Library, by, days, select};
use crate::{
    fixtures::{column, schema},
    query::{Comparison, Function, Item, Predicate, Query, Value, When},
    render::{Dialect, render},
};

#[test]
fn joins_follow_the_keys_and_groups_the_plain_items() {
    let l = Library::open();
    let query = Query {
        order: by(l.count("loans"), true),
        limit: Some(2),
        ..select(vec![l.show("authors.name"), l.count("loans")])
    };
    assert_eq!(
        l.sql(&query),
        "SELECT authors.name, COUNT(*) AS loan_count\n\
         FROM authors\n\
         JOIN books ON books.author_id = authors.id\n\
         JOIN loans ON loans.book_id = books.id\n\
         GROUP BY authors.name, authors.id\n\
         ORDER BY loan_count DESC\n\
         LIMIT 2"
    );
    // Two authors are called Ana Ruiz; together their books were lent four times.
    let mut rows = l.rows(&query);
    rows.sort();
    assert_eq!(rows, [["Ama Osei", "3"], ["Ana Ruiz", "3"]]);
}

#[test]
fn filters_on_many_rows_do_not_multiply() {
    let l = Library::open();
    let query = Query {
        filter: vec![vec![Predicate::Compare(
            l.c("loans.fee"),
            Comparison::Lt,
            Value::Number(3.0),
        )]],
        ..select(vec![l.count("books"), l.of(Function::Sum, "books.pages")])
    };
    assert_eq!(
        l.sql(&query),
        "SELECT COUNT(*) AS book_count, SUM(books.pages) AS total_pages\n\
         FROM books\n\
         WHERE EXISTS (\n  \
           SELECT 1\n  \
           FROM loans\n  \
           WHERE loans.book_id = books.id\n    \
             AND loans.fee < 3\n\
         )"
    );
    assert_eq!(l.one(&query), "4 1039");
}

#[test]
fn conditions_on_one_row_stay_together_and_on_two_rows_apart() {
    let l = Library::open();
    let lent = Predicate::Date(
        l.c("loans.loaned_on"),
        When::During,
        days("2024-03-01", "2024-04-01"),
    );
    let query = Query {
        filter: vec![vec![lent], vec![l.is("books.genre", "crime")]],
        ..select(vec![l.show("members.name")])
    };
    assert_eq!(l.sql(&query).matches("EXISTS").count(), 1);
    assert_eq!(l.rows(&query), [["Mia"], ["Eva"]]);
    let query = Query {
        filter: vec![
            vec![l.is("books.genre", "crime")],
            vec![l.is("books.genre", "travel")],
        ],
        ..select(vec![l.show("members.name")])
    };
    assert_eq!(l.sql(&query).matches("EXISTS").count(), 2);
    assert_eq!(l.rows(&query), [["Mia"]]);
}

#[test]
fn counting_above_a_joined_table_counts_different_rows() {
    let l = Library::open();
    let query = select(vec![l.show("books.genre"), l.count("loans")]);
    assert!(l.sql(&query).contains("COUNT(*)"));
    let query = select(vec![l.show("staff.name"), l.count("books")]);
    assert!(l.sql(&query).contains("COUNT(DISTINCT books.id)"));
    let query = Query {
        order: by(l.count("members"), true),
        ..select(vec![l.show("books.genre"), l.count("members")])
    };
    assert!(
        l.sql(&query).contains("COUNT(DISTINCT members.id)"),
        "{}",
        l.sql(&query)
    );
}

#[test]
fn existence_reaches_over_tables_between() {
    let l = Library::open();
    let query = Query {
        filter: vec![vec![Predicate::Exists(l.t("loans"), false, vec![])]],
        ..select(vec![l.show("authors.name")])
    };
    assert!(l.sql(&query).contains(
        "WHERE NOT EXISTS (\n  SELECT 1\n  FROM books\n  JOIN loans ON loans.book_id = books.id\n  \
         WHERE books.author_id = authors.id\n)"
    ));
    assert_eq!(l.rows(&query), [["Ken Mori"]]);
    let query = Query {
        filter: vec![vec![Predicate::Exists(
            l.t("loans"),
            false,
            vec![l.is("books.genre", "crime")],
        )]],
        ..select(vec![l.show("members.name")])
    };
    assert_eq!(l.rows(&query), [["Ben"], ["Mia"], ["Tom"]]);
}

#[test]
fn a_table_may_belong_to_itself() {
    let l = Library::open();
    let query = Query {
        filter: vec![vec![Predicate::Exists(l.t("members"), true, vec![])]],
        ..select(vec![l.show("members.id")])
    };
    assert!(
        l.sql(&query)
            .contains("FROM members AS members_2\n  WHERE members_2.referrer_id = members.id")
    );
    assert_eq!(l.rows(&query), [["1"], ["2"]]);
}

#[test]
fn via_settles_which_key_is_meant() {
    let l = Library::open();
    let query = |key: &str| Query {
        via: vec![l.c(key)],
        ..select(vec![l.show("staff.name"), l.count("loans")])
    };
    assert!(
        l.sql(&query("loans.receiver_id"))
            .contains("ON loans.receiver_id = staff.id")
    );
    assert_eq!(
        l.rows(&query("loans.issuer_id")),
        [["Ida", "4"], ["Olaf", "3"]]
    );
    assert_eq!(
        l.rows(&query("loans.receiver_id")),
        [["Ida", "2"], ["Olaf", "3"]]
    );
}

#[test]
fn lists_over_many_rows_repeat_nothing() {
    let l = Library::open();
    let query = select(vec![l.show("authors.country"), l.show("members.city")]);
    assert!(l.sql(&query).starts_with("SELECT DISTINCT "));
    assert_eq!(l.rows(&query).len(), 4);
    let query = Query {
        order: by(l.show("loans.loaned_on"), true),
        limit: Some(2),
        ..select(vec![l.show("members.name")])
    };
    assert!(
        l.sql(&query)
            .contains("GROUP BY members.name, members.id\nORDER BY MAX(loans.loaned_on) DESC")
    );
    assert_eq!(l.rows(&query), [["Mia"], ["Mia"]]);
}

#[test]
fn alternatives_do_not_lose_rows_without_a_partner() {
    let l = Library::open();
    let query = Query {
        filter: vec![vec![
            l.is("staff.name", "Olaf"),
            l.is("members.city", "Bonn"),
        ]],
        via: vec![l.c("loans.receiver_id")],
        ..select(vec![l.count("loans")])
    };
    assert!(
        l.sql(&query)
            .contains("LEFT JOIN staff ON staff.id = loans.receiver_id")
    );
    assert_eq!(l.one(&query), "4");
}

#[test]
fn a_key_of_several_columns_joins_on_all_of_them() {
    let mut s =
        schema("lines: order_id* line* total#\nshipments: id* order_id>lines line>lines at@");
    for (key, parent) in [
        ("shipments.order_id", "lines.order_id"),
        ("shipments.line", "lines.line"),
    ] {
        let key = column(&s, key);
        s.columns[key].references = Some(column(&s, parent));
    }
    let query = Query {
        select: vec![
            Item::Column(column(&s, "shipments.at")),
            Item::Column(column(&s, "lines.total")),
        ],
        ..Query::default()
    };
    assert!(render(&query, &s, Dialect::Sqlite).unwrap().contains(
        "JOIN lines ON lines.order_id = shipments.order_id AND lines.line = shipments.line"
    ));
}
