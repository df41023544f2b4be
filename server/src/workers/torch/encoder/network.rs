//! An encoder with all that makes vectors or scores of texts.

use std::ops::Range;

use tidegate_kernels::Team;
use tidegate_schema::Error;

use super::{
    dense::Dense,
    head::Head,
    modules::{Pooler, Prompts},
    native::Native,
    shape::{Positions, Shape},
    texts::{Encoded, Prefix, Query, Texts},
    turns::{Ask, Encode, Room},
};
use crate::workers::torch::error::{ModelError, Result};

/// Tokens of a run on the CPU: enough to read the weights for many rows at once, few enough to wait for.
pub(super) const CPU_RUN: usize = 512;
/// Tokens of a run on a GPU, padding included.
const GPU_RUN: usize = 16_384;

/// What several texts are run as: all their tokens, one after the other.
pub(super) struct Batch {
    /// Tokens.
    pub(super) ids: Vec<u32>,
    /// Their types; empty where all are 0.
    pub(super) types: Vec<u32>,
    /// Their places, as the shape counts them.
    pub(super) places: Vec<u32>,
    /// Where each text begins, and where the last one ends.
    pub(super) starts: Vec<usize>,
}

impl Batch {
    /// Puts texts together.
    pub(super) fn new(texts: &[&Encoded], positions: &Positions) -> Self {
        let rows = texts.iter().map(|text| text.ids.len()).sum();
        let has_types = texts.iter().any(|text| !text.types.is_empty());
        let mut batch = Self {
            ids: Vec::with_capacity(rows),
            types: Vec::with_capacity(if has_types { rows } else { 0 }),
            places: Vec::with_capacity(rows),
            starts: Vec::with_capacity(texts.len() + 1),
        };
        batch.starts.push(0);
        for text in texts {
            batch.ids.extend_from_slice(&text.ids);
            if has_types {
                batch.types.extend_from_slice(&text.types);
                batch.types.resize(batch.ids.len(), 0);
            }
            places(&text.ids, positions, &mut batch.places);
            batch.starts.push(batch.ids.len());
        }
        batch
    }

    /// The rows of each text.
    pub(super) fn texts(&self) -> impl Iterator<Item = Range<usize>> {
        self.starts.windows(2).map(|pair| pair[0]..pair[1])
    }
}

/// The places of a text's tokens.
fn places(ids: &[u32], positions: &Positions, into: &mut Vec<u32>) {
    let Positions::Learned {
        padding: Some(padding),
        ..
    } = positions
    else {
        into.extend(0..ids.len() as u32);
        return;
    };
    // A padding token that a text names has no place of its own, and the next one takes the place it would have had.
    let mut next = padding + 1;
    for id in ids {
        if id == padding {
            into.push(*padding);
        } else {
            into.push(next);
            next += 1;
        }
    }
}

/// What computes the states.
pub(super) enum Runner {
    /// On the CPU.
    Native(Box<Native>),
    /// On libtorch tensors.
    Dense(Box<Dense>),
}

/// What becomes of the states.
pub(super) enum Tail {
    /// Vectors, of texts that prompts may be put before.
    Vectors(Pooler, Prompts),
    /// Scores of pairs.
    Scores(Box<Head>),
}

/// All of a model, owned by one thread.
pub(in crate::workers::torch) struct Network {
    pub(super) shape: Shape,
    pub(super) texts: Texts,
    pub(super) runner: Runner,
    pub(super) tail: Tail,
    pub(super) team: Team,
    /// As configured; 0 for as many as there are cores free.
    pub(super) threads: usize,
    pub(super) dtype: &'static str,
    pub(super) is_on_gpu: bool,
}

impl Network {
    /// Longest text in tokens, marks included.
    pub(in crate::workers::torch) fn window(&self) -> usize {
        self.texts.window()
    }

    /// What the weights are held as, by its name in the configuration.
    pub(super) fn dtype(&self) -> &'static str {
        self.dtype
    }

    /// Bytes of weights held.
    pub(super) fn bytes(&self) -> u64 {
        let runner = match &self.runner {
            Runner::Native(native) => native.bytes(),
            Runner::Dense(dense) => dense.bytes(),
        };
        let tail = match &self.tail {
            Tail::Vectors(pooler, _) => pooler.bytes(),
            Tail::Scores(head) => head.bytes(),
        };
        runner + tail
    }

    /// What is made of each text's states: its vector, or one score.
    fn finish(&self, states: &[f32], texts: &[&Encoded], batch: &Batch) -> Result<Vec<Vec<f32>>> {
        let width = self.shape.hidden;
        let mut made = Vec::with_capacity(texts.len());
        for (text, rows) in texts.iter().zip(batch.texts()) {
            let states = &states[rows.start * width..rows.end * width];
            let numbers = match &self.tail {
                Tail::Vectors(pooler, _) => pooler.vector(&self.team, states, width, text.skip),
                Tail::Scores(head) => vec![head.score(&self.team, states, width)],
            };
            if numbers.iter().any(|number| !number.is_finite()) {
                return Err(ModelError::Text(
                    "the model gave numbers that are not finite; its weights are damaged, or dtype is too short for \
                     them"
                        .to_owned(),
                ));
            }
            made.push(numbers);
        }
        Ok(made)
    }
}

/// What a request needs before its texts are encoded.
pub(super) enum Opened {
    /// What stands before each text.
    Texts(Prefix),
    /// What each document is paired with.
    Pairs(Box<Query>),
}

