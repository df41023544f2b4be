//! Text a question brings itself: in quotes, capitalised, shaped like a code, or after a cue word.

use std::ops::Range;

use super::{
    calendar,
    numbers::in_digits,
    values::ValueIndex,
    words::{Cut, is_stopword},
};

/// How sure it is that the words are a literal; the surer come first when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sureness {
    /// Codes, addresses, capitalised words.
    Shape,
    /// After `named`, `containing`, `starting with`.
    Cue,
    /// After `in`, `from`, `by`.
    Preposition,
}

/// Runs of words that may be a literal, not in quotes.
pub(super) fn find(cut: &Cut, values: &ValueIndex) -> Vec<(Range<usize>, Sureness)> {
    let mut found: Vec<(Range<usize>, Sureness)> = Vec::new();
    for at in 0..cut.words.len() {
        if is_code(&cut.words[at].text) {
            found.push((at..at + 1, Sureness::Shape));
        }
    }
    capitalised(cut, values, &mut found);
    after_cues(cut, values, &mut found);
    found
}

/// `ABC-123`, `SKU42`, `a@b.example`, `00123`, `10115`: written as codes are.
pub(super) fn is_code(text: &str) -> bool {
    if text.contains('@')
        || text.contains("://")
        || text.contains('.') && text.ends_with(char::is_alphabetic)
    {
        return true;
    }
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits == text.len() {
        return digits >= 5 || (digits > 1 && text.starts_with('0'));
    }
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    digits > 0
        && letters > 0
        && !text.chars().any(char::is_lowercase)
        && text.chars().all(|c| c.is_alphanumeric() || c == '-')
        && in_digits(&text.to_lowercase()).is_none()
        && !matches!(text, "Q1" | "Q2" | "Q3" | "Q4" | "H1" | "H2")
}

/// Small words inside a name: "Lord of the Rings", "Ludwig van Beethoven".
fn joins_names(lower: &str) -> bool {
    matches!(
        lower,
        "of" | "the"
            | "de"
            | "van"
            | "von"
            | "la"
            | "le"
            | "du"
            | "der"
            | "den"
            | "di"
            | "da"
            | "del"
            | "&"
            | "el"
            | "am"
            | "in"
            | "on"
            | "and"
    )
}

