//! When a result counts as right: the rule of `tests/ask/README.md`.

use serde_json::Value as Json;

/// One cell, as far as the rule looks at it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A number, a truth value as 1 or 0, or text that is a plain number.
    Number(f64),
    /// Other text.
    Text(String),
}

impl Value {
    /// Text, or the number it plainly is.
    pub fn text(text: &str) -> Self {
        let plain = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
            && text.bytes().any(|b| b.is_ascii_digit());
        match text.parse::<f64>() {
            Ok(number) if plain => Self::Number(number),
            _ => Self::Text(text.to_owned()),
        }
    }

    /// A cell as the answers' documents write it.
    pub fn json(cell: &Json) -> Self {
        match cell {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Number(f64::from(u8::from(*value))),
            Json::Number(number) => number
                .as_f64()
                .map_or_else(|| Self::Text(number.to_string()), Self::Number),
            Json::String(text) => Self::text(text),
            other => Self::Text(other.to_string()),
        }
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => {
                (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1e-9)
            }
            (a, b) => a == b,
        }
    }

    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |value: &Self| match value {
            Self::Null => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        };
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (a, b) => rank(a).cmp(&rank(b)),
        }
    }
}

/// The rows of an answer's document.
pub fn of_document(document: &Json) -> Vec<Vec<Value>> {
    let rows = document["rows"].as_array().into_iter().flatten();
    rows.map(|row| {
        row.as_array()
            .into_iter()
            .flatten()
            .map(Value::json)
            .collect()
    })
    .collect()
}

/// Whether `got` answers what `expected` answers: the expected columns can be found among those got, each in a
/// place of its own, so that the rows agree as a sequence or as a multiset.
pub fn agree(expected: &[Vec<Value>], got: &[Vec<Value>], ordered: bool) -> bool {
    if expected.len() != got.len() {
        return false;
    }
    let Some(width) = expected.first().map(Vec::len) else {
        return true;
    };
    let offered = got[0].len();
    // Columns that could stand for each expected one, judged alone; this leaves few mappings to try.
    let candidates: Vec<Vec<usize>> = (0..width)
        .map(|e| {
            (0..offered)
                .filter(|&g| column_agrees(expected, got, e, g, ordered))
                .collect()
        })
        .collect();
    search(&candidates, &mut Vec::new(), &|mapping| {
        ordered || {
            let mapped: Vec<Vec<&Value>> = got
                .iter()
                .map(|row| mapping.iter().map(|&g| &row[g]).collect())
                .collect();
            let wanted: Vec<Vec<&Value>> =
                expected.iter().map(|row| row.iter().collect()).collect();
            same_multiset(wanted, mapped)
        }
    })
}

fn column_agrees(
    expected: &[Vec<Value>],
    got: &[Vec<Value>],
    e: usize,
    g: usize,
    ordered: bool,
) -> bool {
    if ordered {
        return expected.iter().zip(got).all(|(a, b)| a[e].same(&b[g]));
    }
    let column = |rows: &[Vec<Value>], i: usize| -> Vec<Value> {
        rows.iter().map(|row| row[i].clone()).collect()
    };
    let (a, b) = (column(expected, e), column(got, g));
    same_multiset(
        a.iter().map(|v| vec![v]).collect(),
        b.iter().map(|v| vec![v]).collect(),
    )
}

fn search(
    candidates: &[Vec<usize>],
    chosen: &mut Vec<usize>,
    fits: &dyn Fn(&[usize]) -> bool,
) -> bool {
    let Some(options) = candidates.get(chosen.len()) else {
        return fits(chosen);
    };
    for &option in options {
        if chosen.contains(&option) {
            continue;
        }
        chosen.push(option);
        if search(candidates, chosen, fits) {
            return true;
        }
        chosen.pop();
    }
    false
}

fn same_multiset(mut a: Vec<Vec<&Value>>, mut b: Vec<Vec<&Value>>) -> bool {
    let order = |x: &Vec<&Value>, y: &Vec<&Value>| {
        x.iter()
            .zip(y)
            .map(|(x, y)| x.order(y))
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    };
    let same = |x: &[&Value], y: &[&Value]| x.iter().zip(y).all(|(x, y)| x.same(y));
    a.sort_by(order);
    b.sort_by(order);
    if a.iter().zip(&b).all(|(x, y)| same(x, y)) {
        return true;
    }
    // Numbers that differ in their last digits can sort otherwise: look for each row among those left.
    a.iter().all(|x| {
        b.iter().position(|y| same(x, y)).is_some_and(|found| {
            b.swap_remove(found);
            true
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<Value>> {
        rows.iter()
            .map(|row| row.iter().map(|cell| Value::text(cell)).collect())
            .collect()
    }

    #[test]
    fn columns_may_move_and_more_may_come() {
        let expected = rows(&[&["Oslo", "2"], &["Bergen", "1"]]);
        assert!(agree(
            &expected,
            &rows(&[&["2", "x", "Oslo"], &["1", "y", "Bergen"]]),
            true
        ));
        assert!(!agree(
            &expected,
            &rows(&[&["1", "x", "Oslo"], &["2", "y", "Bergen"]]),
            false
        ));
    }

    #[test]
    fn order_matters_only_when_asked_for() {
        let (a, b) = (rows(&[&["a"], &["b"]]), rows(&[&["b"], &["a"]]));
        assert!(agree(&a, &b, false));
        assert!(!agree(&a, &b, true));
    }

    #[test]
    fn rows_missing_or_repeated_are_wrong() {
        let one = rows(&[&["a"]]);
        assert!(!agree(&one, &rows(&[&["a"], &["a"]]), false));
        assert!(!agree(&one, &[], false));
        assert!(!agree(
            &rows(&[&["a"], &["a"], &["b"]]),
            &rows(&[&["a"], &["b"], &["b"]]),
            false
        ));
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_null_only_with_null() {
        assert!(Value::text("2024").same(&Value::json(&serde_json::json!(2024))));
        assert!(Value::json(&serde_json::json!(true)).same(&Value::text("1")));
        assert!(Value::Number(1_000_000.0).same(&Value::Number(1_000_000.5)));
        assert!(!Value::Number(1.0).same(&Value::Number(1.001)));
        assert!(!Value::Null.same(&Value::text("0")));
        assert!(!Value::Null.same(&Value::Text(String::new())));
        assert_eq!(Value::text("2024-03"), Value::Text("2024-03".to_owned()));
    }

    #[test]
    fn two_expected_columns_need_two_columns() {
        assert!(!agree(&rows(&[&["1", "1"]]), &rows(&[&["1"]]), true));
    }
}
