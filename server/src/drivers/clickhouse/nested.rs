//! Arrays, tuples and maps as ClickHouse writes them, into JSON.

use serde_json::{Map, Number, Value};

use super::{
    cells,
    types::{Shape, Type},
};
use crate::drivers::MAX_JSON_BYTES;

/// Values within values; a deeper one is not read.
const MAX_DEPTH: usize = 64;
/// Whole numbers beyond it are text in JSON: programs that read it often keep numbers as floats.
const MAX_EXACT: i128 = 1 << 53;

/// The value of a field, or nothing if JSON cannot hold it: text that is no UTF-8, a map with the same key twice,
/// something longer than documents may be.
pub(super) fn read(kind: &Type, field: &[u8]) -> Option<Value> {
    if field.len() > MAX_JSON_BYTES {
        return None;
    }
    let mut reader = Reader { rest: field };
    let value = reader.value(Some(kind), 0)?;
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// What a value is made of is seen from its first sign; the type says what its parts mean.
    fn value(&mut self, kind: Option<&Type>, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        let shape = kind.map(|kind| &kind.shape);
        match self.rest.first()? {
            b'[' => {
                let item = match shape {
                    Some(Shape::Array(item)) => Some(item.as_ref()),
                    _ => None,
                };
                let mut items = Vec::new();
                self.list(b']', |reader, _| {
                    items.push(reader.value(item, depth + 1)?);
                    Some(())
                })?;
                Some(Value::Array(items))
            }
            b'(' => {
                let fields = match shape {
                    Some(Shape::Tuple(fields)) => fields.as_slice(),
                    _ => &[],
                };
                let mut items = Vec::new();
                self.list(b')', |reader, nth| {
                    let kind = fields.get(nth).map(|field| &field.kind);
                    items.push(reader.value(kind, depth + 1)?);
                    Some(())
                })?;
                let names: Option<Vec<&String>> =
                    fields.iter().map(|field| field.name.as_ref()).collect();
                match names {
                    Some(names) if !names.is_empty() && names.len() == items.len() => {
                        object(names.into_iter().cloned().zip(items))
                    }
                    _ => Some(Value::Array(items)),
                }
            }
            b'{' => {
                let (key, value) = match shape {
                    Some(Shape::Map(key, value)) => (Some(key.as_ref()), Some(value.as_ref())),
                    _ => (None, None),
                };
                let mut entries = Vec::new();
                self.list(b'}', |reader, _| {
                    let key = match reader.value(key, depth + 1)? {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    reader.take(b':')?;
                    entries.push((key, reader.value(value, depth + 1)?));
                    Some(())
                })?;
                object(entries.into_iter())
            }
            b'\'' => self.quoted(shape),
            _ => self.bare(shape),
        }
    }

    /// The parts between the opening sign and `close`, commas between them.
    fn list(
        &mut self,
        close: u8,
        mut part: impl FnMut(&mut Self, usize) -> Option<()>,
    ) -> Option<()> {
        self.rest = &self.rest[1..];
        if self.take(close).is_some() {
            return Some(());
        }
        for nth in 0.. {
            part(self, nth)?;
            if self.take(b',').is_none() {
                break;
            }
            self.skip_spaces();
            // Servers write a tuple of one with a comma behind it, in some versions.
            if self.rest.first() == Some(&close) {
                break;
            }
        }
        self.take(close)
    }

    fn take(&mut self, sign: u8) -> Option<()> {
        self.skip_spaces();
        self.rest = self.rest.strip_prefix(&[sign])?;
        if sign == b':' {
            self.skip_spaces();
        }
        Some(())
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn quoted(&mut self, shape: Option<&Shape>) -> Option<Value> {
        let inner = &self.rest[1..];
        let mut end = 0;
        while *inner.get(end)? != b'\'' {
            end += 1 + usize::from(inner[end] == b'\\');
        }
        let text = String::from_utf8(cells::unescape(&inner[..end]).into_owned()).ok()?;
        self.rest = &inner[end + 1..];
        Some(match shape {
            Some(Shape::Json) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            Some(Shape::FixedText) => Value::String(text.trim_end_matches('\0').to_owned()),
            _ => Value::String(text),
        })
    }

    /// A number, a truth or NULL.
    fn bare(&mut self, shape: Option<&Shape>) -> Option<Value> {
        let ends = |byte: &u8| b",])}: ".contains(byte);
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let word = std::str::from_utf8(&self.rest[..end]).ok()?;
        self.rest = &self.rest[end..];
        if word.is_empty() {
            return None;
        }
        let text = || Value::String(word.to_owned());
        Some(match (word, shape) {
            ("NULL", _) => Value::Null,
            ("true", Some(Shape::Bool)) => Value::Bool(true),
            ("false", Some(Shape::Bool)) => Value::Bool(false),
            (_, Some(Shape::Decimal { scale })) => {
                cells::decimal(word, *scale).map_or_else(text, Value::String)
            }
            (_, Some(Shape::Float)) => float(word).unwrap_or_else(text),
            _ => whole(word).or_else(|| float(word)).unwrap_or_else(text),
        })
    }
}

/// A whole number that every reader of JSON keeps exactly; larger ones are text.
fn whole(word: &str) -> Option<Value> {
    if let Ok(number) = word.parse::<i128>()
        && number.abs() <= MAX_EXACT
    {
        return Some(Value::Number(Number::from(number as i64)));
    }
    let digits = word.strip_prefix('-').unwrap_or(word);
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| Value::String(word.to_owned()))
}

/// A float that JSON can say; NaN and the infinities are text.
fn float(word: &str) -> Option<Value> {
    let number: f64 = word.parse().ok()?;
    Number::from_f64(number).map(Value::Number)
}

fn object(entries: impl Iterator<Item = (String, Value)>) -> Option<Value> {
    let mut object = Map::new();
    for (key, value) in entries {
        if object.insert(key, value).is_some() {
            return None;
        }
    }
    Some(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(kind: &str, field: &str) -> Option<Value> {
        read(&Type::parse(kind), field.as_bytes())
    }

    #[test]
    fn nested_values_become_json() {
        for (kind, field, expected) in [
            ("Array(UInt8)", "[]", json!([])),
            ("Array(Nullable(UInt8))", "[1,NULL,3]", json!([1, null, 3])),
            (
                "Array(Array(UInt8))",
                "[[1],[],[2,3]]",
                json!([[1], [], [2, 3]]),
            ),
            (
                "Array(String)",
                r"['a','it\'s','b,]\t\\']",
                json!(["a", "it's", "b,]\t\\"]),
            ),
            ("Array(FixedString(3))", r"['a\0\0']", json!(["a"])),
            ("Array(Bool)", "[true,false]", json!([true, false])),
            (
                "Array(Float64)",
                "[1,0.5,nan,-inf,1e100]",
                json!([1.0, 0.5, "nan", "-inf", 1e100]),
            ),
            ("Array(Decimal(9, 2))", "[1.5,2]", json!(["1.50", "2.00"])),
            ("Array(Date)", "['2024-02-29']", json!(["2024-02-29"])),
            ("Tuple(UInt8, String)", "(1,'x')", json!([1, "x"])),
            ("Tuple(UInt8)", "(1)", json!([1])),
            ("Tuple(UInt8)", "(1,)", json!([1])),
            ("Tuple()", "()", json!([])),
            (
                "Tuple(a UInt8, b Array(String))",
                "(1,['x'])",
                json!({"a": 1, "b": ["x"]}),
            ),
            (
                "Map(String, UInt8)",
                "{'a':1,'b':2}",
                json!({"a": 1, "b": 2}),
            ),
            ("Map(UInt8, String)", "{1:'x'}", json!({"1": "x"})),
            (
                "Map(String, Map(String, UInt8))",
                "{'a':{'b':1}}",
                json!({"a": {"b": 1}}),
            ),
            ("Map(String, UInt8)", "{}", json!({})),
            ("Array(Point)", "[(1,2.5)]", json!([[1, 2.5]])),
            ("Array(JSON)", r#"['{"a":1}']"#, json!([{"a": 1}])),
            (
                "Nested(a UInt8, b String)",
                "[(1,'x')]",
                json!([{"a": 1, "b": "x"}]),
            ),
        ] {
            assert_eq!(value(kind, field), Some(expected), "{kind} {field}");
        }
    }

    #[test]
    fn large_whole_numbers_are_text() {
        assert_eq!(
            value(
                "Array(UInt64)",
                "[9007199254740992,9007199254740993,18446744073709551615]"
            ),
            Some(json!([
                9007199254740992_i64,
                "9007199254740993",
                "18446744073709551615"
            ]))
        );
        let wide = "1".repeat(70);
        assert_eq!(
            value("Array(Int256)", &format!("[-{wide},5]")),
            Some(json!([format!("-{wide}"), 5]))
        );
    }

    #[test]
    fn what_json_cannot_hold_is_not_read() {
        assert_eq!(value("Map(String, UInt8)", "{'a':1,'a':2}"), None);
        assert_eq!(read(&Type::parse("Array(String)"), b"['\xff']"), None);
        let deep = "[".repeat(1_000);
        for torn in [
            "", "[", "[1", "[1,", "['a", "['a\\", "(1", "{'a'", "{'a':", "[1]x", "[,]", &deep,
        ] {
            assert_eq!(value("Array(UInt8)", torn), None, "{torn}");
        }
    }
}
