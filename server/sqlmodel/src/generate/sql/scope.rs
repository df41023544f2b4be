//! The tables of one `SELECT`: what their names and columns mean, and which keys join them.

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Select,
    TableFactor,
};

use crate::schema::{ColumnId, Schema, TableId};

pub(super) struct Scope<'a> {
    pub(super) schema: &'a Schema,
    /// The tables after `FROM`, each with the name it goes by.
    pub(super) tables: Vec<(String, TableId)>,
    /// Of these, the ones that a `LEFT JOIN` brought in.
    pub(super) optional: Vec<TableId>,
    /// Foreign-key columns that conditions join by.
    pub(super) keys: Vec<ColumnId>,
    /// Conditions of joins that are more than the key.
    pub(super) rest: Vec<&'a Expr>,
    outer: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        schema: &'a Schema,
        select: &'a Select,
        outer: Option<&'a Scope<'a>>,
    ) -> Result<Self, String> {
        let mut scope = Self {
            schema,
            tables: Vec::new(),
            optional: Vec::new(),
            keys: Vec::new(),
            rest: Vec::new(),
            outer,
        };
        for from in &select.from {
            scope.add(&from.relation)?;
            for join in &from.joins {
                let table = scope.add(&join.relation)?;
                let constraint = match &join.join_operator {
                    JoinOperator::Join(on)
                    | JoinOperator::Inner(on)
                    | JoinOperator::CrossJoin(on) => on,
                    JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => {
                        scope.optional.push(table);
                        on
                    }
                    other => return Err(format!("cannot say the join {other:?}; use JOIN")),
                };
                match constraint {
                    JoinConstraint::On(on) => scope.join_on(on)?,
                    JoinConstraint::None => {}
                    _ => return Err("cannot say USING or NATURAL joins; use JOIN … ON".to_owned()),
                }
            }
        }
        if scope.tables.is_empty() {
            return Err("a query needs FROM and a table".to_owned());
        }
        Ok(scope)
    }

    fn add(&mut self, factor: &TableFactor) -> Result<TableId, String> {
        let TableFactor::Table { name, alias, .. } = factor else {
            return Err(format!(
                "cannot say {factor}: only tables may follow FROM and JOIN"
            ));
        };
        let last = last_part(name)?;
        let table = self
            .schema
            .tables
            .iter()
            .position(|t| same(&t.name, &last.value))
            .ok_or_else(|| format!("the schema has no table {last}"))?;
        if self.tables.iter().any(|(_, t)| *t == table) {
            return Err(format!("cannot say {last} joined twice"));
        }
        let alias = alias.as_ref().map_or(last, |alias| &alias.name);
        self.tables.push((alias.value.clone(), table));
        Ok(table)
    }

    fn join_on(&mut self, on: &'a Expr) -> Result<(), String> {
        for condition in conjuncts(on) {
            if !self.take_key(condition)? {
                self.rest.push(condition);
            }
        }
        Ok(())
    }

    /// Whether the condition equates a foreign key with what it refers to; if so the key is kept.
    pub(super) fn take_key(&mut self, condition: &Expr) -> Result<bool, String> {
        match self.key_of(condition)? {
            Some(key) => {
                if !self.keys.contains(&key) {
                    self.keys.push(key);
                }
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn key_of(&self, condition: &Expr) -> Result<Option<ColumnId>, String> {
        let Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } = strip(condition)
        else {
            return Ok(None);
        };
        let (Some(a), Some(b)) = (self.column(left)?, self.column(right)?) else {
            return Ok(None);
        };
        let references =
            |from: ColumnId, to: ColumnId| self.schema.columns[from].references == Some(to);
        Ok(if references(a, b) {
            Some(a)
        } else if references(b, a) {
            Some(b)
        } else {
            return Err(format!(
                "{condition} joins by something that is no foreign key"
            ));
        })
    }

    /// The column an expression names; `None` if it is something else.
    pub(super) fn column(&self, expr: &Expr) -> Result<Option<ColumnId>, String> {
        match strip(expr) {
            Expr::Identifier(name) => self.unqualified(name).map(Some),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., table, name] => self.qualified(table, name).map(Some),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The table that goes by a name here.
    pub(super) fn table(&self, name: &str) -> Result<TableId, String> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some((_, table)) = here.tables.iter().find(|(alias, _)| same(alias, name)) {
                return Ok(*table);
            }
            scope = here.outer;
        }
        Err(format!("no table goes by the name {name} here"))
    }

    /// Whether a table stands in this `SELECT` itself, not around it.
    pub(super) fn holds(&self, table: TableId) -> bool {
        self.tables.iter().any(|(_, t)| *t == table)
    }

    fn qualified(&self, table: &Ident, name: &Ident) -> Result<ColumnId, String> {
        let table = self.table(&table.value)?;
        self.in_table(table, name)
            .ok_or_else(|| format!("{} has no column {name}", self.schema.tables[table].name))
    }

    fn unqualified(&self, name: &Ident) -> Result<ColumnId, String> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            let found: Vec<ColumnId> = here
                .tables
                .iter()
                .filter_map(|&(_, table)| self.in_table(table, name))
                .collect();
            match found.as_slice() {
                [] => scope = here.outer,
                [column] => return Ok(*column),
                _ => return Err(format!("{name} could be a column of several tables")),
            }
        }
        Err(format!("no table here has a column {name}"))
    }

    fn in_table(&self, table: TableId, name: &Ident) -> Option<ColumnId> {
        let mut columns = self.schema.tables[table].columns.clone();
        columns.find(|&c| same(&self.schema.columns[c].name, &name.value))
    }

    /// The table that has one row per joined row, if there is one: every other is reached from it by keys.
    pub(super) fn finest(&self) -> Option<TableId> {
        self.tables.iter().map(|&(_, table)| table).find(|&start| {
            let mut reached = vec![start];
            let mut at = 0;
            while at < reached.len() {
                for &key in &self.keys {
                    let Some(to) = self.schema.columns[key].references else {
                        continue;
                    };
                    let (child, parent) = (
                        self.schema.columns[key].table,
                        self.schema.columns[to].table,
                    );
                    if child == reached[at] && !reached.contains(&parent) {
                        reached.push(parent);
                    }
                }
                at += 1;
            }
            self.tables.iter().all(|(_, table)| reached.contains(table))
        })
    }
}

/// The conditions that `AND` joins.
pub(super) fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match strip(expr) {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(right));
            all
        }
        other => vec![other],
    }
}

/// The conditions that `OR` joins.
pub(super) fn disjuncts(expr: &Expr) -> Vec<&Expr> {
    match strip(expr) {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Or,
            right,
        } => {
            let mut all = disjuncts(left);
            all.extend(disjuncts(right));
            all
        }
        other => vec![other],
    }
}

/// An expression without brackets around it.
pub(super) fn strip(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

pub(super) fn last_part(name: &ObjectName) -> Result<&Ident, String> {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => Ok(ident),
        _ => Err(format!("{name} is no plain name")),
    }
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}
