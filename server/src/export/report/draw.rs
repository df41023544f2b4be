//! Lines, areas and bars.

use std::fmt::Write as _;

use tidegate_schema::model::{ChartKind, Plot, RowSet};

use super::{
    axes::{Axis, BOTTOM, LEFT, RIGHT, begin, colour, labels_below, legend, number},
    escape,
    gather::{Gathered, Series},
};

/// Most points that are marked one by one, and most bars.
const MARKED: usize = 80;
const MOST_BARS: usize = 400;

/// Values along an axis; `None` where there is nothing to draw, or too much to be read.
pub(super) fn along(result: &RowSet, plot: &Plot, kind: ChartKind) -> Option<String> {
    let bars = kind == ChartKind::Bar;
    let gathered = Gathered::of(result, plot, !bars);
    if bars && gathered.keys.len() * gathered.series.len() > MOST_BARS {
        return None;
    }
    let axis = Axis::over(gathered.values(), kind != ChartKind::Line)?;
    let places = Places::of(&gathered, bars);
    let mut svg = begin();
    axis.draw_left(&mut svg);
    let labels: Vec<(f64, &str)> = gathered
        .keys
        .iter()
        .enumerate()
        .map(|(at, key)| (places.x(at), key.as_str()))
        .collect();
    labels_below(&mut svg, &labels);
    for (number, series) in gathered.series.iter().enumerate() {
        if bars {
            draw_bars(&mut svg, &gathered, &axis, &places, number);
        } else {
            let line = Line {
                axis: &axis,
                places: &places,
                keys: &gathered.keys,
                series,
                colour: colour(number),
            };
            line.draw(&mut svg, kind == ChartKind::Area);
        }
    }
    svg.push_str("</svg>");
    if gathered.series.len() > 1 || gathered.more > 0 {
        legend(&mut svg, &gathered.names(), gathered.more);
    }
    Some(svg)
}

/// Where the keys are drawn from left to right: side by side, or where they lie in time.
enum Places {
    Bands(f64),
    Axis { from: f64, to: f64, of: Vec<f64> },
}

impl Places {
    fn of(gathered: &Gathered, bars: bool) -> Self {
        let band = (RIGHT - LEFT) / gathered.keys.len().max(1) as f64;
        let Some(of) = gathered.places.clone().filter(|_| !bars) else {
            return Self::Bands(band);
        };
        let from = of.iter().copied().fold(f64::INFINITY, f64::min);
        let to = of.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if from < to {
            Self::Axis { from, to, of }
        } else {
            Self::Bands(band)
        }
    }

    fn x(&self, at: usize) -> f64 {
        match self {
            Self::Bands(band) => LEFT + (at as f64 + 0.5) * band,
            Self::Axis { from, to, of } => {
                let place = of.get(at).copied().unwrap_or(*from);
                // Halves, so that the widest range there is does not overflow.
                let share = (place / 2.0 - from / 2.0) / (to / 2.0 - from / 2.0);
                LEFT + 12.0 + share * (RIGHT - LEFT - 24.0)
            }
        }
    }

    fn band(&self) -> f64 {
        match self {
            Self::Bands(band) => *band,
            Self::Axis { .. } => 0.0,
        }
    }
}

/// One line with what it is drawn by.
struct Line<'a> {
    axis: &'a Axis,
    places: &'a Places,
    keys: &'a [String],
    series: &'a Series,
    colour: &'a str,
}

impl Line<'_> {
    fn draw(&self, svg: &mut String, filled: bool) {
        let marked = self.series.points.len() <= MARKED;
        let gap = |(_, value): &(usize, Option<f64>)| value.is_none();
        // NULL breaks the line: what is not known is not drawn as if it were.
        for piece in self.series.points.split(gap) {
            let points: Vec<(usize, f64)> = piece
                .iter()
                .filter_map(|(at, value)| value.map(|value| (*at, value)))
                .collect();
            self.piece(svg, &points, filled);
            if marked || points.len() == 1 {
                self.marks(svg, &points);
            }
        }
    }

    fn piece(&self, svg: &mut String, points: &[(usize, f64)], filled: bool) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        let mut path = String::new();
        for (number, (at, value)) in points.iter().enumerate() {
            let sign = if number == 0 { 'M' } else { 'L' };
            _ = write!(
                path,
                "{sign}{:.1} {:.1}",
                self.places.x(*at),
                self.axis.y(*value)
            );
        }
        let colour = self.colour;
        if filled {
            let ground = self.axis.ground();
            let (from, to) = (self.places.x(first.0), self.places.x(last.0));
            _ = write!(
                svg,
                "<path d=\"{path}L{to:.1} {ground:.1}L{from:.1} {ground:.1}Z\" fill=\"{colour}\" \
                 fill-opacity=\"0.25\"/>"
            );
        }
        _ = write!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
    }

    fn marks(&self, svg: &mut String, points: &[(usize, f64)]) {
        for (at, value) in points {
            let key = self.keys.get(*at).map_or("", String::as_str);
            _ = write!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{}\"><title>{}</title></circle>",
                self.places.x(*at),
                self.axis.y(*value),
                self.colour,
                escape(&format!("{key}, {}: {}", self.series.name, number(*value)))
            );
        }
    }
}

fn draw_bars(svg: &mut String, gathered: &Gathered, axis: &Axis, places: &Places, number: usize) {
    let Some(series) = gathered.series.get(number) else {
        return;
    };
    let width = places.band() * 0.8 / gathered.series.len() as f64;
    let ground = axis.ground().min(BOTTOM);
    for (at, value) in &series.points {
        let Some(value) = *value else { continue };
        let left = places.x(*at) - places.band() * 0.4 + width * number as f64;
        let (top, foot) = (axis.y(value).min(ground), axis.y(value).max(ground));
        let key = gathered.keys.get(*at).map_or("", String::as_str);
        _ = write!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{}\">\
             <title>{}</title></rect>",
            foot - top,
            colour(number),
            escape(&format!("{key}, {}: {}", series.name, self::number(value)))
        );
    }
}
