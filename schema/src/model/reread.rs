//! Results and verdicts read back from the documents they were kept in.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::Value;

use super::{Cell, CellKind, ResultColumn, RowSet, Verdict};

impl CellKind {
    const ALL: [Self; 11] = [
        Self::Bool,
        Self::Int,
        Self::Float,
        Self::Decimal,
        Self::Text,
        Self::Bytes,
        Self::Date,
        Self::Time,
        Self::Timestamp,
        Self::Json,
        Self::Unknown,
    ];

    /// Stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Decimal => "decimal",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Json => "json",
            Self::Unknown => "unknown",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Cell {
    /// The cell that [`Cell::to_json`] wrote, in a column of this kind. What is not of the column's kind is text.
    pub fn from_json(value: &Value, kind: CellKind) -> Self {
        match value {
            Value::Null => Self::Null,
            _ if kind == CellKind::Json => Self::Json(Box::new(value.clone())),
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                _ if kind == CellKind::Decimal => Self::Decimal(number.to_string().into()),
                Some(whole) => Self::Int(whole),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => of_text(text, kind).unwrap_or_else(|| Self::Text(text.clone())),
            Value::Array(_) | Value::Object(_) => Self::Json(Box::new(value.clone())),
        }
    }
}

fn of_text(text: &str, kind: CellKind) -> Option<Cell> {
    Some(match kind {
        CellKind::Decimal => Cell::Decimal(text.into()),
        CellKind::Float => Cell::Float(text.parse().ok()?),
        CellKind::Bytes => Cell::Bytes(hex::decode(text.strip_prefix("0x")?).ok()?.into()),
        CellKind::Date => Cell::Date(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?),
        CellKind::Time => Cell::Time(NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok()?),
        CellKind::Timestamp => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Cell::TimestampTz(at),
            Err(_) => {
                Cell::Timestamp(NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?)
            }
        },
        _ => return None,
    })
}

impl RowSet {
    /// The result kept as `columns` and `rows` of a document. What a document lacks the result lacks.
    pub fn from_document(document: &Value) -> Self {
        let list = |name: &str| document[name].as_array().into_iter().flatten();
        let columns: Vec<ResultColumn> = list("columns")
            .map(|column| ResultColumn {
                name: column["name"].as_str().unwrap_or_default().to_owned(),
                kind: column["kind"]
                    .as_str()
                    .and_then(CellKind::from_name)
                    .unwrap_or(CellKind::Unknown),
                data_type: column["type"].as_str().unwrap_or_default().to_owned(),
            })
            .collect();
        let rows = list("rows")
            .filter_map(Value::as_array)
            .map(|row| {
                // As long as the columns, whatever came.
                columns
                    .iter()
                    .enumerate()
                    .map(|(at, column)| {
                        Cell::from_json(row.get(at).unwrap_or(&Value::Null), column.kind)
                    })
                    .collect()
            })
            .collect();
        Self {
            columns,
            rows,
            cut_at: document["cut_at"].as_u64().map(|rows| rows as usize),
            elapsed_ms: document["elapsed_ms"].as_u64().unwrap_or(0),
        }
    }
}

impl Verdict {
    /// The verdict that [`Verdict::document`] wrote; nothing of what is none.
    pub fn from_document(document: &Value) -> Option<Self> {
        let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        let names = |name: &str| {
            let list = document[name].as_array().into_iter().flatten();
            list.filter_map(|item| Some(item.as_str()?.to_owned()))
                .collect()
        };
        document.is_object().then(|| Self {
            allowed: document["allowed"].as_bool().unwrap_or(false),
            reason: text("reason"),
            statement: text("statement"),
            statements: names("statements"),
            writes: document["writes"].as_bool().unwrap_or(false),
            tables: names("tables"),
            columns: names("columns"),
            functions: names("functions"),
            plan: document["plan"].as_str().map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_result_is_read_back_as_it_was_kept() {
        let column = |name: &str, kind| ResultColumn {
            name: name.to_owned(),
            kind,
            data_type: "t".to_owned(),
        };
        let day = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a day");
        let noon = day.and_hms_milli_opt(12, 0, 0, 500).expect("a moment");
        let zoned = DateTime::parse_from_rfc3339("2024-02-29T12:00:00+01:00").expect("a moment");
        let kept = RowSet {
            columns: vec![
                column("a", CellKind::Int),
                column("b", CellKind::Decimal),
                column("c", CellKind::Date),
                column("d", CellKind::Timestamp),
                column("e", CellKind::Bytes),
                column("f", CellKind::Json),
                column("g", CellKind::Unknown),
                column("h", CellKind::Timestamp),
            ],
            rows: vec![
                vec![
                    Cell::Int(i64::MAX),
                    Cell::Decimal("12345678901234567890.5".into()),
                    Cell::Date(day),
                    Cell::Timestamp(noon),
                    Cell::Bytes([1, 255].into()),
                    Cell::Json(Box::new(json!({"x": [1]}))),
                    Cell::Text("0x01".to_owned()),
                    Cell::TimestampTz(zoned),
                ],
                vec![
                    Cell::Null,
                    Cell::Decimal("12.5".into()),
                    Cell::Text("infinity".to_owned()),
                    Cell::Null,
                    Cell::Null,
                    Cell::Null,
                    Cell::Float(0.5),
                    Cell::Null,
                ],
            ],
            cut_at: Some(2),
            elapsed_ms: 7,
        };
        let columns: Vec<Value> = kept.columns.iter().map(ResultColumn::document).collect();
        let document = json!({
            "columns": columns, "rows": kept.json_rows(10), "cut_at": 2, "elapsed_ms": 7,
        });
        assert_eq!(RowSet::from_document(&document), kept);
    }

    #[test]
    fn a_verdict_is_read_back_as_it_was_kept() {
        let verdict = Verdict {
            allowed: true,
            statement: "select".to_owned(),
            statements: vec!["select".to_owned()],
            tables: vec!["t".to_owned()],
            plan: Some("SCAN t".to_owned()),
            ..Verdict::default()
        };
        let read = Verdict::from_document(&verdict.document());
        assert_eq!(read, Some(verdict));
        assert_eq!(Verdict::from_document(&Value::Null), None);
    }

    #[test]
    fn a_document_without_a_result_is_an_empty_one_and_short_rows_are_filled() {
        assert_eq!(RowSet::from_document(&json!({})), RowSet::default());
        let short = json!({"columns": [{"name": "a"}, {"name": "b"}], "rows": [[1], "no row"]});
        let read = RowSet::from_document(&short);
        assert_eq!(read.rows, [[Cell::Int(1), Cell::Null]]);
    }
}