fn capitalised(cut: &Cut, values: &ValueIndex, found: &mut Vec<(Range<usize>, Sureness)>) {
    let capital = |at: usize| {
        cut.words
            .get(at)
            .is_some_and(|w| w.text.starts_with(char::is_uppercase))
    };
    let letters = cut
        .words
        .iter()
        .filter(|w| w.text.starts_with(char::is_alphabetic))
        .count();
    let capitals = (0..cut.words.len()).filter(|&at| capital(at)).count();
    // In A Title or AN ALL-CAPS QUESTION capitals say nothing.
    if letters >= 4 && capitals * 10 > letters * 7 {
        return;
    }
    let name = |at: usize| {
        let word = &cut.words[at];
        capital(at)
            && word.lower != "i"
            && !(is_stopword(&word.lower) && (cut.starts[at] || word.text.len() > 3))
            && !(values.is_name(&word.stem) && (cut.starts[at] || !capital(at + 1)))
            && calendar::month(&word.lower).is_none_or(|_| capital(at + 1))
            && !is_code(&word.text)
    };
    let mut at = 0;
    while at < cut.words.len() {
        if !name(at) || (cut.starts[at] && !(at + 1 < cut.words.len() && name(at + 1))) {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        loop {
            if end < cut.words.len() && capital(end) {
                end += 1;
                continue;
            }
            let joint = (1..=2).find(|&gap| {
                capital(end + gap) && (end..end + gap).all(|i| joins_names(&cut.words[i].lower))
            });
            let Some(gap) = joint else { break };
            // Both "Anna and Bert" and its parts are offered; so with "Berlin in Germany".
            if matches!(cut.words[end].lower.as_str(), "and" | "in" | "on" | "the") {
                found.push((at..end, Sureness::Shape));
                found.push((end + gap..run_end(&capital, end + gap), Sureness::Shape));
            }
            end += gap + 1;
        }
        found.push((at..end, Sureness::Shape));
        if cut.starts[at] {
            found.push((at + 1..end, Sureness::Preposition));
        }
        at = end;
    }
}

fn run_end(capital: &dyn Fn(usize) -> bool, start: usize) -> usize {
    let mut end = start;
    while capital(end) {
        end += 1;
    }
    end
}

/// Words that announce a literal; the length is in words.
fn cue(cut: &Cut, at: usize) -> Option<(usize, Sureness)> {
    let lower = |i: usize| cut.words.get(i).map_or("", |w| w.lower.as_str());
    Some(match lower(at) {
        "named" | "called" | "titled" | "entitled" | "labelled" | "labeled" | "tagged"
        | "nicknamed" | "containing" | "contain" | "contains" | "contained" | "mention"
        | "mentions" | "mentioning" | "matching" | "include" | "includes" | "including"
        | "like" | "equals" | "word" | "letter" | "phrase" | "text" | "string" | "prefix" | "="
        | "==" | "suffix" => (1, Sureness::Cue),
        "start" | "starts" | "starting" | "begin" | "begins" | "beginning" | "end" | "ends"
        | "ending" | "finish" | "finishes" | "finishing"
            if matches!(lower(at + 1), "with" | "in" | "by" | "on") =>
        {
            (2, Sureness::Cue)
        }
        "name" | "title" if matches!(lower(at + 1), "is" | "=" | "of" | "has" | "like") => {
            (2, Sureness::Cue)
        }

        "in" | "from" | "at" | "for" | "of" | "to" | "about" | "is" | "are" | "with" | "on"
        | "not" | "or" | "except" | "only" | ":" => (1, Sureness::Preposition),
        _ => return None,
    })
}

fn after_cues(cut: &Cut, values: &ValueIndex, found: &mut Vec<(Range<usize>, Sureness)>) {
    const LONGEST: usize = 3;
    for at in 0..cut.words.len() {
        let Some((length, sureness)) = cue(cut, at) else {
            continue;
        };
        let mut start = at + length;
        // "containing the word pro", "called the fox"
        while cut.words.get(start).is_some_and(|w| {
            matches!(
                w.lower.as_str(),
                "the" | "a" | "an" | "word" | "letter" | "letters" | "text" | "phrase" | "name"
            )
        }) && cut
            .words
            .get(start + 1)
            .is_some_and(|w| w.text.starts_with(char::is_alphanumeric))
        {
            start += 1;
        }
        let content = |i: usize| {
            cut.words.get(i).is_some_and(|w| {
                w.text.starts_with(char::is_alphabetic)
                    && !is_code(&w.text)
                    && !is_stopword(&w.lower)
                    && !values.is_name(&w.stem)
                    && calendar::month(&w.lower).is_none_or(|(_, sure)| !sure)
                    && !is_filler(&w.lower)
            })
        };
        let single_letter = sureness == Sureness::Cue
            && cut.words.get(start).is_some_and(|w| {
                w.text.chars().count() == 1 && w.text.starts_with(char::is_alphabetic)
            });
        if single_letter {
            found.push((start..start + 1, sureness));
            continue;
        }
        let mut end = start;
        while end < start + LONGEST && content(end) {
            end += 1;
        }
        // A cue makes even a word that occurs in the schema a literal.
        if end == start
            && sureness == Sureness::Cue
            && cut.words.get(start).is_some_and(|w| {
                w.text.starts_with(char::is_alphanumeric) && !is_stopword(&w.lower)
            })
        {
            end += 1;
        }
        if end > start {
            found.push((start..end, sureness));
            // A capitalised run is one name; others may end after any word.
            let one_name = (start..end).all(|i| cut.words[i].text.starts_with(char::is_uppercase));
            if end > start + 1 && !one_name {
                found.push((start..start + 1, sureness));
            }
        }
    }
}

/// Words of asking: never a literal by themselves.
fn is_filler(lower: &str) -> bool {
    matches!(
        lower,
        "total"
            | "average"
            | "mean"
            | "sum"
            | "number"
            | "count"
            | "counts"
            | "amount"
            | "highest"
            | "lowest"
            | "least"
            | "top"
            | "bottom"
            | "maximum"
            | "minimum"
            | "max"
            | "min"
            | "largest"
            | "smallest"
            | "biggest"
            | "best"
            | "worst"
            | "first"
            | "last"
            | "latest"
            | "newest"
            | "oldest"
            | "earliest"
            | "day"
            | "days"
            | "week"
            | "weeks"
            | "month"
            | "months"
            | "quarter"
            | "quarters"
            | "year"
            | "years"
            | "today"
            | "yesterday"
            | "sorted"
            | "ordered"
            | "grouped"
            | "order"
            | "descending"
            | "ascending"
            | "desc"
            | "asc"
            | "different"
            | "distinct"
            | "unique"
            | "greater"
            | "less"
            | "fewer"
            | "higher"
            | "lower"
            | "equal"
            | "alphabetical"
            | "alphabetically"
            | "respectively"
            | "far"
            | "long"
            | "many"
            | "ever"
            | "never"
            | "past"
            | "next"
            | "previous"
            | "current"
            | "detail"
            | "details"
            | "zero"
            | "two"
            | "three"
            | "four"
            | "five"
            | "six"
            | "seven"
            | "eight"
            | "nine"
            | "ten"
            | "twenty"
            | "hundred"
            | "thousand"
            | "million"
    )
}
