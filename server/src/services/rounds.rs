//! Rounds of a conversation as the SQL editor works on them: which there are, what answered one, an edited query in
//! its place.

mod edit;
mod written;

use tidegate_schema::{
    Result,
    ids::ConversationId,
    model::{Caller, ChatMode, ELSEWHERE, Message, Role},
};

pub use self::{
    edit::Edit,
    written::{Written, WrittenChart, WrittenQuery},
};
use super::{check_id, datasources::asks_a_database};
use crate::app::App;

/// The service.
pub struct Rounds<'a>(pub(crate) &'a App);

/// A round that was asked of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Its number, from 1.
    pub number: i32,
    /// The datasource.
    pub datasource: String,
    /// The question.
    pub question: String,
}

impl Rounds<'_> {
    /// The rounds of a conversation that were asked of a database; none of one that is not there, or in which
    /// something was asked beyond the caller's grants.
    pub async fn list(&self, caller: &Caller, conversation: &ConversationId) -> Result<Vec<Round>> {
        check_id("con_uid", conversation.as_str())?;
        let conversations = self.0.conversations();
        let Some(head) = conversations.find(caller, conversation).await? else {
            return Ok(Vec::new());
        };
        let messages = conversations.messages(caller, conversation).await?;
        Ok(asked(&head.mode, &messages))
    }

    /// The datasource that a conversation was last asked of, if it was.
    pub async fn datasource_of(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
    ) -> Result<Option<String>> {
        check_id("conv_uid", conversation.as_str())?;
        let Some(head) = self.0.conversations().find(caller, conversation).await? else {
            return Ok(None);
        };
        let latest = head.select_param.filter(|name| !name.is_empty());
        if asks_a_database(&head.mode) || latest.is_none() {
            return Ok(latest);
        }
        // What else is asked, a file for example, is no datasource; another round may have been.
        let latest = self.list(caller, conversation).await?.pop();
        Ok(latest.map(|round| round.datasource))
    }

    /// What answered a round; nothing where no query did, or the caller may not see it.
    pub async fn written(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        round: i64,
    ) -> Result<Option<Written>> {
        check_id("con_uid", conversation.as_str())?;
        let messages = self
            .0
            .conversations()
            .messages(caller, conversation)
            .await?;
        Ok(Written::of(&messages, round))
    }
}

/// The message that somebody said in a round.
fn said(messages: &[Message], round: i64, role: Role) -> Option<&Message> {
    messages
        .iter()
        .find(|message| i64::from(message.round) == round && message.role == role)
}

/// The rounds that were asked of a database. In a mode that asks none, those which one answered all the same.
fn asked(mode: &str, messages: &[Message]) -> Vec<Round> {
    let always = asks_a_database(mode);
    let beside = matches!(
        ChatMode::from_name(mode),
        Some(ChatMode::Excel | ChatMode::Knowledge | ChatMode::Agent | ChatMode::Flow)
    );
    let questions = messages
        .iter()
        .filter(|message| message.role == Role::Human && !beside);
    let round = |question: &Message| {
        let datasource = question
            .detail
            .select_param
            .clone()
            .filter(|name| !name.is_empty() && name != ELSEWHERE)?;
        let answered = || {
            let view = said(messages, i64::from(question.round), Role::View)?;
            let answer = view.detail.evidence.as_ref()?;
            answer["evidence"]["datasource"]
                .as_str()
                .filter(|name| *name == datasource)
        };
        (always || answered().is_some()).then(|| Round {
            number: question.round,
            question: question.content.clone(),
            datasource: datasource.clone(),
        })
    };
    questions.filter_map(round).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};
    use tidegate_schema::model::MessageDetail;

    use super::*;

    fn message(round: i32, role: Role, asked_of: Option<&str>, evidence: Option<Value>) -> Message {
        Message {
            id: "m".into(),
            conversation: "c".into(),
            index: 0,
            round,
            role,
            content: format!("question {round}"),
            detail: MessageDetail {
                select_param: asked_of.map(str::to_owned),
                evidence,
                ..MessageDetail::default()
            },
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn numbers(mode: &str, messages: &[Message]) -> Vec<i32> {
        asked(mode, messages)
            .into_iter()
            .map(|round| round.number)
            .collect()
    }

    #[test]
    fn rounds_of_databases_alone_are_listed() {
        let answered = json!({"evidence": {"datasource": "shop"}});
        let messages = [
            message(1, Role::Human, Some("shop"), None),
            message(1, Role::View, Some("shop"), Some(answered)),
            message(2, Role::Human, Some(""), None),
            message(3, Role::Human, None, None),
            message(4, Role::Human, Some("shop"), None),
            message(5, Role::Human, Some(ELSEWHERE), None),
        ];
        let found = asked("chat_with_db_execute", &messages);
        assert_eq!(
            found[0],
            Round {
                number: 1,
                datasource: "shop".to_owned(),
                question: "question 1".to_owned(),
            }
        );
        for (mode, expected) in [
            ("chat_with_db_execute", &[1, 4][..]),
            ("chat_data", &[1, 4]),
            ("chat_dashboard", &[1, 4]),
            ("chat_normal", &[1]),
            ("chat_excel", &[]),
            ("chat_knowledge", &[]),
        ] {
            assert_eq!(numbers(mode, &messages), expected, "{mode}");
        }
    }
}
