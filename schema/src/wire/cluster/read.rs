//! Reading bodies and queries field by field, with DB-GPT's words for what is wrong.

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::PeerError;

/// Longest text of a caller's that is shown back, and most entries of a list or an object.
const SHOWN: usize = 200;

/// One thing that is wrong with a body or a query.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// What kind of thing: `missing`, `string_type`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Where: `body` or `query`, then the field.
    #[schema(value_type = Vec<Value>)]
    pub loc: Vec<Value>,
    /// What would be right.
    pub msg: String,
    /// What came, as far as it is short.
    #[schema(value_type = Value)]
    pub input: Value,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub ctx: Option<Value>,
}

/// Everything that is wrong with one request.
pub type Problems = Vec<FieldProblem>;

/// The body of a refusal on these routes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorBody)]
pub struct RefusalBody {
    /// A list of problems with fields, or a text.
    #[schema(value_type = Value)]
    pub detail: Value,
    /// The same for our own processes, where it is no matter of fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<PeerError>,
}

impl RefusalBody {
    /// Fields that cannot be accepted.
    pub fn fields(problems: &[FieldProblem]) -> Self {
        Self {
            detail: json!(problems),
            error: None,
        }
    }

    /// What failed, in a text.
    pub fn failed(message: &str, error: PeerError) -> Self {
        Self {
            detail: message.into(),
            error: Some(error),
        }
    }
}

/// A body that is to be a JSON object.
///
/// # Errors
/// What is wrong with it, as a list of one.
pub fn body(bytes: &[u8]) -> Result<Map<String, Value>, Problems> {
    let one = |kind: &str, loc: Vec<Value>, msg: &str, input, ctx| {
        vec![FieldProblem {
            kind: kind.to_owned(),
            loc,
            msg: msg.to_owned(),
            input,
            ctx,
        }]
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(one(
            "missing",
            vec![json!("body")],
            "Field required",
            Value::Null,
            None,
        ));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(one(
            "model_attributes_type",
            vec![json!("body")],
            "Input should be a valid dictionary or object to extract fields from",
            shown(&other),
            None,
        )),
        Err(error) => Err(one(
            "json_invalid",
            vec![json!("body"), json!(offset(bytes, &error))],
            "JSON decode error",
            json!({}),
            Some(json!({ "error": error.to_string() })),
        )),
    }
}

/// Where in a text JSON breaks off, in bytes from its beginning.
fn offset(bytes: &[u8], error: &serde_json::Error) -> usize {
    let before: usize = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let column = if error.is_eof() {
        error.column()
    } else {
        error.column().saturating_sub(1)
    };
    before + column
}

/// The parameters of a query, the last of a name.
pub fn query<K: Into<String>, V: Into<String>>(
    pairs: impl Iterator<Item = (K, V)>,
) -> Map<String, Value> {
    pairs
        .map(|(name, value)| (name.into(), Value::String(value.into())))
        .collect()
}

/// Reads the fields of an object. Every method gives something to go on with; [`Reader::end`] tells what was wrong.
pub struct Reader<'a> {
    place: &'static str,
    object: &'a Map<String, Value>,
    problems: Problems,
}

impl<'a> Reader<'a> {
    /// Of a body.
    pub fn of_body(object: &'a Map<String, Value>) -> Self {
        Self::of("body", object)
    }

    /// Of a query.
    pub fn of_query(object: &'a Map<String, Value>) -> Self {
        Self::of("query", object)
    }

    fn of(place: &'static str, object: &'a Map<String, Value>) -> Self {
        Self {
            place,
            object,
            problems: Vec::new(),
        }
    }

