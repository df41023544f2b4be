//! A result and its display as a Vega-Lite v5 specification: rows inline, nothing fetched from anywhere.

use serde_json::{Map, Value, json};

use super::{
    ChartKind, RowSet,
    document::{KEPT_ROWS, unique_names},
    plot::{Plot, Scale},
};

/// What a reader knows the version by; nobody loads it.
const SCHEMA: &str = "https://vega.github.io/schema/vega-lite/v5.json";
/// Most points of a line that are marked one by one.
const MARKED_POINTS: usize = 60;

/// The specification of a result shown as `kind`, at most a thousand rows in it. `None` for a table, which
/// Vega-Lite has no mark for, and where the result lacks the columns.
///
/// Values are keyed by the names of the columns, a repeated one with a number behind it, as in the rows beside it.
/// NULL stays null in the data and is not drawn: it breaks a line and leaves out a bar, rather than passing for nought.
pub fn vega_lite(result: &RowSet, kind: ChartKind, title: Option<&str>) -> Option<Value> {
    let plot = Plot::of(result, kind)?;
    let names: Vec<&str> = result
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let drawing = Drawing {
        result,
        kind,
        names: unique_names(&names),
        plot,
    };
    Some(drawing.specification(title))
}

/// The same specification without its rows, for where they stand beside it: its data is the set named `name`.
pub fn without_values(specification: &Value, name: &str) -> Value {
    let parts = specification.as_object().into_iter().flatten();
    // The rows are not copied first: there may be much in them.
    let bare: Map<String, Value> = parts
        .map(|(part, value)| {
            let value = if part == "data" {
                json!({"name": name})
            } else {
                value.clone()
            };
            (part.clone(), value)
        })
        .collect();
    Value::Object(bare)
}

struct Drawing<'a> {
    result: &'a RowSet,
    kind: ChartKind,
    names: Vec<String>,
    plot: Plot,
}

