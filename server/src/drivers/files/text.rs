//! Text files in whatever encoding, as a stream of UTF-8.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use memchr::memchr_iter;

use super::{fault::Fault, found::Source, magic, work::Work};

/// Read at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// A guess at the encoding looks no further; far less is enough.
const GUESS_BYTES: usize = 16 << 20;
/// Text looked at for control characters.
const LOOK_BYTES: u64 = 64 << 10;
/// One control character to so many others makes it no text.
const OTHERS_PER_CONTROL: usize = 50;
/// So many whole characters to one broken one: UTF-8 with a damage rather than another encoding.
const DAMAGED: u64 = 20;

/// How a file's bytes become text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coding {
    encoding: &'static Encoding,
    /// Bytes before the text: a byte-order mark.
    skip: u64,
}

/// Finds the encoding, and that what it makes of the bytes is text.
pub(super) fn coding(source: &Source, work: &mut Work) -> Result<Coding, Fault> {
    let coding = guessed(source, work)?;
    let mut head = Vec::new();
    // What is broken in it is told by whoever reads it, with its place.
    let _ = open(source, coding)?
        .take(LOOK_BYTES)
        .read_to_end(&mut head);
    let head = String::from_utf8_lossy(&head);
    let controls = head.chars().filter(|sign| is_no_text(*sign)).count();
    if controls * OTHERS_PER_CONTROL > head.chars().count() {
        return Err(source.fault(
            "is no text but binary data: it is full of control characters; give a file of rows",
        ));
    }
    Ok(coding)
}

/// Characters that no text has; what ends a line or page, ends a file of old or colours a log may stand in one.
fn is_no_text(sign: char) -> bool {
    sign.is_control()
        && !matches!(
            sign,
            '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1a}' | '\u{1b}' | '\u{85}'
        )
}

/// By a byte-order mark, by the zeros of UTF-16, by being valid UTF-8 from beginning to end, and
/// otherwise by the letters that occur.
fn guessed(source: &Source, work: &mut Work) -> Result<Coding, Fault> {
    let mut file = source.open()?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let failed = |error: io::Error| Fault::io(&source.name, &error);
    let filled = fill(&mut file, &mut chunk).map_err(failed)?;
    let head = &chunk[..filled];
    if let Some(what) = magic::binary(head) {
        return Err(source.fault(format!("is no text but {what}")));
    }
    let marked = |encoding, skip| Ok(Coding { encoding, skip });
    match head {
        [0xef, 0xbb, 0xbf, ..] => return marked(UTF_8, 3),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Err(source.fault("is UTF-32 text; save it as UTF-8"));
        }
        [0xff, 0xfe, ..] => return marked(UTF_16LE, 2),
        [0xfe, 0xff, ..] => return marked(UTF_16BE, 2),
        _ => {}
    }
    if let Some(encoding) = by_zeros(head) {
        return marked(encoding, 0);
    }
    if head.contains(&0) {
        return Err(source.fault("holds zero bytes: it is no text but binary data"));
    }
    let mut checked = Utf8Check::default();
    let mut filled = filled;
    while filled > 0 {
        checked.add(&chunk[..filled]);
        work.look()?;
        filled = fill(&mut file, &mut chunk).map_err(failed)?;
    }
    checked.end();
    let Some(line) = checked.first_broken_line else {
        return marked(UTF_8, 0);
    };
    if checked.whole > checked.broken * DAMAGED {
        return Err(source.fault(format!(
            "line {line} holds bytes that are not UTF-8, as the rest of the file is; mend that line, or save the file \
             as UTF-8 again"
        )));
    }
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut fed = 0;
    loop {
        let filled = fill(&mut file, &mut chunk).map_err(failed)?;
        let last = filled < chunk.len();
        detector.feed(&chunk[..filled], last);
        fed += filled;
        if last || fed >= GUESS_BYTES {
            break;
        }
        work.look()?;
    }
    let encoding = detector.guess(None, Utf8Detection::Deny);
    tracing::debug!(
        file = source.name,
        encoding = encoding.name(),
        "encoding guessed"
    );
    marked(encoding, 0)
}

