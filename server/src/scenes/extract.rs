//! From what a model wrote to what it meant: SQL, words, a display. Tolerant, because models are not.

mod bare;

use serde_json::Value;

/// What a model answered to a question about a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Its explanation.
    pub thoughts: String,
    /// An answer without SQL.
    pub direct: String,
    /// The SQL; empty if none.
    pub sql: String,
    /// The display it chose, DB-GPT's name.
    pub display: String,
}

/// The JSON schema models are asked to answer in.
pub fn schema() -> Value {
    serde_json::json!({
        "type": "object",
        "properties": {
            "thoughts": {"type": "string"},
            "direct_response": {"type": "string"},
            "sql": {"type": "string"},
            "display_type": {"type": "string"},
        },
        "required": ["thoughts", "direct_response", "sql", "display_type"],
        "additionalProperties": false,
    })
}

/// Reads an answer: a JSON object anywhere in the text, else fenced SQL, else a bare SELECT, else plain words.
pub fn read(text: &str) -> Written {
    if let Some(object) = objects(text)
        .find(|value| value.get("sql").is_some() || value.get("direct_response").is_some())
    {
        let part = |name: &str| {
            object
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        return Written {
            thoughts: part("thoughts"),
            direct: part("direct_response"),
            sql: part("sql"),
            display: part("display_type"),
        };
    }
    if let Some((before, sql)) = fenced_sql(text) {
        return Written {
            thoughts: before.trim().to_owned(),
            sql: sql.trim().to_owned(),
            ..Written::default()
        };
    }
    if let Some((sql, after)) = bare::sql(text) {
        return Written {
            thoughts: after.to_owned(),
            sql: sql.to_owned(),
            ..Written::default()
        };
    }
    Written {
        direct: text.trim().to_owned(),
        ..Written::default()
    }
}

/// Every JSON object that begins at some brace of the text, repaired if it was cut or has raw newlines.
fn objects(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.match_indices('{').filter_map(move |(start, _)| {
        let rest = &text[start..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        if let Some(Ok(value @ Value::Object(_))) = stream.next() {
            return Some(value);
        }
        serde_json::from_str(&repair(rest))
            .ok()
            .filter(Value::is_object)
    })
}

/// Escapes raw control characters inside strings, drops what follows the closing brace, closes what is open.
fn repair(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut open: Vec<char> = Vec::new();
    let (mut inside, mut escaped) = (false, false);
    for ch in text.chars() {
        if inside {
            match ch {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => inside = false,
                '\n' => {
                    out.push_str("\\n");
                    continue;
                }
                '\r' => continue,
                '\t' => {
                    out.push_str("\\t");
                    continue;
                }
                _ => {}
            }
            out.push(ch);
            continue;
        }
        match ch {
            '"' => inside = true,
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => {
                drop_trailing_comma(&mut out);
                open.pop();
            }
            _ => {}
        }
        out.push(ch);
        if open.is_empty() {
            return out;
        }
    }
    if escaped {
        out.pop();
    }
    if inside {
        out.push('"');
    }
    drop_trailing_comma(&mut out);
    out.extend(open.into_iter().rev());
    out
}

fn drop_trailing_comma(out: &mut String) {
    let kept = out.trim_end().trim_end_matches(',').len();
    if out[kept..].contains(',') {
        out.truncate(kept);
    }
}

/// What stands before the first fence that holds SQL, and the SQL.
fn fenced_sql(text: &str) -> Option<(&str, &str)> {
    let fence = text.find("```")?;
    let body = &text[fence + 3..];
    let line_end = body.find('\n')?;
    let language = body[..line_end].trim().to_ascii_lowercase();
    if !matches!(
        language.as_str(),
        "" | "sql" | "sqlite" | "postgresql" | "postgres"
    ) {
        return None;
    }
    let inside = &body[line_end + 1..];
    Some((
        &text[..fence],
        &inside[..inside.find("```").unwrap_or(inside.len())],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_clean_object() {
        let read = read(
            r#"{"thoughts": "t", "direct_response": "", "sql": "SELECT 1", "display_type": "response_table"}"#,
        );
        assert_eq!(
            (read.sql.as_str(), read.thoughts.as_str()),
            ("SELECT 1", "t")
        );
    }

    #[test]
    fn reads_an_object_in_fences_and_chatter_with_raw_newlines_and_a_trailing_comma() {
        let read = read(
            "Sure!\n```json\n{\"thoughts\": \"a\", \"sql\": \"SELECT 1\nFROM t\",}\n```\nHope it helps {x}",
        );
        assert_eq!(read.sql, "SELECT 1\nFROM t");
    }

    #[test]
    fn reads_an_object_that_was_cut() {
        let read = read(r#"{"thoughts": "a", "sql": "SELECT a FROM t WHERE x = 1"#);
        assert_eq!(read.sql, "SELECT a FROM t WHERE x = 1");
    }

    #[test]
    fn reads_fenced_and_bare_sql() {
        assert_eq!(read("Here:\n```sql\nSELECT 2\n```").sql, "SELECT 2");
        assert_eq!(read("select 3").sql, "select 3");
        assert_eq!(
            read("WITH a AS (SELECT 1) SELECT * FROM a").sql,
            "WITH a AS (SELECT 1) SELECT * FROM a"
        );
    }

    #[test]
    fn anything_else_is_a_plain_answer_never_an_empty_one() {
        assert_eq!(read("I do not know.").direct, "I do not know.");
    }
}
