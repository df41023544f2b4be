//! Whether a line of an answer is a row, or the beginning of the exception that ends it.

use super::{fault, rows::fields, types::Type};

/// Whether a line is the beginning of an exception rather than a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    None,
    /// No row can look like this.
    Proven,
    /// A row can look like this, but an exception is the last of an answer.
    IfLast,
}

pub(super) fn of(line: &[u8], types: &[Type], tagged: bool) -> Suspicion {
    let begins_with_text = types.first().is_some_and(Type::may_be_empty);
    let alone = begins_with_text && types.len() == 1;
    // Rows have no carriage return: it would be escaped.
    if fault::is_marker(line) && (line.ends_with(b"\r") || !alone || !tagged) {
        return Suspicion::Proven;
    }
    // A server that marks its exceptions has no others.
    if tagged || !fault::may_begin(line) {
        return Suspicion::None;
    }
    if !begins_with_text || fields(line).count() != types.len() || (alone && has_bare_quote(line)) {
        return Suspicion::Proven;
    }
    if alone {
        Suspicion::IfLast
    } else {
        Suspicion::None
    }
}

/// Whether a quote stands in it without a backslash, which text of a row never has.
fn has_bare_quote(line: &[u8]) -> bool {
    let mut escaped = false;
    for byte in line {
        match byte {
            b'\'' if !escaped => return true,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_told_from_rows() {
        let types =
            |names: &[&str]| -> Vec<Type> { names.iter().map(|name| Type::parse(name)).collect() };
        let plain = b"Code: 159, e.displayText() = DB::Exception: Timeout exceeded, e.what() = DB::Exception";
        let quoted = b"Code: 60. DB::Exception: Table 'x' is gone";
        let row_of_two = b"Code: 60. DB::Exception: gone\t7";
        let cases: [(&[u8], &[&str], bool, Suspicion); 12] = [
            (plain, &["UInt8"], false, Suspicion::Proven),
            (plain, &["String", "UInt8"], false, Suspicion::Proven),
            (plain, &["String"], false, Suspicion::IfLast),
            (plain, &["String"], true, Suspicion::None),
            (quoted, &["String"], false, Suspicion::Proven),
            (row_of_two, &["String", "UInt8"], false, Suspicion::None),
            (row_of_two, &["UInt8", "String"], false, Suspicion::Proven),
            (
                br"Code: 60. DB::Exception: Table \'x\' is gone",
                &["String"],
                false,
                Suspicion::IfLast,
            ),
            (b"__exception__\r", &["String"], true, Suspicion::Proven),
            (b"__exception__", &["String"], true, Suspicion::None),
            (b"__exception__", &["UInt8"], true, Suspicion::Proven),
            (b"7", &["UInt8"], false, Suspicion::None),
        ];
        for (line, names, tagged, expected) in cases {
            let found = of(line, &types(names), tagged);
            assert_eq!(
                found,
                expected,
                "{} {names:?}",
                String::from_utf8_lossy(line)
            );
        }
    }
}
