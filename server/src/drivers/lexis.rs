//! What SQL's dialects have in common in how a text is cut: strings, quoted names and comments, found by their signs.
//!
//! Which of them a dialect has, and where, is the driver's to know. What is torn ends with the text.

/// A name in double quotes, which stand for themselves where they are doubled.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Where the string or quoted name that begins at `at` ends, behind its closing sign. That sign doubled stands for
/// itself, and so does whatever follows a backslash if there are escapes.
pub(super) fn quoted_end(sql: &[u8], at: usize, closing: u8, escapes: bool) -> usize {
    let mut end = at + 1;
    while end < sql.len() {
        if escapes && sql[end] == b'\\' {
            end += 2;
        } else if sql[end] != closing {
            end += 1;
        } else if sql.get(end + 1) == Some(&closing) {
            end += 2;
        } else {
            return end + 1;
        }
    }
    sql.len()
}

/// Where the comment ends that begins at `at` with `/*`. Comments in it nest.
pub(super) fn nested_comment_end(sql: &[u8], at: usize) -> usize {
    let (mut depth, mut end) = (0_usize, at);
    while end < sql.len() {
        if sql[end..].starts_with(b"/*") {
            depth += 1;
            end += 2;
        } else if sql[end..].starts_with(b"*/") {
            depth -= 1;
            end += 2;
            if depth == 0 {
                return end;
            }
        } else {
            end += 1;
        }
    }
    sql.len()
}

/// Where the line of `at` ends, before its line feed or carriage return.
pub(super) fn line_end(sql: &[u8], at: usize) -> usize {
    let end = sql[at..].iter().position(|sign| b"\r\n".contains(sign));
    end.map_or(sql.len(), |length| at + length)
}

/// Where the string of the form `$$ … $$` or `$tag$ … $tag$` ends that begins at `at`; `None` if that is a dollar of
/// another use.
pub(super) fn dollar_end(sql: &[u8], at: usize) -> Option<usize> {
    let inside = &sql[at + 1..];
    let length = inside.iter().position(|sign| *sign == b'$')?;
    let tag = &inside[..length];
    if !tag.iter().all(|sign| is_of_word(*sign)) || tag.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let delimiter = &sql[at..at + length + 2];
    let start = at + delimiter.len();
    let found = memchr::memmem::find(&sql[start..], delimiter);
    Some(found.map_or(sql.len(), |text| start + text + delimiter.len()))
}

/// A letter of a name, for dialects that have every character beyond ASCII for one, and the dollar too.
pub(super) fn is_of_word(sign: u8) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, b'_' | b'$') || !sign.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader takes of a text that begins with it.
    fn taken(text: &str, end: impl Fn(&[u8], usize) -> usize) -> &str {
        &text[..end(text.as_bytes(), 0)]
    }

    #[test]
    fn a_string_ends_at_the_sign_that_is_neither_doubled_nor_escaped() {
        let plain = |sql: &[u8], at| quoted_end(sql, at, b'\'', false);
        for (text, string) in [
            ("'a' b'", "'a'"),
            ("'it''s' b", "'it''s'"),
            ("'' b", "''"),
            ("'a\\' b'", "'a\\'"),
            ("'a", "'a"),
            ("'a''", "'a''"),
        ] {
            assert_eq!(taken(text, plain), string);
        }
        let escaped = |sql: &[u8], at| quoted_end(sql, at, b'\'', true);
        for (text, string) in [
            ("'a\\' b' c", "'a\\' b'"),
            ("'a\\\\' b'", "'a\\\\'"),
            ("'it''s' b", "'it''s'"),
            ("'\\", "'\\"),
        ] {
            assert_eq!(taken(text, escaped), string);
        }
        let brackets = |sql: &[u8], at| quoted_end(sql, at, b']', false);
        assert_eq!(taken("[a]]b] c]", brackets), "[a]]b]");
        assert_eq!(quoted_end(b"x 'a' y", 2, b'\'', false), 5);
    }

    #[test]
    fn a_name_in_quotes_is_read_to_its_end() {
        for name in ["people", "a\"b", "", "\""] {
            let written = quoted(name);
            let end = quoted_end(written.as_bytes(), 0, b'"', false);
            assert_eq!(end, written.len());
        }
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn comments_nest_and_lines_end_in_either_sign() {
        for (text, comment) in [
            ("/* a */ b", "/* a */"),
            ("/* a /* b */ c */ d */", "/* a /* b */ c */"),
            ("/*/ a */ b", "/*/ a */"),
            ("/* /* a */", "/* /* a */"),
            ("/*", "/*"),
        ] {
            assert_eq!(taken(text, nested_comment_end), comment);
        }
        for text in ["-- a\nb", "-- a\rb", "-- a\r\nb", "-- a"] {
            assert_eq!(taken(text, line_end), "-- a");
        }
    }

    #[test]
    fn only_a_tag_between_dollars_begins_a_string() {
        for (text, end) in [
            ("$$a$$ b", Some(5)),
            ("$t$a$$$t$ b", Some(9)),
            ("$é$a$é$", Some(9)),
            ("$t$a", Some(4)),
            ("$1$a$1$", None),
            ("$a b$", None),
            ("$1", None),
            ("$", None),
        ] {
            assert_eq!(dollar_end(text.as_bytes(), 0), end, "{text}");
        }
    }
}
