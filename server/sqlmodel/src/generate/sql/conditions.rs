//! `WHERE`: from SQL conditions to predicates.

mod bounds;
mod comparisons;
mod subqueries;

use chrono::NaiveDate;
use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use self::{
    comparisons::{between, compare, is_column_pair, like},
    subqueries::{average, inner_conditions, plain_select, shown_column},
};
use super::{
    literals::{Constant, arguments, constant, is_named},
    scope::{Scope, conjuncts, disjuncts, strip},
};
use crate::{
    query::{Comparison, Predicate, When},
    schema::{ColumnId, Kind, TableId},
};

/// Conditions of a `SELECT`, with the keys that subqueries tie to.
#[derive(Default)]
pub(super) struct Filter {
    pub(super) clauses: Vec<Vec<Predicate>>,
    pub(super) keys: Vec<ColumnId>,
    /// The table by which a subquery is tied to the rows around it.
    tied: Option<TableId>,
}

/// One end of a span, before it is known whether the other one is given too.
struct Bound {
    column: ColumnId,
    lower: bool,
    /// The day the span starts with, or the first day after it.
    at: NaiveDate,
    when: When,
    place: usize,
}

impl Filter {
    /// Takes all conditions; `scope` keeps the keys they join by.
    pub(super) fn read(scope: &mut Scope, conditions: &[&Expr]) -> Result<Self, String> {
        let mut filter = Self::default();
        let mut bounds: Vec<Bound> = Vec::new();
        for condition in conditions.iter().flat_map(|c| conjuncts(c)) {
            if is_column_pair(scope, condition)? {
                let own = |expr: &Expr| {
                    scope
                        .column(expr)
                        .ok()
                        .flatten()
                        .map(|c| scope.schema.columns[c].table)
                };
                if let Expr::BinaryOp { left, right, .. } = strip(condition)
                    && let (Some(a), Some(b)) = (own(left), own(right))
                {
                    match (scope.holds(a), scope.holds(b)) {
                        (true, false) => filter.tied = Some(a),
                        (false, true) => filter.tied = Some(b),
                        _ => {}
                    }
                }
                scope.take_key(condition)?;
                continue;
            }
            if let Some(bound) = filter.bound(scope, condition)? {
                bounds.push(bound);
                filter.clauses.push(Vec::new());
                continue;
            }
            if let Some(clauses) = filter.list(scope, condition)? {
                filter.clauses.extend(clauses);
                continue;
            }
            let mut clause = Vec::new();
            for alternative in disjuncts(condition) {
                clause.extend(filter.alternative(scope, alternative)?);
            }
            filter.clauses.push(clause);
        }
        filter.settle(bounds)?;
        filter.clauses.retain(|clause| !clause.is_empty());
        Ok(filter)
    }

