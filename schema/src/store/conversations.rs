//! Conversations: heads, lists and pages. Turns are in `turns`, messages in `messages`, what is looked for in `search`,
//! what is taken in from elsewhere in `imports`.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::{
    dsl::{exists, not},
    prelude::*,
};
use diesel_async::{AsyncConnection as _, RunQueryDsl};

use super::{
    Store,
    columns::{clean, stored},
    search::{ESCAPE, Patterns, SAID, beginning, holds, lower},
    with_read, with_tx, with_write,
};
use crate::{
    Result,
    ids::ConversationId,
    model::{Conversation, ConversationFilter, Page, PageOf},
    tables::{conversations, feedback, messages},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = conversations, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    id: String,
    mode: String,
    title: String,
    select_param: Option<String>,
    model: Option<String>,
    app_code: Option<String>,
    user_name: Option<String>,
    sys_code: Option<String>,
    created_at: NaiveDateTime,
    modified_at: NaiveDateTime,
    given_title: String,
}

impl From<Row> for Conversation {
    fn from(row: Row) -> Self {
        let named = !row.given_title.is_empty();
        Self {
            id: ConversationId(row.id),
            mode: row.mode,
            title: if named { row.given_title } else { row.title },
            named,
            select_param: row.select_param,
            model: row.model,
            app_code: row.app_code,
            user: row.user_name,
            sys_code: row.sys_code,
            created_at: row.created_at.and_utc(),
            modified_at: row.modified_at.and_utc(),
        }
    }
}

/// The conversations of a filter. A macro, because the type of the query differs with the backend.
macro_rules! filtered {
    ($filter:expr) => {{
        let filter: &ConversationFilter = $filter;
        let mut query = conversations::table.into_boxed();
        if let Some(user) = &filter.user {
            query = query.filter(conversations::user_name.eq(user));
        }
        if let Some(sys_code) = &filter.sys_code {
            query = query.filter(conversations::sys_code.eq(sys_code));
        }
        if let Some(mode) = &filter.mode {
            query = query.filter(conversations::mode.eq(mode));
        }
        if let Some(id) = &filter.id {
            query = query.filter(conversations::id.eq(id.as_str()));
        } else {
            // One that was cleared has no title until something is asked in it again.
            query = query.filter(conversations::title.ne(""));
        }
        if let Some(names) = &filter.asked_within {
            // Of nothing but an empty text, which is left out anyway, where no file is one's own.
            let own = filter.own_files.as_deref().map(beginning);
            // A message without a datasource hides nothing: a comparison with NULL is not true.
            let hidden = messages::table
                .filter(messages::conversation_id.eq(conversations::id))
                .filter(messages::select_param.ne(""))
                .filter(messages::select_param.ne_all(names.iter().map(String::as_str)))
                .filter(
                    messages::select_param
                        .not_like(own.unwrap_or_default())
                        .escape(ESCAPE),
                );
            query = query.filter(not(exists(hidden)));
        }
        for word in &filter.words {
            let patterns = Patterns::of(word);
            let said = messages::table
                .filter(messages::conversation_id.eq(conversations::id))
                .filter(messages::role.eq_any(SAID))
                .filter(holds!(messages::content, patterns));
            query = query.filter(holds!(conversations::given_title, patterns).or(exists(said)));
        }
        query
    }};
}

