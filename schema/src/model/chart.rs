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
    /// One number, or a few beside each other.
    Number,
    /// A pie with a hole.
    Donut,
    /// Two numbers against each other, a third as the size of the point.
    Bubble,
    /// A number as the colour of a cell, per two categories.
    Heatmap,
}

impl ChartKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Table,
        Self::Line,
        Self::Bar,
        Self::Pie,
        Self::Scatter,
        Self::Area,
        Self::Number,
        Self::Donut,
        Self::Bubble,
        Self::Heatmap,
    ];

    /// Stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Line => "line",
            Self::Bar => "bar",
            Self::Pie => "pie",
            Self::Scatter => "scatter",
            Self::Area => "area",
            Self::Number => "number",
            Self::Donut => "donut",
            Self::Bubble => "bubble",
            Self::Heatmap => "heatmap",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_name() {
        for kind in ChartKind::ALL {
            assert_eq!(ChartKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(ChartKind::from_name("Pie"), None);
    }
}
