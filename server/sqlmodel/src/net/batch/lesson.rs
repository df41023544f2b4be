//! How a question's items, and the steps over them, are numbered, and what is to be learnt of them.

use crate::{
    features::Features,
    grammar::{ACTIONS, Action, Legal, State, Step},
    question::Question,
    schema::Schema,
};

/// How a question's items lie in a row: words, candidates, tables, columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Words of the question.
    pub words: usize,
    /// Literal candidates.
    pub candidates: usize,
    /// Tables.
    pub tables: usize,
    /// Columns.
    pub columns: usize,
}

impl Outline {
    /// Of a question's features.
    pub fn of(features: &Features) -> Self {
        Self {
            words: features.words,
            candidates: features.candidates,
            tables: features.tables,
            columns: features.columns,
        }
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.words + self.candidates + self.tables + self.columns
    }

    /// The output a step stands at: fixed actions first, then the items.
    pub fn output(&self, step: Step) -> usize {
        match step {
            Step::Act(action) => action.index(),
            Step::Value(at) => ACTIONS + self.words + at,
            Step::Table(at) => ACTIONS + self.words + self.candidates + at,
            Step::Column(at) => ACTIONS + self.words + self.candidates + self.tables + at,
        }
    }

    /// The step an output stands for; words stand for none.
    pub fn step(&self, output: usize) -> Option<Step> {
        if output < ACTIONS {
            return Action::from_index(output).map(Step::Act);
        }
        let at = (output - ACTIONS).checked_sub(self.words)?;
        if at < self.candidates {
            return Some(Step::Value(at));
        }
        let at = at - self.candidates;
        if at < self.tables {
            return Some(Step::Table(at));
        }
        let at = at - self.tables;
        (at < self.columns).then_some(Step::Column(at))
    }

    /// All outputs the grammar admits, in ascending order.
    pub fn legal(&self, legal: &Legal) -> Vec<u16> {
        let mut outputs: Vec<u16> = (0..ACTIONS)
            .filter(|at| legal.actions >> at & 1 == 1)
            .map(|at| at as u16)
            .collect();
        let mut start = ACTIONS + self.words;
        for (flags, length) in [
            (&legal.values, self.candidates),
            (&legal.tables, self.tables),
            (&legal.columns, self.columns),
        ] {
            let open = flags
                .iter()
                .take(length)
                .enumerate()
                .filter(|(_, open)| **open);
            outputs.extend(open.map(|(at, _)| (start + at) as u16));
            start += length;
        }
        outputs
    }
}

/// How a step enters the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Row of the input embedding: an action, or one of the marks after them.
    pub code: i64,
    /// The item pointed at, if any.
    pub item: Option<usize>,
}

impl Input {
    /// What stands before the first step.
    pub const START: Self = Self {
        code: ACTIONS as i64,
        item: None,
    };
    /// Rows of the input embedding: the actions, the start and three sorts of pointer.
    pub const CODES: i64 = ACTIONS as i64 + 4;

    /// Of a step taken.
    pub fn of(step: Step, outline: &Outline) -> Self {
        let pointer = |code: i64| Self {
            code: ACTIONS as i64 + code,
            item: Some(outline.output(step) - ACTIONS),
        };
        match step {
            Step::Act(action) => Self {
                code: action.index() as i64,
                item: None,
            },
            Step::Column(_) => pointer(1),
            Step::Table(_) => pointer(2),
            Step::Value(_) => pointer(3),
        }
    }
}

/// What the decoder is to learn of one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// Inputs, beginning with [`Input::START`].
    pub inputs: Vec<Input>,
    /// The output after each input.
    pub targets: Vec<u16>,
    /// The outputs the grammar admits there.
    pub legal: Vec<Vec<u16>>,
}

impl Lesson {
    /// Walks the grammar along `steps`.
    pub fn of(
        steps: &[Step],
        schema: &Schema,
        question: &Question,
        outline: &Outline,
    ) -> Result<Self, String> {
        let mut state = State::new(schema, question);
        let mut lesson = Self {
            inputs: vec![Input::START],
            targets: vec![],
            legal: vec![],
        };
        for &step in steps {
            let legal = outline.legal(&state.legal());
            let target = outline.output(step) as u16;
            if !legal.contains(&target) {
                return Err(format!("step {step:?} is not among the legal ones"));
            }
            lesson.targets.push(target);
            lesson.legal.push(legal);
            lesson.inputs.push(Input::of(step, outline));
            state.advance(step).map_err(|error| error.to_string())?;
        }
        if !state.is_done() {
            return Err("the steps stop before the query is complete".to_owned());
        }
        lesson.inputs.pop();
        Ok(lesson)
    }
}
