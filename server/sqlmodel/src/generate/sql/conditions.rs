//! `WHERE`: from SQL conditions to predicates.

use chrono::NaiveDate;
use sqlparser::ast::{
    BinaryOperator, Distinct, Expr, GroupByExpr, Query as Statement, Select, SelectItem, SetExpr,
    UnaryOperator,
};

use super::{
    literals::{Constant, Cut, arguments, bucket, constant, cut, dates, is_named, one_day, span},
    scope::{Scope, conjuncts, disjuncts, strip},
};
use crate::{
    query::{Bucket, Comparison, Like, Predicate, Value, When},
    render::column_of,
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

    /// Joins lower and upper bounds of one column to spans.
    fn settle(&mut self, mut bounds: Vec<Bound>) -> Result<(), String> {
        while !bounds.is_empty() {
            let bound = bounds.remove(0);
            let other = bounds
                .iter()
                .position(|b| b.column == bound.column && b.lower != bound.lower)
                .map(|at| bounds.remove(at));
            let predicate = match other {
                Some(other) => {
                    let (low, high) = if bound.lower {
                        (&bound, &other)
                    } else {
                        (&other, &bound)
                    };
                    match cut(low.at, high.at).filter(|_| low.at < high.at) {
                        Some(Cut::One(one)) => {
                            Predicate::Date(bound.column, When::During, dates(one))
                        }
                        Some(Cut::Two(a, b)) => {
                            Predicate::DateBetween(bound.column, dates(a), dates(b))
                        }
                        None => return Err(format!("nothing lies from {} to {}", low.at, high.at)),
                    }
                }
                None => {
                    let span = match bound.when {
                        When::After | When::Until => bound.at.pred_opt().and_then(one_day),
                        _ => one_day(bound.at),
                    };
                    let span = span.ok_or("a date at the end of time")?;
                    Predicate::Date(bound.column, bound.when, dates(span))
                }
            };
            self.clauses[bound.place] = vec![predicate];
        }
        Ok(())
    }

    fn bound(&self, scope: &Scope, condition: &Expr) -> Result<Option<Bound>, String> {
        let Some((column, unit, operator, literal)) = date_comparison(scope, condition)? else {
            return Ok(None);
        };
        let complain = || format!("{condition} does not compare with a date");
        let (start, end) = span(unit, &literal).ok_or_else(complain)?;
        let (lower, when) = match operator {
            Comparison::Ge => (true, When::Since),
            Comparison::Gt => (true, When::After),
            Comparison::Lt => (false, When::Before),
            Comparison::Le => (false, When::Until),
            Comparison::Eq | Comparison::Ne => return Ok(None),
        };
        let at = if matches!(when, When::Since | When::Before) {
            start
        } else {
            end
        };
        Ok(Some(Bound {
            column,
            lower,
            at,
            when,
            place: self.clauses.len(),
        }))
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

    fn exists(
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
    fn inside(
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

/// Whether the condition equates two columns.
fn is_column_pair(scope: &Scope, condition: &Expr) -> Result<bool, String> {
    match strip(condition) {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } if constant(right).is_none() => {
            // A text in double quotes looks like a column; only real ones make a pair.
            Ok(scope.column(left)?.is_some() && scope.column(right)?.is_some())
        }
        _ => Ok(false),
    }
}

/// A comparison of a date column, cut or not, with a literal.
fn date_comparison(
    scope: &Scope,
    condition: &Expr,
) -> Result<Option<(ColumnId, Bucket, Comparison, Constant)>, String> {
    let Expr::BinaryOp { left, op, right } = strip(condition) else {
        return Ok(None);
    };
    let Some(operator) = comparison(op) else {
        return Ok(None);
    };
    let (expr, operator, literal) = match (constant(left), constant(right)) {
        (None, Some(literal)) => (left, operator, literal),
        (Some(literal), None) => (right, turned(operator), literal),
        _ => return Ok(None),
    };
    Ok(date_column(scope, expr)?.map(|(unit, column)| (column, unit, operator, literal)))
}

/// A date column and how finely it is compared.
fn date_column(scope: &Scope, expr: &Expr) -> Result<Option<(Bucket, ColumnId)>, String> {
    if let Some(cut) = bucket(scope, expr)? {
        return Ok(Some(cut));
    }
    Ok(scope
        .column(expr)?
        .filter(|&c| scope.schema.columns[c].kind == Kind::Date)
        .map(|column| (Bucket::Day, column)))
}

fn compare(
    scope: &Scope,
    expr: &Expr,
    operator: Comparison,
    literal: &Expr,
    condition: &Expr,
) -> Result<Predicate, String> {
    let literal = constant(literal).ok_or_else(|| unsaid(condition))?;
    if let Some((unit, column)) = date_column(scope, expr)? {
        let span = span(unit, &literal).ok_or_else(|| unsaid(condition))?;
        let when = match operator {
            Comparison::Eq => When::During,
            Comparison::Lt => When::Before,
            Comparison::Le => When::Until,
            Comparison::Gt => When::After,
            Comparison::Ge => When::Since,
            Comparison::Ne => return Err(unsaid(condition)),
        };
        return Ok(Predicate::Date(column, when, dates(span)));
    }
    let expr = match strip(expr) {
        Expr::Function(function) if is_named(function, "lower") => {
            let list = arguments(function).unwrap_or_default();
            *list.first().ok_or_else(|| unsaid(condition))?
        }
        expr => expr,
    };
    let column = scope.column(expr)?.ok_or_else(|| unsaid(condition))?;
    let own = &scope.schema.columns[column];
    let equality = matches!(operator, Comparison::Eq | Comparison::Ne);
    match (own.kind, literal) {
        (Kind::Flag, literal) if equality => {
            let is = match literal {
                Constant::Number(number) => number != 0.0,
                Constant::Boolean(is) => is,
                Constant::Text(_) => return Err(unsaid(condition)),
            };
            Ok(Predicate::Flag(column, is == (operator == Comparison::Eq)))
        }
        (Kind::Number | Kind::Id | Kind::Key, Constant::Number(number)) => {
            Ok(Predicate::Compare(column, operator, Value::Number(number)))
        }
        (Kind::Text | Kind::Id | Kind::Key, Constant::Text(text)) if equality => {
            Ok(Predicate::Compare(column, operator, Value::Text(text)))
        }
        (Kind::Text, Constant::Number(number)) if equality => Ok(Predicate::Compare(
            column,
            operator,
            Value::Text(number.to_string()),
        )),
        (kind, _) => Err(format!("{condition} does not go with a {kind:?} column")),
    }
}

fn between(
    scope: &Scope,
    expr: &Expr,
    low: &Expr,
    high: &Expr,
    condition: &Expr,
) -> Result<Predicate, String> {
    let (Some(low), Some(high)) = (constant(low), constant(high)) else {
        return Err(unsaid(condition));
    };
    if let Some((unit, column)) = date_column(scope, expr)? {
        let (Some(low), Some(high)) = (span(unit, &low), span(unit, &high)) else {
            return Err(unsaid(condition));
        };
        return match cut(low.0, high.1).filter(|_| low.0 < high.1) {
            Some(Cut::One(one)) => Ok(Predicate::Date(column, When::During, dates(one))),
            Some(Cut::Two(a, b)) => Ok(Predicate::DateBetween(column, dates(a), dates(b))),
            None => Err(unsaid(condition)),
        };
    }
    let column = scope.column(expr)?.ok_or_else(|| unsaid(condition))?;
    match (low, high) {
        (Constant::Number(low), Constant::Number(high)) => Ok(Predicate::Between(
            column,
            Value::Number(low),
            Value::Number(high),
        )),
        _ => Err(unsaid(condition)),
    }
}

/// `column > (SELECT AVG(column) FROM its table)`
fn average(
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

fn like(column: ColumnId, pattern: &str) -> Option<Predicate> {
    let start = pattern.starts_with('%');
    let end = pattern.len() > 1 && pattern.ends_with('%') && !pattern.ends_with("\\%");
    let text = pattern.strip_prefix('%').unwrap_or(pattern);
    let text = if end {
        text.strip_suffix('%').unwrap_or(text)
    } else {
        text
    };
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(ch) = chars.next() {
        match ch {
            '\\' => plain.push(chars.next()?),
            '%' | '_' => return None,
            ch => plain.push(ch),
        }
    }
    let text = Value::Text(plain);
    match (start, end) {
        (true, true) => Some(Predicate::Like(column, Like::Contains, text)),
        (false, true) => Some(Predicate::Like(column, Like::StartsWith, text)),
        (true, false) => Some(Predicate::Like(column, Like::EndsWith, text)),
        (false, false) => Some(Predicate::Compare(column, Comparison::Eq, text)),
    }
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

fn inner_conditions<'a>(scope: &Scope<'a>, select: &'a Select) -> Vec<&'a Expr> {
    scope
        .rest
        .iter()
        .copied()
        .chain(select.selection.as_ref())
        .collect()
}

/// The single column a subquery gives.
fn shown_column(scope: &Scope, select: &Select) -> Result<ColumnId, String> {
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] => scope
            .column(expr)?
            .ok_or_else(|| format!("cannot say IN (SELECT {expr} …): it must give one column")),
        _ => Err("a subquery after IN must give one column".to_owned()),
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
