//! Whether the first row names the columns.

use crate::drivers::files::infer::is_typed;

type Row = Vec<Option<String>>;

/// A first row of words is a heading; so is one of words and years, as tables by year have. A row with a number or
/// a day in it is data, and so is one of words of which one comes again in the rows below, where all is words.
pub(super) fn is_first(rows: &[Row]) -> bool {
    let Some((first, rest)) = rows.split_first() else {
        return false;
    };
    let named: Vec<(usize, &str)> = first
        .iter()
        .enumerate()
        .map(|(index, field)| (index, field.as_deref().unwrap_or_default().trim()))
        .filter(|(_, name)| !name.is_empty())
        .collect();
    let words = named.iter().filter(|(_, name)| !is_typed(name)).count();
    let is_data = named
        .iter()
        .any(|(index, name)| is_typed(name) && (!is_year(name) || is_year_column(rest, *index)));
    if words == 0 || is_data {
        return false;
    }
    let stands_over_values = named
        .iter()
        .any(|(index, _)| values(rest, *index).next().is_some() && all_typed(rest, *index));
    stands_over_values
        || !named
            .iter()
            .any(|(index, name)| values(rest, *index).any(|value| value == *name))
}

fn values(rows: &[Row], column: usize) -> impl Iterator<Item = &str> {
    rows.iter()
        .filter_map(move |row| row.get(column)?.as_deref())
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

fn all_typed(rows: &[Row], column: usize) -> bool {
    values(rows, column).all(is_typed)
}

fn is_year_column(rows: &[Row], column: usize) -> bool {
    values(rows, column).next().is_some() && values(rows, column).all(is_year)
}

fn is_year(text: &str) -> bool {
    text.len() == 4
        && text
            .parse()
            .is_ok_and(|year: u16| (1800..=2200).contains(&year))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Row> {
        let field = |field: &str| (!field.is_empty()).then(|| field.to_owned());
        text.lines()
            .map(|line| line.split(',').map(field).collect())
            .collect()
    }

    #[test]
    fn words_over_values_are_a_heading() {
        for (text, expected) in [
            ("id,name\n1,a\n2,b", true),
            ("1,a\n2,b", false),
            ("name,city\na,Oslo\nb,Rome", true),
            ("a,Oslo\nb,Rome\na,Oslo", false),
            ("country,2019,2020\nNorway,1,2", true),
            ("Norway,2019\nSweden,2020", false),
            ("id,name", true),
            (",a\n0,x", true),
            ("2024-01-02,a\n2024-01-03,b", false),
            ("", false),
        ] {
            assert_eq!(is_first(&rows(text)), expected, "{text}");
        }
    }
}
