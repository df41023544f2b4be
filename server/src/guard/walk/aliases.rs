//! Aliases of what stands in FROM, with their lists of columns.

use sqlparser::ast::{TableAlias, TableAliasColumnDef, TableFactor};

use super::{
    Walk,
    types::{any_custom, has_list},
};
use crate::guard::tables;

/// Words behind which a name with a list is a call. Behind a dot they are a table's name, and that name its alias.
const BEFORE_CALLS: &[&str] = &[
    "all", "and", "apply", "between", "by", "case", "distinct", "div", "else", "having", "in",
    "interval", "is", "join", "lateral", "like", "limit", "not", "offset", "on", "or", "prewhere",
    "qualify", "then", "when", "xor",
];

impl Walk<'_> {
    /// Refuses lists that are no plain names. `t SELECT (call('x'))` is to the parser an alias with a column named
    /// SELECT of the type `call('x')`, behind a table as behind a subquery.
    pub(super) fn alias(&mut self, factor: &TableFactor) {
        let Some(alias) = alias_of(factor) else {
            return;
        };
        if let TableFactor::Table {
            name, args: None, ..
        } = factor
            && !alias.columns.is_empty()
            && tables::has_word(name, BEFORE_CALLS)
        {
            self.refuse(
                "behind a word of SQL an alias with a list reads like a call; quote the table's name",
            );
        }
        // A function of the engine may take a list of columns and types.
        let is_call = matches!(
            factor,
            TableFactor::Table { args: Some(_), .. }
                | TableFactor::Function { .. }
                | TableFactor::TableFunction { .. }
                | TableFactor::UNNEST { .. }
        );
        let is_odd = |column: &TableAliasColumnDef| {
            column.name.quote_style == Some('\'')
                || match &column.data_type {
                    // A type of the user's own that takes arguments looks like a call.
                    Some(kind) => {
                        let odd = |name: &_, list: &[String]| has_list(name, list, self.tokens);
                        !is_call || any_custom(kind, &odd)
                    }
                    None => false,
                }
        };
        if alias.columns.iter().any(is_odd) {
            self.refuse("an alias takes plain names of columns; leave the list out");
        }
    }
}

fn alias_of(factor: &TableFactor) -> Option<&TableAlias> {
    match factor {
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::JsonTable { alias, .. }
        | TableFactor::OpenJsonTable { alias, .. }
        | TableFactor::NestedJoin { alias, .. }
        | TableFactor::Pivot { alias, .. }
        | TableFactor::Unpivot { alias, .. } => alias.as_ref(),
        _ => None,
    }
}
