//! The catalogue's own answer to a question about it, for models that write no prose.

use std::fmt::Write as _;

use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, ForeignKey};

use crate::{linking::stems, scenes::excel::cut};

/// Tables described with their columns, and tables named in an overview.
const MOST_DESCRIBED: usize = 6;
const MOST_NAMED: usize = 60;
/// Columns described of a table.
const MOST_COLUMNS: usize = 40;
/// Longest comment shown, in characters.
const COMMENT_CHARS: usize = 200;

/// What a word of the question counts where it stands.
const IN_TABLE: u32 = 4;
const IN_COLUMN: u32 = 2;
const IN_COMMENT: u32 = 1;

/// Words of a question that say what kind of thing is asked for, and not which.
const KINDS: &str = "table tables view views column columns field fields database databases schema structure key keys \
                     primary foreign relation relations type types store stores stored hold holds contain contains \
                     contained describe list show name names";

/// An answer in Markdown: the tables whose names, columns or comments have words of the question, or all of them by
/// name where none has. `tables` are the positions looked at.
pub(super) fn answer(
    datasource: &str,
    question: &str,
    catalogue: &Catalogue,
    tables: &[usize],
) -> String {
    let kinds = stems(KINDS);
    let words: Vec<String> = stems(question)
        .into_iter()
        .filter(|word| !kinds.contains(word))
        .collect();
    let mut found: Vec<(u32, &CatalogueTable)> = tables
        .iter()
        .filter_map(|&at| catalogue.tables.get(at))
        .map(|table| (worth(table, &words), table))
        .filter(|(worth, _)| *worth > 0)
        .collect();
    // Stable: equals stay in the order of their names.
    found.sort_by_key(|(worth, _)| std::cmp::Reverse(*worth));
    let best = found.first().map_or(0, |(worth, _)| *worth);
    // A word in a comment is no answer beside a table of that name.
    found.retain(|(worth, _)| *worth * 2 >= best);
    if found.is_empty() {
        return overview(datasource, catalogue);
    }
    let more = found.len().saturating_sub(MOST_DESCRIBED);
    let mut text = format!("From the structure of `{datasource}`:\n");
    for (_, table) in found.iter().take(MOST_DESCRIBED) {
        describe(&mut text, table, catalogue);
    }
    if more > 0 {
        let names: Vec<String> = found
            .iter()
            .skip(MOST_DESCRIBED)
            .take(MOST_NAMED)
            .map(|(_, table)| table.full_name())
            .collect();
        _ = write!(text, "\nAlso about it: {}.", in_ticks(&names));
        if more > MOST_NAMED {
            _ = write!(text, " {} more are not listed.", more - MOST_NAMED);
        }
    }
    text.trim_end().to_owned()
}

/// How much a table has of the question's words.
fn worth(table: &CatalogueTable, words: &[String]) -> u32 {
    if words.is_empty() {
        return 0;
    }
    let named = stems(&table.name);
    let columns: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let columns = stems(&columns.join(" "));
    let comments: Vec<&str> = table
        .columns
        .iter()
        .map(|column| &column.comment)
        .chain([&table.comment])
        .flatten()
        .map(String::as_str)
        .collect();
    let comments = stems(&comments.join(" "));
    words
        .iter()
        .map(|word| {
            if named.contains(word) {
                IN_TABLE
            } else if columns.contains(word) {
                IN_COLUMN
            } else if comments.contains(word) {
                IN_COMMENT
            } else {
                0
            }
        })
        .sum()
}

/// Every table by name, with how many columns it has.
fn overview(datasource: &str, catalogue: &Catalogue) -> String {
    let count = catalogue.tables.len();
    if count == 0 {
        return format!("`{datasource}` has no tables that you may read.");
    }
    let mut text = format!(
        "`{datasource}` has {count} {}:\n\n",
        plural(count, "table or view", "tables and views")
    );
    for table in catalogue.tables.iter().take(MOST_NAMED) {
        let columns = table.columns.len();
        _ = write!(
            text,
            "- {} ({columns} {}{})",
            ticked(&table.full_name()),
            plural(columns, "column", "columns"),
            if table.is_view { ", view" } else { "" },
        );
        say_comment(&mut text, table.comment.as_deref());
        text.push('\n');
    }
    if count > MOST_NAMED {
        _ = writeln!(
            text,
            "\n{} more are not listed; ask for some by a word of their names.",
            count - MOST_NAMED
        );
    }
    text.trim_end().to_owned()
}

fn describe(text: &mut String, table: &CatalogueTable, catalogue: &Catalogue) {
    let kind = if table.is_view { "view" } else { "table" };
    _ = write!(text, "\n**{}** ({kind})", ticked(&table.full_name()));
    say_comment(text, table.comment.as_deref());
    text.push_str("\n\n");
    for column in table.columns.iter().take(MOST_COLUMNS) {
        describe_column(text, table, column);
    }
    if table.columns.len() > MOST_COLUMNS {
        _ = writeln!(
            text,
            "- and {} more columns",
            table.columns.len() - MOST_COLUMNS
        );
    }
    for key in table
        .foreign_keys
        .iter()
        .filter(|key| key.columns.len() > 1)
    {
        _ = writeln!(
            text,
            "- ({}) refer to {}",
            in_ticks(&key.columns),
            target(key)
        );
    }
    let referring: Vec<String> = catalogue
        .tables
        .iter()
        .filter(|other| refers_to(other, table))
        .take(MOST_NAMED)
        .map(CatalogueTable::full_name)
        .collect();
    if !referring.is_empty() {
        _ = writeln!(text, "- referred to by {}", in_ticks(&referring));
    }
}

