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

fn numbers_of(text: &str) -> Vec<f64> {
    let numbers = read(text).candidates.into_iter();
    numbers
        .filter_map(|c| {
            if let Value::Number(n) = c.value {
                Some(n)
            } else {
                None
            }
        })
        .collect()
}

#[test]
fn reads_numbers() {
    for (text, expected) in [
        ("top 5 over 1,000 or 3.5", vec![5.0, 1000.0, 3.5]),
        (
            "10k 1.2m $1.2m €500 2bn 10% 60+",
            vec![1e4, 1.2e6, 1.2e6, 500.0, 2e9, 10.0, 60.0],
        ),
        (
            "1.000.000 or 1.234,56 or 1,234.56",
            vec![1e6, 1234.56, 1234.56],
        ),
        ("below -5 or minus 7", vec![-5.0, -7.0]),
        (
            "5kg 30min 500ml 4 million 2.5 thousand",
            vec![5.0, 30.0, 500.0, 4e6, 2500.0],
        ),
        (
            "the five best, twenty-five, ninety nine",
            vec![5.0, 25.0, 99.0],
        ),
        (
            "two hundred and fifty thousand or six",
            vec![250_000.0, 6.0],
        ),
        (
            "a dozen, two dozen, a couple of, a hundred, half a million",
            vec![12.0, 24.0, 2.0, 100.0, 5e5],
        ),
        ("more than once or twice", vec![1.0, 2.0]),
        ("which one of the ones, one of them, no one", vec![]),
        ("the third order, 5th street, second", vec![]),
        ("at least one order", vec![1.0]),
        ("zero stock over €1.000", vec![0.0, 1000.0]),
        ("in 2024", vec![2024.0]),
        ("on 5 March 2024 and 2024-03-05", vec![]),
        ("last 30 days", vec![]),
        ("10-20 units", vec![10.0, 20.0]),
    ] {
        assert_eq!(numbers_of(text), expected, "{text}");
    }
}

fn dates_of(text: &str) -> Vec<String> {
    let dates = read(text).candidates.into_iter();
    dates
        .filter_map(|c| match c.value {
            Value::Dates { start, end } => Some(format!("{start}..{end}")),
            _ => None,
        })
        .collect()
}

#[test]
fn reads_dates_of_every_ordinary_shape() {
    let year = "2024-01-01..2025-01-01";
    let march = "2024-03-01..2024-04-01";
    let fifth = "2024-03-05..2024-03-06";
    for (text, expected) in [
        ("orders in 2024", vec![year]),
        ("March 2024", vec![march]),
        ("in Mar 2024", vec![march]),
        ("march of 2024", vec![march]),
        ("2024-03", vec![march]),
        ("03/2024", vec![march]),
        ("2024 March", vec![march]),
        ("2024-03-05", vec![fifth]),
        ("5 March 2024", vec![fifth]),
        ("the 5th of March 2024", vec![fifth]),
        ("March 5th, 2024", vec![fifth]),
        ("march 5 2024", vec![fifth]),
        ("05/03/2024", vec![fifth]),
        ("5.3.24", vec![fifth]),
        ("03/25/2024", vec!["2024-03-25..2024-03-26"]),
        ("Q1 2024", vec!["2024-01-01..2024-04-01"]),
        ("2024 Q2", vec!["2024-04-01..2024-07-01"]),
        ("Q3-2024", vec!["2024-07-01..2024-10-01"]),
        ("first quarter of 2024", vec!["2024-01-01..2024-04-01"]),
        ("last quarter of 2023", vec!["2023-10-01..2024-01-01"]),
        ("H1 2023", vec!["2023-01-01..2023-07-01"]),
        ("the second half of 2023", vec!["2023-07-01..2024-01-01"]),
        ("summer 2023", vec!["2023-06-01..2023-09-01"]),
        ("in the winter of 2023", vec!["2023-12-01..2024-03-01"]),
        ("in the 1990s", vec!["1990-01-01..2000-01-01"]),
        ("since January", vec!["2026-01-01..2026-02-01"]),
        ("in December", vec!["2025-12-01..2026-01-01"]),
        ("in may", vec!["2026-05-01..2026-06-01"]),
        ("which orders may be late", vec![]),
        ("last March", vec!["2026-03-01..2026-04-01"]),
        ("last December", vec!["2025-12-01..2026-01-01"]),
        ("last summer", vec!["2026-06-01..2026-09-01"]),
        ("today", vec!["2026-11-23..2026-11-24"]),
        ("yesterday", vec!["2026-11-22..2026-11-23"]),
        ("this week", vec!["2026-11-23..2026-11-30"]),
        ("last week", vec!["2026-11-16..2026-11-23"]),
        ("past week", vec!["2026-11-16..2026-11-24"]),
        ("this month", vec!["2026-11-01..2026-12-01"]),
        ("last month", vec!["2026-10-01..2026-11-01"]),
        ("last quarter", vec!["2026-07-01..2026-10-01"]),
        ("this quarter", vec!["2026-10-01..2027-01-01"]),
        ("last year", vec!["2025-01-01..2026-01-01"]),
        ("March last year", vec!["2025-03-01..2025-04-01"]),
        ("next month", vec!["2026-12-01..2027-01-01"]),
        ("last 30 days", vec!["2026-10-24..2026-11-24"]),
        ("past 6 months", vec!["2026-05-23..2026-11-24"]),
        ("over the last two years", vec!["2024-11-23..2026-11-24"]),
        ("3 days ago", vec!["2026-11-20..2026-11-21"]),
        ("year to date", vec!["2026-01-01..2026-11-24"]),
        ("last 5 orders", vec![]),
        ("the top 5 March orders", vec!["2026-03-01..2026-04-01"]),
    ] {
        assert_eq!(dates_of(text), expected, "{text}");
    }
}

