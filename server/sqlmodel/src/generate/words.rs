//! English as far as the generator needs it: plurals, lists, the short forms schemas use.

/// The plural of a noun or noun phrase (its last word).
pub(super) fn plural(noun: &str) -> String {
    if let Some((_, plural)) = noun.split_once('|') {
        return plural.to_owned();
    }
    // "date of purchase", "number of pages": the head is what counts
    for link in [" of ", " for ", " in ", " on ", " per ", " at ", " to "] {
        if let Some((head, rest)) = noun.split_once(link) {
            return format!("{}{link}{rest}", plural(head));
        }
    }
    let lower = noun.to_lowercase();
    for (one, many) in [
        ("person", "people"),
        ("child", "children"),
        ("woman", "women"),
        ("man", "men"),
        ("foot", "feet"),
        ("analysis", "analyses"),
        ("crisis", "crises"),
        ("criterion", "criteria"),
        ("staff", "staff"),
        ("series", "series"),
        ("species", "species"),
        ("equipment", "equipment"),
        ("personnel", "personnel"),
        ("aircraft", "aircraft"),
        ("stock", "stock"),
        ("data", "data"),
    ] {
        if lower == one || lower.ends_with(&format!(" {one}")) {
            return format!("{}{many}", &noun[..noun.len() - one.len()]);
        }
    }
    let vowel_before_last = lower
        .chars()
        .rev()
        .nth(1)
        .is_some_and(|c| "aeiou".contains(c));
    if lower.ends_with("ss")
        || lower.ends_with('x')
        || lower.ends_with("ch")
        || lower.ends_with("sh")
        || lower.ends_with("us")
        || lower.ends_with('z')
    {
        format!("{noun}es")
    } else if lower.ends_with('s') {
        noun.to_owned()
    } else if lower.ends_with('y') && !vowel_before_last {
        format!("{}ies", &noun[..noun.len() - 1])
    } else {
        format!("{noun}s")
    }
}

/// The singular form of a noun entry (`person|people`).
pub(super) fn singular(noun: &str) -> &str {
    noun.split_once('|').map_or(noun, |(one, _)| one)
}

/// A guess at the singular of a plural identifier word.
pub(super) fn singular_word(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies").filter(|s| s.len() > 2) {
        return format!("{stem}y");
    }
    for ending in ["sses", "ches", "shes", "xes", "uses"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    if word == "people" {
        return "person".to_owned();
    }
    if word.ends_with('s')
        && !word.ends_with("ss")
        && !word.ends_with("us")
        && !word.ends_with("is")
        && !matches!(word, "series" | "species" | "news" | "sales")
    {
        return word[..word.len() - 1].to_owned();
    }
    word.to_owned()
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn listed(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}

/// `a` or `an`, by the first letter.
pub(super) fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) {
        "an"
    } else {
        "a"
    }
}

/// The first letter large, the rest as it is.
pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// The base form of participles that do not go with "was": "joined" but not "bought".
pub(super) fn base_form(participle: &str) -> Option<&'static str> {
    const FORMS: [(&str, &str); 24] = [
        ("joined", "join"),
        ("signed up", "sign up"),
        ("started", "start"),
        ("opened", "open"),
        ("died", "die"),
        ("arrived", "arrive"),
        ("left", "leave"),
        ("registered", "register"),
        ("enrolled", "enroll"),
        ("graduated", "graduate"),
        ("retired", "retire"),
        ("expired", "expire"),
        ("ended", "end"),
        ("begun", "begin"),
        ("began", "begin"),
        ("moved in", "move in"),
        ("checked in", "check in"),
        ("checked out", "check out"),
        ("came in", "come in"),
        ("expiring", "expire"),
        ("ending", "end"),
        ("starting", "start"),
        ("premiered", "premiere"),
        ("qualified", "qualify"),
    ];
    FORMS
        .iter()
        .find(|(form, _)| *form == participle)
        .map(|(_, base)| *base)
}

/// Short forms seen in schemas.
const SHORT: &[(&str, &[&str])] = &[
    ("quantity", &["qty", "quant"]),
    ("amount", &["amt"]),
    ("date", &["dt"]),
    ("number", &["num", "no", "nr"]),
    ("customer", &["cust", "cst"]),
    ("description", &["descr", "desc"]),
    ("category", &["cat", "categ"]),
    ("address", &["addr"]),
    ("average", &["avg"]),
    ("maximum", &["max"]),
    ("minimum", &["min"]),
    ("department", &["dept"]),
    ("employee", &["emp"]),
    ("product", &["prod"]),
    ("account", &["acct", "acc"]),
    ("transaction", &["txn", "trans"]),
    ("reference", &["ref"]),
    ("percentage", &["pct"]),
    ("percent", &["pct"]),
    ("price", &["prc"]),
    ("telephone", &["tel"]),
    ("manager", &["mgr"]),
    ("organization", &["org"]),
    ("location", &["loc"]),
    ("duration", &["dur"]),
    ("minutes", &["mins", "min"]),
    ("temperature", &["temp"]),
    ("country", &["ctry"]),
    ("payment", &["pmt"]),
    ("invoice", &["inv"]),
    ("reservation", &["resv"]),
    ("appointment", &["appt"]),
    ("supplier", &["supp"]),
    ("message", &["msg"]),
    ("capacity", &["cap"]),
    ("length", &["len"]),
    ("weight", &["wt"]),
    ("height", &["ht"]),
    ("position", &["pos"]),
    ("status", &["stat"]),
    ("vehicle", &["veh"]),
    ("warehouse", &["whse", "wh"]),
];

/// The short forms of a word, if it has any.
pub(super) fn short_forms(word: &str) -> &'static [&'static str] {
    SHORT
        .iter()
        .find(|(long, _)| *long == word)
        .map_or(&[], |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_plurals_of_nouns_and_of_phrases() {
        for (one, many) in [
            ("book", "books"),
            ("country", "countries"),
            ("day", "days"),
            ("bus", "buses"),
            ("address", "addresses"),
            ("person|people", "people"),
            ("number of pages", "numbers of pages"),
            ("delivery charge", "delivery charges"),
        ] {
            assert_eq!(plural(one), many);
        }
        assert_eq!(singular_word("categories"), "category");
        assert_eq!(singular_word("addresses"), "address");
    }
}
