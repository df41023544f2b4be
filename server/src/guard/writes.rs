//! The writable path: which change of rows may be made, and what to do where one may not.
//!
//! One INSERT, UPDATE, DELETE, REPLACE or MERGE of one table, whose rows are named by a condition. Whatever the walk
//! refuses in a query it refuses in a change too.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Delete, Expr, FromTable, Insert, Merge, MergeAction, MergeClauseKind, ObjectName, Query,
    SetExpr, Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind,
    visit_expressions,
};
use tidegate_schema::model::Dialect;

use super::tables::TableName;

const NO_ROWS_BACK: &str = "RETURNING and OUTPUT are not allowed in a change; leave them out, and read the rows with a \
                            query after the write";
const ONE_TABLE: &str =
    "only one table is changed by a statement; name it alone, and put others into a subquery";

/// The statement itself, or what stands behind its WITH, if that changes rows.
pub(super) fn of(statement: &Statement) -> Option<&Statement> {
    match statement {
        Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Merge(_) => Some(statement),
        Statement::Query(query) => match query.body.as_ref() {
            SetExpr::Insert(change)
            | SetExpr::Update(change)
            | SetExpr::Delete(change)
            | SetExpr::Merge(change) => Some(change),
            _ => None,
        },
        _ => None,
    }
}

/// Its kind, as the verdict names it.
pub(super) fn kind(change: &Statement) -> &'static str {
    match change {
        Statement::Insert(insert) if insert.replace_into => "replace",
        Statement::Insert(_) => "insert",
        Statement::Update(_) => "update",
        Statement::Delete(_) => "delete",
        _ => "merge",
    }
}

/// Why this change may not be made even by those who may change rows. `statement` is what holds it.
pub(super) fn refused(
    statement: &Statement,
    change: &Statement,
    dialect: Dialect,
    database: Option<&str>,
) -> Option<String> {
    let reason = match change {
        Statement::Insert(insert) => inserts(insert, dialect),
        Statement::Update(update) => updates(update, dialect),
        Statement::Delete(delete) => deletes(delete, dialect),
        Statement::Merge(merge) => merges(merge),
        _ => Some("the statement is no change of rows"),
    };
    let by_name = || {
        let target = target(change)?;
        if defines(statement, target) {
            return Some("the table to change is a name that WITH defines; name the table itself");
        }
        TableName::read(target, dialect, database)
            .is_some_and(|table| table.is_system(dialect))
            .then_some("the table belongs to the database system and may not be changed")
    };
    reason.or_else(by_name).map(str::to_owned)
}

fn inserts(insert: &Insert, dialect: Dialect) -> Option<&'static str> {
    if insert.returning.is_some() || insert.output.is_some() {
        return Some(NO_ROWS_BACK);
    }
    if !matches!(insert.table, TableObject::TableName(_)) {
        return Some("INSERT takes a table; a function or a query may reach elsewhere");
    }
    let elsewhere = insert.overwrite
        || insert.has_table_keyword
        || insert.partitioned.is_some()
        || !insert.after_columns.is_empty()
        || insert.settings.is_some()
        || insert.format_clause.is_some()
        || insert.multi_table_insert_type.is_some()
        || !insert.multi_table_into_clauses.is_empty()
        || !insert.multi_table_when_clauses.is_empty()
        || insert.multi_table_else_clause.is_some()
        || insert.priority.is_some()
        || (insert.or.is_some() && !matches!(dialect, Dialect::Sqlite | Dialect::DuckDb));
    elsewhere.then_some(
        "INSERT has a clause that is not known to be harmless; write INSERT INTO table (columns) and VALUES or a query",
    )
}

