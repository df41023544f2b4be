//! `tidegate db`: datasources.

mod add;
mod export;
mod list;
mod run;
mod tables;

use clap::Subcommand;

use super::{app, caller, print};
use crate::{app::App, config::Config};

/// Datasources.
#[derive(Debug, Subcommand)]
pub enum Db {
    /// Add a database after proving that it answers.
    Add(add::Add),
    /// List the databases.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prove that a database answers.
    Test {
        /// Its name.
        name: String,
    },
    /// List the tables and views of a database.
    Tables {
        /// The database's name.
        name: String,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the columns, keys and sampled values of a table or view.
    Describe {
        /// The database's name.
        name: String,
        /// The table's name, with its schema where it is not the default one (`sales.orders`).
        table: String,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run one SQL statement and print its rows.
    Run(run::Run),
    /// Export the result of one query as CSV, JSON, Arrow, Parquet or XLSX.
    Export(export::Export),
    /// Let statements that change rows through to a database, or no longer.
    Writable {
        /// Its name.
        name: String,
        /// Take it back: read only again.
        #[arg(long)]
        off: bool,
    },
    /// Keep, list and remove questions with the queries that answer them.
    #[command(subcommand)]
    Example(super::examples::Example),
    /// Remove a database from the list; the database itself is left alone.
    Remove {
        /// Its name.
        name: String,
    },
}

impl Db {
    /// Runs one act and prints what came of it.
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        if let Self::Run(run) = &self {
            run.limit(&mut config);
        }
        // The encoder, for whoever waits until the tables of a large database are embedded.
        let with_models = matches!(&self, Self::Add(add) if add.waits());
        let app = app(config, with_models).await?;
        let done = self.act(&app).await;
        // What is still being written down, such as how a statement ended, is written down.
        app.stop().await;
        done
    }

    async fn act(self, app: &App) -> anyhow::Result<()> {
        let datasources = app.datasources();
        match self {
            Self::Add(add) => add.run(app).await,
            Self::List { json } => list::run(app, json).await,
            Self::Test { name } => {
                let found = datasources.get(&caller(), &name).await?;
                datasources
                    .test(&caller(), &name, &found.connection)
                    .await?;
                print(&format!("'{name}' answers.\n"))
            }
            Self::Tables { name, json } => tables::list(app, &name, json).await,
            Self::Describe { name, table, json } => {
                tables::describe(app, &name, &table, json).await
            }
            Self::Run(run) => run.run(app).await,
            Self::Export(export) => export.run(app).await,
            Self::Writable { name, off } => {
                datasources.mark_writable(&caller(), &name, !off).await?;
                print(&if off {
                    format!("'{name}' is read only.\n")
                } else {
                    writable(&name)
                })
            }
            Self::Example(act) => act.run(app).await,
            Self::Remove { name } => {
                datasources.get(&caller(), &name).await?;
                datasources.delete(&caller(), &name).await?;
                print(&format!("Removed '{name}'.\n"))
            }
        }
    }
}

/// What it means that a database is writable.
fn writable(name: &str) -> String {
    format!(
        "'{name}' lets changes through. Each waits to be confirmed, and a key needs a grant to write \
         (`tidegate key create --write {name}`).\n"
    )
}