#[test]
fn both_ends_of_a_range_share_a_year() {
    for (text, expected) in [
        (
            "between March and May 2024",
            ["2024-03-01..2024-04-01", "2024-05-01..2024-06-01"],
        ),
        (
            "from June to August 2024",
            ["2024-06-01..2024-07-01", "2024-08-01..2024-09-01"],
        ),
        (
            "from November to February 2024",
            ["2023-11-01..2023-12-01", "2024-02-01..2024-03-01"],
        ),
        (
            "from March 2023 to May",
            ["2023-03-01..2023-04-01", "2023-05-01..2023-06-01"],
        ),
        (
            "between June and August",
            ["2026-06-01..2026-07-01", "2026-08-01..2026-09-01"],
        ),
        (
            "from November to February",
            ["2025-11-01..2025-12-01", "2026-02-01..2026-03-01"],
        ),
        (
            "January or february 2022",
            ["2022-01-01..2022-02-01", "2022-02-01..2022-03-01"],
        ),
        (
            "between 2020 and 2022",
            ["2020-01-01..2021-01-01", "2022-01-01..2023-01-01"],
        ),
        (
            "2020-2022",
            ["2020-01-01..2021-01-01", "2022-01-01..2023-01-01"],
        ),
        (
            "between 3 and 10 March 2024",
            ["2024-03-03..2024-03-04", "2024-03-10..2024-03-11"],
        ),
        (
            "March 3 to 10, 2024",
            ["2024-03-03..2024-03-04", "2024-03-10..2024-03-11"],
        ),
        (
            "between March 3 and March 10 2024",
            ["2024-03-03..2024-03-04", "2024-03-10..2024-03-11"],
        ),
        (
            "Q1 and Q3 2023",
            ["2023-01-01..2023-04-01", "2023-07-01..2023-10-01"],
        ),
    ] {
        assert_eq!(dates_of(text), expected, "{text}");
    }
}

/// Text candidates as `text`, with `=column:spelling` for every match.
fn texts_of(text: &str) -> Vec<String> {
    read(text)
        .candidates
        .into_iter()
        .filter_map(|c| {
            let Value::Text(text) = c.value else {
                return None;
            };
            let matches = c
                .matches
                .iter()
                .map(|(id, v)| format!("={id}:{v}"))
                .collect::<Vec<_>>()
                .concat();
            Some(format!(
                "{}{text}{matches}",
                if c.quoted { "q " } else { "" }
            ))
        })
        .collect()
}

#[test]
fn finds_known_values() {
    for (text, expected) in [
        ("customers in new york", vec!["new york=1:New York"]),
        ("customers of York", vec!["York=1:York"]),
        ("people from sao paulo", vec!["sao paulo=1:São Paulo"]),
        (
            "people from saint etienne",
            vec!["saint etienne=1:Saint-Étienne"],
        ),
        ("electronic products", vec!["electronic=3:Electronics"]),
        ("orders in progress", vec!["in progress=4:in_progress"]),
        (
            "orders that are in-progress",
            vec!["in-progress=4:in_progress"],
        ),
        ("canceled orders", vec!["canceled=4:cancelled"]),
        ("how many did we ship", vec!["ship=4:shipped"]),
        (
            "who bought the long winter",
            vec!["the long winter=2:The Long Winter"],
        ),
        (
            "who bought long winter",
            vec!["long winter=2:The Long Winter"],
        ),
        (
            "price of green tea",
            vec!["green tea=2:Green Tea", "green=3:green"],
        ),
        ("all accessories", vec!["accessories=3:Home Accessories"]),
        ("electronnics sold", vec!["electronnics=3:Electronics"]),
        (
            "all health and beauty box orders",
            vec!["health and beauty box=2:Health & Beauty Box"],
        ),
        ("give us a list", vec![]),
        ("customers from us", vec!["us=1:US"]),
        (
            "orders of Lukasz Nowak",
            vec!["Lukasz Nowak=0:Łukasz Nowak"],
        ),
        ("order inv-2024-001", vec!["inv-2024-001=5:INV-2024-001"]),
    ] {
        assert_eq!(texts_of(text), expected, "{text}");
    }
}

#[test]
fn finds_text_the_database_does_not_know() {
    for (text, expected) in [
        ("products named \"Blue Box\"", vec!["q Blue Box"]),
        ("in 'new york'", vec!["q new york=1:New York"]),
        (
            "orders of Maria Keller in Bremen",
            vec!["Maria Keller in Bremen", "Maria Keller", "Bremen"],
        ),
        ("Maria Keller's orders", vec!["Maria Keller", "Keller"]),
        ("Which orders are by Maria?", vec!["Maria"]),
        ("titles starting with S", vec!["S"]),
        ("titles containing the word lamp", vec!["lamp"]),
        ("customers from bremen", vec!["bremen"]),
        ("orders by x@y.example", vec!["x@y.example"]),
        (
            "contact ends with @mail.example or .org.",
            vec!["@mail.example", ".org"],
        ),
        ("people from Frankfurt am Main", vec!["Frankfurt am Main"]),
        ("order KX-77 and zip 01234", vec!["KX-77", "01234"]),
        ("How many products cost more than 5 on average?", vec![]),
        ("List all Customers by Name", vec![]),
    ] {
        assert_eq!(texts_of(text), expected, "{text}");
    }
}

#[test]
fn years_are_dates_and_numbers() {
    let kinds: Vec<bool> = read("in 2024")
        .candidates
        .iter()
        .map(|c| matches!(c.value, Value::Dates { .. }))
        .collect();
    assert_eq!(kinds, [false, true]);
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
