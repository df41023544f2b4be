//! JSON as models write it: quotes of any kind and unescaped ones within, Python's words, keys without quotes, commas
//! too many or too few, raw line breaks, an end that never came.
//!
//! Tried where strict JSON fails. It guesses, so it never refuses what it can make sense of: a wrong guess is a query
//! that fails and goes back to the model, a refusal is an answer lost.

use serde_json::{Map, Number, Value};

/// Deepest nesting that is read.
const DEEPEST: usize = 16;
/// Longest key.
const LONGEST_KEY: usize = 60;

/// The object or list that `text` begins with, and where it ends in bytes; nothing where it is none.
pub(super) fn parse(text: &str) -> Option<(Value, usize)> {
    let mut reader = Reader { text, at: 0 };
    let value = match reader.peek()? {
        '{' => reader.object(DEEPEST)?,
        '[' => reader.list(DEEPEST)?,
        _ => return None,
    };
    Some((value, reader.at))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Where a text stands, which decides what may follow its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Key,
    Member,
    Item,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Steps over blanks and whatever of `signs` stands among them.
    fn skip(&mut self, signs: &[char]) {
        let rest = self.rest();
        let left =
            rest.trim_start_matches(|sign: char| sign.is_whitespace() || signs.contains(&sign));
        self.at += rest.len() - left.len();
    }

    fn object(&mut self, deeper: usize) -> Option<Value> {
        let deeper = deeper.checked_sub(1)?;
        self.bump();
        let mut members = Map::new();
        loop {
            self.skip(&[',', '，', ';']);
            match self.peek() {
                // It was cut; what came counts.
                None => break,
                Some('}') => {
                    self.bump();
                    break;
                }
                // A bracket of something around this: it was never closed.
                Some(']') if !members.is_empty() => break,
                // The fence around it ends.
                Some('`') if self.rest().starts_with("```") => break,
                _ => {}
            }
            let Some(key) = self.key() else {
                // Words behind a member that cannot be made sense of: what is there stands.
                return (!members.is_empty()).then_some(Value::Object(members));
            };
            self.skip(&[]);
            match self.peek() {
                None => break,
                Some(':' | '：' | '=') => self.skip(&[':', '：', '=', '>']),
                Some(_) => return (!members.is_empty()).then_some(Value::Object(members)),
            }
            let value = self.value(deeper, Place::Member)?;
            members.insert(key, value);
        }
        Some(Value::Object(members))
    }

    fn list(&mut self, deeper: usize) -> Option<Value> {
        let deeper = deeper.checked_sub(1)?;
        self.bump();
        let mut items = Vec::new();
        loop {
            self.skip(&[',', '，', ';']);
            match self.peek() {
                // It was cut, or never closed.
                None | Some('}') => break,
                Some(']') => {
                    self.bump();
                    break;
                }
                Some('`') if self.rest().starts_with("```") => break,
                Some(_) => items.push(self.value(deeper, Place::Item)?),
            }
        }
        Some(Value::Array(items))
    }

    fn key(&mut self) -> Option<String> {
        let next = self.peek()?;
        if closers(next).is_some() {
            let key = self.quoted(Place::Key);
            return key.chars().nth(LONGEST_KEY).is_none().then_some(key);
        }
        let rest = self.rest();
        let end = rest
            .find(|sign: char| !is_of_name(sign))
            .unwrap_or(rest.len());
        if end == 0 || end > LONGEST_KEY {
            return None;
        }
        self.at += end;
        Some(rest[..end].to_owned())
    }

    fn value(&mut self, deeper: usize, place: Place) -> Option<Value> {
        match self.peek() {
            None => Some(Value::Null),
            Some('{') => self.object(deeper),
            Some('[') => self.list(deeper),
            Some(sign) if closers(sign).is_some() => Some(Value::String(self.quoted(place))),
            Some(_) => Some(self.bare(place)),
        }
    }

    /// A text in quotes. A quote within that was not escaped is told from the last by what follows it.
    fn quoted(&mut self, place: Place) -> String {
        for fence in ["\"\"\"", "'''"] {
            if let Some(body) = self.rest().strip_prefix(fence) {
                let end = body.find(fence);
                let text = &body[..end.unwrap_or(body.len())];
                self.at += fence.len() + text.len() + end.map_or(0, |_| fence.len());
                return text.trim_matches('\n').to_owned();
            }
        }
        let closers = self.bump().and_then(closers).unwrap_or_default();
        let mut text = String::new();
        while let Some(sign) = self.bump() {
            if sign == '\\' {
                self.escaped(&mut text);
            } else if closers.contains(&sign) && may_end(self.rest(), place) {
                break;
            } else if sign != '\r' {
                text.push(sign);
            }
        }
        text
    }

    /// What stands behind a backslash.
    fn escaped(&mut self, text: &mut String) {
        match self.bump() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            // Cut in the middle, or nothing that a query needs.
            None | Some('r' | 'b' | 'f' | '\n') => {}
            Some('u') => text.push(self.unicode()),
            // Markdown's habit: order\_items.
            Some(sign @ ('"' | '\'' | '\\' | '/' | '`' | '_' | '*')) => text.push(sign),
            // No escape of JSON's: it was meant for the database, as in a pattern.
            Some(sign) => text.extend(['\\', sign]),
        }
    }

    fn unicode(&mut self) -> char {
        let Some(first) = self.hex() else {
            return char::REPLACEMENT_CHARACTER;
        };
        let pair = (0xD800..0xDC00).contains(&first) && self.rest().starts_with("\\u");
        if !pair {
            return char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        self.at += 2;
        let second = self.hex().unwrap_or_default();
        let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400);
        low.and_then(|low| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + low))
            .unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        let code = u32::from_str_radix(digits, 16).ok()?;
        self.at += 4;
        Some(code)
    }

    /// A value without quotes: a number, one of JSON's or Python's words, or text as it stands.
    fn bare(&mut self, place: Place) -> Value {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .find(|&(at, sign)| match sign {
                '}' => true,
                ']' | '\n' => place == Place::Item,
                ',' => may_end(&rest[at..], place),
                '`' => rest[at..].starts_with("```"),
                _ => false,
            })
            .map_or(rest.len(), |(at, _)| at);
        self.at += end;
        let text = rest[..end].trim();
        match text.to_ascii_lowercase().as_str() {
            "" | "null" | "none" | "nil" | "undefined" | "nan" => return Value::Null,
            "true" => return Value::Bool(true),
            "false" => return Value::Bool(false),
            _ => {}
        }
        if let Ok(whole) = text.parse::<i64>() {
            return Value::from(whole);
        }
        let number = text.parse::<f64>().ok().and_then(Number::from_f64);
        number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
    }
}

