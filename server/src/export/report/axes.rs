//! The place of a drawing, its axes, and numbers as they are written beside them.

use std::fmt::Write as _;

use super::escape;

/// The drawing, in its own units.
pub(super) const WIDTH: f64 = 640.0;
pub(super) const HEIGHT: f64 = 340.0;
/// What the axes leave of it.
pub(super) const LEFT: f64 = 72.0;
pub(super) const RIGHT: f64 = 624.0;
pub(super) const TOP: f64 = 14.0;
pub(super) const BOTTOM: f64 = 268.0;

/// Colours that are told apart on light and dark paper, also without seeing red from green.
const COLOURS: [&str; 12] = [
    "#3b7dd8", "#e08a1e", "#2a9d8f", "#c8553d", "#8e6bbf", "#7a9e2f", "#d1699e", "#4aa3c7",
    "#a67c52", "#5c6b7a", "#c9a227", "#6f4e7c",
];
/// Steps between the lines of a grid, about.
const STEPS: f64 = 5.0;
/// Beyond this a range cannot be halved and doubled at will.
const LARGEST: f64 = 1e300;
/// A range below this has no round steps any more.
const SMALLEST: f64 = 1e-290;
/// Characters of a label beside an axis.
const LABEL_CHARS: usize = 16;

/// The colour of a series.
pub(super) fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

/// An axis of numbers with lines at round ones.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    step: f64,
}

impl Axis {
    /// An axis that has room for all of these; `None` without any.
    pub(super) fn over(values: impl Iterator<Item = f64>, from_nought: bool) -> Option<Self> {
        let mut ends: Option<(f64, f64)> = None;
        for value in values.filter(|value| value.is_finite()) {
            let value = value.clamp(-LARGEST, LARGEST);
            ends = Some(ends.map_or((value, value), |(low, high)| {
                (low.min(value), high.max(value))
            }));
        }
        let (mut low, mut high) = ends?;
        // Bars and areas are read by their length, and numbers near nought are best seen from there.
        if from_nought || (low > 0.0 && low < 0.4 * high) {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if high - low < SMALLEST {
            let room = (low.abs() * 0.1).max(0.5);
            (low, high) = (low - room, high + room);
        }
        let rough = (high - low) / STEPS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|round| round * power)
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        Some(Self {
            from: (low / step).floor() * step,
            to: (high / step).ceil() * step,
            step,
        })
    }

    /// How far along the axis a value lies, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = (value.clamp(-LARGEST, LARGEST) - self.from) / (self.to - self.from);
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// The height at which a value is drawn.
    pub(super) fn y(&self, value: f64) -> f64 {
        BOTTOM - self.share(value) * (BOTTOM - TOP)
    }

    /// The place at which a value is drawn from left to right.
    pub(super) fn x(&self, value: f64) -> f64 {
        LEFT + self.share(value) * (RIGHT - LEFT)
    }

    /// Where the bars stand: at nought, or at the end that is nearest to it.
    pub(super) fn ground(&self) -> f64 {
        self.y(0.0_f64.clamp(self.from, self.to))
    }

    /// The round numbers along it.
    fn lines(&self) -> impl Iterator<Item = f64> {
        let count = ((self.to - self.from) / self.step).round().clamp(1.0, 20.0) as usize;
        let (from, step) = (self.from, self.step);
        (0..=count).map(move |at| from + step * at as f64)
    }

    /// The grid with its numbers at the left.
    pub(super) fn draw_left(&self, svg: &mut String) {
        for value in self.lines() {
            let y = self.y(value);
            _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                number(value)
            );
        }
    }

    /// The numbers below.
    pub(super) fn draw_below(&self, svg: &mut String) {
        for value in self.lines() {
            let x = self.x(value);
            _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                BOTTOM + 18.0,
                number(value)
            );
        }
    }
}

/// Labels below the drawing at their places, as many as there is room for.
pub(super) fn labels_below(svg: &mut String, labels: &[(f64, &str)]) {
    let slanted = labels.len() > 6;
    let room = if slanted { 22.0 } else { 80.0 };
    let mut last = f64::NEG_INFINITY;
    for &(x, label) in labels {
        if x - last < room {
            continue;
        }
        last = x;
        let label = escape(&short(label));
        let y = BOTTOM + 18.0;
        _ = if slanted {
            write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\" \
                 transform=\"rotate(-35 {x:.1} {y:.1})\">{label}</text>"
            )
        } else {
            write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>"
            )
        };
    }
}

/// The beginning of a drawing.
pub(super) fn begin() -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">")
}

/// A list of names with their colours, behind the drawing.
pub(super) fn legend(text: &mut String, names: &[String], more: usize) {
    text.push_str("<ul class=\"legend\">");
    for (at, name) in names.iter().enumerate() {
        _ = write!(
            text,
            "<li><i style=\"background:{}\"></i>{}</li>",
            colour(at),
            escape(name)
        );
    }
    if more > 0 {
        _ = write!(text, "<li>and {more} more that are not drawn</li>");
    }
    text.push_str("</ul>");
}

/// A label cut to the room there is.
pub(super) fn short(label: &str) -> String {
    if label.chars().nth(LABEL_CHARS).is_none() {
        return label.to_owned();
    }
    let mut cut: String = label.chars().take(LABEL_CHARS - 1).collect();
    cut.push('…');
    cut
}

/// A number in a few characters.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-4) {
        return format!("{value:e}");
    }
    let (value, unit) = match size {
        size if size >= 1e12 => (value / 1e12, "T"),
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text == "-0" { "0" } else { text };
    format!("{text}{unit}")
}
