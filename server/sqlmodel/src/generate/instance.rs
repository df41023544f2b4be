//! Schema instances: one domain under the names, with the columns and the values some real database might have.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock},
};

use serde::Deserialize;

use super::{
    canonical::{Canonical, Role, kind_of, plain_column},
    dice::Dice,
    domain::{DomainColumn, DomainLink, Sort},
    naming::Style,
    written::Written,
};
use crate::{
    query::Query,
    schema::{ColumnId, Kind, Schema, Table, TableId},
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

/// The columns any table may have beside its own.
static COMMON: LazyLock<Vec<Arc<DomainColumn>>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Common {
        column: Vec<Arc<DomainColumn>>,
    }
    toml::from_str::<Common>(include_str!("common.toml"))
        .map(|c| c.column)
        .unwrap_or_default()
});

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

fn draft(
    all: &[Canonical],
    source: usize,
    table: TableId,
    needed: Option<&(HashSet<ColumnId>, HashSet<TableId>)>,
    dice: &mut Dice,
) -> Option<Draft> {
    let main = &all[source];
    if needed.is_some_and(|(_, tables)| !tables.contains(&table)) {
        return None;
    }
    let drop = dice
        .word(&["0", "1", "2", "3"])
        .parse::<f64>()
        .unwrap_or(0.0)
        * 0.12;
    let mut columns = Vec::new();
    for (rank, id) in main.schema.tables[table].columns.clone().enumerate() {
        let role = main.roles[id].clone();
        let keep = match &role {
            Role::Primary => true,
            Role::Key(link) => {
                let parent = main.domain.table(&main.domain.links[*link].parent);
                needed.is_none_or(|(_, tables)| parent.is_some_and(|p| tables.contains(&p)))
            }
            Role::Plain(spec) => {
                needed.is_some_and(|(columns, _)| columns.contains(&id))
                    || !dice.chance(if spec.kind == Sort::Label {
                        drop * 0.3
                    } else {
                        drop
                    })
            }
        };
        if keep {
            columns.push(DraftColumn {
                canonical: Some(id),
                role,
                rank,
            });
        }
    }
    let extra = dice.weighted(&[0.45, 0.25, 0.2, 0.1]);
    for _ in 0..extra {
        let Some(spec) = dice.pick(&COMMON).cloned() else {
            break;
        };
        // only what has a name has a mailbox
        let named = main.schema.tables[table].label.is_some();
        if !named
            && matches!(
                spec.name.as_str(),
                "email" | "phone" | "is_active" | "description"
            )
        {
            continue;
        }
        let taken = columns.iter().any(|c| match &c.role {
            Role::Plain(other) => {
                other.name == spec.name
                    || spec.alt.contains(&other.name)
                    || other.alt.contains(&spec.name)
                    || other.phrases.iter().any(|p| spec.phrases.contains(p))
            }
            _ => false,
        });
        if !taken {
            let rank = 100 + columns.len();
            columns.push(DraftColumn {
                canonical: None,
                role: Role::Plain(spec),
                rank,
            });
        }
    }
    let fixed = usize::from(dice.chance(0.93));
    if dice.chance(0.6) {
        dice.shuffle(&mut columns[fixed..]);
    }
    Some(Draft {
        source,
        table,
        columns,
    })
}

/// Adds a few tables of another domain, linked among themselves.
fn add_strangers(all: &[Canonical], domain: usize, drafts: &mut Vec<Draft>, dice: &mut Dice) {
    let other = dice.below(all.len());
    if other == domain {
        return;
    }
    let stranger = &all[other];
    let names: HashSet<&str> = drafts
        .iter()
        .map(|d| all[domain].domain.tables[d.table].name.as_str())
        .collect();
    let mut tables = HashSet::new();
    for _ in 0..dice.between(1, 3) {
        let table = dice.below(stranger.schema.tables.len());
        let spec = &stranger.domain.tables[table];
        let same_noun = drafts.iter().any(|d| {
            all[domain].domain.tables[d.table]
                .noun
                .iter()
                .any(|n| spec.noun.contains(n))
        });
        if !names.contains(spec.name.as_str()) && !same_noun {
            tables.insert(table);
        }
    }
    let needed = (HashSet::new(), tables);
    for table in 0..stranger.schema.tables.len() {
        drafts.extend(draft(all, other, table, Some(&needed), dice));
    }
}

