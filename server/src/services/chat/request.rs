//! What a turn is asked with, and what is wrong with it at first sight.

use serde_json::Value;
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{ChatMode, Message, Role},
};

use crate::services::check_id;

/// Most characters of what describes an uploaded file: an object with its place and its name.
const MOST_FILE_CHARS: usize = 4_000;

/// What a turn is asked with.
#[derive(Debug, Clone, Default)]
pub struct TurnRequest {
    /// The conversation; one is made when there is none.
    pub conversation: Option<ConversationId>,
    /// The question. Empty only to resume: see [`TurnRequest::ext_info`].
    pub text: String,
    /// Mode, by its wire name; empty for `chat_normal`.
    pub mode: String,
    /// What is asked: the datasource's name for database modes, an uploaded file (its name or its object as JSON text)
    /// for `chat_excel`.
    pub select_param: Option<String>,
    /// Model; the default one when not given.
    pub model: Option<String>,
    /// System code, carried for old clients.
    pub sys_code: Option<String>,
    /// App, carried for old clients.
    pub app_code: Option<String>,
    /// A stored prompt, carried for old clients.
    pub prompt_code: Option<String>,
    /// An object of further wishes, carried for old clients. `{"resume": true}` without a question asks the last one
    /// again, if its answer was cut.
    pub ext_info: Option<Value>,
    /// Sampling.
    pub temperature: Option<f32>,
    /// Most new tokens.
    pub max_tokens: Option<u32>,
}

impl TurnRequest {
    /// Refuses a request without a question, ids and names that no column or upstream has room for, and what would be
    /// promised and not done.
    pub(super) fn check(&self) -> Result<()> {
        let conversation = self.conversation.as_ref().map(ConversationId::as_str);
        for (field, text) in [
            ("conv_uid", conversation),
            ("chat_mode", Some(self.mode.as_str())),
            ("model_name", self.model.as_deref()),
            ("sys_code", self.sys_code.as_deref()),
            ("app_code", self.app_code.as_deref()),
            ("prompt_code", self.prompt_code.as_deref()),
        ] {
            check_id(field, text.unwrap_or_default())?;
        }
        self.check_select_param()?;
        let space = self
            .ext_info
            .as_ref()
            .and_then(|info| info.get("knowledge_space"));
        if space.is_some_and(|space| !space.is_null() && space.as_str() != Some("")) {
            // an answer without the space's documents would look as if it were out of them.
            return Err(Error::Unsupported {
                what: "ext_info.knowledge_space: this server keeps no knowledge spaces; leave it out to talk to the \
                       model, or name a database in select_param"
                    .to_owned(),
            });
        }
        if self.text.trim().is_empty() && !self.resumes() {
            return Err(Error::invalid("user_input", "The message is empty"));
        }
        Ok(())
    }

    fn check_select_param(&self) -> Result<()> {
        let text = self.select_param.as_deref().unwrap_or_default();
        let is_file =
            ChatMode::from_name(&self.mode) == Some(ChatMode::Excel) && text.starts_with('{');
        if !is_file {
            return check_id("select_param", text);
        }
        if text.contains('\0') || text.chars().nth(MOST_FILE_CHARS).is_some() {
            return Err(Error::invalid(
                "select_param",
                format!(
                    "must describe one uploaded file in at most {MOST_FILE_CHARS} characters without NUL; send what \
                     its upload answered"
                ),
            ));
        }
        Ok(())
    }

    /// The datasource that the request names, where it names one.
    pub(super) fn datasource(&self, mode: ChatMode) -> Option<&str> {
        self.select_param
            .as_deref()
            .filter(|name| !name.is_empty() && mode != ChatMode::Excel)
    }

    /// Whether it asks for the last question once more.
    pub(super) fn resumes(&self) -> bool {
        let wish = self.ext_info.as_ref().and_then(|info| info.get("resume"));
        self.text.trim().is_empty() && wish == Some(&Value::Bool(true))
    }

