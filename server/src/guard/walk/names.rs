//! Names that a WITH defines, and from where they are seen.

use std::ops::ControlFlow;

use sqlparser::ast::{Cte, ObjectNamePart, Query, SetExpr, SetOperator, With, visit_relations};
use tidegate_schema::model::Dialect;

use super::{Definition, MAX_SPELLED_OUT, Scope, Walk};
use crate::guard::tables::folded;

impl Walk<'_> {
    /// Opens the scope of a query with the names its WITH defines.
    pub(super) fn define(&mut self, query: &Query) {
        let Some(with) = &query.with else {
            self.scopes.push(Scope::default());
            return;
        };
        let names: Vec<String> = with
            .cte_tables
            .iter()
            .map(|cte| folded(&cte.alias.name, self.dialect))
            .collect();
        let scope = self.scopes.len();
        for (nth, cte) in with.cte_tables.iter().enumerate() {
            let reads_itself = !matches!(self.dialect, Dialect::Sqlite | Dialect::Postgres)
                && self.reads_itself(with, cte);
            let visible = match self.dialect {
                Dialect::Sqlite => names.len(),
                // A plain WITH sees only what stands before: the same name inside is the real table.
                Dialect::Postgres if with.recursive => names.len(),
                Dialect::Postgres => nth,
                // Nor does a recursive one see what comes later there.
                _ if reads_itself => nth + 1,
                _ => nth,
            };
            let definition = Definition {
                scope,
                nth,
                visible,
            };
            self.inside
                .insert(std::ptr::from_ref(cte.query.as_ref()), definition);
        }
        self.scopes.push(Scope {
            visible: names.len(),
            // Half of what is allowed until it is known: a name may stand for one that comes later, once.
            weights: vec![MAX_SPELLED_OUT / 2 + 1; names.len()],
            names,
        });
    }

    /// Whether a definition may read its own rows: it is a union, and its first part has rows without them.
    fn reads_itself(&mut self, with: &With, cte: &Cte) -> bool {
        // Transact-SQL has no word for it.
        if !with.recursive && self.dialect != Dialect::TransactSql {
            return false;
        }
        let SetExpr::SetOperation {
            left,
            op: SetOperator::Union,
            ..
        } = cte.query.body.as_ref()
        else {
            return false;
        };
        let own = &cte.alias.name.value;
        let early = visit_relations(left.as_ref(), |relation| {
            let is_own = |part: &ObjectNamePart| {
                part.as_ident()
                    .is_some_and(|ident| ident.value.eq_ignore_ascii_case(own))
            };
            match relation.0.as_slice() {
                [part] if is_own(part) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        if early.is_break() {
            self.refuse(format!(
                "the first part of {own} reads {own} itself, which may be another table; rename one of them"
            ));
        }
        true
    }
}
