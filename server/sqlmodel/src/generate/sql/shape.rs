//! What shapes the rows of a result: `GROUP BY`, `HAVING`, `DISTINCT`, `ORDER BY` and `LIMIT`.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, LimitClause, OrderBy, OrderByKind, OrderBySort, Query as SqlQuery,
    Select,
};

use super::{
    Reader, Shown,
    conditions::{comparison, turned},
    literals::{Constant, constant},
    scope::strip,
};
use crate::query::{Aggregate, Having, Item, Order, Predicate, Query, Value};

impl Reader<'_> {
    pub(super) fn having(&self, having: &Expr, shown: &Shown) -> Result<Having, String> {
        let complain = || format!("cannot say HAVING {having}: one aggregate against one number");
        let Expr::BinaryOp { left, op, right } = strip(having) else {
            return Err(complain());
        };
        let operator = comparison(op).ok_or_else(complain)?;
        let (side, operator, literal) = match (constant(left), constant(right)) {
            (None, Some(literal)) => (left, operator, literal),
            (Some(literal), None) => (right, turned(operator), literal),
            _ => return Err(complain()),
        };
        let ((Some(Item::Aggregate(aggregate)), _) | (None, Some(aggregate))) =
            (named(side, shown), self.aggregate_of(side)?)
        else {
            return Err(complain());
        };
        match literal {
            Constant::Number(number) => Ok(Having {
                aggregate,
                comparison: operator,
                value: Value::Number(number),
            }),
            _ => Err(complain()),
        }
    }

    fn aggregate_of(&self, expr: &Expr) -> Result<Option<Aggregate>, String> {
        match strip(expr) {
            Expr::Identifier(_) => Ok(None),
            expr => self.aggregate(expr),
        }
    }

    pub(super) fn order(&self, order: &OrderBy, shown: &Shown) -> Result<Order, String> {
        let OrderByKind::Expressions(keys) = &order.kind else {
            return Err("cannot say ORDER BY ALL".to_owned());
        };
        let [key] = keys.as_slice() else {
            return Err("cannot say ORDER BY with several keys; leave one".to_owned());
        };
        let by = match Self::referred(&key.expr, shown)? {
            Some(item) => item,
            None => self.item(&key.expr, &mut Query::default())?,
        };
        Ok(Order {
            by,
            descending: matches!(key.options.sort, Some(OrderBySort::Desc)),
        })
    }

    /// The shown item that an alias or a position means.
    fn referred(expr: &Expr, shown: &Shown) -> Result<Option<Item>, String> {
        if let Some(Constant::Number(position)) = constant(expr) {
            let at = (position as usize).wrapping_sub(1);
            return match shown.get(at) {
                Some((_, item)) => Ok(Some(item.clone())),
                None => Err(format!("there is no column number {position}")),
            };
        }
        Ok(named(expr, shown))
    }

    /// Checks that the groups are those the form makes by itself: one per combination of what is shown.
    pub(super) fn group(
        &self,
        select: &Select,
        shown: &Shown,
        query: &mut Query,
    ) -> Result<(), String> {
        let GroupByExpr::Expressions(keys, _) = &select.group_by else {
            return Err("cannot say GROUP BY ALL".to_owned());
        };
        let schema = self.scope.schema;
        let is_aggregate = |item: &Item| matches!(item, Item::Aggregate(_));
        let aggregated = query.select.iter().any(is_aggregate)
            || query.having.is_some()
            || query
                .order
                .as_ref()
                .is_some_and(|order| is_aggregate(&order.by));
        let plain: Vec<&Item> = query
            .select
            .iter()
            .filter(|item| !is_aggregate(item))
            .collect();
        if keys.is_empty() {
            return if aggregated && !plain.is_empty() {
                Err("columns next to an aggregate need GROUP BY".to_owned())
            } else {
                Ok(())
            };
        }
        let mut grouped = Vec::new();
        for key in keys {
            let item = match Self::referred(key, shown)? {
                Some(item) => item,
                None => self.item(key, &mut Query::default())?,
            };
            grouped.push(item);
        }
        // A row's key stands for the row, and a reference to it as well.
        let row_of = |item: &Item| match item {
            Item::Column(c) if schema.columns[*c].primary => Some(schema.columns[*c].table),
            Item::Column(c) => schema.columns[*c]
                .references
                .map(|to| schema.columns[to].table),
            _ => None,
        };
        let table_of = |item: &Item| match *item {
            Item::Column(c) | Item::Bucket(_, c) => Some(schema.columns[c].table),
            Item::AllOf(table) => Some(table),
            Item::Aggregate(_) => None,
        };
        for item in &plain {
            let by_row = grouped
                .iter()
                .any(|key| row_of(key).is_some() && row_of(key) == table_of(item));
            if !by_row && !grouped.contains(item) {
                return Err("something shown next to an aggregate is not in GROUP BY".to_owned());
            }
        }
        for (key, expr) in grouped.iter().zip(keys) {
            let shown = plain.contains(&key)
                || row_of(key)
                    .is_some_and(|row| plain.iter().any(|item| table_of(item) == Some(row)));
            if !shown {
                return Err(format!("cannot say GROUP BY {expr} without showing it"));
            }
        }
        if !aggregated {
            query.distinct = true;
        }
        Ok(())
    }

    pub(super) fn distinct(&self, select: &Select, query: &mut Query) -> Result<(), String> {
        match select.distinct {
            None | Some(Distinct::All) => {}
            Some(Distinct::Distinct) => query.distinct = true,
            Some(Distinct::On(_)) => return Err("cannot say DISTINCT ON".to_owned()),
        }
        if query
            .select
            .iter()
            .any(|item| matches!(item, Item::Aggregate(_)))
        {
            query.distinct = false;
        }
        let schema = self.scope.schema;
        let mut named = Vec::new();
        let mut tables = Vec::new();
        for item in &query.select {
            let (table, names) = match *item {
                Item::AllOf(table) => (table, true),
                Item::Column(c) => {
                    let table = schema.columns[c].table;
                    let label =
                        schema.tables[table].label == Some(c) && !schema.columns[c].values_complete;
                    (table, label || schema.columns[c].primary)
                }
                Item::Bucket(_, c) => (schema.columns[c].table, false),
                Item::Aggregate(_) => continue,
            };
            tables.push(table);
            if names {
                named.push(table);
            }
        }
        let joined = self
            .scope
            .tables
            .iter()
            .any(|(_, table)| !tables.contains(table));
        if query.distinct && joined && tables.iter().all(|table| named.contains(table)) {
            // It only undoes what the join repeats, and the renderer never lets a join repeat rows.
            query.distinct = false;
        }
        Ok(())
    }
}

