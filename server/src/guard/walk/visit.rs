//! What the walk does at each part of a statement as the parser's visitor hands it over.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, ForClause, JoinOperator, ObjectName, Query, Select,
    Statement, TableFactor, Value, ValueWithSpan, Visitor,
};
use tidegate_schema::model::Dialect;

use super::Walk;
use crate::guard::functions::{self, Place};

/// Hints behind a table that make SQL Server lock less, or choose an index.
const HINTS: &[&str] = &[
    "forcescan",
    "forceseek",
    "noexpand",
    "nolock",
    "readcommitted",
    "readpast",
    "readuncommitted",
];

impl Walk<'_> {
    fn hints(&mut self, hints: &[Expr]) {
        let known = |hint: &Expr| match hint {
            Expr::Identifier(name) => HINTS.contains(&name.value.to_lowercase().as_str()),
            _ => false,
        };
        if self.dialect != Dialect::TransactSql && !hints.is_empty() {
            self.refuse("WITH (…) behind a table is of another database; leave it out");
        } else if !hints.iter().all(known) {
            self.refuse(
                "a hint behind a table may lock it; NOLOCK, READPAST and the like are allowed",
            );
        }
    }
}

/// Whether ClickHouse could take it for a table.
fn is_name(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Nested(inner) => is_name(inner),
        _ => false,
    }
}

