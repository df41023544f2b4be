//! SQL texts of query forms, per dialect.

mod dialects;
mod joins;
mod spelling;

use chrono::NaiveDate;

use super::*;
use crate::{
    fixtures::{column, library, library_rows, rows, table},
    query::{Aggregate, Argument, Comparison, Function, Having, Item, Order, Predicate, Value},
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
