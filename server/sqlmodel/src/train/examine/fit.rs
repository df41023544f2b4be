//! Fitting ranking and confidence to finished weights.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use safetensors::SafeTensors;

use super::Schemas;
use crate::{
    net::{
        Answer, Calibration, Candidate, NetError, Ranking, SqlModel, confidence::Signals,
        tokens::Tokens, weights,
    },
    query::Query,
    question::Question,
    train::{course::Course, evaluate::hold, prepare::Workshop},
};

/// What is fitted to finished weights and stored with them.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Which candidate comes first.
    pub ranking: Ranking,
    /// How far it is to be trusted.
    pub calibration: Calibration,
}

/// Fits the ranking on candidates for questions set aside; then the confidence, on right and wrong answers to the
/// same questions and on questions asked over a schema of something else, where every answer is wrong.
pub fn calibrate(
    encoder: &Path,
    bytes: &[u8],
    course: &Course,
    beam: usize,
) -> Result<Fit, NetError> {
    let model = SqlModel::load(encoder, bytes)?.unranked();
    let mut workshop = Workshop::new(Arc::new(Tokens::load(encoder)?));
    let (held, _) = hold(&mut workshop, course.held_out());
    let mut schemas = Schemas {
        model: &model,
        known: BTreeMap::new(),
    };
    let mut asked: Vec<(Vec<Candidate>, Option<&Query>)> = Vec::new();
    for (at, one) in held.iter().enumerate() {
        let answer = model.ask(schemas.of(one)?, &one.task.question, beam)?;
        asked.push((answer.candidates, Some(&one.expected)));
        let other = &held[(at + held.len() / 2) % held.len()];
        if at % 4 == 0 && other.task.domain != one.task.domain {
            let (text, today) = (&one.task.question.text, one.task.today);
            let strange = Question::read(text, &other.task.schema, today);
            let answer = model.ask(schemas.of(other)?, &strange, beam)?;
            asked.push((answer.candidates, None));
        }
    }
    let questions: Vec<Vec<(Signals, bool)>> = asked
        .iter()
        .map(|(candidates, right)| {
            let is_right = |one: &Candidate| right.is_some_and(|right| one.query == *right);
            candidates
                .iter()
                .map(|one| (one.signals, is_right(one)))
                .collect()
        })
        .collect();
    let ranking = Ranking::fit(&questions);
    let seen: Vec<(Signals, bool)> = asked
        .into_iter()
        .map(|(candidates, right)| {
            let answer = Answer::ranked(candidates, Some(&ranking), &Calibration::default());
            let first = answer.candidates.first();
            let is_right = first.is_some_and(|first| Some(&first.query) == right);
            (answer.signals, is_right)
        })
        .collect();
    Ok(Fit {
        ranking,
        calibration: Calibration::fit(&seen),
    })
}

/// The same weights with another fit.
pub fn with_fit(bytes: &[u8], fit: &Fit) -> Result<Vec<u8>, NetError> {
    let refuse = |error: String| NetError::Weights(error);
    let file = SafeTensors::deserialize(bytes).map_err(|error| refuse(error.to_string()))?;
    let mut about = weights::metadata(bytes)?;
    let text = |error: serde_json::Error| refuse(error.to_string());
    about.insert(
        "calibration".to_owned(),
        serde_json::to_string(&fit.calibration).map_err(text)?,
    );
    about.insert(
        "ranking".to_owned(),
        serde_json::to_string(&fit.ranking).map_err(text)?,
    );
    safetensors::serialize(file.tensors(), Some(about)).map_err(|error| refuse(error.to_string()))
}