impl Encode for Network {
    type Opened = Opened;

    fn wake(&mut self) {
        if let Runner::Dense(_) = self.runner {
            tch::set_num_threads(crate::workers::torch::threads(self.threads));
        }
    }

    fn room(&self) -> Room {
        Room {
            tokens: if self.is_on_gpu { GPU_RUN } else { CPU_RUN },
            is_padded: matches!(self.runner, Runner::Dense(_)),
        }
    }

    fn open(&self, ask: &Ask) -> Result<Opened, Error> {
        let failed = |error: ModelError| Error::upstream("tokenizer", error.to_string());
        match (ask, &self.tail) {
            (Ask::Vectors { prompt, .. }, Tail::Vectors(pooler, prompts)) => {
                let text = prompts.get(prompt.as_deref()).map_err(|known| {
                    let name = prompt.as_deref().unwrap_or_default();
                    let known = if known.is_empty() {
                        "none"
                    } else {
                        known.as_str()
                    };
                    Error::invalid(
                        "prompt",
                        format!("'{name}' is no prompt of this model; it has {known}"),
                    )
                })?;
                let prefix = self
                    .texts
                    .prefix(text, pooler.pools_prompt)
                    .map_err(failed)?;
                Ok(Opened::Texts(prefix))
            }
            (Ask::Scores { query, .. }, Tail::Scores(_)) => {
                match self.texts.query(query).map_err(failed)? {
                    Ok(query) => Ok(Opened::Pairs(Box::new(query))),
                    Err(count) => Err(Error::invalid(
                        "query",
                        format!(
                            "has {count} tokens, but this model reads {} of query and document together, so that no \
                             document would be read; shorten the query",
                            self.texts.room()
                        ),
                    )),
                }
            }
            (Ask::Vectors { .. }, Tail::Scores(_)) | (Ask::Scores { .. }, Tail::Vectors(..)) => {
                Err(Error::Unsupported {
                    what: "a model either embeds or reranks".to_owned(),
                })
            }
        }
    }

    fn encode(&self, ask: &Ask, opened: &Opened, at: usize) -> Result<Encoded> {
        match (ask, opened) {
            (Ask::Vectors { texts, .. }, Opened::Texts(prefix)) => {
                self.texts.one(&texts[at], prefix)
            }
            (Ask::Scores { documents, .. }, Opened::Pairs(query)) => {
                self.texts.pair(query, &documents[at])
            }
            (Ask::Vectors { .. }, Opened::Pairs(_)) | (Ask::Scores { .. }, Opened::Texts(_)) => {
                Err(ModelError::Text(
                    "a model either embeds or reranks".to_owned(),
                ))
            }
        }
    }

    fn run(&mut self, texts: &[&Encoded]) -> Result<Vec<Vec<f32>>> {
        let batch = Batch::new(texts, &self.shape.positions);
        let states = match &mut self.runner {
            Runner::Native(native) => native.states(&self.team, &batch)?,
            Runner::Dense(dense) => dense.states(&batch)?,
        };
        self.finish(&states, texts, &batch)
    }
}

#[cfg(test)]
impl Network {
    /// The numbers of each text, all in one run.
    pub(in crate::workers::torch) fn answer(&mut self, ask: &Ask) -> Result<Vec<Vec<f32>>, Error> {
        let opened = self.open(ask)?;
        let failed = |error: ModelError| Error::upstream("test", error.to_string());
        let encoded = (0..ask.texts().len())
            .map(|at| self.encode(ask, &opened, at))
            .collect::<Result<Vec<_>>>()
            .map_err(failed)?;
        self.run(&encoded.iter().collect::<Vec<_>>())
            .map_err(failed)
    }

    /// The last states of all tokens of texts, one text after the other.
    pub(in crate::workers::torch) fn states_of(&mut self, texts: &[String]) -> Result<Vec<f32>> {
        let encoded = texts
            .iter()
            .map(|text| self.texts.one(text, &Prefix::default()))
            .collect::<Result<Vec<_>>>()?;
        let batch = Batch::new(&encoded.iter().collect::<Vec<_>>(), &self.shape.positions);
        match &mut self.runner {
            Runner::Native(native) => native.states(&self.team, &batch),
            Runner::Dense(dense) => dense.states(&batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(ids: &[u32], types: &[u32]) -> Encoded {
        Encoded {
            ids: ids.to_vec(),
            types: types.to_vec(),
            skip: 0,
        }
    }

    #[test]
    fn texts_stand_one_after_the_other_without_padding() {
        let (one, other) = (encoded(&[5, 6, 7], &[]), encoded(&[8, 9], &[0, 1]));
        let batch = Batch::new(
            &[&one, &other],
            &Positions::Learned {
                rows: 9,
                padding: None,
            },
        );
        assert_eq!(batch.ids, [5, 6, 7, 8, 9]);
        assert_eq!(batch.types, [0, 0, 0, 0, 1]);
        assert_eq!(batch.places, [0, 1, 2, 0, 1]);
        assert_eq!(batch.texts().collect::<Vec<_>>(), [0..3, 3..5]);
    }

    #[test]
    fn robertas_places_begin_behind_the_padding_and_leave_it_out() {
        let text = encoded(&[0, 7, 1, 8, 2], &[]);
        let batch = Batch::new(
            &[&text],
            &Positions::Learned {
                rows: 9,
                padding: Some(1),
            },
        );
        assert_eq!(batch.places, [2, 3, 1, 4, 5]);
        assert!(batch.types.is_empty());
    }
}
