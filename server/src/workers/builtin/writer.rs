//! What `tidegate-sql` says to a question: SQL with its meaning in words, or that it had better not say.

use std::{collections::VecDeque, sync::Arc};

use serde_json::json;
use tidegate_schema::model::{self, Catalogue, Engine, Usage};
use tidegate_sqlmodel::{
    net::{NetError, PreparedSchema, SqlModel},
    query::{Item, Query},
    question::Question,
    render::{Dialect, render},
};

use super::{describe, words};
use crate::workers::{Alternative, SqlTask};

/// Sequences the search follows at a time.
const BEAM: usize = 8;
/// Queries offered beside the first.
const ALTERNATIVES: usize = 4;
/// Below this confidence an answer comes with a warning.
const SURE: f32 = 0.6;
/// Schemas kept prepared; preparing one costs a second or two, a question a fraction of that.
const PREPARED: usize = 16;

/// Longest question. It is searched for values word by word, and the model takes some hundred words.
const QUESTION_BYTES: usize = 1 << 13;

/// The model with what it keeps between questions.
pub(super) struct Writer {
    model: SqlModel,
    /// Latest used first.
    prepared: VecDeque<Prepared>,
    abstain_below: f32,
}

struct Prepared {
    catalogue: Arc<Catalogue>,
    engine: Engine,
    schema: Arc<PreparedSchema>,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    /// JSON as language models are asked to answer.
    pub(super) text: String,
    /// What else it could mean, likeliest first.
    pub(super) alternatives: Vec<Alternative>,
    /// How sure it is, 0 to 1.
    pub(super) confidence: f32,
    /// Words read and steps written.
    pub(super) usage: Usage,
}

impl Writer {
    pub(super) fn new(model: SqlModel, abstain_below: f32) -> Self {
        Self {
            model,
            prepared: VecDeque::new(),
            abstain_below,
        }
    }

    /// Answers a question.
    pub(super) fn write(&mut self, task: &SqlTask) -> Result<Written, NetError> {
        let length = task.question.len();
        if length > QUESTION_BYTES {
            return Err(NetError::TooLarge(format!(
                "the question has {length} bytes, at most {QUESTION_BYTES} are taken; ask for one thing in a few sentences"
            )));
        }
        let prepared = self.prepare(task)?;
        let schema = prepared.schema();
        let question = Question::read_with(&task.question, prepared.values(), task.today);
        if schema.columns.is_empty() {
            return Ok(declined(
                "This database has no tables that could be asked about.",
                0.0,
                Usage::default(),
            ));
        }
        if question.words.is_empty() {
            return Ok(declined(
                "The question is empty; ask for something the tables hold.",
                0.0,
                Usage::default(),
            ));
        }
        let answer = self.model.ask(&prepared, &question, BEAM)?;
        let dialect = spelling(task.engine.dialect());
        let mut usage = Usage {
            prompt_tokens: question.words.len() as u32,
            completion_tokens: 0,
        };
        let mut found: Vec<(&Query, String)> = Vec::new();
        let mut first_renders = true;
        for (at, candidate) in answer.candidates.iter().enumerate() {
            match render(&candidate.query, schema, dialect) {
                Ok(sql) => {
                    usage.completion_tokens += candidate.steps.len() as u32;
                    if found.len() <= ALTERNATIVES && found.iter().all(|(_, known)| *known != sql) {
                        found.push((&candidate.query, sql));
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, at, "a proposed query cannot be written as SQL");
                    first_renders &= at > 0;
                }
            }
        }
        // The confidence is the first candidate's; what stands in for it can only be right if that one is wrong.
        let confidence = if first_renders {
            answer.confidence
        } else {
            answer.confidence.min(1.0 - answer.confidence)
        };
        let Some((query, sql)) = found.first() else {
            return Ok(declined(
                &format!("I cannot answer this reliably: I found no query that says it. {REMEDY}"),
                0.0,
                usage,
            ));
        };
        let meaning = words::describe(query, schema);
        if confidence < self.abstain_below {
            let guess = format!(
                "I cannot answer this reliably (my confidence is {:.0} %). My best guess at what you mean: {}.\n\n\
                 ```sql\n{sql}\n```\n\n{REMEDY}",
                confidence * 100.0,
                lower_first(&meaning)
            );
            return Ok(declined(&guess, confidence, usage));
        }
        let doubt = if confidence < SURE {
            format!(" {}", doubt(confidence))
        } else {
            String::new()
        };
        let text = json!({
            "thoughts": format!("{meaning}.{doubt}"),
            "direct_response": "",
            "sql": sql,
            "display_type": display(query),
        });
        let alternatives = found[1..]
            .iter()
            .map(|(query, sql)| Alternative {
                sql: sql.clone(),
                // What stands in for the first reading is less likely still.
                thoughts: format!("{}. {UNSURE}", words::describe(query, schema)),
            })
            .collect();
        Ok(Written {
            text: text.to_string(),
            alternatives,
            confidence,
            usage,
        })
    }

