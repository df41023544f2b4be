//! What the scenes have in common that run queries: what they take, the tables they show, the way to a result.

use std::sync::Arc;

use tidegate_schema::model::{Catalogue, ChatEvent, Hidden, RowSet, Verdict};

use super::{Emitter, Ledger, Memory, hidden, tables};
use crate::{
    drivers::Limits,
    guard::{GuardOptions, GuardedDatabase, Refusal},
    linking::Linker,
    workers::LanguageModel,
};

/// Characters of schema shown to a model that answers questions alone, where not all of it is: it reads every column
/// anew for each choice of tables, and is the surer the less there is to mistake.
const CHARS_FOR_SQL_ONLY: usize = 6_000;

/// A question to a database with what it takes to answer it.
pub struct DatabaseTurn {
    /// The question, or what is wished for.
    pub question: String,
    /// Earlier rounds.
    pub memory: Memory,
    /// Name of the datasource.
    pub datasource: String,
    /// Its structure, as far as the caller may know it.
    pub catalogue: Arc<Catalogue>,
    /// Finds the tables of a question where the structure is too large to be shown whole.
    pub linker: Linker,
    /// What the caller may read.
    pub options: GuardOptions,
    /// What the database's own words must not tell the caller, nor the model, which would tell it on.
    pub hidden: Option<Hidden>,
    /// Its guarded connection.
    pub database: Arc<GuardedDatabase>,
    /// Who writes the SQL.
    pub model: Arc<dyn LanguageModel>,
    /// Caps on a result.
    pub limits: Limits,
    /// Characters of schema shown.
    pub schema_chars: usize,
    /// What "today" is.
    pub today: chrono::NaiveDate,
    /// Sampling.
    pub temperature: Option<f32>,
    /// Most new tokens.
    pub max_tokens: Option<u32>,
}

impl DatabaseTurn {
    /// Chooses the tables that the model is shown and tells them: their positions in the catalogue, and their names.
    /// `sql_only` says that the model answers questions alone.
    pub(super) async fn tables(
        &self,
        sql_only: bool,
        emitter: &Emitter,
    ) -> (Vec<usize>, Vec<String>) {
        let narrow = if sql_only {
            self.schema_chars.min(CHARS_FOR_SQL_ONLY)
        } else {
            self.schema_chars
        };
        let chosen = tables::choose(
            &self.catalogue,
            &self.linker,
            &self.memory,
            &self.question,
            self.schema_chars,
            narrow,
        )
        .await;
        let names = tables::names(&self.catalogue, &chosen);
        emitter
            .emit(ChatEvent::Schema {
                tables: names.clone(),
            })
            .await;
        (chosen, names)
    }

    /// The structure with these tables alone.
    pub(super) fn shown(&self, tables: &[usize]) -> Arc<Catalogue> {
        Arc::new(Catalogue {
            tables: tables
                .iter()
                .map(|&at| self.catalogue.tables[at].clone())
                .collect(),
        })
    }

    /// Judges and runs one query, as the ledger is told.
    pub(super) async fn run(
        &self,
        sql: &str,
        limits: Limits,
        ledger: &Ledger,
    ) -> Result<(Verdict, RowSet), Refusal> {
        // Before it runs: of a statement that is cut off the log still says whether it was allowed.
        let judged = self.database.judged(sql, &self.options);
        let number = ledger.begin(&self.datasource, sql, judged.verdict().clone());
        let mut ran = self.database.run_judged(judged, limits).await;
        hidden::refuse(self.hidden.as_ref(), &mut ran);
        ledger.end(number, &ran);
        hidden::veil(self.hidden.as_ref(), &mut ran);
        ran
    }
}
