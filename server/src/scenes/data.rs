//! `chat_with_db_execute`: a question in plain words, answered from a database with evidence.

use std::sync::Arc;

use tidegate_schema::{
    Error, Result,
    model::{
        Cell, ChatEvent, Evidence, Example, RecalledExample, RowSet, Stage, Verdict, cut_words,
    },
};

use super::{
    Emitter, Gathered, Ledger, Outcome, StageClock, database::DatabaseTurn, extract, gather,
    prompt, show,
};
use crate::{
    guard::Refusal,
    workers::{GenerateRequest, PromptMessage, ResponseFormat, SqlTask},
};

/// What is told of a model that says nothing at all, twice.
pub(super) const NO_ANSWER: &str = "The model gave no answer. Ask again, or in other words.";

/// What a turn of this scene takes.
pub struct DataTurn {
    /// The question and the database.
    pub asked: DatabaseTurn,
    /// Questions like this one with the queries that answered them.
    pub examples: Vec<RecalledExample>,
    /// How often an error goes back to the model.
    pub repairs: u32,
}

/// Answers one question. Every statement stands in `ledger`, whatever ends the turn.
pub async fn answer(turn: DataTurn, emitter: &Emitter, ledger: &Ledger) -> Result<Outcome> {
    let mut clock = StageClock::new();
    let asked = &turn.asked;
    let metadata = asked.model.metadata();
    let (tables, names) = asked.tables(metadata.sql_only, emitter).await;
    let shown = asked.shown(&tables);
    let engine = asked.database.engine();
    let schema = prompt::schema_text(&asked.catalogue, &tables);
    let examples = examples(&turn);
    let instructions = prompt::system(engine, &schema, &examples, asked.today, asked.limits.rows)?;
    let mut messages = vec![PromptMessage::system(instructions)];
    messages.extend(asked.memory.iter().cloned());
    messages.push(PromptMessage::user(asked.question.as_str()));
    clock.end(Stage::Schema);

    let mut outcome = Outcome {
        evidence: Evidence {
            datasource: asked.datasource.clone(),
            tables_shown: names,
            model: metadata.name.clone(),
            ..Evidence::default()
        },
        ..Outcome::default()
    };
    let mut round = 0;
    let mut asked_for_form = false;
    let mut remembered = remembered(&turn);
    loop {
        let request = GenerateRequest {
            temperature: asked.temperature,
            max_tokens: asked.max_tokens,
            response_format: Some(ResponseFormat::Wished(extract::schema())),
            task: Some(SqlTask {
                question: asked.question.clone(),
                catalogue: Arc::clone(&shown),
                engine,
                today: asked.today,
            }),
            ..GenerateRequest::of(messages.clone())
        };
        // What was kept as the answer to this very question is tried before the model is asked.
        let known = remembered.take();
        let is_known = known.is_some();
        let gathered = match known {
            Some(known) => known,
            None => gather(asked.model.as_ref(), request, emitter, false).await?,
        };
        clock.end(Stage::Write);
        outcome.usage.prompt_tokens += gathered.usage.prompt_tokens;
        outcome.usage.completion_tokens += gathered.usage.completion_tokens;
        outcome.evidence.confidence = gathered.confidence;
        outcome.raw.clone_from(&gathered.text);
        let written = extract::read(&gathered.text);
        // Once, and not where a query failed before: then the words are what the model has to say of that.
        let may_ask_again = round == 0 && !asked_for_form && !metadata.sql_only;
        if written.unreadable && may_ask_again && turn.repairs > 0 {
            asked_for_form = true;
            outcome.evidence.repairs = 1;
            messages.extend(prompt::ask_for_form(&gathered.text)?);
            continue;
        }
        if written.sql.is_empty() {
            outcome.text = in_words(written, &gathered.text);
            // An answer in words after a failed query does not undo the failure.
            break;
        }
        outcome.evidence.sql = Some(written.sql.clone());
        let chosen = try_candidates(asked, &written.sql, &gathered, ledger, &mut clock).await;
        outcome.evidence.sql = Some(chosen.sql.clone());
        // The words must say what was run.
        let other = gathered
            .alternatives
            .iter()
            .find(|other| other.sql == chosen.sql);
        let thoughts = other.map_or(written.thoughts, |other| other.thoughts.clone());
        emitter.emit(ChatEvent::Sql(chosen.sql.clone())).await;
        match chosen.outcome {
            Ok((verdict, rows)) => {
                emitter.emit(ChatEvent::Verdict(verdict.clone())).await;
                tell_rows(emitter, &rows).await;
                let chart = show::choose(&rows, show::kind_of(&written.display));
                emitter.emit(ChatEvent::Chart(chart)).await;
                outcome.text = words(thoughts, &rows);
                outcome.evidence.verdict = Some(verdict);
                outcome.evidence.rows_read = rows.rows.len();
                outcome.evidence.cut_at = rows.cut_at;
                outcome.chart = Some(chart);
                outcome.result = Some(rows);
                outcome.problem = None;
                break;
            }
            // It does not run any more: the model is asked after all.
            Err(_) if is_known => outcome.evidence.sql = None,
            Err(refusal) => {
                let Refusal { verdict, error } = refusal;
                emitter.emit(ChatEvent::Verdict(verdict.clone())).await;
                outcome.evidence.verdict = Some(verdict);
                let text = error.to_string();
                outcome.text = if thoughts.is_empty() {
                    text.clone()
                } else {
                    format!("{thoughts}\n{text}")
                };
                outcome.problem = Some(error);
                // The built-in model would only write the same again.
                if round == turn.repairs || metadata.sql_only {
                    break;
                }
                round += 1;
                outcome.evidence.repairs = round + u32::from(asked_for_form);
                messages.push(PromptMessage::assistant(gathered.text));
                messages.push(PromptMessage::user(prompt::repair(&chosen.sql, &text)?));
            }
        }
    }
    if outcome.raw.trim().is_empty() {
        // Some servers refuse a message without text, and the next round shows the model this one.
        outcome.raw.clone_from(&outcome.text);
    }
    emitter.emit(ChatEvent::Text(outcome.text.clone())).await;
    emitter.emit(ChatEvent::Usage(outcome.usage)).await;
    clock.end(Stage::Show);
    outcome.evidence.times = clock.times();
    Ok(outcome)
}

