//! From the drafts of tables to a schema: names, kinds, values, links.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{ColumnNotes, Draft, Instance, Link};
use crate::{
    generate::{
        canonical::{Canonical, Role, kind_of, plain_column},
        dice::Dice,
        domain::{DomainColumn, Sort},
        naming::Style,
        words,
    },
    schema::{Column, ColumnId, Kind, Schema, Table, TableId},
};

pub(super) fn build(
    all: &[Canonical],
    domain: usize,
    drafts: &[Draft],
    dice: &mut Dice,
) -> Instance {
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
                dice.pick(&spec.noun).map(|n| words::plural(n))
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
fn fill_values(spec: &DomainColumn, column: &mut Column, notes: &mut ColumnNotes, dice: &mut Dice) {
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
                    .map(words::capitalised)
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
