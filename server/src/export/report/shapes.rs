//! Pies, points and heat maps.

use std::{collections::HashMap, f64::consts::TAU, fmt::Write as _};

use tidegate_schema::model::{Plot, RowSet};

use super::{
    axes::{
        Axis, BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, begin, colour, labels_below, legend, number,
        short,
    },
    escape,
    gather::{Gathered, label, value},
};

/// Slices of a pie; the smallest of more are one.
const MOST_SLICES: usize = 12;
/// Names along each side of a heat map.
const MOST_NAMES: usize = 40;
/// Series of points that are told apart.
const MOST_SERIES: usize = 12;
/// The radius of a pie, of its hole, of a point, and of the largest bubble.
const RADIUS: f64 = 150.0;
const HOLE: f64 = 80.0;
const POINT: f64 = 4.0;
const BUBBLE: f64 = 22.0;

/// Shares of a whole; `None` where nothing is a share: numbers below nought, or no numbers.
pub(super) fn pie(result: &RowSet, plot: &Plot, hollow: bool) -> Option<String> {
    let gathered = Gathered::of(result, plot, false);
    let series = gathered.series.first()?;
    let mut slices: Vec<(String, f64)> = series
        .points
        .iter()
        .filter_map(|(at, value)| Some((gathered.keys.get(*at)?.clone(), (*value)?)))
        .collect();
    if slices.iter().any(|(_, value)| *value < 0.0) {
        return None;
    }
    slices.retain(|(_, value)| *value > 0.0);
    if slices.len() > MOST_SLICES {
        slices.sort_by(|a, b| b.1.total_cmp(&a.1));
        let rest = slices.split_off(MOST_SLICES - 1);
        let sum = rest.iter().map(|(_, value)| value).fold(0.0, |a, b| a + b);
        slices.push((format!("{} more", rest.len()), sum));
    }
    let whole = slices.iter().fold(0.0, |sum, (_, value)| sum + value);
    if !(whole.is_finite() && whole > 0.0) {
        return None;
    }
    let mut svg = begin();
    let mut from = 0.0;
    let mut names = Vec::with_capacity(slices.len());
    for (number, (name, value)) in slices.iter().enumerate() {
        let share = value / whole;
        let told = format!("{name}: {} ({:.1} %)", self::number(*value), share * 100.0);
        _ = write!(
            svg,
            "<path d=\"{}\" fill=\"{}\" fill-rule=\"evenodd\"><title>{}</title></path>",
            slice(from, share, hollow),
            colour(number),
            escape(&told)
        );
        names.push(told);
        from += share;
    }
    svg.push_str("</svg>");
    legend(&mut svg, &names, 0);
    Some(svg)
}

/// The outline of a slice from one share of the whole on.
fn slice(from: f64, share: f64, hollow: bool) -> String {
    let (x, y) = (WIDTH / 2.0, HEIGHT / 2.0);
    let hole = if hollow { HOLE } else { 0.0 };
    if share > 0.9999 {
        // An arc that ends where it begins is none.
        let ring = |radius: f64| {
            format!(
                "M{:.1} {y:.1}A{radius} {radius} 0 1 1 {:.1} {y:.1}A{radius} {radius} 0 1 1 {:.1} {y:.1}Z",
                x - radius,
                x + radius,
                x - radius
            )
        };
        let inner = if hollow { ring(hole) } else { String::new() };
        return format!("{}{inner}", ring(RADIUS));
    }
    let point = |share: f64, radius: f64| {
        let angle = share * TAU;
        (x + radius * angle.sin(), y - radius * angle.cos())
    };
    let large = u8::from(share > 0.5);
    let (start, end) = (point(from, RADIUS), point(from + share, RADIUS));
    let (back, begin) = (point(from + share, hole), point(from, hole));
    format!(
        "M{:.2} {:.2}A{RADIUS} {RADIUS} 0 {large} 1 {:.2} {:.2}L{:.2} {:.2}A{hole} {hole} 0 {large} 0 {:.2} {:.2}Z",
        start.0, start.1, end.0, end.1, back.0, back.1, begin.0, begin.1
    )
}