/// The quotes that end a text which begins with this one.
fn closers(open: char) -> Option<&'static [char]> {
    Some(match open {
        '"' => &['"'],
        '\'' => &['\''],
        '`' => &['`'],
        '“' | '”' => &['”', '“', '"'],
        '‘' | '’' => &['’', '‘', '\''],
        _ => return None,
    })
}

/// Whether a text in this place may have ended before `rest`.
fn may_end(rest: &str, place: Place) -> bool {
    let rest = rest.trim_start();
    let Some(next) = rest.chars().next() else {
        return true;
    };
    if rest.starts_with("```") {
        return true;
    }
    match place {
        Place::Key => matches!(next, ':' | '：' | '='),
        Place::Item => matches!(next, ',' | '，' | ']' | '}'),
        Place::Member => match next {
            '}' => true,
            ',' | '，' => {
                let behind = rest[next.len_utf8()..].trim_start();
                behind.is_empty() || behind.starts_with('}') || begins_a_member(behind)
            }
            // A comma is missing.
            _ => begins_a_member(rest),
        },
    }
}

/// Whether a text begins with a key and its colon. `"a"::text` is a cast of PostgreSQL's.
fn begins_a_member(text: &str) -> bool {
    let (open, name) = match text.chars().next() {
        Some(sign) => match closers(sign) {
            Some(closers) => (Some(closers), &text[sign.len_utf8()..]),
            None => (None, text),
        },
        None => return false,
    };
    let end = name
        .find(|sign: char| !is_of_name(sign))
        .unwrap_or(name.len());
    if end == 0 || end > LONGEST_KEY {
        return false;
    }
    let mut behind = &name[end..];
    if let Some(closers) = open {
        // The answer was cut within a key.
        if behind.is_empty() {
            return true;
        }
        let Some(rest) = behind.strip_prefix(closers) else {
            return false;
        };
        behind = rest;
    }
    let behind = behind.trim_start();
    (behind.is_empty() && open.is_some())
        || behind.starts_with('：')
        || (behind.starts_with(':') && !behind.starts_with("::"))
}

fn is_of_name(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '-')
}

#[cfg(test)]
mod tests;
