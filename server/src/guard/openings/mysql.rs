//! SHOW, DESCRIBE and EXPLAIN of MySQL, MariaDB and those that speak their dialect.

use sqlparser::tokenizer::Token;

use super::{
    Cursor, Opening, begins_query, columns_of, ends, explained, names_within, refused, runs,
    unknown_show, whole_table,
};

/// Variables `SHOW VARIABLES LIKE '…'` may tell, by their full names.
const VARIABLES: &[&str] = &[
    "autocommit",
    "character_set_client",
    "character_set_connection",
    "character_set_database",
    "character_set_results",
    "character_set_server",
    "collation_connection",
    "collation_database",
    "collation_server",
    "default_storage_engine",
    "lower_case_table_names",
    "max_execution_time",
    "max_statement_time",
    "sql_mode",
    "system_time_zone",
    "time_zone",
    "transaction_isolation",
    "tx_isolation",
    "version",
    "version_comment",
];
const FORMATS: &[&str] = &["json", "traditional", "tree"];

pub(super) fn read(cursor: &mut Cursor<'_>) -> Opening {
    if cursor.take(&["show"]) {
        return show(cursor);
    }
    if cursor.take(&["table"]) {
        return whole_table("select", cursor);
    }
    if cursor.take(&["describe"]) || cursor.take(&["desc"]) || cursor.take(&["explain"]) {
        return describe(cursor);
    }
    Opening::Statement
}

fn show(cursor: &mut Cursor<'_>) -> Opening {
    let full = cursor.take(&["full"]);
    if cursor.take(&["tables"]) {
        return names_within(cursor);
    }
    if cursor.take(&["columns"]) || cursor.take(&["fields"]) {
        return columns_of(cursor);
    }
    if full {
        return unknown_show();
    }
    if cursor.take(&["create", "table"]) || cursor.take(&["create", "view"]) {
        return match cursor.name() {
            Some(name) => ends(cursor, Opening::Table("show", name)),
            None => unknown_show(),
        };
    }
    if cursor.take(&["index"]) || cursor.take(&["indexes"]) || cursor.take(&["keys"]) {
        return columns_of(cursor);
    }
    if cursor.take(&["databases"]) || cursor.take(&["schemas"]) || cursor.take(&["table", "status"])
    {
        return names_within(cursor);
    }
    let sets = cursor.take(&["character", "set"])
        || cursor.take(&["charset"])
        || cursor.take(&["collation"])
        || cursor.take(&["engines"])
        || cursor.take(&["warnings"]);
    if sets {
        cursor.like();
        return ends(cursor, Opening::Harmless("show"));
    }
    if cursor.take(&["variables", "like"]) {
        let known = cursor
            .text()
            .is_some_and(|name| VARIABLES.contains(&name.to_lowercase().as_str()));
        if known {
            return ends(cursor, Opening::Harmless("show"));
        }
        return refused(
            "show",
            "SHOW VARIABLES takes LIKE and the full name of a variable that describes the server, such as 'version'",
        );
    }
    unknown_show()
}

/// `{DESCRIBE | DESC | EXPLAIN} {t [column] | [FORMAT = x] query}`.
fn describe(cursor: &mut Cursor<'_>) -> Opening {
    if cursor.take(&["analyze"]) {
        return runs();
    }
    let mut options = false;
    loop {
        if cursor.take(&["extended"]) || cursor.take(&["partitions"]) {
            options = true;
        } else if cursor.take(&["format"]) {
            options = true;
            let named = cursor.sign(&Token::Eq)
                && (FORMATS.iter().any(|format| cursor.take(&[*format]))
                    || cursor
                        .text()
                        .is_some_and(|text| FORMATS.contains(&text.to_lowercase().as_str())));
            if !named {
                return refused("explain", "EXPLAIN FORMAT takes JSON, TREE or TRADITIONAL");
            }
        } else {
            break;
        }
    }
    if options || begins_query(cursor) {
        return explained(cursor);
    }
    match cursor.name() {
        Some(name) => {
            if cursor.text().is_none() {
                cursor.any_word();
            }
            ends(cursor, Opening::Table("describe", name))
        }
        None => refused(
            "describe",
            "a table's name is missing; write database.table",
        ),
    }
}
