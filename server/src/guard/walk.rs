//! A walk over every part of a statement: what it touches, and the first thing that is not known to read.

mod aliases;
mod names;
mod types;
mod visit;

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlparser::{
    ast::{
        Function, FunctionArg, FunctionArguments, Ident, ObjectName, Query, SetExpr, Statement,
        TableFactor,
    },
    tokenizer::Token,
};
use tidegate_schema::model::Dialect;

use super::{
    GuardOptions,
    functions::{self, Place},
    tables::{self, TableName, folded},
};

/// Queries a WITH may stand for; SQLite plans each, and does not look at the clock while it does. Of the others only
/// PostgreSQL is known to run a name once that is used twice.
const MAX_SPELLED_OUT: u64 = 500;

/// Names the statement itself defines, visible from some of its parts.
#[derive(Default)]
struct Scope {
    names: Vec<String>,
    /// How many queries each name stands for once it is spelled out; SQLite spells it out at every use.
    weights: Vec<u64>,
    /// How many of `names` are visible now.
    visible: usize,
}

/// A common table expression: the scope it belongs to, its place there, and how many names of it are visible.
struct Definition {
    scope: usize,
    nth: usize,
    visible: usize,
}

pub(super) struct Walk<'a> {
    dialect: Dialect,
    options: &'a GuardOptions,
    /// What the statement was read from, for what the tree does not keep.
    tokens: &'a [Token],
    tables: BTreeSet<String>,
    columns: BTreeSet<String>,
    functions: BTreeSet<String>,
    reason: Option<String>,
    statements: usize,
    scopes: Vec<Scope>,
    /// Common table expressions about to be visited.
    inside: HashMap<*const Query, Definition>,
    /// Those being visited; the count of names is the one to restore when they are left.
    restore: HashMap<*const Query, Definition>,
    /// Relations that are calls of table functions, or columns, and no tables.
    calls: HashSet<*const ObjectName>,
    /// What stands behind ARRAY JOIN: columns and expressions, though it looks like tables.
    arrays: HashSet<*const TableFactor>,
    /// The one statement that may change rows, where one may.
    change: Option<*const Statement>,
    /// What the queries around here weigh so far.
    costs: Vec<u64>,
}

type Found = (Vec<String>, Vec<String>, Vec<String>, Option<String>);

impl<'a> Walk<'a> {
    /// `tokens` are the statement's; `change` is the statement that may change rows.
    pub(super) fn new(
        dialect: Dialect,
        options: &'a GuardOptions,
        tokens: &'a [Token],
        change: Option<&Statement>,
    ) -> Self {
        Self {
            dialect,
            change: change.map(std::ptr::from_ref),
            arrays: HashSet::new(),
            options,
            tokens,
            tables: BTreeSet::new(),
            columns: BTreeSet::new(),
            functions: BTreeSet::new(),
            reason: None,
            statements: 0,
            scopes: Vec::new(),
            inside: HashMap::new(),
            restore: HashMap::new(),
            calls: HashSet::new(),
            costs: Vec::new(),
        }
    }

    /// Tables, columns, functions, and the reason for a refusal.
    pub(super) fn done(self) -> Found {
        let list = |set: BTreeSet<String>| set.into_iter().collect();
        (
            list(self.tables),
            list(self.columns),
            list(self.functions),
            self.reason,
        )
    }

    /// Adds to what the query around here weighs.
    fn weigh(&mut self, weight: u64) {
        let Some(top) = self.costs.last_mut() else {
            return;
        };
        *top = top.saturating_add(weight);
        if *top > MAX_SPELLED_OUT && self.dialect != Dialect::Postgres {
            self.refuse(format!(
                "the names in WITH stand for more than {MAX_SPELLED_OUT} queries once they are spelled out; \
                 use each fewer times"
            ));
        }
    }

    fn refuse(&mut self, reason: impl Into<String>) {
        self.reason.get_or_insert_with(|| reason.into());
    }

    /// The parser takes these for a table's name, and a call behind them for that table's alias.
    fn no_word_of_a_query(&mut self, name: &ObjectName) {
        if tables::has_word(name, &["select", "from", "where"]) {
            self.refuse("SELECT, FROM and WHERE name no table; quote a table of that name");
        }
    }

