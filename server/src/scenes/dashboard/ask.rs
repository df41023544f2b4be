//! Having a model propose charts: a large one all at once, one that answers questions alone by a question for each.

use std::{collections::HashSet, sync::Arc};

use tidegate_schema::{
    Result,
    model::{ProposedChart, Usage},
};

use super::{DashboardTurn, derive, prompts, written};
use crate::{
    scenes::{Emitter, Gathered, database::DatabaseTurn, extract, gather},
    workers::{GenerateRequest, PromptMessage, ResponseFormat, SqlTask},
};

/// Below this a model that answers questions alone has not understood the wish itself.
const SURE: f32 = 0.6;
/// Characters of a wish that become a title.
const TITLE_CHARS: usize = 80;

/// What a model proposed.
#[derive(Debug, Default)]
pub(super) struct Proposal {
    /// The charts, none where it answered in words.
    pub(super) charts: Vec<ProposedChart>,
    /// Its own words.
    pub(super) said: String,
    /// What it was asked, for asking once more.
    pub(super) messages: Vec<PromptMessage>,
    /// Tokens used.
    pub(super) usage: Usage,
    /// How sure it is, where it says.
    pub(super) confidence: Option<f32>,
    /// How often it was asked again.
    pub(super) repairs: u32,
}

impl Proposal {
    fn add(&mut self, gathered: &Gathered) {
        self.usage.prompt_tokens += gathered.usage.prompt_tokens;
        self.usage.completion_tokens += gathered.usage.completion_tokens;
        self.confidence = self.confidence.or(gathered.confidence);
    }
}

/// Asks for all charts at once, and once more in the form they have to have where none can be read.
pub(super) async fn charts(
    turn: &DashboardTurn,
    tables: &[usize],
    emitter: &Emitter,
) -> Result<Proposal> {
    let mut proposal = Proposal {
        messages: prompts::messages(&turn.asked, tables)?,
        ..Proposal::default()
    };
    let mut messages = proposal.messages.clone();
    loop {
        let request = request(&turn.asked, messages.clone(), prompts::charts_schema());
        let gathered = gather(turn.asked.model.as_ref(), request, emitter, false).await?;
        proposal.add(&gathered);
        proposal.charts = written::charts_of(&gathered.text);
        let unreadable = proposal.charts.is_empty() && looks_tried(&gathered.text);
        // What was said first stays the answer where the second try says nothing.
        if proposal.said.is_empty()
            || !proposal.charts.is_empty()
            || !gathered.text.trim().is_empty()
        {
            proposal.said.clone_from(&gathered.text);
        }
        if !unreadable || proposal.repairs > 0 || !turn.repair {
            break;
        }
        proposal.repairs += 1;
        messages.extend(prompts::ask_for_form(&gathered.text)?);
    }
    if proposal.charts.is_empty() {
        proposal.said = plain_words(&proposal.said);
    }
    Ok(proposal)
}

/// Asks for one chart again, whose query did not work.
pub(super) async fn again(
    asked: &DatabaseTurn,
    messages: &[PromptMessage],
    chart: &ProposedChart,
    error: &str,
    emitter: &Emitter,
) -> Result<(Option<ProposedChart>, Usage)> {
    let mut messages = messages.to_vec();
    messages.extend(prompts::ask_for_repair(chart, error)?);
    let request = request(asked, messages, prompts::chart_schema());
    let gathered = gather(asked.model.as_ref(), request, emitter, false).await?;
    let repaired = written::chart_of(&gathered.text).or_else(|| {
        // Some answer with the query alone.
        let sql = extract::read(&gathered.text).sql;
        (!sql.is_empty()).then_some(ProposedChart {
            sql,
            ..ProposedChart::default()
        })
    });
    let repaired = repaired.map(|found| ProposedChart {
        sql: found.sql,
        thoughts: [found.thoughts, chart.thoughts.clone()]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default(),
        // It is the same chart: what it is called and how it is shown does not hang on its query.
        ..chart.clone()
    });
    Ok((repaired, gathered.usage))
}

/// Asks a model that answers one question at a time: the wish itself, then questions that the tables suggest. Those it
/// answers with a query become charts; whether they say something is seen when they are drawn.
pub(super) async fn derived(
    asked: &DatabaseTurn,
    tables: &[usize],
    emitter: &Emitter,
) -> Result<Proposal> {
    let shown = asked.shown(tables);
    let mut proposal = Proposal::default();
    let mut titles: HashSet<String> = HashSet::new();
    let mut queries: HashSet<String> = HashSet::new();
    let wish = derive::Question {
        title: asked.question.trim().chars().take(TITLE_CHARS).collect(),
        text: asked.question.clone(),
    };
    let questions = derive::questions(&shown, &asked.question);
    for (number, question) in std::iter::once(wish).chain(questions).enumerate() {
        let is_wish = number == 0;
        let request = GenerateRequest {
            task: Some(SqlTask {
                question: question.text,
                catalogue: Arc::clone(&shown),
                engine: asked.database.engine(),
                today: asked.today,
            }),
            response_format: None,
            ..request(asked, Vec::new(), serde_json::Value::Null)
        };
        let gathered = gather(asked.model.as_ref(), request, emitter, false).await?;
        proposal.add(&gathered);
        let read = extract::read(&gathered.text);
        if is_wish {
            proposal.said = [read.direct, read.thoughts.clone()]
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_default();
        }
        // "Build me a dashboard" is no question: a guess at it is not what was wished for.
        let guessed = is_wish && gathered.confidence.is_some_and(|sure| sure < SURE);
        if read.sql.is_empty() || guessed || !queries.insert(read.sql.clone()) {
            continue;
        }
        let title = written::free(&question.title, &titles);
        titles.insert(title.clone());
        proposal.charts.push(ProposedChart {
            title,
            thoughts: read.thoughts,
            sql: read.sql,
            showcase: read.display,
        });
        if proposal.charts.len() == derive::MOST_CHARTS {
            break;
        }
    }
    Ok(proposal)
}

fn request(
    asked: &DatabaseTurn,
    messages: Vec<PromptMessage>,
    schema: serde_json::Value,
) -> GenerateRequest {
    GenerateRequest {
        temperature: asked.temperature,
        max_tokens: asked.max_tokens,
        response_format: Some(ResponseFormat::Wished(schema)),
        ..GenerateRequest::of(messages)
    }
}

/// Whether an answer without charts looks as if the form had been tried, or says nothing: asking once more may help.
fn looks_tried(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || (text.contains(['{', '[']) && text.contains("sql"))
}

/// The words of an answer that came in the form for charts and holds none.
fn plain_words(said: &str) -> String {
    let read = extract::read(said);
    [read.direct, read.thoughts, said.trim().to_owned()]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_missed_the_form_is_asked_for_again_and_one_in_words_is_not() {
        assert!(looks_tried(" "));
        assert!(looks_tried("[{\"sql\" \"SELECT"));
        assert!(!looks_tried("The tables hold nothing about the weather."));
        assert!(!looks_tried("Use sql yourself."));
    }

    #[test]
    fn words_in_a_form_are_words() {
        let said = r#"{"direct_response": "There is nothing about that.", "charts": []}"#;
        assert_eq!(plain_words(said), "There is nothing about that.");
        assert_eq!(plain_words("Nothing. "), "Nothing.");
    }
}