/// Two numbers against each other, a third as the size where there is one.
pub(super) fn points(result: &RowSet, plot: &Plot) -> Option<String> {
    let (key, across) = (plot.key?, *plot.values.first()?);
    let size = plot.values.get(1).copied();
    let column = |at: usize| result.cells(at).filter_map(|cell| value(Some(cell)));
    let (below, left) = (
        Axis::over(column(key), false)?,
        Axis::over(column(across), false)?,
    );
    let largest = size.map(|size| column(size).fold(0.0, |most: f64, one| most.max(one.abs())));
    let mut svg = begin();
    left.draw_left(&mut svg);
    below.draw_below(&mut svg);
    let mut names: Vec<String> = Vec::new();
    let mut known: HashMap<String, Option<usize>> = HashMap::new();
    let mut more = 0;
    for row in &result.rows {
        let (Some(x), Some(y)) = (value(row.get(key)), value(row.get(across))) else {
            continue;
        };
        let series = match plot.series {
            None => Some(0),
            Some(column) => {
                let name = label(row.get(column));
                *known.entry(name.clone()).or_insert_with(|| {
                    if names.len() == MOST_SERIES {
                        more += 1;
                        return None;
                    }
                    names.push(name);
                    Some(names.len() - 1)
                })
            }
        };
        let Some(series) = series else { continue };
        let radius = match (size.and_then(|size| value(row.get(size))), largest) {
            // The area is what is compared, and not the radius.
            (Some(size), Some(largest)) if largest > 0.0 => {
                POINT.max(BUBBLE * (size.abs() / largest).sqrt())
            }
            _ => POINT,
        };
        _ = write!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"{}\" fill-opacity=\"0.65\">\
             <title>{}</title></circle>",
            below.x(x),
            left.y(y),
            colour(series),
            escape(&format!("{}, {}", number(x), number(y)))
        );
    }
    svg.push_str("</svg>");
    if !names.is_empty() {
        legend(&mut svg, &names, more);
    }
    Some(svg)
}

/// A number as the colour of a cell, per two names.
pub(super) fn cells(result: &RowSet, plot: &Plot) -> Option<String> {
    let gathered = Gathered::of(result, plot, true);
    let (key, side, shown) = (plot.key?, plot.series?, *plot.values.first()?);
    let mut sides: Vec<String> = Vec::new();
    for cell in result.cells(side) {
        let name = label(Some(cell));
        if !sides.contains(&name) {
            sides.push(name);
        }
        if sides.len() > MOST_NAMES {
            return None;
        }
    }
    if gathered.keys.len() > MOST_NAMES || sides.is_empty() {
        return None;
    }
    let shades = Axis::over(
        result.cells(shown).filter_map(|cell| value(Some(cell))),
        false,
    )?;
    let width = (RIGHT - LEFT) / gathered.keys.len() as f64;
    let height = (BOTTOM - TOP) / sides.len() as f64;
    let mut svg = begin();
    for (at, name) in sides.iter().enumerate() {
        _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            TOP + (at as f64 + 0.5) * height + 4.0,
            escape(&short(name))
        );
    }
    let labels: Vec<(f64, &str)> = gathered
        .keys
        .iter()
        .enumerate()
        .map(|(at, key)| (LEFT + (at as f64 + 0.5) * width, key.as_str()))
        .collect();
    labels_below(&mut svg, &labels);
    for row in &result.rows {
        let (name, other) = (label(row.get(key)), label(row.get(side)));
        let column = gathered.keys.iter().position(|key| *key == name);
        let line = sides.iter().position(|side| *side == other);
        let (Some(column), Some(line), Some(value)) = (column, line, value(row.get(shown))) else {
            continue;
        };
        _ = write!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\" fill-opacity=\"{:.2}\">\
             <title>{}</title></rect>",
            LEFT + column as f64 * width + 1.0,
            TOP + line as f64 * height + 1.0,
            (width - 2.0).max(1.0),
            (height - 2.0).max(1.0),
            colour(0),
            0.08 + 0.92 * shades.share(value),
            escape(&format!("{name}, {other}: {}", number(value)))
        );
    }
    svg.push_str("</svg>");
    Some(svg)
}