impl Store {
    /// The one of that id.
    pub async fn find_conversation(&self, id: &ConversationId) -> Result<Option<Conversation>> {
        let row: Option<Row> = with_read!(self, |conn| {
            conversations::table
                .find(id.as_str())
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        Ok(row.map(Conversation::from))
    }

    /// A page by number, newest started first. For surfaces that count pages; [`Store::scan_conversations`] does
    /// not slow down on late pages and does not skip when rows come and go.
    pub async fn list_conversations(
        &self,
        filter: &ConversationFilter,
        page: Page,
    ) -> Result<PageOf<Conversation>> {
        Ok(PageOf {
            items: self.page_conversations(filter, page).await?,
            total: self.count_conversations(filter).await?,
        })
    }

    /// The same for whoever does not ask how many there are in all.
    pub async fn page_conversations(
        &self,
        filter: &ConversationFilter,
        page: Page,
    ) -> Result<Vec<Conversation>> {
        let skip = i64::from(page.number.saturating_sub(1)).saturating_mul(i64::from(page.size));
        let rows: Vec<Row> = with_read!(self, |conn| {
            filtered!(filter)
                .order((conversations::created_at.desc(), conversations::id.desc()))
                .offset(skip)
                .limit(i64::from(page.size))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        Ok(rows.into_iter().map(Conversation::from).collect())
    }

    /// A page by place, always newest started first. `after` and `before` are the time and id of a conversation
    /// and exclude it: `after` wants those further down the list (older), `before` those further up. Of what is
    /// left, the first `limit` are given, or the last when `backwards`.
    pub async fn scan_conversations(
        &self,
        filter: &ConversationFilter,
        after: Option<(DateTime<Utc>, ConversationId)>,
        before: Option<(DateTime<Utc>, ConversationId)>,
        limit: u32,
        backwards: bool,
    ) -> Result<Vec<Conversation>> {
        let after = after.map(|(at, id)| (stored(at), id.0));
        let before = before.map(|(at, id)| (stored(at), id.0));
        let rows: Vec<Row> = with_read!(self, |conn| {
            let mut query = filtered!(filter);
            if let Some((at, id)) = &after {
                query = query.filter(
                    conversations::created_at
                        .lt(at)
                        .or(conversations::created_at
                            .eq(at)
                            .and(conversations::id.lt(id))),
                );
            }
            if let Some((at, id)) = &before {
                query = query.filter(
                    conversations::created_at
                        .gt(at)
                        .or(conversations::created_at
                            .eq(at)
                            .and(conversations::id.gt(id))),
                );
            }
            query = if backwards {
                query.order((conversations::created_at.asc(), conversations::id.asc()))
            } else {
                query.order((conversations::created_at.desc(), conversations::id.desc()))
            };
            query
                .limit(i64::from(limit))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        let mut found: Vec<Conversation> = rows.into_iter().map(Conversation::from).collect();
        if backwards {
            found.reverse();
        }
        Ok(found)
    }

    /// How many a filter lets through.
    pub async fn count_conversations(&self, filter: &ConversationFilter) -> Result<u64> {
        let count: i64 = with_read!(self, |conn| filtered!(filter)
            .count()
            .get_result(conn)
            .await?);
        Ok(count.unsigned_abs())
    }

    /// Removes one with its messages; `false` if there is none of that id.
    pub async fn delete_conversation(&self, id: &ConversationId) -> Result<bool> {
        let delete = diesel::delete(conversations::table.find(id.as_str()));
        let deleted = with_write!(self, |conn| delete.execute(conn).await?);
        Ok(deleted > 0)
    }

    /// Gives a conversation a title that stays, whatever is asked; `false` if there is none of that id.
    pub async fn rename_conversation(&self, id: &ConversationId, title: &str) -> Result<bool> {
        let update = diesel::update(conversations::table.find(id.as_str()))
            .set(conversations::given_title.eq(clean(title)));
        let renamed = with_write!(self, |conn| update.execute(conn).await?);
        Ok(renamed > 0)
    }

    /// Removes conversations whose latest message is older than `before`, the oldest first and at most `most` of them;
    /// which ones. One in which something is asked meanwhile stays.
    pub async fn delete_conversations_before(
        &self,
        before: DateTime<Utc>,
        most: u32,
    ) -> Result<Vec<ConversationId>> {
        let before = stored(before);
        let old: Vec<String> = with_read!(self, |conn| {
            conversations::table
                .filter(conversations::modified_at.lt(before))
                .order((conversations::modified_at, conversations::id))
                .limit(i64::from(most))
                .select(conversations::id)
                .load(conn)
                .await?
        });
        let mut deleted = Vec::with_capacity(old.len());
        for id in old {
            // Looked at again: a question brings the time of its conversation forward.
            let delete = diesel::delete(
                conversations::table
                    .find(&id)
                    .filter(conversations::modified_at.lt(before)),
            );
            let count = with_write!(self, |conn| delete.execute(conn).await?);
            if count > 0 {
                deleted.push(ConversationId(id));
            }
        }
        Ok(deleted)
    }

    /// Removes a conversation's messages and keeps its head without a title and what was asked, of which the messages
    /// alone tell who may see it; `false` if there is none of that id. Rounds go on counting, so a turn that is under
    /// way cannot end in a later one.
    pub async fn clear_conversation(
        &self,
        id: &ConversationId,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        with_tx!(self, |conn| {
            let cleared = diesel::update(conversations::table.find(id.as_str()))
                .set((
                    conversations::title.eq(""),
                    conversations::given_title.eq(""),
                    conversations::select_param.eq(None::<String>),
                    conversations::model.eq(None::<String>),
                    conversations::modified_at.eq(stored(now)),
                ))
                .execute(conn)
                .await?;
            diesel::delete(feedback::table.filter(feedback::conversation_id.eq(id.as_str())))
                .execute(conn)
                .await?;
            diesel::delete(messages::table.filter(messages::conversation_id.eq(id.as_str())))
                .execute(conn)
                .await?;
            Ok(cleared > 0)
        })
    }
}
