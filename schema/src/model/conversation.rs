//! Conversations and their messages, one row per message.

use chrono::{DateTime, Utc};

use crate::ids::{ConversationId, MessageId};

/// Chat modes, by DB-GPT's names on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChatMode {
    /// Talk to the model.
    Normal,
    /// Ask a database and get rows.
    WithDbExecute,
    /// Ask about a database's structure.
    WithDbQa,
    /// Ask a spreadsheet.
    Excel,
    /// Ask documents.
    Knowledge,
    /// Several charts at once.
    Dashboard,
    /// Agents with tools.
    Agent,
    /// A workflow.
    Flow,
}

impl ChatMode {
    /// Every mode, in DB-GPT's order of scenes, `Normal` and `Flow` last.
    pub const ALL: [Self; 8] = [
        Self::WithDbExecute,
        Self::WithDbQa,
        Self::Excel,
        Self::Knowledge,
        Self::Dashboard,
        Self::Agent,
        Self::Normal,
        Self::Flow,
    ];

    /// The name on DB-GPT's wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "chat_normal",
            Self::WithDbExecute => "chat_with_db_execute",
            Self::WithDbQa => "chat_with_db_qa",
            Self::Excel => "chat_excel",
            Self::Knowledge => "chat_knowledge",
            Self::Dashboard => "chat_dashboard",
            Self::Agent => "chat_agent",
            Self::Flow => "chat_flow",
        }
    }

    /// Whether turns of the mode are answered; the others are known by name alone.
    pub fn is_answered(self) -> bool {
        matches!(
            self,
            Self::Normal | Self::WithDbExecute | Self::WithDbQa | Self::Excel | Self::Dashboard
        )
    }

    /// The mode of a wire name; `chat_data` is DB-GPT v2's name for [`ChatMode::WithDbExecute`].
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "chat_data" {
            return Some(Self::WithDbExecute);
        }
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A conversation's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Id.
    pub id: ConversationId,
    /// Mode, as the wire names it; old clients may bring names we do not know.
    pub mode: String,
    /// What a person named it, else the first 250 characters of the latest question.
    pub title: String,
    /// Whether a person gave it its title, which no question changes then.
    pub named: bool,
    /// What the latest round was asked of: a datasource's name, for example.
    pub select_param: Option<String>,
    /// Model of the latest round.
    pub model: Option<String>,
    /// App it was started from.
    pub app_code: Option<String>,
    /// Display name of who started it.
    pub user: Option<String>,
    /// System code, carried for old clients.
    pub sys_code: Option<String>,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When its latest message was stored.
    pub modified_at: DateTime<Utc>,
}

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The person.
    Human,
    /// The model's own words.
    Ai,
    /// What the person is shown.
    View,
    /// Instructions.
    System,
}

impl Role {
    /// The name in the store and on DB-GPT's wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Ai => "ai",
            Self::View => "view",
            Self::System => "system",
        }
    }

    /// The role of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Human, Self::Ai, Self::View, Self::System]
            .into_iter()
            .find(|r| r.name() == name)
    }
}

/// What is stored with a message beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageDetail {
    /// What the round was asked of.
    pub select_param: Option<String>,
    /// Model that answered.
    pub model: Option<String>,
    /// Whether the turn was cut before its end.
    pub cut: bool,
    /// The answer's evidence and result, as a document (`view` messages); the tables that the question was asked
    /// within, where its asker may use some alone (`human` messages).
    pub evidence: Option<serde_json::Value>,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Id.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Position in the conversation, from 0.
    pub index: i32,
    /// Round, from 1.
    pub round: i32,
    /// Speaker.
    pub role: Role,
    /// Text.
    pub content: String,
    /// The rest.
    pub detail: MessageDetail,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
}

/// A message to store.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Speaker.
    pub role: Role,
    /// Text.
    pub content: String,
    /// The rest.
    pub detail: MessageDetail,
}

/// A turn that was begun: what its answer is bound to.
///
/// Rounds start again when a conversation is deleted and its id is used once more, so a round alone would let an
/// old answer land under a new question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunTurn {
    /// Round in the conversation, from 1.
    pub round: i32,
    /// The stored question.
    pub question: MessageId,
}

/// Which conversations to list; `None` does not filter.
#[derive(Debug, Clone, Default)]
pub struct ConversationFilter {
    /// Started by.
    pub user: Option<String>,
    /// System code.
    pub sys_code: Option<String>,
    /// Mode.
    pub mode: Option<String>,
    /// One conversation.
    pub id: Option<ConversationId>,
    /// Only those in which nothing was asked of a datasource beyond these.
    pub asked_within: Option<Vec<String>>,
    /// What is asked beyond these all the same: what begins with this text, as one's own files do.
    pub own_files: Option<String>,
    /// Only those in whose title, questions or answers each of these words is found.
    pub words: Vec<String>,
}

/// A page to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Rows a page.
    pub size: u32,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct PageOf<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
}

/// What a turn is begun with; the conversation is made when it does not exist yet.
#[derive(Debug, Clone)]
pub struct TurnHead {
    /// The conversation.
    pub conversation: ConversationId,
    /// Mode, as the wire names it.
    pub mode: String,
    /// Display name of who asks.
    pub user: Option<String>,
    /// System code, carried for old clients.
    pub sys_code: Option<String>,
    /// App it was started from.
    pub app_code: Option<String>,
    /// Model asked.
    pub model: Option<String>,
    /// What is asked: a datasource's name, for example.
    pub select_param: Option<String>,
}
