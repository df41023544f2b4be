//! Text to tokens and back: the tokenizer, and turning a growing answer into text that never splits a character.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, OnceLock},
};

use tokenizers::Tokenizer;

use super::{
    constraint::Grammars,
    error::{ModelError, Result},
};
use crate::workers::grammar::{Pieces, of_byte_level, of_sentence_piece};

/// Ids beyond this are no model's.
const MOST_TOKENS: u32 = 4_000_000;

/// A model directory's tokenizer.
pub(super) struct Tokens {
    tokenizer: Arc<Tokenizer>,
    /// The special tokens, which write nothing, and what they are called.
    marks: BTreeMap<u32, String>,
    /// The tokens that end an answer.
    ends: Vec<u32>,
    /// Made when first asked for, like all below: it takes a walk over the whole vocabulary.
    count: OnceLock<usize>,
    pieces: OnceLock<Pieces>,
    /// What answers are held to forms by, or why there is none.
    grammars: OnceLock<std::result::Result<Grammars, String>>,
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
        Ok(Self::of(tokenizer))
    }

    /// Over a tokenizer.
    pub(super) fn of(tokenizer: Tokenizer) -> Self {
        let marks = tokenizer
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, token)| token.special)
            .map(|(id, token)| (id, token.content))
            .collect();
        Self {
            tokenizer: Arc::new(tokenizer),
            marks,
            ends: Vec::new(),
            count: OnceLock::new(),
            pieces: OnceLock::new(),
            grammars: OnceLock::new(),
        }
    }

    /// The same, knowing which tokens end an answer: a form allows them where the answer may end, and nowhere else.
    pub(super) fn ending_with(mut self, ends: &[u32]) -> Self {
        self.ends = ends.to_vec();
        self
    }

    /// The tokens that end an answer.
    pub(super) fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The tokenizer itself.
    pub(super) fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Ids of a text. `marks` adds what the tokenizer puts around every text.
    pub(super) fn encode(&self, text: &str, marks: bool) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, marks).map_err(|error| {
            ModelError::Text(format!("the tokenizer refused the text: {error}"))
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Text of ids, without special tokens.
    pub(super) fn decode(&self, ids: &[u32]) -> Result<String> {
        self.tokenizer.decode(ids, true).map_err(|error| {
            ModelError::Text(format!("the tokenizer cannot decode {ids:?}: {error}"))
        })
    }

    /// The id of a token.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// One more than the highest id; there may be gaps below it.
    pub(super) fn count(&self) -> usize {
        *self.count.get_or_init(|| {
            let vocabulary = self.tokenizer.get_vocab(true);
            let ids = vocabulary.into_values().filter(|id| *id < MOST_TOKENS);
            ids.max().map_or(0, |last| last as usize + 1)
        })
    }

    /// Whether a token is a mark that writes nothing.
    pub(super) fn is_special(&self, id: u32) -> bool {
        self.marks.contains_key(&id)
    }

    /// What a special token is called.
    pub(super) fn mark(&self, id: u32) -> Option<&str> {
        self.marks.get(&id).map(String::as_str)
    }

    /// The bytes a token writes; nothing where it writes none or there is none of that id.
    pub(super) fn piece(&self, id: u32) -> Option<&[u8]> {
        self.pieces().of(id)
    }

    /// A token for people: its mark, or its text, in which bytes that are no whole character show as a replacement
    /// character.
    pub(super) fn name(&self, id: u32) -> String {
        match (self.mark(id), self.piece(id)) {
            (Some(mark), _) => mark.to_owned(),
            (None, Some(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            (None, None) => String::new(),
        }
    }

    /// What each token writes.
    pub(super) fn pieces(&self) -> &Pieces {
        self.pieces.get_or_init(|| self.spell_out())
    }

    /// What answers are held to forms by.
    ///
    /// # Errors
    /// [`ModelError::Text`] where this vocabulary is of a kind that cannot be.
    pub(super) fn grammars(&self) -> Result<&Grammars> {
        self.grammars
            .get_or_init(|| Grammars::of(self))
            .as_ref()
            .map_err(|reason| ModelError::Text(reason.clone()))
    }

    fn spell_out(&self) -> Pieces {
        let added = self.tokenizer.get_added_tokens_decoder();
        // The decoder says how the vocabulary is written; it may be one of several in a row.
        let decoder = serde_json::to_string(&self.tokenizer.get_decoder()).unwrap_or_default();
        let is_byte_level = decoder.contains("\"ByteLevel\"");
        // Ids may have gaps; a score beyond the last is no token's.
        let mut tokens: Vec<Option<Vec<u8>>> = vec![None; self.count()];
        for (token, id) in self.tokenizer.get_vocab(true) {
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
    /// Special tokens that are told by their names all the same.
    shown: Vec<u32>,
}

impl Detokeniser {
    /// One that tells some special tokens by their names: those that open calls of tools.
    pub(super) fn showing(marks: &[u32]) -> Self {
        Self {
            shown: marks.to_vec(),
            ..Self::default()
        }
    }

    /// Takes a token; gives the text that is complete by now.
    pub(super) fn push(&mut self, tokens: &Tokens, id: u32) -> Result<String> {
        if self.shown.contains(&id)
            && let Some(mark) = tokens.mark(id)
        {
            // Nothing goes together over a mark.
            let text = self.finish(tokens)? + mark;
            self.context = self.untold;
            return Ok(text);
        }
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
