//! Pieces of a server's answer, byte by byte as MS-TDS (2.2.5 to 2.2.7) has them.

pub(crate) const DONE: u8 = 0xfd;
pub(crate) const DONE_PROC: u8 = 0xfe;
pub(crate) const DONE_IN_PROC: u8 = 0xff;

pub(crate) const MORE: u16 = 0x01;
pub(crate) const FAILED: u16 = 0x02;
pub(crate) const COUNTED: u16 = 0x10;
pub(crate) const STOPPED: u16 = 0x20;

/// Latin, code page 1252.
const COLLATION: [u8; 5] = [0x09, 0x04, 0xd0, 0x00, 0x34];
const NULLABLE: u16 = 1;

pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Text behind one byte with its length in characters.
fn short_text(text: &str) -> Vec<u8> {
    let mut bytes = vec![text.encode_utf16().count() as u8];
    bytes.extend(utf16(text));
    bytes
}

/// Text behind two bytes with its length in characters.
fn long_text(text: &str) -> Vec<u8> {
    let mut bytes = (text.encode_utf16().count() as u16).to_le_bytes().to_vec();
    bytes.extend(utf16(text));
    bytes
}

/// A token with its length.
fn sized(token: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![token];
    bytes.extend((content.len() as u16).to_le_bytes());
    bytes.extend_from_slice(content);
    bytes
}

pub(crate) fn login_ack() -> Vec<u8> {
    let mut content = vec![1, 0x74, 0, 0, 4];
    content.extend(short_text("Stand-in"));
    content.extend([16, 0, 0, 0]);
    sized(0xad, &content)
}

fn changed(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(content);
    sized(0xe3, &bytes)
}

pub(crate) fn packet_size(bytes: &str) -> Vec<u8> {
    changed(4, &[short_text(bytes), short_text("4096")].concat())
}

pub(crate) fn database(name: &str) -> Vec<u8> {
    changed(1, &[short_text(name), short_text("master")].concat())
}

pub(crate) fn begun() -> Vec<u8> {
    changed(8, &[8, 7, 0, 0, 0, 0, 0, 0, 1, 0])
}

pub(crate) fn committed() -> Vec<u8> {
    changed(9, &[0, 8, 7, 0, 0, 0, 0, 0, 0, 1])
}

pub(crate) fn rolled_back() -> Vec<u8> {
    changed(10, &[0, 8, 7, 0, 0, 0, 0, 0, 0, 1])
}

/// Sends the client on to another server.
pub(crate) fn routed(host: &str, port: u16) -> Vec<u8> {
    let mut place = vec![0];
    place.extend(port.to_le_bytes());
    place.extend(long_text(host));
    let mut content = (place.len() as u16).to_le_bytes().to_vec();
    content.extend(place);
    content.extend([0, 0]);
    changed(20, &content)
}

pub(crate) fn failed(code: u32, class: u8, message: &str, line: u32) -> Vec<u8> {
    let mut content = code.to_le_bytes().to_vec();
    content.extend([1, class]);
    content.extend(long_text(message));
    content.extend(short_text("stand-in"));
    content.extend(short_text(""));
    content.extend(line.to_le_bytes());
    sized(0xaa, &content)
}

pub(crate) fn done(token: u8, status: u16, rows: u64) -> Vec<u8> {
    let mut bytes = vec![token];
    bytes.extend(status.to_le_bytes());
    bytes.extend([0xc1, 0]);
    bytes.extend(rows.to_le_bytes());
    bytes
}

pub(crate) fn return_status() -> Vec<u8> {
    vec![0x79, 0, 0, 0, 0]
}

/// Names and types of a result.
pub(crate) fn columns(columns: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0x81];
    bytes.extend((columns.len() as u16).to_le_bytes());
    for (name, kind) in columns {
        bytes.extend([0; 4]);
        bytes.extend(NULLABLE.to_le_bytes());
        bytes.extend(kind);
        bytes.extend(short_text(name));
    }
    bytes
}

pub(crate) fn row(values: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0xd1];
    bytes.extend(values.concat());
    bytes
}

/// A row whose NULLs are in a bitmap in front and nowhere else.
pub(crate) fn row_with_nulls(values: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut bytes = vec![0xd2];
    for group in values.chunks(8) {
        let bits = group.iter().enumerate();
        bytes.push(bits.fold(0, |map, (nth, value)| {
            map | (u8::from(value.is_none()) << nth)
        }));
    }
    bytes.extend(values.iter().flatten().flatten());
    bytes
}

/// Types as they stand in the description of a column.
pub(crate) mod kind {
    use super::{COLLATION, long_text, short_text};

    pub(crate) const INT: &[u8] = &[0x38];
    pub(crate) const SMALL_INT: &[u8] = &[0x34];
    pub(crate) const TINY_INT: &[u8] = &[0x30];
    pub(crate) const GUID: &[u8] = &[0x24, 16];
    pub(crate) const BIT_OR_NULL: &[u8] = &[0x68, 1];
    pub(crate) const DATE: &[u8] = &[0x28];
    pub(crate) const XML: &[u8] = &[0xf1, 0];
    pub(crate) const VARIANT: &[u8] = &[0x62, 0x49, 0x1f, 0, 0];

