//! Domain files: what the generator knows of the world. The format is described in `domains/README.md`.

use std::{fs, path::Path, sync::Arc};

use serde::Deserialize;
use thiserror::Error;

use super::dice::stable_hash;

/// A domain file that cannot be used.
#[derive(Debug, Error)]
pub enum DomainError {
    /// The file or folder could not be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// What was to be read.
        path: String,
        /// Why it could not.
        source: std::io::Error,
    },
    /// Not TOML, a key that is not known, or one of the wrong type.
    #[error("{path}: {reason}")]
    Format {
        /// The file.
        path: String,
        /// The parser's words, with line and key.
        reason: String,
    },
    /// Well-formed, but it does not fit together.
    #[error("{path}: {key}: {reason}")]
    Invalid {
        /// The file.
        path: String,
        /// The key at fault.
        key: String,
        /// What is wrong and what is expected.
        reason: String,
    },
}

/// What a column is about, as the author of a domain sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// A code without meaning.
    Id,
    /// What a row is named by.
    Label,
    /// One of a few values.
    Category,
    /// Other text.
    Text,
    /// A quantity.
    Number,
    /// An amount of money.
    Money,
    /// A day or a moment.
    Date,
    /// Yes or no.
    Flag,
}

/// One subject area: its tables, how they hang together, how people talk about them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Unique name.
    pub name: String,
    /// Tables.
    #[serde(rename = "table", default)]
    pub tables: Vec<DomainTable>,
    /// Foreign keys.
    #[serde(rename = "link", default)]
    pub links: Vec<Arc<DomainLink>>,
    /// Products of two number columns that mean something.
    #[serde(rename = "measure", default)]
    pub measures: Vec<DomainMeasure>,
    /// Questions written by hand.
    #[serde(rename = "example", default)]
    pub examples: Vec<DomainExample>,
}

/// A table of a domain.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainTable {
    /// Canonical name, as the SQL of the examples spells it.
    pub name: String,
    /// Other names a schema might give it.
    #[serde(default)]
    pub alt: Vec<String>,
    /// Singular nouns, irregular plurals as `person|people`.
    #[serde(default)]
    pub noun: Vec<String>,
    /// Columns beside the primary key and foreign keys.
    #[serde(rename = "column", default)]
    pub columns: Vec<Arc<DomainColumn>>,
}

/// A column of a domain's table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainColumn {
    /// Canonical name.
    pub name: String,
    /// Other names a schema might give it.
    #[serde(default)]
    pub alt: Vec<String>,
    /// What it is about.
    pub kind: Sort,
    /// What people call it.
    #[serde(default)]
    pub phrases: Vec<String>,
    /// Values it may hold.
    #[serde(default)]
    pub values: Vec<String>,
    /// Rows with a value: `{n}` the noun, `{v}` the value.
    #[serde(default)]
    pub with: Vec<String>,
    /// Smallest and largest; years for dates.
    pub range: Option<[f64; 2]>,
    /// Whether values have fractions.
    #[serde(default)]
    pub decimals: bool,
    /// Whether a total makes sense.
    #[serde(default = "yes")]
    pub summable: bool,
    /// Unit nouns, plural.
    #[serde(default)]
    pub units: Vec<String>,
    /// Rows above a value.
    #[serde(default)]
    pub more: Vec<String>,
    /// Rows below a value.
    #[serde(default)]
    pub less: Vec<String>,
    /// Superlatives for the largest.
    #[serde(default)]
    pub most: Vec<String>,
    /// Superlatives for the smallest.
    #[serde(default)]
    pub least: Vec<String>,
    /// Noun phrases for the sum.
    #[serde(default)]
    pub total: Vec<String>,
    /// Noun phrases for the mean.
    #[serde(default)]
    pub average: Vec<String>,
    /// Participles that go with a date.
    #[serde(default)]
    pub verb: Vec<String>,
    /// Superlatives for the latest.
    #[serde(default)]
    pub newest: Vec<String>,
    /// Superlatives for the earliest.
    #[serde(default)]
    pub oldest: Vec<String>,
    /// Rows whose flag is set.
    #[serde(default)]
    pub yes: Vec<String>,
    /// Rows whose flag is not set.
    #[serde(default)]
    pub no: Vec<String>,
    /// Whether it may be unknown.
    #[serde(default)]
    pub nullable: bool,
    /// Rows where it is unknown.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Rows where it is known.
    #[serde(default)]
    pub present: Vec<String>,
}

