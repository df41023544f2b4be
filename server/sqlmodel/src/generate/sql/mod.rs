//! From SQL to the query form, for examples that are written by hand as question and SQL.
//!
//! It reads the part of SQL that the form can say, and says plainly what it cannot. Joins are dropped, except
//! for keys the renderer would not choose by itself.

mod conditions;
mod literals;
mod scope;
#[cfg(test)]
mod tests;

use sqlparser::{
    ast::{
        BinaryOperator, Distinct, DuplicateTreatment, Expr, Function as Call, FunctionArg,
        FunctionArgExpr, FunctionArguments, GroupByExpr, LimitClause, OrderBy, OrderByKind,
        OrderBySort, Query as SqlQuery, Select, SelectItem, SelectItemQualifiedWildcardKind,
        SetExpr, Statement,
    },
    dialect::GenericDialect,
    parser::Parser,
};

use self::{
    conditions::{Filter, comparison, turned},
    literals::{Constant, arguments, bucket, constant, is_named},
    scope::{Scope, last_part, strip},
};
use crate::{
    query::{Aggregate, Argument, Function, Having, Item, Order, Predicate, Query, Value},
    render::settle_keys,
    schema::{ColumnId, Schema, TableId},
};

/// Reads one `SELECT`. The message of an error says which part the query form cannot say.
pub fn parse(sql: &str, schema: &Schema) -> Result<Query, String> {
    let statements =
        Parser::parse_sql(&GenericDialect {}, sql).map_err(|error| error.to_string())?;
    let [Statement::Query(statement)] = statements.as_slice() else {
        return Err("expected one SELECT statement".to_owned());
    };
    if statement.with.is_some() || statement.fetch.is_some() {
        return Err("the query form cannot say WITH or FETCH".to_owned());
    }
    let SetExpr::Select(select) = statement.body.as_ref() else {
        return Err("the query form cannot say UNION and the like".to_owned());
    };
    let mut scope = Scope::new(schema, select, None)?;
    let conditions: Vec<&Expr> = scope
        .rest
        .iter()
        .copied()
        .chain(select.selection.as_ref())
        .collect();
    let filter = Filter::read(&mut scope, &conditions)?;
    let mut keys = scope.keys.clone();
    keys.extend(filter.keys);
    let reader = Reader { scope };
    let mut query = Query {
        filter: filter.clauses,
        ..Query::default()
    };
    let absent = reader.absent(&mut query)?;
    let shown = reader.select(select, &mut query)?;
    if let Some(having) = &select.having {
        query.having = Some(reader.having(having, &shown)?);
    }
    if let Some(order) = &statement.order_by {
        query.order = Some(reader.order(order, &shown)?);
    }
    query.limit = limit(statement)?;
    reader.group(select, &shown, &mut query)?;
    reader.distinct(select, &mut query)?;
    reader.mention_rest(&absent, &mut query);
    drop_implied_presence(&mut query);
    settle_keys(&mut query, schema, &keys);
    Ok(query)
}

struct Reader<'a> {
    scope: Scope<'a>,
}

/// What is shown, with the names it can be referred to by.
type Shown = Vec<(Option<String>, Item)>;

