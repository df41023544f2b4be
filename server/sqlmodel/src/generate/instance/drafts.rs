//! Which tables and columns go into an instance.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use serde::Deserialize;

use super::{Draft, DraftColumn};
use crate::{
    generate::{
        canonical::{Canonical, Role},
        dice::Dice,
        domain::{DomainColumn, Sort},
    },
    schema::{ColumnId, TableId},
};

/// The columns any table may have beside its own.
static COMMON: LazyLock<Vec<Arc<DomainColumn>>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Common {
        column: Vec<Arc<DomainColumn>>,
    }
    toml::from_str::<Common>(include_str!("../common.toml"))
        .map(|c| c.column)
        .unwrap_or_default()
});

pub(super) fn draft(
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
pub(super) fn add_strangers(
    all: &[Canonical],
    domain: usize,
    drafts: &mut Vec<Draft>,
    dice: &mut Dice,
) {
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
