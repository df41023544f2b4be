//! Questions that a page suggests, as `/api/v1/question/list` writes them: those that were kept with a query that
//! answers them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::model::{ChatMode, Example};

/// Which questions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct QuestionsQuery {
    /// Only those that may be asked; all may.
    pub valid: Option<String>,
    /// Only those of this app; none is of any.
    pub app_code: Option<String>,
    /// Only those for this mode.
    pub chat_mode: Option<String>,
    /// Only those that were asked again.
    pub is_hot_question: Option<String>,
}

impl QuestionsQuery {
    /// Whether there can be any; `false` for modes and apps that have none.
    pub fn may_find(&self) -> bool {
        let mode = filled(self.chat_mode.as_deref());
        filled(self.app_code.as_deref()).is_none()
            && !is(self.valid.as_deref(), false)
            && mode.is_none_or(|mode| ChatMode::from_name(mode) == Some(ChatMode::WithDbExecute))
    }

    /// Whether only questions that were asked again are wanted.
    pub fn is_hot(&self) -> bool {
        is(self.is_hot_question.as_deref(), true)
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// Whether a word of a query says so; other words say neither.
fn is(word: Option<&str>, wanted: bool) -> bool {
    let words = if wanted {
        ["true", "1"]
    } else {
        ["false", "0"]
    };
    word.is_some_and(|word| words.contains(&word.to_ascii_lowercase().as_str()))
}

/// A question that a page suggests.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": 1, "app_code": null, "question": "how many orders per city?", "user_code": null, "sys_code": null,
    "gmt_create": "2026-11-25 09:30:00", "gmt_modified": "2026-11-25 09:30:00", "params": {"select_param": "shop"},
    "valid": "true", "chat_mode": "chat_with_db_execute", "is_hot_question": "false"
}))]
pub struct QuestionOut {
    /// Number.
    pub id: i64,
    /// App; always null.
    pub app_code: Option<String>,
    /// The question.
    pub question: String,
    /// Who gave it; always null.
    pub user_code: Option<String>,
    /// System code; always null.
    pub sys_code: Option<String>,
    /// When it was kept, or last replaced.
    pub gmt_create: Option<String>,
    /// The same.
    pub gmt_modified: Option<String>,
    /// What it is asked of: `{"select_param": NAME}`.
    #[schema(value_type = Object)]
    pub params: Value,
    /// `true`.
    pub valid: String,
    /// Mode it is asked in.
    pub chat_mode: String,
    /// Whether it was asked again: `true` or `false`.
    pub is_hot_question: String,
}

impl QuestionOut {
    /// A question that was kept for a datasource.
    pub fn of(datasource: &str, example: Example) -> Self {
        let at = super::timestamp(example.created_at);
        Self {
            id: example.id.0,
            app_code: None,
            question: example.question,
            user_code: None,
            sys_code: None,
            gmt_create: Some(at.clone()),
            gmt_modified: Some(at),
            params: json!({"select_param": datasource}),
            valid: true.to_string(),
            chat_mode: ChatMode::WithDbExecute.name().to_owned(),
            is_hot_question: (example.used > 0).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_modes_and_apps_have_no_questions() {
        let may = |app: &str, mode: &str, valid: &str| {
            let query = QuestionsQuery {
                app_code: Some(app.to_owned()),
                chat_mode: Some(mode.to_owned()),
                valid: Some(valid.to_owned()),
                is_hot_question: Some("True".to_owned()),
            };
            assert!(query.is_hot());
            query.may_find()
        };
        assert!(QuestionsQuery::default().may_find() && !QuestionsQuery::default().is_hot());
        assert!(may("", "", "true") && may("", "chat_data", ""));
        assert!(!may("app", "", "") && !may("", "chat_normal", "") && !may("", "", "false"));
    }
}
