//! What differs between dialects, spelled as each engine wants it.

use super::{BUCKETS, conditions, filtered, shapes, written};
use crate::{
    fixtures::{column, schema, table},
    query::{Aggregate, Argument, Comparison, Function, Item, Like, Predicate, Query, Value, When},
    render::{
        Dialect,
        tests::{Library, by, days, select},
    },
};

#[test]
fn rows_are_limited_where_the_dialect_wants_it() {
    let l = Library::open();
    let query = Query {
        order: by(l.count("loans"), true),
        limit: Some(2),
        ..select(vec![l.show("authors.name"), l.count("loans")])
    };
    assert_eq!(
        written(&query, &l.schema, Dialect::TransactSql),
        "SELECT TOP (2) authors.name, COUNT(*) AS loan_count\n\
         FROM authors\n\
         JOIN books ON books.author_id = authors.id\n\
         JOIN loans ON loans.book_id = books.id\n\
         GROUP BY authors.name, authors.id\n\
         ORDER BY loan_count DESC"
    );
    for dialect in [Dialect::MySql, Dialect::DuckDb, Dialect::ClickHouse] {
        let sql = written(&query, &l.schema, dialect);
        assert!(sql.ends_with("ORDER BY loan_count DESC\nLIMIT 2"), "{sql}");
    }
    let query = Query {
        distinct: true,
        limit: Some(3),
        ..select(vec![l.show("members.city")])
    };
    let sql = written(&query, &l.schema, Dialect::TransactSql);
    assert_eq!(sql, "SELECT DISTINCT TOP (3) city\nFROM members");
}

#[test]
fn missing_values_need_no_clause_where_they_come_last_anyway() {
    let l = Library::open();
    let query = Query {
        order: by(l.show("books.price"), true),
        limit: Some(1),
        ..select(vec![l.show("books.title")])
    };
    for dialect in Dialect::ALL {
        let has = written(&query, &l.schema, dialect).contains("NULLS LAST");
        assert_eq!(has, dialect == Dialect::Postgres, "{dialect:?}");
    }
}

#[test]
fn subqueries_of_clickhouse_do_not_speak_of_what_is_around_them() {
    let l = Library::open();
    let sql = |query: &Query| written(query, &l.schema, Dialect::ClickHouse);
    let cheap = Predicate::Compare(l.c("loans.fee"), Comparison::Lt, Value::Number(3.0));
    assert_eq!(
        sql(&filtered(l.count("books"), vec![vec![cheap]])),
        "SELECT COUNT(*) AS book_count\nFROM books\n\
         WHERE books.id IN (\n  SELECT loans.book_id\n  FROM loans\n  WHERE loans.fee < 3\n)"
    );
    let nobody = Predicate::Exists(l.t("members"), false, Vec::new());
    assert_eq!(
        sql(&filtered(l.count("members"), vec![vec![nobody]])),
        "SELECT COUNT(*) AS member_count\nFROM members\n\
         WHERE members.id NOT IN (\n  SELECT members_2.referrer_id\n  FROM members AS members_2\n  \
         WHERE members_2.referrer_id IS NOT NULL\n)"
    );
    let nobody = Query {
        via: vec![l.c("loans.receiver_id")],
        ..filtered(
            l.count("loans"),
            vec![vec![Predicate::Exists(l.t("staff"), false, Vec::new())]],
        )
    };
    assert_eq!(
        sql(&nobody),
        "SELECT COUNT(*) AS loan_count\nFROM loans\n\
         WHERE (loans.receiver_id IS NULL OR loans.receiver_id NOT IN (\n  SELECT staff.id\n  FROM staff\n))"
    );
    for query in shapes(&l) {
        let sql = sql(&query);
        assert!(
            !sql.contains("EXISTS") && !sql.contains("LEFT JOIN"),
            "{sql}"
        );
    }
    for condition in conditions(&l) {
        let sql = sql(&filtered(l.show("authors.name"), vec![vec![condition]]));
        assert!(!sql.contains("EXISTS"), "{sql}");
    }
}

