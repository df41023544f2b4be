//! Conversations as files: our own form, which loses nothing, and what is read beside it: DB-GPT's exports and the round
//! objects of its first versions.
//!
//! Reading checks everything before anything is stored, and names the place of what is wrong.

mod check;
mod legacy;
mod markdown;
mod ours;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

pub use self::{
    markdown::markdown,
    ours::{ConversationFile, KeptConversationOut, KeptFeedbackOut, KeptMessageOut},
};
use super::conversations::{ConversationKey, MessageOut, filled, history};
use crate::{
    Error, Result,
    ids::ConversationId,
    model::{ConversationFilter, Imported, KeptConversation},
};

/// Most conversations in one file.
const MOST_CONVERSATIONS: usize = 1_000;

/// The conversations of a file.
///
/// # Errors
/// [`Error::Invalid`] naming the place of the first thing that is wrong.
pub fn read(bytes: &[u8], now: DateTime<Utc>) -> Result<Vec<KeptConversation>> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid("body", "Field required"));
    }
    let document: Value = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::invalid(
            "body",
            format!("JSON decode error at line {line}, column {column}"),
        )
    })?;
    let kept = if document.get("format").is_some() {
        ours::read(document)?
    } else {
        legacy::read(document, now)?
    };
    if kept.is_empty() {
        return Err(Error::invalid("body", "holds no conversation"));
    }
    if kept.len() > MOST_CONVERSATIONS {
        return Err(Error::invalid(
            "body",
            format!(
                "holds {} conversations; a file may hold {MOST_CONVERSATIONS}",
                kept.len()
            ),
        ));
    }
    check::check(&kept, now)?;
    Ok(kept)
}

/// Whose conversations to export, and as what.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct ExportQuery {
    /// Started by.
    pub user_name: Option<String>,
    /// The same.
    pub user_id: Option<String>,
    /// System code.
    pub sys_code: Option<String>,
    /// `file` (when not given) for an attachment, or `json`.
    pub format: Option<String>,
}

impl ExportQuery {
    /// Whether a file is wanted, rather than an answer.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another format.
    pub fn is_file(&self) -> Result<bool> {
        match self.format.as_deref().unwrap_or_default() {
            "file" | "" => Ok(true),
            "json" => Ok(false),
            _ => Err(Error::invalid(
                "query.format",
                "Input should be 'file' or 'json'",
            )),
        }
    }

    /// The filter asked for.
    pub fn filter(self) -> ConversationFilter {
        ConversationFilter {
            user: filled(self.user_name).or(filled(self.user_id)),
            sys_code: filled(self.sys_code),
            ..ConversationFilter::default()
        }
    }
}

/// Which conversation to export, and as what.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct ExportOneQuery {
    /// Its id.
    #[param(example = "5e7100bc-9017-11ee-9876-8fe019728d79")]
    pub con_uid: Option<String>,
    /// The same.
    pub conv_uid: Option<String>,
    /// `json` (when not given), which `import` reads, or `markdown`, for people.
    pub format: Option<String>,
}

impl ExportOneQuery {
    /// Whether a page for people is wanted.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another format.
    pub fn is_page(&self) -> Result<bool> {
        match self.format.as_deref().unwrap_or_default() {
            "markdown" | "md" => Ok(true),
            "json" | "" => Ok(false),
            _ => Err(Error::invalid(
                "query.format",
                "Input should be 'markdown' or 'json'",
            )),
        }
    }

    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`] without one, or with two.
    pub fn id(self) -> Result<ConversationId> {
        let key = ConversationKey {
            con_uid: self.con_uid,
            conv_uid: self.conv_uid,
        };
        key.id()
    }
}

/// A conversation as `export_messages` writes it, for programs that read DB-GPT's.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExportedOut {
    /// Id.
    pub conv_uid: String,
    /// Mode.
    pub chat_mode: String,
    /// App it was started from.
    pub app_code: Option<String>,
    /// When it was started.
    pub create_time: Option<String>,
    /// When its latest message was stored.
    pub update_time: Option<String>,
    /// How many messages it has.
    pub total_messages: usize,
    /// Its messages in order.
    pub messages: Vec<MessageOut>,
}

impl From<KeptConversation> for ExportedOut {
    fn from(kept: KeptConversation) -> Self {
        let head = kept.conversation;
        let messages = history(kept.messages, kept.feedback);
        Self {
            conv_uid: head.id.0,
            chat_mode: head.mode,
            // an empty text where nothing is stored.
            app_code: Some(head.app_code.unwrap_or_default()),
            create_time: Some(super::timestamp(head.created_at)),
            update_time: Some(super::timestamp(head.modified_at)),
            total_messages: messages.len(),
            messages,
        }
    }
}

/// What `export_messages` answers with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExportOut {
    /// Whose conversations; null for everyone's.
    pub user_name: Option<String>,
    /// System code; null for every one.
    pub sys_code: Option<String>,
    /// The conversations, newest first.
    pub conversations: Vec<ExportedOut>,
    /// How many there are.
    pub total_conversations: u64,
}

/// A conversation that was imported.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportedOut {
    /// The id it has now.
    pub conv_uid: String,
    /// The id it came with: another one if that was taken, null if it came with none.
    pub from_conv_uid: Option<String>,
    /// Its title.
    pub title: String,
    /// How many messages it has.
    pub total_messages: usize,
}

impl From<Imported> for ImportedOut {
    fn from(imported: Imported) -> Self {
        Self {
            conv_uid: imported.conversation.0,
            from_conv_uid: imported.brought.map(|id| id.0),
            title: imported.title,
            total_messages: imported.messages,
        }
    }
}

#[cfg(test)]
mod tests;
