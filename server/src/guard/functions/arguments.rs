//! Arguments that make too much of an allowed function: a result or a work without bounds.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, UnaryOperator, Value};
use tidegate_schema::model::Dialect;

use super::Place;

/// Copies a padding or repeating function may make; PostgreSQL would take a gigabyte for one cell.
const MAX_REPEAT: u64 = 10_000;
/// Elements a list made in an expression may have; it is one value, held in memory.
const MAX_LIST: u64 = 100_000;
/// Rows a table of numbers may have, which is streamed.
const MAX_NUMBERS: u64 = 1_000_000_000;
/// Largest number in a format's text; it may be the width of a field.
const MAX_WIDTH: u64 = 1_000;

/// Longest set of characters a trimming function may take on SQLite, which tries each at every character.
const MAX_TRIM_SET: usize = 20;

/// Why these arguments of an allowed function are refused all the same: the result or the work could be too much.
pub(in crate::guard) fn refused_arguments(
    name: &str,
    args: &[FunctionArg],
    dialect: Dialect,
    place: Place,
) -> Option<String> {
    match (dialect, name) {
        (Dialect::Postgres | Dialect::MySql | Dialect::DuckDb, "repeat" | "lpad" | "rpad")
        | (Dialect::TransactSql, "replicate")
        | (
            Dialect::ClickHouse,
            "repeat" | "lpad" | "rpad" | "leftpad" | "rightpad" | "leftpadutf8" | "rightpadutf8",
        ) => longer(name, args.get(1)),
        (_, "space") | (Dialect::ClickHouse, "arraywithconstant") => longer(name, args.first()),
        (Dialect::Postgres, "format") => {
            let plain = args
                .first()
                .is_some_and(|arg| text(arg).is_some_and(is_format_without_widths));
            (!plain).then(|| {
                "format is allowed with a literal text and without widths and positions only \
                 (%s, %I, %L); use lpad or rpad for a width"
                    .to_owned()
            })
        }
        (Dialect::DuckDb, "format" | "printf") => {
            let plain = args
                .first()
                .is_some_and(|arg| text(arg).is_some_and(is_format_with_small_widths));
            (!plain).then(|| {
                format!("{name} is allowed with a literal text whose widths are at most {MAX_WIDTH} only")
            })
        }
        (Dialect::DuckDb, "range" | "generate_series") if place == Place::Table => None,
        (Dialect::DuckDb, "range" | "generate_series") | (Dialect::ClickHouse, "range") => {
            numbered(name, args, MAX_LIST)
                .map(|why| format!("{why}; put it into FROM, or make fewer"))
        }
        (
            Dialect::ClickHouse,
            "numbers" | "numbers_mt" | "zeros" | "zeros_mt" | "generate_series" | "generateseries",
        ) => numbered(name, args, MAX_NUMBERS),
        (Dialect::Sqlite, "trim" | "ltrim" | "rtrim") => refused_trim_set(expression(args.get(1)?)),
        _ => None,
    }
}

/// Why a function that makes so many copies is refused, unless the count is a small literal.
fn longer(name: &str, length: Option<&FunctionArg>) -> Option<String> {
    let bounded = length.is_some_and(|arg| number(arg).is_some_and(|length| length <= MAX_REPEAT));
    (!bounded)
        .then(|| format!("{name} is allowed with a literal length of at most {MAX_REPEAT} only"))
}

/// Why a function that counts is refused, unless every argument is a literal up to `most`.
fn numbered(name: &str, args: &[FunctionArg], most: u64) -> Option<String> {
    let bounded = !args.is_empty()
        && args
            .iter()
            .all(|arg| number(arg).is_some_and(|number| number <= most));
    (!bounded).then(|| format!("{name} is allowed with literal numbers of at most {most} only"))
}

/// Why a trimming function's set of characters is refused on SQLite.
pub(in crate::guard) fn refused_trim_set(set: Option<&Expr>) -> Option<String> {
    let set = set.and_then(literal).and_then(string);
    let bounded = set.is_some_and(|set| set.chars().count() <= MAX_TRIM_SET);
    (!bounded).then(|| {
        format!(
            "trim, ltrim and rtrim take a literal set of at most {MAX_TRIM_SET} characters; use replace"
        )
    })
}

/// Whether every directive is bare: a width makes a gigabyte of one letter, a position repeats an argument.
fn is_format_without_widths(format: &str) -> bool {
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        if sign == '%' && !matches!(signs.next(), Some('s' | 'I' | 'L' | '%')) {
            return false;
        }
    }
    true
}

/// Whether no number in the text, which may be a width, is large, and none comes from an argument.
fn is_format_with_small_widths(format: &str) -> bool {
    let from_arguments = format.contains('*') || format.contains(":{");
    let numbers = format.split(|sign: char| !sign.is_ascii_digit());
    !from_arguments
        && numbers
            .filter(|digits| !digits.is_empty())
            .all(|digits| digits.parse::<u64>().is_ok_and(|width| width <= MAX_WIDTH))
}

/// A whole number, whatever its sign.
fn number(arg: &FunctionArg) -> Option<u64> {
    let mut expression = expression(arg)?;
    while let Expr::UnaryOp {
        op: UnaryOperator::Minus | UnaryOperator::Plus,
        expr,
    } = expression
    {
        expression = expr;
    }
    match literal(expression)? {
        Value::Number(text, _) => text.parse().ok(),
        _ => None,
    }
}

fn text(arg: &FunctionArg) -> Option<&str> {
    expression(arg).and_then(literal).and_then(string)
}

fn string(value: &Value) -> Option<&str> {
    match value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

fn literal(expression: &Expr) -> Option<&Value> {
    match expression {
        Expr::Value(value) => Some(&value.value),
        _ => None,
    }
}

fn expression(arg: &FunctionArg) -> Option<&Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    }
}