#[test]
fn a_date_cut_to_a_unit_has_one_form_in_each_dialect() {
    let l = Library::open();
    let cut = |dialect: Dialect| {
        BUCKETS.map(|bucket| {
            let query = select(vec![Item::Bucket(bucket, l.c("books.bought_on"))]);
            let sql = written(&query, &l.schema, dialect);
            let cut = sql.strip_prefix("SELECT ").unwrap();
            cut.rsplit_once(" AS ").unwrap().0.to_owned()
        })
    };
    let day = "bought_on";
    assert_eq!(
        cut(Dialect::MySql),
        [
            format!("DATE_FORMAT({day}, '%Y')"),
            format!("CONCAT(YEAR({day}), '-Q', QUARTER({day}))"),
            format!("DATE_FORMAT({day}, '%Y-%m')"),
            format!("DATE_FORMAT({day}, '%Y-%m-%d')"),
            format!("DAYOFWEEK({day}) - 1"),
        ]
    );
    assert_eq!(
        cut(Dialect::ClickHouse),
        [
            format!("formatDateTime({day}, '%Y')"),
            format!("formatDateTime({day}, '%Y-Q%Q')"),
            format!("formatDateTime({day}, '%Y-%m')"),
            format!("formatDateTime({day}, '%Y-%m-%d')"),
            format!("toDayOfWeek({day}) % 7"),
        ]
    );
    let [year, quarter, month, _, weekday] = cut(Dialect::DuckDb);
    assert_eq!(year, "strftime(bought_on, '%Y')");
    assert_eq!(
        quarter,
        "strftime(bought_on, '%Y') || '-Q' || CAST(EXTRACT(QUARTER FROM bought_on) AS varchar)"
    );
    assert_eq!(month, "strftime(bought_on, '%Y-%m')");
    assert_eq!(weekday, "EXTRACT(DOW FROM bought_on)");
    let [year, quarter, month, _, weekday] = cut(Dialect::TransactSql);
    assert_eq!(year, "CONVERT(char(4), bought_on, 23)");
    assert!(quarter.ends_with(" + '-Q' + CAST(DATEPART(quarter, bought_on) AS char(1))"));
    assert_eq!(month, "CONVERT(char(7), bought_on, 23)");
    assert_eq!(
        weekday,
        "DATEDIFF(day, '17530107', CAST(bought_on AS date)) % 7"
    );
}

#[test]
fn text_is_matched_without_its_case_in_each_dialect() {
    let l = Library::open();
    let last = |predicate: Predicate, dialect: Dialect| {
        let query = filtered(l.show("reviews.body"), vec![vec![predicate]]);
        let sql = written(&query, &l.schema, dialect);
        sql.split_once("WHERE ").unwrap().1.to_owned()
    };
    let like = |value: &str, dialect: Dialect| {
        let value = Value::Text(value.to_owned());
        let like = Predicate::Like(l.c("reviews.body"), Like::Contains, value);
        last(like, dialect)
    };
    assert_eq!(
        like("A_b!", Dialect::MySql),
        "LOWER(body) LIKE '%a!_b!!%' ESCAPE '!'"
    );
    assert_eq!(like("Ab", Dialect::MySql), "LOWER(body) LIKE '%ab%'");
    assert_eq!(
        like("a\\b", Dialect::MySql),
        r"LOWER(body) LIKE '%a\\b%' ESCAPE '!'"
    );
    assert_eq!(
        like("A_b[c]", Dialect::TransactSql),
        r"LOWER(body) LIKE '%a\_b\[c]%' ESCAPE '\'"
    );
    assert_eq!(
        like("A_b", Dialect::DuckDb),
        r"body ILIKE '%A\_b%' ESCAPE '\'"
    );
    assert_eq!(like("A_b", Dialect::ClickHouse), r"body ILIKE '%A\\_b%'");
    let is = |dialect: Dialect| last(l.is("reviews.body", "Ås"), dialect);
    assert_eq!(is(Dialect::ClickHouse), "lowerUTF8(body) = lowerUTF8('Ås')");
    assert_eq!(is(Dialect::TransactSql), "LOWER(body) = LOWER(N'Ås')");
}

