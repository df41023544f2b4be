//! A model's tokens as the grammar engine wants them: by their bytes, in a tree, with the tokenizer beside it.

use std::sync::Arc;

use llguidance::toktrie::{INVALID_TOKEN, SimpleVob, TokRxInfo, TokTrie, TokenId, TokenizerEnv};
use serde_json::Value;
use tokenizers::{Tokenizer, normalizers::NormalizerWrapper, pre_tokenizers::PreTokenizerWrapper};

use super::{super::tokens::Tokens, patience::Signs};

/// Longest token that can be written by a grammar; the tree goes no deeper.
const LONGEST: usize = 1_000;

/// What a tokenizer has to give back to the byte if tokens are to be forced by it.
const SAMPLES: [&str; 4] = [
    "{\"name\": \"",
    " true, \"a b\": [1, -2.5], null}",
    "aé日本 😀",
    "\n  x_1 <b>",
];

/// The tokens of one model.
pub(super) struct Vocabulary {
    trie: TokTrie,
    /// Takes a text as the middle of another: puts nothing in front of it.
    tokenizer: Arc<Tokenizer>,
    is_canonical: bool,
    signs: Signs,
}

impl Vocabulary {
    /// Over a model's tokens.
    pub(super) fn of(tokens: &Tokens) -> Result<Self, String> {
        let count = u32::try_from(tokens.count()).unwrap_or(0);
        if count == 0 {
            return Err("its tokenizer has no tokens".to_owned());
        }
        let words: Vec<Vec<u8>> = (0..count).map(|id| word(tokens, id)).collect();
        // The engine knows of no end: whether one is allowed is decided beside it, by whoever knows the ends.
        let trie = TokTrie::from(&TokRxInfo::new(count, INVALID_TOKEN), &words);
        let signs = Signs::of(&trie);
        let mut vocabulary = Self {
            trie,
            tokenizer: continuing(tokens.tokenizer()),
            is_canonical: false,
            signs,
        };
        vocabulary.is_canonical = SAMPLES
            .into_iter()
            .all(|text| vocabulary.encode(text).is_some());
        Ok(vocabulary)
    }

    /// The tree of tokens.
    pub(super) fn trie(&self) -> &TokTrie {
        &self.trie
    }

    /// Tokens by what they write, where that matters.
    pub(super) fn signs(&self) -> &Signs {
        &self.signs
    }

    /// A set of no tokens.
    pub(super) fn none(&self) -> SimpleVob {
        self.trie.alloc_token_set()
    }

    /// The bytes a token writes; nothing where it writes none.
    pub(super) fn writes(&self, token: u32) -> Option<&[u8]> {
        let bytes = self.trie.token(token);
        let is_text = !bytes.is_empty() && !self.trie.is_special_token(token);
        // A byte-level vocabulary has a token for the byte that marks special ones.
        (is_text || bytes == [TokTrie::SPECIAL_TOKEN_MARKER]).then_some(bytes)
    }

    /// The tokenizer's own tokens of a text; nothing where they do not write it to the byte.
    fn encode(&self, text: &str) -> Option<Vec<TokenId>> {
        let encoding = self.tokenizer.encode_fast(text, false).ok()?;
        let ids = encoding.get_ids();
        let mut rest = text.as_bytes();
        for &id in ids {
            let bytes = self.writes(id)?;
            rest = rest.strip_prefix(bytes)?;
        }
        rest.is_empty().then(|| ids.to_vec())
    }
}

impl TokenizerEnv for Vocabulary {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            // A text that reads like a special token, say, is spelt out.
            self.encode(text)
                .unwrap_or_else(|| self.trie.greedy_tokenize(text.as_bytes()))
        })
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.is_canonical
    }
}

/// A token's bytes as the engine spells them: a special one is its name behind a mark.
fn word(tokens: &Tokens, id: u32) -> Vec<u8> {
    if let Some(mark) = tokens.mark(id) {
        if mark.is_empty() || mark.len() > LONGEST {
            return Vec::new();
        }
        let mut word = vec![TokTrie::SPECIAL_TOKEN_MARKER];
        word.extend_from_slice(mark.as_bytes());
        return word;
    }
    tokens
        .piece(id)
        .filter(|bytes| bytes.len() <= LONGEST)
        .map(<[u8]>::to_vec)
        .unwrap_or_default()
}

/// The tokenizer, less what it puts in front of a text: what is forced goes on with one.
fn continuing(tokenizer: &Arc<Tokenizer>) -> Arc<Tokenizer> {
    let normalizer = serde_json::to_value(tokenizer.get_normalizer()).unwrap_or_default();
    let splitter = serde_json::to_value(tokenizer.get_pre_tokenizer()).unwrap_or_default();
    let (bare_normalizer, bare_splitter) = (bare(normalizer.clone()), bare(splitter.clone()));
    if bare_normalizer == normalizer && bare_splitter == splitter {
        return Arc::clone(tokenizer);
    }
    let normalizer: Result<Option<NormalizerWrapper>, _> = serde_json::from_value(bare_normalizer);
    let splitter: Result<Option<PreTokenizerWrapper>, _> = serde_json::from_value(bare_splitter);
    let (Ok(normalizer), Ok(splitter)) = (normalizer, splitter) else {
        return Arc::clone(tokenizer);
    };
    let mut changed = Tokenizer::clone(tokenizer);
    if changed.with_normalizer(normalizer).is_err() {
        return Arc::clone(tokenizer);
    }
    changed.with_pre_tokenizer(splitter);
    Arc::new(changed)
}

/// A step of a tokenizer without what it puts in front; null where it does nothing else.
fn bare(mut step: Value) -> Value {
    match step.get("type").and_then(Value::as_str) {
        Some("Prepend") => return Value::Null,
        Some("Metaspace") => step["prepend_scheme"] = "never".into(),
        Some("ByteLevel") if step.get("add_prefix_space").is_some() => {
            step["add_prefix_space"] = false.into();
        }
        Some("Sequence") => {
            for list in ["normalizers", "pretokenizers"] {
                if let Some(steps) = step.get_mut(list).and_then(Value::as_array_mut) {
                    let bared = std::mem::take(steps).into_iter().map(bare);
                    *steps = bared.filter(|step| !step.is_null()).collect();
                }
            }
        }
        _ => {}
    }
    step
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_put_in_front_of_what_goes_on() {
        let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false});
        assert_eq!(bare(metaspace)["prepend_scheme"], "never");
        let list = json!({"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "NFC"},
        ]});
        assert_eq!(bare(list)["normalizers"], json!([{"type": "NFC"}]));
        assert_eq!(
            bare(json!({"type": "Prepend", "prepend": "▁"})),
            Value::Null
        );
        let untouched = json!({"type": "NFC"});
        assert_eq!(bare(untouched.clone()), untouched);
        assert_eq!(bare(Value::Null), Value::Null);
    }
}