fn build(all: &[Canonical], domain: usize, drafts: &[Draft], dice: &mut Dice) -> Instance {
    let style = Style::draw(dice);
    let mut schema = Schema::default();
    let mut made = Instance {
        schema: Arc::default(),
        domain,
        nouns: Vec::new(),
        own: Vec::new(),
        columns: Vec::new(),
        links: Vec::new(),
        measures: Vec::new(),
        examples: Vec::new(),
        from_canonical: HashMap::new(),
        from_canonical_table: HashMap::new(),
    };
    let mut table_names = HashSet::new();
    let mut home: HashMap<(usize, TableId), TableId> = HashMap::new();
    let mut place: HashMap<(usize, ColumnId), ColumnId> = HashMap::new();
    let mut pending: Vec<(ColumnId, usize, usize)> = Vec::new();
    let comments = dice.chance(0.12);
    for draft in drafts {
        let spec = &all[draft.source].domain.tables[draft.table];
        let table = schema.tables.len();
        home.insert((draft.source, draft.table), table);
        let name = style.table(spec, &mut table_names, dice);
        let first = schema.columns.len();
        let mut label = None;
        let mut taken = HashSet::new();
        for column in &draft.columns {
            let id = schema.columns.len();
            if let Some(canonical) = column.canonical {
                place.insert((draft.source, canonical), id);
            }
            let mut notes = ColumnNotes {
                spec: None,
                rank: column.rank,
                spellings: Vec::new(),
            };
            let made_column = match &column.role {
                Role::Primary => {
                    let mut c = plain_column(table, &style.primary(&name, &mut taken), Kind::Id);
                    c.primary = true;
                    c
                }
                Role::Key(link) => {
                    pending.push((id, draft.source, *link));
                    let words = &all[draft.source].domain.links[*link];
                    plain_column(table, &style.key(words, &mut taken, dice), Kind::Key)
                }
                Role::Plain(spec) => {
                    if spec.kind == Sort::Label && label.is_none() {
                        label = Some(id);
                    }
                    let name = style.column(spec, &name, &mut taken, dice);
                    let mut c = plain_column(table, &name, kind_of(spec));
                    c.nullable = spec.nullable || dice.chance(0.1);
                    c.numeric_flag = style.numeric_flags;
                    if comments && dice.chance(0.6) {
                        c.comment = dice.pick(&spec.phrases).cloned();
                    }
                    fill_values(spec, &mut c, &mut notes, dice);
                    notes.spec = Some(Arc::clone(spec));
                    c
                }
            };
            schema.columns.push(made_column);
            made.columns.push(notes);
        }
        schema.tables.push(Table {
            name,
            namespace: None,
            comment: if comments && dice.chance(0.5) {
                dice.pick(&spec.noun).map(|n| super::words::plural(n))
            } else {
                None
            },
            columns: first..schema.columns.len(),
            label,
        });
        made.own.push(draft.source == domain);
        made.nouns.push(spec.noun.clone());
    }
    for (id, source, link) in pending {
        let canonical = &all[source];
        let words = &canonical.domain.links[link];
        let parent = canonical
            .domain
            .table(&words.parent)
            .and_then(|t| home.get(&(source, t)));
        let Some(&parent) = parent else { continue };
        schema.columns[id].references = schema.tables[parent]
            .columns
            .clone()
            .find(|&c| schema.columns[c].primary);
        let child = schema.columns[id].table;
        made.links.push(Link {
            child,
            parent,
            key: id,
            words: Arc::clone(words),
        });
    }
    for (at, canonical) in all.iter().enumerate() {
        for measure in &canonical.domain.measures {
            let column = |name: &str| {
                let table = canonical.domain.table(&measure.table)?;
                let id = canonical.schema.tables[table]
                    .columns
                    .clone()
                    .find(|&c| canonical.schema.columns[c].name == name)?;
                place.get(&(at, id)).copied()
            };
            if let (Some(a), Some(b)) = (column(&measure.product[0]), column(&measure.product[1])) {
                made.measures
                    .push((a.min(b), a.max(b), measure.phrases.clone()));
            }
        }
    }
    made.from_canonical = place
        .iter()
        .filter(|((s, _), _)| *s == domain)
        .map(|((_, c), i)| (*c, *i))
        .collect();
    made.from_canonical_table = home
        .iter()
        .filter(|((s, _), _)| *s == domain)
        .map(|((_, t), i)| (*t, *i))
        .collect();
    made.schema = Arc::new(schema);
    made
}

/// Chooses how the database spells the values and which of them a sample shows.
fn fill_values(
    spec: &DomainColumn,
    column: &mut crate::schema::Column,
    notes: &mut ColumnNotes,
    dice: &mut Dice,
) {
    if spec.values.is_empty() || column.kind != Kind::Text {
        return;
    }
    let spelling = if spec.kind == Sort::Category {
        dice.weighted(&[5.0, 1.0, 1.0, 1.2, 1.0])
    } else {
        0
    };
    notes.spellings = spec
        .values
        .iter()
        .map(|v| {
            let stored = match spelling {
                1 => v.to_lowercase(),
                2 => v.to_uppercase(),
                3 => v
                    .split(' ')
                    .map(super::words::capitalised)
                    .collect::<Vec<_>>()
                    .join(" "),
                4 => v.replace([' ', '-'], "_"),
                _ => v.clone(),
            };
            (v.clone(), stored)
        })
        .collect();
    let complete = match spec.kind {
        Sort::Category => dice.chance(0.93),
        Sort::Label => dice.chance(0.35),
        _ => dice.chance(0.3),
    };
    let mut shown: Vec<String> = notes.spellings.iter().map(|(_, s)| s.clone()).collect();
    dice.shuffle(&mut shown);
    if !complete {
        let share = 0.5 + dice.unit() * 0.5;
        let keep = ((shown.len() as f64 * share) as usize).max(1);
        shown.truncate(keep);
    }
    column.values = shown;
    column.values_complete = complete;
}