impl Reader<'_> {
    /// Turns `LEFT JOIN … WHERE key IS NULL` into "there is none"; gives the tables that are gone with it.
    fn absent(&self, query: &mut Query) -> Result<Vec<TableId>, String> {
        let schema = self.scope.schema;
        let mut absent = Vec::new();
        for &table in &self.scope.optional {
            let of = |predicate: &Predicate| match predicate {
                Predicate::Compare(c, ..)
                | Predicate::Between(c, ..)
                | Predicate::Like(c, ..)
                | Predicate::Date(c, ..)
                | Predicate::DateBetween(c, ..)
                | Predicate::Null(c, _)
                | Predicate::Flag(c, _) => schema.columns[*c].table == table,
                _ => false,
            };
            let missing = query.filter.iter().position(|clause| {
                matches!(clause.as_slice(), [Predicate::Null(c, true)]
                    if schema.columns[*c].table == table
                        && (schema.columns[*c].primary || self.scope.keys.contains(c)))
            });
            let Some(at) = missing else {
                let parent = self.scope.keys.iter().any(|&key| {
                    let to = schema.columns[key].references;
                    !schema.columns[key].nullable
                        && to.is_some_and(|to| schema.columns[to].table == table)
                });
                if parent {
                    continue;
                }
                return Err(format!(
                    "cannot say LEFT JOIN {}, which keeps rows without a partner; use JOIN or NOT EXISTS",
                    schema.tables[table].name
                ));
            };
            query.filter[at].clear();
            let mut inner = Vec::new();
            for clause in &mut query.filter {
                if matches!(clause.as_slice(), [one] if of(one)) {
                    inner.append(clause);
                }
            }
            query.filter[at] = vec![Predicate::Exists(table, false, inner)];
            query.filter.retain(|clause| !clause.is_empty());
            absent.push(table);
        }
        Ok(absent)
    }

    fn select(&self, select: &Select, query: &mut Query) -> Result<Shown, String> {
        let mut shown = Shown::new();
        let conditions = query.filter.len();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => shown.push((None, self.item(expr, query)?)),
                SelectItem::ExprWithAlias { expr, alias } => {
                    shown.push((Some(alias.value.clone()), self.item(expr, query)?));
                }
                SelectItem::Wildcard(_) => match self.scope.tables.as_slice() {
                    [(_, table)] => shown.push((None, Item::AllOf(*table))),
                    _ => {
                        return Err(
                            "cannot say * over a join; name the table, as in t.*".to_owned()
                        );
                    }
                },
                SelectItem::QualifiedWildcard(kind, _) => match kind {
                    SelectItemQualifiedWildcardKind::ObjectName(name) => {
                        let table = self.scope.table(&last_part(name)?.value)?;
                        shown.push((None, Item::AllOf(table)));
                    }
                    SelectItemQualifiedWildcardKind::Expr(expr) => return Err(unsaid(expr)),
                },
                SelectItem::ExprWithAliases { expr, .. } => return Err(unsaid(expr)),
            }
        }
        query.select = shown.iter().map(|(_, item)| item.clone()).collect();
        let aggregates = query
            .select
            .iter()
            .filter(|item| matches!(item, Item::Aggregate(_)));
        if query.filter.len() > conditions && aggregates.count() > 1 {
            return Err(
                "cannot say COUNT of a column with gaps next to another aggregate".to_owned(),
            );
        }
        Ok(shown)
    }

    fn item(&self, expr: &Expr, query: &mut Query) -> Result<Item, String> {
        if let Some(aggregate) = self.aggregate(expr)? {
            if let (
                Aggregate {
                    function: Function::Count,
                    ..
                },
                Some(column),
            ) = (aggregate, self.counted_column(expr)?)
            {
                // COUNT(column) leaves out rows without a value.
                query.filter.push(vec![Predicate::Null(column, false)]);
            }
            return Ok(Item::Aggregate(aggregate));
        }
        if let Some((unit, column)) = bucket(&self.scope, expr)? {
            return Ok(Item::Bucket(unit, column));
        }
        self.scope
            .column(expr)?
            .map(Item::Column)
            .ok_or_else(|| unsaid(expr))
    }

    /// The column of `COUNT(column)` that may be without a value.
    fn counted_column(&self, expr: &Expr) -> Result<Option<ColumnId>, String> {
        let Expr::Function(call) = strip(expr) else {
            return Ok(None);
        };
        let list = arguments(call).unwrap_or_default();
        let [argument] = list.as_slice() else {
            return Ok(None);
        };
        Ok(self
            .scope
            .column(argument)?
            .filter(|&c| self.scope.schema.columns[c].nullable && !is_distinct(call)))
    }

    fn aggregate(&self, expr: &Expr) -> Result<Option<Aggregate>, String> {
        let call = match strip(expr) {
            Expr::Function(call) => call,
            Expr::Cast { expr, .. } if bucket(&self.scope, expr)?.is_none() => {
                return self.aggregate(expr);
            }
            _ => return Ok(None),
        };
        if is_named(call, "round") {
            // Rounding is a matter of showing; the form leaves it out.
            return match arguments(call).unwrap_or_default().first() {
                Some(inner) => self.aggregate(inner),
                None => Err(unsaid(expr)),
            };
        }
        let function = match last_part(&call.name)?.value.to_ascii_lowercase().as_str() {
            "count" => return self.count(call, expr).map(Some),
            "sum" => Function::Sum,
            "avg" => Function::Avg,
            "min" => Function::Min,
            "max" => Function::Max,
            _ => return Ok(None),
        };
        let list = arguments(call).ok_or_else(|| unsaid(expr))?;
        let [argument] = list.as_slice() else {
            return Err(unsaid(expr));
        };
        if is_distinct(call) || call.over.is_some() || call.filter.is_some() {
            return Err(unsaid(expr));
        }
        let argument = match strip(argument) {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Multiply,
                right,
            } => match (self.scope.column(left)?, self.scope.column(right)?) {
                (Some(a), Some(b)) => Argument::Product(a.min(b), a.max(b)),
                _ => return Err(unsaid(expr)),
            },
            argument => Argument::Column(self.scope.column(argument)?.ok_or_else(|| unsaid(expr))?),
        };
        Ok(Some(Aggregate { function, argument }))
    }

    fn count(&self, call: &Call, expr: &Expr) -> Result<Aggregate, String> {
        let rows = || {
            let table = self.scope.finest().ok_or_else(|| {
                format!("{expr} counts pairs of rows; use COUNT(DISTINCT …) to say of which table")
            })?;
            Ok(Aggregate {
                function: Function::Count,
                argument: Argument::Rows(table),
            })
        };
        if call.over.is_some() || call.filter.is_some() {
            return Err(unsaid(expr));
        }
        let FunctionArguments::List(list) = &call.args else {
            return Err(unsaid(expr));
        };
        match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => rows(),
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => {
                if !is_distinct(call) && constant(argument).is_some() {
                    return rows();
                }
                let column = self.scope.column(argument)?.ok_or_else(|| unsaid(expr))?;
                let own = &self.scope.schema.columns[column];
                if !is_distinct(call) {
                    return rows();
                }
                Ok(
                    if self.scope.schema.primary_key(own.table) == Some(column) {
                        Aggregate {
                            function: Function::Count,
                            argument: Argument::Rows(own.table),
                        }
                    } else {
                        Aggregate {
                            function: Function::CountDistinct,
                            argument: Argument::Column(column),
                        }
                    },
                )
            }
            _ => Err(unsaid(expr)),
        }
    }

    fn having(&self, having: &Expr, shown: &Shown) -> Result<Having, String> {
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

    fn order(&self, order: &OrderBy, shown: &Shown) -> Result<Order, String> {
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
    fn group(&self, select: &Select, shown: &Shown, query: &mut Query) -> Result<(), String> {
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

    fn distinct(&self, select: &Select, query: &mut Query) -> Result<(), String> {
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

    /// Joined tables that nothing else speaks of still demand a row.
    fn mention_rest(&self, absent: &[TableId], query: &mut Query) {
        let schema = self.scope.schema;
        let mut spoken_of: Vec<TableId> = absent.to_vec();
        let items = query
            .select
            .iter()
            .cloned()
            .chain(
                query
                    .having
                    .iter()
                    .map(|having| Item::Aggregate(having.aggregate)),
            )
            .chain(query.order.iter().map(|order| order.by.clone()));
        for item in items {
            match item {
                Item::AllOf(table) => spoken_of.push(table),
                Item::Column(c) | Item::Bucket(_, c) => spoken_of.push(schema.columns[c].table),
                Item::Aggregate(aggregate) => match aggregate.argument {
                    Argument::Rows(table) => spoken_of.push(table),
                    Argument::Column(c) => spoken_of.push(schema.columns[c].table),
                    Argument::Product(a, b) => {
                        spoken_of.extend([schema.columns[a].table, schema.columns[b].table]);
                    }
                },
            }
        }
        spoken_of.extend(
            query
                .filter
                .iter()
                .flatten()
                .filter_map(crate::render::column_of)
                .map(|c| schema.columns[c].table),
        );
        let touches = |table: TableId, key: ColumnId| {
            let to = schema.columns[key]
                .references
                .map(|to| schema.columns[to].table);
            schema.columns[key].table == table || to == Some(table)
        };
        for &(_, table) in &self.scope.tables {
            let mut keys = self
                .scope
                .keys
                .iter()
                .copied()
                .filter(|&key| touches(table, key));
            let (Some(key), None) = (keys.next(), keys.next()) else {
                continue;
            };
            if spoken_of.contains(&table) {
                continue;
            }
            if schema.columns[key].table == table {
                query
                    .filter
                    .push(vec![Predicate::Exists(table, true, Vec::new())]);
            } else if schema.columns[key].nullable {
                query.filter.push(vec![Predicate::Null(key, false)]);
            }
        }
    }
}

/// A sort with a limit leaves out missing values by itself.
fn drop_implied_presence(query: &mut Query) {
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

fn limit(statement: &SqlQuery) -> Result<Option<u32>, String> {
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

fn is_distinct(call: &Call) -> bool {
    matches!(&call.args, FunctionArguments::List(list)
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct))
}

fn unsaid(expr: &Expr) -> String {
    format!("the query form cannot say {expr}")
}
