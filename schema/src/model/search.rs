//! Looking for words in conversations: what is looked for, and the piece of text it was found in.

use super::Role;
use crate::{Error, Result};

/// Most characters of what is looked for, and most words in it.
const MOST_CHARS: usize = 200;
const MOST_WORDS: usize = 8;
/// Characters of a snippet, and those of them before what was found.
const SNIPPET_CHARS: usize = 160;
const BEFORE: usize = 40;

/// A text of a conversation in which something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Round, from 1.
    pub round: i32,
    /// Speaker.
    pub role: Role,
    /// The text, or the piece of it that is shown.
    pub text: String,
}

/// The words that are looked for: all of them have to be found.
///
/// # Errors
/// [`Error::Invalid`] naming `q` for nothing, and for more than anybody looks for.
pub fn search_words(text: &str) -> Result<Vec<String>> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        return Err(Error::invalid("q", "must hold a word to look for"));
    }
    if words.len() > MOST_WORDS || text.chars().count() > MOST_CHARS || text.contains('\0') {
        return Err(Error::invalid(
            "q",
            format!("must have at most {MOST_WORDS} words, {MOST_CHARS} characters and no NUL"),
        ));
    }
    Ok(words)
}

/// How many of the words a text holds, whatever their case.
pub fn count_words(text: &str, words: &[String]) -> usize {
    let text = Folded::of(text);
    words
        .iter()
        .filter(|word| text.find(word).is_some())
        .count()
}

/// The piece of a text around the first of the words that it holds, on one line; its beginning if it holds none.
pub fn snippet(text: &str, words: &[String]) -> String {
    let found = {
        let folded = Folded::of(text);
        words.iter().find_map(|word| folded.find(word))
    };
    let signs: Vec<char> = text.chars().collect();
    let start = found.map_or(0, |at| at.saturating_sub(BEFORE));
    let end = signs.len().min(start + SNIPPET_CHARS);
    let piece: String = signs[start..end].iter().collect();
    let mut line = piece.split_whitespace().collect::<Vec<_>>().join(" ");
    if start > 0 {
        line.insert(0, '…');
    }
    if end < signs.len() {
        line.push('…');
    }
    line
}

/// A text in lower case that knows where its characters were: lower case may have more of them.
struct Folded {
    signs: Vec<char>,
    places: Vec<usize>,
}

impl Folded {
    fn of(text: &str) -> Self {
        let mut folded = Self {
            signs: Vec::with_capacity(text.len()),
            places: Vec::with_capacity(text.len()),
        };
        for (place, sign) in text.chars().enumerate() {
            for low in sign.to_lowercase() {
                folded.signs.push(low);
                folded.places.push(place);
            }
        }
        folded
    }

    /// The character at which a word begins.
    fn find(&self, word: &str) -> Option<usize> {
        let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
        if word.is_empty() {
            return None;
        }
        self.signs
            .windows(word.len())
            .position(|some| some == word)
            .map(|at| self.places[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        search_words(text).expect("words")
    }

    #[test]
    fn nothing_and_too_much_are_not_looked_for() {
        assert_eq!(words("  late \n orders "), ["late", "orders"]);
        for bad in [
            "",
            " \t",
            "a b c d e f g h i",
            "x".repeat(201).as_str(),
            "a\0b",
        ] {
            let refused = search_words(bad).map_err(|error| error.to_string());
            assert!(refused.is_err_and(|text| text.starts_with("q: must")));
        }
    }

    #[test]
    fn a_snippet_is_one_line_around_what_was_found() {
        assert_eq!(snippet("Late\norders", &words("ORDERS")), "Late orders");
        assert_eq!(snippet("", &words("x")), "");
        let long = format!("{} Ørsted and more {}", "a ".repeat(100), "b ".repeat(100));
        let piece = snippet(&long, &words("ørsted"));
        assert!(piece.starts_with('…') && piece.ends_with('…'), "{piece}");
        assert!(piece.contains("Ørsted and more"), "{piece}");
        assert!(piece.chars().count() <= SNIPPET_CHARS + 2, "{piece}");
        // Its lower case is a character longer than it is.
        assert_eq!(snippet("İİ found", &words("found")), "İİ found");
    }

    #[test]
    fn the_words_in_a_text_are_counted_whatever_their_case() {
        let asked = words("Orders oslo ØST");
        assert_eq!(count_words("orders of Oslo øst", &asked), 3);
        assert_eq!(count_words("nothing", &asked), 0);
    }
}
