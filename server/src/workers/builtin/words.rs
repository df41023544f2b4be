//! A query in plain words, so that a reader can see whether the question was understood.

mod conditions;
mod values;

use std::fmt::Write as _;

use tidegate_sqlmodel::{
    query::{Aggregate, Argument, Bucket, Function, Item, Order, Query},
    schema::{ColumnId, Schema, TableId, identifier_words},
};

/// One sentence without a full stop: `Number of orders by city, where order date is in 2024, top 5`.
pub(super) fn describe(query: &Query, schema: &Schema) -> String {
    Words {
        schema,
        shown: &query.select,
    }
    .query(query)
}

struct Words<'a> {
    schema: &'a Schema,
    shown: &'a [Item],
}

impl Words<'_> {
    fn query(&self, query: &Query) -> String {
        let (measures, plain): (Vec<&Item>, Vec<&Item>) = query
            .select
            .iter()
            .partition(|item| matches!(item, Item::Aggregate(_)));
        let list = |items: &[&Item]| {
            enumeration(
                &items.iter().map(|item| self.item(item)).collect::<Vec<_>>(),
                "and",
            )
        };
        let mut text = if measures.is_empty() {
            if query.distinct {
                format!("different values of {}", list(&plain))
            } else {
                list(&plain)
            }
        } else if plain.is_empty() {
            list(&measures)
        } else {
            format!("{} by {}", list(&measures), list(&plain))
        };
        let conditions: Vec<String> = query.filter.iter().map(|any| self.any_of(any)).collect();
        if !conditions.is_empty() {
            let _ = write!(text, ", where {}", conditions.join(" and "));
        }
        if let Some(having) = &query.having {
            let _ = write!(text, ", with {}", self.having(having));
        }
        text += &self.order(query.order.as_ref(), query.limit);
        capitalised(&text)
    }

    fn order(&self, order: Option<&Order>, limit: Option<u32>) -> String {
        match (order, limit) {
            (None, None) => String::new(),
            (None, Some(limit)) => format!(", at most {limit}"),
            (Some(order), limit) => {
                // What is shown as the only measure need not be named again.
                let measures: Vec<&Item> = self
                    .shown
                    .iter()
                    .filter(|item| matches!(item, Item::Aggregate(_)))
                    .collect();
                let obvious = measures.len() == 1 && *measures[0] == order.by;
                let by = if obvious {
                    String::new()
                } else {
                    format!(" by {}", self.item(&order.by))
                };
                match (limit, self.is_date(&order.by), order.descending) {
                    (Some(limit), false, true) => format!(", top {limit}{by}"),
                    (Some(limit), false, false) => format!(", lowest {limit}{by}"),
                    (Some(limit), true, true) => format!(", latest {limit}{by}"),
                    (Some(limit), true, false) => format!(", earliest {limit}{by}"),
                    (None, false, true) => format!(", sorted{by}, highest first"),
                    (None, false, false) => format!(", sorted{by}, lowest first"),
                    (None, true, true) => format!(", sorted{by}, latest first"),
                    (None, true, false) => format!(", sorted{by}, earliest first"),
                }
            }
        }
    }

    fn is_date(&self, item: &Item) -> bool {
        use tidegate_sqlmodel::schema::Kind;
        let column = match item {
            Item::Bucket(..) => return true,
            Item::Column(column)
            | Item::Aggregate(Aggregate {
                function: Function::Min | Function::Max,
                argument: Argument::Column(column),
            }) => *column,
            _ => return false,
        };
        self.schema
            .columns
            .get(column)
            .is_some_and(|column| column.kind == Kind::Date)
    }

    fn item(&self, item: &Item) -> String {
        match item {
            Item::Column(column) => self.column(*column),
            Item::AllOf(table) => format!("all about {}", self.table(*table)),
            Item::Bucket(bucket, column) => {
                format!("{} of {}", unit(*bucket), self.column(*column))
            }
            Item::Aggregate(aggregate) => self.aggregate(*aggregate),
        }
    }

    fn aggregate(&self, aggregate: Aggregate) -> String {
        let of = match aggregate.argument {
            Argument::Rows(table) => self.table(table),
            Argument::Column(column) => self.column(column),
            Argument::Product(one, other) => {
                format!("{} × {}", self.column(one), self.column(other))
            }
        };
        let is_date = self.is_date(&Item::Aggregate(aggregate));
        match aggregate.function {
            Function::Count => format!("number of {of}"),
            Function::CountDistinct => format!("number of different values of {of}"),
            Function::Sum => format!("sum of {of}"),
            Function::Avg => format!("average {of}"),
            Function::Min if is_date => format!("earliest {of}"),
            Function::Min => format!("lowest {of}"),
            Function::Max if is_date => format!("latest {of}"),
            Function::Max => format!("highest {of}"),
        }
    }

    /// A column's own words; with its table's where another table has a column of that name.
    fn column(&self, id: ColumnId) -> String {
        let Some(column) = self.schema.columns.get(id) else {
            return "an unknown column".to_owned();
        };
        let name = identifier_words(&column.name).join(" ");
        let shared = self
            .schema
            .columns
            .iter()
            .any(|c| c.table != column.table && c.name.eq_ignore_ascii_case(&column.name));
        if shared {
            format!("{name} of {}", self.table(column.table))
        } else {
            name
        }
    }

    fn table(&self, id: TableId) -> String {
        self.schema.tables.get(id).map_or_else(
            || "an unknown table".to_owned(),
            |t| identifier_words(&t.name).join(" "),
        )
    }
}

