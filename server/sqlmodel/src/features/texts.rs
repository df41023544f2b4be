//! Names of tables and columns as texts a sentence encoder can read.

use std::fmt::Write;

use crate::schema::{Schema, identifier_words};

/// Values told of a category.
const MOST_VALUES: usize = 4;
/// Letters of a comment that are read.
const COMMENT_LETTERS: usize = 120;

/// Texts of tables, then columns: own words ("unit price"); words in context ("order items: unit price"), with
/// the comment and, for a category, some of its values.
pub fn item_texts(schema: &Schema) -> Vec<(String, String)> {
    let mut texts = Vec::with_capacity(schema.tables.len() + schema.columns.len());
    for table in &schema.tables {
        let own = readable(&table.name);
        let mut context = own.clone();
        add_comment(&mut context, table.comment.as_deref());
        texts.push((own, context));
    }
    for column in &schema.columns {
        let own = readable(&column.name);
        let mut context = format!("{}: {own}", texts[column.table].0);
        add_comment(&mut context, column.comment.as_deref());
        if column.values_complete {
            for (at, value) in column.values.iter().take(MOST_VALUES).enumerate() {
                let separator = if at == 0 { ": " } else { ", " };
                // Writing into a string cannot fail.
                let _ = write!(context, "{separator}{}", value.replace('_', " "));
            }
        }
        texts.push((own, context));
    }
    texts
}

/// Words of a name; a name without letters or digits stands for itself.
fn readable(name: &str) -> String {
    let words = identifier_words(name);
    if words.is_empty() {
        name.to_owned()
    } else {
        words.join(" ")
    }
}

fn add_comment(text: &mut String, comment: Option<&str>) {
    if let Some(comment) = comment {
        text.push_str(", ");
        text.extend(comment.trim().chars().take(COMMENT_LETTERS));
    }
}
