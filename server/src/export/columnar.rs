//! Arrow's IPC stream and Parquet: rows gathered into columns of one type each.
//!
//! The types are settled before the first row is written, from what the database says of the columns; a value that
//! does not go into its column's type ends the export, with its place and the remedy. Nothing is rounded and nothing
//! is left out to make it fit.

mod column;
mod types;

use std::{io::Write, sync::Arc};

use arrow::{
    datatypes::{Field, Schema, SchemaRef},
    ipc::writer::StreamWriter,
    record_batch::{RecordBatch, RecordBatchOptions},
};
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    file::{metadata::KeyValue, properties::WriterProperties},
};
use tidegate_schema::{Result, model::Cell};

use self::column::Column;
use super::{Encoder, Place, Plan, Written, misfit, names, unwritten};

/// Rows of one Arrow batch.
const BATCH_ROWS: usize = 8_192;
/// Bytes of one Arrow batch, roughly; a single row may be larger.
const BATCH_BYTES: usize = 4 << 20;
/// Rows of one Parquet row group.
pub(super) const GROUP_ROWS: usize = 1 << 16;
/// Bytes of one Parquet row group in memory, roughly.
const GROUP_BYTES: usize = 32 << 20;
/// Key in a Parquet file's metadata that says after how many rows a cap cut the result.
pub(super) const CUT_KEY: &str = "tidegate.cut_at";

/// An export under way.
pub(super) struct Columnar<'a, W: Write + Send> {
    plan: &'a Plan,
    parquet: bool,
    names: Vec<String>,
    /// Where it goes, until the first rows say how their times are to be read.
    out: Option<W>,
    open: Option<Open<W>>,
    /// Rows taken so far.
    taken: u64,
}

/// One whose types are settled.
struct Open<W: Write + Send> {
    target: Target<W>,
    schema: SchemaRef,
    columns: Vec<Column>,
    /// Rows gathered.
    rows: usize,
    /// Bytes gathered, roughly.
    bytes: usize,
}

enum Target<W: Write + Send> {
    Stream(Box<StreamWriter<W>>),
    File(Box<ArrowWriter<W>>),
}

impl<'a, W: Write + Send> Columnar<'a, W> {
    /// An IPC stream.
    pub(super) fn stream(plan: &'a Plan, out: W) -> Self {
        Self::new(plan, out, false)
    }

    /// A Parquet file.
    pub(super) fn parquet(plan: &'a Plan, out: W) -> Self {
        Self::new(plan, out, true)
    }

    fn new(plan: &'a Plan, out: W, parquet: bool) -> Self {
        Self {
            plan,
            parquet,
            names: names::unique(&plan.columns),
            out: Some(out),
            open: None,
            taken: 0,
        }
    }

    /// The open export; opened now, if it is not, by the looks of the first rows.
    fn open(&mut self, first: &[Vec<Cell>]) -> Result<&mut Open<W>> {
        if let Some(out) = self.out.take() {
            let columns = self
                .plan
                .columns
                .iter()
                .enumerate()
                .map(|(index, column)| {
                    let cells = first.iter().filter_map(|row| row.get(index));
                    Column::new(types::of(column, cells, self.plan.strict))
                })
                .collect();
            self.open = Some(Open::begin(out, &self.names, columns, self.parquet)?);
        }
        self.open
            .as_mut()
            .ok_or_else(|| unwritten("it could not be begun"))
    }
}

impl<W: Write + Send> Encoder for Columnar<'_, W> {
    fn rows(&mut self, rows: Vec<Vec<Cell>>) -> Result<()> {
        let (before, format) = (self.taken, self.plan.format);
        self.taken += rows.len() as u64;
        self.open(&rows)?;
        let (Some(open), names) = (&mut self.open, &self.names) else {
            return Ok(());
        };
        for (index, row) in rows.into_iter().enumerate() {
            for ((column, name), cell) in open.columns.iter_mut().zip(names).zip(row) {
                let weight = column.append(cell).map_err(|misfits| {
                    let place = Place {
                        row: before + index as u64 + 1,
                        column: name,
                    };
                    misfit(
                        place,
                        &misfits.to_string(),
                        &format!(
                            "a column of {format} holds values of one type: make the column text in the query \
                             (CAST), or export csv, json or xlsx"
                        ),
                    )
                })?;
                open.bytes += weight;
            }
            open.rows += 1;
            if open.rows >= BATCH_ROWS || open.bytes >= BATCH_BYTES {
                open.write()?;
            }
        }
        Ok(())
    }

    fn end(mut self: Box<Self>, written: Written) -> Result<()> {
        self.open(&[])?;
        match self.open {
            Some(open) => open.end(written),
            None => Ok(()),
        }
    }
}

impl<W: Write + Send> Open<W> {
    fn begin(out: W, names: &[String], columns: Vec<Column>, parquet: bool) -> Result<Self> {
        let fields: Vec<Field> = names
            .iter()
            .zip(&columns)
            .map(|(name, column)| Field::new(name, column.data_type(), true))
            .collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let target = if parquet {
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .set_created_by(format!("tidegate version {}", env!("CARGO_PKG_VERSION")))
                .build();
            let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties));
            Target::File(Box::new(writer.map_err(unwritten)?))
        } else {
            let writer = StreamWriter::try_new(out, &schema).map_err(unwritten)?;
            Target::Stream(Box::new(writer))
        };
        Ok(Self {
            target,
            schema,
            columns,
            rows: 0,
            bytes: 0,
        })
    }

    /// Writes the rows gathered so far.
    fn write(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let arrays = self.columns.iter_mut().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(unwritten)?;
        (self.rows, self.bytes) = (0, 0);
        match &mut self.target {
            Target::Stream(writer) => writer.write(&batch).map_err(unwritten),
            Target::File(writer) => {
                writer.write(&batch).map_err(unwritten)?;
                if writer.in_progress_rows() >= GROUP_ROWS || writer.memory_size() >= GROUP_BYTES {
                    writer.flush().map_err(unwritten)?;
                }
                Ok(())
            }
        }
    }

    fn end(mut self, written: Written) -> Result<()> {
        self.write()?;
        let mut out = match self.target {
            Target::Stream(writer) => writer.into_inner().map_err(unwritten)?,
            Target::File(mut writer) => {
                if let Some(rows) = written.cut_at {
                    let cut = KeyValue::new(CUT_KEY.to_owned(), rows.to_string());
                    writer.append_key_value_metadata(cut);
                }
                writer.into_inner().map_err(unwritten)?
            }
        };
        out.flush().map_err(unwritten)
    }
}
