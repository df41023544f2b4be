//! Questions and schema texts as WordPiece ids.

use std::{collections::HashMap, path::Path};

use tokenizers::Tokenizer;

use super::NetError;
use crate::{question::Question, schema::Schema};

/// Longest question in word pieces; what lies beyond is seen only through its lexical relations.
pub const QUESTION_PIECES: usize = 96;
/// Longest schema text in word pieces; comments are cut here.
pub const TEXT_PIECES: usize = 24;

/// The sentence encoder's tokenizer.
#[derive(Debug)]
pub struct Tokens {
    tokenizer: Tokenizer,
    /// What closes every sequence.
    separator: u32,
}

/// A question's word pieces, and the pieces of each of its words and then each of its candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct QuestionPieces {
    /// Ids with the start and end marks.
    pub ids: Vec<u32>,
    /// Positions in `ids` to average; never empty (the start mark stands in).
    pub pools: Vec<Vec<u16>>,
}

/// The texts of a schema's items, without repetition.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaPieces {
    /// Distinct texts as ids.
    pub texts: Vec<Vec<u32>>,
    /// For every table and then column: its own text and its text in context, as positions in `texts`.
    pub items: Vec<(usize, usize)>,
}

impl Tokens {
    /// Reads `tokenizer.json` of the encoder's folder.
    pub fn load(folder: &Path) -> Result<Self, NetError> {
        let path = folder.join("tokenizer.json");
        let bytes = std::fs::read(&path).map_err(|error| NetError::Encoder {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Self::from_bytes(&bytes).map_err(|reason| NetError::Encoder { path, reason })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| error.to_string())?;
        // The published file pins fixed padding and a short truncation; both are ours to decide.
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| error.to_string())?;
        let separator = tokenizer.token_to_id("[SEP]").ok_or("no [SEP] token")?;
        Ok(Self {
            tokenizer,
            separator,
        })
    }

    /// Ids of a text, cut to `limit` with the end mark kept.
    pub fn text(&self, text: &str, limit: usize) -> Result<Vec<u32>, NetError> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| NetError::Tokens(error.to_string()))?;
        Ok(self.cut(encoding.get_ids(), limit))
    }

    fn cut(&self, ids: &[u32], limit: usize) -> Vec<u32> {
        let mut ids = ids.to_vec();
        if ids.len() > limit {
            ids.truncate(limit - 1);
            ids.push(self.separator);
        }
        ids
    }

    /// A question's pieces, by word and candidate.
    pub fn question(&self, question: &Question) -> Result<QuestionPieces, NetError> {
        let encoding = self
            .tokenizer
            .encode(question.text.as_str(), true)
            .map_err(|error| NetError::Tokens(error.to_string()))?;
        let ids = self.cut(encoding.get_ids(), QUESTION_PIECES);
        let offsets = encoding.get_offsets();
        let special = encoding.get_special_tokens_mask();
        // The last position of a cut question is the end mark, not the piece that stood there.
        let usable = if encoding.len() > QUESTION_PIECES {
            QUESTION_PIECES - 1
        } else {
            ids.len()
        };
        let pieces = |bytes: &std::ops::Range<usize>| -> Vec<u16> {
            (0..usable)
                .filter(|&at| {
                    special[at] == 0 && offsets[at].0 < bytes.end && bytes.start < offsets[at].1
                })
                .map(|at| at as u16)
                .collect()
        };
        let words: Vec<Vec<u16>> = question
            .words
            .iter()
            .map(|word| pieces(&word.range))
            .collect();
        let mut pools = words.clone();
        for candidate in &question.candidates {
            let covered = words.get(candidate.words.clone()).unwrap_or_default();
            pools.push(covered.iter().flatten().copied().collect());
        }
        for pool in &mut pools {
            if pool.is_empty() {
                pool.push(0);
            }
        }
        Ok(QuestionPieces { ids, pools })
    }

    /// The pieces of all of a schema's item texts.
    pub fn schema(&self, schema: &Schema) -> Result<SchemaPieces, NetError> {
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut texts = Vec::new();
        let mut items = Vec::new();
        for (own, context) in crate::features::item_texts(schema) {
            let mut place = |text: String| -> Result<usize, NetError> {
                if let Some(&at) = known.get(&text) {
                    return Ok(at);
                }
                texts.push(self.text(&text, TEXT_PIECES)?);
                known.insert(text, texts.len() - 1);
                Ok(texts.len() - 1)
            };
            items.push((place(own)?, place(context)?));
        }
        Ok(SchemaPieces { texts, items })
    }
}
