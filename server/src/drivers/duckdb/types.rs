//! Types, read from the text in which DuckDB names them.

use tidegate_schema::model::CellKind;

/// A type nested deeper is not taken apart.
const MAX_DEPTH: usize = 32;

/// What is told from a type's name: how its values are read and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    /// A whole number of up to 64 bits; of more it is a decimal where it does not fit.
    Int,
    Decimal,
    Float,
    Text,
    Bytes,
    Date,
    Time,
    Timestamp,
    /// A document.
    Json,
    /// One of these labels.
    Enum(Vec<String>),
    /// Whole numbers of any size, which are fetched as DuckDB writes them.
    Digits,
    /// What has no exact form but the text DuckDB writes, which is fetched in its place.
    Written,
    List(Box<Type>),
    Map(Box<(Type, Type)>),
    Struct(Vec<Type>),
    Union(Vec<Type>),
    /// A name of the user's own, or one that is not known: its values are read as they come.
    Other,
}

/// Stands for the types inside of one that is not known.
static UNKNOWN: Type = Type::Other;

impl Type {
    /// The type of a name such as `STRUCT(a INTEGER, "b c" VARCHAR[])`.
    pub(super) fn parse(name: &str) -> Self {
        let mut text = Text { rest: name };
        match text.whole(0) {
            Some(found) if text.rest.trim().is_empty() => found,
            _ => Self::Other,
        }
    }

    /// What the cells are.
    pub(super) fn kind(&self) -> CellKind {
        match self {
            Self::Bool => CellKind::Bool,
            Self::Int | Self::Digits => CellKind::Int,
            Self::Decimal => CellKind::Decimal,
            Self::Float => CellKind::Float,
            Self::Text | Self::Enum(_) | Self::Written => CellKind::Text,
            Self::Bytes => CellKind::Bytes,
            Self::Date => CellKind::Date,
            Self::Time => CellKind::Time,
            Self::Timestamp => CellKind::Timestamp,
            Self::Json => CellKind::Json,
            Self::List(_) | Self::Map(_) | Self::Struct(_) | Self::Union(_) => {
                if self.is_fetched_as_text() {
                    CellKind::Text
                } else {
                    CellKind::Json
                }
            }
            Self::Other => CellKind::Unknown,
        }
    }

    /// Whether DuckDB has to write the values, as Arrow has no exact form for them or for what is inside of them.
    pub(super) fn is_fetched_as_text(&self) -> bool {
        match self {
            Self::Digits | Self::Written => true,
            Self::List(inner) => inner.is_fetched_as_text(),
            Self::Map(inner) => inner.0.is_fetched_as_text() || inner.1.is_fetched_as_text(),
            Self::Struct(inner) | Self::Union(inner) => inner.iter().any(Self::is_fetched_as_text),
            _ => false,
        }
    }

    /// As what the values arrive.
    pub(super) fn fetched(self) -> Self {
        if self != Self::Digits && self.is_fetched_as_text() {
            Self::Written
        } else {
            self
        }
    }

    /// The type of the nth part: of an element, a key and its value, a field, a member.
    pub(super) fn part(&self, nth: usize) -> &Self {
        let part = match self {
            Self::List(inner) => Some(&**inner),
            Self::Map(inner) if nth == 0 => Some(&inner.0),
            Self::Map(inner) => Some(&inner.1),
            Self::Struct(inner) | Self::Union(inner) => inner.get(nth),
            _ => None,
        };
        part.unwrap_or(&UNKNOWN)
    }

    fn of_word(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "BOOLEAN" => Self::Bool,
            "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "UTINYINT" | "USMALLINT"
            | "UINTEGER" | "UBIGINT" | "HUGEINT" => Self::Int,
            "UHUGEINT" | "BIGNUM" | "VARINT" => Self::Digits,
            "DECIMAL" => Self::Decimal,
            "FLOAT" | "DOUBLE" => Self::Float,
            "VARCHAR" | "UUID" => Self::Text,
            "BLOB" => Self::Bytes,
            "DATE" => Self::Date,
            "TIME" | "TIME_NS" => Self::Time,
            "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS" => Self::Timestamp,
            "JSON" => Self::Json,
            "INTERVAL" | "BIT" | "GEOMETRY" | "VARIANT" => Self::Written,
            _ => Self::Other,
        }
    }
}

/// The part of a name that is still to be read.
struct Text<'a> {
    rest: &'a str,
}

