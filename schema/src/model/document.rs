//! An answer as a JSON document, as it is stored with its message and shown as evidence.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Number, Value, json};

use super::{Answer, Cell, ChartKind, Evidence, ResultColumn, RowSet, Verdict, vega_lite};

/// Most rows of a result kept with its message.
pub(super) const KEPT_ROWS: usize = 1000;

impl Cell {
    /// The cell as JSON: numbers stay numbers where no digit is lost, else they are text; times are ISO 8601;
    /// bytes are hexadecimal with `0x`; NaN and infinities are text.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::from(*value),
            Self::Float(value) => Number::from_f64(*value)
                .map_or_else(|| Value::String(value.to_string()), Value::Number),
            Self::Decimal(text) => {
                exact_number(text).unwrap_or_else(|| Value::String(text.to_string()))
            }
            Self::Json(value) => (**value).clone(),
            _ => self.to_text().map_or(Value::Null, Value::String),
        }
    }
}

/// A decimal as a JSON number if that loses nothing.
fn exact_number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    let number: f64 = text.parse().ok()?;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (digits <= 15)
        .then(|| Number::from_f64(number).map(Value::Number))
        .flatten()
}

impl ResultColumn {
    /// `{name, kind, type}`.
    pub fn document(&self) -> Value {
        json!({"name": self.name, "kind": self.kind.name(), "type": self.data_type})
    }
}

impl RowSet {
    /// Rows as JSON arrays, at most `most` of them.
    pub fn json_rows(&self, most: usize) -> Vec<Value> {
        self.rows
            .iter()
            .take(most)
            .map(|row| Value::Array(row.iter().map(Cell::to_json).collect()))
            .collect()
    }
}

impl Verdict {
    /// Every part of it.
    pub fn document(&self) -> Value {
        json!({
            "allowed": self.allowed,
            "reason": self.reason,
            "statement": self.statement,
            "statements": self.statements,
            "writes": self.writes,
            "tables": self.tables,
            "columns": self.columns,
            "functions": self.functions,
            "plan": self.plan,
        })
    }
}

impl Evidence {
    /// Every part of it.
    pub fn document(&self) -> Value {
        let times: Map<String, Value> = self
            .times
            .iter()
            .map(|time| (time.stage.name().to_owned(), json!(time.elapsed_ms)))
            .collect();
        json!({
            "datasource": self.datasource,
            "model": self.model,
            "sql": self.sql,
            "verdict": self.verdict.as_ref().map(Verdict::document),
            "tables_shown": self.tables_shown,
            "rows_read": self.rows_read,
            "cut_at": self.cut_at,
            "confidence": self.confidence,
            "repairs": self.repairs,
            "elapsed_ms": times,
        })
    }
}

impl Answer {
    /// `{text, sql, chart, problem, columns, rows, evidence, vega_lite}`, the first thousand rows; of a dashboard also
    /// `dashboard`.
    pub fn document(&self) -> Value {
        let columns: Option<Vec<Value>> = self
            .result
            .as_ref()
            .map(|result| result.columns.iter().map(ResultColumn::document).collect());
        let mut document = json!({
            "text": self.text,
            "sql": self.evidence.sql,
            "chart": self.chart.map(ChartKind::name),
            "problem": self.problem.as_ref().map(ToString::to_string),
            "columns": columns,
            "rows": self.result.as_ref().map(|result| result.json_rows(KEPT_ROWS)),
            "evidence": self.evidence.document(),
            "vega_lite": self.vega_lite(),
        });
        if let Some(dashboard) = &self.dashboard {
            document["dashboard"] = dashboard.document(&self.conversation);
        }
        document
    }

    /// The result as it is shown, as a Vega-Lite specification.
    pub fn vega_lite(&self) -> Option<Value> {
        vega_lite(self.result.as_ref()?, self.chart?, None)
    }
}

/// Column names with a number behind a repeated one, so that no cell is lost in an object.
pub fn unique_names(names: &[&str]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::with_capacity(names.len());
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    names
        .iter()
        .map(|&name| {
            // The last number a name got is remembered: a thousand equal names take a thousand steps.
            let number = numbers.entry(name).or_insert(1);
            let mut candidate = name.to_owned();
            while !taken.insert(candidate.clone()) {
                *number += 1;
                candidate = format!("{name}_{number}");
            }
            candidate
        })
        .collect()
}

