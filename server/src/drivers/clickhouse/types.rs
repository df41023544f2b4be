//! ClickHouse's type names, read as far as reading their values needs.

use tidegate_schema::model::CellKind;

use super::names::{arguments, head_and_inner, named, quoted};

/// Types within types; a deeper one is left unread and its values stay text.
const MAX_DEPTH: usize = 32;

/// One type, without what changes nothing in its values' text (`LowCardinality`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Type {
    /// Whether NULL may occur.
    pub(super) nullable: bool,
    /// What its values are.
    pub(super) shape: Shape,
}

/// What the values of a type are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    /// Up to 64 bits, signed or not.
    Int,
    /// 128 and 256 bits.
    WideInt,
    Float,
    Decimal {
        scale: usize,
    },
    /// `String`: any bytes, text as a rule.
    Text,
    /// `FixedString`: filled up with NULs.
    FixedText,
    /// The state of an aggregate function.
    State,
    Date,
    Time,
    Timestamp {
        /// Whether the values are in UTC and therefore points in time.
        utc: bool,
    },
    Json,
    /// The type of a bare NULL.
    Nothing,
    Array(Box<Type>),
    Tuple(Vec<Field>),
    Map(Box<Type>, Box<Type>),
    /// Shown as the server writes it: UUIDs, enums, addresses, intervals, geometry, and what is not known here.
    Written,
}

/// One part of a tuple.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name, where it has one.
    pub(super) name: Option<String>,
    /// Its type.
    pub(super) kind: Type,
}

impl Type {
    /// The type of a name. What is not understood is [`Shape::Written`].
    pub(super) fn parse(name: &str) -> Self {
        parse(name.trim(), 0)
    }

    /// The kind of its cells.
    pub(super) fn kind(&self) -> CellKind {
        match &self.shape {
            Shape::Bool => CellKind::Bool,
            Shape::Int => CellKind::Int,
            Shape::Float => CellKind::Float,
            Shape::WideInt | Shape::Decimal { .. } => CellKind::Decimal,
            Shape::Text | Shape::FixedText | Shape::Written => CellKind::Text,
            Shape::State => CellKind::Bytes,
            Shape::Date => CellKind::Date,
            Shape::Time => CellKind::Time,
            Shape::Timestamp { .. } => CellKind::Timestamp,
            Shape::Json | Shape::Array(_) | Shape::Tuple(_) | Shape::Map(..) => CellKind::Json,
            Shape::Nothing => CellKind::Unknown,
        }
    }

    /// Whether a cell of it may be empty text.
    pub(super) fn may_be_empty(&self) -> bool {
        matches!(
            self.shape,
            Shape::Text | Shape::FixedText | Shape::State | Shape::Json | Shape::Written
        )
    }

    fn of(shape: Shape) -> Self {
        Self {
            nullable: false,
            shape,
        }
    }
}

fn parse(name: &str, depth: usize) -> Type {
    let (head, inner) = head_and_inner(name);
    if depth > MAX_DEPTH {
        return Type::of(Shape::Written);
    }
    let all = inner.map(arguments).unwrap_or_default();
    let argument = |at: usize| all.get(at).copied();
    let under = |text: &str| parse(text, depth + 1);
    let shape = match (head, all.len()) {
        ("Nullable", 1) => {
            return Type {
                nullable: true,
                ..under(all[0])
            };
        }
        ("LowCardinality", 1) => return under(all[0]),
        ("SimpleAggregateFunction", 2..) => return under(all[all.len() - 1]),
        ("Variant" | "Dynamic", _) => {
            return Type {
                nullable: true,
                shape: Shape::Written,
            };
        }
        ("Array", 1) => Shape::Array(Box::new(under(all[0]))),
        ("Nested", 1..) => Shape::Array(Box::new(Type::of(Shape::Tuple(fields(&all, depth))))),
        ("Tuple", _) => Shape::Tuple(fields(&all, depth)),
        ("Map", 2) => Shape::Map(Box::new(under(all[0])), Box::new(under(all[1]))),
        ("Bool", _) => Shape::Bool,
        ("Int8" | "Int16" | "Int32" | "Int64" | "UInt8" | "UInt16" | "UInt32" | "UInt64", _) => {
            Shape::Int
        }
        ("Int128" | "Int256" | "UInt128" | "UInt256", _) => Shape::WideInt,
        ("Float32" | "Float64" | "BFloat16", _) => Shape::Float,
        ("Decimal", _) => scale(argument(1)),
        ("Decimal32" | "Decimal64" | "Decimal128" | "Decimal256", _) => scale(argument(0)),
        ("String", _) => Shape::Text,
        ("FixedString", _) => Shape::FixedText,
        ("AggregateFunction", _) => Shape::State,
        ("Date" | "Date32", _) => Shape::Date,
        ("Time" | "Time64", _) => Shape::Time,
        ("DateTime" | "DateTime32", _) => timestamp(argument(0)),
        ("DateTime64", _) => timestamp(argument(1)),
        ("JSON" | "Object", _) => Shape::Json,
        ("Nothing", _) => Shape::Nothing,
        _ => Shape::Written,
    };
    Type::of(shape)
}

