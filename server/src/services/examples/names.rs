//! What the catalogue calls the tables of a statement.

use tidegate_schema::model::{Catalogue, CatalogueTable};

/// The catalogue's name of a table as a statement writes it; the statement's own, without quotes, where the catalogue
/// has none like it.
pub(super) fn known_as(written: &str, catalogue: &Catalogue) -> String {
    let parts = parts(written);
    let Some((name, before)) = parts.split_last() else {
        return written.to_owned();
    };
    let schema = before.last();
    let best = catalogue
        .tables
        .iter()
        .filter(|table| table.name.eq_ignore_ascii_case(name))
        .filter_map(|table| Some((distance(table, schema)?, table.name != *name, table)))
        .min_by_key(|&(distance, folded, _)| (distance, folded));
    best.map_or_else(|| parts.join("."), |(_, _, table)| table.full_name())
}

/// How far a table's namespace is from what a statement says of it; nothing if it is another one.
fn distance(table: &CatalogueTable, said: Option<&String>) -> Option<u8> {
    match (said, &table.schema) {
        (None, None) => Some(0),
        (Some(said), Some(schema)) if said == schema => Some(0),
        (Some(said), Some(schema)) if said.eq_ignore_ascii_case(schema) => Some(1),
        // The default one, or the database's own name.
        (Some(_), None) => Some(2),
        // One that is searched as well.
        (None, Some(_)) => Some(3),
        (Some(_), Some(_)) => None,
    }
}

/// The parts of a name between dots, without their quotes.
fn parts(written: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut signs = written.chars().peekable();
    let mut close: Option<char> = None;
    while let Some(sign) = signs.next() {
        match (close, sign) {
            (Some(quote), sign) if sign == quote => {
                if signs.next_if_eq(&quote).is_some() {
                    push(&mut parts, quote);
                } else {
                    close = None;
                }
            }
            (None, '"' | '`') => close = Some(sign),
            (None, '[') => close = Some(']'),
            (None, '.') => parts.push(String::new()),
            (_, sign) => push(&mut parts, sign),
        }
    }
    parts
}

fn push(parts: &mut [String], sign: char) {
    if let Some(part) = parts.last_mut() {
        part.push(sign);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(names: &[(Option<&str>, &str)]) -> Catalogue {
        Catalogue {
            tables: names
                .iter()
                .map(|&(schema, name)| CatalogueTable {
                    schema: schema.map(str::to_owned),
                    name: name.to_owned(),
                    ..CatalogueTable::default()
                })
                .collect(),
        }
    }

    #[test]
    fn a_table_is_known_however_a_statement_writes_it() {
        let catalogue = catalogue(&[
            (None, "Orders"),
            (None, "a\"b"),
            (Some("sales"), "orders"),
            (Some("sales"), "lines"),
        ]);
        for (written, expected) in [
            ("Orders", "Orders"),
            ("ORDERS", "Orders"),
            ("\"Orders\"", "Orders"),
            ("public.orders", "Orders"),
            ("`shop`.`orders`", "Orders"),
            ("sales.orders", "sales.orders"),
            ("SALES.Orders", "sales.orders"),
            ("[db].[sales].[lines]", "sales.lines"),
            ("lines", "sales.lines"),
            ("\"a\"\"b\"", "a\"b"),
            ("hr.lines", "hr.lines"),
            ("\"New Table\"", "New Table"),
        ] {
            assert_eq!(known_as(written, &catalogue), expected, "{written}");
        }
    }

    #[test]
    fn of_two_that_differ_by_case_the_one_that_is_written_so_is_meant() {
        let catalogue = catalogue(&[(None, "Orders"), (None, "orders")]);
        assert_eq!(known_as("orders", &catalogue), "orders");
        assert_eq!(known_as("Orders", &catalogue), "Orders");
    }
}
