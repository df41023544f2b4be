//! How far a piece of the question reaches: an address, a number, a word, punctuation.

use super::{is_apostrophe, is_currency, is_word_char};

/// Top-level names common enough to tell an address from two sentences run together.
const TOP_LEVELS: &[&str] = &[
    "biz", "ch", "co", "com", "de", "edu", "es", "eu", "example", "fr", "gov", "info", "io", "it",
    "net", "nl", "org", "uk",
];

/// Length of an e-mail or web address at the start of `rest`.
pub(super) fn address(rest: &str) -> Option<usize> {
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
pub(super) fn after_sign(rest: &str) -> Option<usize> {
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
pub(super) fn number_end(text: &str, at: usize) -> usize {
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
pub(super) fn word_end(text: &str, at: usize) -> usize {
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
pub(super) fn punctuation(rest: &str, previous: Option<char>, next: Option<char>) -> (usize, bool) {
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