    pub(super) fn table(&mut self, name: &ObjectName) {
        self.no_word_of_a_query(name);
        if self.dialect == Dialect::Postgres && tables::has_word(name, &["only"]) {
            self.refuse("FROM ONLY hides which table is read; leave ONLY out");
        }
        let database = self.options.database.as_deref();
        let Some(table) = TableName::read(name, self.dialect, database) else {
            self.refuse(format!(
                "{name} is no plain name of a table of this database; write schema.table, or add the other database \
                 as a datasource of its own"
            ));
            return;
        };
        let place = |scope: &Scope| {
            scope.names[..scope.visible]
                .iter()
                .rposition(|name| *name == table.name)
                .map(|at| scope.weights[at])
        };
        if table.schema.is_none()
            && let Some(weight) = self.scopes.iter().rev().find_map(place)
        {
            self.weigh(weight);
            return;
        }
        // MySQL's name for no table at all.
        if self.dialect == Dialect::MySql && name.to_string().eq_ignore_ascii_case("dual") {
            return;
        }
        if let Some(reason) = table.secret(self.dialect) {
            self.refuse(reason);
        } else if let Some(allowed) = &self.options.allowed_tables {
            let granted = table.granted_as(self.dialect, database);
            let listed = |name: &String| match self.dialect {
                // A grant is spelled as the catalogue spells the table; these engines do not mind the case.
                Dialect::Sqlite | Dialect::DuckDb | Dialect::TransactSql => {
                    allowed.iter().any(|one| one.eq_ignore_ascii_case(name))
                }
                Dialect::Postgres | Dialect::MySql | Dialect::ClickHouse => allowed.contains(name),
            };
            if table.is_system(self.dialect) || !granted.iter().any(listed) {
                self.refuse(format!(
                    "{} is not among the tables you may read; ask for another or have it granted",
                    table.written
                ));
            }
        }
        self.tables.insert(table.written);
    }

    fn call(&mut self, name: &ObjectName, args: &[FunctionArg], place: Place) {
        let parts: Vec<String> = name
            .0
            .iter()
            .map(|part| {
                part.as_ident().map_or_else(
                    || part.to_string(),
                    |ident| match self.dialect {
                        Dialect::Postgres => folded(ident, self.dialect),
                        _ => ident.value.to_ascii_lowercase(),
                    },
                )
            })
            .collect();
        let (bare, schema) = match parts.as_slice() {
            [bare] => (bare.clone(), None),
            [schema, bare] => (bare.clone(), Some(schema.clone())),
            _ => (name.to_string(), Some(String::new())),
        };
        self.functions.insert(name.to_string().to_lowercase());
        if schema
            .as_deref()
            .is_some_and(|schema| self.dialect != Dialect::Postgres || schema != "pg_catalog")
        {
            self.refuse(format!(
                "the function {name} is not among those that may be called"
            ));
            return;
        }
        if !functions::is_allowed(&bare, self.dialect, place) {
            self.refuse(functions::refusal(&bare));
            return;
        }
        let limited = self.options.allowed_tables.is_some();
        if limited && functions::tells_of_others(&bare, self.dialect) {
            self.refuse(format!(
                "{name} tells of more tables than you may read; query a table that you may"
            ));
        }
        if let Some(reason) = functions::refused_arguments(&bare, args, self.dialect, place) {
            self.refuse(reason);
        }
    }

    /// PostgreSQL reads `x.f` as `f(x)` where x has no column f.
    fn field(&mut self, field: &Ident) {
        let name = folded(field, self.dialect);
        let limited = self.options.allowed_tables.is_some();
        let calls =
            functions::is_dangerous_field(&name) || (limited && functions::is_telling_field(&name));
        if self.dialect == Dialect::Postgres && calls {
            self.refuse(functions::refusal(&name));
        }
    }

    fn function(&mut self, function: &Function) {
        // ClickHouse's quantile(0.9)(x).
        let parameters = !matches!(function.parameters, FunctionArguments::None)
            && self.dialect != Dialect::ClickHouse;
        if function.uses_odbc_syntax || parameters {
            self.refuse(format!(
                "{} is called in another database's way",
                function.name
            ));
        }
        let args = match &function.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            FunctionArguments::None | FunctionArguments::Subquery(_) => &[],
        };
        self.call(&function.name, args, Place::Value);
    }

    /// The parts of a query's body that the visitor does not hand over one by one.
    fn body(&mut self, body: &SetExpr) {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            // `TABLE t` is short for `SELECT * FROM t`.
            SetExpr::Table(table) => {
                if self.dialect == Dialect::ClickHouse {
                    self.refuse("TABLE t is a query of another database; write SELECT * FROM t");
                }
                let parts = table.schema_name.iter().chain(&table.table_name);
                let idents: Vec<_> = parts.map(sqlparser::ast::Ident::new).collect();
                self.table(&ObjectName::from(idents));
            }
            SetExpr::Insert(change)
            | SetExpr::Update(change)
            | SetExpr::Delete(change)
            | SetExpr::Merge(change) => {
                if self.change != Some(std::ptr::from_ref(change)) {
                    self.refuse("a part of the statement changes rows; only reading is allowed");
                }
            }
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => {}
        }
    }
}
