//! An edited query in the place of the one that answered a round: run first, then stored with what it finds.

use serde_json::{Map, Value, json};
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{
        Answer, Caller, Evidence, Message, Role, RowSet, Stage, StageTime, Usage, Verdict,
        cut_words,
    },
};

use super::{Rounds, Written, said, written::document};
use crate::{
    scenes::show,
    services::{check_id, edits, sql::Failed},
};

/// Characters of words beside a query.
const MOST_WORDS: usize = 10_000;

/// What is to answer a round from now on.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The conversation.
    pub conversation: ConversationId,
    /// The round, from 1.
    pub round: i64,
    /// The datasource; the one that the round was asked of.
    pub datasource: String,
    /// The query.
    pub sql: String,
    /// The words beside it; those before where there are none.
    pub thoughts: Option<String>,
}

/// A round whose answer may be edited.
struct Kept<'a> {
    number: i32,
    spoken: &'a Message,
    shown: &'a Message,
    answer: &'a Value,
}

impl Rounds<'_> {
    /// Runs a query in the place of the one that answered a round and stores it, with its words and its rows, as the
    /// round's answer. What fails is told and leaves everything as it was.
    ///
    /// The question and the query are kept as an example too, where the caller may decide what others are answered by.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a datasource, a conversation or a round that is not there or that the caller may not
    /// see; [`Error::Conflict`] for a round that no query of that datasource can answer, while another turn or edit of
    /// the conversation is under way, and when somebody stops it; what the guard or the database has against the query, as for [`crate::services::sql::Sql::run`].
    pub async fn submit(&self, caller: &Caller, edit: &Edit) -> Result<(), Failed> {
        let app = self.0;
        check(edit)?;
        let datasource = app.datasources().get(caller, &edit.datasource).await?;
        // Two edits at once would each write what the other has not seen, and a turn reads what an edit rewrites.
        let place = app.running.enter(&edit.conversation).await?;
        let messages = app
            .conversations()
            .messages(caller, &edit.conversation)
            .await?;
        if messages.is_empty() {
            let found = app.conversations().find(caller, &edit.conversation).await?;
            if found.is_none() {
                return Err(Error::not_found("conversation", &edit.conversation).into());
            }
        }
        let kept = Kept::of(&messages, edit)?;
        kept.check_datasource(&datasource.name)?;
        let sql = edit.sql.trim();
        let (verdict, rows) = edits::run(app, &place, caller, &datasource.name, sql).await?;

        let spoken = kept.spoken_anew(sql, edit.thoughts.as_deref());
        let thoughts = spoken["thoughts"].as_str().unwrap_or_default();
        let display = spoken["display_type"].as_str();
        let answer = kept.answer_anew(edit, thoughts, (verdict, rows), display);
        let mut shown = answer.document();
        // It can be believed for other reasons than a model's answer, and is no model's answer to be accepted.
        shown["evidence"]["edited_by"] = json!(caller.user);
        let spoken = spoken.to_string();
        let changes = [
            (&kept.spoken.id, spoken.as_str(), None),
            (&kept.shown.id, answer.text.as_str(), Some(&shown)),
        ];
        edits::rewrite(app, &edit.conversation, &changes).await?;
        self.teach(caller, &edit.conversation, kept.number, sql)
            .await;
        Ok(())
    }

    /// Keeps the question with the edited query, if it may and can be. The edit stands all the same.
    async fn teach(&self, caller: &Caller, conversation: &ConversationId, round: i32, sql: &str) {
        let kept = self
            .0
            .examples()
            .accept(caller, conversation, round, Some(sql))
            .await;
        match kept {
            Ok(_) => {}
            Err(error @ Error::Internal { .. }) => tracing::warn!(
                error = error.log_chain(),
                "an edited query could not be kept as an example"
            ),
            Err(error) => tracing::debug!(%error, "an edited query is not kept as an example"),
        }
    }
}

/// Refuses what no answer can be made of.
fn check(edit: &Edit) -> Result<()> {
    check_id("conv_uid", edit.conversation.as_str())?;
    if edit.sql.trim().is_empty() {
        return Err(Error::invalid("new_sql", "must not be empty"));
    }
    let words = edit.thoughts.as_deref().unwrap_or_default();
    if words.chars().nth(MOST_WORDS).is_some() {
        return Err(Error::invalid(
            "new_speak",
            format!("must have at most {MOST_WORDS} characters"),
        ));
    }
    Ok(())
}

