//! From SQL to the query form, for examples that are written by hand as question and SQL.
//!
//! It reads the part of SQL that the form can say, and says plainly what it cannot. Joins are dropped, except
//! for keys the renderer would not choose by itself.

mod aggregates;
mod conditions;
mod literals;
mod scope;
mod shape;
#[cfg(test)]
mod tests;

use sqlparser::{
    ast::{Expr, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement},
    dialect::GenericDialect,
    parser::Parser,
};

use self::{
    conditions::Filter,
    literals::bucket,
    scope::{Scope, last_part},
    shape::{drop_implied_presence, limit},
};
use crate::{
    query::{Aggregate, Argument, Function, Item, Predicate, Query},
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

fn unsaid(expr: &Expr) -> String {
    format!("the query form cannot say {expr}")
}
