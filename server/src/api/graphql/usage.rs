//! What calls of models used.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use tidegate_schema::{
    ids::KeyId,
    model::{self, Caller, UsageFilter, UsageId},
};

use super::{
    error::to_graphql,
    limits::page_cost,
    paging::{Page, page},
};
use crate::app::App;

/// What was asked of a model.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tidegate_schema::model::Operation", name = "UsageOperation")]
enum Operation {
    /// An answer to a conversation.
    Chat,
    /// The continuation of a text.
    Completion,
    /// Vectors of texts.
    Embeddings,
    /// How well documents fit a query.
    Rerank,
    /// An answer by the shape of responses.
    Responses,
    /// A turn of a conversation that is kept here, with all that the model is asked for it.
    Turn,
}

/// How a call ended.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tidegate_schema::model::CallStatus")]
enum CallStatus {
    /// With its answer.
    Done,
    /// With an error.
    Failed,
    /// Its caller left.
    Cancelled,
}

/// By what calls are added up.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tidegate_schema::model::UsageGroup")]
enum UsageGroup {
    /// By the key's name.
    Key,
    /// By the model asked for.
    Model,
    /// By day, in UTC.
    Day,
}

/// One call of a model.
#[derive(SimpleObject)]
struct UsageEntry {
    /// When it began.
    at: DateTime<Utc>,
    /// Id of the key it was made with.
    key: Option<ID>,
    /// What that key was called then.
    key_name: Option<String>,
    /// The model asked for.
    model: String,
    /// The model that answered, where one did.
    served_by: Option<String>,
    /// What was asked.
    operation: Operation,
    /// Tokens read.
    prompt_tokens: u64,
    /// Tokens written.
    completion_tokens: u64,
    /// Of the tokens read, those that the model had kept from before, as far as it tells.
    cached_tokens: u64,
    /// How it ended.
    status: CallStatus,
    /// The kind of its error, where it failed.
    error: Option<String>,
    /// From its beginning to the first of its answer, milliseconds.
    first_token_ms: Option<u64>,
    /// From its beginning to its end, milliseconds.
    duration_ms: u64,
    /// Whether the answer was streamed.
    streamed: bool,
}

impl From<model::UsageEntry> for UsageEntry {
    fn from(entry: model::UsageEntry) -> Self {
        let some = |text: String| (!text.is_empty()).then_some(text);
        Self {
            at: entry.at,
            key: entry.key.map(|key| ID(key.0)),
            key_name: some(entry.key_name),
            model: entry.model,
            served_by: some(entry.served_by),
            operation: entry.operation.into(),
            prompt_tokens: entry.prompt_tokens,
            completion_tokens: entry.completion_tokens,
            cached_tokens: entry.cached_tokens,
            status: entry.status.into(),
            error: some(entry.error),
            first_token_ms: entry.first_token_ms,
            duration_ms: entry.duration_ms,
            streamed: entry.streamed,
        }
    }
}

/// What several calls used together.
#[derive(SimpleObject)]
struct UsageTotal {
    /// The key's name, the model, or the day as `2026-11-27`.
    name: String,
    /// Calls.
    calls: u64,
    /// Of them, those that failed.
    failed: u64,
    /// Tokens read.
    prompt_tokens: u64,
    /// Tokens written.
    completion_tokens: u64,
}

impl From<model::UsageTotal> for UsageTotal {
    fn from(total: model::UsageTotal) -> Self {
        Self {
            name: total.name,
            calls: total.calls,
            failed: total.failed,
            prompt_tokens: total.prompt_tokens,
            completion_tokens: total.completion_tokens,
        }
    }
}

/// What can be read of usage.
#[derive(Default)]
pub struct UsageQueries;

#[Object]
impl UsageQueries {
    /// Calls of models, the latest first. A key that may not manage keys sees its own alone.
    #[graphql(complexity = "page_cost(first, None, child_complexity)")]
    async fn usage(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Those of this key alone.")] key: Option<ID>,
        #[graphql(desc = "Those that began then or later.")] since: Option<DateTime<Utc>>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Page<UsageEntry>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let filter = filter(key, since);
        page(first, after, |after, count| async move {
            let found = app
                .metering()
                .list(caller, filter, after.map(UsageId), count)
                .await
                .map_err(|e| to_graphql(&e))?;
            Ok(found
                .into_iter()
                .map(|(id, entry)| (id.0, UsageEntry::from(entry)))
                .collect())
        })
        .await
    }

    /// What calls of models used together. A key that may not manage keys sees its own alone.
    #[graphql(complexity = "page_cost(None, None, child_complexity)")]
    async fn usage_totals(
        &self,
        context: &Context<'_>,
        by: UsageGroup,
        #[graphql(desc = "Those of this key alone.")] key: Option<ID>,
        #[graphql(desc = "Those that began then or later.")] since: Option<DateTime<Utc>>,
    ) -> Result<Vec<UsageTotal>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let totals = app
            .metering()
            .totals(caller, filter(key, since), by.into())
            .await
            .map_err(|e| to_graphql(&e))?;
        Ok(totals.into_iter().map(UsageTotal::from).collect())
    }
}

fn filter(key: Option<ID>, since: Option<DateTime<Utc>>) -> UsageFilter {
    UsageFilter {
        key: key.map(|id| KeyId(id.0)),
        since,
    }
}
