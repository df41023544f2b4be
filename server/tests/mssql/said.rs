//! What a client says, taken apart.

use crate::link::{BATCH, CALL};

/// A statement that came in.
pub(crate) struct Request {
    /// The text, or what `sp_executesql` was called with.
    pub(crate) text: String,
    /// The call's parameters behind the statement and its declarations.
    pub(crate) params: Vec<String>,
    /// Whether it belongs to a transaction.
    pub(crate) in_transaction: bool,
}

/// What the client said at its login.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
    pub(crate) machine: String,
    pub(crate) only_reads: bool,
}

impl Request {
    /// Whether it asks for the description of a statement.
    pub(crate) fn is_description(&self) -> bool {
        self.text.contains("dm_exec_describe_first_result_set")
    }
}

/// The parts of a login that matter here. Offsets are those of MS-TDS 2.2.6.4.
pub(crate) fn login(message: &[u8]) -> Login {
    let number = |at: usize| usize::from(u16::from_le_bytes([message[at], message[at + 1]]));
    let bytes = |at: usize| {
        let start = number(at);
        message[start..start + 2 * number(at + 2)].to_vec()
    };
    let mut password = bytes(44);
    for byte in &mut password {
        *byte = (*byte ^ 0xa5).rotate_left(4);
    }
    Login {
        machine: from_utf16(&bytes(36)),
        user: from_utf16(&bytes(40)),
        password: from_utf16(&password),
        database: from_utf16(&bytes(68)),
        only_reads: message[26] & 0x20 != 0,
    }
}

/// A text, or a call of `sp_executesql`. Both begin with headers that name the transaction.
pub(crate) fn request(kind: u8, message: &[u8]) -> Request {
    let headers = u32::from_le_bytes([message[0], message[1], message[2], message[3]]) as usize;
    let in_transaction = message[10..18].iter().any(|byte| *byte != 0);
    let body = &message[headers..];
    if kind == BATCH {
        return Request {
            text: from_utf16(body),
            params: Vec::new(),
            in_transaction,
        };
    }
    assert_eq!(kind, CALL, "the client sends texts and calls only");
    assert_eq!(body[..4], [0xff, 0xff, 10, 0], "a call of sp_executesql");
    let mut values = parameters(&body[6..]).into_iter();
    let text = values.next().expect("a statement");
    Request {
        text,
        // Behind the statement stand the parameters' declarations.
        params: values.skip(1).collect(),
        in_transaction,
    }
}

/// The values of a call; all of them text.
fn parameters(mut rest: &[u8]) -> Vec<String> {
    let mut values = Vec::new();
    while let Some(name) = rest.first() {
        rest = &rest[2 + 2 * usize::from(*name)..];
        assert_eq!(rest[0], 0xe7, "text");
        let is_large = rest[1..3] == [0xff, 0xff];
        rest = &rest[8..];
        let mut bytes = Vec::new();
        if is_large {
            rest = &rest[8..];
            loop {
                let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
                bytes.extend_from_slice(&rest[4..4 + length]);
                rest = &rest[4 + length..];
                if length == 0 {
                    break;
                }
            }
        } else {
            let length = usize::from(u16::from_le_bytes([rest[0], rest[1]]));
            bytes.extend_from_slice(&rest[2..2 + length]);
            rest = &rest[2 + length..];
        }
        values.push(from_utf16(&bytes));
    }
    values
}

fn from_utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}
