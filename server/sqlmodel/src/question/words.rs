//! From text to words: where they are cut, how they are folded, and which carry no meaning.

mod reach;

use std::{borrow::Cow, collections::HashSet, ops::Range, sync::LazyLock};

use regex::Regex;
use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use self::reach::{address, after_sign, number_end, punctuation, word_end};
use super::Word;

/// A question cut into words, with what the words alone do not say.
#[derive(Debug, Default)]
pub(super) struct Cut {
    pub(super) words: Vec<Word>,
    /// Per word: begins a sentence, so a capital says nothing.
    pub(super) starts: Vec<bool>,
    /// Bytes between quotation marks.
    pub(super) quotes: Vec<Range<usize>>,
    /// Per word: [`fold`]ed; empty for punctuation.
    pub(super) folds: Vec<String>,
}

/// Dates written in one piece; they would otherwise be cut at the separators.
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\A(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|\d{4}[-/]\d{1,2}|\d{1,2}/\d{4})\b",
    )
    .expect("the pattern is valid")
});

const STOPWORDS: &str = "a about above across after again all also am an and any anybody anyone anything are as at \
    be because been before being below between both but by can could did do does doing done don't during each either \
    else every everybody everyone everything few for from get gets give given got had has have having he her here \
    hers him his how however i if in into is it its just let list like me might mine more most much must my need no \
    nobody none nor not nothing of off on once one only or other others our out over own per please same shall she \
    should show since so some somebody someone something still such tell than that the their theirs them then there \
    these they this those through to too under until up upon us very want was we were what whatever when where \
    whether which while who whom whose why will with within without would yet you your 's 't";

static STOPWORD_SET: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| STOPWORDS.split_whitespace().collect());

/// Whether a lower-case word is too common to mean a thing of the database by itself.
pub(crate) fn is_stopword(lower: &str) -> bool {
    STOPWORD_SET.contains(lower)
}

/// Plurals and verb forms the stemmer does not know.
pub(super) const IRREGULAR: &[(&str, &str)] = &[
    ("bought", "buy"),
    ("children", "child"),
    ("criteria", "criterion"),
    ("feet", "foot"),
    ("flew", "fly"),
    ("flown", "fly"),
    ("halves", "half"),
    ("indices", "index"),
    ("knives", "knife"),
    ("leaves", "leaf"),
    ("lent", "lend"),
    ("lost", "lose"),
    ("made", "make"),
    ("men", "man"),
    ("mice", "mouse"),
    ("paid", "pay"),
    ("people", "person"),
    ("sent", "send"),
    ("shelves", "shelf"),
    ("sold", "sell"),
    ("spent", "spend"),
    ("taught", "teach"),
    ("teeth", "tooth"),
    ("wives", "wife"),
    ("women", "woman"),
    ("won", "win"),
    ("written", "write"),
    ("wrote", "write"),
];

/// The stem of a lower-case word; words with digits and punctuation stay as they are.
pub(crate) fn stem(lower: &str) -> String {
    static STEMMER: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));
    if lower.len() < 3 || lower.bytes().any(|b| b.is_ascii_digit()) {
        return lower.to_owned();
    }
    let regular = match IRREGULAR.binary_search_by_key(&lower, |entry| entry.0) {
        Ok(at) => IRREGULAR[at].1,
        Err(_) => lower,
    };
    match STEMMER.stem(regular) {
        Cow::Borrowed(stem) => stem.to_owned(),
        Cow::Owned(stem) => stem,
    }
}

/// Lower case without accents, spaces and punctuation; `&` reads "and". Equal folds are equal to a person.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

pub(crate) fn fold_into(text: &str, out: &mut String) {
    if text.is_ascii() {
        for b in text.bytes() {
            if b.is_ascii_alphanumeric() {
                out.push(b.to_ascii_lowercase() as char);
            } else if b == b'&' {
                out.push_str("and");
            }
        }
        return;
    }
    for ch in text.nfd() {
        match ch {
            '&' => out.push_str("and"),
            'ß' => out.push_str("ss"),
            'æ' | 'Æ' => out.push_str("ae"),
            'œ' | 'Œ' => out.push_str("oe"),
            'ø' | 'Ø' => out.push('o'),
            'ł' | 'Ł' => out.push('l'),
            'đ' | 'Đ' => out.push('d'),
            'ı' => out.push('i'),
            _ if is_combining_mark(ch) => {}
            _ if ch.is_alphanumeric() => out.extend(ch.to_lowercase()),
            _ => {}
        }
    }
}