fn unit(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Year => "year",
        Bucket::Quarter => "quarter",
        Bucket::Month => "month",
        Bucket::Day => "day",
        Bucket::Weekday => "weekday",
    }
}

/// `a`, `a and b`, `a, b and c`.
fn enumeration(parts: &[String], conjunction: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} {conjunction} {last}", most.join(", ")),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use tidegate_sqlmodel::{
        query::{Comparison, Having, Like, Predicate, Value, When},
        schema::{Booleans, ColumnDescription, TableDescription, describe as schema_of},
    };

    use super::*;

    /// 0 orders.id, 1 orders.city, 2 orders.total_amount, 3 orders.orderDate, 4 customers.id, 5 customers.name.
    fn schema() -> Schema {
        let column = |name: &str, declared: &str| ColumnDescription {
            name: name.to_owned(),
            declared: declared.to_owned(),
            primary: name == "id",
            ..ColumnDescription::default()
        };
        let table = |name: &str, columns: Vec<ColumnDescription>| TableDescription {
            name: name.to_owned(),
            columns,
            ..TableDescription::default()
        };
        schema_of(
            &[
                table(
                    "orders",
                    vec![
                        column("id", "INTEGER"),
                        column("city", "TEXT"),
                        column("total_amount", "REAL"),
                        column("orderDate", "DATE"),
                    ],
                ),
                table(
                    "customers",
                    vec![column("id", "INTEGER"), column("name", "TEXT")],
                ),
            ],
            Booleans::Numeric,
        )
    }

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).expect("a date")
    }

    fn count() -> Item {
        Item::Aggregate(Aggregate {
            function: Function::Count,
            argument: Argument::Rows(0),
        })
    }

    #[test]
    fn says_a_ranking_as_a_person_would() {
        let query = Query {
            select: vec![Item::Column(1), count()],
            filter: vec![vec![Predicate::Date(
                3,
                When::During,
                Value::Dates {
                    start: day(2024, 1, 1),
                    end: day(2025, 1, 1),
                },
            )]],
            order: Some(Order {
                by: count(),
                descending: true,
            }),
            limit: Some(5),
            ..Query::default()
        };
        assert_eq!(
            describe(&query, &schema()),
            "Number of orders by city, where order date is in 2024, top 5"
        );
    }

    #[test]
    fn says_conditions_groups_and_namesakes() {
        let sum = Aggregate {
            function: Function::Sum,
            argument: Argument::Column(2),
        };
        let query = Query {
            select: vec![Item::Column(5), Item::Aggregate(sum)],
            filter: vec![
                vec![
                    Predicate::Compare(1, Comparison::Eq, Value::Text("Ulm".into())),
                    Predicate::Like(1, Like::StartsWith, Value::Text("B".into())),
                ],
                vec![Predicate::Exists(
                    0,
                    false,
                    vec![Predicate::AverageOf(2, true)],
                )],
                vec![Predicate::Compare(4, Comparison::Gt, Value::Number(2.5))],
            ],
            having: Some(Having {
                aggregate: sum,
                comparison: Comparison::Ge,
                value: Value::Number(100.0),
            }),
            order: Some(Order {
                by: Item::Column(5),
                descending: false,
            }),
            ..Query::default()
        };
        assert_eq!(
            describe(&query, &schema()),
            "Sum of total amount by name, where city is 'Ulm' or city starts with 'B' and there are no orders whose total \
             amount is above its average and id of customers is above 2.5, with sum of total amount is at least 100, \
             sorted by name, lowest first"
        );
    }
}
