//! From text to words: where they are cut, how they are folded, and which carry no meaning.

use std::{borrow::Cow, collections::HashSet, ops::Range, sync::LazyLock};

use regex::Regex;
use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

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

/// Top-level names common enough to tell an address from two sentences run together.
const TOP_LEVELS: &[&str] = &[
    "biz", "ch", "co", "com", "de", "edu", "es", "eu", "example", "fr", "gov", "info", "io", "it",
    "net", "nl", "org", "uk",
];

/// Length of an e-mail or web address at the start of `rest`.
fn address(rest: &str) -> Option<usize> {
    let token = rest
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '(' | ')'))
        .next()?;
    let token = token.trim_end_matches(['.', '?', '!', ':', '\'', '’', '”', '»']);
    let mail = token.split_once('@').is_some_and(|(user, host)| {
        let plain = |s: &str| {
            s.chars()
                .all(|c| c.is_alphanumeric() || "._+%-".contains(c))
        };
        !user.is_empty() && host.contains('.') && plain(user) && plain(host)
    });
    let web = token.contains("://") || token.starts_with("www.");
    // "@mail.example", ".org", "shop.example.com": ends of addresses people search by.
    let part = token.strip_prefix(['@', '.']);
    let labels: Vec<&str> = part.unwrap_or(token).split('.').collect();
    let domain = labels
        .iter()
        .all(|l| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || c == '-'))
        && labels
            .last()
            .is_some_and(|l| l.chars().all(char::is_alphabetic))
        && (part.is_some()
            || (labels.len() > 1
                && labels
                    .last()
                    .is_some_and(|l| TOP_LEVELS.contains(&l.to_lowercase().as_str()))));
    let web = web || domain;
    (mail || web).then_some(token.len())
}

/// Bytes of sign and currency before a digit, in either order (`-$5`, `$-5`).
fn after_sign(rest: &str) -> Option<usize> {
    let mut length = 0;
    for ch in rest.chars().take(4) {
        if ch.is_ascii_digit() {
            return Some(length);
        }
        if !is_currency(ch) && !matches!(ch, '-' | '−' | ' ') {
            return None;
        }
        if ch == ' ' && !rest[..length].chars().next_back().is_some_and(is_currency) {
            return None;
        }
        length += ch.len_utf8();
    }
    None
}

/// End of the number that starts at `at` (a digit), with groups, decimals, suffix and unit.
fn number_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let mut end = at + digits(at);
    let in_list = at >= 2 && bytes[at - 1] == b',' && bytes[at - 2].is_ascii_digit();
    let mut commas = 0;
    while let Some(&separator) = bytes.get(end) {
        let run = digits(end + 1);
        let takes = match separator {
            b'.' => run > 0,
            b'\'' => run == 3,
            // Three digits are a group; one or two a decimal, unless a list goes on (1,2,3).
            b',' => {
                run == 3
                    || (commas == 0
                        && !in_list
                        && (1..=2).contains(&run)
                        && bytes.get(end + 1 + run) != Some(&b','))
            }
            _ => false,
        };
        if !takes {
            break;
        }
        commas += usize::from(separator == b',');
        end += 1 + run;
    }
    for ch in text[end..].chars() {
        if !(is_word_char(ch) || is_currency(ch) || matches!(ch, '%' | '+' | '°')) {
            break;
        }
        end += ch.len_utf8();
    }
    end
}

/// End of the word that starts at `at`, which is a letter.
fn word_end(text: &str, at: usize) -> usize {
    let run = |from: usize| -> usize {
        text[from..]
            .chars()
            .take_while(|&c| is_word_char(c))
            .map(char::len_utf8)
            .sum()
    };
    let mut end = at + run(at);
    // Codes such as INV-2024-001 stay whole; other hyphens separate words.
    let mut code_end = end;
    while text[code_end..].starts_with('-') && run(code_end + 1) > 0 {
        code_end += 1 + run(code_end + 1);
    }
    let code = &text[at..code_end];
    let quarter = |part: &str| {
        part.len() == 2 && part.starts_with(['Q', 'H']) && part.ends_with(['1', '2', '3', '4'])
    };
    if code.contains('-')
        && code.chars().any(|c| c.is_ascii_digit())
        && !code.chars().any(char::is_lowercase)
        && !code.split('-').any(quarter)
    {
        return code_end;
    }
    loop {
        let mut rest = text[end..].chars();
        let (joint, next) = (rest.next(), rest.next());
        let Some(joint) = joint else { break };
        let tail = run(end + joint.len_utf8());
        let possessive = tail == 1 && matches!(next, Some('s' | 'S'));
        let joins = tail > 0
            && ((is_apostrophe(joint) && !possessive && next.is_some_and(char::is_alphabetic))
                || (joint == '&' && text[at..end].len() <= 3));
        if !joins {
            break;
        }
        end += joint.len_utf8() + tail;
    }
    // C++, C#
    let tail = &text[end..];
    let marks = tail.len() - tail.trim_start_matches(['+', '#']).len();
    if end - at <= 2 {
        end + marks.min(2)
    } else {
        end
    }
}

/// Length of the punctuation at the start of `rest`, and whether it is a word of its own.
fn punctuation(rest: &str, previous: Option<char>, next: Option<char>) -> (usize, bool) {
    for pair in ["<=", ">=", "!=", "<>", "=="] {
        if rest.starts_with(pair) {
            return (2, true);
        }
    }
    let ch = rest.chars().next().unwrap_or(' ');
    let kept = match ch {
        ',' | ';' | ':' | '(' | ')' | '<' | '>' | '=' | '%' | '&' | '*' | '+' | '–' | '—' | '≥'
        | '≤' => true,
        // Between numbers a hyphen is a range; standing free it is a dash.
        '-' => {
            let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
            let space = |c: Option<char>| c.is_none_or(char::is_whitespace);
            digit(previous) && digit(next) || space(previous) && space(next)
        }
        _ => false,
    };
    (ch.len_utf8(), kept)
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
