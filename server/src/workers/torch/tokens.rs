//! Text to tokens and back: the tokenizer, and turning a growing answer into text that never splits a character.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use tokenizers::Tokenizer;

use super::error::{ModelError, Result};
use crate::workers::grammar::{Pieces, of_byte_level, of_sentence_piece};

/// Ids beyond this are no model's.
const MOST_TOKENS: u32 = 4_000_000;

/// A model directory's tokenizer.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    /// Made when an answer is first held to a form.
    pieces: OnceLock<Arc<Pieces>>,
}

impl Tokens {
    /// Reads `tokenizer.json`. Padding and truncation that the file pins are dropped: both are the caller's business.
    pub(super) fn load(directory: &Path) -> Result<Self> {
        let path = directory.join("tokenizer.json");
        let bytes = std::fs::read(&path).map_err(|error| {
            let hint = if error.kind() == std::io::ErrorKind::NotFound {
                "there is no such file; a model needs its tokenizer in this form".to_owned()
            } else {
                error.to_string()
            };
            ModelError::file(&path, hint)
        })?;
        let mut tokenizer =
            Tokenizer::from_bytes(&bytes).map_err(|error| ModelError::file(&path, error))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| ModelError::file(&path, error))?;
        Ok(Self {
            tokenizer,
            pieces: OnceLock::new(),
        })
    }

    /// What each token writes.
    pub(super) fn pieces(&self) -> Arc<Pieces> {
        let pieces = self.pieces.get_or_init(|| Arc::new(self.spell_out()));
        Arc::clone(pieces)
    }

    fn spell_out(&self) -> Pieces {
        let added = self.tokenizer.get_added_tokens_decoder();
        // The decoder says how the vocabulary is written; it may be one of several in a row.
        let decoder = serde_json::to_string(&self.tokenizer.get_decoder()).unwrap_or_default();
        let is_byte_level = decoder.contains("\"ByteLevel\"");
        let vocabulary = self.tokenizer.get_vocab(true);
        // Ids may have gaps; a score beyond the last is no token's.
        let ids = vocabulary.values().filter(|id| **id < MOST_TOKENS);
        let count = ids.max().map_or(0, |last| *last as usize + 1);
        let mut tokens: Vec<Option<Vec<u8>>> = vec![None; count];
        for (token, id) in vocabulary {
            let Some(piece) = tokens.get_mut(id as usize) else {
                continue;
            };
            *piece = match added.get(&id) {
                Some(mark) if mark.special => None,
                Some(plain) => Some(plain.content.clone().into_bytes()),
                None if is_byte_level => of_byte_level(&token),
                None => Some(of_sentence_piece(&token)),
            };
        }
        Pieces::new(tokens)
    }

    /// Ids of a text. `marks` adds what the tokenizer puts around every text.
    pub(super) fn encode(&self, text: &str, marks: bool) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, marks).map_err(|error| {
            ModelError::Text(format!("the tokenizer refused the text: {error}"))
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The id of a token.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    fn decode(&self, ids: &[u32]) -> Result<String> {
        self.tokenizer.decode(ids, true).map_err(|error| {
            ModelError::Text(format!("the tokenizer cannot decode {ids:?}: {error}"))
        })
    }
}

/// Most tokens held back for a character that does not end.
const HELD: usize = 16;

/// Turns tokens into text as they come. A token may be part of a character, and how it reads may depend on the one
/// before it, so it is decoded together with what was told last and told once it is whole.
#[derive(Default)]
pub(super) struct Detokeniser {
    ids: Vec<u32>,
    /// Where the tokens begin that stand before the untold ones, for context.
    context: usize,
    /// Where the untold tokens begin.
    untold: usize,
}

impl Detokeniser {
    /// Takes a token; gives the text that is complete by now.
    pub(super) fn push(&mut self, tokens: &Tokens, id: u32) -> Result<String> {
        self.ids.push(id);
        let text = self.text(tokens)?;
        // The replacement character stands for bytes of a character whose rest has yet to come.
        if text.is_empty() || (text.ends_with('\u{FFFD}') && self.ids.len() - self.untold < HELD) {
            return Ok(String::new());
        }
        self.context = self.untold;
        self.untold = self.ids.len();
        Ok(text)
    }

    /// The rest, whole or not.
    pub(super) fn finish(&mut self, tokens: &Tokens) -> Result<String> {
        let text = self.text(tokens)?;
        self.untold = self.ids.len();
        Ok(text)
    }

    fn text(&self, tokens: &Tokens) -> Result<String> {
        let told = tokens.decode(&self.ids[self.context..self.untold])?;
        let all = tokens.decode(&self.ids[self.context..])?;
        Ok(all
            .strip_prefix(told.as_str())
            .or_else(|| all.get(told.len()..))
            .unwrap_or_default()
            .to_owned())
    }
}
