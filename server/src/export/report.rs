//! A dashboard as one page of HTML that needs nothing beside it: no script, no font, no address, its charts drawn here.
//!
//! What comes from a database or a model is text and never markup: everything goes through [`escape`].

mod axes;
mod draw;
mod gather;
mod shapes;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use tidegate_schema::model::{Cell, ChartKind, Plot, RowSet, cut_words};

/// Most rows of a table on the page.
const MOST_ROWS: usize = 200;
/// Nothing is loaded and nothing runs, whatever got into the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1f2933;--dim:#66727f;--line:#d5dbe1;--card:#fff;--page:#f3f5f7}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e7eb;--dim:#9aa5b1;--line:#3e4c59;--card:#1f2933;--page:#12181f}}\
body{margin:0;padding:24px;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,sans-serif}\
h1{font-size:24px;margin:0 0 4px}header p,.dim{color:var(--dim);margin:0}\
main{display:grid;gap:16px;margin-top:20px;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}\
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px;min-width:0}\
h2{font-size:17px;margin:0 0 4px}svg{width:100%;height:auto;display:block;margin-top:8px}\
svg text{fill:var(--dim);font-size:12px}svg .grid{stroke:var(--line);stroke-width:1}\
.scroll{overflow:auto;max-height:420px;margin-top:8px}table{border-collapse:collapse;width:100%;font-size:14px}\
th,td{text-align:left;padding:4px 10px;border-bottom:1px solid var(--line);white-space:pre-wrap}\
td.number{text-align:right;font-variant-numeric:tabular-nums}\
.figures{display:flex;flex-wrap:wrap;gap:24px;margin-top:8px}.figures b{display:block;font-size:36px;line-height:1.2}\
.legend{display:flex;flex-wrap:wrap;gap:4px 14px;list-style:none;margin:8px 0 0;padding:0;font-size:13px}\
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}\
.failed{border-color:#c0392b}.failed p.reason{color:#c0392b;white-space:pre-wrap}\
details{margin-top:10px;font-size:13px;color:var(--dim)}pre{white-space:pre-wrap;overflow-wrap:anywhere}";

/// What stands on a page.
pub struct Page {
    /// Its title.
    pub title: String,
    /// Where the data come from and when, in a line.
    pub about: String,
    /// The charts, in their order.
    pub charts: Vec<PageChart>,
}

/// A chart of a page.
pub struct PageChart {
    /// Title.
    pub title: String,
    /// What it shows and why.
    pub thoughts: String,
    /// Its query.
    pub sql: String,
    /// How it is shown.
    pub kind: ChartKind,
    /// Its rows, or why there are none.
    pub outcome: Result<RowSet, String>,
}

/// The page.
pub fn html(page: &Page) -> String {
    let title = escape(&page.title);
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header><h1>{title}</h1><p>{}</p></header>\n<main>\n",
        escape(&page.about)
    );
    for chart in &page.charts {
        section(&mut text, chart);
    }
    text.push_str("</main>\n</body>\n</html>\n");
    text
}

fn section(text: &mut String, chart: &PageChart) {
    let class = if chart.outcome.is_err() {
        " class=\"failed\""
    } else {
        ""
    };
    _ = write!(text, "<section{class}><h2>{}</h2>", escape(&chart.title));
    if !chart.thoughts.trim().is_empty() {
        _ = write!(text, "<p class=\"dim\">{}</p>", escape(&chart.thoughts));
    }
    match &chart.outcome {
        Ok(result) => {
            text.push_str(&body(result, chart.kind));
            if let Some(cut) = cut_words(result) {
                _ = write!(text, "<p class=\"dim\">{}</p>", escape(&cut));
            }
        }
        Err(reason) => {
            _ = write!(
                text,
                "<p class=\"reason\">This chart could not be drawn: {}</p>",
                escape(reason)
            );
        }
    }
    _ = writeln!(
        text,
        "<details><summary>SQL</summary><pre>{}</pre></details></section>",
        escape(&chart.sql)
    );
}

/// The chart itself; a table where there is nothing to draw.
fn body(result: &RowSet, kind: ChartKind) -> String {
    let Some(plot) = Plot::of(result, kind) else {
        return table(result);
    };
    let drawn = match kind {
        ChartKind::Number => Some(figures(result, &plot)),
        ChartKind::Line | ChartKind::Area | ChartKind::Bar => draw::along(result, &plot, kind),
        ChartKind::Pie | ChartKind::Donut => shapes::pie(result, &plot, kind == ChartKind::Donut),
        ChartKind::Scatter | ChartKind::Bubble => shapes::points(result, &plot),
        ChartKind::Heatmap => shapes::cells(result, &plot),
        ChartKind::Table => None,
    };
    drawn.unwrap_or_else(|| table(result))
}

/// Numbers that stand alone.
fn figures(result: &RowSet, plot: &Plot) -> String {
    let mut text = String::from("<div class=\"figures\">");
    for &column in &plot.values {
        let value = result.cells(column).next().and_then(Cell::to_text);
        let name = result
            .columns
            .get(column)
            .map_or("", |column| column.name.as_str());
        _ = write!(
            text,
            "<div><b>{}</b><span class=\"dim\">{}</span></div>",
            escape(&value.unwrap_or_default()),
            escape(name)
        );
    }
    text.push_str("</div>");
    text
}

fn table(result: &RowSet) -> String {
    let numbers = result.numeric_columns();
    let mut text = String::from("<div class=\"scroll\"><table><thead><tr>");
    for column in &result.columns {
        _ = write!(text, "<th>{}</th>", escape(&column.name));
    }
    text.push_str("</tr></thead><tbody>");
    for row in result.rows.iter().take(MOST_ROWS) {
        text.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let class = if numbers.contains(&at) {
                " class=\"number\""
            } else {
                ""
            };
            let cell = cell.to_text().unwrap_or_default();
            _ = write!(text, "<td{class}>{}</td>", escape(&cell));
        }
        text.push_str("</tr>");
    }
    text.push_str("</tbody></table></div>");
    if result.rows.is_empty() {
        text.push_str("<p class=\"dim\">Nothing matches.</p>");
    } else if result.rows.len() > MOST_ROWS {
        _ = write!(
            text,
            "<p class=\"dim\">The first {MOST_ROWS} of {} rows.</p>",
            result.rows.len()
        );
    }
    text
}

/// A text as part of HTML, in an element or an attribute. Characters that no document may hold are left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(sign),
            sign if sign.is_control() => {}
            sign => out.push(sign),
        }
    }
    out
}
