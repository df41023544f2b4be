//! The mathematical functions SQLite has when it is built with them, which the embedded one is not, and those of its
//! own that we replace.

use rusqlite::{
    Connection, Result,
    functions::{Context, FunctionFlags},
    types::{Value, ValueRef},
};

use super::search;

type Of1 = fn(f64) -> f64;
type Of2 = fn(f64, f64) -> f64;

const ONE: [(&str, Of1); 18] = [
    ("acos", f64::acos),
    ("acosh", f64::acosh),
    ("asin", f64::asin),
    ("asinh", f64::asinh),
    ("atan", f64::atan),
    ("atanh", f64::atanh),
    ("cos", f64::cos),
    ("cosh", f64::cosh),
    ("degrees", f64::to_degrees),
    ("exp", f64::exp),
    ("ln", f64::ln),
    ("log10", f64::log10),
    ("log2", f64::log2),
    ("radians", f64::to_radians),
    ("sin", f64::sin),
    ("sinh", f64::sinh),
    ("tan", f64::tan),
    ("tanh", f64::tanh),
];
const TWO: [(&str, Of2); 5] = [
    ("atan2", f64::atan2),
    ("mod", |x, y| x % y),
    ("pow", f64::powf),
    ("power", f64::powf),
    // SQLite puts the base first.
    ("log", |base, x| x.log(base)),
];
/// These leave whole numbers whole.
const ROUNDING: [(&str, Of1); 4] = [
    ("ceil", f64::ceil),
    ("ceiling", f64::ceil),
    ("floor", f64::floor),
    ("trunc", f64::trunc),
];

/// Adds what is missing; what SQLite brings itself would be replaced by the same.
pub(super) fn add(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for (name, function) in ONE {
        connection.create_scalar_function(name, 1, flags, move |args| {
            Ok(number(args, 0).map(function).and_then(defined))
        })?;
    }
    connection.create_scalar_function("sqrt", 1, flags, |args| {
        Ok(number(args, 0).map(f64::sqrt).and_then(defined))
    })?;
    connection.create_scalar_function("log", 1, flags, |args| {
        Ok(number(args, 0).map(f64::log10).and_then(defined))
    })?;
    connection.create_scalar_function("pi", 0, flags, |_| Ok(std::f64::consts::PI))?;
    for (name, function) in TWO {
        connection.create_scalar_function(name, 2, flags, move |args| {
            let result = number(args, 0)
                .zip(number(args, 1))
                .map(|(x, y)| function(x, y));
            Ok(result.and_then(defined))
        })?;
    }
    for (name, function) in ROUNDING {
        connection.create_scalar_function(name, 1, flags, move |args| {
            Ok(match args.get_raw(0) {
                ValueRef::Integer(whole) => Value::Integer(whole),
                _ => number(args, 0)
                    .map(function)
                    .and_then(defined)
                    .map_or(Value::Null, Value::Real),
            })
        })?;
    }
    search::add(connection, flags)
}

/// A number, or text that is one; anything else makes the result NULL, as in SQLite.
fn number(args: &Context<'_>, at: usize) -> Option<f64> {
    match args.get_raw(at) {
        ValueRef::Integer(whole) => Some(whole as f64),
        ValueRef::Real(real) => Some(real),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

/// The root of a negative number is NULL and no error.
fn defined(result: f64) -> Option<f64> {
    (!result.is_nan()).then_some(result)
}
