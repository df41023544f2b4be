//! The heading of a sheet: titles above it, and its rows, merged cells filled in.

use std::collections::BTreeMap;

use calamine::Dimensions;

use super::{Row, cells::Field};

/// Rows of one heading, at most.
const MAX_HEADING_ROWS: usize = 6;
/// Words of a title kept.
const MAX_TITLE_CHARS: usize = 200;

/// What stands above the data.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heading {
    /// Rows before the first one of data, titles included.
    pub(super) rows: usize,
    /// Names of columns by their place; none without a heading.
    pub(super) names: BTreeMap<u32, String>,
    /// What stands above the heading.
    pub(super) title: Option<String>,
}

/// Finds the heading in the first rows of a sheet.
///
/// Rows with one text alone above a wider row are titles. The next row is the heading if it is all text, months and
/// years excepted where other values than those are below; it goes on below cells that are merged across columns,
/// and down cells that are merged across rows.
pub(super) fn find(rows: &[Row], merged: &[Dimensions]) -> Heading {
    let first = titles(rows, merged);
    let title: Vec<String> = rows[..first].iter().map(line).collect();
    let title = (first > 0).then(|| title.join(", ").chars().take(MAX_TITLE_CHARS).collect());
    let untitled = Heading {
        rows: first,
        names: BTreeMap::new(),
        title,
    };
    let last = last_row(rows, merged, first);
    let body = rows.get(last + 1);
    let is_heading = rows.len() > first
        && rows[first..=last]
            .iter()
            .any(|row| row.1.iter().any(|(_, field)| is_word(field)))
        && rows[first..=last]
            .iter()
            .all(|row| is_heading_row(row, body));
    if !is_heading {
        return untitled;
    }
    Heading {
        rows: last + 1,
        names: names(&rows[first..=last], merged),
        ..untitled
    }
}

/// How many rows are titles.
fn titles(rows: &[Row], merged: &[Dimensions]) -> usize {
    let mut first = 0;
    while let (Some((at, cells)), Some((_, below))) = (rows.get(first), rows.get(first + 1)) {
        let [(column, Field::Text(_))] = cells.as_slice() else {
            break;
        };
        // Merged over some of the columns below, it is the heading of a group of them.
        let group = merged.iter().any(|area| {
            area.contains(*at, *column)
                && area.end.1 > area.start.1
                && below
                    .iter()
                    .any(|(below, _)| !(area.start.1..=area.end.1).contains(below))
        });
        let is_wider_below = rows[first + 1..].iter().any(|(_, cells)| cells.len() > 1);
        if group || !is_wider_below {
            break;
        }
        first += 1;
    }
    first
}

/// The last row of a heading that begins with row `first`.
fn last_row(rows: &[Row], merged: &[Dimensions], first: usize) -> usize {
    let mut last = first;
    let mut at = first;
    while at <= last && at < rows.len() {
        let number = rows[at].0;
        for area in merged.iter().filter(|area| area.start.0 == number) {
            let has_cell = rows[at]
                .1
                .iter()
                .any(|(column, _)| area.contains(number, *column));
            if !has_cell {
                continue;
            }
            let below = rows[at + 1..]
                .iter()
                .take_while(|row| row.0 <= area.end.0)
                .count();
            last = last.max(at + below);
            // The names of a group's columns are below it.
            let next = at + below + 1;
            let is_group = area.end.1 > area.start.1;
            let are_names = |row: &Row| row.1.iter().all(|(_, field)| is_name(field));
            if is_group && rows.get(next).is_some_and(are_names) {
                last = last.max(next);
            }
        }
        at += 1;
    }
    last.min(first + MAX_HEADING_ROWS - 1)
        .min(rows.len().saturating_sub(1))
}

fn is_word(field: &Field) -> bool {
    matches!(field, Field::Text(_))
}

/// A text, or what stands for a month or year.
fn is_name(field: &Field) -> bool {
    match field {
        Field::Text(_) | Field::Date(_) => true,
        Field::Whole(year) => (1800..=2200).contains(year),
        _ => false,
    }
}

