//! `tidegate db example`: questions with the queries that answer them.

use clap::Subcommand;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use tidegate_schema::{
    ids::ConversationId,
    model::{Example as Pair, ExampleId},
};

use super::{caller, for_terminal, print, print_json};
use crate::app::App;

/// Examples that a person is shown unless more are asked for.
const SHOWN: usize = 50;

/// Examples.
#[derive(Debug, Subcommand)]
pub enum Example {
    /// Keep a question with the query that answers it, in the place of one with the same question.
    ///
    /// The query has to run: it is judged and planned first. Models are shown the examples that are like the question
    /// they are asked; the same question is answered by its query.
    Add {
        /// The database's name.
        name: String,
        /// The question, in plain words.
        question: String,
        /// The query.
        sql: String,
    },
    /// Accept the answer to a round of a conversation: its question and query are kept, in the place of an example with
    /// the same question.
    Accept {
        /// The conversation, as `tidegate ask --json` and the server's pages name it.
        conversation: String,
        /// The round, from 1.
        #[arg(default_value_t = 1)]
        round: i32,
        /// A query to keep in the place of the answer's own.
        #[arg(long)]
        sql: Option<String>,
    },
    /// List the examples of a database, newest first.
    List {
        /// Its name.
        name: String,
        /// At most so many.
        #[arg(long, default_value_t = SHOWN)]
        limit: usize,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove an example.
    Remove {
        /// Its number, as `db example list` shows it.
        id: i64,
    },
}

impl Example {
    /// Runs one act and prints what came of it.
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let examples = app.examples();
        match self {
            Self::Add {
                name,
                question,
                sql,
            } => {
                let kept = examples.add(&caller(), &name, &question, &sql).await?;
                print(&format!("Kept as example {} of '{name}'.\n", kept.id))?;
            }
            Self::Accept {
                conversation,
                round,
                sql,
            } => {
                let conversation = ConversationId(conversation);
                let kept = examples
                    .accept(&caller(), &conversation, round, sql.as_deref())
                    .await?;
                print(&for_terminal(&format!(
                    "Kept as example {}: {}\n",
                    kept.id, kept.question
                )))?;
            }
            Self::List {
                name,
                limit,
                json: true,
            } => {
                let found = examples.list(&caller(), &name, None, limit).await?;
                print_json(&found.iter().map(document).collect())?;
            }
            Self::List {
                name,
                limit,
                json: false,
            } => {
                let mut table = Table::new();
                table
                    .load_preset(UTF8_FULL_CONDENSED)
                    .set_header(["id", "question", "query", "source", "used", "kept"]);
                let mut found = examples
                    .list(&caller(), &name, None, limit.saturating_add(1))
                    .await?;
                let more = found.len() > limit;
                found.truncate(limit);
                for pair in found {
                    table.add_row([
                        pair.id.to_string(),
                        pair.question,
                        pair.sql,
                        pair.source.name().to_owned(),
                        pair.used.to_string(),
                        pair.created_at.format("%Y-%m-%d %H:%M").to_string(),
                    ]);
                }
                print(&for_terminal(&format!("{table}\n")))?;
                if more {
                    print("There are more; name a higher --limit.\n")?;
                }
            }
            Self::Remove { id } => {
                if !examples.remove(&caller(), ExampleId(id)).await? {
                    anyhow::bail!(
                        "there is no example {id}; `tidegate db example list` shows them"
                    );
                }
                print(&format!("Removed example {id}.\n"))?;
            }
        }
        Ok(())
    }
}

/// An example as JSON.
fn document(pair: &Pair) -> Value {
    json!({
        "id": pair.id.0,
        "question": pair.question,
        "sql": pair.sql,
        "tables": pair.tables,
        "source": pair.source.name(),
        "created_at": pair.created_at,
        "used": pair.used,
    })
}
