//! Schema instances: one domain under the names, with the columns and the values some real database might have.

mod assembly;
mod drafts;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use self::{
    assembly::build,
    drafts::{add_strangers, draft},
};
use super::{
    canonical::{Canonical, Role},
    dice::Dice,
    domain::{DomainColumn, DomainLink},
    written::Written,
};
use crate::{
    query::Query,
    schema::{ColumnId, Schema, TableId},
};

/// A schema made from a domain, with what the generator knows of its parts.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) schema: Arc<Schema>,
    /// Position of the main domain.
    pub(super) domain: usize,
    /// Nouns of each table, `one|many` where irregular.
    pub(super) nouns: Vec<Vec<String>>,
    /// Whether a table is of the main domain.
    pub(super) own: Vec<bool>,
    /// What each column stands for.
    pub(super) columns: Vec<ColumnNotes>,
    /// The foreign keys that have words.
    pub(super) links: Vec<Link>,
    /// Products that mean something: the two columns and their phrases.
    pub(super) measures: Vec<(ColumnId, ColumnId, Vec<String>)>,
    /// Hand-written examples that can be asked here, as positions.
    pub(super) examples: Vec<usize>,
    /// Where the canonical columns of the main domain went.
    pub(super) from_canonical: HashMap<ColumnId, ColumnId>,
    /// Where the canonical tables of the main domain went.
    pub(super) from_canonical_table: HashMap<TableId, TableId>,
}

/// What the generator knows of a column.
#[derive(Debug, Clone)]
pub(super) struct ColumnNotes {
    /// The domain's words; `None` for keys.
    pub(super) spec: Option<Arc<DomainColumn>>,
    /// Rank in the domain file: the first date of a table is what a bare date means.
    pub(super) rank: usize,
    /// What people write, and how this database spells it.
    pub(super) spellings: Vec<(String, String)>,
}

/// A foreign key with its words.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) child: TableId,
    pub(super) parent: TableId,
    pub(super) key: ColumnId,
    pub(super) words: Arc<DomainLink>,
}

/// A table on its way into a schema.
struct Draft {
    source: usize,
    table: TableId,
    columns: Vec<DraftColumn>,
}

struct DraftColumn {
    canonical: Option<ColumnId>,
    role: Role,
    rank: usize,
}

impl Instance {
    /// Makes an instance of `all[domain]`; `parsed` are its examples on the canonical schema.
    pub(super) fn make(
        all: &[Canonical],
        domain: usize,
        parsed: &[Option<Written>],
        dice: &mut Dice,
    ) -> Self {
        let main = &all[domain];
        let needed = needed_columns(main, parsed, dice);
        let mut drafts = Vec::new();
        for table in 0..main.schema.tables.len() {
            if let Some(draft) = draft(all, domain, table, Some(&needed), dice) {
                drafts.push(draft);
            }
        }
        if drafts.is_empty() {
            let table = dice.below(main.schema.tables.len());
            drafts.extend(draft(all, domain, table, None, dice));
        }
        if all.len() > 1 && dice.chance(0.3) {
            add_strangers(all, domain, &mut drafts, dice);
        }
        if dice.chance(0.8) {
            dice.shuffle(&mut drafts);
        }
        let mut made = build(all, domain, &drafts, dice);
        made.examples = parsed
            .iter()
            .enumerate()
            .filter(|(_, query)| {
                query.as_ref().is_some_and(|w| {
                    let (columns, _) = used(&w.query);
                    columns.iter().all(|c| made.from_canonical.contains_key(c))
                        && w.tables
                            .iter()
                            .all(|t| made.from_canonical_table.contains_key(t))
                })
            })
            .map(|(at, _)| at)
            .collect();
        made
    }

    /// How the database spells what people call `said`, for a column whose values are known.
    pub(super) fn spelling(&self, column: ColumnId, said: &str) -> Option<&str> {
        self.columns[column]
            .spellings
            .iter()
            .find(|(human, _)| human.eq_ignore_ascii_case(said))
            .map(|(_, stored)| stored.as_str())
    }

