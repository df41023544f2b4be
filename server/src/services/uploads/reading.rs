//! What is in a file, as text: the records of a table, or the text itself.

use std::{fmt::Write as _, io::Read as _, path::PathBuf};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use serde_json::{Map, Value, json};
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Caller, RowSet, Upload},
};

use super::{Uploads, names, shelf::on_disk};
use crate::{
    drivers::Limits,
    guard::{GuardOptions, Refusal},
    scenes::excel::quoted,
};

/// Records, and bytes of their cells or of a text, in one answer.
const MOST_RECORDS: usize = 1_000;
const MOST_BYTES: usize = 4 << 20;
const MOST_TEXT_BYTES: usize = 1 << 20;
/// The field of the record that says what is left out.
const NOTE: &str = "__note__";

impl Uploads<'_> {
    /// What is in a file: a JSON list of its first table's records, or its text. What is left out is said at the end:
    /// in a record of its own, or in a last line.
    ///
    /// # Errors
    /// As [`Uploads::find`]; [`Error::Unsupported`] for what is neither a table nor text.
    pub async fn read(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        named: &str,
    ) -> Result<String> {
        let upload = self.find(caller, conversation, named).await?;
        if names::is_shown_as_records(&upload.name) {
            match self.records(&upload).await {
                // No table, but a text all the same.
                Err(Error::Invalid { .. }) if names::may_be_text(&upload.name) => {}
                records => return records,
            }
        }
        let path = self.0.shelf.path(&upload);
        let (bytes, is_cut) = on_disk("reading a file that was sent", move || head(path)).await?;
        text(&upload, &bytes, is_cut)
    }

    async fn records(&self, upload: &Upload) -> Result<String> {
        let opened = self.opened(upload).await?;
        let mut tables = opened.catalogue.tables.iter().map(|table| &table.name);
        let Some(first) = tables.next() else {
            return Ok("[]".to_owned());
        };
        let others: Vec<&str> = tables.map(String::as_str).collect();
        let limits = Limits {
            rows: MOST_RECORDS,
            bytes: MOST_BYTES,
            time: self.0.config.query_time(),
        };
        let sql = format!("SELECT * FROM {}", quoted(first));
        let (_, rows) = opened
            .database
            .run(&sql, &GuardOptions::default(), limits)
            .await
            .map_err(|Refusal { error, .. }| error)?;
        Ok(as_records(&rows, first, &others).to_string())
    }
}

fn as_records(rows: &RowSet, table: &str, others: &[&str]) -> Value {
    let mut records: Vec<Value> = rows
        .rows
        .iter()
        .map(|row| {
            let cells = rows.columns.iter().zip(row);
            let record: Map<String, Value> = cells
                .map(|(column, cell)| (column.name.clone(), cell.to_json()))
                .collect();
            Value::Object(record)
        })
        .collect();
    let mut notes = Vec::new();
    if let Some(count) = rows.cut_at {
        notes.push(format!("Cut after {count} rows; there are more."));
    }
    if !others.is_empty() {
        notes.push(format!(
            "This is the table {table}; the file holds these too: {}.",
            others.join(", ")
        ));
    }
    if !notes.is_empty() {
        records.push(json!({NOTE: notes.join(" ")}));
    }
    Value::Array(records)
}

/// The beginning of a file, and whether there is more. Blocks.
fn head(path: PathBuf) -> std::io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let most = MOST_TEXT_BYTES as u64 + 1;
    std::fs::File::open(path)?
        .take(most)
        .read_to_end(&mut bytes)?;
    let is_cut = bytes.len() > MOST_TEXT_BYTES;
    bytes.truncate(MOST_TEXT_BYTES);
    Ok((bytes, is_cut))
}

fn text(upload: &Upload, bytes: &[u8], is_cut: bool) -> Result<String> {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    if marked.is_none() && memchr::memchr(0, bytes).is_some() {
        return Err(Error::Unsupported {
            what: format!(
                "'{}' is neither a table nor text, so it cannot be shown",
                upload.name
            ),
        });
    }
    let mut text = match marked {
        Some(encoding) => encoding.decode(bytes).0.into_owned(),
        None if is_utf8(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => {
            let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
            detector.feed(bytes, true);
            let encoding = detector.guess(None, Utf8Detection::Deny);
            encoding.decode(bytes).0.into_owned()
        }
    };
    if is_cut {
        // The cut may have gone through a character.
        let whole = text.trim_end_matches('\u{FFFD}').len();
        text.truncate(whole);
        let size = upload.size;
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n[Cut after {MOST_TEXT_BYTES} bytes of {size}; there are more.]"
        );
    }
    Ok(text)
}

/// Whether a text, which may end within a character, is UTF-8.
fn is_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tidegate_schema::model::{Cell, CellKind, ResultColumn, UploadId};

    use super::*;

    fn upload(size: u64) -> Upload {
        Upload {
            id: UploadId("u".to_owned()),
            bucket: Upload::BUCKET.to_owned(),
            name: "notes.md".to_owned(),
            size,
            conversation: "c".into(),
            owner: "001".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn records_say_what_they_leave_out() {
        let rows = RowSet {
            columns: vec![ResultColumn {
                name: "n".to_owned(),
                kind: CellKind::Int,
                data_type: String::new(),
            }],
            rows: vec![vec![Cell::Int(1)], vec![Cell::Null]],
            ..RowSet::default()
        };
        assert_eq!(as_records(&rows, "t", &[]), json!([{"n": 1}, {"n": null}]));
        let cut = RowSet {
            cut_at: Some(2),
            ..rows
        };
        let told = as_records(&cut, "t", &["u"]);
        assert_eq!(
            told[2],
            json!({"__note__": "Cut after 2 rows; there are more. This is the table t; the file holds these too: u."})
        );
    }

    #[test]
    fn text_is_shown_in_whatever_encoding_it_was_written_and_no_more_of_it_than_there_is_room_for()
    {
        let said = |bytes: &[u8], is_cut| text(&upload(9), bytes, is_cut);
        assert_eq!(said("grün\n".as_bytes(), false).expect("text"), "grün\n");
        assert_eq!(said(b"\xff\xfea\0", false).expect("text"), "a");
        let french =
            "Le château d'Orléans a été bâti au XVe siècle, près de la forêt; il est fermé l'été.";
        let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(french);
        assert_eq!(said(&latin, false).expect("text"), french);
        let cut = said(&"aé".as_bytes()[..2], true).expect("text");
        assert_eq!(cut, "a\n[Cut after 1048576 bytes of 9; there are more.]");
        let binary = said(b"%PDF\0\x01", false).expect_err("no text");
        assert!(binary.to_string().contains("'notes.md'"), "{binary}");
    }
}
