//! The cases, read from their one file, and how what came of them is compared.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use tidegate_schema::model::{Cell, CellKind, Engine};

/// What every case runs on.
pub(crate) const ENGINES: [Engine; 4] = [
    Engine::Sqlite,
    Engine::Postgres,
    Engine::MariaDb,
    Engine::DuckDb,
];

pub(crate) static CASES: LazyLock<Cases> = LazyLock::new(|| {
    toml::from_str(include_str!("cases.toml")).unwrap_or_else(|fault| panic!("cases.toml: {fault}"))
});

/// One text per engine, by its name.
type PerEngine<T> = BTreeMap<String, T>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cases {
    pub(crate) setup: PerEngine<String>,
    pub(crate) state: PerEngine<String>,
    pub(crate) types: PerEngine<Vec<Type>>,
    pub(crate) read: Vec<Read>,
    pub(crate) names: Names,
    refused: PerEngine<Vec<String>>,
    pub(crate) unharmed: PerEngine<Vec<String>>,
    pub(crate) plan: Vec<Plan>,
    pub(crate) write: Vec<Write>,
    pub(crate) catalogue: PerEngine<String>,
    pub(crate) widest: PerEngine<usize>,
}

/// A column of a type, and what its values are read as.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Type {
    #[serde(rename = "type")]
    pub(crate) written: String,
    pub(crate) kind: String,
    /// As SQL, and as a cell.
    pub(crate) values: Vec<(String, String)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Read {
    pub(crate) name: String,
    pub(crate) sql: Spelled,
    /// Names and kinds.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Why an engine has no such thing.
    #[serde(default)]
    except: PerEngine<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Names {
    pub(crate) every: Vec<String>,
    pub(crate) guarded: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) sql: String,
    /// A part of the error, where there has to be one.
    pub(crate) fails_with: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Write {
    pub(crate) sql: String,
    /// How many it changes; none where it is refused.
    pub(crate) rows: Option<u64>,
    /// A query, and its only cell.
    pub(crate) check: (String, String),
    #[serde(default)]
    except: PerEngine<String>,
}

/// SQL that is the same on every engine, or not.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Spelled {
    Alike(String),
    Each(PerEngine<String>),
}

impl Cases {
    /// What the session of an engine has to refuse.
    pub(crate) fn refused(&self, engine: Engine) -> impl Iterator<Item = &str> {
        ["every", engine.name()]
            .into_iter()
            .flat_map(move |of| &self.refused[of])
            .map(String::as_str)
    }
}

impl Read {
    /// What runs on an engine; nothing where it is excepted.
    pub(crate) fn on(&self, engine: Engine) -> Option<String> {
        if self.except.contains_key(engine.name()) {
            return None;
        }
        let sql = match &self.sql {
            Spelled::Alike(sql) => sql,
            Spelled::Each(each) => &each[engine.name()],
        };
        Some(spelled(engine, sql))
    }
}

impl Write {
    pub(crate) fn is_on(&self, engine: Engine) -> bool {
        !self.except.contains_key(engine.name())
    }
}

/// SQL with its ⟦names⟧ in the engine's quotes.
pub(crate) fn spelled(engine: Engine, sql: &str) -> String {
    let mut spelled = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('⟦') {
        let (name, after) = after.split_once('⟧').expect("a name ends with ⟧");
        spelled.push_str(before);
        spelled.push_str(&quoted(engine, name));
        rest = after;
    }
    spelled + rest
}

fn quoted(engine: Engine, name: &str) -> String {
    let quote = if engine == Engine::MariaDb { "`" } else { "\"" };
    format!("{quote}{}{quote}", name.replace(quote, &quote.repeat(2)))
}

/// A cell as the cases write it.
pub(crate) fn written(cell: &Cell) -> String {
    let kind = match cell {
        Cell::Null => return "null".to_owned(),
        Cell::Bool(_) => "bool",
        Cell::Int(_) => "int",
        Cell::Float(_) => "float",
        Cell::Decimal(_) => "decimal",
        Cell::Text(_) => "text",
        Cell::Bytes(_) => "bytes",
        Cell::Date(_) => "date",
        Cell::Time(_) => "time",
        Cell::Timestamp(_) => "timestamp",
        Cell::TimestampTz(_) => "timestamptz",
        Cell::Json(_) => "json",
    };
    format!("{kind} {}", cell.to_text().unwrap_or_default())
}

/// A kind as the cases write it.
pub(crate) fn kind_name(kind: CellKind) -> String {
    format!("{kind:?}").to_lowercase()
}

/// What did not come out as it should, told together at the end.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    pub(crate) fn add(&mut self, fault: String) {
        self.0.push(fault);
    }

    pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
        &mut self,
        place: &str,
        expected: &T,
        got: &T,
    ) {
        if expected != got {
            self.add(format!(
                "{place}\n    expected {expected:?}\n    got      {got:?}"
            ));
        }
    }

    pub(crate) fn none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
    }
}

#[test]
fn every_case_runs_on_every_engine_or_says_why_not() {
    let mut faults = Faults::default();
    let names = ENGINES.map(Engine::name);
    for case in &CASES.read {
        for name in names {
            let has = match &case.sql {
                Spelled::Alike(_) => true,
                Spelled::Each(each) => each.contains_key(name),
            };
            let why = case.except.get(name).map_or("", String::as_str);
            if has == case.except.contains_key(name) && matches!(case.sql, Spelled::Each(_))
                || case.except.contains_key(name) && why.is_empty()
            {
                faults.add(format!(
                    "{}: neither SQL nor a reason for {name}",
                    case.name
                ));
            }
        }
    }
    for name in names {
        for (what, there) in [
            ("setup", CASES.setup.contains_key(name)),
            ("types", CASES.types.contains_key(name)),
            ("refused", CASES.refused.contains_key(name)),
            ("unharmed", CASES.unharmed.contains_key(name)),
            ("catalogue", CASES.catalogue.contains_key(name)),
            ("widest", CASES.widest.contains_key(name)),
        ] {
            if !there {
                faults.add(format!("{what}: nothing for {name}"));
            }
        }
    }
    faults.none();
}

#[test]
fn names_are_put_in_the_engines_quotes() {
    let sql = "SELECT ⟦a\"b⟧, ⟦c`d⟧ FROM ⟦日本⟧";
    assert_eq!(
        spelled(Engine::Postgres, sql),
        "SELECT \"a\"\"b\", \"c`d\" FROM \"日本\""
    );
    assert_eq!(
        spelled(Engine::MariaDb, sql),
        "SELECT `a\"b`, `c``d` FROM `日本`"
    );
}
