//! Numbers and dates.

use super::read;
use crate::query::Value;

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

#[test]
fn years_are_dates_and_numbers() {
    let kinds: Vec<bool> = read("in 2024")
        .candidates
        .iter()
        .map(|c| matches!(c.value, Value::Dates { .. }))
        .collect();
    assert_eq!(kinds, [false, true]);
}
