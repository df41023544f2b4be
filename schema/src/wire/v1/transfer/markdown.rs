//! A conversation as a page of Markdown: the questions, and for each the words, the query and a table of the answer.
//!
//! What people, models and databases wrote is set so that it cannot be taken for the page's own structure or for HTML.

use std::fmt::Write as _;

use serde_json::Value;

use crate::model::{KeptConversation, Message, Role, cut_note};

/// Rows and columns of a table, and characters of a cell.
const MOST_ROWS: usize = 50;
const MOST_COLUMNS: usize = 20;
const MOST_CELL_CHARS: usize = 200;

/// The page.
pub fn markdown(kept: &KeptConversation) -> String {
    let head = &kept.conversation;
    let mut page = format!("# {}\n\n", line(&head.title));
    let mut facts = vec![format!(
        "Begun {}",
        super::super::timestamp(head.created_at)
    )];
    if let Some(asked_of) = head.select_param.as_deref().filter(|name| !name.is_empty()) {
        facts.push(format!("asked of {}", line(asked_of)));
    }
    _ = writeln!(page, "{}.", facts.join(", "));
    for round in kept.messages.chunk_by(|a, b| a.round == b.round) {
        of_round(&mut page, round);
    }
    page
}

fn of_round(page: &mut String, round: &[Message]) {
    let said = |role: Role| round.iter().find(|message| message.role == role);
    let number = round.first().map_or(0, |message| message.round);
    _ = writeln!(page, "\n## Question {number}\n");
    if let Some(question) = said(Role::Human) {
        _ = writeln!(page, "{}\n", quoted(&question.content));
    }
    let Some(answer) = said(Role::View).or_else(|| said(Role::Ai)) else {
        page.push_str("*It was not answered.*\n");
        return;
    };
    match &answer.detail.evidence {
        Some(document) => of_answer(page, document),
        None => _ = writeln!(page, "{}", words(&answer.content)),
    }
    if answer.detail.cut {
        page.push_str("\n*The answer was cut before its end.*\n");
    }
}

fn of_answer(page: &mut String, document: &Value) {
    let text_of = |field: &str| document.get(field).and_then(Value::as_str);
    let text = text_of("text").unwrap_or_default();
    _ = writeln!(page, "{}", words(text));
    if let Some(problem) = text_of("problem").filter(|problem| !text.contains(problem)) {
        _ = writeln!(page, "\n**Failed:** {}", line(problem));
    }
    let charts = document
        .get("dashboard")
        .and_then(|dashboard| dashboard.get("charts"))
        .and_then(Value::as_array);
    if let Some(charts) = charts {
        for chart in charts {
            of_chart(page, chart);
        }
        return;
    }
    if let Some(sql) = text_of("sql") {
        _ = writeln!(page, "\n{}", fenced(sql));
        table(page, document);
        if let Some(note) = cut_note(document) {
            _ = writeln!(page, "\n{note}");
        }
    }
}

fn of_chart(page: &mut String, chart: &Value) {
    let text_of = |field: &str| chart.get(field).and_then(Value::as_str);
    let title = text_of("title").unwrap_or("Chart");
    _ = writeln!(page, "\n### {}", line(title));
    if let Some(thoughts) = text_of("thoughts").filter(|thoughts| !thoughts.is_empty()) {
        _ = writeln!(page, "\n{}", words(thoughts));
    }
    if let Some(sql) = text_of("sql").filter(|sql| !sql.is_empty()) {
        _ = writeln!(page, "\n{}", fenced(sql));
    }
    match text_of("error") {
        Some(error) => _ = writeln!(page, "\n**Failed:** {}", line(error)),
        None => table(page, chart),
    }
}

