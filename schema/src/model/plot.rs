//! Which columns of a result a chart draws, and on which scale.
//!
//! One answer for all that draw: the choice of a display, Vega-Lite, and the charts of an exported page.

use std::collections::HashSet;

use chrono::NaiveDate;

use super::{Cell, CellKind, ChartKind, RowSet};

/// The scale that a column's values lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Numbers.
    Quantity,
    /// Days.
    Day,
    /// Points in time.
    Moment,
    /// Texts that their own order sorts, such as `2024-03`.
    Ordered,
    /// Names, in the order they come.
    Named,
}

/// Columns of a result by what a chart does with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    /// The column along the axis, or the one that names bars and slices; none for numbers that stand alone.
    pub key: Option<usize>,
    /// The column that tells series apart; of a heat map the one along the other axis.
    pub series: Option<usize>,
    /// The numbers drawn, at least one; of bubbles the second is the size.
    pub values: Vec<usize>,
}

impl Plot {
    /// What a chart of this kind draws; `None` for a table, and where the result lacks the columns.
    pub fn of(result: &RowSet, kind: ChartKind) -> Option<Self> {
        let numbers = result.numeric_columns();
        let names: Vec<usize> = (0..result.columns.len())
            .filter(|column| !numbers.contains(column))
            .collect();
        match kind {
            ChartKind::Table => None,
            ChartKind::Number => (!numbers.is_empty()).then_some(Self {
                key: None,
                series: None,
                values: numbers,
            }),
            ChartKind::Scatter => points(&numbers, &names, 1),
            ChartKind::Bubble => points(&numbers, &names, 2),
            ChartKind::Heatmap => cells(&numbers, &names),
            ChartKind::Line | ChartKind::Area => {
                let time = names.iter().copied().find(|&at| result.is_temporal(at));
                keyed(&numbers, &names, time)
            }
            ChartKind::Bar => keyed(&numbers, &names, None),
            ChartKind::Pie | ChartKind::Donut => {
                let mut plot = keyed(&numbers, &names, None)?;
                plot.values.truncate(1);
                plot.series = None;
                Some(plot)
            }
        }
    }
}

/// Numbers over a key: the given one, else the first name, else the first column.
fn keyed(numbers: &[usize], names: &[usize], key: Option<usize>) -> Option<Plot> {
    let key = key.or_else(|| names.first().copied()).unwrap_or(0);
    let mut values: Vec<usize> = numbers.iter().copied().filter(|&at| at != key).collect();
    let series = names.iter().copied().find(|&at| at != key);
    if series.is_some() {
        values.truncate(1);
    }
    (!values.is_empty()).then_some(Plot {
        key: Some(key),
        series,
        values,
    })
}

/// A number against so many others.
fn points(numbers: &[usize], names: &[usize], others: usize) -> Option<Plot> {
    let values = numbers.get(1..=others)?.to_vec();
    Some(Plot {
        key: numbers.first().copied(),
        series: names.first().copied(),
        values,
    })
}

/// A number per two others, which are names where there are some.
fn cells(numbers: &[usize], names: &[usize]) -> Option<Plot> {
    let (key, series, value) = match (names, numbers) {
        ([key, series, ..], [value, ..])
        | ([key], [series, value, ..])
        | ([], [key, series, value, ..]) => (*key, *series, *value),
        _ => return None,
    };
    Some(Plot {
        key: Some(key),
        series: Some(series),
        values: vec![value],
    })
}

impl RowSet {
    /// Whether a column holds numbers and nothing else but NULL.
    pub fn is_numeric(&self, column: usize) -> bool {
        let mut seen = false;
        for cell in self.cells(column) {
            match cell {
                Cell::Null => {}
                cell if cell.as_f64().is_some() => seen = true,
                _ => return false,
            }
        }
        seen
    }

    /// The columns that hold numbers.
    pub fn numeric_columns(&self) -> Vec<usize> {
        (0..self.columns.len())
            .filter(|&column| self.is_numeric(column))
            .collect()
    }

    /// Whether a column's cells are points on a time axis: dates, or texts such as `2024` and `2024-03`.
    pub fn is_temporal(&self, column: usize) -> bool {
        matches!(
            self.columns.get(column).map(|column| column.kind),
            Some(CellKind::Date | CellKind::Timestamp)
        ) || self.every(column, |cell| match cell {
            Cell::Date(_) | Cell::Timestamp(_) | Cell::TimestampTz(_) => true,
            Cell::Text(text) => begins_with_a_year(text),
            _ => false,
        })
    }