    pub(crate) fn int_or_null(bytes: u8) -> Vec<u8> {
        vec![0x26, bytes]
    }

    pub(crate) fn float_or_null(bytes: u8) -> Vec<u8> {
        vec![0x6d, bytes]
    }

    pub(crate) fn money_or_null(bytes: u8) -> Vec<u8> {
        vec![0x6e, bytes]
    }

    pub(crate) fn datetime_or_null(bytes: u8) -> Vec<u8> {
        vec![0x6f, bytes]
    }

    pub(crate) fn decimal(precision: u8, scale: u8) -> Vec<u8> {
        vec![0x6a, 17, precision, scale]
    }

    /// `time` 0x29, `datetime2` 0x2a, `datetimeoffset` 0x2b.
    pub(crate) fn timed(kind: u8, scale: u8) -> Vec<u8> {
        vec![kind, scale]
    }

    fn bounded(kind: u8, bytes: u16, has_collation: bool) -> Vec<u8> {
        let mut info = vec![kind];
        info.extend(bytes.to_le_bytes());
        if has_collation {
            info.extend(COLLATION);
        }
        info
    }

    /// 0xffff bytes for `max`.
    pub(crate) fn nvarchar(bytes: u16) -> Vec<u8> {
        bounded(0xe7, bytes, true)
    }

    pub(crate) fn nchar(bytes: u16) -> Vec<u8> {
        bounded(0xef, bytes, true)
    }

    pub(crate) fn varchar(bytes: u16) -> Vec<u8> {
        bounded(0xa7, bytes, true)
    }

    pub(crate) fn varbinary(bytes: u16) -> Vec<u8> {
        bounded(0xa5, bytes, false)
    }

    /// `text` 0x23, `ntext` 0x63, `image` 0x22.
    pub(crate) fn old_large(kind: u8) -> Vec<u8> {
        let mut info = vec![kind, 0xff, 0xff, 0xff, 0x7f];
        if kind != 0x22 {
            info.extend(COLLATION);
        }
        info.push(1);
        info.extend(long_text("things"));
        info
    }

    /// A type made in .NET.
    pub(crate) fn made(name: &str) -> Vec<u8> {
        let mut info = vec![0xf0, 0xff, 0xff];
        info.extend(short_text("store"));
        info.extend(short_text("sys"));
        info.extend(short_text(name));
        info.extend(long_text("Microsoft.SqlServer.Types"));
        info
    }
}

/// Values as they stand in a row.
pub(crate) mod value {
    use super::utf16;

    /// Behind one byte with its length; none for NULL.
    pub(crate) fn short(bytes: &[u8]) -> Vec<u8> {
        let mut value = vec![bytes.len() as u8];
        value.extend_from_slice(bytes);
        value
    }

    /// Behind two bytes with its length.
    pub(crate) fn bounded(bytes: &[u8]) -> Vec<u8> {
        let mut value = (bytes.len() as u16).to_le_bytes().to_vec();
        value.extend_from_slice(bytes);
        value
    }

    pub(crate) fn nvarchar(text: Option<&str>) -> Vec<u8> {
        text.map_or(vec![0xff, 0xff], |text| bounded(&utf16(text)))
    }

    pub(crate) fn int_or_null(number: Option<i32>) -> Vec<u8> {
        number.map_or(vec![0], |number| short(&number.to_le_bytes()))
    }

    /// In two pieces of a length not told before.
    pub(crate) fn pieces(bytes: &[u8]) -> Vec<u8> {
        let mut value = 0xffff_ffff_ffff_fffe_u64.to_le_bytes().to_vec();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        for piece in [first, second]
            .into_iter()
            .filter(|piece| !piece.is_empty())
        {
            value.extend((piece.len() as u32).to_le_bytes());
            value.extend_from_slice(piece);
        }
        value.extend([0; 4]);
        value
    }

    /// Behind a pointer and a time that mean nothing to a reader.
    pub(crate) fn old_large(bytes: &[u8]) -> Vec<u8> {
        let mut value = vec![16];
        value.extend([7; 24]);
        value.extend((bytes.len() as u32).to_le_bytes());
        value.extend_from_slice(bytes);
        value
    }

    /// A value that brings its type and the type's properties.
    pub(crate) fn variant(kind: u8, properties: &[u8], bytes: &[u8]) -> Vec<u8> {
        let length = (2 + properties.len() + bytes.len()) as u32;
        let mut value = length.to_le_bytes().to_vec();
        value.extend([kind, properties.len() as u8]);
        value.extend_from_slice(properties);
        value.extend_from_slice(bytes);
        value
    }

    /// Sign, then the digits as one number of 16 bytes.
    pub(crate) fn decimal(unscaled: i128) -> Vec<u8> {
        let mut bytes = vec![u8::from(unscaled >= 0)];
        bytes.extend(unscaled.unsigned_abs().to_le_bytes());
        short(&bytes)
    }

    /// The upper half comes first.
    pub(crate) fn money(unscaled: i64) -> Vec<u8> {
        let mut bytes = ((unscaled >> 32) as i32).to_le_bytes().to_vec();
        bytes.extend((unscaled as u32).to_le_bytes());
        short(&bytes)
    }
}
