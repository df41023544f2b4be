//! An `ExportTraceServiceRequest` as protobuf: the few fields of it that are sent, by their numbers in OTLP's
//! `trace.proto`, `common.proto` and `resource.proto`.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::nanoseconds;

/// On which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::telemetry) enum Kind {
    /// Answers.
    Server,
    /// Asks.
    Client,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::telemetry) enum Attribute {
    Text(String),
    Number(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub(in crate::telemetry) struct Span {
    pub(in crate::telemetry) trace_id: [u8; 16],
    pub(in crate::telemetry) id: [u8; 8],
    pub(in crate::telemetry) parent: Option<[u8; 8]>,
    pub(in crate::telemetry) name: String,
    pub(in crate::telemetry) kind: Kind,
    pub(in crate::telemetry) begun: DateTime<Utc>,
    pub(in crate::telemetry) time: Duration,
    pub(in crate::telemetry) attributes: Vec<(&'static str, Attribute)>,
    pub(in crate::telemetry) failed: bool,
}

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number as u8 & 0x7f) | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// A field that is a whole number.
    fn number(&mut self, field: u32, number: u64) {
        self.varint(u64::from(field << 3));
        self.varint(number);
    }

    /// A field of eight bytes.
    fn fixed(&mut self, field: u32, number: u64) {
        self.varint(u64::from((field << 3) | 1));
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A field that is text, bytes, or another message.
    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from((field << 3) | 2));
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn attribute(&mut self, field: u32, name: &str, value: &Attribute) {
        self.message(field, |pair| {
            pair.bytes(1, name.as_bytes());
            pair.message(2, |any| match value {
                Attribute::Text(text) => any.bytes(1, text.as_bytes()),
                Attribute::Number(number) => any.number(3, number.cast_unsigned()),
            });
        });
    }

    fn span(&mut self, span: &Span) {
        const FAILED: u64 = 2;
        self.bytes(1, &span.trace_id);
        self.bytes(2, &span.id);
        if let Some(parent) = &span.parent {
            self.bytes(4, parent);
        }
        self.bytes(5, span.name.as_bytes());
        let kind = match span.kind {
            Kind::Server => 2,
            Kind::Client => 3,
        };
        self.number(6, kind);
        let begun = nanoseconds(span.begun);
        let took = u64::try_from(span.time.as_nanos()).unwrap_or(u64::MAX);
        self.fixed(7, begun);
        self.fixed(8, begun.saturating_add(took));
        for (name, value) in &span.attributes {
            self.attribute(9, name, value);
        }
        if span.failed {
            self.message(15, |status| status.number(3, FAILED));
        }
    }
}

/// Spans as a collector takes them.
pub(super) fn request(spans: &[Span]) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |of_resource| {
        of_resource.message(1, |resource| {
            resource.attribute(1, "service.name", &"tidegate".into());
            resource.attribute(1, "service.version", &env!("CARGO_PKG_VERSION").into());
        });
        of_resource.message(2, |of_scope| {
            of_scope.message(1, |scope| scope.bytes(1, b"tidegate"));
            for span in spans {
                of_scope.message(2, |message| message.span(span));
            }
        });
    });
    request.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of a message: number, and what stands there as bytes.
    fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let mut number = 0;
            for shift in (0..).step_by(7) {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                number |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            number
        }
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let length = match tag & 7 {
                0 => {
                    let number = varint(&mut bytes);
                    found.push((tag >> 3, number.to_le_bytes().to_vec()));
                    continue;
                }
                1 => 8,
                2 => varint(&mut bytes) as usize,
                other => panic!("wire type {other}"),
            };
            found.push((tag >> 3, bytes[..length].to_vec()));
            bytes = &bytes[length..];
        }
        found
    }

    fn one(bytes: &[u8], number: u64) -> Vec<u8> {
        let mut found = fields(bytes)
            .into_iter()
            .filter(|(field, _)| *field == number);
        let (_, bytes) = found.next().expect("the field");
        bytes
    }

    #[test]
    fn a_span_stands_where_a_collector_looks_for_it() {
        let span = Span {
            trace_id: [1; 16],
            id: [2; 8],
            parent: Some([3; 8]),
            name: "chat gpt".to_owned(),
            kind: Kind::Client,
            begun: DateTime::from_timestamp(1, 5).expect("a time"),
            time: Duration::from_nanos(7),
            attributes: vec![
                ("gen_ai.request.model", "gpt".into()),
                ("gen_ai.usage.input_tokens", 300_i64.into()),
            ],
            failed: true,
        };
        let of_resource = one(&request(&[span.clone(), span]), 1);
        let service = one(&one(&of_resource, 1), 1);
        assert_eq!(one(&service, 1), b"service.name");
        assert_eq!(one(&one(&service, 2), 1), b"tidegate");
        let of_scope = one(&of_resource, 2);
        let spans: Vec<Vec<u8>> = fields(&of_scope)
            .into_iter()
            .filter(|(field, _)| *field == 2)
            .map(|(_, bytes)| bytes)
            .collect();
        assert_eq!(spans.len(), 2);
        let span = &spans[0];
        assert_eq!(one(span, 1), [1; 16]);
        assert_eq!(one(span, 2), [2; 8]);
        assert_eq!(one(span, 4), [3; 8]);
        assert_eq!(one(span, 5), b"chat gpt");
        assert_eq!(one(span, 6), 3_u64.to_le_bytes());
        assert_eq!(one(span, 7), 1_000_000_005_u64.to_le_bytes());
        assert_eq!(one(span, 8), 1_000_000_012_u64.to_le_bytes());
        assert_eq!(one(&one(span, 15), 3), 2_u64.to_le_bytes());
        let attributes: Vec<Vec<u8>> = fields(span)
            .into_iter()
            .filter(|(field, _)| *field == 9)
            .map(|(_, bytes)| bytes)
            .collect();
        assert_eq!(one(&one(&attributes[0], 2), 1), b"gpt");
        assert_eq!(one(&one(&attributes[1], 2), 3), 300_u64.to_le_bytes());
    }
}
