//! Dashboards of conversations: their charts, an edited chart in the place of another, a dashboard as a page to carry
//! away.

mod edit;
mod found;

use serde_json::Value;
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Caller, ChartKind, Message, ProposedChart, Role, RowSet},
};

use self::found::Found;
use super::{check_id, sql::Failed};
use crate::{
    app::App,
    export::report::{self, PageChart},
    scenes::dashboard::charts_written,
};

/// Characters of a page's name.
const MOST_NAME_CHARS: usize = 64;

/// The service.
pub struct Dashboards<'a>(pub(crate) &'a App);

/// The charts of a round as its model proposed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The round, from 1.
    pub round: i32,
    /// The datasource it was asked of; empty where that is not known.
    pub datasource: String,
    /// The charts.
    pub charts: Vec<ProposedChart>,
}

/// A chart in detail.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Its document, as it is kept.
    pub document: Value,
    /// The datasource.
    pub datasource: String,
    /// What its query gives now.
    pub table: RowSet,
}

/// A dashboard as a page.
#[derive(Debug, Clone)]
pub struct Page {
    /// A name for the file, of plain ASCII letters, digits, `-`, `_` and one dot.
    pub file_name: String,
    /// HTML that needs nothing beside it.
    pub html: String,
}

impl Dashboards<'_> {
    /// The charts of the first dashboard of a conversation; nothing where no model has answered in it yet, or where
    /// something was asked beyond the caller's grants.
    ///
    /// # Errors
    /// [`Error::Conflict`] where no answer is a dashboard.
    pub async fn list(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
    ) -> Result<Option<Proposed>> {
        let messages = self.messages(caller, conversation).await?;
        let mut spoken = messages
            .iter()
            .filter(|message| message.role == Role::Ai && !message.content.trim().is_empty())
            .peekable();
        let Some(first) = spoken.peek().map(|message| message.round) else {
            return Ok(None);
        };
        spoken
            .find_map(|message| proposed(message, &messages))
            .map(Some)
            .ok_or_else(|| no_dashboard(conversation, first))
    }

    /// A chart of the latest dashboard that has one of this title, with what its query gives now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a conversation or a chart that is not there or that the caller may not see;
    /// [`Error::Conflict`] where there is no dashboard; what the guard or the database has against the query.
    pub async fn chart(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        title: &str,
    ) -> Result<Chart, Failed> {
        edit::check_length("chart_title", title)?;
        let messages = self.messages(caller, conversation).await?;
        let found = Found::chart(&messages, conversation, title)?;
        let sql = found.chart_document()["sql"].as_str().unwrap_or_default();
        let datasource = found.datasource().to_owned();
        let (_, table) = self.0.sql().run(caller, &datasource, sql).await?;
        Ok(Chart {
            document: found.chart_document().clone(),
            datasource,
            table,
        })
    }

    /// A dashboard as one page of HTML: that of a round, or the latest.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a conversation or a round that is not there or that the caller may not see;
    /// [`Error::Conflict`] where it is no dashboard.
    pub async fn export(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        round: Option<i32>,
    ) -> Result<Page> {
        let messages = self.messages(caller, conversation).await?;
        let found = Found::dashboard(&messages, conversation, round)?;
        let question = messages
            .iter()
            .find(|message| message.round == found.round() && message.role == Role::Human)
            .map_or("Dashboard", |message| message.content.trim());
        let page = report::Page {
            title: question.to_owned(),
            about: format!(
                "{}, {} UTC",
                found.datasource(),
                found.made_at().format("%Y-%m-%d %H:%M")
            ),
            charts: found.charts().iter().map(page_chart).collect(),
        };
        // Drawing is work for a thread of its own: there may be a dozen charts of a thousand rows.
        let html = tokio::task::spawn_blocking(move || report::html(&page))
            .await
            .map_err(|error| Error::internal("drawing a dashboard", error))?;
        Ok(Page {
            file_name: file_name(question),
            html,
        })
    }

    async fn messages(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
    ) -> Result<Vec<Message>> {
        check_id("con_uid", conversation.as_str())?;
        self.0.conversations().messages(caller, conversation).await
    }
}

/// The charts in what a model said, if it said a list of them. Read by the list alone, so that those are found which
/// came from elsewhere.
fn proposed(spoken: &Message, messages: &[Message]) -> Option<Proposed> {
    let said: Value = serde_json::from_str(spoken.content.trim()).ok()?;
    if !said.is_array() {
        return None;
    }
    let charts = charts_written(&spoken.content);
    let shown = messages
        .iter()
        .find(|message| message.round == spoken.round && message.role == Role::View)
        .and_then(|view| view.detail.evidence.as_ref());
    let datasource = shown
        .and_then(|answer| answer["evidence"]["datasource"].as_str())
        .filter(|name| !name.is_empty())
        .or(spoken.detail.select_param.as_deref());
    (!charts.is_empty()).then(|| Proposed {
        round: spoken.round,
        datasource: datasource.unwrap_or_default().to_owned(),
        charts,
    })
}

fn no_dashboard(conversation: &ConversationId, round: i32) -> Error {
    Error::Conflict {
        reason: format!(
            "round {round} of the conversation '{conversation}' is no dashboard, nor is another; one is made in the chat \
             mode chat_dashboard"
        ),
    }
}

fn page_chart(chart: &Value) -> PageChart {
    let text = |name: &str| chart[name].as_str().unwrap_or_default().to_owned();
    PageChart {
        title: text("title"),
        thoughts: text("thoughts"),
        sql: text("sql"),
        kind: chart["chart"]
            .as_str()
            .and_then(ChartKind::from_name)
            .unwrap_or(ChartKind::Table),
        outcome: match chart["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(RowSet::from_document(chart)),
        },
    }
}

/// A name for the page that no shell and no header stumbles over: `Build_an_order_dashboard.html`.
fn file_name(title: &str) -> String {
    let mut name = String::new();
    for sign in title.chars().take(MOST_NAME_CHARS) {
        if sign.is_ascii_alphanumeric() || sign == '-' {
            name.push(sign);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_matches(['_', '-']);
    let name = if name.is_empty() { "dashboard" } else { name };
    format!("{name}.html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pages_name_is_plain_whatever_was_asked() {
        assert_eq!(
            file_name("Build an order dashboard"),
            "Build_an_order_dashboard.html"
        );
        assert_eq!(file_name("../etc/\"x\"\r\n"), "etc_x.html");
        assert_eq!(file_name("图表"), "dashboard.html");
        assert!(file_name(&"x".repeat(500)).len() < 100);
    }
}
