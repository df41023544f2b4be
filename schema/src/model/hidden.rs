//! What a database's own words must not tell a caller: the names of tables beyond a grant.

use std::collections::BTreeSet;

use super::{Catalogue, CatalogueTable, Cell, RowSet, Verdict};
use crate::Error;

/// Names of a database's tables that a caller may not know of.
///
/// The guard keeps such tables from being read. Plans, errors and definitions are told all the same, in words of the
/// database's: the plan of a granted view names the tables beneath it, a broken foreign key the table behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Names of one word, in lower case.
    words: BTreeSet<String>,
    /// The others, in lower case.
    phrases: Vec<String>,
}

impl Hidden {
    /// The tables that a grant leaves out. A name that a granted table or one of its columns has too is no secret.
    pub fn beyond(whole: &Catalogue, granted: &BTreeSet<String>) -> Self {
        let mut known = BTreeSet::new();
        let is_granted = |table: &&CatalogueTable| granted.contains(&table.full_name());
        for table in whole.tables.iter().filter(is_granted) {
            known.extend(
                table
                    .columns
                    .iter()
                    .map(|column| column.name.to_lowercase()),
            );
            known.insert(table.name.to_lowercase());
        }
        let mut hidden = Self::default();
        for table in &whole.tables {
            let name = table.name.to_lowercase();
            if known.contains(&name) {
                continue;
            }
            if name.chars().all(is_of_word) {
                hidden.words.insert(name);
            } else {
                hidden.phrases.push(name);
            }
        }
        hidden
    }

    /// The database's error in words that may be told.
    pub fn error(&self, verdict: &Verdict, error: Error) -> Error {
        match error {
            Error::Upstream { provider, message } if self.is_in(&message, &own(verdict)) => {
                Error::Upstream {
                    provider,
                    message: "the database refuses this in words that name a table beyond this key's grant; the \
                              audit log has them"
                        .to_owned(),
                }
            }
            other => other,
        }
    }

    /// Takes the plan out of a verdict where it may not be told.
    pub fn plan(&self, verdict: &mut Verdict) {
        let names = |plan: &str| self.is_in(plan, &own(verdict));
        if verdict.plan.as_deref().is_some_and(names) {
            verdict.plan = None;
        }
    }

    /// Why a result may not be told, where it may not: that of EXPLAIN, SHOW and DESCRIBE is the database's words, and
    /// no table's rows.
    pub fn refusal(&self, verdict: &Verdict, rows: &RowSet) -> Option<String> {
        if verdict.statement == "select" {
            return None;
        }
        let own = own(verdict);
        let names = |cell: &Cell| match cell {
            Cell::Text(text) => self.is_in(text, &own),
            Cell::Json(document) => self.is_in(&document.to_string(), &own),
            _ => false,
        };
        rows.rows.iter().flatten().any(names).then(|| {
            format!(
                "what {} tells of this names a table beyond this key's grant; query the tables that it may read",
                verdict.statement.to_uppercase()
            )
        })
    }

    /// Whether a text names one of the tables, beside what the statement named itself.
    fn is_in(&self, text: &str, own: &BTreeSet<String>) -> bool {
        let text = text.to_lowercase();
        let named = |word: &str| self.words.contains(word) && !own.contains(word);
        words(&text).any(named) || self.phrases.iter().any(|name| text.contains(name))
    }
}

/// What the statement names as tables, columns and functions, word by word.
fn own(verdict: &Verdict) -> BTreeSet<String> {
    let named = [&verdict.tables, &verdict.columns, &verdict.functions];
    let mut own = BTreeSet::new();
    for name in named.into_iter().flatten() {
        own.extend(words(&name.to_lowercase()).map(str::to_owned));
    }
    own
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| !is_of_word(sign))
        .filter(|word| !word.is_empty())
}

fn is_of_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_' || sign == '$'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CatalogueColumn;

    fn hidden() -> Hidden {
        let table = |name: &str, columns: &[&str]| CatalogueTable {
            name: name.to_owned(),
            columns: columns
                .iter()
                .map(|&name| CatalogueColumn {
                    name: name.to_owned(),
                    ..CatalogueColumn::default()
                })
                .collect(),
            ..CatalogueTable::default()
        };
        let whole = Catalogue {
            tables: vec![
                table("people", &["id", "status"]),
                table("Payroll", &["person", "salary"]),
                table("status", &["id"]),
                table("order details", &["id"]),
            ],
        };
        Hidden::beyond(&whole, &BTreeSet::from(["people".to_owned()]))
    }

    fn verdict(statement: &str, plan: Option<&str>) -> Verdict {
        Verdict {
            allowed: true,
            statement: statement.to_owned(),
            tables: vec!["people".to_owned()],
            plan: plan.map(str::to_owned),
            ..Verdict::default()
        }
    }

    #[test]
    fn an_error_that_names_a_hidden_table_is_told_in_other_words() {
        let hidden = hidden();
        let told = |message: &str| {
            let error = Error::upstream("towns", message);
            hidden.error(&verdict("delete", None), error).to_string()
        };
        for secret in [
            "update on table \"people\" violates a foreign key on table \"payroll\"",
            "a foreign key constraint fails (`towns`.`PAYROLL`)",
            "see 'Order Details'",
        ] {
            let told = told(secret);
            assert!(told.starts_with("towns: the database refuses"), "{told}");
            assert!(!told.to_lowercase().contains("payroll"), "{told}");
        }
        for plain in [
            "no such column: payrolls",
            "column \"status\" is null",
            "no such table: x",
        ] {
            assert!(told(plain).ends_with(plain), "{plain}");
        }
        let refused = Error::Forbidden {
            reason: "payroll is not among the tables you may read".to_owned(),
        };
        let told = hidden.error(&verdict("select", None), refused);
        assert!(
            told.to_string().contains("payroll"),
            "it is the guard's word for the caller's own"
        );
    }

    #[test]
    fn a_word_that_the_statement_names_itself_is_no_secret() {
        let own = Verdict {
            columns: vec!["people.\"Payroll\"".to_owned()],
            ..verdict("select", None)
        };
        let error = Error::upstream("towns", "no such column: people.payroll");
        assert!(hidden().error(&own, error).to_string().contains("payroll"));
    }

    #[test]
    fn a_plan_is_left_out_where_it_names_a_hidden_table() {
        for (plan, kept) in [
            ("SCAN people", true),
            ("SEARCH payroll USING INDEX x", false),
        ] {
            let mut verdict = verdict("select", Some(plan));
            hidden().plan(&mut verdict);
            assert_eq!(verdict.plan.is_some(), kept, "{plan}");
        }
    }

    #[test]
    fn definitions_are_refused_and_rows_of_tables_never() {
        let rows = RowSet {
            rows: vec![vec![
                Cell::Null,
                Cell::Text("REFERENCES `payroll` (id)".to_owned()),
            ]],
            ..RowSet::default()
        };
        for (statement, told) in [("select", true), ("show", false), ("explain", false)] {
            let refusal = hidden().refusal(&verdict(statement, None), &rows);
            assert_eq!(refusal.is_none(), told, "{statement}");
        }
        let harmless = RowSet {
            rows: vec![vec![Cell::Text("status".to_owned()), Cell::Int(1)]],
            ..RowSet::default()
        };
        assert_eq!(
            hidden().refusal(&verdict("describe", None), &harmless),
            None
        );
    }
}
