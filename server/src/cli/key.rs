//! `tidegate key`: API keys.

use clap::Subcommand;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use tidegate_schema::model::{ApiKey, Grant, KeyLimits};

use super::{app, caller, complain, print, print_json};
use crate::{config::Config, services::keys::Wanted};

/// Tables of a grant that the list names before it counts the rest.
const MOST_TABLES: usize = 8;

/// API keys.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a key and print it. It is shown once; only its hash is kept.
    ///
    /// Without --datasource, --table and --write it may read everything there is. With any of them it may use what
    /// they name and nothing else: `--table shop.orders --table shop.customers` reads two tables of `shop`;
    /// `--table shop.orders --write shop` changes rows of the one, too, once `shop` is made writable with
    /// `tidegate db writable shop`.
    Create {
        /// What it is for.
        #[arg(long, default_value = "default")]
        name: String,
        /// Let it manage datasources and keys too.
        #[arg(long)]
        admin: bool,
        /// Let it read this datasource, all tables unless --table names some; may be repeated.
        #[arg(long)]
        datasource: Vec<String>,
        /// Let it read this table, and of its datasource no table that is not named so; may be repeated.
        #[arg(long, value_name = "DATASOURCE.TABLE")]
        table: Vec<String>,
        /// Let it change rows of this datasource too, within the tables it may read; may be repeated.
        #[arg(long, value_name = "DATASOURCE")]
        write: Vec<String>,
        /// Let it make so many calls of models a minute.
        #[arg(long, value_name = "COUNT")]
        requests_per_minute: Option<u32>,
        /// Let it use so many tokens a minute, read and written.
        #[arg(long, value_name = "COUNT")]
        tokens_per_minute: Option<u32>,
        /// Let it use so many tokens in all, or over the days of --budget-days.
        #[arg(long, value_name = "COUNT")]
        token_budget: Option<u64>,
        /// Days that the budget is for, counted back from now.
        #[arg(long, value_name = "DAYS")]
        budget_days: Option<u32>,
    },
    /// List the keys.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key.
    Revoke {
        /// Its id or prefix, as `key list` shows them.
        id: String,
    },
}

impl Key {
    /// Runs one act and prints what came of it.
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = app(config, false).await?;
        match self {
            Self::Create {
                name,
                admin,
                datasource,
                table,
                write,
                requests_per_minute,
                tokens_per_minute,
                token_budget,
                budget_days,
            } => {
                let limits = KeyLimits {
                    requests_per_minute,
                    tokens_per_minute,
                    token_budget,
                    budget_days,
                };
                let wanted = Wanted {
                    datasources: datasource,
                    tables: table,
                    writes: write,
                };
                let grants = app.keys().grants(&caller(), &wanted).await?;
                let (key, record) = app
                    .keys()
                    .create_limited(&caller(), &name, admin, grants, limits)
                    .await?;
                // The key alone, so that a script can take it as it is.
                print(&format!("{key}\n"))?;
                complain(&format!(
                    "Keep it: it is not shown again. Send it as `Authorization: Bearer {}…`.",
                    record.prefix
                ));
                for name in &wanted.writes {
                    if !app.datasources().get(&caller(), name).await?.writable {
                        complain(&format!(
                            "'{name}' is read only for now: no change runs before `tidegate db writable {name}`."
                        ));
                    }
                }
            }
            Self::List { json: true } => {
                let keys = app.keys().list(&caller()).await?;
                print_json(&keys.iter().map(document).collect())?;
            }
            Self::List { json: false } => {
                let mut table = Table::new();
                table.load_preset(UTF8_FULL_CONDENSED).set_header([
                    "id", "prefix", "name", "may", "grants", "limits", "made", "revoked",
                ]);
                for key in app.keys().list(&caller()).await? {
                    table.add_row([
                        key.id.to_string(),
                        key.prefix,
                        key.name,
                        if key.admin { "ask, manage" } else { "ask" }.to_owned(),
                        key.grants.map_or("read everything".to_owned(), |grants| {
                            grants.iter().map(show).collect::<Vec<_>>().join("\n")
                        }),
                        show_limits(key.limits),
                        key.created_at.format("%Y-%m-%d %H:%M").to_string(),
                        key.revoked_at
                            .map_or(String::new(), |at| at.format("%Y-%m-%d %H:%M").to_string()),
                    ]);
                }
                print(&format!("{table}\n"))?;
            }
            Self::Revoke { id } => {
                app.keys().revoke(&caller(), &id).await?;
                print("Revoked.\n")?;
            }
        }
        Ok(())
    }
}