fn yes() -> bool {
    true
}

/// A foreign key of a domain.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainLink {
    /// The referring table.
    pub child: String,
    /// The referring column.
    pub key: String,
    /// Other names of the column.
    #[serde(default)]
    pub alt: Vec<String>,
    /// The table referred to.
    pub parent: String,
    /// Children named by parent: `{c}`, `{p}`.
    #[serde(default)]
    pub of: Vec<String>,
    /// Parents that have children.
    #[serde(default)]
    pub with: Vec<String>,
    /// Parents that have none.
    #[serde(default)]
    pub without: Vec<String>,
    /// The count of children for each parent.
    #[serde(default)]
    pub each: Vec<String>,
}

/// A product of two columns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainMeasure {
    /// Its table.
    pub table: String,
    /// The two columns.
    pub product: [String; 2],
    /// What people call the total.
    pub phrases: Vec<String>,
}

/// A question and its SQL on the canonical names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainExample {
    /// The question.
    pub q: String,
    /// The answer's SQL.
    pub sql: String,
}

impl Domain {
    /// Reads one domain from TOML. `path` is only named in errors.
    pub fn parse(path: &str, text: &str) -> Result<Self, DomainError> {
        let domain: Self = toml::from_str(text).map_err(|error| DomainError::Format {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        domain
            .check()
            .map_err(|(key, reason)| DomainError::Invalid {
                path: path.to_owned(),
                key,
                reason,
            })?;
        Ok(domain)
    }

    /// Reads every `.toml` file of a folder, in the order of their names.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, DomainError> {
        let read = |path: &Path, source| DomainError::Read {
            path: path.display().to_string(),
            source,
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(|e| read(folder, e))? {
            let path = entry.map_err(|e| read(folder, e))?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        paths
            .iter()
            .map(|path| {
                let text = fs::read_to_string(path).map_err(|e| read(path, e))?;
                Self::parse(&path.display().to_string(), &text)
            })
            .collect()
    }

    /// Whether the domain is kept out of training, to test on subjects never seen.
    pub fn held_out(&self) -> bool {
        stable_hash(&self.name) % 100 < 11
    }

    /// Position of a table by its canonical name.
    pub fn table(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|t| t.name == name)
    }

    fn check(&self) -> Result<(), (String, String)> {
        let fault = |key: String, reason: &str| Err((key, reason.to_owned()));
        if self.tables.is_empty() {
            return fault("table".into(), "a domain needs at least one table");
        }
        for table in &self.tables {
            for column in &table.columns {
                let key = format!("table {}, column {}", table.name, column.name);
                let few = match column.kind {
                    Sort::Label => 4,
                    Sort::Category => 2,
                    _ => 0,
                };
                if column.values.len() < few {
                    return fault(
                        format!("{key}, values"),
                        &format!("at least {few} are needed"),
                    );
                }
                if let Some([low, high]) = column.range
                    && low > high
                {
                    return fault(format!("{key}, range"), "the smaller number comes first");
                }
                for (name, templates, slots) in [
                    ("with", &column.with, &["{n}", "{v}"][..]),
                    ("more", &column.more, &["{v}"]),
                    ("less", &column.less, &["{v}"]),
                    ("yes", &column.yes, &["{n}"]),
                    ("no", &column.no, &["{n}"]),
                    ("missing", &column.missing, &["{n}"]),
                    ("present", &column.present, &["{n}"]),
                ] {
                    for template in templates {
                        if let Some(slot) = slots.iter().find(|slot| !template.contains(**slot)) {
                            return fault(
                                format!("{key}, {name}"),
                                &format!("{template:?} lacks {slot}"),
                            );
                        }
                    }
                }
            }
        }
        for (at, link) in self.links.iter().enumerate() {
            for (key, name) in [("child", &link.child), ("parent", &link.parent)] {
                if self.table(name).is_none() {
                    return fault(
                        format!("link {}, {key}", at + 1),
                        &format!("no table {name}"),
                    );
                }
            }
        }
        for (at, measure) in self.measures.iter().enumerate() {
            let table = self.table(&measure.table).map(|t| &self.tables[t]);
            let Some(table) = table else {
                return fault(format!("measure {}, table", at + 1), "no such table");
            };
            for name in &measure.product {
                if !table.columns.iter().any(|c| c.name == *name) {
                    let reason = format!("no column {name} in {}", table.name);
                    return fault(format!("measure {}, product", at + 1), &reason);
                }
            }
        }
        Ok(())
    }
}
