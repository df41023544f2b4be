//! A dashboard's document as DB-GPT's pages read it: the report, its charts, and rows turned into their values.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::{Cell, ChartKind, RowSet, after_cut};

/// Most places of a decimal that is summed digit by digit.
const MOST_PLACES: u32 = 38;

/// One value of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Oslo", "type": "total", "value": "120.5"}))]
pub struct ValueItem {
    /// What it is the value of: a category, a month.
    pub name: String,
    /// The column it came from.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value as text.
    pub value: String,
}

/// A chart of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportChartOut {
    /// Id.
    pub chart_uid: String,
    /// Title.
    pub chart_name: String,
    /// `Table`, `LineChart`, `BarChart`, `PieChart` or `IndicatorValue`.
    pub chart_type: String,
    /// What it shows and why.
    pub chart_desc: String,
    /// Its query.
    pub chart_sql: String,
    /// Columns of the result.
    pub column_name: Vec<String>,
    /// The result as values.
    pub values: Vec<ValueItem>,
    /// Always null, as upstream has it.
    #[schema(value_type = Option<Object>)]
    pub style: Value,
    /// Why it could not be drawn; only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub err_msg: Option<String>,
}

/// A report: what the pages are given for a dashboard, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportOut {
    /// Conversation.
    pub conv_uid: String,
    /// Always `report`.
    pub template_name: String,
    /// Always null.
    pub template_introduce: Option<String>,
    /// The charts.
    pub charts: Vec<ReportChartOut>,
}

impl ReportOut {
    /// The report of a dashboard's document.
    pub fn of(dashboard: &Value) -> Self {
        let charts = dashboard["charts"].as_array().into_iter().flatten();
        Self {
            conv_uid: text_of(dashboard, "conversation"),
            template_name: "report".to_owned(),
            template_introduce: None,
            charts: charts.map(ReportChartOut::of).collect(),
        }
    }

    /// Its JSON text. Q-123: readers of plain frames turn a backslash and an `n` into a line break before they parse,
    /// so that line breaks and backslashes are written by their numbers.
    pub fn text(&self) -> String {
        without_breaks(&serde_json::to_string(self).unwrap_or_default())
    }
}

/// A JSON text whose line breaks and backslashes are written by their numbers.
pub(super) fn without_breaks(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut signs = json.chars();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            text.push(sign);
            continue;
        }
        match signs.next() {
            Some('n') => text.push_str("\\u000a"),
            Some('\\') => text.push_str("\\u005c"),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

impl ReportChartOut {
    /// A chart of a dashboard's document.
    pub fn of(chart: &Value) -> Self {
        let title = text_of(chart, "title");
        let thoughts = text_of(chart, "thoughts");
        let bare = Self {
            chart_uid: text_of(chart, "id"),
            chart_name: title.clone(),
            chart_type: report_type(ChartKind::Table).to_owned(),
            chart_desc: thoughts.clone(),
            chart_sql: text_of(chart, "sql"),
            column_name: Vec::new(),
            values: Vec::new(),
            style: Value::Null,
            err_msg: None,
        };
        if let Some(error) = chart["error"].as_str() {
            // as a table of one cell, so that the pages show the reason in the chart's place.
            return Self {
                column_name: vec!["error".to_owned()],
                values: vec![ValueItem {
                    name: title,
                    kind: "error".to_owned(),
                    value: error.to_owned(),
                }],
                err_msg: Some(error.to_owned()),
                ..bare
            };
        }
        let result = RowSet::from_document(chart);
        let kind = chart["chart"].as_str().and_then(ChartKind::from_name);
        let cut = chart["cut_at"].as_u64().map(after_cut);
        Self {
            chart_type: report_type(kind.unwrap_or(ChartKind::Table)).to_owned(),
            chart_desc: match cut {
                Some(cut) => format!("{thoughts} {cut}").trim_start().to_owned(),
                None => thoughts,
            },
            column_name: result
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
            values: value_items(&result),
            ..bare
        }
    }
}

/// DB-GPT's name of a display in a report. The pages draw these alone, and nothing in the place of another.
pub fn report_type(kind: ChartKind) -> &'static str {
    match kind {
        ChartKind::Line | ChartKind::Area => "LineChart",
        ChartKind::Bar => "BarChart",
        ChartKind::Pie | ChartKind::Donut => "PieChart",
        ChartKind::Number => "IndicatorValue",
        ChartKind::Table | ChartKind::Scatter | ChartKind::Bubble | ChartKind::Heatmap => "Table",
    }
}