    pub(super) fn spec(&self, column: ColumnId) -> Option<&DomainColumn> {
        self.columns[column].spec.as_deref()
    }
}

/// The canonical columns and tables an instance must keep: what a few examples need, or a part of the domain.
fn needed_columns(
    main: &Canonical,
    parsed: &[Option<Written>],
    dice: &mut Dice,
) -> (HashSet<ColumnId>, HashSet<TableId>) {
    let count = main.schema.tables.len();
    let mut columns = HashSet::new();
    let mut tables = HashSet::new();
    let usable: Vec<&Written> = parsed.iter().flatten().collect();
    for _ in 0..dice.between(1, 8) {
        if let Some(written) = dice.pick(&usable) {
            columns.extend(used(&written.query).0);
            tables.extend(&written.tables);
        }
    }
    tables.extend(columns.iter().map(|&c| main.schema.columns[c].table));
    if dice.chance(0.5) {
        tables.extend(0..count);
    } else if tables.is_empty() {
        tables.insert(dice.below(count));
        for link in &main.domain.links {
            let ends = (
                main.domain.table(&link.child),
                main.domain.table(&link.parent),
            );
            if let (Some(child), Some(parent)) = ends
                && (tables.contains(&child) || tables.contains(&parent))
                && dice.chance(0.7)
            {
                tables.extend([child, parent]);
            }
        }
    }
    // tables that only connect two others are needed to join them
    for _ in 0..count {
        for middle in 0..count {
            if tables.contains(&middle) {
                continue;
            }
            let around = main
                .schema
                .foreign_keys()
                .filter(|&(from, to)| {
                    let (f, t) = (
                        main.schema.columns[from].table,
                        main.schema.columns[to].table,
                    );
                    (f == middle && tables.contains(&t)) || (t == middle && tables.contains(&f))
                })
                .count();
            if around >= 2 {
                tables.insert(middle);
            }
        }
    }
    (columns, tables)
}

/// Every column and table a query names, the tables of its columns included.
pub(super) fn used(query: &Query) -> (Vec<ColumnId>, Vec<TableId>) {
    use crate::query::{Argument, Item, Predicate};
    fn item(item: &Item, columns: &mut Vec<ColumnId>, tables: &mut Vec<TableId>) {
        match item {
            Item::Column(c) | Item::Bucket(_, c) => columns.push(*c),
            Item::AllOf(t) => tables.push(*t),
            Item::Aggregate(a) => argument(a.argument, columns, tables),
        }
    }
    fn argument(argument: Argument, columns: &mut Vec<ColumnId>, tables: &mut Vec<TableId>) {
        match argument {
            Argument::Rows(t) => tables.push(t),
            Argument::Column(c) => columns.push(c),
            Argument::Product(a, b) => columns.extend([a, b]),
        }
    }
    fn predicate(p: &Predicate, columns: &mut Vec<ColumnId>, tables: &mut Vec<TableId>) {
        match p {
            Predicate::Compare(c, ..)
            | Predicate::Between(c, ..)
            | Predicate::Like(c, ..)
            | Predicate::Date(c, ..)
            | Predicate::DateBetween(c, ..)
            | Predicate::Null(c, _)
            | Predicate::Flag(c, _)
            | Predicate::AverageOf(c, _) => columns.push(*c),
            Predicate::Exists(t, _, inner) => {
                tables.push(*t);
                for p in inner {
                    predicate(p, columns, tables);
                }
            }
        }
    }
    let mut columns = query.via.clone();
    let mut tables = Vec::new();
    for i in query.select.iter().chain(query.order.iter().map(|o| &o.by)) {
        item(i, &mut columns, &mut tables);
    }
    for p in query.filter.iter().flatten() {
        predicate(p, &mut columns, &mut tables);
    }
    if let Some(having) = &query.having {
        argument(having.aggregate.argument, &mut columns, &mut tables);
    }
    (columns, tables)
}