    /// What was wrong, if anything was.
    ///
    /// # Errors
    /// Every problem, in the order in which the fields were read.
    pub fn end(self) -> Result<(), Problems> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self.problems)
        }
    }

    /// A field, unless it was left out or is null.
    pub fn given(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// The same of a field that must be there.
    pub fn required(&mut self, name: &str) -> Option<&'a Value> {
        let given = self.given(name);
        if given.is_none() {
            // A query is not shown back as a whole.
            let input = if self.place == "body" {
                whole(self.object)
            } else {
                Value::Null
            };
            self.wrong_at("missing", name, "Field required", input, None);
        }
        given
    }

    /// Notes that a field is wrong.
    pub fn wrong(&mut self, kind: &str, name: &str, msg: &str) {
        let input = self.object.get(name).map_or(Value::Null, shown);
        self.wrong_at(kind, name, msg, input, None);
    }

    /// The same with more about it.
    pub fn wrong_with(&mut self, kind: &str, name: &str, msg: &str, ctx: Value) {
        let input = self.object.get(name).map_or(Value::Null, shown);
        self.wrong_at(kind, name, msg, input, Some(ctx));
    }

    fn wrong_at(&mut self, kind: &str, name: &str, msg: &str, input: Value, ctx: Option<Value>) {
        self.problems.push(FieldProblem {
            kind: kind.to_owned(),
            loc: vec![json!(self.place), json!(name)],
            msg: msg.to_owned(),
            input,
            ctx,
        });
    }

    /// Text that must be there; empty where it is wrong.
    pub fn text(&mut self, name: &str) -> String {
        self.text_if_required(name).unwrap_or_default()
    }

    /// The same; nothing where it is wrong.
    pub fn text_if_required(&mut self, name: &str) -> Option<String> {
        self.required(name)?;
        self.text_or_none(name)
    }

    /// Text that may be left out.
    pub fn text_or_none(&mut self, name: &str) -> Option<String> {
        let text = self.given(name)?.as_str();
        if text.is_none() {
            self.wrong("string_type", name, "Input should be a valid string");
        }
        text.map(str::to_owned)
    }

    /// A whole number that may be left out, also as text.
    pub fn whole_or_none(&mut self, name: &str) -> Option<i64> {
        let read = match self.given(name)? {
            Value::Number(number) => number.as_i64().or_else(|| {
                number
                    .as_f64()
                    .filter(|n| n.fract() == 0.0)
                    .map(|n| n as i64)
            }),
            Value::String(text) => {
                let read = text.trim().parse().ok();
                if read.is_none() {
                    let msg =
                        "Input should be a valid integer, unable to parse string as an integer";
                    self.wrong("int_parsing", name, msg);
                    return None;
                }
                read
            }
            _ => None,
        };
        if read.is_none() {
            self.wrong("int_type", name, "Input should be a valid integer");
        }
        read
    }

    /// A whole number from 0 on that fits, where it is given.
    pub fn count_or_none(&mut self, name: &str) -> Option<u32> {
        let number = self.whole_or_none(name)?;
        let fits = u32::try_from(number).ok();
        if fits.is_none() {
            let msg = "Input should be greater than or equal to 0";
            self.wrong_with("greater_than_equal", name, msg, json!({"ge": 0}));
        }
        fits
    }

    /// A port that must be there; 0 where it is wrong.
    pub fn port(&mut self, name: &str) -> u16 {
        if self.required(name).is_none() {
            return 0;
        }
        let Some(number) = self.whole_or_none(name) else {
            return 0;
        };
        u16::try_from(number).unwrap_or_else(|_| {
            self.wrong(
                "int_range",
                name,
                "Input should be a port between 0 and 65535",
            );
            0
        })
    }

    /// A number that may be left out, also as text.
    pub fn number_or_none(&mut self, name: &str) -> Option<f64> {
        let read = match self.given(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => {
                let read = text.trim().parse().ok();
                if read.is_none() {
                    let msg = "Input should be a valid number, unable to parse string as a number";
                    self.wrong("float_parsing", name, msg);
                    return None;
                }
                read
            }
            _ => None,
        };
        if read.is_none() {
            self.wrong("float_type", name, "Input should be a valid number");
        }
        read
    }

    /// Yes or no, in every spelling that DB-GPT takes.
    pub fn flag(&mut self, name: &str, unsaid: bool) -> bool {
        let Some(value) = self.given(name) else {
            return unsaid;
        };
        let read = match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match number.as_f64() {
                Some(0.0) => Some(false),
                Some(1.0) => Some(true),
                _ => None,
            },
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "y" | "on" | "t" => Some(true),
                "false" | "0" | "no" | "n" | "off" | "f" => Some(false),
                _ => None,
            },
            _ => None,
        };
        read.unwrap_or_else(|| {
            let msg = "Input should be a valid boolean, unable to interpret input";
            self.wrong("bool_parsing", name, msg);
            unsaid
        })
    }

    /// A list of texts that must be there; empty where it is wrong.
    pub fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(value) = self.required(name) else {
            return Vec::new();
        };
        let Value::Array(items) = value else {
            self.wrong("list_type", name, "Input should be a valid list");
            return Vec::new();
        };
        let texts: Option<Vec<String>> = items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect();
        texts.unwrap_or_else(|| {
            self.wrong(
                "string_type",
                name,
                "Input should be a list of valid strings",
            );
            Vec::new()
        })
    }

    /// An object that may be left out; empty then, and where it is wrong.
    pub fn object(&mut self, name: &str) -> Map<String, Value> {
        match self.given(name) {
            None => Map::new(),
            Some(Value::Object(object)) => object.clone(),
            Some(_) => {
                self.wrong("dict_type", name, "Input should be a valid dictionary");
                Map::new()
            }
        }
    }
}

/// What came, to be shown back: long texts and nested values are cut, since a body may hold keys of upstreams.
fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => text.chars().take(SHOWN).collect::<String>().into(),
        Value::Array(_) | Value::Object(_) => Value::Null,
        plain => plain.clone(),
    }
}

fn whole(object: &Map<String, Value>) -> Value {
    object
        .iter()
        .take(SHOWN)
        .map(|(name, value)| (name.clone(), shown(value)))
        .collect::<Map<_, _>>()
        .into()
}
