//! Kinds of display a result can have.

/// How a result is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChartKind {
    /// Rows and columns.
    Table,
    /// Values over an ordered axis.
    Line,
    /// Values per category.
    Bar,
    /// Shares of a whole.
    Pie,
    /// Two numbers against each other.
    Scatter,
    /// Filled line.
    Area,
    /// One number.
    Number,
}
