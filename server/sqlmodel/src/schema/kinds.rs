//! What a column holds, judged by declared type, name and samples.

use super::{Kind, identifier_words, labels::is_label_name};

/// Families of declared types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Boolean,
    Number,
    Date,
    Text,
    Uuid,
    Unknown,
}

pub(super) fn declared_class(declared: &str) -> Class {
    let declared = declared.trim().to_ascii_lowercase();
    let base = declared.split(['(', ' ', '[']).next().unwrap_or("");
    match base {
        "" | "any" | "blob" | "bytea" => Class::Unknown,
        "bool" | "boolean" | "bit" => Class::Boolean,
        "date" | "datetime" | "datetime2" | "smalldatetime" | "datetimeoffset" | "timestamp"
        | "timestamptz" => Class::Date,
        "uuid" | "uniqueidentifier" => Class::Uuid,
        "interval" | "time" | "timetz" | "inet" | "json" | "jsonb" | "xml" | "point" => Class::Text,
        _ if [
            "int",
            "serial",
            "real",
            "floa",
            "doub",
            "deci",
            "nume",
            "money",
            "number",
            "smallmoney",
        ]
        .iter()
        .any(|prefix| base.contains(prefix)) =>
        {
            Class::Number
        }
        _ => Class::Text,
    }
}

/// What a column holds, from its declared type, its name and what was seen in it. References are the caller's
/// to know; without one, a reference looks like any [`Kind::Id`] or number.
pub fn kind_of(declared: &str, name: &str, samples: &[String], primary: bool) -> Kind {
    let words = identifier_words(name);
    let class = match declared_class(declared) {
        // SQLite: no type, or TEXT for whatever the application writes.
        Class::Unknown => class_of_samples(samples),
        class => class,
    };
    let last = words.last().map_or("", String::as_str);
    let key_like =
        matches!(last, "id" | "uuid" | "guid" | "fk" | "key") && (words.len() > 1 || last != "key");
    match class {
        Class::Boolean => Kind::Flag,
        Class::Date => Kind::Date,
        Class::Uuid => Kind::Id,
        Class::Number => {
            if primary || key_like {
                Kind::Id
            } else if is_flag_name(&words) && all(samples, |s| matches!(s, "0" | "1")) {
                Kind::Flag
            } else {
                Kind::Number
            }
        }
        Class::Text | Class::Unknown => {
            let seen = !samples.is_empty();
            if seen && all(samples, is_iso_date) && !primary {
                Kind::Date
            } else if seen && is_flag_name(&words) && all(samples, is_truth) {
                Kind::Flag
            } else if key_like || (primary && !is_label_name(&words)) {
                Kind::Id
            } else if !seen && is_date_name(&words) {
                Kind::Date
            } else {
                Kind::Text
            }
        }
    }
}

fn all(samples: &[String], holds: impl Fn(&str) -> bool) -> bool {
    samples.iter().all(|s| holds(s.trim()))
}

fn class_of_samples(samples: &[String]) -> Class {
    if !samples.is_empty() && all(samples, |s| s.parse::<f64>().is_ok()) {
        Class::Number
    } else {
        Class::Text
    }
}

fn is_truth(sample: &str) -> bool {
    matches!(
        sample.to_ascii_lowercase().as_str(),
        "true" | "false" | "t" | "f" | "0" | "1"
    )
}

/// `2024-03-05`, alone or with a time after it.
fn is_iso_date(sample: &str) -> bool {
    let bytes = sample.as_bytes();
    bytes.len() >= 10
        && sample
            .get(..10)
            .is_some_and(|day| day.parse::<chrono::NaiveDate>().is_ok())
        && bytes.get(10).is_none_or(|b| matches!(b, b'T' | b' '))
}

fn is_flag_name(words: &[String]) -> bool {
    const FIRST: &[&str] = &[
        "is", "has", "was", "can", "are", "does", "should", "allow", "allows", "needs",
    ];
    const WHOLE: &[&str] = &[
        "accepted",
        "active",
        "approved",
        "archived",
        "available",
        "blocked",
        "cancelled",
        "canceled",
        "closed",
        "completed",
        "confirmed",
        "deleted",
        "disabled",
        "discontinued",
        "done",
        "enabled",
        "featured",
        "finished",
        "flag",
        "hidden",
        "locked",
        "member",
        "open",
        "overdue",
        "paid",
        "premium",
        "private",
        "public",
        "published",
        "read",
        "refunded",
        "resolved",
        "returned",
        "shipped",
        "subscribed",
        "verified",
        "vip",
        "visible",
        "withdrawn",
    ];
    let first = words.first().map_or("", String::as_str);
    let last = words.last().map_or("", String::as_str);
    (words.len() > 1 && FIRST.contains(&first)) || WHOLE.contains(&last)
}

fn is_date_name(words: &[String]) -> bool {
    let last = words.last().map_or("", String::as_str);
    matches!(last, "date" | "datetime" | "timestamp" | "birthday" | "dob")
        || (words.len() > 1 && matches!(last, "at" | "on"))
}
