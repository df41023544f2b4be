//! Numbers in text: what they look like, and which column type keeps every digit of them.

/// A number's looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// Digits alone, that fit 64 bits.
    Whole {
        /// How many.
        digits: u32,
    },
    /// Digits alone, too many for 64 bits.
    Huge,
    /// Digits around a point.
    Fraction {
        /// Before the point.
        before: u32,
        /// After the point.
        after: u32,
        /// Significant ones.
        significant: u32,
    },
    /// With an exponent, or an infinity.
    Float,
    /// Not a number, which is a number too.
    Nan,
}

/// Significant digits every 64-bit float keeps.
const EXACT_DIGITS: u32 = 15;
/// Columns with so few digits after the point hold amounts rather than measurements, even if not all have as many.
const AMOUNT_SCALE: u32 = 6;

/// Reads a number as programs write them: no leading zeros (those are codes), no plus, no grouping.
pub(super) fn number(text: &str) -> Option<Number> {
    let bytes = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match bytes.first()? {
        b'0'..=b'9' | b'.' => {}
        _ => return word(text),
    }
    let before = digits(bytes);
    let rest = &bytes[before..];
    if before > 1 && bytes[0] == b'0' {
        return None;
    }
    let Some(rest) = rest.strip_prefix(b".") else {
        return match rest.first() {
            // A negative zero is no whole number.
            None if text == "-0" => None,
            None if text.parse::<i64>().is_ok() => Some(Number::Whole {
                digits: before as u32,
            }),
            None => Some(Number::Huge),
            Some(b'e' | b'E') if before > 0 => exponent(rest, text),
            Some(_) => None,
        };
    };
    let after = digits(rest);
    if after == 0 {
        return None;
    }
    if after < rest.len() {
        return exponent(&rest[after..], text);
    }
    let all = bytes[..before].iter().chain(&rest[..after]);
    let significant = all.skip_while(|digit| **digit == b'0').count();
    Some(Number::Fraction {
        before: before as u32,
        after: after as u32,
        significant: significant as u32,
    })
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// The words programs write for what has no digits.
fn word(text: &str) -> Option<Number> {
    match text {
        "NaN" | "nan" => Some(Number::Nan),
        "inf" | "-inf" | "Inf" | "-Inf" | "Infinity" | "-Infinity" => Some(Number::Float),
        _ => None,
    }
}

fn exponent(rest: &[u8], text: &str) -> Option<Number> {
    let rest = rest
        .strip_prefix(b"e")
        .or_else(|| rest.strip_prefix(b"E"))?;
    let rest = rest
        .strip_prefix(b"+")
        .or_else(|| rest.strip_prefix(b"-"))
        .unwrap_or(rest);
    let is_exponent = !rest.is_empty() && digits(rest) == rest.len();
    // One too large to be kept is text.
    (is_exponent && text.parse::<f64>().is_ok_and(f64::is_finite)).then_some(Number::Float)
}

/// What a column's numbers need.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    any: bool,
    fractions: bool,
    floats: bool,
    nans: bool,
    /// Digits before the point, at most.
    before: u32,
    /// Digits after the point, at most.
    after: u32,
    /// Digits after the point differ.
    uneven: bool,
    /// A whole number of more digits than a float keeps.
    long_whole: bool,
    /// A fraction of more digits than a float keeps for certain, but which is one all the same.
    long_float: bool,
    /// Digits no number type of SQLite keeps.
    too_long: bool,
}

/// The type for a column of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberKind {
    /// 64-bit integers.
    Integer,
    /// Decimals of so many digits, so many of them after the point.
    Decimal { precision: u32, scale: u32 },
    /// 64-bit floats.
    Real,
    /// Text: no number type keeps all digits.
    Digits,
}

