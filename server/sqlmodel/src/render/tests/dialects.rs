//! Every construct in every dialect: read by that dialect's parser, and spelled as its engine wants it.

mod spellings;

use sqlparser::{
    ast::Statement,
    dialect::{
        ClickHouseDialect, Dialect as Syntax, DuckDbDialect, MsSqlDialect, MySqlDialect,
        PostgreSqlDialect, SQLiteDialect,
    },
    parser::Parser,
};

use super::{Library, by, days, select};
use crate::{
    fixtures::{column, schema},
    query::{
        Aggregate, Argument, Bucket, Comparison, Function, Having, Item, Like, Predicate, Query,
        Value, When,
    },
    render::{Dialect, render},
    schema::Schema,
};

const BUCKETS: [Bucket; 5] = [
    Bucket::Year,
    Bucket::Quarter,
    Bucket::Month,
    Bucket::Day,
    Bucket::Weekday,
];

fn syntax(dialect: Dialect) -> &'static dyn Syntax {
    match dialect {
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::MySql => &MySqlDialect {},
        Dialect::DuckDb => &DuckDbDialect {},
        Dialect::ClickHouse => &ClickHouseDialect {},
        Dialect::TransactSql => &MsSqlDialect {},
    }
}

/// The SQL, read once by the dialect's parser.
fn written(query: &Query, schema: &Schema, dialect: Dialect) -> String {
    let sql = render(query, schema, dialect).unwrap();
    match Parser::parse_sql(syntax(dialect), &sql) {
        Ok(statements) => assert!(
            matches!(statements.as_slice(), [Statement::Query(_)]),
            "{dialect:?}: {sql}"
        ),
        Err(error) => panic!("{dialect:?}: {error}\n{sql}"),
    }
    sql
}

fn filtered(show: Item, filter: Vec<Vec<Predicate>>) -> Query {
    Query {
        filter,
        ..select(vec![show])
    }
}

/// Conditions on one column, each kind of them.
fn conditions(l: &Library) -> Vec<Predicate> {
    let number = Value::Number;
    let text = |text: &str| Value::Text(text.to_owned());
    let (pages, body) = (l.c("books.pages"), l.c("reviews.body"));
    let mut all = vec![
        Predicate::Between(pages, number(10.0), number(2.5)),
        Predicate::DateBetween(
            l.c("books.bought_on"),
            days("2024-01-01", "2024-02-01"),
            days("2024-03-01", "2024-04-01"),
        ),
        Predicate::Compare(l.c("books.id"), Comparison::Ne, number(6.0)),
        Predicate::Compare(l.c("books.id"), Comparison::Eq, text("x-1")),
        l.is("books.genre", "crime"),
        l.is("authors.name", "o'neil\\"),
    ];
    for comparison in [
        Comparison::Eq,
        Comparison::Ne,
        Comparison::Lt,
        Comparison::Le,
        Comparison::Gt,
        Comparison::Ge,
    ] {
        all.push(Predicate::Compare(pages, comparison, number(3.0)));
    }
    for like in [Like::Contains, Like::StartsWith, Like::EndsWith] {
        for value in ["Plain", "50%_[a]!\\'"] {
            all.push(Predicate::Like(body, like, text(value)));
        }
    }
    for when in [
        When::During,
        When::Before,
        When::After,
        When::Since,
        When::Until,
    ] {
        let span = days("2024-03-01", "2024-04-01");
        all.push(Predicate::Date(l.c("books.bought_on"), when, span));
    }
    for is in [true, false] {
        all.push(Predicate::Null(l.c("books.price"), is));
        all.push(Predicate::Flag(l.c("books.withdrawn"), is));
        all.push(Predicate::AverageOf(pages, is));
        all.push(Predicate::Exists(l.t("loans"), is, Vec::new()));
        let of_crime = vec![l.is("books.genre", "crime")];
        all.push(Predicate::Exists(l.t("loans"), is, of_crime));
    }
    all
}