fn describe_column(text: &mut String, table: &CatalogueTable, column: &CatalogueColumn) {
    let data_type = cut(&column.data_type, COMMENT_CHARS);
    _ = write!(text, "- {} {data_type}", ticked(&column.name));
    if table.primary_key.contains(&column.name) {
        text.push_str(", primary key");
    }
    let key = table
        .foreign_keys
        .iter()
        .find(|key| key.columns == [column.name.clone()]);
    if let Some(key) = key {
        _ = write!(text, ", refers to {}", target(key));
    }
    if !column.nullable {
        text.push_str(", never empty");
    }
    say_comment(text, column.comment.as_deref());
    text.push('\n');
}

fn say_comment(text: &mut String, comment: Option<&str>) {
    let line = cut(comment.unwrap_or_default(), COMMENT_CHARS);
    if line.is_empty() {
        return;
    }
    text.push_str(": ");
    text.push_str(&line);
}

fn target(key: &ForeignKey) -> String {
    let schema = key
        .references_schema
        .as_ref()
        .map_or(String::new(), |schema| format!("{schema}."));
    let table = ticked(&format!("{schema}{}", key.references_table));
    if key.references_columns.is_empty() {
        table
    } else {
        let columns = cut(&key.references_columns.join(", "), COMMENT_CHARS);
        format!("{table} ({columns})")
    }
}

fn refers_to(other: &CatalogueTable, table: &CatalogueTable) -> bool {
    other
        .foreign_keys
        .iter()
        .any(|key| key.references_table == table.name && key.references_schema == table.schema)
}

fn in_ticks(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| ticked(name)).collect();
    quoted.join(", ")
}

/// A name in back-ticks, which none in it can end.
fn ticked(name: &str) -> String {
    format!("`{}`", name.replace(['`', '\n', '\r'], " "))
}

fn plural<'a>(count: usize, one: &'a str, several: &'a str) -> &'a str {
    if count == 1 { one } else { several }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, comment: Option<&str>) -> CatalogueColumn {
        CatalogueColumn {
            name: name.to_owned(),
            data_type: "TEXT".to_owned(),
            comment: comment.map(str::to_owned),
            ..CatalogueColumn::default()
        }
    }

    fn table(name: &str, columns: Vec<CatalogueColumn>) -> CatalogueTable {
        CatalogueTable {
            name: name.to_owned(),
            primary_key: vec!["id".to_owned()],
            columns,
            ..CatalogueTable::default()
        }
    }

    fn shop() -> Catalogue {
        let mut orders = table(
            "orders",
            vec![column("id", None), column("customer_id", None)],
        );
        orders.foreign_keys = vec![ForeignKey {
            columns: vec!["customer_id".to_owned()],
            references_schema: None,
            references_table: "customers".to_owned(),
            references_columns: vec!["id".to_owned()],
        }];
        let customers = table(
            "customers",
            vec![column("id", None), column("city", Some("where they\nlive"))],
        );
        Catalogue {
            tables: vec![
                customers,
                orders,
                table("staff", vec![column("salary", None)]),
            ],
        }
    }

    fn asked(question: &str) -> String {
        answer("shop", question, &shop(), &[0, 1, 2])
    }

    #[test]
    fn a_table_is_found_by_its_name_a_column_or_a_comment() {
        let orders = asked("Which table stores orders?");
        assert_eq!(
            orders,
            "From the structure of `shop`:\n\n**`orders`** (table)\n\n- `id` TEXT, primary key, never empty\n\
             - `customer_id` TEXT, refers to `customers` (id), never empty"
        );
        assert!(asked("where is the salary kept?").contains("**`staff`**"));
        let live = asked("what says where somebody lives?");
        assert!(
            live.contains("`city` TEXT, never empty: where they live"),
            "{live}"
        );
        assert!(live.contains("- referred to by `orders`"), "{live}");
    }

    #[test]
    fn a_question_that_names_nothing_is_answered_by_what_there_is() {
        let overview = asked("Which tables does the database contain?");
        assert!(
            overview.starts_with(
                "`shop` has 3 tables and views:\n\n- `customers` (2 columns)\n- `orders`"
            ),
            "{overview}"
        );
        let none = answer("shop", "anything?", &Catalogue::default(), &[]);
        assert_eq!(none, "`shop` has no tables that you may read.");
    }

    #[test]
    fn nothing_in_a_catalogue_is_markup() {
        let mut staff = table(
            "sta`ff",
            vec![column(
                "salary",
                Some("<img src=x onerror=alert(1)> *per* month"),
            )],
        );
        staff.columns[0].data_type = "enum('<b>')".to_owned();
        staff.comment = Some("<chart-view content=\"{}\" />".to_owned());
        let catalogue = Catalogue {
            tables: vec![staff],
        };
        for question in ["salary?", "zebras?"] {
            let text = answer("shop", question, &catalogue, &[0]);
            assert!(!text.contains('<'), "{text}");
            assert!(text.contains("`sta ff`"), "{text}");
        }
        let salary = answer("shop", "salary?", &catalogue, &[0]);
        assert!(salary.contains("\\*per\\* month"), "{salary}");
    }

    #[test]
    fn the_answer_stays_short_over_a_large_catalogue() {
        let many = Catalogue {
            tables: (0..5_000)
                .map(|n| table(&format!("orders_{n}"), vec![column("id", None); 300]))
                .collect(),
        };
        let all: Vec<usize> = (0..500).collect();
        let text = answer("shop", "what of orders?", &many, &all);
        assert!(text.len() < 20_000, "{}", text.len());
        assert!(text.contains("more are not listed"));
        let text = answer("shop", "zebras?", &many, &all);
        assert!(text.contains("4940 more are not listed"), "{}", text.len());
    }
}
