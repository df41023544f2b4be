//! `tidegate key`: API keys.

use clap::Subcommand;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use tidegate_schema::model::ApiKey;

use super::{app, caller, complain, print, print_json};
use crate::config::Config;

/// API keys.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a key and print it. It is shown once; only its hash is kept.
    Create {
        /// What it is for.
        #[arg(long, default_value = "default")]
        name: String,
        /// Let it manage datasources and keys too.
        #[arg(long)]
        admin: bool,
        /// Let it use this datasource only; may be repeated.
        #[arg(long)]
        datasource: Vec<String>,
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
            } => {
                let datasources = (!datasource.is_empty()).then_some(datasource);
                let (key, record) = app
                    .keys()
                    .create(&caller(), &name, admin, datasources)
                    .await?;
                // The key alone, so that a script can take it as it is.
                print(&format!("{key}\n"))?;
                complain(&format!(
                    "Keep it: it is not shown again. Send it as `Authorization: Bearer {}…`.",
                    record.prefix
                ));
            }
            Self::List { json: true } => {
                let keys = app.keys().list(&caller()).await?;
                print_json(&keys.iter().map(document).collect())?;
            }
            Self::List { json: false } => {
                let mut table = Table::new();
                table.load_preset(UTF8_FULL_CONDENSED).set_header([
                    "id",
                    "prefix",
                    "name",
                    "may",
                    "datasources",
                    "made",
                    "revoked",
                ]);
                for key in app.keys().list(&caller()).await? {
                    table.add_row([
                        key.id.to_string(),
                        key.prefix,
                        key.name,
                        if key.admin { "ask, manage" } else { "ask" }.to_owned(),
                        key.datasources
                            .map_or("all".to_owned(), |names| names.join(", ")),
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

/// A key as JSON, without its hash; `datasources` is null for all of them.
fn document(key: &ApiKey) -> Value {
    json!({
        "id": key.id.as_str(),
        "prefix": key.prefix,
        "name": key.name,
        "admin": key.admin,
        "datasources": key.datasources,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    })
}
