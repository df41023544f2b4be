//! Comparing an answer with a recorded one: shape and values, with placeholders for what no two runs share.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value};

/// Stands for "there is no such field" on either side of a [`Mismatch`].
pub const ABSENT: &str = "{{ABSENT}}";

/// One place where an answer is not what was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What was recorded.
    pub expected: Value,
    /// What came.
    pub got: Value,
}

/// What numbered and named placeholders stand for in this run.
#[derive(Debug, Clone, Default)]
pub struct Bindings(HashMap<String, String>);

impl Bindings {
    /// Fixes a placeholder, named without its braces.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// A text with every known placeholder filled in.
    pub fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), value)
        })
    }

    /// The same through a whole document.
    pub fn fill_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|item| self.fill_json(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), self.fill_json(value)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }
}

/// Every place where `got` is not `expected`. New numbered placeholders are bound to what they meet.
pub fn compare(expected: &Value, got: &Value, bindings: &mut Bindings) -> Vec<Mismatch> {
    let mut found = Vec::new();
    walk(String::new(), expected, got, bindings, &mut found);
    found
}

fn walk(
    path: String,
    expected: &Value,
    got: &Value,
    bindings: &mut Bindings,
    found: &mut Vec<Mismatch>,
) {
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            let absent = Value::String(ABSENT.to_owned());
            for (key, value) in a {
                walk(
                    format!("{path}/{key}"),
                    value,
                    b.get(key).unwrap_or(&absent),
                    bindings,
                    found,
                );
            }
            for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                found.push(Mismatch {
                    path: format!("{path}/{key}"),
                    expected: absent.clone(),
                    got: value.clone(),
                });
            }
        }
        (Value::Array(a), Value::Array(b)) => arrays(&path, a, b, bindings, found),
        (Value::String(a), got) if a.contains("{{") => {
            if !placeholder_fits(a, got, bindings) {
                found.push(Mismatch {
                    path,
                    expected: expected.clone(),
                    got: got.clone(),
                });
            }
        }
        (Value::String(a), Value::String(b)) => match (chart(a), chart(b)) {
            (Some((words, content)), Some((our_words, our_content))) => {
                walk(
                    format!("{path}/words"),
                    &words.into(),
                    &our_words.into(),
                    bindings,
                    found,
                );
                walk(
                    format!("{path}/chart"),
                    &content,
                    &our_content,
                    bindings,
                    found,
                );
            }
            _ if a == b => {}
            _ => found.push(Mismatch {
                path,
                expected: expected.clone(),
                got: got.clone(),
            }),
        },
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        _ => found.push(Mismatch {
            path,
            expected: expected.clone(),
            got: got.clone(),
        }),
    }
}

fn arrays(
    path: &str,
    a: &[Value],
    b: &[Value],
    bindings: &mut Bindings,
    found: &mut Vec<Mismatch>,
) {
    let absent = Value::String(ABSENT.to_owned());
    // A long list was recorded by its head and its length.
    let in_all = a.last().and_then(Value::as_str).and_then(|text| {
        text.strip_prefix("{{")?
            .strip_suffix(" in all}}")?
            .split(' ')
            .next()?
            .parse::<usize>()
            .ok()
    });
    let (a, length) = match in_all {
        Some(length) => (&a[..a.len() - 1], length),
        None => (a, a.len()),
    };
    for (i, value) in a.iter().enumerate() {
        walk(
            format!("{path}/{i}"),
            value,
            b.get(i).unwrap_or(&absent),
            bindings,
            found,
        );
    }
    if in_all.is_some() && b.len() != length {
        found.push(Mismatch {
            path: format!("{path}/length"),
            expected: length.into(),
            got: b.len().into(),
        });
    }
    if in_all.is_none() {
        for (i, value) in b.iter().enumerate().skip(a.len()) {
            found.push(Mismatch {
                path: format!("{path}/{i}"),
                expected: absent.clone(),
                got: value.clone(),
            });
        }
    }
}