/// Queries of each shape.
fn shapes(l: &Library) -> Vec<Query> {
    let product = Aggregate {
        function: Function::Sum,
        argument: Argument::Product(l.c("books.pages"), l.c("books.price")),
    };
    let functions = [
        Function::CountDistinct,
        Function::Sum,
        Function::Avg,
        Function::Min,
        Function::Max,
    ];
    let Item::Aggregate(loans) = l.count("loans") else {
        panic!("a count is an aggregate")
    };
    let mut all = vec![
        select(vec![Item::AllOf(l.t("books"))]),
        select(vec![Item::AllOf(l.t("members")), l.count("loans")]),
        select(vec![Item::Aggregate(product)]),
        select(vec![l.show("staff.name"), l.count("books")]),
        select(vec![l.show("staff.order"), l.show("authors.name")]),
        Query {
            order: by(l.show("hours.opens"), false),
            ..select(vec![l.show("hours.Day")])
        },
        Query {
            having: Some(Having {
                aggregate: loans,
                comparison: Comparison::Ge,
                value: Value::Number(3.0),
            }),
            ..select(vec![l.show("members.name")])
        },
        Query {
            distinct: true,
            order: by(l.show("members.city"), true),
            limit: Some(3),
            ..select(vec![l.show("members.city")])
        },
        Query {
            order: by(l.show("loans.loaned_on"), true),
            limit: Some(2),
            ..select(vec![l.show("members.name")])
        },
        Query {
            filter: vec![vec![
                l.is("staff.name", "Olaf"),
                l.is("members.city", "Bonn"),
            ]],
            via: vec![l.c("loans.receiver_id")],
            ..select(vec![l.count("loans")])
        },
        filtered(
            l.count("members"),
            vec![vec![
                l.is("members.city", "Ulm"),
                l.is("members.city", "Kiel"),
            ]],
        ),
        filtered(
            l.show("members.id"),
            vec![vec![Predicate::Exists(l.t("members"), false, Vec::new())]],
        ),
    ];
    all.extend(functions.map(|function| select(vec![l.of(function, "books.pages")])));
    all.extend(BUCKETS.map(|bucket| Query {
        order: by(Item::Bucket(bucket, l.c("loans.loaned_on")), true),
        limit: Some(5),
        ..select(vec![
            Item::Bucket(bucket, l.c("loans.loaned_on")),
            l.count("loans"),
        ])
    }));
    all
}

#[test]
fn every_construct_is_read_by_the_parser_of_its_dialect() {
    let mut l = Library::open();
    for numeric in [true, false] {
        let flag = l.c("books.withdrawn");
        l.schema.columns[flag].numeric_flag = numeric;
        for dialect in Dialect::ALL {
            for query in shapes(&l) {
                written(&query, &l.schema, dialect);
            }
            for condition in conditions(&l) {
                for show in [l.count("books"), l.show("authors.name")] {
                    let alone = filtered(show.clone(), vec![vec![condition.clone()]]);
                    written(&alone, &l.schema, dialect);
                    let either = vec![condition.clone(), l.is("books.genre", "travel")];
                    written(&filtered(show, vec![either]), &l.schema, dialect);
                }
            }
        }
    }
}

#[test]
fn names_are_quoted_wherever_they_stand() {
    let mut s = schema("order: id* key!\nitems: id* order_id>order Sum# rank?=a|b");
    for dialect in Dialect::ALL {
        for namespace in [None, Some("my-shop")] {
            s.tables[0].namespace = namespace.map(str::to_owned);
            let query = Query {
                filter: vec![vec![Predicate::Compare(
                    column(&s, "items.rank"),
                    Comparison::Eq,
                    Value::Text("a".to_owned()),
                )]],
                order: by(Item::Column(column(&s, "order.key")), false),
                ..select(vec![
                    Item::Column(column(&s, "order.key")),
                    Item::Column(column(&s, "items.Sum")),
                ])
            };
            written(&query, &s, dialect);
        }
    }
    let query = select(vec![Item::Column(column(&s, "order.key"))]);
    assert_eq!(
        written(&query, &s, Dialect::TransactSql),
        "SELECT [key]\nFROM [my-shop].[order]"
    );
    assert_eq!(
        written(&query, &s, Dialect::MySql),
        "SELECT `key`\nFROM `my-shop`.`order`"
    );
}
