//! Conversations as `/api/v1/chat/dialogue/*` writes them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{
    Error, Result,
    ids::ConversationId,
    model::{ChatMode, Conversation, ConversationFilter, Message, Page, Role},
    wire::{lenient::either, view::view_markup},
};

/// A conversation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConversationOut {
    /// Id.
    pub conv_uid: String,
    /// First 250 characters of the latest question.
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
    /// A conversation that exists only as an id so far.
    pub fn minted(id: String, mode: String) -> Self {
        Self {
            conv_uid: id,
            user_input: String::new(),
            chat_mode: mode,
            app_code: None,
            select_param: None,
            model_name: None,
            user_name: None,
            sys_code: None,
            gmt_created: None,
            gmt_modified: None,
        }
    }
}

/// A message of a history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MessageOut {
    /// `human`, `ai`, `view` or `system`.
    pub role: String,
    /// Text; of a `view` with its chart markup.
    pub context: String,
    /// Round, from 1.
    pub order: i32,
    /// Always null, as upstream has it.
    pub time_stamp: Option<String>,
    /// Model that answered.
    pub model_name: Option<String>,
    /// Feedback given on the round.
    #[schema(value_type = Object)]
    pub feedback: Value,
}

impl From<Message> for MessageOut {
    fn from(message: Message) -> Self {
        let context = match (&message.role, &message.detail.evidence) {
            (Role::View, Some(document)) => view_markup(document),
            _ => message.content,
        };
        Self {
            role: message.role.name().to_owned(),
            context,
            order: message.round,
            time_stamp: None,
            // upstream writes its default model here.
            model_name: message.detail.model,
            feedback: Value::Object(serde_json::Map::new()),
        }
    }
}

/// A chat scene.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SceneOut {
    /// Mode.
    pub chat_scene: String,
    /// Title.
    pub scene_name: String,
    /// What it does.
    pub scene_describe: String,
    /// What has to be chosen for it.
    pub param_title: String,
    /// Always false.
    pub show_disable: bool,
}

impl From<ChatMode> for SceneOut {
    fn from(mode: ChatMode) -> Self {
        let (name, describe, param) = match mode {
            ChatMode::WithDbExecute => (
                "Chat Data",
                "Dialogue with your private data through natural language.",
                "DB Select",
            ),
            ChatMode::WithDbQa => (
                "Chat DB",
                "Have a Professional Conversation with Metadata.",
                "DB Select",
            ),
            ChatMode::Excel => (
                "Chat Excel",
                "Dialogue with your excel, use natural language.",
                "File Select",
            ),
            ChatMode::Knowledge => (
                "Chat Knowledge",
                "Dialogue through natural language and private documents and knowledge bases.",
                "Knowledge Space Select",
            ),
            ChatMode::Dashboard => (
                "Dashboard",
                "Provide you with professional analysis reports through natural language.",
                "DB Select",
            ),
            ChatMode::Agent => (
                "Agent Chat",
                "Use tools through dialogue to accomplish your goals.",
                "Plugin Select",
            ),
            ChatMode::Normal => ("Chat Normal", "Native LLM large model AI dialogue.", ""),
            ChatMode::Flow => (
                "Flow Chat",
                "Have conversations with conversational AWEL flow.",
                "Flow Select",
            ),
        };
        Self {
            chat_scene: mode.name().to_owned(),
            scene_name: name.to_owned(),
            scene_describe: describe.to_owned(),
            param_title: param.to_owned(),
            show_disable: false,
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
            user: self
                .user_name
                .or(self.user_id)
                .filter(|name| !name.is_empty()),
            sys_code: self.sys_code,
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

/// No payload: `data` is null.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Nothing {}