impl Visitor for Walk<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.statements += 1;
        let nested = self.statements > 1 && !matches!(statement, Statement::Query(_));
        if nested && self.change != Some(std::ptr::from_ref(statement)) {
            self.refuse("a part of the statement changes rows; only reading is allowed");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let at = std::ptr::from_ref(query);
        if let Some(mut definition) = self.inside.remove(&at) {
            let scope = &mut self.scopes[definition.scope];
            std::mem::swap(&mut scope.visible, &mut definition.visible);
            // A recursive one reads its own rows and is not spelled out again.
            scope.weights[definition.nth] = 1;
            self.restore.insert(at, definition);
        }
        self.costs.push(1);
        self.define(query);
        self.body(&query.body);
        if !query.locks.is_empty() {
            self.refuse("FOR UPDATE and FOR SHARE lock rows; leave them out");
        }
        if query.settings.is_some() {
            self.refuse("SETTINGS may lift the limits of the query; leave it out");
        }
        if query.format_clause.is_some() {
            self.refuse("FORMAT changes how the rows travel; leave it out");
        }
        let foreign = match &query.for_clause {
            Some(ForClause::Xml { .. } | ForClause::Json { .. }) => {
                self.dialect != Dialect::TransactSql
            }
            Some(ForClause::Browse) => true,
            None => false,
        };
        if foreign || !query.pipe_operators.is_empty() {
            self.refuse("the query has a clause of another database; leave it out");
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        let cost = self.costs.pop().unwrap_or(1);
        if let Some(definition) = self.restore.remove(&std::ptr::from_ref(query)) {
            let scope = &mut self.scopes[definition.scope];
            scope.visible = definition.visible;
            scope.weights[definition.nth] = cost;
        } else {
            self.weigh(cost);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if select.into.is_some() {
            self.refuse("SELECT INTO makes a table; leave INTO out");
        }
        if !select.lateral_views.is_empty()
            || !select.connect_by.is_empty()
            || (select.prewhere.is_some() && self.dialect != Dialect::ClickHouse)
            || (select.top.is_some() && self.dialect != Dialect::TransactSql)
            || select.value_table_mode.is_some()
        {
            self.refuse("the query has a clause of another database; leave it out");
        }
        for join in select.from.iter().flat_map(|table| &table.joins) {
            if matches!(
                join.join_operator,
                JoinOperator::ArrayJoin
                    | JoinOperator::LeftArrayJoin
                    | JoinOperator::InnerArrayJoin
            ) {
                self.arrays.insert(std::ptr::from_ref(&join.relation));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            args: Some(args), ..
        } = factor
            && args.settings.is_some()
        {
            self.refuse("SETTINGS may lift the limits of the query; leave it out");
        }
        if self.arrays.contains(&std::ptr::from_ref(factor))
            && let TableFactor::Table {
                name, alias, args, ..
            } = factor
        {
            self.calls.insert(std::ptr::from_ref(name));
            self.no_word_of_a_query(name);
            // What would be a call behind a word that is no name, as in a table's alias below.
            if alias.iter().any(|alias| !alias.columns.is_empty()) {
                self.refuse("an alias behind ARRAY JOIN takes no list; leave the parentheses out");
            }
            if let Some(args) = args {
                self.call(name, &args.args, Place::Value);
            }
            return ControlFlow::Continue(());
        }
        self.alias(factor);
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                ..
            } => {
                self.hints(with_hints);
                let columns = alias
                    .as_ref()
                    .is_some_and(|alias| !alias.columns.is_empty());
                match args {
                    Some(args) => {
                        self.calls.insert(std::ptr::from_ref(name));
                        self.call(name, &args.args, Place::Table);
                    }
                    // They give no list there: it would be hints, or a call behind a name that hides it.
                    None if columns && !matches!(self.dialect, Dialect::Postgres | Dialect::DuckDb) => {
                        self.refuse("a table's alias takes no list in parentheses; leave it out");
                    }
                    None => {}
                }
            }
            TableFactor::Function { name, args, .. } => self.call(name, args, Place::Table),
            TableFactor::Derived { .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::NestedJoin { .. } => {}
            TableFactor::JsonTable { .. } if self.dialect == Dialect::MySql => {}
            TableFactor::OpenJsonTable { .. } if self.dialect == Dialect::TransactSql => {}
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. }
                if matches!(self.dialect, Dialect::DuckDb | Dialect::TransactSql) => {}
            _ => self.refuse("the FROM clause has a form that is not known to be harmless; use tables and subqueries"),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        if !self.calls.contains(&std::ptr::from_ref(relation)) {
            self.table(relation);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => self.function(function),
            Expr::Identifier(ident) => {
                self.columns.insert(ident.to_string());
            }
            Expr::CompoundFieldAccess { access_chain, .. } => {
                for access in access_chain {
                    match access {
                        AccessExpr::Dot(Expr::Identifier(field)) => {
                            self.columns.insert(format!("(…).{field}"));
                            self.field(field);
                        }
                        AccessExpr::Dot(_) => self.refuse("after a dot only a name may stand"),
                        AccessExpr::Subscript(_) => {}
                    }
                }
            }
            Expr::CompoundIdentifier(parts) => {
                if let Some(field) = parts.last() {
                    self.field(field);
                }
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                self.columns.insert(parts.join("."));
            }
            Expr::Trim {
                trim_what,
                trim_characters,
                ..
            } if self.dialect == Dialect::Sqlite => {
                let sets = trim_what.as_deref().into_iter();
                let mut sets = sets.chain(trim_characters.iter().flatten());
                if let Some(reason) = sets.find_map(|set| functions::refused_trim_set(Some(set))) {
                    self.refuse(reason);
                }
            }
            Expr::Cast { data_type, .. }
            | Expr::Convert {
                data_type: Some(data_type),
                ..
            } => self.cast_to(data_type),
            Expr::TypedString(typed) => self.cast_to(&typed.data_type),
            // An operator with a schema is a function under another name.
            Expr::BinaryOp {
                op: BinaryOperator::PGCustomBinaryOperator(parts),
                ..
            } if parts
                .first()
                .is_none_or(|schema| parts.len() > 1 && schema != "pg_catalog") =>
            {
                self.refuse("OPERATOR(schema.name) may call any function; use the plain operator");
            }
            Expr::MatchAgainst { .. } if self.dialect != Dialect::MySql => {
                self.refuse("the query has an expression of another database");
            }
            Expr::Lambda(_) if !matches!(self.dialect, Dialect::DuckDb | Dialect::ClickHouse) => {
                self.refuse("the query has an expression of another database");
            }
            Expr::InList { list, .. } if self.dialect == Dialect::ClickHouse => {
                if let [one] = list.as_slice()
                    && is_name(one)
                {
                    self.refuse(
                        "a name behind IN may be a table's; write IN (SELECT … FROM table)",
                    );
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(name) = &value.value {
            self.refuse(format!(
                "there is no value for the parameter {name}; write the value into the query"
            ));
        }
        ControlFlow::Continue(())
    }
}
