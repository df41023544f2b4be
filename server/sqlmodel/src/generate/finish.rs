//! The last touches: politeness, letter case, punctuation, slips of the finger.

use super::{dice::Dice, words::capitalised};

const ASKS: &[&str] = &[
    "which", "what", "how", "who", "when", "where", "in", "on", "are", "do", "is", "does", "did",
    "can", "could", "what's", "for", "at", "tell",
];
const COMMANDS: &[&str] = &[
    "show",
    "list",
    "give",
    "count",
    "find",
    "tell",
    "get",
    "display",
    "name",
    "calculate",
    "compute",
    "return",
    "report",
    "pull",
    "search",
    "fetch",
    "print",
    "add",
    "sum",
    "let",
    "determine",
    "break",
    "compare",
    "look",
    "split",
    "group",
];

/// Makes a bare sentence look like something a person typed.
pub(super) fn finish(text: &str, dice: &mut Dice) -> String {
    let mut text = tidy(text);
    let first = text
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .trim_end_matches([',', ':'])
        .to_lowercase();
    let asks = ASKS.contains(&first.as_str()) && first != "tell";
    let commands = COMMANDS.contains(&first.as_str());
    let personal = [
        "i", "i'd", "i'm", "we", "looking", "just", "do", "please", "get",
    ]
    .contains(&first.as_str());
    if dice.chance(0.1) {
        let opening = if personal {
            dice.word(&["hi, ", "hello, ", "hey, ", "ok, "])
        } else if commands {
            dice.word(&[
                "please ",
                "can you ",
                "could you ",
                "hi, ",
                "would you ",
                "could you please ",
                "I'd like you to ",
                "hey, ",
            ])
        } else if asks {
            dice.word(&[
                "hi, ",
                "hello, ",
                "hey, ",
                "quick question: ",
                "tell me, ",
                "so ",
                "can you tell me, ",
                "please tell me: ",
                "I wonder, ",
                "ok, ",
            ])
        } else {
            dice.word(&[
                "please show me ",
                "I need ",
                "give me ",
                "show ",
                "looking for ",
                "I want ",
                "get me ",
                "hi, I need ",
            ])
        };
        let inquiring = opening.starts_with("can you")
            || opening.starts_with("could")
            || opening.starts_with("would");
        text = format!("{opening}{text}");
        if inquiring && dice.chance(0.6) {
            text.push('?');
        }
    }
    if dice.chance(0.03) {
        text.push_str(dice.word(&[", please", " please", ", thanks", " thanks", " pls"]));
    }
    if dice.chance(0.018) {
        text = slip(&text, dice);
    }
    let text = match dice.weighted(&[6.0, 3.0, 1.3, 0.12]) {
        0 => capitalised(&text),
        2 => text.to_lowercase(),
        3 => text.to_uppercase(),
        _ => text,
    };
    if text.ends_with('?') {
        return text;
    }
    let mark = if asks && dice.chance(0.72) {
        "?"
    } else if !asks && dice.chance(0.3) {
        if commands {
            "."
        } else {
            dice.word(&["?", ".", ""])
        }
    } else {
        ""
    };
    format!("{text}{mark}")
}

/// Single spaces, none before punctuation.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() && !matches!(word, "," | "." | "?" | ":") {
            out.push(' ');
        }
        if word.starts_with(['a', 'e', 'i', 'o'])
            && (out.ends_with(" a ") || out == "a ")
            && word.len() > 1
        {
            out.pop();
            out.push_str("n ");
        }
        out.push_str(word);
    }
    out
}

/// Two neighbouring letters swapped, or one left out, in a longer word.
fn slip(text: &str, dice: &mut Dice) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let long: Vec<usize> = words
        .iter()
        .enumerate()
        .filter(|(_, w)| w.len() > 5 && w.chars().all(|c| c.is_ascii_lowercase()))
        .map(|(at, _)| at)
        .collect();
    if let Some(&at) = dice.pick(&long) {
        let mut letters: Vec<char> = words[at].chars().collect();
        let spot = 1 + dice.below(letters.len() - 2);
        if dice.chance(0.5) {
            letters.remove(spot);
        } else {
            letters.swap(spot, spot + 1);
        }
        words[at] = letters.into_iter().collect();
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_no_double_spaces() {
        assert_eq!(tidy(" how  many books , please "), "how many books, please");
    }
}