fn updates(update: &Update, dialect: Dialect) -> Option<&'static str> {
    if dialect == Dialect::ClickHouse {
        return Some("ClickHouse changes rows by ALTER TABLE, which is not allowed; insert rows");
    }
    if update.returning.is_some() || update.output.is_some() {
        return Some(NO_ROWS_BACK);
    }
    if !is_one_table(&update.table)
        || matches!(update.from, Some(UpdateTableFromKind::BeforeSet(_)))
        || (update.or.is_some() && dialect != Dialect::Sqlite)
    {
        return Some(ONE_TABLE);
    }
    (!chooses(update.selection.as_ref())).then_some(
        "UPDATE without a condition on a column changes every row; add WHERE with the rows to change",
    )
}

fn deletes(delete: &Delete, dialect: Dialect) -> Option<&'static str> {
    if delete.returning.is_some() || delete.output.is_some() {
        return Some(NO_ROWS_BACK);
    }
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let one = matches!(from.as_slice(), [table] if is_one_table(table));
    let using = delete.using.is_some() && !matches!(dialect, Dialect::Postgres | Dialect::DuckDb);
    if !one || using || !delete.tables.is_empty() {
        return Some(ONE_TABLE);
    }
    (!chooses(delete.selection.as_ref())).then_some(
        "DELETE without a condition on a column removes every row; add WHERE with the rows to remove",
    )
}

fn merges(merge: &Merge) -> Option<&'static str> {
    if merge.output.is_some() {
        return Some(NO_ROWS_BACK);
    }
    if !is_plain(&merge.table) {
        return Some(ONE_TABLE);
    }
    let more = merge.clauses.iter().any(|clause| {
        matches!(clause.clause_kind, MergeClauseKind::NotMatchedBySource)
            || match &clause.action {
                MergeAction::Insert(_) | MergeAction::DoNothing { .. } => false,
                MergeAction::Update(update) => update.delete_predicate.is_some(),
                MergeAction::Delete { .. } => true,
            }
    });
    if more {
        return Some(
            "MERGE is allowed for WHEN MATCHED THEN UPDATE and WHEN NOT MATCHED THEN INSERT only; write a DELETE of \
             its own",
        );
    }
    (!chooses(Some(merge.on.as_ref()))).then_some(
        "MERGE without a condition on columns changes every row; compare the keys of both in ON",
    )
}

/// Whether it is one plain table without joins.
fn is_one_table(table: &TableWithJoins) -> bool {
    table.joins.is_empty() && is_plain(&table.relation)
}

fn is_plain(factor: &TableFactor) -> bool {
    matches!(
        factor,
        TableFactor::Table {
            args: None,
            version: None,
            sample: None,
            json_path: None,
            with_hints,
            ..
        } if with_hints.is_empty()
    )
}

/// Whether a condition looks at a column; `1 = 1` chooses nothing.
fn chooses(condition: Option<&Expr>) -> bool {
    condition.is_some_and(|condition| {
        visit_expressions(condition, |expr| match expr {
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::CompoundFieldAccess { .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_break()
    })
}

fn target(change: &Statement) -> Option<&ObjectName> {
    match change {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => Some(name),
            _ => None,
        },
        Statement::Update(update) => named(&update.table.relation),
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            named(&from.first()?.relation)
        }
        Statement::Merge(merge) => named(&merge.table),
        _ => None,
    }
}

fn named(factor: &TableFactor) -> Option<&ObjectName> {
    match factor {
        TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}

/// Whether the statement's WITH defines that name; SQL Server changes the tables behind it.
fn defines(statement: &Statement, target: &ObjectName) -> bool {
    let is_target = |name: &str| {
        matches!(target.0.as_slice(), [part]
        if part.as_ident().is_some_and(|ident| {
            ident.value.trim_end().eq_ignore_ascii_case(name.trim_end())
        }))
    };
    let in_query = |query: &Query| {
        query.with.as_ref().is_some_and(|with| {
            with.cte_tables
                .iter()
                .any(|cte| is_target(&cte.alias.name.value))
        })
    };
    matches!(statement, Statement::Query(query) if in_query(query))
}