impl Numbers {
    pub(super) fn add(&mut self, number: Number, text: &str) {
        match number {
            Number::Nan => self.nans = true,
            Number::Whole { digits } => {
                self.any = true;
                self.before = self.before.max(digits);
                self.long_whole |= digits > EXACT_DIGITS && !is_shortest(text);
            }
            Number::Huge => {
                self.any = true;
                self.too_long = true;
            }
            Number::Fraction {
                before,
                after,
                significant,
            } => {
                self.any = true;
                self.uneven |= self.fractions && after != self.after;
                self.fractions = true;
                self.before = self.before.max(before);
                self.after = self.after.max(after);
                if significant > EXACT_DIGITS {
                    if is_shortest(text) {
                        self.long_float = true;
                    } else {
                        self.too_long = true;
                    }
                }
            }
            Number::Float => {
                self.any = true;
                self.floats = true;
            }
        }
    }

    /// Takes in a number of a format that allows what [`number`] does not: a float keeps it, or nothing does.
    pub(super) fn add_odd(&mut self, text: &str) {
        self.any = true;
        self.floats = true;
        self.too_long |= !text.parse::<f64>().is_ok_and(f64::is_finite);
    }

    /// The type that keeps them all; `None` where there was no number but NaN.
    pub(super) fn kind(&self) -> Option<NumberKind> {
        if !self.any {
            return None;
        }
        let is_float = self.floats
            || self.long_float
            || (self.fractions && self.uneven && self.after > AMOUNT_SCALE);
        Some(if self.too_long || (is_float && self.long_whole) {
            NumberKind::Digits
        } else if is_float {
            NumberKind::Real
        } else if self.fractions {
            NumberKind::Decimal {
                precision: self.before.max(1) + self.after,
                scale: self.after,
            }
        } else {
            NumberKind::Integer
        })
    }

    /// The same for numbers that are floats by their format's own rule (JSON's).
    pub(super) fn float_kind(&self) -> Option<NumberKind> {
        self.kind().map(|kind| match kind {
            NumberKind::Decimal { .. } if self.long_whole => NumberKind::Digits,
            NumberKind::Decimal { .. } => NumberKind::Real,
            other => other,
        })
    }

    pub(super) fn has_nans(&self) -> bool {
        self.nans
    }
}

/// Whether a float, printed with the fewest digits that read back the same, is this text again: programs print
/// floats so.
fn is_shortest(text: &str) -> bool {
    text.parse::<f64>()
        .is_ok_and(|number| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(texts: &[&str]) -> Option<NumberKind> {
        let mut numbers = Numbers::default();
        for text in texts {
            numbers.add(number(text).expect(text), text);
        }
        numbers.kind()
    }

    #[test]
    fn codes_and_written_numbers_are_no_numbers() {
        for text in [
            "007", "+1", "1,000", "1.", "1e", "-", "", ".", "0x10", "1 2", "-0", "00.5", "1e999",
            "１",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
        for text in [
            "0", "-1", "0.5", ".5", "-.5", "1e5", "1.5E-3", "NaN", "-inf",
        ] {
            assert!(number(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_column_of_numbers_keeps_every_digit() {
        let decimal = |precision, scale| Some(NumberKind::Decimal { precision, scale });
        let cases: &[(&[&str], Option<NumberKind>)] = &[
            (&["1", "-9223372036854775808"], Some(NumberKind::Integer)),
            (&["1", "9223372036854775808"], Some(NumberKind::Digits)),
            (&["1", "2.50"], decimal(3, 2)),
            (&["12.5", "1.255"], decimal(5, 3)),
            (&["9007199254740993", "0.5"], decimal(17, 1)),
            (&["0.5", "0.123456789"], Some(NumberKind::Real)),
            (&["0.12345678", "0.00000001"], decimal(9, 8)),
            (&["0.30000000000000004", "1"], Some(NumberKind::Real)),
            (&["0.123456789012345678901"], Some(NumberKind::Digits)),
            (&["1e3", "9007199254740993"], Some(NumberKind::Digits)),
            (&["1e3", "2"], Some(NumberKind::Real)),
            (&["NaN"], None),
        ];
        for (texts, expected) in cases {
            assert_eq!(kind(texts), *expected, "{texts:?}");
        }
    }
}
