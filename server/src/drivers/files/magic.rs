//! What a file begins like, for files that are not what their name says.

/// Beginnings of well-known formats and what to call them.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (
        b"PK\x03\x04",
        "a ZIP archive (perhaps an Excel workbook; rename it to .xlsx if so)",
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Office document (perhaps an Excel workbook; rename it to .xls if so)",
    ),
    (b"PAR1", "a Parquet file; rename it to .parquet"),
    (
        b"SQLite format 3\0",
        "a SQLite database; add it as one, with the type sqlite",
    ),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ\0", "compressed with xz; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (b"%PDF-", "a PDF document; export its tables as CSV first"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"ORC", "an ORC file; convert it to Parquet first"),
    (b"Obj\x01", "an Avro file; convert it to Parquet first"),
    (b"ARROW1", "an Arrow file; convert it to Parquet first"),
];

/// What the file is, if it begins like a format that is no text.
pub(super) fn binary(head: &[u8]) -> Option<&'static str> {
    let known = BEGINNINGS.iter().find(|(start, _)| {
        // `BZh`, `PAR1` and the like may begin a text too; a text has no zero bytes.
        let is_word = start.iter().all(u8::is_ascii_graphic);
        head.starts_with(start) && (!is_word || head.contains(&0))
    });
    known.map(|(_, what)| *what)
}

/// Whether it looks like a web page, as many an `.xls` from a web shop is.
pub(super) fn is_html(head: &[u8]) -> bool {
    let start = head.trim_ascii_start();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let begins = |tag: &[u8]| {
        start
            .get(..tag.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(tag))
    };
    begins(b"<html") || begins(b"<!doctype") || begins(b"<table") || begins(b"<?xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_formats_are_told_by_their_first_bytes() {
        assert!(binary(b"\x89PNG\r\n\x1a\n....").is_some_and(|what| what.contains("PNG")));
        assert!(binary(b"PK\x03\x04").is_some_and(|what| what.contains(".xlsx")));
        assert_eq!(binary(b"ORC,name\n1,2\n"), None);
        assert_eq!(binary(b"id,name\n1,2\n"), None);
        assert!(is_html(b"\n<HTML><body>") && !is_html(b"<3,a\n"));
    }
}
