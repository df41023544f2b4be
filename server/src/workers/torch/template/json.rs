//! JSON as Python writes it, which is how models have seen it; minijinja's own would escape for HTML.

use std::fmt::Write as _;

use minijinja::{Error as JinjaError, ErrorKind, Value, value::Kwargs};
use serde::Serialize as _;

/// The filter `tojson`, with the options that transformers gives it.
#[expect(
    clippy::needless_pass_by_value,
    reason = "filters are given their options by value"
)]
pub(super) fn to_json(value: &Value, options: Kwargs) -> Result<String, JinjaError> {
    let indent: Option<usize> = options.get("indent")?;
    let separators: Option<Value> = options.get("separators")?;
    let is_ascii: Option<bool> = options.get("ensure_ascii")?;
    let is_sorted: Option<bool> = options.get("sort_keys")?;
    options.assert_all_used()?;
    let (item, key) = match separators.filter(|value| !value.is_none()) {
        Some(separators) => pair(&separators)?,
        // As Python has it: no blanks at the ends of lines.
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
    };
    let style = Python {
        item: &item,
        key: &key,
        indent,
        depth: 0,
        has_value: false,
    };
    let failed =
        |error: serde_json::Error| JinjaError::new(ErrorKind::BadSerialization, error.to_string());
    let mut out = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut out, style);
    if is_sorted == Some(true) {
        let mut sorted = serde_json::to_value(value).map_err(failed)?;
        sorted.sort_all_objects();
        sorted.serialize(&mut writer).map_err(failed)?;
    } else {
        value.serialize(&mut writer).map_err(failed)?;
    }
    let text = String::from_utf8(out)
        .map_err(|error| JinjaError::new(ErrorKind::BadSerialization, error.to_string()))?;
    Ok(if is_ascii == Some(true) {
        to_ascii(&text)
    } else {
        text
    })
}

fn pair(separators: &Value) -> Result<(String, String), JinjaError> {
    let mut parts = separators.try_iter()?.map(|part| part.to_string());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(item), Some(key), None) => Ok((item, key)),
        _ => Err(JinjaError::new(
            ErrorKind::InvalidOperation,
            "tojson takes two separators",
        )),
    }
}

/// Signs beyond ASCII by their numbers, which can only stand in texts.
fn to_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for sign in text.chars() {
        if sign.is_ascii() && sign != '\u{7f}' {
            ascii.push(sign);
            continue;
        }
        for unit in sign.encode_utf16(&mut [0; 2]) {
            let _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    ascii
}

struct Python<'a> {
    item: &'a str,
    key: &'a str,
    indent: Option<usize>,
    depth: usize,
    has_value: bool,
}

impl Python<'_> {
    fn line<W: ?Sized + std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        let Some(indent) = self.indent else {
            return Ok(());
        };
        writer.write_all(b"\n")?;
        writer.write_all(&vec![b' '; indent * self.depth])
    }

    fn open<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        sign: u8,
    ) -> std::io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        writer.write_all(&[sign])
    }

    fn close<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        sign: u8,
    ) -> std::io::Result<()> {
        self.depth -= 1;
        if self.has_value {
            self.line(writer)?;
        }
        self.has_value = true;
        writer.write_all(&[sign])
    }

    fn separate<W: ?Sized + std::io::Write>(
        &self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if !first {
            writer.write_all(self.item.as_bytes())?;
        }
        self.line(writer)
    }
}

impl serde_json::ser::Formatter for Python<'_> {
    fn begin_array<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.open(writer, b'[')
    }

    fn end_array<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.close(writer, b']')
    }

    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.separate(writer, first)
    }

    fn end_array_value<W: ?Sized + std::io::Write>(&mut self, _: &mut W) -> std::io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.open(writer, b'{')
    }

    fn end_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.close(writer, b'}')
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(self.key.as_bytes())
    }

    fn end_object_value<W: ?Sized + std::io::Write>(&mut self, _: &mut W) -> std::io::Result<()> {
        self.has_value = true;
        Ok(())
    }
}
