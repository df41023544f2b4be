//! The inside of a JSON text, byte by byte.

/// Longest text of a member in bytes: a model that goes on and on in one is made to close it.
pub(super) const MOST_TEXT: u32 = 6_000;

/// Within a JSON text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Text {
    length: u32,
    expects: Expects,
}

/// What has to follow in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Expects {
    #[default]
    Anything,
    /// What stands behind a backslash.
    Escape,
    /// So many more hexadecimal digits. Surrogates would need their other half and are left out by their first two.
    Hex { left: u8, surrogate: bool },
    /// So many more bytes of a character, the next of which lies in this range.
    Character { left: u8, low: u8, high: u8 },
}

impl Text {
    /// Whether a quote would close it here.
    pub(super) fn may_end(self) -> bool {
        self.expects == Expects::Anything
    }

    /// Behind one more byte, which is not the closing quote.
    pub(super) fn step(self, byte: u8) -> Option<Self> {
        let expects = match self.expects {
            Expects::Anything if self.length >= MOST_TEXT => return None,
            Expects::Anything => match byte {
                b'\\' => Expects::Escape,
                0x20..=0x7F => Expects::Anything,
                // As UTF-8 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
                0xC2..=0xDF => character(1, 0x80, 0xBF),
                0xE0 => character(2, 0xA0, 0xBF),
                0xE1..=0xEC | 0xEE | 0xEF => character(2, 0x80, 0xBF),
                0xED => character(2, 0x80, 0x9F),
                0xF0 => character(3, 0x90, 0xBF),
                0xF1..=0xF3 => character(3, 0x80, 0xBF),
                0xF4 => character(3, 0x80, 0x8F),
                _ => return None,
            },
            Expects::Escape => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Expects::Anything,
                b'u' => Expects::Hex {
                    left: 4,
                    surrogate: false,
                },
                _ => return None,
            },
            Expects::Hex { left, surrogate } => {
                let digit = char::from(byte).to_digit(16)?;
                if surrogate && digit >= 8 {
                    return None;
                }
                match left {
                    1 => Expects::Anything,
                    _ => Expects::Hex {
                        left: left - 1,
                        surrogate: left == 4 && digit == 0xD,
                    },
                }
            }
            Expects::Character { left, low, high } => {
                if !(low..=high).contains(&byte) {
                    return None;
                }
                match left {
                    1 => Expects::Anything,
                    _ => character(left - 1, 0x80, 0xBF),
                }
            }
        };
        Some(Self {
            length: self.length + 1,
            expects,
        })
    }
}

fn character(left: u8, low: u8, high: u8) -> Expects {
    Expects::Character { left, low, high }
}