#[test]
fn flags_averages_and_days_are_what_the_engine_knows() {
    let mut l = Library::open();
    let flag = l.c("books.withdrawn");
    l.schema.columns[flag].numeric_flag = false;
    let query = filtered(
        l.of(Function::Avg, "books.pages"),
        vec![
            vec![Predicate::Flag(flag, true)],
            vec![Predicate::AverageOf(l.c("books.pages"), true)],
            vec![Predicate::Date(
                l.c("books.bought_on"),
                When::Since,
                days("2024-03-01", "2024-04-01"),
            )],
            vec![Predicate::Compare(
                l.c("books.id"),
                Comparison::Eq,
                Value::Number(6.0),
            )],
        ],
    );
    assert_eq!(
        written(&query, &l.schema, Dialect::TransactSql),
        "SELECT AVG(1.0 * pages) AS average_pages\nFROM books\n\
         WHERE withdrawn = 1\n  AND pages > (SELECT AVG(1.0 * pages) FROM books)\n  \
         AND bought_on >= CAST('2024-03-01' AS date)\n  AND id = '6'"
    );
    let clickhouse = written(&query, &l.schema, Dialect::ClickHouse);
    assert!(clickhouse.contains("WHERE withdrawn = 1"), "{clickhouse}");
    for dialect in [Dialect::MySql, Dialect::DuckDb] {
        let sql = written(&query, &l.schema, dialect);
        assert!(
            sql.contains("WHERE withdrawn IS TRUE") && sql.contains("bought_on >= '2024-03-01'"),
            "{sql}"
        );
    }
}

#[test]
fn all_columns_are_grouped_by_where_a_key_does_not_decide_them() {
    let l = Library::open();
    let query = select(vec![Item::AllOf(l.t("authors")), l.count("books")]);
    for dialect in Dialect::ALL {
        let sql = written(&query, &l.schema, dialect);
        let keys = sql.split_once("GROUP BY ").unwrap().1;
        let by_key = matches!(dialect, Dialect::Sqlite | Dialect::Postgres);
        let expected = if by_key {
            "authors.id"
        } else {
            "authors.id, authors.name, authors.country, authors.born"
        };
        assert_eq!(keys, expected, "{dialect:?}");
    }
}

#[test]
fn different_rows_are_counted_by_all_columns_where_there_is_no_key() {
    let s = schema(
        "authors: id* name!\nbooks: id* author_id>authors title!\nlogs: author_id>authors note:",
    );
    let count = Item::Aggregate(Aggregate {
        function: Function::Count,
        argument: Argument::Rows(table(&s, "logs")),
    });
    let query = select(vec![Item::Column(column(&s, "books.title")), count]);
    for (dialect, expected) in [
        (
            Dialect::MySql,
            "COUNT(DISTINCT CONCAT_WS('/', logs.author_id, logs.note))",
        ),
        (
            Dialect::TransactSql,
            "COUNT(DISTINCT CONCAT(logs.author_id, '/', logs.note))",
        ),
        (
            Dialect::DuckDb,
            "COUNT(DISTINCT (logs.author_id, logs.note))",
        ),
        (
            Dialect::ClickHouse,
            "COUNT(DISTINCT (logs.author_id, logs.note))",
        ),
        (Dialect::Postgres, "COUNT(DISTINCT logs.ctid)"),
        (Dialect::Sqlite, "COUNT(DISTINCT logs.rowid)"),
    ] {
        let sql = written(&query, &s, dialect);
        assert!(sql.contains(expected), "{dialect:?}: {sql}");
    }
}
