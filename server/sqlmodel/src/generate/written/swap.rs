//! Other values, numbers, years, months and nouns, put into a question and its query alike.

use chrono::{Datelike, Months, NaiveDate};

use crate::{
    generate::{
        canonical::Canonical,
        dates::MONTHS,
        dice::Dice,
        numbers::in_words,
        words::{plural, singular},
    },
    query::{Having, Predicate, Query, Value, When},
    schema::TableId,
};

/// Where `needle` stands as whole words, ignoring case; `None` if nowhere or more than once.
fn once(text: &str, needle: &str) -> Option<usize> {
    if needle.is_empty() || !text.is_ascii() && text.to_lowercase().len() != text.len() {
        return None;
    }
    let (lower, wanted) = (text.to_lowercase(), needle.to_lowercase());
    let mut found = lower.match_indices(&wanted).filter(|(at, _)| {
        let before = lower[..*at].chars().next_back();
        let after = lower[at + wanted.len()..].chars().next();
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        edge(before) && edge(after)
    });
    let (at, _) = found.next()?;
    found.next().is_none().then_some(at)
}

fn replace_at(text: &mut String, at: usize, length: usize, new: &str) {
    text.replace_range(at..at + length, new);
}

fn predicates(query: &mut Query) -> Vec<&mut Predicate> {
    let mut all = Vec::new();
    for predicate in query.filter.iter_mut().flatten() {
        if let Predicate::Exists(_, _, inner) = predicate {
            all.extend(inner.iter_mut());
        } else {
            all.push(predicate);
        }
    }
    all
}

pub(super) fn swap_values(
    text: &mut String,
    query: &mut Query,
    canonical: &Canonical,
    dice: &mut Dice,
) {
    let mut taken: Vec<String> = predicates(query)
        .iter()
        .filter_map(|p| match p {
            Predicate::Compare(_, _, Value::Text(v)) => Some(v.to_lowercase()),
            _ => None,
        })
        .collect();
    for predicate in predicates(query) {
        let Predicate::Compare(column, _, Value::Text(old)) = predicate else {
            continue;
        };
        let values = &canonical.schema.columns[*column].values;
        if !values.iter().any(|v| v.eq_ignore_ascii_case(old)) {
            continue;
        }
        let others: Vec<&String> = values
            .iter()
            .filter(|v| !taken.contains(&v.to_lowercase()))
            .collect();
        let (Some(at), Some(new)) = (once(text, old), dice.pick(&others)) else {
            continue;
        };
        // "an open order": no other article fits every value
        let before = text[..at].to_lowercase();
        let vowel = |v: &str| v.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
        if (before.ends_with(" a ") || before.ends_with(" an ")) && vowel(old) != vowel(new) {
            continue;
        }
        let written = &text[at..at + old.len()];
        let new_text = if written.chars().all(|c| !c.is_uppercase()) {
            new.to_lowercase()
        } else {
            (*new).clone()
        };
        let length = old.len();
        replace_at(text, at, length, &new_text);
        taken.push(new.to_lowercase());
        old.clone_from(new);
    }
}

/// The numbers of a query other than its dates.
fn numbers(query: &mut Query) -> Vec<&mut f64> {
    let mut all = Vec::new();
    if let Some(Having {
        value: Value::Number(n),
        ..
    }) = &mut query.having
    {
        all.push(n);
    }
    for predicate in query.filter.iter_mut().flatten() {
        match predicate {
            Predicate::Compare(_, _, Value::Number(n)) => all.push(n),
            Predicate::Exists(_, _, inner) => {
                for p in inner {
                    if let Predicate::Compare(_, _, Value::Number(n)) = p {
                        all.push(n);
                    }
                }
            }
            _ => {}
        }
    }
    all
}

pub(super) fn swap_numbers(text: &mut String, query: &mut Query, dice: &mut Dice) {
    if let Some(limit) = query.limit.filter(|&l| l > 1) {
        let written = limit.to_string();
        let word = in_words(u64::from(limit)).unwrap_or_default();
        let new = dice.between(2, 15) as u32;
        let clash = numbers(query)
            .iter()
            .any(|n| **n == f64::from(new) || **n == f64::from(limit));
        if !clash {
            if let Some(at) = once(text, &written) {
                replace_at(text, at, written.len(), &new.to_string());
                query.limit = Some(new);
            } else if let (Some(at), Some(said)) = (once(text, word), in_words(u64::from(new))) {
                replace_at(text, at, word.len(), said);
                query.limit = Some(new);
            }
        }
    }
    for number in numbers(query) {
        let old = *number;
        if old.fract() != 0.0 || old < 2.0 || (1900.0..2100.0).contains(&old) {
            continue;
        }
        let written = (old as i64).to_string();
        let Some(at) = once(text, &written) else {
            continue;
        };
        // "1.5" and "2,000" are not the number that was found inside them
        let next = text[at + written.len()..]
            .chars()
            .take(2)
            .collect::<String>();
        let inside =
            next.starts_with(['.', ',']) && next.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
        if inside || text[..at].ends_with([',', '.']) {
            continue;
        }
        let step = 10_i64.pow((written.len() as u32).saturating_sub(1)).max(1);
        let step = if written.len() > 1 && (old as i64) % step != 0 {
            step / 10
        } else {
            step
        };
        let low = (old as i64 / 2 / step).max(1);
        let high = (old as i64 * 2 / step).max(low + 1);
        let new = dice.between(low, high) * step;
        if new < 2 {
            continue;
        }
        replace_at(text, at, written.len(), &new.to_string());
        *number = new as f64;
    }
}