    /// Takes over the last question of a conversation, with what it was asked of and by whom it was to be answered
    /// where the request says neither.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is none whose answer was cut.
    pub(super) fn resume(&mut self, earlier: &[Message]) -> Result<()> {
        let last = earlier.iter().map(|message| message.round).max();
        let of_last = |role: Role| {
            earlier
                .iter()
                .rfind(|message| Some(message.round) == last && message.role == role)
        };
        let is_cut = of_last(Role::View).is_none_or(|view| view.detail.cut);
        let question = of_last(Role::Human)
            .filter(|question| is_cut && !question.content.trim().is_empty())
            .ok_or_else(|| {
                Error::invalid(
                    "ext_info.resume",
                    "nothing was cut in this conversation's last round; ask a question in user_input",
                )
            })?;
        self.text.clone_from(&question.content);
        let detail = &question.detail;
        let missing = |own: Option<&str>| own.is_none_or(str::is_empty);
        if missing(self.select_param.as_deref()) {
            self.select_param.clone_from(&detail.select_param);
        }
        if missing(self.model.as_deref()) {
            self.model.clone_from(&detail.model);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;
    use tidegate_schema::model::MessageDetail;

    use super::*;

    fn message(round: i32, role: Role, text: &str, cut: bool) -> Message {
        Message {
            id: text.into(),
            conversation: "c".into(),
            index: 0,
            round,
            role,
            content: text.to_owned(),
            detail: MessageDetail {
                select_param: Some("shop".to_owned()),
                model: Some("m".to_owned()),
                cut,
                evidence: None,
            },
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn resuming() -> TurnRequest {
        TurnRequest {
            ext_info: Some(json!({"resume": true})),
            ..TurnRequest::default()
        }
    }

    #[test]
    fn a_cut_round_is_asked_again_and_a_whole_one_is_not() {
        let cut = [
            message(1, Role::Human, "one?", false),
            message(1, Role::View, "one.", false),
            message(2, Role::Human, "two?", false),
            message(2, Role::Ai, "tw", true),
            message(2, Role::View, "tw", true),
        ];
        let mut request = resuming();
        request.check().expect("no question is needed");
        request.resume(&cut).expect("the second was cut");
        assert_eq!(request.text, "two?");
        assert_eq!(
            (request.select_param.as_deref(), request.model.as_deref()),
            (Some("shop"), Some("m"))
        );
        let mut failed = resuming();
        failed.resume(&cut[..3]).expect("it has no answer at all");
        assert_eq!(failed.text, "two?");
        for whole in [&cut[..2], &cut[..0]] {
            let refused = resuming().resume(whole).expect_err("nothing was cut");
            assert!(refused.to_string().starts_with("ext_info.resume:"));
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_and_nulls_are_nothing() {
        let request = |ext_info: Value| TurnRequest {
            text: "hi".to_owned(),
            ext_info: Some(ext_info),
            ..TurnRequest::default()
        };
        for harmless in [
            json!({}),
            json!({"knowledge_space": null}),
            json!({"knowledge_space": ""}),
        ] {
            assert!(request(harmless.clone()).check().is_ok(), "{harmless}");
        }
        let refused = request(json!({"knowledge_space": "handbook"})).check();
        let refused = refused.expect_err("there are none").to_string();
        assert!(refused.contains("ext_info.knowledge_space"), "{refused}");
        let empty = TurnRequest::default().check().expect_err("no question");
        assert_eq!(empty.to_string(), "user_input: The message is empty");
    }

    #[test]
    fn the_object_of_an_upload_may_be_longer_than_a_name() {
        let file = format!("{{\"file_name\":\"{}.csv\"}}", "x".repeat(400));
        let mut request = TurnRequest {
            text: "hi".to_owned(),
            mode: "chat_excel".to_owned(),
            select_param: Some(file),
            ..TurnRequest::default()
        };
        assert!(request.check().is_ok());
        assert_eq!(request.datasource(ChatMode::Excel), None);
        request.mode = "chat_with_db_execute".to_owned();
        assert!(request.check().is_err());
    }
}
