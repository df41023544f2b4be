//! Conversations as they are carried from one store to another.

use super::{Conversation, Feedback, Message};
use crate::ids::ConversationId;

/// What a question was asked of, where a mode asks something and nobody says what: DB-GPT's exports do not. No
/// datasource has a name with such a sign in it, so that no grant reaches the answer.
pub const ELSEWHERE: &str = "\u{1}elsewhere";

/// A conversation, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptConversation {
    /// Its head.
    pub conversation: Conversation,
    /// Its messages, in order.
    pub messages: Vec<Message>,
    /// What was thought of its answers.
    pub feedback: Vec<Feedback>,
}

/// A conversation that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The id it has now.
    pub conversation: ConversationId,
    /// The id it came with, if it came with one.
    pub brought: Option<ConversationId>,
    /// Its title.
    pub title: String,
    /// How many messages it has.
    pub messages: usize,
}