/// The query that was kept for this very question, as a model would say it. Within a conversation the same words may
/// mean something else.
fn remembered(turn: &DataTurn) -> Option<Gathered> {
    if !turn.asked.memory.is_empty() {
        return None;
    }
    let known = turn.examples.iter().find(|recalled| recalled.exact)?;
    let text = serde_json::json!({
        "thoughts": "This query was kept as the answer to this question.",
        "direct_response": "",
        "sql": known.example.sql,
        "display_type": "",
    });
    Some(Gathered {
        text: text.to_string(),
        ..Gathered::default()
    })
}

/// The examples that the caller could have run: others would name what is hidden from him.
fn examples(turn: &DataTurn) -> Vec<Example> {
    let asked = &turn.asked;
    turn.examples
        .iter()
        .map(|recalled| &recalled.example)
        .filter(|example| asked.database.judge(&example.sql, &asked.options).allowed)
        .cloned()
        .collect()
}

/// A candidate that was run, and what came of it.
struct Chosen {
    sql: String,
    outcome: std::result::Result<(Verdict, RowSet), Refusal>,
}

/// Runs the model's SQL; where it offered alternatives, one that runs and finds something wins over one that
/// fails or finds nothing.
async fn try_candidates(
    asked: &DatabaseTurn,
    sql: &str,
    gathered: &Gathered,
    ledger: &Ledger,
    clock: &mut StageClock,
) -> Chosen {
    let mut best: Option<Chosen> = None;
    for candidate in
        std::iter::once(sql).chain(gathered.alternatives.iter().map(|other| other.sql.as_str()))
    {
        let ran = asked.run(candidate, asked.limits, ledger).await;
        clock.end(Stage::Run);
        let found = matches!(&ran, Ok((_, rows)) if finds_something(rows));
        let better = match (&best, &ran) {
            (None, _)
            | (
                Some(Chosen {
                    outcome: Err(_), ..
                }),
                Ok(_),
            ) => true,
            _ => found,
        };
        if better {
            best = Some(Chosen {
                sql: candidate.to_owned(),
                outcome: ran,
            });
        }
        if found {
            break;
        }
    }
    best.unwrap_or_else(|| Chosen {
        sql: sql.to_owned(),
        outcome: Err(Refusal {
            verdict: Verdict::default(),
            error: Error::invalid("sql", "there is nothing to run"),
        }),
    })
}

/// An answer without a query: what was said to the person, or to ourselves, or at worst all of it as it came.
fn in_words(written: extract::Written, raw: &str) -> String {
    [written.direct, written.thoughts, raw.trim().to_owned()]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| NO_ANSWER.to_owned())
}

/// Whether a result says anything: it has a row with a cell that is not NULL.
fn finds_something(rows: &RowSet) -> bool {
    rows.rows
        .iter()
        .any(|row| row.iter().any(|cell| *cell != Cell::Null))
}

/// The words for a result: the model's own where it has some, and always that a cap cut it.
fn words(thoughts: String, rows: &RowSet) -> String {
    let mut text = if thoughts.is_empty() {
        show::words(rows)
    } else {
        thoughts
    };
    if let Some(cut) = cut_words(rows)
        && !text.contains(&cut)
    {
        text.push('\n');
        text.push_str(&cut);
    }
    text
}

async fn tell_rows(emitter: &Emitter, rows: &RowSet) {
    emitter.emit(ChatEvent::Columns(rows.columns.clone())).await;
    for batch in rows.rows.chunks(200) {
        emitter.emit(ChatEvent::Rows(batch.to_vec())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_that_a_result_was_cut_even_beside_the_models_own() {
        let cut = |rows: usize| RowSet {
            rows: vec![vec![Cell::Int(1)]; rows],
            cut_at: Some(rows),
            ..RowSet::default()
        };
        assert_eq!(
            words("Here they are.".to_owned(), &cut(2)),
            "Here they are.\nCut after 2 rows; there are more."
        );
        assert_eq!(
            words(String::new(), &cut(2)),
            "Cut after 2 rows; there are more."
        );
        let whole = RowSet::default();
        assert_eq!(words("None.".to_owned(), &whole), "None.");
    }
}
