//! Conversations as `/api/v1/chat/dialogue/*` writes them.

mod history;
mod pages;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use self::{
    history::{MessageOut, history},
    pages::{
        ConversationFilterIn, ConversationPage, FoundOut, FoundPage, PageQuery, RenameIn, SearchIn,
    },
};
use crate::{
    Error, Result,
    ids::ConversationId,
    model::{Conversation, ConversationFilter, Page},
    wire::lenient::either,
};

/// A conversation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "conv_uid": "5e7100bc-9017-11ee-9876-8fe019728d79", "user_input": "how many orders per city?",
    "chat_mode": "chat_with_db_execute", "app_code": "", "select_param": "shop", "model_name": "tidegate-sql",
    "user_name": null, "sys_code": null, "gmt_created": "2026-11-25 09:30:00", "gmt_modified": "2026-11-25 09:30:02"
}))]
pub struct ConversationOut {
    /// Id.
    pub conv_uid: String,
    /// Its title: what a person named it, else the first 250 characters of the latest question.
    pub user_input: String,
    /// Mode.
    pub chat_mode: String,
    /// App it was started from.
    pub app_code: Option<String>,
    /// What the latest round was asked of.
    pub select_param: Option<String>,
    /// Model of the latest round.
    pub model_name: Option<String>,
    /// Always empty in lists.
    pub user_name: Option<String>,
    /// System code.
    pub sys_code: Option<String>,
    /// When it was started.
    pub gmt_created: Option<String>,
    /// When its latest message was stored.
    pub gmt_modified: Option<String>,
}

impl From<Conversation> for ConversationOut {
    fn from(conversation: Conversation) -> Self {
        Self {
            conv_uid: conversation.id.0,
            user_input: conversation.title,
            chat_mode: conversation.mode,
            // lists show empty text where nothing is stored, and no user name at all.
            app_code: Some(conversation.app_code.unwrap_or_default()),
            select_param: Some(conversation.select_param.unwrap_or_default()),
            model_name: conversation.model,
            user_name: Some(String::new()),
            sys_code: conversation.sys_code,
            gmt_created: Some(super::timestamp(conversation.created_at)),
            gmt_modified: Some(super::timestamp(conversation.modified_at)),
        }
    }
}

impl ConversationOut {
    /// A conversation that exists only as an id so far. What it was asked for with is told back.
    pub fn minted(id: String, mode: String, query: NewConversationQuery) -> Self {
        Self {
            conv_uid: id,
            user_input: String::new(),
            chat_mode: mode,
            app_code: query.app_code,
            select_param: None,
            model_name: None,
            user_name: filled(query.user_name).or(query.user_id),
            sys_code: query.sys_code,
            gmt_created: None,
            gmt_modified: None,
        }
    }
}

/// How a conversation is begun.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct NewConversationQuery {
    /// Mode; `chat_normal` when neither the query nor the body names one.
    pub chat_mode: Option<String>,
    /// App.
    pub app_code: Option<String>,
    /// Display name of who asks.
    pub user_name: Option<String>,
    /// The same.
    pub user_id: Option<String>,
    /// System code.
    pub sys_code: Option<String>,
    /// Ignored, as upstream does.
    pub model_name: Option<String>,
}

/// The body the pages send beside the query.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
pub struct NewConversationIn {
    /// Mode, when the query has none.
    pub chat_mode: Option<String>,
}

/// Which conversations.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct ConversationQuery {
    /// Started by.
    pub user_name: Option<String>,
    /// The same.
    pub user_id: Option<String>,
    /// System code.
    pub sys_code: Option<String>,
    /// Page, from 1.
    pub page: Option<u32>,
    /// Rows a page; 10 when not given.
    pub page_size: Option<u32>,
}

impl ConversationQuery {
    /// The filter and the page asked for.
    pub fn parts(self) -> (ConversationFilter, Page) {
        let filter = ConversationFilter {
            user: filled(self.user_name).or(filled(self.user_id)),
            sys_code: filled(self.sys_code),
            ..ConversationFilter::default()
        };
        (
            filter,
            Page {
                number: self.page.unwrap_or(1),
                size: self.page_size.unwrap_or(10),
            },
        )
    }
}

/// Which conversation; it is needed under one of its spellings.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct ConversationKey {
    /// Its id.
    #[param(example = "5e7100bc-9017-11ee-9876-8fe019728d79")]
    pub con_uid: Option<String>,
    /// The same.
    pub conv_uid: Option<String>,
}

impl ConversationKey {
    /// The id.
    ///
    /// # Errors
    /// [`Error::Invalid`] without one, or with two.
    pub fn id(&self) -> Result<ConversationId> {
        either(
            "query",
            ("con_uid", self.con_uid.as_deref()),
            ("conv_uid", self.conv_uid.as_deref()),
        )?
        .map(ConversationId::from)
        .ok_or_else(|| Error::invalid("query.con_uid", "Field required"))
    }
}

/// Whose permissions; nothing is told of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct PermissionQuery {
    /// Datasource.
    #[param(example = "shop")]
    pub db_name: Option<String>,
}

/// A text that says something; an empty one is as good as none.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// No payload: `data` is null.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Nothing {}