fn scale(text: Option<&str>) -> Shape {
    let scale = text.and_then(|text| text.parse().ok()).unwrap_or(0);
    // No decimal of theirs has more than 76 digits; a larger number would be a misreading.
    Shape::Decimal {
        scale: usize::min(scale, 76),
    }
}

/// A zone other than UTC has offsets that depend on the time: such values keep their local time, as written.
fn timestamp(zone: Option<&str>) -> Shape {
    let zone = zone.and_then(quoted).map(|(text, _)| text);
    Shape::Timestamp {
        utc: matches!(zone.as_deref(), Some("UTC" | "Etc/UTC")),
    }
}

fn fields(all: &[&str], depth: usize) -> Vec<Field> {
    let field = |text: &&str| {
        let (name, kind) = named(text);
        Field {
            name,
            kind: parse(kind, depth + 1),
        }
    };
    all.iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(name: &str) -> Shape {
        Type::parse(name).shape
    }

    fn boxed(name: &str) -> Box<Type> {
        Box::new(Type::parse(name))
    }

    #[test]
    fn every_type_has_a_kind() {
        for (name, kind) in [
            ("Bool", CellKind::Bool),
            ("Int8", CellKind::Int),
            ("UInt64", CellKind::Int),
            ("Int128", CellKind::Decimal),
            ("UInt256", CellKind::Decimal),
            ("Float32", CellKind::Float),
            ("BFloat16", CellKind::Float),
            ("Decimal(18, 4)", CellKind::Decimal),
            ("String", CellKind::Text),
            ("FixedString(16)", CellKind::Text),
            ("LowCardinality(Nullable(String))", CellKind::Text),
            ("UUID", CellKind::Text),
            ("IPv4", CellKind::Text),
            ("Enum8('a' = 1, 'b' = 2)", CellKind::Text),
            ("IntervalDay", CellKind::Text),
            ("Point", CellKind::Text),
            ("Variant(String, UInt64)", CellKind::Text),
            ("Dynamic(max_types=8)", CellKind::Text),
            ("AggregateFunction(sum, UInt64)", CellKind::Bytes),
            ("SimpleAggregateFunction(sum, UInt64)", CellKind::Int),
            ("Date", CellKind::Date),
            ("Date32", CellKind::Date),
            ("Time64(3)", CellKind::Time),
            ("DateTime", CellKind::Timestamp),
            ("DateTime64(9, 'Europe/Oslo')", CellKind::Timestamp),
            ("JSON(max_dynamic_paths=8, a.b UInt32)", CellKind::Json),
            ("Object('json')", CellKind::Json),
            ("Array(UInt8)", CellKind::Json),
            ("Tuple(UInt8, String)", CellKind::Json),
            ("Map(String, UInt8)", CellKind::Json),
            ("Nested(a UInt8, b String)", CellKind::Json),
            ("Nullable(Nothing)", CellKind::Unknown),
            ("SomethingNew(1, 'x')", CellKind::Text),
        ] {
            assert_eq!(Type::parse(name).kind(), kind, "{name}");
        }
    }

    #[test]
    fn only_what_says_so_may_be_null() {
        for name in [
            "Nullable(UInt8)",
            "LowCardinality(Nullable(String))",
            "Dynamic",
        ] {
            assert!(Type::parse(name).nullable, "{name}");
        }
        for name in ["UInt8", "Array(Nullable(UInt8))", "LowCardinality(String)"] {
            assert!(!Type::parse(name).nullable, "{name}");
        }
    }

    #[test]
    fn parameters_are_read() {
        assert_eq!(shape("Decimal(9, 2)"), Shape::Decimal { scale: 2 });
        assert_eq!(shape("Decimal64(4)"), Shape::Decimal { scale: 4 });
        for (name, utc) in [
            ("DateTime", false),
            ("DateTime('UTC')", true),
            ("DateTime('Asia/Tokyo')", false),
            ("DateTime64(3)", false),
            ("DateTime64(3, 'UTC')", true),
        ] {
            assert_eq!(shape(name), Shape::Timestamp { utc }, "{name}");
        }
    }

    #[test]
    fn types_within_types_are_read() {
        assert_eq!(
            shape("Map(String, Array(Nullable(Decimal(9, 2))))"),
            Shape::Map(boxed("String"), boxed("Array(Nullable(Decimal(9, 2)))"))
        );
        let Shape::Tuple(fields) = shape("Tuple(a UInt8, `b c` Enum8('x, y' = 1), Decimal(9, 2))")
        else {
            panic!("a tuple");
        };
        let names: Vec<_> = fields.iter().map(|field| field.name.as_deref()).collect();
        assert_eq!(names, [Some("a"), Some("b c"), None]);
        assert_eq!(fields[2].kind.shape, Shape::Decimal { scale: 2 });
        let deep = format!("{}UInt8{}", "Array(".repeat(5_000), ")".repeat(5_000));
        assert!(matches!(shape(&deep), Shape::Array(_)), "and no overflow");
    }

    #[test]
    fn torn_names_are_no_trouble() {
        for name in [
            "",
            "(",
            ")",
            "Array(",
            "Array)",
            "Tuple(`",
            "Decimal(,)",
            "Map('\\",
        ] {
            Type::parse(name);
        }
    }
}
