//! The batch that a run is filling, weighed against the caps of the run: it travels once it has many rows or much in
//! them.

use tidegate_schema::model::{Cell, CellKind};

use super::{Batch, Limits, ROWS_PER_BATCH};

/// Cells of a batch weigh little more than this, but for its last row: several batches lie ready at a time, and a cell
/// may be large.
pub(super) const BYTES_PER_BATCH: usize = 1 << 20;

/// What came of adding a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// There is room for more.
    Room,
    /// The batch should travel now.
    Full,
    /// A cap of the run is reached: the row was left out, and none may follow.
    Over,
}

/// Rows that travel together: as cells, or as their engine wrote them, to become cells where they are wanted.
pub(super) trait Parcel: Default + Send + 'static {
    /// How many rows it has.
    fn count(&self) -> usize;

    /// An empty one with room for about as much as this one has.
    fn like(&self) -> Self;

    /// Its rows, of columns of these kinds.
    fn unpack(self, kinds: &[CellKind]) -> Vec<Vec<Cell>>;
}

impl Parcel for Vec<Vec<Cell>> {
    fn count(&self) -> usize {
        self.len()
    }

    fn like(&self) -> Self {
        Self::with_capacity(self.len())
    }

    fn unpack(self, _: &[CellKind]) -> Vec<Vec<Cell>> {
        self
    }
}

/// Rows that wait to travel together, and how far their run has come.
pub(super) struct Filling<P = Vec<Vec<Cell>>> {
    limits: Limits,
    rows: P,
    /// What these rows weigh.
    weight: usize,
    /// Rows of the whole run, these included.
    count: usize,
    /// What all of them weigh.
    bytes: usize,
}

impl Filling {
    /// Nothing yet, under these caps.
    pub(super) fn new(limits: Limits) -> Self {
        Self::of_parcels(limits)
    }

    /// Adds a row, unless a cap stands against it.
    pub(super) fn add(&mut self, row: Vec<Cell>) -> Added {
        let weight = row.iter().map(cell_bytes).sum();
        self.add_with(weight, |rows| rows.push(row))
    }

    /// The rows that wait, if there are any.
    pub(super) fn take(&mut self) -> Option<Batch> {
        self.take_parcel().map(Batch::Rows)
    }
}

impl<P: Parcel> Filling<P> {
    /// Nothing yet, under these caps.
    pub(super) fn of_parcels(limits: Limits) -> Self {
        Self {
            limits,
            rows: P::default(),
            weight: 0,
            count: 0,
            bytes: 0,
        }
    }

    /// Whether the caps allow one more row of so many bytes. To be asked before a row is copied, with what it weighs
    /// at least: one of many large values may be larger than our memory.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.count < self.limits.rows && self.bytes.saturating_add(bytes) <= self.limits.bytes
    }

    /// Has `put` add a row that weighs so much, unless a cap stands against it.
    pub(super) fn add_with(&mut self, weight: usize, put: impl FnOnce(&mut P)) -> Added {
        if !self.has_room(weight) {
            return Added::Over;
        }
        self.count += 1;
        self.bytes = self.bytes.saturating_add(weight);
        self.weight = self.weight.saturating_add(weight);
        put(&mut self.rows);
        // The first row goes out at once, so that whoever waits sees something.
        if self.count == 1 || self.rows.count() >= ROWS_PER_BATCH || self.weight >= BYTES_PER_BATCH
        {
            Added::Full
        } else {
            Added::Room
        }
    }

    /// Where the rows that wait are. What is begun there counts once it is added.
    pub(super) fn parcel(&mut self) -> &mut P {
        &mut self.rows
    }

    /// The rows that wait, if there are any.
    pub(super) fn take_parcel(&mut self) -> Option<P> {
        if self.rows.count() == 0 {
            return None;
        }
        self.weight = 0;
        let next = self.rows.like();
        Some(std::mem::replace(&mut self.rows, next))
    }

    /// The word that a cap was reached, with how many rows came before; it travels behind them.
    pub(super) fn cut(&self) -> Batch {
        Batch::Cut(self.count)
    }
}

/// What a cell weighs against [`Limits::bytes`].
pub(super) fn cell_bytes(cell: &Cell) -> usize {
    size_of::<Cell>()
        + match cell {
            Cell::Text(text) => text.len(),
            Cell::Decimal(text) => text.len(),
            Cell::Bytes(bytes) => bytes.len(),
            Cell::Json(value) => json_bytes(value),
            _ => 0,
        }
}

fn json_bytes(value: &serde_json::Value) -> usize {
    use serde_json::Value;

    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(json_bytes).sum(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| key.len() + json_bytes(value))
                .sum(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn filling(rows: usize, bytes: usize) -> Filling {
        Filling::new(Limits {
            rows,
            bytes,
            time: Duration::from_secs(1),
        })
    }

    fn row(bytes: usize) -> Vec<Cell> {
        vec![Cell::Text("x".repeat(bytes))]
    }

    /// How many rows each batch has when so many of a size travel.
    fn batches(filling: &mut Filling, rows: usize, bytes: usize) -> Vec<usize> {
        let mut sizes = Vec::new();
        let mut travel = |batch: Option<Batch>| {
            if let Some(Batch::Rows(rows)) = batch {
                sizes.push(rows.len());
            }
        };
        for _ in 0..rows {
            match filling.add(row(bytes)) {
                Added::Room => {}
                Added::Full => travel(filling.take()),
                Added::Over => break,
            }
        }
        travel(filling.take());
        sizes
    }

    #[test]
    fn the_first_row_travels_alone_and_small_ones_by_their_number() {
        let mut filling = filling(usize::MAX, usize::MAX);
        assert!(filling.take().is_none());
        let sizes = batches(&mut filling, 2 * ROWS_PER_BATCH + 2, 100);
        assert_eq!(sizes, [1, ROWS_PER_BATCH, ROWS_PER_BATCH, 1]);
    }

    #[test]
    fn large_rows_travel_by_their_weight() {
        let mut three = filling(usize::MAX, usize::MAX);
        assert_eq!(batches(&mut three, 7, 400_000), [1, 3, 3]);
        let mut huge = filling(usize::MAX, usize::MAX);
        assert_eq!(batches(&mut huge, 3, 5 * BYTES_PER_BATCH), [1, 1, 1]);
    }

    #[test]
    fn a_row_beyond_a_cap_is_left_out_and_told() {
        let mut rows = filling(3, usize::MAX);
        assert_eq!(batches(&mut rows, 5, 10), [1, 2]);
        assert!(!rows.has_room(0));
        assert!(matches!(rows.cut(), Batch::Cut(3)));
        let mut bytes = filling(usize::MAX, 1_000);
        assert!(bytes.has_room(1_000) && !bytes.has_room(1_001));
        assert_eq!(batches(&mut bytes, 5, 400), [1, 1]);
        assert!(matches!(bytes.cut(), Batch::Cut(2)));
        let mut none = filling(0, usize::MAX);
        assert_eq!(none.add(row(1)), Added::Over);
        assert!(none.take().is_none());
        assert!(matches!(none.cut(), Batch::Cut(0)));
    }
}
