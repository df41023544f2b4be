//! What is embedded: sentences of everyday questions about data, short, long, and of every kind of writing.

/// What documents are judged by.
pub(super) const QUERY: &str = "Which customers returned an order in the last quarter?";

const SENTENCES: [&str; 8] = [
    "How many orders were placed in each city last year?",
    "The table of customers holds a name, an address and the day they first bought something.",
    "Returns are counted by the day the parcel arrived, not by the day it was sent.",
    "Show revenue by month, and mark the months in which prices changed.",
    "A warehouse keeps the stock of one region; some goods lie in several.",
    "Which suppliers deliver late more often than one time in ten?",
    "Employees belong to a branch, and each branch reports to a region.",
    "List the five products that are most often bought together with coffee.",
];

const OTHERS: [&str; 12] = [
    "",
    " ",
    "a",
    "日本語の文章と、中文句子，以及한국어 문장입니다。",
    "Größere Straßen, façades, naïve señoritas and Ångströms",
    "😀😃🚀 👩‍👩‍👧‍👦 🇫🇷🇯🇵",
    "SELECT city, COUNT(*) FROM orders GROUP BY city ORDER BY 2 DESC LIMIT 5;",
    "مرحبا بالعالم، كيف حالك اليوم؟",
    "0123456789 3.14159 -1e-9 0x1F",
    "\n\n\ttabs\tand\nlines\n",
    "ALL CAPITALS ARE LOWERED FIRST",
    "unbrokenwordthatgoesonandonandonwithoutanyblankinitatallforaverylongwhile",
];

/// So many texts of one sentence, no two alike.
pub(super) fn short(count: usize) -> Vec<String> {
    (0..count)
        .map(|at| format!("{} ({at})", SENTENCES[at % SENTENCES.len()]))
        .collect()
}

/// So many texts of about two hundred words.
pub(super) fn long(count: usize) -> Vec<String> {
    (0..count).map(|at| paragraph(at, 15)).collect()
}

/// So many texts of about sixty words.
pub(super) fn documents(count: usize) -> Vec<String> {
    (0..count).map(|at| paragraph(at, 4)).collect()
}

/// Texts of every kind and length.
pub(super) fn various() -> Vec<String> {
    let mut all: Vec<String> = OTHERS.map(str::to_owned).to_vec();
    all.extend(short(16));
    all.extend(long(4));
    all.extend((1..=32).map(|sentences| paragraph(sentences, sentences)));
    all
}

fn paragraph(first: usize, sentences: usize) -> String {
    let parts: Vec<&str> = (0..sentences)
        .map(|at| SENTENCES[(first + at * 3) % SENTENCES.len()])
        .collect();
    format!("{first}. {}", parts.join(" "))
}