/// Years written with four digits.
fn years_in(text: &str) -> Vec<(usize, i32)> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len().saturating_sub(3))
        .filter(|&at| {
            (0..4).all(|i| digit(at + i)) && !digit(at + 4) && (at == 0 || !digit(at - 1))
        })
        .filter_map(|at| text[at..at + 4].parse().ok().map(|y| (at, y)))
        .filter(|(_, y)| (1950..2040).contains(y))
        .collect()
}

pub(super) fn shift_years(text: &mut String, query: &mut Query, dice: &mut Dice) {
    let years = years_in(text);
    let (Some(low), Some(high)) = (
        years.iter().map(|y| y.1).min(),
        years.iter().map(|y| y.1).max(),
    ) else {
        return;
    };
    let dated = predicates(query)
        .iter()
        .any(|p| matches!(p, Predicate::Date(..) | Predicate::DateBetween(..)));
    if !dated || low < 2005 {
        return;
    }
    let delta = dice.between(i64::from(2016 - low), i64::from(2026 - high)) as i32;
    let shift = |date: &mut NaiveDate| {
        let months = delta.unsigned_abs() * 12;
        let moved = if delta < 0 {
            date.checked_sub_months(Months::new(months))
        } else {
            date.checked_add_months(Months::new(months))
        };
        *date = moved.unwrap_or(*date);
    };
    for predicate in predicates(query) {
        let mut values: Vec<&mut Value> = Vec::new();
        match predicate {
            Predicate::Date(_, _, v) => values.push(v),
            Predicate::DateBetween(_, a, b) => values.extend([a, b]),
            _ => {}
        }
        for value in values {
            if let Value::Dates { start, end } = value {
                shift(start);
                shift(end);
            }
        }
    }
    for (at, year) in years {
        replace_at(text, at, 4, &(year + delta).to_string());
    }
}

pub(super) fn swap_month(text: &mut String, query: &mut Query, dice: &mut Dice) {
    let mut spans: Vec<&mut Predicate> = predicates(query);
    spans.retain(|p| matches!(p, Predicate::Date(..) | Predicate::DateBetween(..)));
    let [Predicate::Date(_, When::During, Value::Dates { start, end })] = spans.as_mut_slice()
    else {
        return;
    };
    if start.day() != 1 || start.checked_add_months(Months::new(1)) != Some(*end) {
        return;
    }
    let old = MONTHS[start.month0() as usize];
    let Some(at) = once(text, old) else { return };
    let new = dice.below(12);
    let Some(date) = NaiveDate::from_ymd_opt(start.year(), new as u32 + 1, 1) else {
        return;
    };
    let Some(after) = date.checked_add_months(Months::new(1)) else {
        return;
    };
    let name = if text[at..].starts_with(|c: char| c.is_lowercase()) {
        MONTHS[new].to_lowercase()
    } else {
        MONTHS[new].to_owned()
    };
    replace_at(text, at, old.len(), &name);
    (*start, *end) = (date, after);
}

/// Says another noun of the same table.
pub(super) fn swap_nouns(
    text: &mut String,
    tables: &[TableId],
    canonical: &Canonical,
    dice: &mut Dice,
) {
    const PLAIN: [&str; 7] = [
        "order", "number", "record", "entry", "item", "point", "part",
    ];
    let Some(&table) = dice.pick(tables) else {
        return;
    };
    let nouns = &canonical.domain.tables[table].noun;
    for noun in nouns {
        let one = singular(noun).to_owned();
        if one.len() < 4 || PLAIN.contains(&one.as_str()) {
            continue;
        }
        let Some(new) = dice.pick(nouns).filter(|n| *n != noun) else {
            continue;
        };
        for (old, new) in [(plural(noun), plural(new)), (one, singular(new).to_owned())] {
            let Some(at) = once(text, &old) else { continue };
            let before = text[..at].to_lowercase();
            if before.ends_with(" a ") || before.ends_with(" an ") || before.is_empty() {
                continue;
            }
            replace_at(text, at, old.len(), &new);
            return;
        }
    }
}
