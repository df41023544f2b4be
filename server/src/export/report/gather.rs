//! A result's columns as the series of a drawing.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use tidegate_schema::model::{Cell, Plot, RowSet, Scale};

/// Series that are told apart; there are as many colours.
const MOST_SERIES: usize = 12;
/// What stands for NULL where a name is wanted.
const NO_NAME: &str = "(none)";

/// Values over keys.
pub(super) struct Gathered {
    /// Names along the axis.
    pub(super) keys: Vec<String>,
    /// Where the keys lie on an axis of their own, if all of them do.
    pub(super) places: Option<Vec<f64>>,
    /// What is drawn.
    pub(super) series: Vec<Series>,
    /// Series left out.
    pub(super) more: usize,
}

/// One line, or one colour of bars.
pub(super) struct Series {
    pub(super) name: String,
    /// Keys by number with their values, in order; NULL is a gap.
    pub(super) points: Vec<(usize, Option<f64>)>,
}

impl Gathered {
    /// The series of a result. With `in_order` keys that have an order of their own are sorted by it.
    pub(super) fn of(result: &RowSet, plot: &Plot, in_order: bool) -> Self {
        let key = plot.key.unwrap_or(0);
        let mut gathered = Self {
            keys: Vec::new(),
            places: None,
            series: Vec::new(),
            more: 0,
        };
        let mut places: Vec<Option<f64>> = Vec::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut names: HashMap<String, Option<usize>> = HashMap::new();
        if plot.series.is_none() {
            for &column in plot.values.iter().take(MOST_SERIES) {
                gathered.push_series(name_of(result, column));
            }
            gathered.more = plot.values.len() - gathered.series.len();
        }
        for row in &result.rows {
            let label = label(row.get(key));
            // A key stands once where series share it, and else once per row: two rows of one name are two bars.
            let known = plot.series.and_then(|_| numbers.get(&label).copied());
            let at = known.unwrap_or_else(|| {
                gathered.keys.push(label.clone());
                places.push(row.get(key).and_then(place));
                numbers.insert(label, gathered.keys.len() - 1);
                gathered.keys.len() - 1
            });
            match plot.series {
                None => {
                    for (series, &column) in gathered.series.iter_mut().zip(&plot.values) {
                        series.points.push((at, value(row.get(column))));
                    }
                }
                Some(column) => {
                    let name = self::label(row.get(column));
                    let series = *names.entry(name.clone()).or_insert_with(|| {
                        if gathered.series.len() == MOST_SERIES {
                            gathered.more += 1;
                            return None;
                        }
                        gathered.push_series(name);
                        Some(gathered.series.len() - 1)
                    });
                    let drawn = plot.values.first().and_then(|&column| row.get(column));
                    if let Some(series) = series {
                        gathered.series[series].points.push((at, value(drawn)));
                    }
                }
            }
        }
        gathered.places = places.into_iter().collect();
        if in_order && result.scale(key) != Scale::Named {
            gathered.sort();
        }
        gathered
    }

    fn push_series(&mut self, name: String) {
        self.series.push(Series {
            name,
            points: Vec::new(),
        });
    }

    /// Every value there is.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let points = self.series.iter().flat_map(|series| &series.points);
        points.filter_map(|(_, value)| *value)
    }

    /// Names of the series.
    pub(super) fn names(&self) -> Vec<String> {
        self.series
            .iter()
            .map(|series| series.name.clone())
            .collect()
    }

    /// Puts the keys into the order of their places, or of their texts.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        match &self.places {
            Some(places) => order.sort_by(|&a, &b| places[a].total_cmp(&places[b])),
            None => order.sort_by(|&a, &b| self.keys[a].cmp(&self.keys[b])),
        }
        let mut moved = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            moved[old] = new;
        }
        self.keys = order.iter().map(|&at| self.keys[at].clone()).collect();
        self.places = self
            .places
            .take()
            .map(|places| order.iter().map(|&at| places[at]).collect());
        for series in &mut self.series {
            for (at, _) in &mut series.points {
                *at = moved[*at];
            }
            series.points.sort_by_key(|(at, _)| *at);
        }
    }
}

/// A column's name.
fn name_of(result: &RowSet, column: usize) -> String {
    result
        .columns
        .get(column)
        .map_or_else(String::new, |column| column.name.clone())
}

/// A cell as a name.
pub(super) fn label(cell: Option<&Cell>) -> String {
    cell.and_then(Cell::to_text)
        .unwrap_or_else(|| NO_NAME.to_owned())
}

/// A cell as a number that can be drawn.
pub(super) fn value(cell: Option<&Cell>) -> Option<f64> {
    cell.and_then(Cell::as_f64)
        .filter(|value| value.is_finite())
}

/// Where a key lies on an axis: numbers as they are, times by their seconds.
fn place(cell: &Cell) -> Option<f64> {
    let seconds = |at: NaiveDateTime| at.and_utc().timestamp() as f64;
    let day = |day: NaiveDate| day.and_hms_opt(0, 0, 0).map(seconds);
    match cell {
        Cell::Date(date) => day(*date),
        Cell::Timestamp(at) => Some(seconds(*at)),
        Cell::TimestampTz(at) => Some(at.timestamp() as f64),
        Cell::Text(text) => match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(date) => day(date),
            Err(_) => DateTime::parse_from_rfc3339(text)
                .ok()
                .map(|at| at.timestamp() as f64),
        },
        other => value(Some(other)),
    }
}
