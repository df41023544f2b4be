//! Examples: questions with the queries that answer them.

use async_graphql::{Context, Enum, ID, Object, Result, Union};
use chrono::{DateTime, Utc};
use tidegate_schema::{
    Error,
    ids::ConversationId,
    model::{self, Caller, ExampleId},
};

use super::{
    error::to_graphql,
    limits::page_cost,
    paging::{Page, page},
    turns::Problem,
};
use crate::app::App;

/// How an example came in.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
enum ExampleSource {
    /// An answer was accepted as it was.
    Accepted,
    /// An answer was accepted with another query.
    Edited,
    /// Somebody wrote both.
    Given,
}

impl From<model::ExampleSource> for ExampleSource {
    fn from(source: model::ExampleSource) -> Self {
        match source {
            model::ExampleSource::Accepted => Self::Accepted,
            model::ExampleSource::Edited => Self::Edited,
            model::ExampleSource::Given => Self::Given,
        }
    }
}

/// A question with the query that answers it.
pub struct Example(model::Example);

/// A question with the query that answers it. Models are shown those that are like the question they are asked; the
/// same question is answered by it.
#[Object]
impl Example {
    /// Id.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The question, as it was asked.
    async fn question(&self) -> &str {
        &self.0.question
    }

    /// The query.
    async fn sql(&self) -> &str {
        &self.0.sql
    }

    /// Tables it reads.
    async fn tables(&self) -> &[String] {
        &self.0.tables
    }

    /// How it came in.
    async fn source(&self) -> ExampleSource {
        self.0.source.into()
    }

    /// When it was kept, or last replaced.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// How often it was recalled for a question.
    async fn used(&self) -> i64 {
        self.0.used
    }
}

/// What keeping an example came to.
#[derive(Union)]
enum KeepExampleResult {
    /// It is kept.
    Example(Example),
    /// It was refused: the query cannot run, or the caller may not decide this.
    Problem(Problem),
}

impl KeepExampleResult {
    fn of(outcome: Result<model::Example, Error>) -> Result<Self> {
        match outcome {
            Ok(example) => Ok(Self::Example(Example(example))),
            Err(error) => Problem::expected(&error).map(Self::Problem),
        }
    }
}

/// What can be read of examples.
#[derive(Default)]
pub struct ExampleQueries;

#[Object]
impl ExampleQueries {
    /// Examples of a datasource whose tables the caller may read, newest first.
    #[graphql(complexity = "page_cost(first, None, child_complexity)")]
    async fn examples(
        &self,
        context: &Context<'_>,
        datasource: String,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Page<Example>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        page(first, after, |after, count| async move {
            let found = app
                .examples()
                .list(caller, &datasource, after.map(ExampleId), count)
                .await
                .map_err(|e| to_graphql(&e))?;
            Ok(found
                .into_iter()
                .map(|example| (example.id.0, Example(example)))
                .collect())
        })
        .await
    }
}

/// What can be done with examples.
#[derive(Default)]
pub struct ExampleMutations;

#[Object]
impl ExampleMutations {
    /// Accept the answer of a conversation's round: its question and query are kept as an example, in the place of one
    /// with the same question.
    async fn accept_answer(
        &self,
        context: &Context<'_>,
        conversation: ID,
        round: i32,
        #[graphql(desc = "A query to keep in the place of the answer's own.")] sql: Option<String>,
    ) -> Result<KeepExampleResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let conversation = ConversationId(conversation.0);
        let kept = app
            .examples()
            .accept(caller, &conversation, round, sql.as_deref())
            .await;
        KeepExampleResult::of(kept)
    }

    /// Keep a question with the query that answers it, in the place of one with the same question.
    async fn add_example(
        &self,
        context: &Context<'_>,
        datasource: String,
        question: String,
        sql: String,
    ) -> Result<KeepExampleResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let kept = app
            .examples()
            .add(caller, &datasource, &question, &sql)
            .await;
        KeepExampleResult::of(kept)
    }

    /// Remove an example. Answers whether there was one.
    async fn remove_example(&self, context: &Context<'_>, id: ID) -> Result<bool> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let Ok(number) = id.parse() else {
            return Ok(false);
        };
        app.examples()
            .remove(caller, ExampleId(number))
            .await
            .map_err(|e| to_graphql(&e))
    }
}
