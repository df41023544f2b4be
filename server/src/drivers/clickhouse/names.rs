//! The text of a type's name: its parts, its quotes, the labels of an enum.

use super::cells;

/// `LowCardinality(Nullable(…))`: more do not stand around a type.
const MAX_WRAPPERS: usize = 2;

/// The labels of an enum, in their order; `None` for every other type.
pub(super) fn enum_labels(name: &str) -> Option<Vec<String>> {
    let mut name = name.trim();
    for _ in 0..=MAX_WRAPPERS {
        let (head, inner) = head_and_inner(name);
        let inner = inner?;
        match head {
            "Nullable" | "LowCardinality" => name = inner.trim(),
            "Enum" | "Enum8" | "Enum16" => {
                let label = |text: &str| quoted(text).map(|(label, _)| label);
                return arguments(inner).into_iter().map(label).collect();
            }
            _ => return None,
        }
    }
    None
}

/// `name Type`, `` `name` Type `` or `Type` alone.
pub(super) fn named(text: &str) -> (Option<String>, &str) {
    if text.starts_with(['`', '"'])
        && let Some((name, end)) = quoted(text)
    {
        return (Some(name), text[end..].trim_start());
    }
    match text.split_once(' ') {
        // A space within parentheses or quotes belongs to the type: `Decimal(9, 2)`.
        Some((name, kind)) if !name.contains(['(', '\'']) => {
            (Some(name.to_owned()), kind.trim_start())
        }
        _ => (None, text),
    }
}

/// `Array(String)` into `Array` and `String`.
pub(super) fn head_and_inner(name: &str) -> (&str, Option<&str>) {
    match (name.find('('), name.ends_with(')')) {
        (Some(at), true) => (&name[..at], Some(&name[at + 1..name.len() - 1])),
        _ => (name, None),
    }
}

/// What stands between commas, those within parentheses and quotes aside.
pub(super) fn arguments(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut found, mut start, mut depth, mut at) = (Vec::new(), 0, 0_usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'\'' | b'`' | b'"' => {
                at = quote_end(bytes, at);
                continue;
            }
            b',' if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    let last = text[start..].trim();
    if !last.is_empty() || !found.is_empty() {
        found.push(last);
    }
    found
}

/// The text in the quotes at the beginning, and where they end.
pub(super) fn quoted(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let quote = *bytes.first().filter(|byte| b"'`\"".contains(byte))?;
    let end = quote_end(bytes, 0);
    if end < 2 || bytes[end - 1] != quote {
        return None;
    }
    let inner = cells::unescape(&bytes[1..end - 1]);
    Some((String::from_utf8_lossy(&inner).into_owned(), end))
}

/// Where the quotes that begin at `at` end, the closing one included.
fn quote_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'\\' => end += 2,
            byte if byte == bytes[at] => return end + 1,
            _ => end += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enum_labels_are_unquoted() {
        let name = r"Nullable(Enum8('sad' = -1, 'it\'s, (ok)' = 0, 'back\\slash' = 1))";
        let labels = enum_labels(name).expect("an enum");
        assert_eq!(labels, ["sad", "it's, (ok)", r"back\slash"]);
        assert_eq!(enum_labels("String"), None);
        assert_eq!(enum_labels("Array(Enum8('a' = 1))"), None);
    }

    #[test]
    fn torn_names_are_no_trouble() {
        for name in [
            "",
            "(",
            ")",
            "Enum8(",
            "Enum8('",
            "Enum8('a",
            "Enum8(')",
            "Enum8(,)",
            "Nullable(",
        ] {
            enum_labels(name);
            named(name);
            arguments(name);
        }
    }

    #[test]
    fn parts_are_split_at_their_commas() {
        assert_eq!(
            arguments("a UInt8, `b, c` Enum8('x, y' = 1), Decimal(9, 2)"),
            ["a UInt8", "`b, c` Enum8('x, y' = 1)", "Decimal(9, 2)"]
        );
        assert!(arguments("").is_empty());
    }
}