fn is_heading_row((_, cells): &Row, body: Option<&Row>) -> bool {
    cells.iter().all(|(column, field)| {
        let below = body.and_then(|(_, cells)| cells.iter().find(|(below, _)| below == column));
        is_word(field) || (is_name(field) && below.is_none_or(|(_, below)| !is_name(below)))
    })
}

/// Names from top to bottom: `2024` merged over `Q1` and `Q2` makes `2024 Q1` and `2024 Q2`.
fn names(rows: &[Row], merged: &[Dimensions]) -> BTreeMap<u32, String> {
    let mut names: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (number, cells) in rows {
        for (column, field) in cells {
            let mut text = String::new();
            field.spell(&mut text);
            let area = merged.iter().find(|area| area.contains(*number, *column));
            let (left, right) = area.map_or((*column, *column), |area| (area.start.1, area.end.1));
            // A damaged file may merge everything there is.
            for column in left..=right.min(left.saturating_add(16_384)) {
                let parts = names.entry(column).or_default();
                if parts.last() != Some(&text) {
                    parts.push(text.clone());
                }
            }
        }
    }
    let join = |(column, parts): (u32, Vec<String>)| (column, parts.join(" "));
    names.into_iter().map(join).collect()
}

fn line((_, cells): &Row) -> String {
    let mut text = String::new();
    if let Some((_, field)) = cells.first() {
        field.spell(&mut text);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lines: &[&str]) -> Vec<Row> {
        let field = |text: &str| match text.parse() {
            Ok(number) => Field::Whole(number),
            Err(_) => Field::Text(text.to_owned()),
        };
        let row = |(number, line): (usize, &&str)| {
            let cells = line
                .split(',')
                .enumerate()
                .filter(|(_, text)| !text.is_empty());
            let cells = cells.map(|(at, text)| (at as u32, field(text))).collect();
            (number as u32, cells)
        };
        lines.iter().enumerate().map(row).collect()
    }

    fn named(heading: &Heading) -> Vec<&str> {
        heading.names.values().map(String::as_str).collect()
    }

    #[test]
    fn titles_are_no_heading() {
        let found = find(&rows(&["Sales", "in EUR", "name,sum", "a,1"]), &[]);
        assert_eq!((found.rows, named(&found)), (3, vec!["name", "sum"]));
        assert_eq!(found.title.as_deref(), Some("Sales, in EUR"));
        let found = find(&rows(&["name", "a", "b"]), &[]);
        assert_eq!((found.rows, named(&found)), (1, vec!["name"]));
    }

    #[test]
    fn merged_cells_name_what_is_below_them() {
        let merged = [
            Dimensions::new((0, 0), (1, 0)),
            Dimensions::new((0, 1), (0, 2)),
            Dimensions::new((0, 3), (0, 4)),
        ];
        let found = find(
            &rows(&["name,2023,,2024,", ",Q1,Q2,Q1,Q2", "a,1,2,3,4"]),
            &merged,
        );
        assert_eq!(found.rows, 2);
        assert_eq!(
            named(&found),
            ["name", "2023 Q1", "2023 Q2", "2024 Q1", "2024 Q2"]
        );
        let found = find(
            &rows(&[",Sales,", "name,Q1,Q2", "a,1,2"]),
            &[Dimensions::new((0, 1), (0, 2))],
        );
        assert_eq!(named(&found), ["name", "Sales Q1", "Sales Q2"]);
    }

    #[test]
    fn rows_of_values_have_no_heading() {
        assert_eq!(find(&rows(&["1,a", "2,b"]), &[]).rows, 0);
        assert_eq!(find(&rows(&["country,2023,2024", "NO,10,20"]), &[]).rows, 1);
        assert_eq!(find(&rows(&["NO,2023", "SE,2024"]), &[]).rows, 0);
        assert_eq!(find(&[], &[]), Heading::default());
    }
}
