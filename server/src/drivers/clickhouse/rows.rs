//! One query: its columns from the first two lines of the answer, then its rows as they come.
//!
//! The format is tab-separated text with names and types, which servers of every age have and which is exact for
//! every type. An exception in the middle of an answer is text among its rows; it is found and becomes an error.

use std::{ops::Range, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use tidegate_schema::{
    Error, Result,
    model::{Cell, ResultColumn},
};

use super::{
    answer::{Answer, Line, foreign_format},
    cells, fault,
    http::Server,
    suspicion::{self, Suspicion},
    types::Type,
};
use crate::drivers::{
    Batch, Limits, RowStream,
    batch::{Added, Filling},
};

/// For the line of names and the line of types: ten thousand columns have room.
const MAX_HEADER_BYTES: usize = 8 << 20;
/// What a line may have beyond twice the bytes of its cells, as escaping at most doubles them.
const LINE_SLACK: usize = 1 << 16;

/// Begins a query and answers as soon as its columns are known. `limit` is how long the server lets it run.
pub(super) async fn stream(
    server: &Arc<Server>,
    sql: String,
    settings: &[(String, String)],
    limits: Limits,
    limit: Duration,
) -> Result<RowStream> {
    let mut run = Run {
        answer: Answer::begin(server, sql, settings, limits.time, limit).await?,
        types: Vec::new(),
        limits,
        filling: Filling::new(limits),
        held: None,
        over: false,
    };
    let columns = run.header().await?;
    let batches = stream::unfold(Some(run), |run| async {
        let mut run = run?;
        match run.next_batch().await {
            Ok(Some(batch)) => Some((Ok(batch), Some(run))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(RowStream {
        columns,
        batches: batches.boxed(),
    })
}

/// What the server sent.
enum Sent {
    Row(Vec<Cell>),
    /// A row that is larger than the whole result may be.
    TooLarge,
    End,
}

/// A query whose rows are on their way.
struct Run {
    answer: Answer,
    types: Vec<Type>,
    limits: Limits,
    filling: Filling,
    /// Set once the rows have failed or a cap was reached behind rows that still had to go out.
    held: Option<Result<Batch>>,
    over: bool,
}

impl Run {
    async fn header(&mut self) -> Result<Vec<ResultColumn>> {
        let too_long = "the names and types of the columns are too long to be read";
        let first = match self.answer.line(MAX_HEADER_BYTES).await? {
            Line::Whole(line) => self.answer.text(&line).to_vec(),
            Line::TooLong => return Err(self.answer.error(too_long)),
            Line::End => {
                self.answer.end().await?;
                return Err(Error::invalid("sql", "is no query: it returns no columns"));
            }
        };
        let text = |field: &[u8]| String::from_utf8_lossy(&cells::unescape(field)).into_owned();
        let types: Vec<String> = match self.answer.line(MAX_HEADER_BYTES).await? {
            Line::Whole(line) => fields(self.answer.text(&line)).map(text).collect(),
            Line::TooLong => return Err(self.answer.error(too_long)),
            Line::End => Vec::new(),
        };
        if fault::may_begin(&first) && !are_types(&types) {
            return Err(self.answer.said(&String::from_utf8_lossy(&first)));
        }
        let names: Vec<String> = fields(&first).map(text).collect();
        if names.len() != types.len() || !are_types(&types) {
            return Err(foreign_format());
        }
        self.types = types.iter().map(|name| Type::parse(name)).collect();
        let columns = names.into_iter().zip(types).zip(&self.types);
        Ok(columns
            .map(|((name, data_type), kind)| ResultColumn {
                name,
                kind: kind.kind(),
                data_type,
            })
            .collect())
    }

    async fn next_batch(&mut self) -> Result<Option<Batch>> {
        if let Some(held) = self.held.take() {
            return held.map(Some);
        }
        if self.over {
            return Ok(None);
        }
        let end = loop {
            let added = match self.next_row().await {
                Ok(Sent::Row(row)) => self.filling.add(row),
                Ok(Sent::TooLarge) => Added::Over,
                Ok(Sent::End) => {
                    self.over = true;
                    break None;
                }
                Err(error) => {
                    self.over = true;
                    break Some(Err(error));
                }
            };
            match added {
                Added::Room if self.answer.has_line() => {}
                // What has arrived is handed on before more is waited for.
                Added::Room | Added::Full => break None,
                Added::Over => {
                    self.over = true;
                    self.answer.stop();
                    break Some(Ok(self.filling.cut()));
                }
            }
        };
        let Some(rows) = self.filling.take() else {
            return end.transpose();
        };
        self.held = end;
        Ok(Some(rows))
    }

    async fn next_row(&mut self) -> Result<Sent> {
        let most = self
            .limits
            .bytes
            .saturating_mul(2)
            .saturating_add(LINE_SLACK);
        loop {
            let mut line = match self.answer.line(most).await? {
                Line::Whole(line) => line,
                Line::TooLong => return Ok(Sent::TooLarge),
                Line::End => return self.answer.end().await.map(|()| Sent::End),
            };
            let text = self.answer.text(&line);
            if self.is_gap(text) {
                continue;
            }
            match suspicion::of(text, &self.types, self.answer.is_tagged()) {
                Suspicion::None => {}
                Suspicion::Proven => return Err(self.answer.exception(&line).await),
                Suspicion::IfLast => {
                    let (is_last, again) = self.answer.is_last(&line).await?;
                    line = again;
                    if is_last {
                        return Err(self.answer.exception(&line).await);
                    }
                }
            }
            return self.row(line).await;
        }
    }

    /// A line as a row, unless it has too few or too many cells.
    async fn row(&mut self, line: Range<usize>) -> Result<Sent> {
        let text = self.answer.text(&line);
        let found = fields(text).count();
        if found == self.types.len() {
            let cells = fields(text).zip(&self.types);
            return Ok(Sent::Row(
                cells
                    .map(|(field, kind)| cells::cell(kind, field))
                    .collect(),
            ));
        }
        if fault::names_exception(text) {
            return Err(self.answer.exception(&line).await);
        }
        Err(self.answer.error(&format!(
            "the server sent a row of {found} cells for {} columns",
            self.types.len()
        )))
    }

    /// An empty line before what `WITH TOTALS` adds. With a single column of text it cannot be told from a row.
    fn is_gap(&self, line: &[u8]) -> bool {
        let may_be_row = matches!(self.types.as_slice(), [only] if only.may_be_empty());
        // Rows have no carriage return; one stands before the mark of an exception.
        line == b"\r" || (line.is_empty() && !may_be_row)
    }
}

/// What stands between the tabs of a line.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b'\t')
}

/// Whether these may be names of types: all of ClickHouse's begin with a capital letter.
fn are_types(names: &[String]) -> bool {
    !names.is_empty()
        && names
            .iter()
            .all(|name| name.starts_with(|sign: char| sign.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_types_are_taken_for_types() {
        let named = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        assert!(are_types(&named(&["UInt8", "Nullable(String)"])));
        assert!(!are_types(&named(&["1", "String"])));
        assert!(!are_types(&named(&["\"meta\":"])));
        assert!(!are_types(&[]));
    }
}
