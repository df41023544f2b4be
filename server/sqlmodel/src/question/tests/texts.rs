//! Text: known values, quotes, names and codes.

use super::read;
use crate::query::Value;

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
