//! Texts to tokens: marks, pairs, prompts, and what is cut where a text is longer than the window.

use std::path::Path;

use tokenizers::{Encoding, PostProcessor as _, TruncationParams, truncate_encodings};

use super::shape::{Family, Shape};
use crate::workers::torch::{
    error::{ModelError, Result},
    files::fields::Fields,
    tokens::Tokens,
};

/// A text as the encoder takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    /// Tokens with marks; never empty.
    pub(super) ids: Vec<u32>,
    /// The type of each token; empty where all are 0.
    pub(super) types: Vec<u32>,
    /// So many tokens at the start have no part in the pooled vector.
    pub(super) skip: usize,
}

/// What is put before texts, and how much of it is left out of the pooled vector.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefix {
    text: String,
    skip: usize,
}

/// A query that documents are paired with.
#[derive(Debug)]
pub(super) struct Query(Encoding);

/// The tokenizer with what a model says of its texts.
pub(in crate::workers::torch) struct Texts {
    tokens: Tokens,
    window: usize,
    has_types: bool,
    types: usize,
    is_lowercased: bool,
}

impl Texts {
    /// Reads a directory's tokenizer. `published` is the window of a directory that does not say its own, `most` what
    /// the configuration allows.
    ///
    /// # Errors
    /// Says which figures contradict: the tokenizer's and the embedding table's, or the window and the marks.
    pub(super) fn load(
        directory: &Path,
        shape: &Shape,
        published: Option<i64>,
        most: Option<usize>,
    ) -> Result<Self> {
        let sentence = Fields::read_if_present(&directory.join("sentence_bert_config.json"))?;
        let is_lowercased = match &sentence {
            Some(fields) => fields.flag("do_lower_case", false)?,
            None => false,
        };
        if let Some(most) = most.filter(|&most| most > shape.window) {
            return Err(ModelError::Text(format!(
                "context_length is {most}, but the model reads {} tokens of a text; lower it, or leave it out",
                shape.window
            )));
        }
        let window = window(directory, sentence.as_ref(), shape.window, published)?;
        let texts = Self {
            tokens: Tokens::load(directory)?,
            window: most.map_or(window, |most| window.min(most)),
            has_types: shape.family == Family::Bert && shape.types > 0,
            types: shape.types,
            is_lowercased,
        };
        let count = texts.tokens.count();
        if count > shape.vocabulary {
            return Err(ModelError::file(
                &directory.join("tokenizer.json"),
                format!(
                    "has tokens up to {}, but config.json says vocab_size {}; the two do not belong together",
                    count - 1,
                    shape.vocabulary
                ),
            ));
        }
        if texts.window <= texts.marks(false) {
            return Err(ModelError::Text(format!(
                "a text may have {} tokens, of which marks take {}; raise max_seq_length in \
                 sentence_bert_config.json, or context_length in the configuration",
                texts.window,
                texts.marks(false)
            )));
        }
        Ok(texts)
    }

    /// Longest text in tokens, marks included.
    pub(in crate::workers::torch) fn window(&self) -> usize {
        self.window
    }

    /// What stands before texts. Where `is_pooled` is false, its tokens have no part in their vectors.
    pub(super) fn prefix(&self, text: &str, is_pooled: bool) -> Result<Prefix> {
        let mut skip = 0;
        if !is_pooled && !text.is_empty() {
            let encoded = self.cut(self.plain(text)?, None)?;
            skip = encoded.len();
            // The end mark of the prompt alone stands behind the text when both go together.
            let last = encoded.get_ids().last();
            if last.is_some_and(|&last| self.tokens.is_special(last)) {
                skip -= 1;
            }
        }
        Ok(Prefix {
            text: text.to_owned(),
            skip,
        })
    }

    /// One text, behind its prefix.
    pub(super) fn one(&self, text: &str, prefix: &Prefix) -> Result<Encoded> {
        let plain = if prefix.text.is_empty() {
            self.plain(text)?
        } else {
            self.plain(&format!("{}{text}", prefix.text))?
        };
        let encoded = self.cut(plain, None)?;
        self.finish(&encoded, prefix.skip)
    }

    /// A query to be paired with documents, or how many tokens it has where no document fits beside it.
    pub(super) fn query(&self, text: &str) -> Result<std::result::Result<Query, usize>> {
        let query = self.plain(text)?;
        let count = query.len();
        Ok(if count < self.room() {
            Ok(Query(query))
        } else {
            Err(count)
        })
    }

