//! What a JSON schema leaves open and readers of JSON do not: texts and numbers that never end, and powers of ten that
//! no number can hold. A small model that repeats itself is made to close them.

use llguidance::toktrie::{SimpleVob, TokTrie};

/// Bytes of a text after which it is closed where it may be.
const MOST_TEXT: usize = 6_000;
/// Digits of a number after which it is ended where it may be.
const MOST_DIGITS: usize = 32;

/// Tokens of a vocabulary by what they write.
pub(super) struct Signs {
    /// The quote alone.
    quote: Option<u32>,
    /// Those that begin with a digit.
    digits: SimpleVob,
    /// Those that begin with the sign of a power of ten.
    powers: SimpleVob,
    /// Those that have one behind a digit of their own.
    whole_powers: SimpleVob,
}

impl Signs {
    /// Of a vocabulary.
    pub(super) fn of(trie: &TokTrie) -> Self {
        let mut signs = Self {
            quote: None,
            digits: trie.alloc_token_set(),
            powers: trie.alloc_token_set(),
            whole_powers: trie.alloc_token_set(),
        };
        for id in 0..trie.vocab_size() as u32 {
            let bytes = trie.token(id);
            match bytes.first() {
                Some(b'"') if bytes.len() == 1 => signs.quote = Some(id),
                Some(b'0'..=b'9') => signs.digits.allow_token(id),
                Some(b'e' | b'E') => signs.powers.allow_token(id),
                _ => {}
            }
            if has_power(bytes) {
                signs.whole_powers.allow_token(id);
            }
        }
        signs
    }
}

/// Whether a digit or a point stands before the sign of a power, outside of texts.
fn has_power(bytes: &[u8]) -> bool {
    let outside = bytes.split(|&byte| byte == b'"').next().unwrap_or_default();
    outside
        .windows(2)
        .any(|two| matches!(two, [b'0'..=b'9' | b'.', b'e' | b'E']))
}

/// Where an answer stands in a text or a number.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience {
    place: Place,
    /// Bytes of the text, or digits of the number.
    length: usize,
    /// The byte before was a digit or a point of a number.
    in_number: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    Text,
    /// Behind a backslash in a text.
    Escape,
}

impl Patience {
    /// Goes on behind more of the answer.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match (self.place, byte) {
                (Place::Outside, b'"') => {
                    self.place = Place::Text;
                    self.length = 0;
                    self.in_number = false;
                }
                (Place::Outside, b'0'..=b'9') => {
                    self.length += 1;
                    self.in_number = true;
                }
                (Place::Outside, b'.') => self.in_number = true,
                (Place::Outside, _) => {
                    self.length = 0;
                    self.in_number = false;
                }
                (Place::Text, b'"') => {
                    self.place = Place::Outside;
                    self.length = 0;
                }
                (Place::Text, byte) => {
                    self.length += 1;
                    if byte == b'\\' {
                        self.place = Place::Escape;
                    }
                }
                (Place::Escape, _) => {
                    self.length += 1;
                    self.place = Place::Text;
                }
            }
        }
    }

    /// Takes out of a set what would go on for too long. It never takes all.
    pub(super) fn restrain(&self, mask: &mut SimpleVob, signs: &Signs) {
        match self.place {
            Place::Text => {
                if let Some(quote) = signs.quote
                    && self.length >= MOST_TEXT
                    && mask.is_allowed(quote)
                {
                    mask.set_all(false);
                    mask.allow_token(quote);
                }
            }
            Place::Escape => {}
            Place::Outside => {
                take_out(mask, &signs.whole_powers);
                if self.in_number {
                    take_out(mask, &signs.powers);
                    if self.length >= MOST_DIGITS {
                        take_out(mask, &signs.digits);
                    }
                }
            }
        }
    }
}

fn take_out(mask: &mut SimpleVob, tokens: &SimpleVob) {
    if mask.and_is_zero(tokens) {
        return;
    }
    let mut rest = mask.clone();
    rest.sub(tokens);
    if !rest.is_zero() {
        *mask = rest;
    }
}

#[cfg(test)]
mod tests {
    use llguidance::toktrie::{INVALID_TOKEN, TokRxInfo};

    use super::*;

    fn vocabulary() -> TokTrie {
        let words: Vec<Vec<u8>> = [
            "\"", "a", "1", "22", ".", "e", "e5", "1e9", ",", "}", "true", "\"1e5",
        ]
        .map(|word| word.as_bytes().to_vec())
        .to_vec();
        TokTrie::from(&TokRxInfo::new(words.len() as u32, INVALID_TOKEN), &words)
    }

    fn left(told: &str, offered: &[&str]) -> Vec<String> {
        let trie = vocabulary();
        let mut patience = Patience::default();
        patience.take(told.as_bytes());
        let mut mask = trie.alloc_token_set();
        for word in offered {
            mask.allow_token(trie.token_id(word.as_bytes()).expect("a token"));
        }
        patience.restrain(&mut mask, &Signs::of(&trie));
        mask.to_list()
            .into_iter()
            .map(|id| trie.token_str(id))
            .collect()
    }

    #[test]
    fn a_text_that_goes_on_is_closed() {
        let long = format!("{{\"k\": \"{}", "x".repeat(MOST_TEXT));
        assert_eq!(left(&long, &["a", "1", "\""]), ["\""]);
        assert_eq!(left(&long[..long.len() - 1], &["a", "1", "\""]).len(), 3);
        // Nothing is closed behind a backslash.
        assert_eq!(left(&format!("{long}\\"), &["a", "\""]).len(), 2);
        assert_eq!(left(&format!("{long}\", \"b"), &["a", "\""]).len(), 2);
    }

    #[test]
    fn a_number_ends_and_has_no_power() {
        let digits = "3".repeat(MOST_DIGITS);
        assert_eq!(left(&digits, &["1", "22", ",", "}"]), [",", "}"]);
        assert_eq!(left("333", &["1", "e", "e5", ","]), ["1", ","]);
        assert_eq!(
            left("[", &["1", "1e9", "true", "\"1e5"]),
            ["1", "true", "\"1e5"]
        );
        // What is within a text is none of it, and where nothing else fits it stands.
        assert_eq!(left("\"3", &["e5", "1e9"]).len(), 2);
        assert_eq!(left(&digits, &["1", "22"]).len(), 2);
        assert_eq!(left("tru", &["e", "a"]).len(), 2);
    }
}
