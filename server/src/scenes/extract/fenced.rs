//! SQL in fences, and behind words that announce it.

use super::bare;

/// What models write behind the back-ticks of a query.
const LANGUAGES: &[&str] = &[
    "sql",
    "sqlite",
    "sqlite3",
    "postgresql",
    "postgres",
    "pgsql",
    "plpgsql",
    "mysql",
    "mariadb",
    "duckdb",
    "clickhouse",
    "tsql",
    "t-sql",
    "mssql",
];
/// Fences looked at, and places of a text where a bare query may begin.
const MOST_FENCES: usize = 50;
const MOST_PLACES: usize = 50;

/// The first fence that holds SQL, and what stands before it, or behind it where nothing stands before.
pub(super) fn fenced(text: &str) -> Option<(&str, &str)> {
    let mut at = 0;
    for _ in 0..MOST_FENCES {
        let fence = at + text[at..].find("```")?;
        let body = &text[fence + 3..];
        let end = body.find("```");
        let inside = &body[..end.unwrap_or(body.len())];
        if let Some(sql) = sql_of(inside) {
            let before = text[..fence].trim();
            let after = end.map_or("", |end| body[end + 3..].trim());
            return Some((if before.is_empty() { after } else { before }, sql));
        }
        at = fence + 3 + end? + 3;
    }
    None
}

/// The SQL inside a fence: one that says so, or that says nothing and begins as a query does.
fn sql_of(inside: &str) -> Option<&str> {
    let first = inside.split(char::is_whitespace).next().unwrap_or_default();
    if LANGUAGES.contains(&first.to_ascii_lowercase().as_str()) {
        return Some(inside[first.len()..].trim()).filter(|sql| !sql.is_empty());
    }
    let sql = inside.trim();
    let begins = ["select", "with", "explain", "show", "describe"];
    let is_query = begins.contains(&first_word(sql).as_str());
    is_query.then_some(sql)
}

/// A bare query at the beginning of a text, of one of its lines, or behind a colon, and the words around it.
pub(super) fn announced(text: &str) -> Option<(&str, &str)> {
    if let Some((sql, after)) = bare::sql(text) {
        return Some((after, sql));
    }
    let places = text.match_indices(['\n', ':']).map(|(at, _)| at + 1);
    places.take(MOST_PLACES).find_map(|at| {
        let rest = text[at..].trim_start();
        if !matches!(first_word(rest).as_str(), "select" | "with") {
            return None;
        }
        let (sql, after) = bare::sql(rest)?;
        let before = text[..at].trim();
        Some((if before.is_empty() { after } else { before }, sql))
    })
}

/// The first word in lower case.
fn first_word(text: &str) -> String {
    let word = text
        .split(|sign: char| !sign.is_alphanumeric())
        .next()
        .unwrap_or_default();
    word.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_counts_by_its_language_or_by_what_it_holds() {
        for (text, expected) in [
            ("Here:\n```sql\nSELECT 1\n```\nDone.", ("Here:", "SELECT 1")),
            ("```mysql\nSELECT 1\n```\nDone.", ("Done.", "SELECT 1")),
            ("```\nselect 1\n```", ("", "select 1")),
            ("```sql SELECT 1```", ("", "SELECT 1")),
            (
                "First:\n```python\nx\n```\n```sql\nSELECT 1",
                ("First:\n```python\nx\n```", "SELECT 1"),
            ),
        ] {
            assert_eq!(fenced(text), Some(expected), "{text}");
        }
        for none in [
            "no fence",
            "```python\nprint(1)\n```",
            "```\nplain words\n```",
            "```sql\n```",
        ] {
            assert_eq!(fenced(none), None, "{none}");
        }
    }

    #[test]
    fn a_query_may_be_announced() {
        assert_eq!(
            announced("SQLQuery: SELECT town FROM people"),
            Some(("SQLQuery:", "SELECT town FROM people"))
        );
        assert_eq!(
            announced(
                "This counts them.\n\nSELECT COUNT(*) FROM people;\nIt reads the table once."
            ),
            Some(("This counts them.", "SELECT COUNT(*) FROM people;"))
        );
        assert_eq!(announced("My advice: select the city you mean."), None);
        assert_eq!(announced("Nothing: to see\nhere"), None);
    }
}
