//! How a result is shown: the model's choice of display if it fits the data, else one that does.

use tidegate_schema::model::{Cell, CellKind, ChartKind, RowSet, cut_words};

/// Most slices of a pie and bars of a bar chart that can be read.
const MOST_SLICES: usize = 12;
const MOST_BARS: usize = 60;

/// The kind behind one of DB-GPT's display names.
pub fn kind_of(display: &str) -> Option<ChartKind> {
    Some(match display {
        "response_table" => ChartKind::Table,
        "response_line_chart" => ChartKind::Line,
        "response_bar_chart" => ChartKind::Bar,
        "response_pie_chart" | "response_donut_chart" => ChartKind::Pie,
        "response_scatter_chart" | "response_bubble_chart" => ChartKind::Scatter,
        "response_area_chart" => ChartKind::Area,
        _ => return None,
    })
}

/// The display for a result: `wanted` where it fits.
pub fn choose(result: &RowSet, wanted: Option<ChartKind>) -> ChartKind {
    let natural = natural(result);
    match wanted {
        Some(kind) if fits(result, kind) => kind,
        _ => natural,
    }
}

fn numeric(result: &RowSet, column: usize) -> bool {
    let mut seen = false;
    for row in &result.rows {
        match &row[column] {
            Cell::Null => {}
            cell if cell.as_f64().is_some() => seen = true,
            _ => return false,
        }
    }
    seen
}

fn numeric_columns(result: &RowSet) -> Vec<usize> {
    (0..result.columns.len())
        .filter(|&column| numeric(result, column))
        .collect()
}

/// Whether a column's cells are points on a time axis: dates, or texts such as `2024` and `2024-03`.
fn temporal(result: &RowSet, column: usize) -> bool {
    if matches!(
        result.columns[column].kind,
        CellKind::Date | CellKind::Timestamp
    ) {
        return true;
    }
    !result.rows.is_empty()
        && result.rows.iter().all(|row| match &row[column] {
            Cell::Date(_) | Cell::Timestamp(_) | Cell::TimestampTz(_) => true,
            Cell::Text(text) => {
                let bytes = text.as_bytes();
                bytes.len() >= 4
                    && bytes[..4].iter().all(u8::is_ascii_digit)
                    && (bytes.len() == 4 || bytes[4] == b'-')
            }
            _ => false,
        })
}

fn fits(result: &RowSet, kind: ChartKind) -> bool {
    let numbers = numeric_columns(result);
    let (rows, columns) = (result.rows.len(), result.columns.len());
    let keyed = columns >= 2
        && rows >= 2
        && !numbers.is_empty()
        && numbers.len() < columns + usize::from(columns > 1);
    match kind {
        ChartKind::Table => true,
        ChartKind::Number => rows == 1 && columns == 1 && numbers.len() == 1,
        ChartKind::Line | ChartKind::Area => keyed,
        ChartKind::Bar => keyed && rows <= MOST_BARS,
        ChartKind::Pie => keyed && rows <= MOST_SLICES,
        ChartKind::Scatter => rows >= 2 && numbers.len() >= 2,
    }
}

fn natural(result: &RowSet) -> ChartKind {
    let numbers = numeric_columns(result);
    let (rows, columns) = (result.rows.len(), result.columns.len());
    if rows == 1 && columns == 1 && numbers.len() == 1 {
        return ChartKind::Number;
    }
    let text_columns = columns - numbers.len();
    if rows < 2 || numbers.is_empty() || columns > 4 || text_columns > 1 {
        return ChartKind::Table;
    }
    if temporal(result, 0) && numbers != [0] {
        return ChartKind::Line;
    }
    if text_columns == 1 && rows <= MOST_BARS {
        ChartKind::Bar
    } else {
        ChartKind::Table
    }
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
    use tidegate_schema::model::ResultColumn;

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
}
