//! Which column a person would call a row by.

use super::{ColumnId, Kind, Schema, TableDescription, TableId, identifier_words};
use crate::question::stem;

/// How well a name fits what a person would call a row by; smaller is better.
fn label_rank(words: &[String], last: &str) -> Option<u8> {
    Some(match (words.len(), last) {
        (1, "name") => 0,
        (1, "title") => 1,
        (_, "name") if matches!(words[0].as_str(), "full" | "display") => 1,
        (_, "name") if matches!(words[0].as_str(), "last" | "sur" | "family") => 5,
        (_, "name")
            if matches!(
                words[0].as_str(),
                "first" | "given" | "middle" | "user" | "nick"
            ) =>
        {
            6
        }
        (1, "surname" | "lastname") => 5,
        (_, "name") => 2,
        (_, "title") => 3,
        (_, "label" | "headline" | "caption") => 4,
        (1, "username" | "login" | "firstname") => 6,
        (_, "subject" | "summary") => 7,
        _ => return None,
    })
}

/// Unique, but not what a row is called.
fn is_contact_or_prose(words: &[String]) -> bool {
    const NOT: &[&str] = &[
        "email",
        "mail",
        "phone",
        "mobile",
        "fax",
        "url",
        "website",
        "link",
        "address",
        "street",
        "description",
        "notes",
        "note",
        "comment",
        "comments",
        "body",
        "content",
        "text",
        "password",
        "hash",
        "token",
        "path",
        "image",
        "photo",
        "zip",
        "postcode",
        "status",
        "type",
        "ip",
        "iban",
        "json",
    ];
    words.iter().any(|w| NOT.contains(&w.as_str()))
}

pub(super) fn label(
    schema: &Schema,
    table: TableId,
    described: &TableDescription,
) -> Option<ColumnId> {
    let own = stem_words(&schema.tables[table].name);
    let columns = schema.tables[table].columns.clone();
    let text = columns
        .clone()
        .filter(|&c| schema.columns[c].kind == Kind::Text);
    let ranked = text.clone().filter_map(|c| {
        let words = identifier_words(&schema.columns[c].name);
        let last = words.last()?;
        // "product_name" in products is its name; "customer_name" in orders is somebody else's.
        let prefix: Vec<String> = words[..words.len() - 1].iter().map(|w| stem(w)).collect();
        let rank = label_rank(&words, last)?;
        let own_name = !prefix.is_empty() && own.ends_with(&prefix);
        Some((if own_name { rank.min(1) } else { rank }, c))
    });
    if let Some((_, column)) = ranked.min() {
        return Some(column);
    }
    let unique = |c: &ColumnId| described.columns[c - columns.start].unique;
    let named = |c: &ColumnId| !is_contact_or_prose(&identifier_words(&schema.columns[*c].name));
    text.clone().find(|c| unique(c) && named(c))
}

fn stem_words(name: &str) -> Vec<String> {
    identifier_words(name).iter().map(|w| stem(w)).collect()
}

pub(super) fn is_label_name(words: &[String]) -> bool {
    words
        .last()
        .is_some_and(|last| label_rank(words, last).is_some())
}
