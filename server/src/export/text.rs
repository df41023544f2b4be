//! Cells as text, appended to what is being written: what [`Cell::to_text`] says, without a text of its own for each.

use std::io::Write as _;

use tidegate_schema::model::Cell;

/// Appends a cell's text; nothing for NULL.
pub(super) fn append(cell: &Cell, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = match cell {
        Cell::Null => Ok(()),
        Cell::Bool(value) => write!(out, "{value}"),
        Cell::Int(value) => write!(out, "{value}"),
        Cell::Float(value) => write!(out, "{value}"),
        Cell::Decimal(text) => out.write_all(text.as_bytes()),
        Cell::Text(text) => out.write_all(text.as_bytes()),
        Cell::Bytes(bytes) => {
            out.extend_from_slice(b"0x");
            out.write_all(hex::encode(bytes).as_bytes())
        }
        Cell::Date(date) => write!(out, "{date}"),
        Cell::Time(time) => write!(out, "{time}"),
        // Its debug form is ISO 8601, and far cheaper than a format that is read anew for every cell.
        Cell::Timestamp(at) => write!(out, "{at:?}"),
        Cell::TimestampTz(at) => out.write_all(at.to_rfc3339().as_bytes()),
        Cell::Json(value) => write!(out, "{value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tests::every_cell;

    #[test]
    fn a_cell_is_written_as_every_surface_shows_it() {
        for cell in every_cell() {
            let mut out = Vec::new();
            append(&cell, &mut out);
            let expected = cell.to_text().unwrap_or_default();
            assert_eq!(String::from_utf8_lossy(&out), expected, "{cell:?}");
        }
    }
}
