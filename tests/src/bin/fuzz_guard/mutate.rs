//! Statements torn up and joined: at words and signs mostly, at characters now and then.

use tidegate_schema::model::Dialect;

use super::corpus::Case;

/// Longest statement made; longer ones find nothing that shorter ones do not.
const MAX_CHARS: usize = 4_000;

/// Pieces an attacker would try.
const FRAGMENTS: &[&str] = &[
    "'",
    "\"",
    "`",
    "[",
    "]",
    "]]",
    "''",
    "\\",
    "\\'",
    "$$",
    "$a$",
    "--",
    "-- ",
    "#",
    "# ",
    "/*",
    "*/",
    "/*!",
    "/*!50000 ",
    "/*+ ",
    "//",
    "\n",
    "\r",
    "\r\n",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{2018}",
    "ſ",
    ";",
    ";;",
    "(",
    ")",
    ",",
    ".",
    "..",
    ":",
    "::",
    ":=",
    "@",
    "@@",
    "@x",
    "{",
    "}",
    "->",
    "=>",
    "||",
    "<@",
    "&>",
    "?",
    "E'",
    "N'",
    "x'",
    "b'",
    "U&'",
    "U&\"",
    "_utf8mb4'",
    "0x",
    "1e",
    " UNION ALL ",
    " INTO ",
    " INTO OUTFILE 'x' ",
    " FORMAT Null ",
    " SETTINGS readonly = 0 ",
    " FOR UPDATE ",
    " FROM ",
    " WHERE ",
    " WITH ",
    " RECURSIVE ",
    " AS ",
    " ONLY ",
    " LATERAL ",
    " EXPLAIN ",
    " ANALYZE ",
    " DROP TABLE customers ",
    " DELETE FROM orders ",
    " UPDATE products SET price = 0 ",
    " EXEC xp_cmdshell 'dir' ",
    " SHUTDOWN ",
    " WAITFOR DELAY '00:00:05' ",
    " load_extension('x') ",
    " pg_read_file('x') ",
    " pg_sleep(1) ",
    " sleep(1) ",
    " load_file('x') ",
    " getenv('x') ",
    " read_csv('x') ",
    " url('x') ",
    " file('x') ",
    " openrowset('x', 'y', 'z') ",
    " mysql.user ",
    " sys.sql_logins ",
    " system.users ",
    " pg_shadow ",
    " sqlite_dbpage ",
    " 'x.csv' ",
];

/// Numbers that look random and are not: the same seed gives the same.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (SplitMix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`, and 0 for none.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// A statement for a dialect: a case, mostly one of its own, after a few changes.
pub(crate) fn statement(dice: &mut Dice, corpus: &[Case], dialect: Dialect) -> String {
    let own: Vec<&Case> = corpus
        .iter()
        .filter(|case| case.dialects.contains(&dialect))
        .collect();
    let reads: Vec<&Case> = own.iter().copied().filter(|case| case.is_read).collect();
    let all: Vec<&Case> = corpus.iter().collect();
    let first = match dice.below(8) {
        0..4 => dice.pick(&reads),
        4..6 => dice.pick(&own),
        _ => dice.pick(&all),
    };
    let mut parts = pieces(first.sql);
    for _ in 0..=dice.below(4) {
        let other = pieces(dice.pick(&all).sql);
        change(dice, &mut parts, &other);
    }
    let mut sql = parts.concat();
    if dice.below(4) == 0 {
        sql = change_characters(dice, &sql);
    }
    sql.chars().take(MAX_CHARS).collect()
}

/// Words, numbers, blanks and single signs.
fn pieces(sql: &str) -> Vec<String> {
    let class = |sign: char| {
        if sign.is_alphanumeric() || sign == '_' {
            0
        } else if sign.is_whitespace() {
            1
        } else {
            2
        }
    };
    let mut pieces: Vec<String> = Vec::new();
    let mut last = 2;
    for sign in sql.chars() {
        let now = class(sign);
        match pieces.last_mut() {
            Some(piece) if now == last && now != 2 => piece.push(sign),
            _ => pieces.push(sign.to_string()),
        }
        last = now;
    }
    pieces
}

fn change(dice: &mut Dice, parts: &mut Vec<String>, other: &[String]) {
    if parts.is_empty() {
        parts.extend_from_slice(other);
        return;
    }
    let at = dice.below(parts.len());
    let end = (at + 1 + dice.below(6)).min(parts.len());
    match dice.below(9) {
        // The beginning of one and the end of another.
        0 => {
            let from = dice.below(other.len());
            parts.truncate(at);
            parts.extend_from_slice(&other[from.min(other.len())..]);
        }
        1 => {
            if let Some(part) = other.get(dice.below(other.len())) {
                parts[at].clone_from(part);
            }
        }
        2 => {
            parts.drain(at..end);
        }
        3 => {
            let copy: Vec<String> = parts[at..end].to_vec();
            parts.splice(end..end, copy);
        }
        4 => parts.insert(at, dice.pick(FRAGMENTS).to_owned()),
        5 => {
            let from = dice.below(other.len());
            let to = (from + 1 + dice.below(8)).min(other.len());
            let copy: Vec<String> = other[from.min(to)..to].to_vec();
            parts.splice(at..at, copy);
        }
        6 => {
            let (open, close) = [
                ("(", ")"),
                ("/*", "*/"),
                ("'", "'"),
                ("\"", "\""),
                ("(SELECT ", ")"),
            ][dice.below(5)];
            parts.insert(end, close.to_owned());
            parts.insert(at, open.to_owned());
        }
        7 => {
            let turned = if dice.below(2) == 0 {
                parts[at].to_uppercase()
            } else {
                parts[at].to_lowercase()
            };
            parts[at] = turned;
        }
        _ => {
            let with = dice.below(parts.len());
            parts.swap(at, with);
        }
    }
}

fn change_characters(dice: &mut Dice, sql: &str) -> String {
    let mut signs: Vec<char> = sql.chars().collect();
    let at = dice.below(signs.len() + 1);
    match dice.below(4) {
        0 if at < signs.len() => {
            signs.remove(at);
        }
        1 if at < signs.len() => signs.truncate(at),
        _ => {
            let fragment: Vec<char> = dice.pick(FRAGMENTS).chars().collect();
            signs.splice(at..at, fragment);
        }
    }
    signs.into_iter().collect()
}