    /// Tokens that a query and a document may have together.
    pub(super) fn room(&self) -> usize {
        self.window.saturating_sub(self.marks(true))
    }

    /// A query and a document in the tokenizer's template for pairs. The longer of the two is cut first.
    pub(super) fn pair(&self, query: &Query, document: &str) -> Result<Encoded> {
        let document = self.plain(document)?;
        let encoded = self.cut(query.0.clone(), Some(document))?;
        self.finish(&encoded, 0)
    }

    /// Tokens that the tokenizer's template adds.
    fn marks(&self, is_pair: bool) -> usize {
        self.tokens
            .tokenizer()
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(is_pair))
    }

    /// Tokens of a text alone. White space around it is not part of it, as sentence-transformers has it.
    fn plain(&self, text: &str) -> Result<Encoding> {
        let text = text.trim();
        let tokenizer = self.tokens.tokenizer();
        let encoded = if self.is_lowercased {
            tokenizer.encode_fast(text.to_lowercase(), false)
        } else {
            tokenizer.encode_fast(text, false)
        };
        encoded.map_err(|error| refused(&error))
    }

    /// Cuts to the window and adds the marks.
    fn cut(&self, first: Encoding, second: Option<Encoding>) -> Result<Encoding> {
        let is_pair = second.is_some();
        let params = TruncationParams {
            max_length: self.window.saturating_sub(self.marks(is_pair)),
            ..TruncationParams::default()
        };
        let (mut first, mut second) =
            truncate_encodings(first, second, &params).map_err(|error| refused(&error))?;
        // What was cut off is kept beside what is left, and would be given its marks too.
        first.take_overflowing();
        if let Some(second) = &mut second {
            second.take_overflowing();
        }
        self.tokens
            .tokenizer()
            .post_process(first, second, true)
            .map_err(|error| refused(&error))
    }

    fn finish(&self, encoded: &Encoding, skip: usize) -> Result<Encoded> {
        let ids = encoded.get_ids().to_vec();
        if ids.is_empty() {
            return Err(ModelError::Text(
                "the tokenizer adds no marks, so an empty text has no tokens".to_owned(),
            ));
        }
        let types = if self.has_types && encoded.get_type_ids().iter().any(|&kind| kind != 0) {
            encoded.get_type_ids().to_vec()
        } else {
            Vec::new()
        };
        if let Some(kind) = types.iter().find(|&&kind| kind as usize >= self.types) {
            return Err(ModelError::Text(format!(
                "the tokenizer's template has tokens of type {kind}, but config.json says type_vocab_size {}; the two \
                 do not belong together",
                self.types
            )));
        }
        Ok(Encoded { ids, types, skip })
    }
}

fn refused(error: &impl std::fmt::Display) -> ModelError {
    ModelError::Text(format!("the tokenizer refused the text: {error}"))
}

