//! Examples: questions with the queries that answer them, kept per datasource and recalled for questions like them.
//!
//! What is kept has been judged, planned and found to read tables that are there. What is recalled is judged again
//! under the grants of whoever asks: a table that was dropped, or that the caller may not read, takes its examples
//! with it.

mod again;
mod answered;
mod likeness;
mod memory;
mod names;
mod plan;
mod sight;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{
        Act, Caller, CatalogueTable, Datasource, Example, ExampleId, ExampleSource, NewExample,
        RecalledExample,
    },
};

pub use self::memory::Memories;
use self::{
    again::answers_again, answered::Answered, likeness::Likeness, names::known_as, sight::Sight,
};
use crate::app::App;

/// Examples of one datasource.
const MOST: i64 = 10_000;
/// Characters of a question.
const MOST_QUESTION_CHARS: usize = 2_000;
/// Bytes of a query.
const MOST_SQL_BYTES: usize = 20_000;
/// Examples read from the store in one step while those are sought that a caller may see.
const AT_ONCE: u32 = 200;

/// The service.
pub struct Examples<'a>(pub(crate) &'a App);

impl Examples<'_> {
    /// Keeps a pair that somebody wrote, in the place of one with the same question. Others are answered by it, so
    /// it takes the right to manage datasources.
    ///
    /// # Errors
    /// What the guard or the database has against the query; [`Error::Invalid`] for what is no question or no query;
    /// [`Error::Conflict`] when the datasource has as many as it may have.
    pub async fn add(
        &self,
        caller: &Caller,
        datasource: &str,
        question: &str,
        sql: &str,
    ) -> Result<Example> {
        may_teach(caller)?;
        self.keep(caller, datasource, question, sql, ExampleSource::Given)
            .await
    }

    /// Keeps what a round of a conversation asked and was answered by, or `edited` in the place of its query.
    ///
    /// Whoever may ask may accept the answer to a question that nothing went before. An answer may have been steered
    /// by the rounds before it, and a query of one's own by oneself: that takes the right to manage datasources, as
    /// does replacing what was taught with it.
    ///
    /// # Errors
    /// As for [`Examples::add`]; [`Error::NotFound`] for a conversation that the caller may not see, or that has no
    /// such round; [`Error::Conflict`] for a round that no query answered.
    pub async fn accept(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        round: i32,
        edited: Option<&str>,
    ) -> Result<Example> {
        let messages = self
            .0
            .conversations()
            .messages(caller, conversation)
            .await?;
        let answered = Answered::of(&messages, conversation, round)?;
        let query = answered.sql.map(bare);
        // An edited answer is no model's: what holds for a query of one's own holds for it.
        let edited = edited.map(bare).or(query.filter(|_| answered.edited));
        match edited {
            Some(edited) if answered.edited || query != Some(edited) => {
                may_teach(caller)?;
                let (datasource, question) = (answered.datasource, answered.question);
                self.keep(caller, datasource, question, edited, ExampleSource::Edited)
                    .await
            }
            _ => {
                let sql = answered.accepted()?;
                let (datasource, question) = (answered.datasource, answered.question);
                if may_teach(caller).is_err() {
                    let steered = messages.iter().any(|message| message.round < round);
                    self.check_accepted(caller, datasource, question, sql, steered)
                        .await?;
                }
                self.keep(caller, datasource, question, sql, ExampleSource::Accepted)
                    .await
            }
        }
    }

    /// Refuses an answer whose acceptance would decide more than that it was right.
    async fn check_accepted(
        &self,
        caller: &Caller,
        datasource: &str,
        question: &str,
        sql: &str,
        steered: bool,
    ) -> Result<()> {
        if steered {
            return Err(Error::Forbidden {
                reason: "the rounds before may have steered this answer; ask the question in a new conversation and \
                         accept that, or let somebody accept it who may manage datasources"
                    .to_owned(),
            });
        }
        let datasource = self.0.datasources().get(caller, datasource).await?;
        let known = self
            .0
            .store
            .find_example_of(datasource.id, question.trim())
            .await?;
        match known {
            Some(known) if known.source != ExampleSource::Accepted && known.sql != bare(sql) => {
                Err(Error::Forbidden {
                    reason: "this question was taught another query; only who may manage datasources can replace it"
                        .to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Examples of a datasource that the caller may see, newest first: those behind the one of that number, or from
    /// the newest on.
    pub async fn list(
        &self,
        caller: &Caller,
        datasource: &str,
        after: Option<ExampleId>,
        most: usize,
    ) -> Result<Vec<Example>> {
        let datasource = self.0.datasources().get(caller, datasource).await?;
        let sight = Sight::of(self.0, caller, &datasource);
        let mut found = Vec::new();
        let mut after = after;
        while found.len() < most {
            let some = self
                .0
                .store
                .scan_examples(datasource.id, after, AT_ONCE)
                .await?;
            let Some(last) = some.last() else {
                break;
            };
            after = Some(last.id);
            found.extend(some.into_iter().filter(|example| sight.reaches(example)));
        }
        found.truncate(most);
        Ok(found)
    }

    /// Removes an example. Answers whether there was one that the caller may see.
    pub async fn remove(&self, caller: &Caller, id: ExampleId) -> Result<bool> {
        may_teach(caller)?;
        let Some(example) = self.0.store.find_example(id).await? else {
            return Ok(false);
        };
        let found = self
            .0
            .store
            .find_datasource_by_id(example.datasource)
            .await?
            .filter(|datasource| caller.may_use(&datasource.name).is_ok());
        let visible = found
            .is_some_and(|datasource| Sight::of(self.0, caller, &datasource).reaches(&example));
        if !visible {
            return Ok(false);
        }
        self.0.store.delete_example(id).await
    }

    /// Examples like a question, the likest first, at most so many. Never fails: a question is answered without them
    /// too.
    pub async fn recall(
        &self,
        caller: &Caller,
        datasource: &Datasource,
        question: &str,
        most: usize,
    ) -> Vec<RecalledExample> {
        match self.find(caller, datasource, question, most).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(
                    datasource = datasource.name,
                    error = error.log_chain(),
                    "no examples could be recalled"
                );
                Vec::new()
            }
        }
    }

    async fn find(
        &self,
        caller: &Caller,
        datasource: &Datasource,
        question: &str,
        most: usize,
    ) -> Result<Vec<RecalledExample>> {
        caller.may_use(&datasource.name)?;
        let ranked = memory::rank(self.0, datasource.id, question).await?;
        if ranked.is_empty() || most == 0 {
            return Ok(Vec::new());
        }
        let ids: Vec<ExampleId> = ranked.iter().map(|like| like.id).collect();
        let examples = self.0.store.find_examples(&ids).await?;
        let catalogue = self
            .0
            .datasources()
            .catalogue_of(caller, datasource)
            .await?;
        let there: HashSet<String> = catalogue
            .tables
            .iter()
            .map(CatalogueTable::full_name)
            .collect();
        let sight = Sight::of(self.0, caller, datasource);
        let mut found: Vec<RecalledExample> = Vec::new();
        for Likeness {
            id,
            similarity,
            same,
        } in ranked
        {
            let Some(example) = examples.iter().find(|example| example.id == id) else {
                continue;
            };
            let stands = example.tables.iter().all(|table| there.contains(table));
            if !stands || !sight.lets_through(&example.sql) {
                continue;
            }
            found.push(RecalledExample {
                similarity,
                exact: same && answers_again(question, &example.sql),
                example: example.clone(),
            });
            if found.len() == most {
                break;
            }
        }
        self.count(&found);
        Ok(found)
    }

    /// Counts in the background that these were recalled.
    fn count(&self, found: &[RecalledExample]) {
        let ids: Vec<ExampleId> = found.iter().map(|recalled| recalled.example.id).collect();
        if ids.is_empty() {
            return;
        }
        let app = self.0.clone();
        self.0.tasks.spawn(async move {
            if let Err(error) = app.store.count_example_uses(&ids).await {
                tracing::debug!(%error, "that examples were recalled could not be counted");
            }
        });
    }

    /// Judges, plans and keeps a pair.
    async fn keep(
        &self,
        caller: &Caller,
        datasource: &str,
        question: &str,
        sql: &str,
        source: ExampleSource,
    ) -> Result<Example> {
        let (question, sql) = (question.trim(), bare(sql));
        check(question, sql)?;
        let datasource = self.0.datasources().get(caller, datasource).await?;
        let verdict = self.plan(caller, &datasource, sql).await?;
        let catalogue = self
            .0
            .datasources()
            .catalogue_of(caller, &datasource)
            .await?;
        let mut tables: Vec<String> = verdict
            .tables
            .iter()
            .map(|table| known_as(table, &catalogue))
            .collect();
        tables.sort();
        tables.dedup();
        let new = NewExample {
            datasource: datasource.id,
            question: question.to_owned(),
            sql: sql.to_owned(),
            tables,
            source,
            vector: memory::vector_of(self.0, question).await,
        };
        self.0
            .store
            .keep_example(new, MOST, self.0.clock.now())
            .await
    }
}

/// Refuses whoever may not decide what others are answered by.
fn may_teach(caller: &Caller) -> Result<()> {
    caller.may(Act::ManageDatasources)
}

/// A query without what stands around it.
fn bare(sql: &str) -> &str {
    sql.trim_matches(|sign: char| sign.is_whitespace() || sign == ';')
}

fn check(question: &str, sql: &str) -> Result<()> {
    if Example::key(question).is_empty() {
        return Err(Error::invalid("question", "must not be empty"));
    }
    if question.chars().nth(MOST_QUESTION_CHARS).is_some() {
        return Err(Error::invalid(
            "question",
            format!("must have at most {MOST_QUESTION_CHARS} characters"),
        ));
    }
    if sql.is_empty() {
        return Err(Error::invalid("sql", "must not be empty"));
    }
    if sql.len() > MOST_SQL_BYTES {
        return Err(Error::invalid(
            "sql",
            format!(
                "has {} bytes, more than the {MOST_SQL_BYTES} that an example may have",
                sql.len()
            ),
        ));
    }
    Ok(())
}