/// A grant for a person: `shop`, `shop: orders, people`, `shop, may change rows: orders`.
fn show(grant: &Grant) -> String {
    use std::fmt::Write as _;

    let mut text = grant.datasource.clone();
    if grant.write {
        text.push_str(", may change rows");
    }
    if let Some(tables) = &grant.tables {
        let named: Vec<&str> = tables
            .iter()
            .take(MOST_TABLES)
            .map(String::as_str)
            .collect();
        text.push_str(": ");
        text.push_str(&named.join(", "));
        if named.is_empty() {
            text.push_str("no table");
        }
        if tables.len() > MOST_TABLES {
            let _ = write!(text, " and {} more", tables.len() - MOST_TABLES);
        }
    }
    text
}

/// Limits for a person, a line for each; nothing where there are none.
fn show_limits(limits: KeyLimits) -> String {
    let mut lines = Vec::new();
    if let Some(count) = limits.requests_per_minute {
        lines.push(format!("{count} calls a minute"));
    }
    if let Some(count) = limits.tokens_per_minute {
        lines.push(format!("{count} tokens a minute"));
    }
    if let Some(count) = limits.token_budget {
        lines.push(match limits.budget_days {
            Some(1) => format!("{count} tokens a day"),
            Some(days) => format!("{count} tokens in {days} days"),
            None => format!("{count} tokens in all"),
        });
    }
    lines.join("\n")
}

/// A key as JSON, without its hash; `datasources` and `grants` are null for all of them, a grant's `tables` for
/// every table.
fn document(key: &ApiKey) -> Value {
    let grants = key.grants.as_ref();
    let names: Option<Vec<&str>> = grants.map(|grants| {
        grants
            .iter()
            .map(|grant| grant.datasource.as_str())
            .collect()
    });
    let grants: Option<Vec<Value>> = grants.map(|grants| {
        grants
            .iter()
            .map(|grant| {
                json!({
                    "datasource": grant.datasource,
                    "tables": grant.tables,
                    "write": grant.write,
                })
            })
            .collect()
    });
    json!({
        "id": key.id.as_str(),
        "prefix": key.prefix,
        "name": key.name,
        "admin": key.admin,
        "datasources": names,
        "grants": grants,
        "requests_per_minute": key.limits.requests_per_minute,
        "tokens_per_minute": key.limits.tokens_per_minute,
        "token_budget": key.limits.token_budget,
        "budget_days": key.limits.budget_days,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_shown_in_words() {
        assert_eq!(show_limits(KeyLimits::default()), "");
        let limits = KeyLimits {
            requests_per_minute: Some(60),
            token_budget: Some(1_000_000),
            budget_days: Some(30),
            ..KeyLimits::default()
        };
        assert_eq!(
            show_limits(limits),
            "60 calls a minute\n1000000 tokens in 30 days"
        );
    }

    #[test]
    fn a_grant_is_shown_with_its_tables_as_far_as_they_are_few() {
        let on = |tables: Option<usize>, write| Grant {
            tables: tables.map(|count| (0..count).map(|n| format!("t{n:02}")).collect()),
            write,
            ..Grant::reading("shop")
        };
        assert_eq!(show(&on(None, false)), "shop");
        assert_eq!(show(&on(Some(2), false)), "shop: t00, t01");
        assert_eq!(show(&on(Some(1), true)), "shop, may change rows: t00");
        assert_eq!(show(&on(Some(0), false)), "shop: no table");
        let many = show(&on(Some(10), false));
        assert!(many.ends_with("t07 and 2 more"), "{many}");
    }
}
