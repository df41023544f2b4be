//! Generated examples as the network takes them.

use std::{collections::HashMap, sync::Arc};

use chrono::NaiveDate;

use crate::{
    features::{SchemaIndex, extract},
    grammar::{self, Step},
    net::{
        NetError,
        batch::{Instance, Lesson, Outline},
        model::STEPS,
        tokens::{SchemaPieces, Tokens},
    },
    query::Query,
    question::Question,
    schema::Schema,
};

/// A question with its right answer.
#[derive(Debug, Clone)]
pub struct Task {
    /// The schema it is asked over.
    pub schema: Arc<Schema>,
    /// The question, read over the schema.
    pub question: Question,
    /// What "last year" is relative to.
    pub today: NaiveDate,
    /// The right query, as steps.
    pub steps: Vec<Step>,
    /// The domain it is from.
    pub domain: String,
    /// What kind of question it is.
    pub kind: String,
}

impl Task {
    /// Reads a question and says its right query in steps.
    pub fn read(
        schema: &Arc<Schema>,
        text: &str,
        today: NaiveDate,
        query: &Query,
    ) -> Result<Self, String> {
        let question = Question::read(text, schema, today);
        let steps = grammar::encode(query, schema, &question).map_err(|e| e.to_string())?;
        let (domain, kind) = (String::new(), String::new());
        Ok(Self {
            schema: schema.clone(),
            question,
            today,
            steps,
            domain,
            kind,
        })
    }
}

/// A schema with what does not depend on the question.
#[derive(Debug)]
pub struct Prepared {
    schema: Arc<Schema>,
    index: SchemaIndex,
    pieces: Arc<SchemaPieces>,
}

/// Prepares examples, remembering the schemas seen last.
#[derive(Debug)]
pub struct Workshop {
    tokens: Arc<Tokens>,
    known: HashMap<usize, Arc<Prepared>>,
}

/// Schemas remembered at a time.
const REMEMBERED: usize = 512;

/// Tells schemas apart; the entry keeps its schema alive, so no address comes back for another one.
fn address(schema: &Arc<Schema>) -> usize {
    Arc::as_ptr(schema) as usize
}

impl Workshop {
    /// An empty one.
    pub fn new(tokens: Arc<Tokens>) -> Self {
        Self {
            tokens,
            known: HashMap::new(),
        }
    }

    fn prepared(&mut self, schema: &Arc<Schema>) -> Result<Arc<Prepared>, NetError> {
        if let Some(prepared) = self.known.get(&address(schema)) {
            return Ok(prepared.clone());
        }
        let prepared = Arc::new(Prepared {
            index: SchemaIndex::new(schema),
            pieces: Arc::new(self.tokens.schema(schema)?),
            schema: schema.clone(),
        });
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known
            .insert(address(&prepared.schema), prepared.clone());
        Ok(prepared)
    }

    /// A task as the network takes it; the reason if it is beyond the network.
    pub fn instance(&mut self, task: &Task) -> Result<Instance, String> {
        let prepared = self
            .prepared(&task.schema)
            .map_err(|error| error.to_string())?;
        let (schema, question) = (&prepared.schema, &task.question);
        if task.steps.len() > STEPS {
            return Err(format!(
                "{} steps, at most {STEPS} are learnt",
                task.steps.len()
            ));
        }
        let features = extract(question, schema, &prepared.index);
        let outline = Outline::of(&features);
        Ok(Instance {
            question: self
                .tokens
                .question(question)
                .map_err(|error| error.to_string())?,
            schema: prepared.pieces.clone(),
            vectors: None,
            lesson: Lesson::of(&task.steps, schema, question, &outline)?,
            features,
        })
    }
}