/// A sentence for a result that a cap cut, as the words for the person carry it.
pub fn cut_words(result: &RowSet) -> Option<String> {
    result.cut_at.map(|rows| after_cut(rows as u64))
}

/// Its words for a person: `Cut after 10 rows; there are more.`
pub fn after_cut(rows: u64) -> String {
    let noun = if rows == 1 { "row" } else { "rows" };
    format!("Cut after {} {noun}; there are more.", grouped(rows))
}

/// What the words for the person have to say beside a document that holds fewer rows than there are: that a cap
/// cut the result, unless the document's own text says so, and that not every row read was kept.
pub fn cut_note(document: &Value) -> Option<String> {
    let kept = document.get("rows")?.as_array()?.len() as u64;
    let evidence = document.get("evidence")?;
    let number = |name: &str| evidence.get(name).and_then(Value::as_u64);
    let text = document.get("text").and_then(Value::as_str);
    let cut = number("cut_at")
        .map(after_cut)
        .filter(|words| text.is_none_or(|text| !text.contains(words.as_str())));
    let shortened = number("rows_read")
        .filter(|read| *read > kept)
        .map(|read| format!("The first {} of {} rows.", grouped(kept), grouped(read)));
    let notes: Vec<String> = [shortened, cut].into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join(" "))
}

/// A count with a comma between thousands.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_are_numbered_past_the_names_there_are() {
        assert_eq!(
            unique_names(&["a", "b", "a", "a_2", "a"]),
            ["a", "b", "a_2", "a_2_2", "a_3"]
        );
        assert_eq!(unique_names(&["a", "a_2", "a"]), ["a", "a_2", "a_3"]);
    }

    #[test]
    fn counts_have_commas_between_thousands() {
        let counts = [0, 999, 1000, 12_345, 123_456, 1_234_567].map(grouped);
        assert_eq!(
            counts,
            ["0", "999", "1,000", "12,345", "123,456", "1,234,567"]
        );
    }

    #[test]
    fn a_document_says_when_rows_are_missing() {
        let document = |text: &str, kept: usize, read: usize, cut_at: Option<usize>| {
            json!({
                "text": text,
                "rows": vec![json!([1]); kept],
                "evidence": {"rows_read": read, "cut_at": cut_at},
            })
        };
        assert_eq!(cut_note(&document("", 3, 3, None)), None);
        assert_eq!(
            cut_note(&document("", 1000, 5000, None)).as_deref(),
            Some("The first 1,000 of 5,000 rows.")
        );
        assert_eq!(
            cut_note(&document("", 1000, 10_000, Some(10_000))).as_deref(),
            Some("The first 1,000 of 10,000 rows. Cut after 10,000 rows; there are more.")
        );
        let result = RowSet {
            cut_at: Some(10),
            ..RowSet::default()
        };
        let said = cut_words(&result).expect("the result is cut");
        assert_eq!(said, "Cut after 10 rows; there are more.");
        assert_eq!(
            cut_note(&document("", 10, 10, Some(10))),
            Some(said.clone())
        );
        assert_eq!(cut_note(&document(&said, 10, 10, Some(10))), None);
        assert_eq!(cut_note(&json!({"text": "hello", "rows": null})), None);
    }

    #[test]
    fn a_verdicts_document_has_every_part_of_it() {
        let verdict = Verdict {
            allowed: false,
            reason: "no".to_owned(),
            statement: "update".to_owned(),
            statements: vec!["update".to_owned(), "select".to_owned()],
            writes: true,
            tables: vec!["t".to_owned()],
            columns: vec!["t.a".to_owned()],
            functions: vec!["sum".to_owned()],
            plan: None,
        };
        let expected = json!({
            "allowed": false, "reason": "no", "statement": "update", "statements": ["update", "select"],
            "writes": true, "tables": ["t"], "columns": ["t.a"], "functions": ["sum"], "plan": null,
        });
        assert_eq!(verdict.document(), expected);
    }

    #[test]
    fn numbers_keep_every_digit() {
        assert_eq!(
            Cell::Int(9_007_199_254_740_993).to_json().to_string(),
            "9007199254740993"
        );
        assert_eq!(Cell::Decimal("12.50".into()).to_json(), json!(12.5));
        assert_eq!(
            Cell::Decimal("12345678901234567890.123".into()).to_json(),
            json!("12345678901234567890.123")
        );
        assert_eq!(Cell::Float(f64::NAN).to_json(), json!("NaN"));
    }
}
