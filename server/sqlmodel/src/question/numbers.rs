//! Numbers in a question, in digits or in words.

use std::ops::Range;

use super::Word;

const SMALL: &[&str] = &[
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: &[&str] = &[
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// Letters that may stand directly after a number without changing it.
const UNITS: &[&str] = &[
    "kg", "g", "mg", "t", "lb", "lbs", "oz", "km", "cm", "mm", "ft", "mi", "l", "ml", "cl", "h",
    "hr", "hrs", "min", "mins", "s", "sec", "secs", "d", "y", "yr", "yrs", "yo", "gb", "mb", "kb",
    "tb", "w", "kw", "kwh", "mwh", "mw", "v", "c", "f", "mph", "kmh", "px", "pt", "pts", "x", "p",
    "eur", "usd", "gbp", "chf", "pcs", "sqm", "m2", "km2", "ha", "hp", "bpm", "kcal", "cal",
];

/// Every number with the words it covers, in order.
pub(super) fn find(words: &[Word]) -> Vec<(Range<usize>, f64)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if let Some((length, value)) = number_at(words, at) {
            found.push((at..at + length, value));
            at += length;
        } else {
            at += 1;
        }
    }
    found
}

/// The number that starts at a word: how many words it takes, and its value.
pub(super) fn number_at(words: &[Word], at: usize) -> Option<(usize, f64)> {
    let lower = |i: usize| words.get(i).map_or("", |w| w.lower.as_str());
    if let Some(value) = in_digits(lower(at)) {
        return Some(match scale(lower(at + 1)) {
            Some(factor) => (2, value * factor),
            None => (1, value),
        });
    }
    match lower(at) {
        "once" => return Some((1, 1.0)),
        "twice" | "couple" => return Some((1, 2.0)),
        "thrice" => return Some((1, 3.0)),

        "a" | "an" if lower(at + 1) == "couple" => return Some((2, 2.0)),
        "a" | "an" => {
            return scale(lower(at + 1))
                .filter(|_| lower(at + 1).len() > 2)
                .map(|f| (2, f));
        }
        "half" if matches!(lower(at + 1), "a" | "an") => {
            return scale(lower(at + 2))
                .filter(|_| lower(at + 2).len() > 2)
                .map(|f| (3, f / 2.0));
        }
        "single" if at > 0 && matches!(lower(at - 1), "a" | "one" | "only" | "just") => {
            return Some((1, 1.0));
        }
        "minus" | "negative" => {
            return number_at(words, at + 1).map(|(length, value)| (length + 1, -value));
        }
        // "which one", "one of": a pronoun, not a count.
        "one"
            if at > 0
                && matches!(
                    lower(at - 1),
                    "which" | "that" | "this" | "no" | "the" | "each" | "every" | "any" | "another"
                ) =>
        {
            return None;
        }
        "one" if lower(at + 1) == "of" => return None,
        _ => {}
    }
    in_words(words, at)
}

/// `five`, `twenty five`, `two hundred and fifty thousand`, `two dozen`.
fn in_words(words: &[Word], start: usize) -> Option<(usize, f64)> {
    let (mut total, mut current) = (0.0, 0.0);
    // What may still be added without a scale between: 100 at first, 10 after tens, 0 after units.
    let mut room = 100.0;
    let mut seen = false;
    let mut at = start;
    while let Some(word) = words.get(at) {
        let lower = word.lower.as_str();
        if let Some(value) = small(lower) {
            if value >= room {
                break;
            }
            current += value;
            room = if value >= 20.0 { 10.0 } else { 0.0 };
        } else if seen && lower == "hundred" {
            current = f64::max(current, 1.0) * 100.0;
            room = 100.0;
        } else if seen
            && lower.len() > 2
            && let Some(factor) = scale(lower)
        {
            total += f64::max(current, 1.0) * factor;
            current = 0.0;
            room = 100.0;
        } else if seen
            && lower == "and"
            && room == 100.0
            && words.get(at + 1).is_some_and(|w| small(&w.lower).is_some())
        {
            at += 1;
            continue;
        } else {
            break;
        }
        seen = true;
        at += 1;
    }
    seen.then_some((at - start, total + current))
}

fn small(word: &str) -> Option<f64> {
    if let Some(value) = SMALL.iter().position(|&w| w == word) {
        return Some(value as f64);
    }
    TENS.iter()
        .position(|&w| w == word)
        .map(|tens| (tens as f64 + 2.0) * 10.0)
}

fn scale(word: &str) -> Option<f64> {
    Some(match word {
        "dozen" | "dozens" => 12.0,
        "hundred" => 100.0,
        "thousand" | "k" | "grand" => 1e3,
        "million" | "millions" | "mn" | "mio" | "mln" => 1e6,
        "billion" | "bn" => 1e9,
        _ => return None,
    })
}

/// `1,000`, `3.5`, `-5`, `€500`, `$1.2m`, `10k`, `10%`, `5kg`, `60+`. Ordinals and codes are no numbers.
pub(super) fn in_digits(lower: &str) -> Option<f64> {
    let money = lower.contains(['€', '$', '£', '¥', '₹']);
    let bare: String = lower
        .chars()
        .filter(|c| {
            !matches!(
                c,
                '€' | '$' | '£' | '¥' | '₹' | ' ' | '%' | '+' | '°' | '\''
            )
        })
        .collect();
    let (negative, bare) = match bare.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, bare.as_str()),
    };
    let split = bare
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ','))
        .unwrap_or(bare.len());
    let (digits, tail) = bare.split_at(split);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let factor = match tail {
        "" => 1.0,
        "k" => 1e3,
        "m" | "mn" | "mio" | "mln" => 1e6,
        "b" | "bn" => 1e9,
        unit if UNITS.contains(&unit) => 1.0,
        _ => return None,
    };
    // "€1.000" is written where a dot groups thousands.
    let grouped = lower.contains('€') && factor == 1.0 && !digits.starts_with('0');
    let grouped = grouped && matches!(digits.split_once('.'), Some((_, tail)) if tail.len() == 3);
    let value = if grouped {
        digits.replace('.', "").parse().ok()?
    } else {
        decimal(digits)?
    } * factor;
    let value = if money || factor > 1.0 {
        (value * 100.0).round() / 100.0
    } else {
        value
    };
    Some(if negative { -value } else { value })
}

/// Tells thousands separators from decimal marks by the digits that follow them.
fn decimal(digits: &str) -> Option<f64> {
    let (dots, commas) = (digits.matches('.').count(), digits.matches(',').count());
    let last_group = digits.rsplit(['.', ',']).next().map_or(0, str::len);
    let plain = match (dots, commas) {
        (0 | 1, 0) => digits.to_owned(),
        (0, 1) if last_group != 3 => digits.replace(',', "."),
        (0, _) => digits.replace(',', ""),
        (_, 0) => digits.replace('.', ""),
        _ if digits.rfind(',') > digits.rfind('.') => digits.replace('.', "").replace(',', "."),
        _ => digits.replace(',', ""),
    };
    plain.parse().ok()
}
