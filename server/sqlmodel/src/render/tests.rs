//! SQL texts of query forms, per dialect.

use chrono::NaiveDate;

use super::*;
use crate::{
    fixtures::{column, library, library_rows, rows, schema, table},
    query::{
        Aggregate, Argument, Bucket, Comparison, Function, Having, Item, Like, Order, Predicate,
        Value, When,
    },
};

struct Library {
    schema: Schema,
    connection: rusqlite::Connection,
}

impl Library {
    fn open() -> Self {
        let schema = library();
        let connection = library_rows(&schema);
        Self { schema, connection }
    }

    fn c(&self, name: &str) -> usize {
        column(&self.schema, name)
    }

    fn t(&self, name: &str) -> usize {
        table(&self.schema, name)
    }

    fn show(&self, name: &str) -> Item {
        Item::Column(self.c(name))
    }

    fn count(&self, name: &str) -> Item {
        Item::Aggregate(Aggregate {
            function: Function::Count,
            argument: Argument::Rows(self.t(name)),
        })
    }

    fn of(&self, function: Function, name: &str) -> Item {
        Item::Aggregate(Aggregate {
            function,
            argument: Argument::Column(self.c(name)),
        })
    }

    fn is(&self, name: &str, value: &str) -> Predicate {
        Predicate::Compare(self.c(name), Comparison::Eq, Value::Text(value.to_owned()))
    }

    fn sql(&self, query: &Query) -> String {
        render(query, &self.schema, Dialect::Sqlite).unwrap()
    }

    fn rows(&self, query: &Query) -> Vec<Vec<String>> {
        rows(&self.connection, &self.sql(query)).unwrap()
    }

    fn one(&self, query: &Query) -> String {
        self.rows(query).concat().join(" ")
    }
}

fn days(start: &str, end: &str) -> Value {
    Value::Dates {
        start: start.parse::<NaiveDate>().unwrap(),
        end: end.parse().unwrap(),
    }
}

fn select(items: Vec<Item>) -> Query {
    Query {
        select: items,
        ..Query::default()
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it fills a field that may be empty"
)]
fn by(item: Item, descending: bool) -> Option<Order> {
    Some(Order {
        by: item,
        descending,
    })
}

#[test]
fn a_single_table_needs_no_prefixes() {
    let l = Library::open();
    let query = Query {
        filter: vec![vec![Predicate::Compare(
            l.c("books.pages"),
            Comparison::Gt,
            Value::Number(300.0),
        )]],
        ..select(vec![l.show("books.title"), l.show("books.pages")])
    };
    assert_eq!(
        l.sql(&query),
        "SELECT title, pages\nFROM books\nWHERE pages > 300"
    );
    assert_eq!(
        l.sql(&select(vec![Item::AllOf(l.t("books"))])),
        "SELECT *\nFROM books"
    );
    assert_eq!(
        l.sql(&select(vec![l.count("books")])),
        "SELECT COUNT(*) AS book_count\nFROM books"
    );
}

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
fn categories_are_grouped_by_value_alone() {
    let l = Library::open();
    let query = select(vec![l.show("members.city"), l.count("members")]);
    assert!(l.sql(&query).ends_with("GROUP BY city"));
    let query = select(vec![l.show("members.name"), l.count("members")]);
    assert!(
        l.sql(&query).ends_with("GROUP BY name"),
        "counting namesakes puts them together"
    );
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
fn missing_values_are_not_the_smallest() {
    let l = Library::open();
    let query = Query {
        order: by(l.show("books.price"), false),
        limit: Some(1),
        ..select(vec![l.show("books.title")])
    };
    assert_eq!(l.one(&query), "Harbour");
    assert!(l.sql(&query).contains("WHERE price IS NOT NULL"));
    let top = Query {
        order: by(l.show("books.price"), true),
        ..query
    };
    let postgres = render(&top, &l.schema, Dialect::Postgres).unwrap();
    assert!(postgres.contains("ORDER BY price DESC NULLS LAST"));
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
fn groups_can_be_filtered_and_compared_with_averages() {
    let l = Library::open();
    let Item::Aggregate(loans) = l.count("loans") else {
        panic!("a count is an aggregate")
    };
    let query = Query {
        having: Some(Having {
            aggregate: loans,
            comparison: Comparison::Ge,
            value: Value::Number(3.0),
        }),
        ..select(vec![l.show("members.name")])
    };
    assert_eq!(l.rows(&query), [["Mia"]]);
    let query = Query {
        filter: vec![
            vec![Predicate::AverageOf(l.c("books.pages"), true)],
            vec![Predicate::Flag(l.c("books.withdrawn"), false)],
        ],
        ..select(vec![l.show("books.title")])
    };
    assert_eq!(
        l.sql(&query),
        "SELECT title\nFROM books\n\
         WHERE pages > (SELECT AVG(pages) FROM books)\n  AND withdrawn = 0"
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

#[test]
fn refuses_what_the_schema_lacks_and_literals_out_of_place() {
    let l = Library::open();
    let query = select(vec![Item::Column(999)]);
    assert_eq!(
        render(&query, &l.schema, Dialect::Sqlite),
        Err(RenderError::Unknown {
            what: "column",
            id: 999
        })
    );
    assert_eq!(
        render(&Query::default(), &l.schema, Dialect::Sqlite),
        Err(RenderError::Empty)
    );
    let query = Query {
        filter: vec![vec![l.is("books.pages", "many")]],
        ..select(vec![l.show("books.title")])
    };
    let error = render(&query, &l.schema, Dialect::Sqlite).unwrap_err();
    assert_eq!(
        error.to_string(),
        "books.pages cannot be compared with Text(\"many\")"
    );
}