/// A sort with a limit leaves out missing values by itself.
pub(super) fn drop_implied_presence(query: &mut Query) {
    if let (
        Some(Order {
            by: Item::Column(c) | Item::Bucket(_, c),
            ..
        }),
        Some(_),
    ) = (&query.order, query.limit)
    {
        let implied = vec![Predicate::Null(*c, false)];
        query.filter.retain(|clause| *clause != implied);
    }
}

pub(super) fn limit(statement: &SqlQuery) -> Result<Option<u32>, String> {
    let complain = || "cannot say this LIMIT; a whole number without OFFSET".to_owned();
    match &statement.limit_clause {
        None => Ok(None),
        Some(LimitClause::LimitOffset {
            limit,
            offset: None,
            ..
        }) => match limit.as_ref().map(constant) {
            None => Ok(None),
            Some(Some(Constant::Number(n))) if n.fract() == 0.0 && n >= 1.0 => Ok(Some(n as u32)),
            Some(_) => Err(complain()),
        },
        Some(_) => Err(complain()),
    }
}

/// The shown item with this alias.
fn named(expr: &Expr, shown: &Shown) -> Option<Item> {
    let Expr::Identifier(name) = strip(expr) else {
        return None;
    };
    let is = |alias: &Option<String>| {
        alias
            .as_ref()
            .is_some_and(|alias| alias.eq_ignore_ascii_case(&name.value))
    };
    shown
        .iter()
        .find(|(alias, _)| is(alias))
        .map(|(_, item)| item.clone())
}
