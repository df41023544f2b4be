//! Questions and the candidates read from them.

mod literals;
mod texts;

use chrono::NaiveDate;

use super::*;
use crate::schema::{Booleans, ColumnDescription, TableDescription, describe};

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day")
}

fn text_column(name: &str, complete: bool, values: &[&str]) -> ColumnDescription {
    ColumnDescription {
        name: name.into(),
        declared: "TEXT".into(),
        samples: values.iter().map(|&v| v.into()).collect(),
        samples_complete: complete,
        ..ColumnDescription::default()
    }
}

/// customers.name 0, customers.city 1, products.title 2, products.category 3, orders.status 4, orders.code 5
fn shop() -> Schema {
    let table = |name: &str, columns| TableDescription {
        name: name.into(),
        columns,
        ..TableDescription::default()
    };
    let tables = [
        table(
            "customers",
            vec![
                text_column("name", false, &["Anna Berg", "Łukasz Nowak", "York Peters"]),
                text_column(
                    "city",
                    true,
                    &["New York", "York", "São Paulo", "Saint-Étienne", "US"],
                ),
            ],
        ),
        table(
            "products",
            vec![
                text_column(
                    "title",
                    false,
                    &["The Long Winter", "Green Tea", "Health & Beauty Box"],
                ),
                text_column(
                    "category",
                    true,
                    &[
                        "Electronics",
                        "Home Accessories",
                        "green",
                        "science fiction",
                    ],
                ),
            ],
        ),
        table(
            "orders",
            vec![
                text_column("status", true, &["in_progress", "shipped", "cancelled"]),
                text_column("code", false, &["INV-2024-001", "A12"]),
            ],
        ),
    ];
    describe(&tables, Booleans::Numeric)
}

fn read(text: &str) -> Question {
    Question::read(text, &shop(), today())
}

fn lowers(text: &str) -> Vec<String> {
    read(text).words.into_iter().map(|w| w.lower).collect()
}

#[test]
fn cuts_words_and_keeps_literals_whole() {
    for (text, expected) in [
        ("How many orders?", "how|many|orders"),
        ("Anna's orders, please.", "anna|'s|orders|,|please"),
        ("customers’ e-mail addresses", "customers|e|mail|addresses"),
        ("don't O’Brien H&M", "don't|o'brien|h&m"),
        ("over 1,000 or 3.5 or 10k", "over|1,000|or|3.5|or|10k"),
        (
            "on 2024-03-05 for €500 and $1.2m",
            "on|2024-03-05|for|€500|and|$1.2m",
        ),
        ("500€ 10% -5 60+ $ 20", "500€|10%|-5|60+|$ 20"),
        ("ids 1,2,3 from 2020-2022", "ids|1|,|2|,|3|from|2020|-|2022"),
        (
            "order INV-2024-001 by a.b@x.example",
            "order|inv-2024-001|by|a.b@x.example",
        ),
        (
            "unit_price >= 5 and \"New York\"",
            "unit|price|>=|5|and|new|york",
        ),
        ("Q1-2024 the 3-day U.S. trip", "q1|2024|the|3|day|u|s|trip"),
        ("05/03/2024 and/or 03/2024", "05/03/2024|and|or|03/2024"),
        ("Čeština naïve 日本", "čeština|naïve|日本"),
        ("1990s 5th C++ price:12", "1990s|5th|c++|price|:|12"),
        ("", ""),
        (" ?! ' \" ", ""),
    ] {
        assert_eq!(lowers(text).join("|"), expected, "{text}");
    }
}

#[test]
fn words_point_into_the_text() {
    let question = read("Which of Łukasz’s “big” orders – since 5 März – cost €1,000?");
    for word in &question.words {
        assert_eq!(&question.text[word.range.clone()], word.text);
    }
}

#[test]
fn stems_join_inflections_and_irregulars() {
    assert!(words::IRREGULAR.is_sorted(), "looked up by bisection");
    for (a, b) in [
        ("orders", "order"),
        ("categories", "category"),
        ("shipped", "shipping"),
        ("people", "person"),
        ("children", "child"),
        ("sold", "selling"),
        ("addresses", "address"),
        ("women", "woman"),
        ("won", "win"),
    ] {
        assert_eq!(stem(a), stem(b), "{a} {b}");
    }
}

#[test]
fn candidates_are_capped_ordered_and_within_the_words() {
    let many = (0..60)
        .map(|n| format!("{n} Xy{n}z "))
        .collect::<Vec<_>>()
        .concat();
    for text in [
        many.as_str(),
        "“",
        "'s",
        "1",
        "a'",
        "in in in",
        "€",
        "5 of",
        "between and",
        "last",
        "Q1",
        "—",
        "🦀 2024",
    ] {
        let question = read(text);
        assert!(question.candidates.len() <= MOST_CANDIDATES, "{text}");
        assert!(question.candidates.is_sorted_by_key(|c| c.words.start));
        for candidate in &question.candidates {
            assert!(!candidate.words.is_empty() && candidate.words.end <= question.words.len());
        }
    }
}

/// Fragments that meet badly, in every order: nothing panics, ranges stay true, spans are not empty.
#[test]
fn survives_any_mixture_of_fragments() {
    const FRAGMENTS: &[&str] = &[
        "March",
        "may",
        "2024",
        "5",
        "5th",
        "-",
        "–",
        "'",
        "’s",
        "\"",
        "“",
        "”",
        "to",
        "and",
        "between",
        "from",
        "last",
        "next",
        "year",
        "q1",
        "€",
        "$1",
        "1,2",
        "2.5.",
        "²",
        "½",
        "٣",
        "é",
        "e\u{301}",
        "日",
        "🦀",
        ".",
        "@",
        "a@b.c",
        "&",
        "AT&T",
        "C#",
        "INV-2",
        "-5",
        "$-",
        "half",
        "a",
        "hundred",
        "million",
        "9999",
        "0000-00-00",
        "99999999999999999999999",
        "2024-13",
        "1/2/3",
        "31",
        "February",
        "ago",
        "days",
        "İ",
        "ß",
        "first",
        "of",
        "the",
        "quarter",
        "named",
        "starting",
        "with",
        "new",
        "york",
        "\n",
        "\u{200b}",
        "s'",
        "90s",
        "100000",
        "weeks",
    ];
    let values = ValueIndex::new(&shop());
    let mut state = 12_345_u64;
    for round in 0..20_000 {
        let mut text = String::new();
        for _ in 0..=round % 9 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text.push_str(FRAGMENTS[(state >> 33) as usize % FRAGMENTS.len()]);
            text.push_str(if (state >> 20).is_multiple_of(4) {
                ""
            } else {
                " "
            });
        }
        let question = Question::read_with(&text, &values, today());
        for word in &question.words {
            assert_eq!(text[word.range.clone()], word.text);
        }
        for candidate in &question.candidates {
            assert!(!candidate.words.is_empty() && candidate.words.end <= question.words.len());
            if let Value::Dates { start, end } = candidate.value {
                assert!(start < end, "{text}");
            }
        }
    }
}
