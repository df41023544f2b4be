//! A domain as a schema under its own names: what the SQL of the hand-written examples refers to.

use std::{collections::HashMap, sync::Arc};

use super::domain::{Domain, DomainColumn, DomainLink, Sort};
use crate::schema::{Column, ColumnId, Kind, Schema, Table};

/// What a column stands for.
#[derive(Debug, Clone)]
pub(super) enum Role {
    /// The primary key.
    Primary,
    /// A foreign key, with the position of its link in the domain.
    Key(usize),
    /// A column of the domain, or one of those every schema has.
    Plain(Arc<DomainColumn>),
}

/// A domain with its canonical schema.
#[derive(Debug, Clone)]
pub(super) struct Canonical {
    pub(super) domain: Domain,
    pub(super) schema: Schema,
    pub(super) roles: Vec<Role>,
}

impl Canonical {
    pub(super) fn new(domain: Domain) -> Self {
        let mut schema = Schema::default();
        let mut roles = Vec::new();
        let mut keys: Vec<(ColumnId, usize, Arc<DomainLink>)> = Vec::new();
        let mut primary: HashMap<String, ColumnId> = HashMap::new();
        for (at, table) in domain.tables.iter().enumerate() {
            let first = schema.columns.len();
            let mut label = None;
            primary.insert(table.name.clone(), first);
            schema.columns.push(plain_column(at, "id", Kind::Id));
            schema.columns[first].primary = true;
            roles.push(Role::Primary);
            for (position, link) in domain.links.iter().enumerate() {
                if link.child == table.name {
                    keys.push((schema.columns.len(), position, Arc::clone(link)));
                    schema.columns.push(plain_column(at, &link.key, Kind::Key));
                    roles.push(Role::Key(position));
                }
            }
            for column in &table.columns {
                if column.kind == Sort::Label && label.is_none() {
                    label = Some(schema.columns.len());
                }
                let mut made = plain_column(at, &column.name, kind_of(column));
                made.nullable = column.nullable;
                made.values.clone_from(&column.values);
                made.values_complete = column.kind == Sort::Category;
                made.numeric_flag = column.kind == Sort::Flag;
                schema.columns.push(made);
                roles.push(Role::Plain(Arc::clone(column)));
            }
            schema.tables.push(Table {
                name: table.name.clone(),
                namespace: None,
                comment: None,
                columns: first..schema.columns.len(),
                label,
            });
        }
        for (column, _, link) in keys {
            schema.columns[column].references = primary.get(&link.parent).copied();
        }
        Self {
            domain,
            schema,
            roles,
        }
    }
}

/// The schema kind of a domain's column.
pub(super) fn kind_of(column: &DomainColumn) -> Kind {
    match column.kind {
        Sort::Id if column.values.is_empty() => Kind::Id,
        Sort::Id | Sort::Label | Sort::Category | Sort::Text => Kind::Text,
        Sort::Number | Sort::Money => Kind::Number,
        Sort::Date => Kind::Date,
        Sort::Flag => Kind::Flag,
    }
}

/// A column with a name and a kind, and nothing else known of it.
pub(super) fn plain_column(table: usize, name: &str, kind: Kind) -> Column {
    Column {
        table,
        name: name.to_owned(),
        kind,
        comment: None,
        primary: false,
        nullable: false,
        references: None,
        values: Vec::new(),
        values_complete: false,
        numeric_flag: false,
    }
}