impl Text<'_> {
    /// A type with the brackets of the lists and arrays it is the element of.
    fn whole(&mut self, depth: usize) -> Option<Type> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut found = self.plain(depth)?;
        while self.take("[") {
            let size = self.rest.find(']')?;
            self.rest = &self.rest[size + 1..];
            found = Type::List(Box::new(found));
        }
        Some(found)
    }

    fn plain(&mut self, depth: usize) -> Option<Type> {
        if self.rest.trim_start().starts_with('"') {
            self.name()?;
            return Some(Type::Other);
        }
        let word = self.name()?;
        let found = match word.to_ascii_uppercase().as_str() {
            "STRUCT" if self.take("(") => Type::Struct(self.list(|text| text.field(depth + 1))?),
            "UNION" if self.take("(") => Type::Union(self.list(|text| text.field(depth + 1))?),
            "MAP" if self.take("(") => {
                let mut pair = self.list(|text| text.whole(depth + 1))?.into_iter();
                Type::Map(Box::new((pair.next()?, pair.next()?)))
            }
            "ENUM" if self.take("(") => Type::Enum(self.list(Self::label)?),
            "TIME" if self.take("WITH TIME ZONE") => Type::Written,
            "TIMESTAMP" if self.take("WITH TIME ZONE") => Type::Timestamp,
            _ => {
                if self.take("(") {
                    // Width and scale, or a coordinate system: they do not change how a value is read.
                    self.list(Self::argument)?;
                }
                Type::of_word(&word)
            }
        };
        Some(found)
    }

    /// A field's type after its name; fields made by `row(…)` have none.
    fn field(&mut self, depth: usize) -> Option<Type> {
        let start = self.rest;
        self.name()?;
        let after = self.rest.trim_start();
        if after.starts_with([',', ')', '(', '[']) || after.starts_with("WITH TIME ZONE") {
            self.rest = start;
        }
        self.whole(depth)
    }

    /// Items with commas between them, up to the closing parenthesis.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut found = Vec::new();
        if self.take(")") {
            return Some(found);
        }
        loop {
            found.push(item(self)?);
            if self.take(")") {
                return Some(found);
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn argument(&mut self) -> Option<()> {
        if self.rest.trim_start().starts_with('\'') {
            self.label()?;
        } else {
            self.name()?;
        }
        Some(())
    }

    fn label(&mut self) -> Option<String> {
        self.quoted('\'')
    }

    /// A name, in quotes where it needs them.
    fn name(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        if rest.starts_with('"') {
            return self.quoted('"');
        }
        let end = rest
            .find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '$')
            .unwrap_or(rest.len());
        self.rest = &rest[end..];
        (end > 0).then(|| rest[..end].to_owned())
    }

    /// A quote inside is written twice.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut found = String::new();
        let mut rest = self.rest.trim_start().strip_prefix(quote)?;
        loop {
            let end = rest.find(quote)?;
            found.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix(quote) {
                Some(more) => {
                    found.push(quote);
                    rest = more;
                }
                None => break,
            }
        }
        self.rest = rest;
        Some(found)
    }

    fn take(&mut self, part: &str) -> bool {
        let taken = self.rest.trim_start().strip_prefix(part);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_how_values_are_read() {
        let list = |inner| Type::List(Box::new(inner));
        for (name, expected) in [
            ("BIGINT", Type::Int),
            ("DECIMAL(18,3)", Type::Decimal),
            ("TIMESTAMP WITH TIME ZONE", Type::Timestamp),
            ("TIME WITH TIME ZONE", Type::Written),
            ("VARCHAR[]", list(Type::Text)),
            ("INTEGER[3][]", list(list(Type::Int))),
            (
                "ENUM('a', 'it''s, b')",
                Type::Enum(vec!["a".into(), "it's, b".into()]),
            ),
            (
                "MAP(VARCHAR, JSON[])",
                Type::Map(Box::new((Type::Text, list(Type::Json)))),
            ),
            (
                "STRUCT(a INTEGER, \"b, c\" STRUCT(\"time\" TIME WITH TIME ZONE))",
                Type::Struct(vec![Type::Int, Type::Struct(vec![Type::Written])]),
            ),
            (
                "STRUCT(INTEGER, VARCHAR[], TIMESTAMP WITH TIME ZONE, DECIMAL(4,1))",
                Type::Struct(vec![
                    Type::Int,
                    list(Type::Text),
                    Type::Timestamp,
                    Type::Decimal,
                ]),
            ),
            (
                "UNION(num INTEGER, str VARCHAR)",
                Type::Union(vec![Type::Int, Type::Text]),
            ),
            ("GEOMETRY('EPSG:4326')", Type::Written),
            ("money", Type::Other),
            ("\"NULL\"", Type::Other),
            ("STRUCT(a", Type::Other),
            ("", Type::Other),
        ] {
            assert_eq!(Type::parse(name), expected, "{name}");
        }
        assert_eq!(Type::parse(&"STRUCT(a ".repeat(10_000)), Type::Other);
    }

    #[test]
    fn what_arrow_cannot_carry_is_fetched_as_text() {
        for name in [
            "INTERVAL",
            "BIT[]",
            "MAP(INTEGER, UHUGEINT)",
            "STRUCT(a INTERVAL)",
        ] {
            assert_eq!(Type::parse(name).fetched(), Type::Written, "{name}");
            assert_eq!(Type::parse(name).kind(), CellKind::Text, "{name}");
        }
        assert_eq!(Type::parse("UHUGEINT").fetched(), Type::Digits);
        assert_eq!(Type::parse("UHUGEINT").kind(), CellKind::Int);
        assert_eq!(Type::parse("DATE[]").kind(), CellKind::Json);
    }
}
