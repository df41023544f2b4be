//! What each token of a vocabulary writes, in bytes.

/// The bytes of every token; none of those that write nothing, such as marks of a turn's end.
#[derive(Debug, Default)]
pub struct Pieces {
    bytes: Vec<u8>,
    /// Where each token's bytes end.
    ends: Vec<usize>,
}

impl Pieces {
    /// From the tokens in order of their ids.
    pub fn new(tokens: impl IntoIterator<Item = Option<Vec<u8>>>) -> Self {
        let mut pieces = Self::default();
        for token in tokens {
            pieces.bytes.extend(token.unwrap_or_default());
            pieces.ends.push(pieces.bytes.len());
        }
        pieces
    }

    /// The bytes of a token; nothing where it writes nothing or there is none of that id.
    pub fn of(&self, token: u32) -> Option<&[u8]> {
        let token = token as usize;
        let end = *self.ends.get(token)?;
        let start = match token {
            0 => 0,
            _ => self.ends[token - 1],
        };
        Some(&self.bytes[start..end]).filter(|bytes| !bytes.is_empty())
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// What a token of a byte-level vocabulary writes: each of its characters stands for a byte, those that print for
/// themselves, the others for the 68 that do not, in order from U+0100. Nothing where a character stands for none.
pub fn of_byte_level(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

fn byte_of(sign: char) -> Option<u8> {
    let code = u32::from(sign);
    if let Ok(byte) = u8::try_from(code) {
        return prints(byte).then_some(byte);
    }
    let nth = code.checked_sub(0x100)? as usize;
    (0..=u8::MAX).filter(|&byte| !prints(byte)).nth(nth)
}

fn prints(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// What a token of a sentence-piece vocabulary writes: U+2581 stands for a blank, `<0x0A>` for a byte.
pub fn of_sentence_piece(token: &str) -> Vec<u8> {
    let byte = token
        .strip_prefix("<0x")
        .and_then(|rest| rest.strip_suffix('>'))
        .filter(|digits| digits.len() == 2)
        .and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.map_or_else(
        || token.replace('\u{2581}', " ").into_bytes(),
        |byte| vec![byte],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_by_their_ids() {
        let pieces = Pieces::new([Some(b"ab".to_vec()), None, Some(b"c".to_vec())]);
        assert_eq!(pieces.of(0), Some(b"ab".as_slice()));
        assert_eq!(pieces.of(1), None);
        assert_eq!(pieces.of(2), Some(b"c".as_slice()));
        assert_eq!(pieces.of(3), None);
    }

    #[test]
    fn byte_level_characters_stand_for_bytes() {
        assert_eq!(of_byte_level("Ġa"), Some(b" a".to_vec()));
        assert_eq!(of_byte_level("Ċ"), Some(b"\n".to_vec()));
        assert_eq!(of_byte_level("Ã©"), Some("é".as_bytes().to_vec()));
        assert_eq!(of_byte_level("\u{2581}"), None);
        let mut all: Vec<u8> = (0..0x144)
            .filter_map(char::from_u32)
            .filter_map(byte_of)
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..=u8::MAX).collect::<Vec<u8>>());
    }

    #[test]
    fn sentence_pieces_write_blanks_and_single_bytes() {
        assert_eq!(of_sentence_piece("\u{2581}a"), b" a");
        assert_eq!(of_sentence_piece("<0x0A>"), b"\n");
        assert_eq!(of_sentence_piece("<0x>"), b"<0x>");
        assert_eq!(of_sentence_piece("é"), "é".as_bytes());
    }
}