/// The file's text as UTF-8. Only that of a file that was UTF-8 to begin with may hold bytes that are not.
pub(super) fn open(source: &Source, coding: Coding) -> Result<Box<dyn BufRead>, Fault> {
    let mut file = source.open()?;
    file.seek(SeekFrom::Start(coding.skip))
        .map_err(|error| Fault::io(&source.name, &error))?;
    if coding.encoding == UTF_8 {
        return Ok(Box::new(BufReader::with_capacity(CHUNK_BYTES, file)));
    }
    Ok(Box::new(Decoded {
        file,
        encoding: coding.encoding,
        decoder: coding.encoding.new_decoder_without_bom_handling(),
        raw: vec![0; CHUNK_BYTES],
        raw_at: 0,
        raw_end: 0,
        drained: false,
        offset: coding.skip,
        text: vec![0; CHUNK_BYTES],
        text_at: 0,
        text_end: 0,
        failed: None,
        ended: false,
    }))
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// UTF-16 without a mark: digits, commas and line ends have a zero as their other half, on the same side.
fn by_zeros(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = (head.len() / 2) as u64;
    let (mut left, mut right) = (0_u64, 0_u64);
    for pair in head.chunks_exact(2) {
        left += u64::from(pair[0] == 0);
        right += u64::from(pair[1] == 0);
    }
    // A few letters end in a zero byte themselves (一 is 4E00), on the other side.
    let shows = |zeros: u64, others: u64| pairs > 1 && zeros * 20 >= pairs && others * 2 <= zeros;
    if shows(right, left) {
        Some(UTF_16LE)
    } else if shows(left, right) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Whether a stream is UTF-8, and how far it is from being so.
#[derive(Default)]
struct Utf8Check {
    /// A character that began in the last chunk.
    begun: Vec<u8>,
    lines: u64,
    /// Characters beyond ASCII.
    whole: u64,
    broken: u64,
    first_broken_line: Option<u64>,
}

impl Utf8Check {
    fn add(&mut self, chunk: &[u8]) {
        if self.begun.is_empty() {
            self.scan(chunk);
            return;
        }
        let mut joined = std::mem::take(&mut self.begun);
        joined.extend_from_slice(chunk);
        self.scan(&joined);
    }

    fn scan(&mut self, mut bytes: &[u8]) {
        loop {
            let (valid, broken) = match std::str::from_utf8(bytes) {
                Ok(text) => (text.len(), Some(0)),
                Err(error) => (error.valid_up_to(), error.error_len()),
            };
            let text = &bytes[..valid];
            if self.first_broken_line.is_none() {
                self.lines += memchr_iter(b'\n', text).count() as u64;
            }
            if !text.is_ascii() {
                // The first byte of each.
                self.whole += text.iter().filter(|byte| **byte >= 0xc0).count() as u64;
            }
            match broken {
                Some(0) => return,
                Some(length) => {
                    self.note_broken();
                    bytes = &bytes[valid + length..];
                }
                None => {
                    self.begun = bytes[valid..].to_vec();
                    return;
                }
            }
        }
    }

    fn end(&mut self) {
        if !self.begun.is_empty() {
            self.note_broken();
        }
    }

    fn note_broken(&mut self) {
        self.broken += 1;
        self.first_broken_line.get_or_insert(self.lines + 1);
    }
}

/// A file that is decoded as it is read.
struct Decoded {
    file: std::fs::File,
    encoding: &'static Encoding,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    raw_end: usize,
    /// The file has no more.
    drained: bool,
    /// Of the next byte to decode.
    offset: u64,
    text: Vec<u8>,
    text_at: usize,
    text_end: usize,
    /// What is wrong behind the text that is there.
    failed: Option<io::Error>,
    /// The decoder has no more.
    ended: bool,
}

impl Decoded {
    fn refill(&mut self) -> io::Result<()> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        if self.raw_at == self.raw_end && !self.drained {
            self.raw_at = 0;
            self.raw_end = fill(&mut self.file, &mut self.raw)?;
            self.drained = self.raw_end == 0;
        }
        let raw = &self.raw[self.raw_at..self.raw_end];
        let (result, read, written) =
            self.decoder
                .decode_to_utf8_without_replacement(raw, &mut self.text, self.drained);
        self.raw_at += read;
        self.offset += read as u64;
        self.text_at = 0;
        self.text_end = written;
        match result {
            DecoderResult::InputEmpty => self.ended = self.drained,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                // Told once the text before it is read, so that whoever reads knows where it is.
                self.failed = Some(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!(
                        "before byte {} there is something that is not {}, as the rest seems to be; save the file as \
                         UTF-8",
                        self.offset,
                        self.encoding.name()
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Decoded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.text_at == self.text_end && !self.ended {
            self.refill()?;
        }
        Ok(&self.text[self.text_at..self.text_end])
    }

    fn consume(&mut self, length: usize) {
        self.text_at = (self.text_at + length).min(self.text_end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_is_told_across_chunks_and_damage_is_located() {
        let mut check = Utf8Check::default();
        let text = "日本\n語".as_bytes();
        check.add(&text[..4]);
        check.add(&text[4..]);
        check.end();
        assert_eq!((check.whole, check.broken, check.lines), (3, 0, 1));
        let mut check = Utf8Check::default();
        check.add(b"a\nb\n\xff\nc\n\xc3");
        check.end();
        assert_eq!((check.broken, check.first_broken_line), (2, Some(3)));
    }

    #[test]
    fn utf_16_shows_by_its_zeros() {
        assert_eq!(by_zeros(b"a\0,\0b\0"), Some(UTF_16LE));
        assert_eq!(by_zeros(b"\0a\0,\0b"), Some(UTF_16BE));
        assert_eq!(by_zeros(b"a,b\nc,d"), None);
        assert_eq!(by_zeros(b"\0\0ab"), None);
    }
}