fn is_currency(ch: char) -> bool {
    matches!(ch, '€' | '$' | '£' | '¥' | '₹')
}

fn is_apostrophe(ch: char) -> bool {
    matches!(ch, '\'' | '’' | '‘' | 'ʼ')
}

fn is_word_char(ch: char) -> bool {
    ch.is_alphanumeric() || is_combining_mark(ch)
}

/// Cuts a question into words. Sentence ends and quotation marks are no words; they are remembered.
pub(super) fn cut(text: &str) -> Cut {
    let mut cut = Cut {
        quotes: quotes(text),
        ..Cut::default()
    };
    let mut sentence_start = true;
    let mut at = 0;
    while let Some(ch) = text[at..].chars().next() {
        let rest = &text[at..];
        let previous = text[..at].chars().next_back();
        let next = rest[ch.len_utf8()..].chars().next();
        let free = previous.is_none_or(|p| !is_word_char(p));
        let end = if ch.is_whitespace() {
            at += ch.len_utf8();
            continue;
        } else if free && let Some(length) = address(rest) {
            at + length
        } else if free && let Some(found) = DATE.find(rest) {
            at + found.end()
        } else if ch.is_ascii_digit() {
            number_end(text, at)
        } else if (is_currency(ch) || (ch == '-' || ch == '−') && free && previous != Some(')'))
            && after_sign(rest).is_some()
        {
            number_end(text, at + after_sign(rest).unwrap_or(0))
        } else if is_word_char(ch) {
            word_end(text, at)
        } else if is_apostrophe(ch)
            && previous.is_some_and(is_word_char)
            && matches!(next, Some('s' | 'S'))
            && rest[ch.len_utf8() + 1..]
                .chars()
                .next()
                .is_none_or(|c| !is_word_char(c))
        {
            at + ch.len_utf8() + 1
        } else {
            let (length, kept) = punctuation(rest, previous, next);
            // Q1-2024 is one date, no range.
            let after_number = cut
                .words
                .last()
                .is_some_and(|w| w.text.starts_with(|c: char| c.is_ascii_digit()));
            let kept = kept && (ch != '-' || after_number || next.is_none_or(char::is_whitespace));
            if matches!(ch, '.' | '!' | '?' | ':' | '\n') {
                sentence_start = true;
            }
            if !kept {
                at += length;
                continue;
            }
            at + length
        };
        push(&mut cut, text, at..end, sentence_start);
        sentence_start = false;
        at = end;
    }
    cut
}

fn push(cut: &mut Cut, text: &str, range: Range<usize>, starts: bool) {
    let piece = &text[range.clone()];
    let lower = piece.to_lowercase().replace(['’', '‘', 'ʼ'], "'");
    let stem = stem(&lower);
    cut.folds.push(fold(piece));
    cut.starts.push(starts);
    cut.words.push(Word {
        text: piece.to_owned(),
        lower,
        stem,
        range,
    });
}

/// Byte ranges between quotation marks, marks excluded.
fn quotes(text: &str) -> Vec<Range<usize>> {
    const LONGEST: usize = 120;
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut skip = 0;
    for (at, ch) in text.char_indices() {
        if at < skip {
            continue;
        }
        let closing: &[char] = match ch {
            '"' => &['"'],
            '“' | '„' => &['”', '“'],
            '«' => &['»'],
            '`' => &['`'],
            '\'' => &['\''],
            '‘' | '‚' => &['’', '‘'],
            _ => continue,
        };
        let single = closing.iter().any(|&c| is_apostrophe(c));
        let previous = text[..at].chars().next_back();
        if single && previous.is_some_and(|p| is_word_char(p) || is_apostrophe(p)) {
            continue;
        }
        let start = at + ch.len_utf8();
        let close = text[start..].char_indices().find(|&(offset, c)| {
            let after = text[start + offset + c.len_utf8()..].chars().next();
            closing.contains(&c) && (!single || after.is_none_or(|a| !is_word_char(a)))
        });
        if let Some((offset, c)) = close
            && (1..=LONGEST).contains(&offset)
            && !text[start..start + offset].trim().is_empty()
        {
            found.push(start..start + offset);
            skip = start + offset + c.len_utf8();
        }
    }
    found
}
