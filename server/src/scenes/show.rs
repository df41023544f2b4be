//! How a result is shown: the model's choice of display if it fits the data, else one that does.

use tidegate_schema::model::{Cell, ChartKind, Plot, RowSet, cut_words};

/// Most slices of a pie, bars of a bar chart, lines of a line chart and names along a heat map that can be read.
const MOST_SLICES: usize = 12;
const MOST_BARS: usize = 60;
const MOST_SERIES: usize = 12;
const MOST_NAMES: usize = 40;
/// Most numbers that are shown beside each other without a chart.
const MOST_FIGURES: usize = 4;

/// The kind behind a display's name: DB-GPT's (`response_line_chart`, `LineChart`), ours, and what models write for
/// them.
pub fn kind_of(display: &str) -> Option<ChartKind> {
    let mut name: String = display
        .chars()
        .filter(|sign| sign.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    if let Some(rest) = name.strip_prefix("response") {
        name = rest.to_owned();
    }
    let bare = name
        .strip_suffix("chart")
        .or_else(|| name.strip_suffix("plot"))
        .or_else(|| name.strip_suffix("graph"))
        .unwrap_or(&name);
    Some(match bare {
        "table" | "tablechartdata" | "text" => ChartKind::Table,
        "line" | "multiline" | "trend" => ChartKind::Line,
        "bar" | "column" | "histogram" | "stackedbar" | "groupedbar" => ChartKind::Bar,
        "pie" => ChartKind::Pie,
        "donut" | "doughnut" | "ring" => ChartKind::Donut,
        // A field of vectors is shown as its points.
        "scatter" | "point" | "vector" => ChartKind::Scatter,
        "bubble" => ChartKind::Bubble,
        "area" | "stackedarea" => ChartKind::Area,
        "heatmap" => ChartKind::Heatmap,
        "indicatorvalue" | "indicator" | "number" | "value" | "metric" | "kpi" => ChartKind::Number,
        _ => return None,
    })
}

/// The display for a result: `wanted` where it fits, else what is nearest to it and does, else what suits the data.
/// Never one that would stay blank.
pub fn choose(result: &RowSet, wanted: Option<ChartKind>) -> ChartKind {
    let near = match wanted {
        Some(ChartKind::Pie | ChartKind::Donut) => Some(ChartKind::Bar),
        Some(ChartKind::Bubble) => Some(ChartKind::Scatter),
        Some(ChartKind::Area) => Some(ChartKind::Line),
        _ => None,
    };
    wanted
        .into_iter()
        .chain(near)
        .find(|kind| fits(result, *kind))
        .unwrap_or_else(|| natural(result))
}

fn fits(result: &RowSet, kind: ChartKind) -> bool {
    if kind == ChartKind::Table {
        return true;
    }
    let Some(plot) = Plot::of(result, kind) else {
        return false;
    };
    let rows = result.rows.len();
    let few = |column: Option<usize>, most: usize| {
        column.is_none_or(|column| result.distinct(column, most) <= most)
    };
    let several = rows >= 2 && few(plot.series, MOST_SERIES);
    match kind {
        ChartKind::Table => true,
        ChartKind::Number => {
            let columns = result.columns.len();
            rows == 1 && plot.values.len() == columns && columns <= MOST_FIGURES
        }
        ChartKind::Line | ChartKind::Area => several,
        ChartKind::Bar => several && rows <= MOST_BARS,
        ChartKind::Pie | ChartKind::Donut => {
            (2..=MOST_SLICES).contains(&rows) && !falls_below_nought(result, &plot)
        }
        ChartKind::Scatter | ChartKind::Bubble => rows >= 2,
        ChartKind::Heatmap => {
            rows >= 2 && few(plot.key, MOST_NAMES) && few(plot.series, MOST_NAMES)
        }
    }
}

/// A share of a whole is no less than nothing.
fn falls_below_nought(result: &RowSet, plot: &Plot) -> bool {
    let column = plot.values.first().copied().unwrap_or_default();
    let mut numbers = result.cells(column).filter_map(Cell::as_f64);
    numbers.any(|number| number < 0.0)
}

/// The display that suits a result by its shape alone.
fn natural(result: &RowSet) -> ChartKind {
    let numbers = result.numeric_columns();
    let (rows, columns) = (result.rows.len(), result.columns.len());
    if rows == 1 && columns == 1 && numbers.len() == 1 {
        return ChartKind::Number;
    }
    // A number that names something measures nothing.
    let measures = numbers.iter().filter(|&&at| !is_key(result, at)).count();
    let names: Vec<usize> = (0..columns).filter(|at| !numbers.contains(at)).collect();
    if rows < 2 || measures == 0 || columns > 4 {
        return ChartKind::Table;
    }
    let time = (0..columns).find(|&at| result.is_temporal(at));
    match (names.as_slice(), time) {
        // Several lines along the time, one per name.
        ([_, _], Some(time)) if names.contains(&time) && fits(result, ChartKind::Line) => {
            ChartKind::Line
        }
        ([_, _, ..], _) => ChartKind::Table,
        (_, Some(0)) if numbers != [0] => ChartKind::Line,
        ([_], _) if rows <= MOST_BARS => ChartKind::Bar,
        _ => ChartKind::Table,
    }
}

/// Whether a column's numbers are names: ids, and nothing that is counted or summed.
fn is_key(result: &RowSet, column: usize) -> bool {
    result.columns.get(column).is_some_and(|column| {
        let name = column.name.to_lowercase();
        name == "id" || name.ends_with("_id")
    })
}

/// A sentence for a result that came without words.
pub fn words(result: &RowSet) -> String {
    let (rows, columns) = (result.rows.len(), result.columns.len());
    if rows == 0 {
        return "Nothing matches.".to_owned();
    }
    if rows == 1 && columns <= 3 {
        let parts: Vec<String> = result
            .columns
            .iter()
            .zip(&result.rows[0])
            .map(|(column, cell)| {
                format!(
                    "{}: {}",
                    column.name,
                    cell.to_text().unwrap_or_else(|| "no value".to_owned())
                )
            })
            .collect();
        return parts.join(", ");
    }
    match cut_words(result) {
        Some(cut) => cut,
        None if rows == 1 => "1 row.".to_owned(),
        None => format!("{rows} rows."),
    }
}

#[cfg(test)]
mod tests {
    use tidegate_schema::model::{CellKind, ResultColumn};

    use super::*;

    fn result(columns: &[&str], rows: Vec<Vec<Cell>>) -> RowSet {
        let columns = columns
            .iter()
            .map(|name| ResultColumn {
                name: (*name).to_owned(),
                kind: CellKind::Unknown,
                data_type: String::new(),
            })
            .collect();
        RowSet {
            columns,
            rows,
            cut_at: None,
            elapsed_ms: 0,
        }
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn months_become_a_line_and_categories_bars() {
        let months = result(
            &["m", "n"],
            vec![
                vec![text("2024-01"), Cell::Int(1)],
                vec![text("2024-02"), Cell::Int(2)],
            ],
        );
        assert_eq!(choose(&months, None), ChartKind::Line);
        let cities = result(
            &["c", "n"],
            vec![
                vec![text("Oslo"), Cell::Int(1)],
                vec![text("Bergen"), Cell::Int(2)],
            ],
        );
        assert_eq!(choose(&cities, None), ChartKind::Bar);
        assert_eq!(choose(&cities, Some(ChartKind::Pie)), ChartKind::Pie);
    }

    #[test]
    fn a_choice_that_does_not_fit_is_never_blank() {
        let names = result(&["name"], vec![vec![text("a")], vec![text("b")]]);
        assert_eq!(choose(&names, Some(ChartKind::Line)), ChartKind::Table);
        let empty = result(&["a", "b"], vec![]);
        assert_eq!(choose(&empty, Some(ChartKind::Bar)), ChartKind::Table);
        let one = result(&["n"], vec![vec![Cell::Int(3)]]);
        assert_eq!(choose(&one, Some(ChartKind::Bar)), ChartKind::Number);
    }

    #[test]
    fn every_name_of_a_display_is_understood() {
        for (names, expected) in [
            (
                &["response_table", "Table", "TableChartData"][..],
                ChartKind::Table,
            ),
            (
                &["response_line_chart", "LineChart", "line"],
                ChartKind::Line,
            ),
            (
                &["response_bar_chart", "BarChart", "column chart"],
                ChartKind::Bar,
            ),
            (&["response_pie_chart", "PieChart"], ChartKind::Pie),
            (&["response_donut_chart", "DonutChart"], ChartKind::Donut),
            (
                &["response_scatter_chart", "Scatter Plot"],
                ChartKind::Scatter,
            ),
            (&["response_bubble_chart"], ChartKind::Bubble),
            (&["response_area_chart", "AreaChart"], ChartKind::Area),
            (
                &["response_heatmap", "response_heatmap_chart", "HeatMap"],
                ChartKind::Heatmap,
            ),
            (&["response_vector_chart"], ChartKind::Scatter),
            (&["IndicatorValue", "number"], ChartKind::Number),
        ] {
            for name in names {
                assert_eq!(kind_of(name), Some(expected), "{name}");
            }
        }
        for kind in ChartKind::ALL {
            assert_eq!(kind_of(kind.name()), Some(kind));
        }
        assert_eq!(kind_of(""), None);
        assert_eq!(kind_of("response_hologram"), None);
    }

    #[test]
    fn too_many_slices_become_bars_and_too_many_bars_a_table_or_a_line() {
        let of = |count: i64, name: fn(i64) -> String| {
            let rows = (0..count)
                .map(|n| vec![text(&name(n)), Cell::Int(n)])
                .collect();
            result(&["k", "n"], rows)
        };
        let city: fn(i64) -> String = |n| format!("city {n}");
        assert_eq!(
            choose(&of(12, city), Some(ChartKind::Donut)),
            ChartKind::Donut
        );
        assert_eq!(choose(&of(13, city), Some(ChartKind::Pie)), ChartKind::Bar);
        assert_eq!(
            choose(&of(61, city), Some(ChartKind::Bar)),
            ChartKind::Table
        );
        let year: fn(i64) -> String = |n| format!("{}", 1900 + n);
        assert_eq!(choose(&of(61, year), Some(ChartKind::Bar)), ChartKind::Line);
        let negative = result(
            &["k", "n"],
            vec![
                vec![text("a"), Cell::Int(-1)],
                vec![text("b"), Cell::Int(1)],
            ],
        );
        assert_eq!(choose(&negative, Some(ChartKind::Pie)), ChartKind::Bar);
    }

    #[test]
    fn points_need_numbers_and_a_heat_map_two_names() {
        let two = result(
            &["a", "b"],
            vec![
                vec![Cell::Int(1), Cell::Int(2)],
                vec![Cell::Int(3), Cell::Int(4)],
            ],
        );
        assert_eq!(choose(&two, Some(ChartKind::Bubble)), ChartKind::Scatter);
        let cities = result(
            &["c", "n"],
            vec![
                vec![text("Oslo"), Cell::Int(1)],
                vec![text("Bergen"), Cell::Int(2)],
            ],
        );
        assert_eq!(choose(&cities, Some(ChartKind::Scatter)), ChartKind::Bar);
        assert_eq!(choose(&cities, Some(ChartKind::Heatmap)), ChartKind::Bar);
        let cross = result(
            &["c", "d", "n"],
            vec![
                vec![text("a"), text("x"), Cell::Int(1)],
                vec![text("b"), text("y"), Cell::Int(2)],
            ],
        );
        assert_eq!(choose(&cross, Some(ChartKind::Heatmap)), ChartKind::Heatmap);
    }

    #[test]
    fn lines_run_along_the_time_one_per_name_and_ids_are_no_figures() {
        let row = |month: &str, city: &str, n| vec![text(month), text(city), Cell::Int(n)];
        let cities = result(
            &["month", "city", "n"],
            vec![row("2024-01", "Oslo", 1), row("2024-02", "Oslo", 2)],
        );
        assert_eq!(choose(&cities, None), ChartKind::Line);
        let people = result(
            &["id", "name"],
            vec![
                vec![Cell::Int(1), text("Ann")],
                vec![Cell::Int(2), text("Bo")],
            ],
        );
        assert_eq!(choose(&people, None), ChartKind::Table);
        let totals = result(
            &["orders", "revenue"],
            vec![vec![Cell::Int(1), Cell::Int(2)]],
        );
        assert_eq!(choose(&totals, Some(ChartKind::Number)), ChartKind::Number);
        assert_eq!(choose(&totals, None), ChartKind::Table);
    }
}
