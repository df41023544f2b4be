//! Names of columns where no two may be the same.

use std::collections::{HashMap, HashSet};

use tidegate_schema::model::ResultColumn;

/// The columns' names, with a number behind a repeated one and a stand-in for an empty one (SQL Server names no
/// expression), so that no cell is lost in an object.
pub(super) fn unique(columns: &[ResultColumn]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::with_capacity(columns.len());
    let mut numbers: HashMap<String, usize> = HashMap::new();
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let name = if column.name.is_empty() {
                format!("column_{}", index + 1)
            } else {
                column.name.clone()
            };
            let mut candidate = name.clone();
            // The last number a name got is remembered: a thousand equal names take a thousand steps.
            let number = numbers.entry(name.clone()).or_insert(1);
            while !taken.insert(candidate.clone()) {
                *number += 1;
                candidate = format!("{name}_{number}");
            }
            candidate
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tidegate_schema::model::CellKind;

    use super::*;

    #[test]
    fn repeated_names_are_numbered_past_the_names_there_are_and_empty_ones_named() {
        let names = |names: &[&str]| {
            let columns: Vec<ResultColumn> = names
                .iter()
                .map(|&name| ResultColumn {
                    name: name.to_owned(),
                    kind: CellKind::Int,
                    data_type: String::new(),
                })
                .collect();
            unique(&columns)
        };
        assert_eq!(
            names(&["a", "b", "a", "a_2", "a"]),
            ["a", "b", "a_2", "a_2_2", "a_3"]
        );
        assert_eq!(
            names(&["", "column_1", ""]),
            ["column_1", "column_1_2", "column_3"]
        );
    }
}