fn placeholder_fits(expected: &str, got: &Value, bindings: &mut Bindings) -> bool {
    let text = match got {
        Value::String(text) if text == ABSENT => return expected == ABSENT,
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null => return expected == "{{NULL}}",
        _ => return false,
    };
    if expected == "{{HTML}}" {
        return text.starts_with("<!DOCTYPE");
    }
    let filled = bindings.fill(expected);
    let names = Regex::new(r"\{\{([A-Z_]+)(\d*)\}\}").expect("a fixed pattern");
    let mut pattern = String::from("(?s)^");
    let mut end = 0;
    let mut captured: Vec<String> = Vec::new();
    for found in names.captures_iter(&filled) {
        let whole = found.get(0).expect("group 0 is the match");
        pattern.push_str(&regex::escape(&filled[end..whole.start()]));
        end = whole.end();
        let name = &found[1];
        pattern.push_str(match name {
            "UUID" => {
                captured.push(format!("{name}{}", &found[2]));
                "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
            }
            "TIMESTAMP" => r"(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*|\d{10}(?:\.\d+)?)",
            "SECONDS" | "NUMBER" => r"-?\d+(?:\.\d+)?(?:e-?\d+)?",
            "ID" | "HOST_NAME" | "ANY" => ".+",
            // A name nobody has bound: nothing fits it.
            _ => return false,
        });
    }
    pattern.push_str(&regex::escape(&filled[end..]));
    pattern.push('$');
    let pattern = Regex::new(&pattern).expect("escaped text and fixed patterns");
    let Some(fit) = pattern.captures(&text) else {
        return false;
    };
    for (i, name) in captured.iter().enumerate() {
        bindings.set(name, &fit[i + 1]);
    }
    true
}

/// An answer's words and the document in its `chart-view`, so that neither spacing nor the order of fields counts.
pub fn chart(text: &str) -> Option<(String, Value)> {
    let (words, rest) = text.split_once("<chart-view content=\"")?;
    let (content, _) = rest.split_once("\" />")?;
    let plain = content
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#x27;", "'")
        .replace("&amp;", "&");
    Some((words.to_owned(), serde_json::from_str(&plain).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_numbered_placeholder_stands_for_one_value() {
        let mut bindings = Bindings::default();
        let id = "0198c0de-0000-7000-8000-000000000001";
        assert!(
            compare(
                &json!({"id": "x-{{UUID1}}"}),
                &json!({"id": format!("x-{id}")}),
                &mut bindings
            )
            .is_empty()
        );
        assert!(compare(&json!("{{UUID1}}"), &json!(id), &mut bindings).is_empty());
        let other = "0198c0de-0000-7000-8000-000000000002";
        assert_eq!(
            compare(&json!("{{UUID1}}"), &json!(other), &mut bindings).len(),
            1
        );
    }

    #[test]
    fn missing_and_further_fields_are_both_named() {
        let found = compare(
            &json!({"a": 1, "b": [1]}),
            &json!({"b": [1, 2], "c": 3}),
            &mut Bindings::default(),
        );
        let paths: Vec<&str> = found.iter().map(|m| m.path.as_str()).collect();
        assert_eq!(paths, ["/a", "/b/1", "/c"]);
    }

    #[test]
    fn charts_are_compared_as_documents() {
        let a = "Words\n<chart-view content=\"{&quot;a&quot;: 1, &quot;b&quot;: 2}\" />";
        let b = "Words\n<chart-view content=\"{&quot;b&quot;:2,&quot;a&quot;:3}\" />";
        let found = compare(&json!(a), &json!(b), &mut Bindings::default());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "/chart/a");
    }

    #[test]
    fn a_long_list_is_its_head_and_its_length() {
        let expected = json!([1, "{{3 numbers in all}}"]);
        assert!(compare(&expected, &json!([1, 5, 6]), &mut Bindings::default()).is_empty());
        assert_eq!(
            compare(&expected, &json!([1, 5]), &mut Bindings::default()).len(),
            1
        );
    }

    #[test]
    fn an_unknown_placeholder_fits_nothing() {
        assert_eq!(
            compare(
                &json!("{{NONSENSE}}"),
                &json!("x"),
                &mut Bindings::default()
            )
            .len(),
            1
        );
    }
}
