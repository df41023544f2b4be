//! What separates fields, from the first records read each way.

use std::io::{Cursor, ErrorKind, Read as _};

use super::{Records, text};
use crate::drivers::files::{fault::Fault, found::Source, text::Coding};

/// Text looked at.
const SAMPLE_BYTES: u64 = 64 << 10;
/// Records of it.
const SAMPLE_RECORDS: usize = 100;
/// What separates fields in practice, the likeliest first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The separator, and whether the first line is Excel's `sep=;` that names it.
pub(super) fn find(source: &Source, coding: Coding) -> Result<(u8, bool), Fault> {
    let mut sample = Vec::new();
    let read = text::open(source, coding)?
        .take(SAMPLE_BYTES)
        .read_to_end(&mut sample);
    // What is no text is told with its place when the file is read; here it ends the sample.
    if let Err(error) = read
        && error.kind() != ErrorKind::InvalidData
    {
        return Err(source.read_fault(&error));
    }
    let first = sample.split(|byte| matches!(byte, b'\n' | b'\r')).next();
    if let Some([b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator]) = first
        && separator.is_ascii()
        && *separator != b'"'
    {
        return Ok((*separator, true));
    }
    let is_cut = sample.len() as u64 == SAMPLE_BYTES;
    let ending = source.path.extension().unwrap_or_default();
    let is_tabbed = ending.eq_ignore_ascii_case("tsv") || ending.eq_ignore_ascii_case("tab");
    let expected = if is_tabbed { b'\t' } else { b',' };
    let (mut best, mut best_score) = (expected, (0, 0));
    for separator in SEPARATORS {
        let score = score(source, &sample, separator, is_cut);
        if score > best_score || (score == best_score && separator == expected) {
            (best, best_score) = (separator, score);
        }
    }
    Ok((best, false))
}

/// How many percent of the records have the number of fields that most of them have, and that number; nothing for
/// a separator that separates nothing.
fn score(source: &Source, sample: &[u8], separator: u8, is_cut: bool) -> (usize, usize) {
    let mut records = Records::new(source, Box::new(Cursor::new(sample.to_vec())), separator);
    let mut counts = Vec::new();
    // What is wrong with a record is said when the file is read; here it ends the sample.
    while counts.len() < SAMPLE_RECORDS && records.advance().unwrap_or(false) {
        counts.push(records.len());
    }
    if is_cut && counts.len() > 1 && counts.len() < SAMPLE_RECORDS {
        counts.pop();
    }
    let often = |wanted: usize| counts.iter().filter(|count| **count == wanted).count();
    let best = counts
        .iter()
        .filter(|count| **count > 1)
        .map(|count| (often(*count), *count))
        .max();
    best.map_or((0, 0), |(often, count)| (often * 100 / counts.len(), count))
}