/// Longest text in tokens; the rest of longer ones is not read. As sentence-transformers has it: what
/// `sentence_bert_config.json` says, else what the tokenizer was made for, and never more than the positions.
fn window(
    directory: &Path,
    sentence: Option<&Fields>,
    positions: usize,
    published: Option<i64>,
) -> Result<usize> {
    let said = match sentence {
        Some(fields) => fields.count_if_present("max_seq_length")?,
        None => None,
    };
    if let Some(said) = said.or(published) {
        return Ok(positions.min(said.max(1) as usize));
    }
    let tokenizer = match Fields::read_if_present(&directory.join("tokenizer_config.json"))? {
        // A tokenizer without a limit says 1e30, which is no whole number here.
        Some(fields) => fields.number_if_present("model_max_length")?,
        None => None,
    };
    Ok(tokenizer
        .filter(|most| (1.0..positions as f64).contains(most))
        .map_or(positions, |most| most as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window of a directory with these files, over 512 positions.
    fn window_of(files: &[(&str, &str)], published: Option<i64>) -> usize {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("writable");
        }
        let path = directory.path().join("sentence_bert_config.json");
        let sentence = Fields::read_if_present(&path).expect("JSON");
        window(directory.path(), sentence.as_ref(), 512, published).expect("the files can be read")
    }

    #[test]
    fn the_window_is_what_the_sentence_config_says_up_to_the_positions() {
        let said = |length: &str| {
            let config = format!("{{\"max_seq_length\": {length}, \"do_lower_case\": false}}");
            window_of(
                &[
                    ("sentence_bert_config.json", config.as_str()),
                    ("tokenizer_config.json", "{\"model_max_length\": 128}"),
                ],
                Some(256),
            )
        };
        assert_eq!(said("384"), 384);
        assert_eq!(said("8192"), 512);
        assert_eq!(said("null"), 256);
    }

    #[test]
    fn without_a_sentence_config_the_window_is_as_published_else_the_tokenizers() {
        let tokenizer = |most: &str| format!("{{\"model_max_length\": {most}}}");
        assert_eq!(window_of(&[], Some(256)), 256);
        assert_eq!(window_of(&[], None), 512);
        for (most, wanted) in [("128", 128), ("1e30", 512), ("4096", 512)] {
            let config = tokenizer(most);
            assert_eq!(
                window_of(&[("tokenizer_config.json", config.as_str())], None),
                wanted,
                "{most}"
            );
        }
    }

    const TOKENIZER: &str = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [
        {"id": 0, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true},
        {"id": 1, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 1], "cls": ["[CLS]", 0]},
        "decoder": null, "model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab":
        {"[CLS]": 0, "[SEP]": 1, "[UNK]": 2, "a": 3, "b": 4, "c": 5, "d": 6}}}"#;

    fn texts(sentence: &str) -> Texts {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let config = r#"{"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 8, "max_position_embeddings": 16, "vocab_size": 7, "type_vocab_size": 2}"#;
        for (name, text) in [
            ("config.json", config),
            ("tokenizer.json", TOKENIZER),
            ("sentence_bert_config.json", sentence),
        ] {
            std::fs::write(directory.path().join(name), text).expect("writable");
        }
        let shape = Shape::read(directory.path()).expect("known");
        Texts::load(directory.path(), &shape, None, None).expect("loads")
    }

    #[test]
    fn a_long_text_is_cut_before_its_end_mark() {
        let texts = texts(r#"{"max_seq_length": 4, "do_lower_case": true}"#);
        let encoded = texts
            .one("  A b c d ", &Prefix::default())
            .expect("encodes");
        assert_eq!(encoded.ids, [0, 3, 4, 1]);
        assert!(encoded.types.is_empty());
        let empty = texts.one("", &Prefix::default()).expect("encodes");
        assert_eq!(empty.ids, [0, 1]);
    }

    #[test]
    fn of_a_pair_the_longer_text_is_cut_first() {
        let texts = texts(r#"{"max_seq_length": 7}"#);
        let query = texts.query("a b").expect("encodes").expect("fits");
        let pair = texts.pair(&query, "c d c d").expect("encodes");
        assert_eq!(pair.ids, [0, 3, 4, 1, 5, 6, 1]);
        assert_eq!(pair.types, [0, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_query_that_leaves_no_room_for_a_document_is_told_with_its_length() {
        let texts = texts(r#"{"max_seq_length": 7}"#);
        assert!(texts.query("a b c").expect("encodes").is_ok());
        assert_eq!(texts.query("a b c d").expect("encodes").err(), Some(4));
    }

    #[test]
    fn a_prompt_can_be_left_out_of_the_pooled_vector() {
        let texts = texts("{}");
        let prefix = texts.prefix("a b: ", false).expect("encodes");
        let encoded = texts.one("c", &prefix).expect("encodes");
        // The mark, the prompt's two words and its colon, which is no word that is known.
        assert_eq!(
            (encoded.ids.as_slice(), encoded.skip),
            ([0, 3, 4, 2, 5, 1].as_slice(), 4)
        );
        let pooled = texts.prefix("a b: ", true).expect("encodes");
        assert_eq!(texts.one("c", &pooled).expect("encodes").skip, 0);
    }

    #[test]
    fn a_tokenizer_with_more_tokens_than_the_table_has_rows_is_refused() {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        std::fs::write(directory.path().join("tokenizer.json"), TOKENIZER).expect("writable");
        let config = r#"{"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 8, "max_position_embeddings": 16, "vocab_size": 5}"#;
        std::fs::write(directory.path().join("config.json"), config).expect("writable");
        let shape = Shape::read(directory.path()).expect("known");
        let Err(error) = Texts::load(directory.path(), &shape, None, None) else {
            panic!("the two do not belong together")
        };
        let error = error.to_string();
        assert!(
            error.contains("up to 6") && error.contains("vocab_size 5"),
            "{error}"
        );
    }
}
