//! Going through conversations step by step.

use tidegate_schema::model::Conversation;

use super::Key;

/// A way through the conversations of a filter, step by step.
pub(super) struct Walk {
    pub(super) after: Option<Key>,
    pub(super) before: Option<Key>,
    pub(super) backwards: bool,
    pub(super) ended: bool,
}

impl Walk {
    pub(super) fn new(after: Option<Key>, before: Option<Key>, backwards: bool) -> Self {
        Self {
            after,
            before,
            backwards,
            ended: false,
        }
    }

    /// Goes on behind what was found when at most so many were asked for.
    pub(super) fn pass(&mut self, found: &[Conversation], most: u32) {
        let key = |one: &Conversation| (one.created_at, one.id.clone());
        self.ended = found.len() < most as usize;
        if self.backwards {
            self.before = found.first().map(key).or_else(|| self.before.take());
        } else {
            self.after = found.last().map(key).or_else(|| self.after.take());
        }
    }
}
