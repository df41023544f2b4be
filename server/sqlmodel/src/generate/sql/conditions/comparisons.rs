//! One column against literals: comparisons, `BETWEEN`, `LIKE`.

use sqlparser::ast::{BinaryOperator, Expr};

use super::unsaid;
use crate::{
    generate::sql::{
        literals::{Constant, Cut, arguments, bucket, constant, cut, dates, is_named, span},
        scope::{Scope, strip},
    },
    query::{Bucket, Comparison, Like, Predicate, Value, When},
    schema::{ColumnId, Kind},
};

/// Whether the condition equates two columns.
pub(super) fn is_column_pair(scope: &Scope, condition: &Expr) -> Result<bool, String> {
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

/// A date column and how finely it is compared.
pub(super) fn date_column(
    scope: &Scope,
    expr: &Expr,
) -> Result<Option<(Bucket, ColumnId)>, String> {
    if let Some(cut) = bucket(scope, expr)? {
        return Ok(Some(cut));
    }
    Ok(scope
        .column(expr)?
        .filter(|&c| scope.schema.columns[c].kind == Kind::Date)
        .map(|column| (Bucket::Day, column)))
}

pub(super) fn compare(
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

pub(super) fn between(
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

pub(super) fn like(column: ColumnId, pattern: &str) -> Option<Predicate> {
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