    /// Conditions that stand for several: `IN` lists and subqueries on a parent.
    fn list(
        &mut self,
        scope: &Scope,
        condition: &Expr,
    ) -> Result<Option<Vec<Vec<Predicate>>>, String> {
        match strip(condition) {
            Expr::InList {
                expr,
                list,
                negated,
            } => {
                let predicates = list
                    .iter()
                    .map(|literal| {
                        let operator = if *negated {
                            Comparison::Ne
                        } else {
                            Comparison::Eq
                        };
                        compare(scope, expr, operator, literal, condition)
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Some(if *negated {
                    predicates.into_iter().map(|p| vec![p]).collect()
                } else {
                    vec![predicates]
                }))
            }
            Expr::InSubquery {
                expr,
                subquery,
                negated: false,
            } => {
                let column = scope.column(expr)?.ok_or_else(|| unsaid(condition))?;
                let select = plain_select(subquery)?;
                let mut inner = Scope::new(scope.schema, select, Some(scope))?;
                let shown = shown_column(&inner, select)?;
                if scope.schema.columns[column].references != Some(shown) {
                    return Ok(None);
                }
                // "Of customers in Ulm": a condition on the parent, which a plain one says as well.
                let conditions = inner_conditions(&inner, select);
                let filter = Filter::read(&mut inner, &conditions)?;
                self.keys.push(column);
                self.keys.extend(inner.keys);
                self.keys.extend(filter.keys);
                Ok(Some(filter.clauses))
            }
            _ => Ok(None),
        }
    }

    fn alternative(&mut self, scope: &Scope, condition: &Expr) -> Result<Vec<Predicate>, String> {
        let column = |expr: &Expr| scope.column(expr)?.ok_or_else(|| unsaid(condition));
        Ok(vec![match strip(condition) {
            Expr::BinaryOp {
                left: _,
                op: BinaryOperator::And,
                right: _,
            } => {
                // Both ends of one span may stand in brackets as one alternative.
                let mut ends = Vec::new();
                for end in conjuncts(condition) {
                    let mut bound = self.bound(scope, end)?.ok_or_else(|| {
                        format!("cannot say AND inside OR ({condition}) except for a span of dates")
                    })?;
                    bound.place = 0;
                    ends.push(bound);
                }
                let mut filter = Filter {
                    clauses: vec![Vec::new(); ends.len()],
                    ..Filter::default()
                };
                filter.settle(ends)?;
                let predicates: Vec<Predicate> = filter.clauses.concat();
                match predicates.as_slice() {
                    [one] => one.clone(),
                    _ => return Err(format!("cannot say AND inside OR ({condition})")),
                }
            }
            Expr::BinaryOp { left, op, right } => {
                let operator = comparison(op).ok_or_else(|| unsaid(condition))?;
                if let Expr::Subquery(subquery) = strip(right) {
                    return average(scope, column(left)?, operator, subquery, condition)
                        .map(|predicate| vec![predicate]);
                }
                if constant(right).is_some() {
                    compare(scope, left, operator, right, condition)?
                } else {
                    compare(scope, right, turned(operator), left, condition)?
                }
            }
            Expr::InList {
                expr,
                list,
                negated: false,
            } => {
                return list
                    .iter()
                    .map(|literal| compare(scope, expr, Comparison::Eq, literal, condition))
                    .collect();
            }
            Expr::Between {
                expr,
                negated: false,
                low,
                high,
            } => between(scope, expr, low, high, condition)?,
            Expr::Like {
                negated: false,
                expr,
                pattern,
                ..
            }
            | Expr::ILike {
                negated: false,
                expr,
                pattern,
                ..
            } => {
                let Some(Constant::Text(pattern)) = constant(pattern) else {
                    return Err(unsaid(condition));
                };
                let column = match strip(expr) {
                    Expr::Function(function) if is_named(function, "lower") => {
                        let list = arguments(function).unwrap_or_default();
                        column(list.first().ok_or_else(|| unsaid(condition))?)?
                    }
                    expr => column(expr)?,
                };
                like(column, &pattern).ok_or_else(|| unsaid(condition))?
            }
            Expr::IsNull(expr) => Predicate::Null(column(expr)?, true),
            Expr::IsNotNull(expr) => Predicate::Null(column(expr)?, false),
            Expr::IsTrue(expr) => Predicate::Flag(column(expr)?, true),
            Expr::IsFalse(expr) => Predicate::Flag(column(expr)?, false),
            Expr::Exists { subquery, negated } => self.exists(scope, subquery, !negated)?,
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } => match strip(expr) {
                Expr::Exists { subquery, negated } => self.exists(scope, subquery, *negated)?,
                expr => match scope.column(expr)? {
                    Some(column) if scope.schema.columns[column].kind == Kind::Flag => {
                        Predicate::Flag(column, false)
                    }
                    _ => return Err(unsaid(condition)),
                },
            },
            Expr::InSubquery {
                expr,
                subquery,
                negated,
            } => {
                let column = column(expr)?;
                let select = plain_select(subquery)?;
                let mut inner = Scope::new(scope.schema, select, Some(scope))?;
                let shown = shown_column(&inner, select)?;
                let columns = &scope.schema.columns;
                if columns[shown].references == Some(column) {
                    self.keys.push(shown);
                } else if columns[column].references == Some(shown) {
                    self.keys.push(column);
                } else {
                    return Err(format!(
                        "{condition} joins by something that is no foreign key"
                    ));
                }
                let conditions = inner_conditions(&inner, select);
                let table = columns[shown].table;
                self.inside(Some(table), !negated, &mut inner, &conditions)?
            }
            expr => match scope.column(expr)? {
                Some(column) if scope.schema.columns[column].kind == Kind::Flag => {
                    Predicate::Flag(column, true)
                }
                _ => return Err(unsaid(condition)),
            },
        }])
    }
}

pub(super) fn comparison(operator: &BinaryOperator) -> Option<Comparison> {
    Some(match operator {
        BinaryOperator::Eq => Comparison::Eq,
        BinaryOperator::NotEq => Comparison::Ne,
        BinaryOperator::Lt => Comparison::Lt,
        BinaryOperator::LtEq => Comparison::Le,
        BinaryOperator::Gt => Comparison::Gt,
        BinaryOperator::GtEq => Comparison::Ge,
        _ => return None,
    })
}

/// The operator with its sides exchanged.
pub(super) fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Lt => Comparison::Gt,
        Comparison::Le => Comparison::Ge,
        Comparison::Gt => Comparison::Lt,
        Comparison::Ge => Comparison::Le,
        same => same,
    }
}

fn unsaid(condition: &Expr) -> String {
    format!("the query form cannot say {condition}")
}
