//! Subqueries: `EXISTS`, `IN`, and the average of a column.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Query as Statement, Select, SelectItem, SetExpr,
};

use super::{Filter, unsaid};
use crate::{
    generate::sql::{
        literals::{arguments, is_named},
        scope::Scope,
    },
    query::{Comparison, Predicate},
    render::column_of,
    schema::{ColumnId, TableId},
};

impl Filter {
    pub(super) fn exists(
        &mut self,
        scope: &Scope,
        subquery: &Statement,
        is: bool,
    ) -> Result<Predicate, String> {
        let select = plain_select(subquery)?;
        let mut inner = Scope::new(scope.schema, select, Some(scope))?;
        let conditions = inner_conditions(&inner, select);
        self.inside(None, is, &mut inner, &conditions)
    }

    /// An existence test; `tie` is the table tied to the rows outside where no condition says so.
    pub(super) fn inside(
        &mut self,
        tie: Option<TableId>,
        is: bool,
        inner: &mut Scope,
        conditions: &[&Expr],
    ) -> Result<Predicate, String> {
        let filter = Filter::read(inner, conditions)?;
        let tie = tie
            .or(filter.tied)
            .ok_or("EXISTS is not tied to the rows outside")?;
        self.keys.extend(inner.keys.iter().copied());
        self.keys.extend(filter.keys);
        let columns = &inner.schema.columns;
        let mentioned: Vec<TableId> = filter
            .clauses
            .iter()
            .flatten()
            .filter_map(column_of)
            .map(|c| columns[c].table)
            .collect();
        // Where nothing is said of the last table of a chain, it is the one that must exist.
        let last = inner.tables.iter().map(|&(_, table)| table).find(|table| {
            let touches = |key: ColumnId| {
                let to = columns[key].references.map(|to| columns[to].table);
                columns[key].table == *table || to == Some(*table)
            };
            *table != tie
                && !mentioned.contains(table)
                && inner.keys.iter().filter(|&&key| touches(key)).count() == 1
        });
        let table = last.unwrap_or(tie);
        let predicates = filter
            .clauses
            .into_iter()
            .map(|mut clause| match clause.pop() {
                Some(Predicate::Exists(..)) => {
                    Err("cannot say an existence test inside another".to_owned())
                }
                Some(predicate) if clause.is_empty() => Ok(predicate),
                _ => Err("cannot say OR inside an existence test".to_owned()),
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Predicate::Exists(table, is, predicates))
    }
}

/// `column > (SELECT AVG(column) FROM its table)`
pub(super) fn average(
    scope: &Scope,
    column: ColumnId,
    operator: Comparison,
    subquery: &Statement,
    condition: &Expr,
) -> Result<Predicate, String> {
    let select = plain_select(subquery)?;
    let inner = Scope::new(scope.schema, select, None)?;
    let above = match operator {
        Comparison::Gt | Comparison::Ge => true,
        Comparison::Lt | Comparison::Le => false,
        _ => return Err(unsaid(condition)),
    };
    if let [SelectItem::UnnamedExpr(Expr::Function(function))] = select.projection.as_slice()
        && is_named(function, "avg")
        && select.selection.is_none()
        && let Some(list) = arguments(function)
        && let [argument] = list.as_slice()
        && inner.column(argument)? == Some(column)
    {
        return Ok(Predicate::AverageOf(column, above));
    }
    Err(format!(
        "cannot say {condition}: only the plain average of the same column"
    ))
}

/// The one `SELECT` of a subquery that filters and nothing else.
pub(super) fn plain_select(statement: &Statement) -> Result<&Select, String> {
    let SetExpr::Select(select) = statement.body.as_ref() else {
        return Err(format!("cannot say {statement}: only a plain SELECT"));
    };
    let grouped = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
        GroupByExpr::All(_) => true,
    };
    let ordered = statement.order_by.is_some() || statement.limit_clause.is_some();
    if grouped
        || ordered
        || select.having.is_some()
        || matches!(select.distinct, Some(Distinct::On(_)))
    {
        return Err(format!(
            "cannot say the subquery {statement}: it may only filter"
        ));
    }
    Ok(select)
}

pub(super) fn inner_conditions<'a>(scope: &Scope<'a>, select: &'a Select) -> Vec<&'a Expr> {
    scope
        .rest
        .iter()
        .copied()
        .chain(select.selection.as_ref())
        .collect()
}

/// The single column a subquery gives.
pub(super) fn shown_column(scope: &Scope, select: &Select) -> Result<ColumnId, String> {
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] => scope
            .column(expr)?
            .ok_or_else(|| format!("cannot say IN (SELECT {expr} …): it must give one column")),
        _ => Err("a subquery after IN must give one column".to_owned()),
    }
}
