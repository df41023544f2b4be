//! Literals, and the ways SQL cuts dates.

use chrono::{Datelike, Days, Months, NaiveDate};
use sqlparser::ast::{
    BinaryOperator, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    UnaryOperator, Value as Literal,
};

use super::scope::{Scope, last_part, strip};
use crate::{
    query::{Bucket, Value},
    schema::ColumnId,
};

/// A literal as SQL has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Text(String),
    Number(f64),
    Boolean(bool),
}

pub(super) fn constant(expr: &Expr) -> Option<Constant> {
    match strip(expr) {
        Expr::Value(value) => match &value.value {
            Literal::Number(text, _) => text.parse().ok().map(Constant::Number),
            Literal::SingleQuotedString(text) | Literal::DoubleQuotedString(text) => {
                Some(Constant::Text(text.clone()))
            }
            Literal::Boolean(is) => Some(Constant::Boolean(*is)),
            _ => None,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => match constant(expr)? {
            Constant::Number(number) => Some(Constant::Number(-number)),
            _ => None,
        },
        Expr::TypedString(typed) => match &typed.value.value {
            Literal::SingleQuotedString(text) => Some(Constant::Text(text.clone())),
            _ => None,
        },
        Expr::Function(function) if is_named(function, "lower") => {
            constant(arguments(function)?.first()?)
        }
        _ => None,
    }
}

pub(super) fn is_named(function: &Function, name: &str) -> bool {
    last_part(&function.name).is_ok_and(|ident| ident.value.eq_ignore_ascii_case(name))
}

/// The plain arguments of a function call.
pub(super) fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

/// A date column cut to a unit.
pub(super) fn bucket(scope: &Scope, expr: &Expr) -> Result<Option<(Bucket, ColumnId)>, String> {
    let cut = |bucket: Bucket, column: &Expr| match scope.column(column)? {
        Some(column) => Ok(Some((bucket, column))),
        None => Err(format!("{expr} cuts something that is no column")),
    };
    match strip(expr) {
        Expr::Function(function) => {
            let Some(list) = arguments(function) else {
                return Ok(None);
            };
            let format = |expr: &Expr| match constant(expr) {
                Some(Constant::Text(text)) => Some(text),
                _ => None,
            };
            if is_named(function, "strftime") {
                let [pattern, column] = list.as_slice() else {
                    return Ok(None);
                };
                match format(pattern).as_deref() {
                    Some("%Y") => cut(Bucket::Year, column),
                    Some("%Y-%m") => cut(Bucket::Month, column),
                    Some("%Y-%m-%d") => cut(Bucket::Day, column),
                    Some("%w") => cut(Bucket::Weekday, column),
                    _ => Err(format!(
                        "cannot say {expr}; formats are %Y, %Y-%m, %Y-%m-%d and %w"
                    )),
                }
            } else if is_named(function, "to_char") {
                let [column, pattern] = list.as_slice() else {
                    return Ok(None);
                };
                match format(pattern).as_deref() {
                    Some("YYYY") => cut(Bucket::Year, column),
                    Some("YYYY-MM") => cut(Bucket::Month, column),
                    Some("YYYY-MM-DD") => cut(Bucket::Day, column),
                    Some("YYYY-\"Q\"Q") => cut(Bucket::Quarter, column),
                    _ => Err(format!(
                        "cannot say {expr}; formats are YYYY, YYYY-MM and YYYY-MM-DD"
                    )),
                }
            } else if is_named(function, "substr") {
                let [column, from, length] = list.as_slice() else {
                    return Ok(None);
                };
                match (constant(from), constant(length)) {
                    (Some(Constant::Number(1.0)), Some(Constant::Number(4.0))) => {
                        cut(Bucket::Year, column)
                    }
                    (Some(Constant::Number(1.0)), Some(Constant::Number(7.0))) => {
                        cut(Bucket::Month, column)
                    }
                    _ => Err(format!("cannot say {expr}")),
                }
            } else if is_named(function, "date") {
                let [column] = list.as_slice() else {
                    return Ok(None);
                };
                cut(Bucket::Day, column)
            } else {
                Ok(None)
            }
        }
        Expr::Cast { expr, .. } => bucket(scope, expr),
        Expr::Extract {
            field,
            expr: column,
            ..
        } => match field {
            DateTimeField::Year => cut(Bucket::Year, column),
            DateTimeField::Dow | DateTimeField::DayOfWeek => cut(Bucket::Weekday, column),
            _ => Err(format!(
                "cannot say {expr}; only the year and the day of the week"
            )),
        },
        // The quarter, as it is rendered: year || '-Q' || number.
        Expr::BinaryOp {
            left,
            op: BinaryOperator::StringConcat,
            ..
        } => {
            let Expr::BinaryOp {
                left,
                op: BinaryOperator::StringConcat,
                right,
            } = strip(left)
            else {
                return Ok(None);
            };
            match (bucket(scope, left)?, constant(right)) {
                (Some((Bucket::Year, column)), Some(Constant::Text(dash))) if dash == "-Q" => {
                    Ok(Some((Bucket::Quarter, column)))
                }
                _ => Err(format!("cannot say {expr}")),
            }
        }
        _ => Ok(None),
    }
}

/// Days from the first up to, not including, the second.
pub(super) type Span = (NaiveDate, NaiveDate);

pub(super) fn dates(span: Span) -> Value {
    Value::Dates {
        start: span.0,
        end: span.1,
    }
}

/// The day a literal names.
pub(super) fn day(constant: &Constant) -> Option<NaiveDate> {
    let Constant::Text(text) = constant else {
        return None;
    };
    let day = text.get(..10).unwrap_or(text);
    NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()
}

pub(super) fn one_day(day: NaiveDate) -> Option<Span> {
    Some((day, day.checked_add_days(Days::new(1))?))
}

/// The span that a literal means when it is compared with a date cut to a unit.
pub(super) fn span(bucket: Bucket, constant: &Constant) -> Option<Span> {
    let text = match constant {
        Constant::Text(text) => text.clone(),
        Constant::Number(number) => number.to_string(),
        Constant::Boolean(_) => return None,
    };
    match bucket {
        Bucket::Year => {
            let year = text.parse().ok()?;
            Some((
                NaiveDate::from_ymd_opt(year, 1, 1)?,
                NaiveDate::from_ymd_opt(year + 1, 1, 1)?,
            ))
        }
        Bucket::Month => {
            let start: NaiveDate = format!("{text}-01").parse().ok()?;
            Some((start, start.checked_add_months(Months::new(1))?))
        }
        Bucket::Quarter => {
            let (year, quarter) = text.split_once("-Q")?;
            let month = quarter
                .parse::<u32>()
                .ok()?
                .checked_sub(1)?
                .checked_mul(3)?
                .checked_add(1)?;
            let start = NaiveDate::from_ymd_opt(year.parse().ok()?, month, 1)?;
            Some((start, start.checked_add_months(Months::new(3))?))
        }
        Bucket::Day => one_day(day(constant)?),
        Bucket::Weekday => None,
    }
}

/// A span as one expression ("March 2024", "last week") or as two ("from March to May").
pub(super) enum Cut {
    One(Span),
    Two(Span, Span),
}

/// Reads a span the way people speak: a unit of the calendar or a week is one, others run from a unit to one.
pub(super) fn cut(start: NaiveDate, end: NaiveDate) -> Option<Cut> {
    let whole_months = start.day() == 1 && end.day() == 1;
    let months = (end.year() - start.year()) * 12 + end.month() as i32 - start.month() as i32;
    let whole_years = whole_months && start.month() == 1 && end.month() == 1;
    let quarter = whole_months && months == 3 && start.month0().is_multiple_of(3);
    let half = whole_months && months == 6 && start.month0().is_multiple_of(6);
    let days = (end - start).num_days();
    if days == 1 || days == 7 || (whole_months && (months == 1 || months == 12)) || quarter || half
    {
        return Some(Cut::One((start, end)));
    }
    let unit = if whole_years { 12 } else { 1 };
    Some(if whole_months {
        let unit = Months::new(unit);
        Cut::Two(
            (start, start.checked_add_months(unit)?),
            (end.checked_sub_months(unit)?, end),
        )
    } else {
        Cut::Two(one_day(start)?, one_day(end.pred_opt()?)?)
    })
}