/// The columns and rows of a document, as many as fit on a page; nothing where there are none.
fn table(page: &mut String, document: &Value) {
    let list = |field: &str| {
        document
            .get(field)
            .and_then(Value::as_array)
            .map_or(&[] as &[Value], Vec::as_slice)
    };
    let (columns, rows) = (list("columns"), list("rows"));
    if columns.is_empty() {
        return;
    }
    let names = columns.iter().take(MOST_COLUMNS);
    let names: Vec<String> = names
        .map(|column| {
            let name = column.get("name").and_then(Value::as_str);
            cell(name.unwrap_or_default())
        })
        .collect();
    _ = writeln!(page, "\n| {} |", names.join(" | "));
    _ = writeln!(page, "|{}", " --- |".repeat(names.len()));
    for row in rows.iter().take(MOST_ROWS).filter_map(Value::as_array) {
        let cells: Vec<String> = row.iter().take(MOST_COLUMNS).map(value).collect();
        _ = writeln!(page, "| {} |", cells.join(" | "));
    }
    let mut left = Vec::new();
    if rows.len() > MOST_ROWS {
        left.push(format!("The first {MOST_ROWS} of {} rows.", rows.len()));
    }
    if columns.len() > MOST_COLUMNS {
        left.push(format!(
            "The first {MOST_COLUMNS} of {} columns.",
            columns.len()
        ));
    }
    if !left.is_empty() {
        _ = writeln!(page, "\n{}", left.join(" "));
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cell(text),
        other => cell(&other.to_string()),
    }
}

/// A text in a table's cell: one line, and not too long.
fn cell(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_CELL_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    line(&short)
}

/// A text on one line of its own, every sign of which stands for itself.
fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\\' | '|' | '`' | '*' | '_' | '#' | '[' | ']' | '~' => {
                line.push('\\');
                line.push(sign);
            }
            '<' => line.push_str("&lt;"),
            '>' => line.push_str("&gt;"),
            '&' => line.push_str("&amp;"),
            sign if sign.is_control() => line.push(' '),
            sign => line.push(sign),
        }
    }
    line
}

/// A text as a quotation, line by line.
fn quoted(text: &str) -> String {
    let lines: Vec<String> = text
        .trim_end()
        .lines()
        .map(|one| format!("> {}", line(one)))
        .collect();
    lines.join("\n")
}

/// An answer's words, which are Markdown themselves; what could be HTML, or a heading of the page, is only text. Code
/// between fences stays as it is, and a fence that is left open is closed: the rest of the page is no code. Behind a
/// fence that not everybody reads as one nothing is taken for code.
fn words(text: &str) -> String {
    // A carriage return alone ends a line too.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut open: Option<&str> = None;
    let mut is_plain = true;
    let mut lines: Vec<String> = Vec::new();
    for one in text.trim_end().lines() {
        if let Some(fence) = open {
            lines.push(one.to_owned());
            if closes(one, fence) {
                open = None;
            }
            continue;
        }
        open = opening(one).filter(|_| is_plain);
        is_plain &= open.is_some() || !(one.contains("```") || one.contains("~~~"));
        let safe = one.replace('<', "&lt;");
        lines.push(if safe.trim_start().starts_with('#') {
            format!("\\{}", safe.trim_start())
        } else {
            safe
        });
    }
    lines.extend(open.map(str::to_owned));
    lines.join("\n")
}

/// The fence that a line opens. Only one at the line's beginning: what is indented may belong to a list, whose end
/// would end the code too.
fn opening(line: &str) -> Option<&str> {
    let sign = line
        .chars()
        .next()
        .filter(|sign| matches!(sign, '`' | '~'))?;
    let rest = line.trim_start_matches(sign);
    let fence = &line[..line.len() - rest.len()];
    let opens = fence.len() >= 3 && (sign == '~' || !rest.contains('`'));
    opens.then_some(fence)
}

/// Whether a line closes code behind a fence: one of the same sign and as long, alone.
fn closes(line: &str, fence: &str) -> bool {
    let rest = line.trim_start_matches(' ');
    let sign = fence.chars().next().unwrap_or('`');
    let indent = line.len() - rest.len();
    let behind = rest.trim_start_matches(sign);
    let is_alone = behind.trim_matches([' ', '\t']).is_empty();
    indent < 4 && rest.len() - behind.len() >= fence.len() && is_alone
}

/// A query between fences that none of its own can end.
fn fenced(sql: &str) -> String {
    let longest = sql
        .split(|sign| sign != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}sql\n{}\n{fence}", sql.trim_end())
}