impl Drawing<'_> {
    fn specification(&self, title: Option<&str>) -> Value {
        let mut specification = Map::new();
        let mut put = |name: &str, value: Value| specification.insert(name.to_owned(), value);
        put("$schema", json!(SCHEMA));
        if let Some(title) = title.filter(|title| !title.is_empty()) {
            put("title", json!(title));
        }
        put("data", json!({"values": self.values()}));
        if self.is_folded() {
            let fields: Vec<String> = self
                .plot
                .values
                .iter()
                .map(|&column| self.path(column))
                .collect();
            let (series, value) = self.folded();
            put(
                "transform",
                json!([{"fold": fields, "as": [series, value]}]),
            );
        }
        put("mark", self.mark());
        put("encoding", self.encoding());
        Value::Object(specification)
    }

    /// The rows as objects.
    fn values(&self) -> Vec<Value> {
        let object = |row: &Value| {
            let cells = row.as_array().into_iter().flatten().cloned();
            let fields: Map<String, Value> = self.names.iter().cloned().zip(cells).collect();
            Value::Object(fields)
        };
        self.result
            .json_rows(KEPT_ROWS)
            .iter()
            .map(object)
            .collect()
    }

    /// Whether several columns become series of one.
    fn is_folded(&self) -> bool {
        let many = self.plot.values.len() > 1;
        many && matches!(
            self.kind,
            ChartKind::Line | ChartKind::Area | ChartKind::Bar | ChartKind::Number
        )
    }

    /// Names for the series and the value of a fold that no column has.
    fn folded(&self) -> (String, String) {
        let free = |wanted: &str| {
            let mut name = wanted.to_owned();
            while self.names.contains(&name) {
                name.push('_');
            }
            name
        };
        (free("series"), free("value"))
    }

    fn mark(&self) -> Value {
        let mark = |kind: &str| json!({"type": kind, "invalid": "filter", "tooltip": true});
        match self.kind {
            ChartKind::Line => {
                let mut line = mark("line");
                line["point"] = json!(self.result.rows.len() <= MARKED_POINTS);
                line
            }
            ChartKind::Area => mark("area"),
            ChartKind::Bar => mark("bar"),
            ChartKind::Pie => mark("arc"),
            ChartKind::Donut => {
                let mut arc = mark("arc");
                arc["innerRadius"] = json!(60);
                arc
            }
            ChartKind::Scatter | ChartKind::Bubble => {
                let mut point = mark("point");
                point["filled"] = json!(true);
                point
            }
            ChartKind::Heatmap => mark("rect"),
            ChartKind::Number | ChartKind::Table => json!({"type": "text", "fontSize": 40}),
        }
    }

    fn encoding(&self) -> Value {
        let mut channels = Map::new();
        let mut put = |name: &str, value: Value| channels.insert(name.to_owned(), value);
        let value = self.plot.values.first().copied().unwrap_or_default();
        let size = self.plot.values.get(1).copied();
        let (key, series) = (self.plot.key, self.plot.series);
        match self.kind {
            ChartKind::Line | ChartKind::Area | ChartKind::Bar => {
                if let Some(key) = key {
                    put("x", self.axis(key));
                }
                let (y, color) = self.measure(value);
                put("y", y);
                if let Some(color) = color {
                    if self.kind == ChartKind::Bar {
                        put("xOffset", json!({"field": color["field"], "sort": null}));
                    }
                    put("color", color);
                }
            }
            ChartKind::Pie | ChartKind::Donut => {
                put("theta", self.quantity(value));
                if let Some(key) = key {
                    put("color", self.discrete(key));
                }
            }
            ChartKind::Scatter | ChartKind::Bubble => {
                if let Some(key) = key {
                    put("x", self.loose(key));
                }
                put("y", self.loose(value));
                if let Some(size) = size {
                    put("size", self.quantity(size));
                }
                if let Some(series) = series {
                    put("color", self.discrete(series));
                }
            }
            ChartKind::Heatmap => {
                if let (Some(key), Some(series)) = (key, series) {
                    put("x", self.discrete(key));
                    put("y", self.discrete(series));
                }
                put("color", self.quantity(value));
            }
            ChartKind::Number | ChartKind::Table => {
                if self.is_folded() {
                    let (series, value) = self.folded();
                    put(
                        "x",
                        json!({"field": series, "type": "nominal", "sort": null, "title": null}),
                    );
                    put("text", json!({"field": value, "type": "quantitative"}));
                } else {
                    put("text", self.quantity(value));
                }
            }
        }
        Value::Object(channels)
    }

    /// The number of a line or a bar, and what tells its series apart.
    fn measure(&self, value: usize) -> (Value, Option<Value>) {
        if self.is_folded() {
            let (series, value) = self.folded();
            return (
                json!({"field": value, "type": "quantitative", "title": null}),
                Some(json!({"field": series, "type": "nominal", "sort": null, "title": null})),
            );
        }
        let color = self.plot.series.map(|series| self.discrete(series));
        (self.quantity(value), color)
    }

    /// The axis that a line or bars stand on.
    fn axis(&self, column: usize) -> Value {
        match self.result.scale(column) {
            // Bars of years are bars, and not points far from nought.
            Scale::Quantity if self.kind == ChartKind::Bar => self.field(column, "ordinal"),
            Scale::Quantity => self.loose(column),
            // A day without a time of day is the same day wherever the reader is.
            Scale::Day => {
                let mut axis = self.field(column, "temporal");
                axis["scale"] = json!({"type": "utc"});
                axis
            }
            Scale::Moment => self.field(column, "temporal"),
            Scale::Ordered | Scale::Named => self.discrete(column),
        }
    }

    /// Values one beside the other, in their own order where they have one, else in that of the rows.
    fn discrete(&self, column: usize) -> Value {
        match self.result.scale(column) {
            Scale::Named => {
                let mut names = self.field(column, "nominal");
                names["sort"] = Value::Null;
                names
            }
            Scale::Quantity | Scale::Day | Scale::Moment | Scale::Ordered => {
                let mut ordered = self.field(column, "ordinal");
                ordered["sort"] = json!("ascending");
                ordered
            }
        }
    }

    fn quantity(&self, column: usize) -> Value {
        self.field(column, "quantitative")
    }

    /// Numbers whose axis need not begin at nought.
    fn loose(&self, column: usize) -> Value {
        let mut axis = self.quantity(column);
        axis["scale"] = json!({"zero": false});
        axis
    }

    fn field(&self, column: usize, kind: &str) -> Value {
        let name = self.names.get(column).map_or("", String::as_str);
        json!({"field": self.path(column), "type": kind, "title": name})
    }

    /// A column's name as a path of one step: dots, brackets and quotes mean themselves.
    fn path(&self, column: usize) -> String {
        let name = self.names.get(column).map_or("", String::as_str);
        let mut path = String::with_capacity(name.len());
        for sign in name.chars() {
            if matches!(sign, '\\' | '.' | '[' | ']' | '\'' | '"') {
                path.push('\\');
            }
            path.push(sign);
        }
        path
    }
}

#[cfg(test)]
mod tests;
