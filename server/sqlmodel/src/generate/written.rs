//! Hand-written questions on an instance: carried over, and with other values, numbers and years.

mod swap;

use self::swap::{shift_years, swap_month, swap_nouns, swap_numbers, swap_values};
use super::{canonical::Canonical, compose::Asked, dice::Dice, instance::Instance, sql};
use crate::{
    query::{Argument, Item, Predicate, Query, Value},
    schema::{ColumnId, TableId},
};

/// An example of a domain on its canonical schema.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) query: Query,
    /// Every table its SQL names.
    pub(super) tables: Vec<TableId>,
}

/// Reads the examples of a domain; those the query form cannot say are reported and left out.
pub(super) fn read(canonical: &Canonical, refused: &mut Vec<String>) -> Vec<Option<Written>> {
    canonical
        .domain
        .examples
        .iter()
        .map(
            |example| match sql::parse(&example.sql, &canonical.schema) {
                Ok(query) => {
                    let words: Vec<&str> = example
                        .sql
                        .split(|c: char| !c.is_alphanumeric() && c != '_')
                        .collect();
                    let tables = canonical
                        .schema
                        .tables
                        .iter()
                        .enumerate()
                        .filter(|(_, t)| words.contains(&t.name.as_str()))
                        .map(|(at, _)| at)
                        .collect();
                    Some(Written {
                        text: example.q.clone(),
                        query,
                        tables,
                    })
                }
                Err(reason) => {
                    refused.push(format!(
                        "{}: {:?}: {reason}",
                        canonical.domain.name, example.q
                    ));
                    None
                }
            },
        )
        .collect()
}

/// Asks a hand-written question on an instance of its domain.
pub(super) fn ask(
    written: &Written,
    canonical: &Canonical,
    inst: &Instance,
    dice: &mut Dice,
) -> Option<Asked> {
    let mut text = written.text.clone();
    let mut query = written.query.clone();
    if dice.chance(0.75) {
        swap_values(&mut text, &mut query, canonical, dice);
    }
    if dice.chance(0.6) {
        swap_numbers(&mut text, &mut query, dice);
    }
    if dice.chance(0.6) {
        shift_years(&mut text, &mut query, dice);
    }
    if dice.chance(0.5) {
        swap_month(&mut text, &mut query, dice);
    }
    if dice.chance(0.3) {
        swap_nouns(&mut text, &written.tables, canonical, dice);
    }
    let query = carry_over(&query, inst)?;
    Some(Asked {
        text: retouch(&text, dice),
        query,
    })
}

/// Small changes to the look of a sentence somebody has already finished.
fn retouch(text: &str, dice: &mut Dice) -> String {
    let mut text = text.to_owned();
    if dice.chance(0.2) {
        text = text.trim_end_matches(['?', '.', '!']).to_owned();
    }
    if dice.chance(0.05) {
        let opening = dice.word(&["hi, ", "hello, ", "quick one: ", "hey, ", "ok, "]);
        text = format!("{opening}{text}");
    }
    if dice.chance(0.04) {
        let end = text.trim_end_matches(['?', '.', '!']).len();
        text.insert_str(end, dice.word(&[", please", " please", ", thanks"]));
    }
    match dice.weighted(&[8.0, 1.4, 0.8, 0.1]) {
        1 => text.to_lowercase(),
        2 => super::words::capitalised(&text),
        3 => text.to_uppercase(),
        _ => text,
    }
}

/// The query on the instance's own columns and spellings.
fn carry_over(query: &Query, inst: &Instance) -> Option<Query> {
    let column = |c: ColumnId| inst.from_canonical.get(&c).copied();
    let table = |t: TableId| inst.from_canonical_table.get(&t).copied();
    let argument = |a: Argument| {
        Some(match a {
            Argument::Rows(t) => Argument::Rows(table(t)?),
            Argument::Column(c) => Argument::Column(column(c)?),
            Argument::Product(a, b) => {
                let (a, b) = (column(a)?, column(b)?);
                Argument::Product(a.min(b), a.max(b))
            }
        })
    };
    let item = |i: &Item| {
        Some(match i {
            Item::Column(c) => Item::Column(column(*c)?),
            Item::AllOf(t) => Item::AllOf(table(*t)?),
            Item::Bucket(b, c) => Item::Bucket(*b, column(*c)?),
            Item::Aggregate(a) => {
                let mut a = *a;
                a.argument = argument(a.argument)?;
                Item::Aggregate(a)
            }
        })
    };
    let mut out = query.clone();
    out.select = query.select.iter().map(item).collect::<Option<_>>()?;
    for clause in &mut out.filter {
        for p in clause {
            *p = carry_predicate(p, inst)?;
        }
    }
    if let Some(having) = &mut out.having {
        having.aggregate.argument = argument(having.aggregate.argument)?;
    }
    if let Some(order) = &mut out.order {
        order.by = item(&order.by)?;
    }
    out.via = query
        .via
        .iter()
        .map(|&c| column(c))
        .collect::<Option<_>>()?;
    out.via.retain(|&key| {
        let Some(link) = inst.links.iter().find(|l| l.key == key) else {
            return false;
        };
        inst.links
            .iter()
            .filter(|l| l.child == link.child && l.parent == link.parent)
            .count()
            > 1
    });
    Some(out)
}

fn carry_predicate(p: &Predicate, inst: &Instance) -> Option<Predicate> {
    let column = |c: ColumnId| inst.from_canonical.get(&c).copied();
    Some(match p {
        Predicate::Compare(c, how, Value::Text(text)) => {
            let c = column(*c)?;
            let stored = inst.spelling(c, text);
            let shown = &inst.schema.columns[c].values;
            let value = match stored {
                Some(stored) if shown.iter().any(|v| v == stored) => stored.to_owned(),
                _ => text.clone(),
            };
            Predicate::Compare(c, *how, Value::Text(value))
        }
        Predicate::Compare(c, how, v) => Predicate::Compare(column(*c)?, *how, v.clone()),
        Predicate::Between(c, a, b) => Predicate::Between(column(*c)?, a.clone(), b.clone()),
        Predicate::Like(c, how, v) => Predicate::Like(column(*c)?, *how, v.clone()),
        Predicate::Date(c, how, v) => Predicate::Date(column(*c)?, *how, v.clone()),
        Predicate::DateBetween(c, a, b) => {
            Predicate::DateBetween(column(*c)?, a.clone(), b.clone())
        }
        Predicate::Null(c, set) => Predicate::Null(column(*c)?, *set),
        Predicate::Flag(c, set) => Predicate::Flag(column(*c)?, *set),
        Predicate::AverageOf(c, up) => Predicate::AverageOf(column(*c)?, *up),
        Predicate::Exists(t, wanted, inner) => Predicate::Exists(
            inst.from_canonical_table.get(t).copied()?,
            *wanted,
            inner
                .iter()
                .map(|p| carry_predicate(p, inst))
                .collect::<Option<_>>()?,
        ),
    })
}