/// A result as values, by DB-GPT's rule. The first row tells which column names the others: the first text, else the
/// first date, else the first column with `id` in its name. Every other column gives a value per row, `0` in a row with
/// a NULL. Without such a column each gives its sum.
pub fn value_items(result: &RowSet) -> Vec<ValueItem> {
    let Some(first) = result.rows.first() else {
        return Vec::new();
    };
    let of_kind = |is_so: fn(&Cell) -> bool| first.iter().position(is_so);
    let primary = of_kind(|cell| matches!(cell, Cell::Text(_)))
        .or_else(|| {
            of_kind(|cell| {
                matches!(
                    cell,
                    Cell::Date(_) | Cell::Timestamp(_) | Cell::TimestampTz(_)
                )
            })
        })
        .or_else(|| {
            result
                .columns
                .iter()
                .position(|column| column.name.contains("id"))
        });
    let Some(primary) = primary else {
        return sums(result);
    };
    let mut items = Vec::new();
    for (at, column) in result.columns.iter().enumerate() {
        // a column that stands alone is shown, where upstream's rule leaves nothing.
        if at == primary && result.columns.len() > 1 {
            continue;
        }
        for row in &result.rows {
            let text = |at: usize| row.get(at).and_then(Cell::to_text);
            let lacks = row.contains(&Cell::Null);
            items.push(ValueItem {
                // The word that upstream's language has for it.
                name: text(primary).unwrap_or_else(|| "None".to_owned()),
                kind: column.name.clone(),
                value: text(at)
                    .filter(|_| !lacks)
                    .unwrap_or_else(|| "0".to_owned()),
            });
        }
    }
    items
}

/// One value per column: the sum of what is not NULL.
fn sums(result: &RowSet) -> Vec<ValueItem> {
    result
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| ValueItem {
            name: column.name.clone(),
            kind: format!("{}_amount", column.name),
            value: sum(result, at),
        })
        .collect()
}

fn sum(result: &RowSet, column: usize) -> String {
    let told: Vec<&Cell> = result
        .cells(column)
        .filter(|cell| **cell != Cell::Null)
        .collect();
    if let [cell] = told.as_slice() {
        return cell.to_text().unwrap_or_default();
    }
    exact_sum(&told).unwrap_or_else(|| {
        let numbers = told.iter().filter_map(|cell| cell.as_f64());
        // An empty sum of floats would be minus nought.
        numbers.fold(0.0, |sum, number| sum + number).to_string()
    })
}

/// The sum of whole numbers and decimals with every digit; nothing where there is another number among them.
fn exact_sum(cells: &[&Cell]) -> Option<String> {
    let (mut sum, mut places) = (0_i128, 0_u32);
    for cell in cells {
        let (units, own) = units(cell)?;
        let common = places.max(own);
        let moved = |units: i128, from: u32| units.checked_mul(10_i128.checked_pow(common - from)?);
        sum = moved(sum, places)?.checked_add(moved(units, own)?)?;
        places = common;
    }
    let sign = if sum < 0 { "-" } else { "" };
    let places = places as usize;
    let digits = format!("{:0>width$}", sum.unsigned_abs(), width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let point = if part.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{part}"))
}

/// A number in units of its last place, and how many places it has.
fn units(cell: &Cell) -> Option<(i128, u32)> {
    match cell {
        Cell::Int(value) => Some((i128::from(*value), 0)),
        Cell::Decimal(text) => {
            let (whole, part) = text.split_once('.').unwrap_or((text, ""));
            let places = u32::try_from(part.len()).ok()?;
            let units = format!("{whole}{part}").parse().ok()?;
            // With more places than digits of the type nothing could be moved.
            (places <= MOST_PLACES).then_some((units, places))
        }
        _ => None,
    }
}

fn text_of(document: &Value, name: &str) -> String {
    document[name].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
