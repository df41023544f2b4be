//! What may come next.

use super::{GrammarError, Legal, Step};
use crate::{query::Query, question::Question, schema::Schema};

/// A sequence under way. Cheap to clone.
#[derive(Debug, Clone)]
pub struct State {}

impl State {
    /// The state before the first step.
    pub fn new(_schema: &Schema, _question: &Question) -> Self {
        unimplemented!()
    }

    /// What may come next; nothing once the sequence has ended.
    pub fn legal(&self) -> Legal {
        unimplemented!()
    }

    /// Takes a step.
    pub fn advance(&mut self, _step: Step) -> Result<(), GrammarError> {
        unimplemented!()
    }

    /// Whether the end has been reached.
    pub fn is_done(&self) -> bool {
        unimplemented!()
    }

    /// The finished query.
    pub fn into_query(self) -> Result<Query, GrammarError> {
        unimplemented!()
    }
}
