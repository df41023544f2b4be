//! What is shown: its expressions and the names they get.

use super::{Output, Rows, Statement};
use crate::{
    query::{Aggregate, Argument, Bucket, Function, Item},
    render::{Dialect, expressions::Context, functions, names::name},
    schema::{ColumnId, TableId, identifier_words},
};

impl Statement<'_> {
    pub(super) fn head(&self, columns: &[Output], rows: Rows) -> String {
        let shown: Vec<String> = columns
            .iter()
            .map(|output| match &output.alias {
                Some(alias) => format!("{} AS {}", output.sql, name(alias, self.dialect)),
                None => output.sql.clone(),
            })
            .collect();
        let distinct = if rows == Rows::Distinct {
            "DISTINCT "
        } else {
            ""
        };
        let top = match self.query.limit {
            Some(limit) if self.dialect == Dialect::TransactSql => format!("TOP ({limit}) "),
            _ => String::new(),
        };
        format!("SELECT {distinct}{top}{}", shown.join(", "))
    }

    pub(super) fn item(&self, context: &Context, item: &Item) -> String {
        match *item {
            Item::Column(c) => context.column(c),
            Item::Bucket(bucket, c) => context.bucket(bucket, c),
            Item::Aggregate(aggregate) => self.aggregate(context, aggregate),
            Item::AllOf(table) if context.names.qualified => {
                format!("{}.*", context.names.table(self.schema, table))
            }
            Item::AllOf(_) => "*".to_owned(),
        }
    }

    pub(super) fn aggregate(&self, context: &Context, aggregate: Aggregate) -> String {
        let argument = match aggregate.argument {
            Argument::Rows(table) => return self.count(context, table),
            Argument::Column(c) => context.column(c),
            Argument::Product(a, b) => format!("{} * {}", context.column(a), context.column(b)),
        };
        match aggregate.function {
            Function::Count => format!("COUNT({argument})"),
            Function::CountDistinct => format!("COUNT(DISTINCT {argument})"),
            Function::Sum => format!("SUM({argument})"),
            Function::Avg => functions::average(&argument, self.dialect),
            Function::Min => format!("MIN({argument})"),
            Function::Max => format!("MAX({argument})"),
        }
    }

    /// The number of a table's rows: all joined rows where each is one of them, else the different ones.
    fn count(&self, context: &Context, table: TableId) -> String {
        let above = self.above(&[table]);
        if self.joined.iter().all(|joined| above.contains(joined)) {
            return "COUNT(*)".to_owned();
        }
        let columns = || self.schema.tables[table].columns.clone();
        let keys: Vec<String> = columns()
            .filter(|&c| self.schema.columns[c].primary)
            .map(|c| context.column(c))
            .collect();
        let own = context.names.table(self.schema, table);
        match (keys.is_empty(), self.dialect) {
            (true, Dialect::Sqlite) => format!("COUNT(DISTINCT {own}.rowid)"),
            (true, Dialect::Postgres) => format!("COUNT(DISTINCT {own}.ctid)"),
            // No name for a row: rows that are alike in all columns count as one.
            (true, dialect) => {
                let all: Vec<String> = columns().map(|c| context.column(c)).collect();
                functions::count_keys(&all, dialect)
            }
            (false, dialect) => functions::count_keys(&keys, dialect),
        }
    }

    pub(super) fn outputs(&self, context: &Context) -> Vec<Output> {
        // An alias must not be taken for a column of the joined tables.
        let mut taken: Vec<String> = self
            .joined
            .iter()
            .flat_map(|&t| self.schema.columns[self.schema.tables[t].columns.clone()].iter())
            .map(|c| c.name.to_lowercase())
            .collect();
        let shown: Vec<ColumnId> = self
            .query
            .select
            .iter()
            .filter_map(|item| {
                if let Item::Column(c) = item {
                    Some(*c)
                } else {
                    None
                }
            })
            .collect();
        self.query
            .select
            .iter()
            .map(|item| {
                let sql = self.item(context, item);
                let wish = match *item {
                    Item::AllOf(_) => None,
                    Item::Column(c) => {
                        let same = |other: ColumnId| {
                            other != c
                                && self.schema.columns[other].name == self.schema.columns[c].name
                        };
                        let table = &self.schema.tables[self.schema.columns[c].table].name;
                        let wish = format!("{} {}", singular(table), self.schema.columns[c].name);
                        shown.iter().any(|&other| same(other)).then_some(wish)
                    }
                    Item::Bucket(bucket, c) => {
                        let unit = match bucket {
                            Bucket::Year => "year",
                            Bucket::Quarter => "quarter",
                            Bucket::Month => "month",
                            Bucket::Day => "day",
                            Bucket::Weekday => "weekday",
                        };
                        let unit = if taken.iter().any(|t| t == unit) {
                            format!("{} {unit}", self.schema.columns[c].name)
                        } else {
                            unit.to_owned()
                        };
                        Some(unit)
                    }
                    Item::Aggregate(aggregate) => Some(self.wish(aggregate)),
                };
                let alias = wish.map(|wish| {
                    let base = identifier_words(&wish).join("_");
                    let mut alias = base.clone();
                    let mut copy = 2;
                    while taken.contains(&alias) {
                        alias = format!("{base}_{copy}");
                        copy += 1;
                    }
                    taken.push(alias.clone());
                    alias
                });
                Output { sql, alias }
            })
            .collect()
    }

    fn wish(&self, aggregate: Aggregate) -> String {
        let of = match aggregate.argument {
            Argument::Rows(table) => singular(&self.schema.tables[table].name),
            Argument::Column(c) => self.schema.columns[c].name.clone(),
            Argument::Product(..) => "product".to_owned(),
        };
        match (aggregate.function, aggregate.argument) {
            (Function::Sum, Argument::Product(..)) => "total".to_owned(),
            (Function::Count, _) => format!("{of} count"),
            (Function::CountDistinct, _) => format!("different {of} count"),
            (Function::Sum, _) => format!("total {of}"),
            (Function::Avg, _) => format!("average {of}"),
            (Function::Min, _) => format!("lowest {of}"),
            (Function::Max, _) => format!("highest {of}"),
        }
    }
}

fn singular(noun: &str) -> String {
    if let Some(stem) = noun.strip_suffix("ies") {
        format!("{stem}y")
    } else if ["sses", "ches", "shes", "xes"]
        .iter()
        .any(|end| noun.ends_with(end))
    {
        noun[..noun.len() - 2].to_owned()
    } else if noun.ends_with("ss") {
        noun.to_owned()
    } else {
        noun.strip_suffix('s').unwrap_or(noun).to_owned()
    }
}
