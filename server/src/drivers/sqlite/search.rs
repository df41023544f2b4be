//! `instr` and `replace` in time that grows with the text alone.
//!
//! SQLite's own compare the whole pattern at every place, which takes hours for two long texts and never looks at
//! the clock. These give the same answers.

use std::borrow::Cow;

use memchr::memmem;
use rusqlite::{
    Connection, Error, Result,
    functions::{Context, FunctionFlags},
    types::{ToSql, ToSqlOutput, ValueRef},
};

use super::session::MAX_VALUE_BYTES;

/// Puts both in the place of SQLite's own.
pub(super) fn add(connection: &Connection, flags: FunctionFlags) -> Result<()> {
    let speller = Connection::open_in_memory()?;
    connection.create_scalar_function("instr", 2, flags, move |args| {
        let text = text_of(args, 0, &speller)?;
        let wanted = text_of(args, 1, &speller)?;
        let blobs = [0, 1]
            .into_iter()
            .all(|at| matches!(args.get_raw(at), ValueRef::Blob(_)));
        Ok(text
            .zip(wanted)
            .map(|(text, wanted)| place(&text, &wanted, blobs)))
    })?;
    let speller = Connection::open_in_memory()?;
    connection.create_scalar_function("replace", 3, flags, move |args| {
        let Some((text, wanted)) = text_of(args, 0, &speller)?.zip(text_of(args, 1, &speller)?)
        else {
            return Ok(None);
        };
        // SQLite does not look at the third for a pattern that is empty.
        if wanted.first().is_none_or(|first| *first == 0) {
            return Ok(Some(Text(text.into_owned())));
        }
        let Some(by) = text_of(args, 2, &speller)? else {
            return Ok(None);
        };
        replaced(&text, &wanted, &by).map(|text| Some(Text(text)))
    })
}

/// Text that need not be UTF-8, as SQLite's need not.
struct Text(Vec<u8>);

impl ToSql for Text {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}

/// A value as SQLite spells it; only `speller`, another connection, knows how it spells a number.
fn text_of<'a>(
    args: &'a Context<'_>,
    at: usize,
    speller: &Connection,
) -> Result<Option<Cow<'a, [u8]>>> {
    match args.get_raw(at) {
        ValueRef::Null => Ok(None),
        ValueRef::Text(text) | ValueRef::Blob(text) => Ok(Some(Cow::Borrowed(text))),
        ValueRef::Integer(number) => Ok(Some(Cow::Owned(number.to_string().into_bytes()))),
        ValueRef::Real(number) => {
            let mut spelling = speller.prepare_cached("SELECT CAST(?1 AS TEXT)")?;
            let spelled: String = spelling.query_row([number], |row| row.get(0))?;
            Ok(Some(Cow::Owned(spelled.into_bytes())))
        }
    }
}

/// Where the pattern begins, counted from one in characters, or in bytes if both are blobs; zero if nowhere.
fn place(text: &[u8], wanted: &[u8], blobs: bool) -> i64 {
    let Some(at) = memmem::find(text, wanted) else {
        return 0;
    };
    let begins_character = |byte: &&u8| blobs || **byte & 0xc0 != 0x80;
    1 + text[..at].iter().filter(begins_character).count() as i64
}

fn replaced(text: &[u8], wanted: &[u8], by: &[u8]) -> Result<Vec<u8>> {
    let finder = memmem::Finder::new(wanted);
    let found = finder.find_iter(text).count();
    let length = text.len() - found * wanted.len() + found.saturating_mul(by.len());
    if length > MAX_VALUE_BYTES as usize {
        return Err(Error::UserFunctionError("string or blob too big".into()));
    }
    let mut done = Vec::with_capacity(length);
    let mut rest = 0;
    for at in finder.find_iter(text) {
        done.extend_from_slice(&text[rest..at]);
        done.extend_from_slice(by);
        rest = at + wanted.len();
    }
    done.extend_from_slice(&text[rest..]);
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that SQLite's functions treat in different ways.
    const VALUES: &[&str] = &[
        "NULL",
        "''",
        "'a'",
        "'abcabc'",
        "'bc'",
        "'Åse på Ås'",
        "'Ås'",
        "'s'",
        "x'616263'",
        "x'62'",
        "x''",
        "12",
        "1",
        "1.50",
        "1e20",
        "-0.1",
        "'.'",
        "'0'",
        "char(0)",
    ];

    #[test]
    fn the_answers_are_those_of_sqlite() {
        let own = Connection::open_in_memory().expect("opens");
        let ours = Connection::open_in_memory().expect("opens");
        add(
            &ours,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
        )
        .expect("added");
        for first in VALUES {
            for second in VALUES {
                let mut calls = vec![format!("instr({first}, {second})")];
                calls.extend(
                    VALUES
                        .iter()
                        .map(|third| format!("replace({first}, {second}, {third})")),
                );
                for call in calls {
                    let answer = |from: &Connection| -> (String, Option<String>) {
                        let sql = format!("SELECT typeof({call}), hex({call}), {call} IS NULL");
                        from.query_row(&sql, [], |row| {
                            let null: bool = row.get(2)?;
                            let hex: Option<String> = row.get(1)?;
                            Ok((row.get(0)?, hex.filter(|_| !null)))
                        })
                        .expect("answers")
                    };
                    assert_eq!(answer(&ours), answer(&own), "{call}");
                }
            }
        }
    }

    #[test]
    fn long_texts_take_no_time() {
        let connection = Connection::open_in_memory().expect("opens");
        add(&connection, FunctionFlags::SQLITE_UTF8).expect("added");
        let started = std::time::Instant::now();
        let sql = "SELECT instr(printf('%.4000000c', 'a'), printf('%.2000000c', 'a') || 'b'),
            length(replace(printf('%.4000000c', 'a'), printf('%.2000000c', 'a') || 'b', 'x'))";
        let found: (i64, i64) = connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("answers");
        assert_eq!(found, (0, 4_000_000));
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
        let many = "SELECT replace(printf('%.1000000c', 'a'), 'a', printf('%.1000c', 'b'))";
        let error = connection
            .query_row(many, [], |_| Ok(()))
            .expect_err("too much");
        assert!(error.to_string().contains("too big"), "{error}");
    }
}
