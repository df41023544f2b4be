//! `tidegate key`: API keys.

use clap::Subcommand;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use super::{app, caller, print};
use crate::config::Config;

/// API keys.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a key. It is shown once; only its hash is kept.
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
    List,
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
                print(&format!(
                    "{key}\n\nKeep it: it is not shown again. Send it as `Authorization: Bearer {}…`.\n",
                    record.prefix
                ));
            }
            Self::List => {
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
                print(&format!("{table}\n"));
            }
            Self::Revoke { id } => {
                app.keys().revoke(&caller(), &id).await?;
                print("Revoked.\n");
            }
        }
        Ok(())
    }
}
