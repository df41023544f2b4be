//! A place among tokens that moves on when what is looked for stands there.

use sqlparser::{
    ast::{Ident, ObjectName},
    tokenizer::{Span, Token, Word},
};

use super::plain;

pub(super) struct Cursor<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self { tokens, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    pub(super) fn token(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    /// The plain word that stands here, lower case.
    pub(super) fn word(&self) -> Option<String> {
        self.token().and_then(plain)
    }

    /// Moves over all of these plain words, or not at all.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let stand = words.iter().enumerate().all(|(nth, word)| {
            self.tokens
                .get(self.at + nth)
                .and_then(plain)
                .is_some_and(|found| found == *word)
        });
        if stand {
            self.at += words.len();
        }
        stand
    }

    pub(super) fn sign(&mut self, sign: &Token) -> bool {
        let stands = self.token() == Some(sign);
        self.at += usize::from(stands);
        stands
    }

    pub(super) fn any_word(&mut self) -> bool {
        let stands = self.word().is_some();
        self.at += usize::from(stands);
        stands
    }

    /// A name of up to three parts.
    pub(super) fn name(&mut self) -> Option<ObjectName> {
        let mut parts = Vec::new();
        loop {
            let Some(Token::Word(Word {
                value, quote_style, ..
            })) = self.token()
            else {
                return None;
            };
            parts.push(Ident {
                value: value.clone(),
                quote_style: *quote_style,
                span: Span::empty(),
            });
            self.at += 1;
            if parts.len() == 3 || !self.sign(&Token::Period) {
                return Some(ObjectName::from(parts));
            }
        }
    }

    /// A plain string, if one stands here.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        match self.token() {
            Some(Token::SingleQuotedString(text) | Token::DoubleQuotedString(text)) => {
                self.at += 1;
                Some(text)
            }
            _ => None,
        }
    }

    /// `[[NOT] LIKE 'x']`.
    pub(super) fn like(&mut self) {
        let from = self.at;
        self.take(&["not"]);
        if !((self.take(&["like"]) || self.take(&["ilike"])) && self.text().is_some()) {
            self.at = from;
        }
    }

    /// `name = number`, as EXPLAIN takes in ClickHouse.
    pub(super) fn setting(&mut self) -> bool {
        let stands = matches!(
            self.tokens.get(self.at..self.at + 3),
            Some([Token::Word(_), Token::Eq, Token::Number(..)])
        );
        self.at += if stands { 3 } else { 0 };
        stands
    }
}
