//! Geometry as text. The server sends its number of the coordinate system and well-known binary; people read
//! well-known text.

use std::fmt::Write as _;

/// A collection may hold collections; more deeply than this nobody nests them.
const MAX_DEPTH: usize = 16;

/// `POINT(30 10)`, with `SRID=4326;` before it where the coordinate system is not the plain one. Numbers stand in
/// the order in which they are stored, x before y. What cannot be read is written in hexadecimal.
pub(super) fn text(bytes: &[u8]) -> String {
    read(bytes).unwrap_or_else(|| format!("0x{}", hex::encode(bytes)))
}

fn read(bytes: &[u8]) -> Option<String> {
    let (system, shape) = bytes.split_first_chunk::<4>()?;
    let mut text = match u32::from_le_bytes(*system) {
        0 => String::new(),
        system => format!("SRID={system};"),
    };
    let mut reader = Reader {
        rest: shape,
        little: true,
    };
    reader.shape(&mut text, 0)?;
    reader.rest.is_empty().then_some(text)
}

struct Reader<'a> {
    rest: &'a [u8],
    /// The lowest byte comes first.
    little: bool,
}

impl Reader<'_> {
    fn shape(&mut self, text: &mut String, depth: usize) -> Option<()> {
        let kind = self.head()?;
        let name = match kind {
            1 => "POINT",
            2 => "LINESTRING",
            3 => "POLYGON",
            4 => "MULTIPOINT",
            5 => "MULTILINESTRING",
            6 => "MULTIPOLYGON",
            7 => "GEOMETRYCOLLECTION",
            _ => return None,
        };
        text.push_str(name);
        match kind {
            7 if depth < MAX_DEPTH => self.list(text, |reader, text| reader.shape(text, depth + 1)),
            7 => None,
            kind => self.body(text, kind),
        }
    }

    /// What stands in the parentheses.
    fn body(&mut self, text: &mut String, kind: u32) -> Option<()> {
        match kind {
            1 => {
                text.push('(');
                self.point(text)?;
                text.push(')');
                Some(())
            }
            2 => self.list(text, Self::point),
            3 => self.list(text, |reader, text| reader.list(text, Self::point)),
            4 => self.list(text, |reader, text| {
                reader.head_of(1)?;
                reader.point(text)
            }),
            5 => self.list(text, |reader, text| {
                reader.head_of(2)?;
                reader.body(text, 2)
            }),
            6 => self.list(text, |reader, text| {
                reader.head_of(3)?;
                reader.body(text, 3)
            }),
            _ => None,
        }
    }

    /// A count and so many parts.
    fn list(
        &mut self,
        text: &mut String,
        mut part: impl FnMut(&mut Self, &mut String) -> Option<()>,
    ) -> Option<()> {
        let count = self.number()?;
        if count == 0 {
            text.push_str(" EMPTY");
            return Some(());
        }
        text.push('(');
        for nth in 0..count {
            if nth > 0 {
                text.push(',');
            }
            part(self, text)?;
        }
        text.push(')');
        Some(())
    }

    fn point(&mut self, text: &mut String) -> Option<()> {
        let (x, y) = (self.float()?, self.float()?);
        write!(text, "{x} {y}").ok()
    }

    /// Byte order and kind.
    fn head(&mut self) -> Option<u32> {
        let (order, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.little = match order {
            0 => false,
            1 => true,
            _ => return None,
        };
        self.number()
    }

    fn head_of(&mut self, kind: u32) -> Option<()> {
        (self.head()? == kind).then_some(())
    }

    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(if self.little {
            u32::from_le_bytes(*bytes)
        } else {
            u32::from_be_bytes(*bytes)
        })
    }

    fn float(&mut self) -> Option<f64> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(if self.little {
            f64::from_le_bytes(*bytes)
        } else {
            f64::from_be_bytes(*bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(system: u32, parts: &[&[u8]]) -> Vec<u8> {
        let mut all = system.to_le_bytes().to_vec();
        all.extend(parts.concat());
        all
    }

    fn head(kind: u8) -> [u8; 5] {
        [1, kind, 0, 0, 0]
    }

    fn count(count: u32) -> [u8; 4] {
        count.to_le_bytes()
    }

    fn point(x: f64, y: f64) -> [u8; 16] {
        let mut both = [0; 16];
        both[..8].copy_from_slice(&x.to_le_bytes());
        both[8..].copy_from_slice(&y.to_le_bytes());
        both
    }

    #[test]
    fn shapes_are_written_as_well_known_text() {
        let (one, two) = (point(30.0, 10.5), point(-1.0, 0.0));
        assert_eq!(text(&bytes(0, &[&head(1), &one])), "POINT(30 10.5)");
        assert_eq!(
            text(&bytes(4326, &[&head(1), &one])),
            "SRID=4326;POINT(30 10.5)"
        );
        assert_eq!(
            text(&bytes(0, &[&head(2), &count(2), &one, &two])),
            "LINESTRING(30 10.5,-1 0)"
        );
        assert_eq!(
            text(&bytes(0, &[&head(3), &count(1), &count(2), &one, &two])),
            "POLYGON((30 10.5,-1 0))"
        );
        assert_eq!(
            text(&bytes(0, &[&head(4), &count(1), &head(1), &one])),
            "MULTIPOINT(30 10.5)"
        );
        let line: &[&[u8]] = &[&head(2), &count(1), &one];
        assert_eq!(
            text(&bytes(0, &[&head(5), &count(1), &line.concat()])),
            "MULTILINESTRING((30 10.5))"
        );
        let area: &[&[u8]] = &[&head(3), &count(1), &count(1), &two];
        assert_eq!(
            text(&bytes(0, &[&head(6), &count(1), &area.concat()])),
            "MULTIPOLYGON(((-1 0)))"
        );
        assert_eq!(
            text(&bytes(
                0,
                &[&head(7), &count(2), &head(1), &two, &line.concat()]
            )),
            "GEOMETRYCOLLECTION(POINT(-1 0),LINESTRING(30 10.5))"
        );
        assert_eq!(
            text(&bytes(0, &[&head(7), &count(0)])),
            "GEOMETRYCOLLECTION EMPTY"
        );
    }

    #[test]
    fn the_highest_byte_may_come_first() {
        let mut shape = vec![0, 0, 0, 0, 1];
        shape.extend(1.5_f64.to_be_bytes());
        shape.extend(2.0_f64.to_be_bytes());
        assert_eq!(text(&bytes(0, &[&shape])), "POINT(1.5 2)");
    }

    #[test]
    fn what_cannot_be_read_is_hexadecimal() {
        for torn in [
            vec![],
            vec![1, 2],
            bytes(0, &[&head(9)]),
            bytes(0, &[&head(2), &count(u32::MAX)]),
            bytes(0, &[&head(1), &point(1.0, 2.0), &[0]]),
        ] {
            assert_eq!(text(&torn), format!("0x{}", hex::encode(&torn)));
        }
        let one: &[&[u8]] = &[&head(7), &count(1)];
        let deep = bytes(0, &[one.concat().repeat(1_000).as_slice()]);
        assert!(text(&deep).starts_with("0x"));
    }
}