    /// The scale of a column's values.
    pub fn scale(&self, column: usize) -> Scale {
        if self.is_numeric(column) {
            return Scale::Quantity;
        }
        let day = |cell: &Cell| match cell {
            Cell::Date(_) => true,
            Cell::Text(text) => NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
            _ => false,
        };
        let moment = |cell: &Cell| matches!(cell, Cell::Timestamp(_) | Cell::TimestampTz(_));
        if self.every(column, day) {
            Scale::Day
        } else if self.every(column, moment) {
            Scale::Moment
        } else if self.is_temporal(column) {
            Scale::Ordered
        } else {
            Scale::Named
        }
    }

    /// How many different values a column has, NULL among them; not counted on behind `most`.
    pub fn distinct(&self, column: usize, most: usize) -> usize {
        let mut seen = HashSet::new();
        for cell in self.cells(column) {
            seen.insert(cell.to_text());
            if seen.len() > most {
                break;
            }
        }
        seen.len()
    }

    /// The cells of a column. A row that lacks it is passed over: what was read back from a document may be anything.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &Cell> {
        self.rows.iter().filter_map(move |row| row.get(column))
    }

    /// Whether there are cells that are not NULL, and all of them are so.
    fn every(&self, column: usize, is_so: impl Fn(&Cell) -> bool) -> bool {
        let mut told = self
            .cells(column)
            .filter(|cell| **cell != Cell::Null)
            .peekable();
        told.peek().is_some() && told.all(is_so)
    }
}

fn begins_with_a_year(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 4
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && (bytes.len() == 4 || bytes[4] == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ResultColumn;

    fn result(columns: &[&str], rows: Vec<Vec<Cell>>) -> RowSet {
        RowSet {
            columns: columns
                .iter()
                .map(|name| ResultColumn {
                    name: (*name).to_owned(),
                    kind: CellKind::Unknown,
                    data_type: String::new(),
                })
                .collect(),
            rows,
            ..RowSet::default()
        }
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn a_line_runs_along_the_time_and_tells_series_apart() {
        let sales = result(
            &["region", "month", "sales", "cost"],
            vec![
                vec![text("north"), text("2024-01"), Cell::Int(3), Cell::Int(1)],
                vec![text("south"), text("2024-01"), Cell::Int(4), Cell::Null],
            ],
        );
        let plot = |kind| Plot::of(&sales, kind).expect("it can be drawn");
        let line = plot(ChartKind::Line);
        assert_eq!(
            (line.key, line.series, line.values),
            (Some(1), Some(0), vec![2])
        );
        let bar = plot(ChartKind::Bar);
        assert_eq!((bar.key, bar.series), (Some(0), Some(1)));
        let pie = plot(ChartKind::Donut);
        assert_eq!((pie.series, pie.values), (None, vec![2]));
        let cells = plot(ChartKind::Heatmap);
        assert_eq!((cells.key, cells.series), (Some(0), Some(1)));
        assert_eq!(Plot::of(&sales, ChartKind::Table), None);
        assert_eq!(Plot::of(&sales, ChartKind::Bubble), None, "two numbers");
    }

    #[test]
    fn without_names_the_first_number_is_the_key() {
        let years = result(
            &["year", "n", "m"],
            vec![vec![Cell::Int(2020), Cell::Int(1), Cell::Float(0.5)]],
        );
        let bar = Plot::of(&years, ChartKind::Bar).expect("numbers");
        assert_eq!((bar.key, bar.values), (Some(0), vec![1, 2]));
        let bubble = Plot::of(&years, ChartKind::Bubble).expect("three numbers");
        assert_eq!((bubble.key, bubble.values), (Some(0), vec![1, 2]));
        assert_eq!(Plot::of(&RowSet::default(), ChartKind::Number), None);
    }

    #[test]
    fn a_scale_is_told_by_the_cells() {
        let of = |cells: Vec<Cell>| {
            let rows = cells.into_iter().map(|cell| vec![cell]).collect();
            result(&["c"], rows).scale(0)
        };
        assert_eq!(of(vec![Cell::Null, Cell::Int(1)]), Scale::Quantity);
        assert_eq!(of(vec![text("2024-03-01"), Cell::Null]), Scale::Day);
        assert_eq!(of(vec![text("2024-03")]), Scale::Ordered);
        assert_eq!(of(vec![text("Oslo")]), Scale::Named);
        assert_eq!(of(vec![Cell::Null]), Scale::Named);
        assert_eq!(of(Vec::new()), Scale::Named);
    }

    #[test]
    fn a_short_row_is_passed_over() {
        let ragged = result(&["a", "b"], vec![vec![Cell::Int(1)], Vec::new()]);
        assert!(ragged.is_numeric(0) && !ragged.is_numeric(1));
        assert_eq!(ragged.distinct(0, 5), 1);
    }
}