    /// The schema as the model needs it, made once for each catalogue.
    fn prepare(&mut self, task: &SqlTask) -> Result<Arc<PreparedSchema>, NetError> {
        // A catalogue is handed over anew with each question, so its content counts, not its place in memory.
        let known = self.prepared.iter().position(|kept| {
            kept.engine == task.engine
                && (Arc::ptr_eq(&kept.catalogue, &task.catalogue)
                    || kept.catalogue == task.catalogue)
        });
        if let Some(kept) = known.and_then(|at| self.prepared.remove(at)) {
            let schema = Arc::clone(&kept.schema);
            self.prepared.push_front(kept);
            return Ok(schema);
        }
        let schema = Arc::new(
            self.model
                .prepare(&describe::schema(&task.catalogue, task.engine))?,
        );
        self.prepared.truncate(PREPARED - 1);
        self.prepared.push_front(Prepared {
            catalogue: Arc::clone(&task.catalogue),
            engine: task.engine,
            schema: Arc::clone(&schema),
        });
        Ok(schema)
    }
}

/// The dialect to write for an engine's.
fn spelling(dialect: model::Dialect) -> Dialect {
    match dialect {
        model::Dialect::Sqlite => Dialect::Sqlite,
        model::Dialect::Postgres => Dialect::Postgres,
        model::Dialect::MySql => Dialect::MySql,
        model::Dialect::DuckDb => Dialect::DuckDb,
        model::Dialect::ClickHouse => Dialect::ClickHouse,
        model::Dialect::TransactSql => Dialect::TransactSql,
    }
}

/// What is said with another reading of the question than the likeliest.
const UNSURE: &str = "I am not sure that this is what you mean: check the SQL.";

/// What is said with an answer that may well be wrong.
fn doubt(confidence: f32) -> String {
    format!(
        "I am not sure of this (my confidence is {:.0} %): check the SQL.",
        confidence * 100.0
    )
}

const REMEDY: &str =
    "Say it with the names of tables and columns, or configure a larger model under [[models]].";

/// An answer without SQL.
fn declined(reason: &str, confidence: f32, usage: Usage) -> Written {
    let text = json!({ "thoughts": "", "direct_response": reason, "sql": "", "display_type": "" });
    Written {
        text: text.to_string(),
        alternatives: Vec::new(),
        confidence,
        usage,
    }
}

/// The display that suits a query's shape.
fn display(query: &Query) -> &'static str {
    let measures = query
        .select
        .iter()
        .filter(|item| matches!(item, Item::Aggregate(_)))
        .count();
    match query
        .select
        .iter()
        .find(|item| !matches!(item, Item::Aggregate(_)))
    {
        Some(Item::Bucket(..)) if measures > 0 => "response_line_chart",
        Some(Item::Column(_)) if measures > 0 && query.select.len() == measures + 1 => {
            "response_bar_chart"
        }
        _ => "response_table",
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}
