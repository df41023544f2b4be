//! What the walk does at each part of a statement as the parser's visitor hands it over.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, ObjectName, Query, Select, Statement, TableFactor, Value,
    ValueWithSpan, Visitor,
};
use tidegate_schema::model::Engine;

use super::Walk;
use crate::guard::functions;

impl Visitor for Walk<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.statements += 1;
        let nested = self.statements > 1 && !matches!(statement, Statement::Query(_));
        if nested {
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
        if query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
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
            || select.prewhere.is_some()
            || select.top.is_some()
            || select.value_table_mode.is_some()
        {
            self.refuse("the query has a clause of another database; leave it out");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(args), .. } => {
                self.calls.insert(std::ptr::from_ref(name));
                self.call(name, &args.args);
            }
            TableFactor::Function { name, args, .. } => self.call(name, args),
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::NestedJoin { .. } => {}
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
            } if self.engine == Engine::Sqlite => {
                let sets = trim_what.as_deref().into_iter();
                let mut sets = sets.chain(trim_characters.iter().flatten());
                if let Some(reason) = sets.find_map(|set| functions::refused_trim_set(Some(set))) {
                    self.refuse(reason);
                }
            }
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
            Expr::MatchAgainst { .. } | Expr::Lambda(_) => {
                self.refuse("the query has an expression of another database");
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