impl<'a> Kept<'a> {
    fn of(messages: &'a [Message], edit: &Edit) -> Result<Self> {
        let round = edit.round;
        let Some(question) = said(messages, round, Role::Human) else {
            let last = messages.iter().map(|message| message.round).max();
            let hint = last.map_or_else(
                || format!("the conversation '{}' is empty", edit.conversation),
                |last| {
                    format!(
                        "the last one of the conversation '{}' is {last}",
                        edit.conversation
                    )
                },
            );
            return Err(Error::NotFound {
                what: "round",
                name: round.to_string(),
                hint: Some(hint),
            });
        };
        let spoken = said(messages, round, Role::Ai);
        let shown = said(messages, round, Role::View);
        let (Some(spoken), Some(shown)) = (spoken, shown) else {
            return Err(conflict(format!(
                "round {round} has no answer yet that could be edited"
            )));
        };
        if shown.detail.cut {
            return Err(conflict(format!(
                "the answer of round {round} was cut; ask the question again"
            )));
        }
        let Some(answer) = &shown.detail.evidence else {
            return Err(conflict(format!(
                "the answer of round {round} came from elsewhere, without its rows; ask the question again"
            )));
        };
        if matches!(Written::of(messages, round), Some(Written::Charts(_))) {
            return Err(conflict(format!(
                "round {round} is a dashboard; edit its charts one by one"
            )));
        }
        Ok(Self {
            number: question.round,
            spoken,
            shown,
            answer,
        })
    }

    /// A round is edited where it was asked: who may see it hangs on that.
    fn check_datasource(&self, name: &str) -> Result<()> {
        let asked = self.answer["evidence"]["datasource"]
            .as_str()
            .filter(|asked| !asked.is_empty());
        match asked {
            Some(asked) if asked == name => Ok(()),
            Some(asked) => Err(conflict(format!(
                "round {} was asked of '{asked}'; edit it there, not on '{name}'",
                self.number
            ))),
            None => Err(conflict(format!(
                "round {} was asked of no database",
                self.number
            ))),
        }
    }

    /// The model's words with the edited query in them.
    fn spoken_anew(&self, sql: &str, thoughts: Option<&str>) -> Value {
        let mut spoken = match document(&self.spoken.content) {
            Some(Value::Object(spoken)) => spoken,
            _ => Map::from_iter([
                ("thoughts".to_owned(), json!("")),
                ("direct_response".to_owned(), json!("")),
                ("sql".to_owned(), json!("")),
                ("display_type".to_owned(), json!("")),
            ]),
        };
        if let Some(thoughts) = thoughts {
            spoken.insert("thoughts".to_owned(), json!(thoughts));
        }
        spoken.insert("sql".to_owned(), json!(sql));
        Value::Object(spoken)
    }

    /// The answer that the edited query gives.
    fn answer_anew(
        &self,
        edit: &Edit,
        thoughts: &str,
        (verdict, rows): (Verdict, RowSet),
        display: Option<&str>,
    ) -> Answer {
        let before = &self.answer["evidence"];
        let shown = before["tables_shown"].as_array().into_iter().flatten();
        let chart = show::choose(&rows, display.and_then(show::kind_of));
        Answer {
            conversation: edit.conversation.clone(),
            round: self.number,
            text: words(thoughts, &rows),
            chart: Some(chart),
            problem: None,
            evidence: Evidence {
                datasource: edit.datasource.clone(),
                tables_shown: shown
                    .filter_map(|name| Some(name.as_str()?.to_owned()))
                    .collect(),
                sql: Some(edit.sql.trim().to_owned()),
                verdict: Some(verdict),
                rows_read: rows.rows.len(),
                cut_at: rows.cut_at,
                times: vec![StageTime {
                    stage: Stage::Run,
                    elapsed_ms: rows.elapsed_ms as f64,
                }],
                model: before["model"].as_str().unwrap_or_default().to_owned(),
                ..Evidence::default()
            },
            result: Some(rows),
            usage: Usage::default(),
            dashboard: None,
        }
    }
}

/// The words for a result: those given where there are any, and always that a cap cut it.
fn words(thoughts: &str, rows: &RowSet) -> String {
    let mut text = if thoughts.trim().is_empty() {
        show::words(rows)
    } else {
        thoughts.to_owned()
    };
    if let Some(cut) = cut_words(rows)
        && !text.contains(&cut)
    {
        text.push('\n');
        text.push_str(&cut);
    }
    text
}

fn conflict(reason: String) -> Error {
    Error::Conflict { reason }
}

#[cfg(test)]
mod tests;
