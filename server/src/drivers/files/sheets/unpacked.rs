//! How large a workbook is once it is unpacked, found out before a reader of workbooks unpacks it.
//!
//! A small archive may unpack to a thousand times its size, and what it says of the sizes may be a lie, so every part
//! is unpacked once into nothing and counted.

use std::io::{self, Read, Seek};

use zip::ZipArchive;

use crate::drivers::files::{fault::Fault, found::Source, work::Work};

/// All parts together.
const MAX_BYTES: u64 = 8 << 30;
/// A part that readers keep in memory: everything but the sheets of the newer formats.
const MAX_PART_BYTES: u64 = 512 << 20;
/// Unpacked between two looks at the clock.
const PIECE_BYTES: u64 = 16 << 20;

/// Formats of workbooks that are archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Xlsx,
    Xlsb,
    Ods,
}

/// The format, if the workbook is not too large.
pub(super) fn check(
    source: &Source,
    input: impl Read + Seek,
    work: &mut Work,
) -> Result<Kind, Fault> {
    let failed = |error: &dyn std::fmt::Display| {
        source.fault(format!(
            "cannot be unpacked: {error}; is it damaged? Open it in a spreadsheet program and save it again"
        ))
    };
    let mut archive = ZipArchive::new(input).map_err(|error| failed(&error))?;
    let kind = kind(source, &archive)?;
    let mut total = 0;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|error| failed(&error))?;
        let name = part.name().map_err(|error| failed(&error))?.into_owned();
        let is_streamed = name.starts_with("xl/worksheets/");
        let bound = if is_streamed {
            MAX_BYTES
        } else {
            MAX_PART_BYTES
        };
        let mut size = 0;
        loop {
            let piece = io::copy(&mut (&mut part).take(PIECE_BYTES), &mut io::sink())
                .map_err(|error| failed(&error))?;
            size += piece;
            total += piece;
            if size > bound || total > MAX_BYTES {
                return Err(source.fault(format!(
                    "unpacks to more than {} MiB in '{name}', which is more than can be read; save it as CSV",
                    bound.min(MAX_BYTES) >> 20
                )));
            }
            work.look()?;
            if piece < PIECE_BYTES {
                break;
            }
        }
    }
    Ok(kind)
}

fn kind<R: Read + Seek>(source: &Source, archive: &ZipArchive<R>) -> Result<Kind, Fault> {
    let mut found = None;
    for name in archive.file_names().flatten() {
        match name.to_ascii_lowercase().as_str() {
            "xl/workbook.bin" => return Ok(Kind::Xlsb),
            "xl/workbook.xml" => return Ok(Kind::Xlsx),
            "[content_types].xml" => found = Some(Kind::Xlsx),
            "content.xml" => found = found.or(Some(Kind::Ods)),
            _ => {}
        }
    }
    found.ok_or_else(|| source.fault("is a ZIP archive but no workbook; unpack it first"))
}
