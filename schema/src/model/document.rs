//! An answer as a JSON document, as it is stored with its message and shown as evidence.

use serde_json::{Map, Number, Value, json};

use super::{Answer, Cell, ChartKind, Evidence, ResultColumn, RowSet, Verdict};

/// Most rows of a result kept with its message.
const KEPT_ROWS: usize = 1000;

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
                exact_number(text).unwrap_or_else(|| Value::String(text.clone()))
            }
            Self::Json(value) => value.clone(),
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

impl ChartKind {
    /// Stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Line => "line",
            Self::Bar => "bar",
            Self::Pie => "pie",
            Self::Scatter => "scatter",
            Self::Area => "area",
            Self::Number => "number",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Table,
            Self::Line,
            Self::Bar,
            Self::Pie,
            Self::Scatter,
            Self::Area,
            Self::Number,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}

impl ResultColumn {
    /// `{name, kind, type}`.
    pub fn document(&self) -> Value {
        json!({"name": self.name, "kind": format!("{:?}", self.kind).to_lowercase(), "type": self.data_type})
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
    /// `{text, sql, chart, problem, columns, rows, evidence}`; the first thousand rows.
    pub fn document(&self) -> Value {
        let columns: Option<Vec<Value>> = self
            .result
            .as_ref()
            .map(|result| result.columns.iter().map(ResultColumn::document).collect());
        json!({
            "text": self.text,
            "sql": self.evidence.sql,
            "chart": self.chart.map(ChartKind::name),
            "problem": self.problem.as_ref().map(ToString::to_string),
            "columns": columns,
            "rows": self.result.as_ref().map(|result| result.json_rows(KEPT_ROWS)),
            "evidence": self.evidence.document(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
