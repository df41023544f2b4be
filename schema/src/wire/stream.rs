//! Pure encoders from chat events to frames, one per surface, tested without a server.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::{
    Error,
    model::{Answer, ChartKind, ChatEvent},
    wire::v1::chat::{Empty, WholeChoice, WholeFrame, WholeMessage},
};

/// DB-GPT's name of a display.
pub fn display_name(chart: ChartKind) -> &'static str {
    match chart {
        ChartKind::Table | ChartKind::Number => "response_table",
        ChartKind::Line => "response_line_chart",
        ChartKind::Bar => "response_bar_chart",
        ChartKind::Pie => "response_pie_chart",
        ChartKind::Scatter => "response_scatter_chart",
        ChartKind::Area => "response_area_chart",
    }
}

/// An answer's document as the pages show it: words, then a `chart-view` element with SQL and rows.
pub fn view_markup(document: &Value) -> String {
    let text = document
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Some(sql) = document.get("sql").and_then(Value::as_str) else {
        return text.to_owned();
    };
    let chart = document
        .get("chart")
        .and_then(Value::as_str)
        .and_then(ChartKind::from_name);
    let names: Vec<&str> = document
        .get("columns")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|column| column.get("name").and_then(Value::as_str))
        .collect();
    let data: Vec<Value> = document
        .get("rows")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .map(|row| {
            let object: Map<String, Value> = unique(&names)
                .into_iter()
                .zip(row.iter().cloned())
                .collect();
            Value::Object(object)
        })
        .collect();
    let content =
        json!({"type": display_name(chart.unwrap_or(ChartKind::Table)), "sql": sql, "data": data});
    let failed = document
        .get("problem")
        .is_some_and(|problem| !problem.is_null());
    let words = if failed {
        format!("<span style=\"color:red\">ERROR!</span>{text}")
    } else {
        text.to_owned()
    };
    format!(
        "{words}\n<chart-view content=\"{}\" />",
        escape(&content.to_string())
    )
}

/// Column names with a number behind a repeated one, so that no cell is lost in an object.
fn unique(names: &[&str]) -> Vec<String> {
    let mut seen: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let mut candidate = (*name).to_owned();
        let mut number = 2;
        while seen.contains(&candidate) {
            candidate = format!("{name}_{number}");
            number += 1;
        }
        seen.push(candidate);
    }
    seen
}

/// XML attribute escaping.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Encodes a turn for `/api/v1/chat/completions`.
pub struct V1Encoder {
    incremental: bool,
    id: String,
    model: String,
    thinking: String,
    said: String,
}

impl V1Encoder {
    /// An encoder; `id` goes into every frame.
    pub fn new(incremental: bool, id: String) -> Self {
        Self {
            incremental,
            id,
            model: String::new(),
            thinking: String::new(),
            said: String::new(),
        }
    }

    /// The frames of one event, each a whole `data:` line with its blank line; empty when it has none.
    pub fn encode(&mut self, event: &ChatEvent) -> String {
        match event {
            ChatEvent::Started { model, .. } => {
                self.model.clone_from(model);
                String::new()
            }
            ChatEvent::Thinking(piece) => {
                self.thinking.push_str(piece);
                if self.incremental {
                    self.delta("reasoning_content", piece)
                } else {
                    self.whole()
                }
            }
            ChatEvent::Text(piece) => {
                self.said.push_str(piece);
                if self.incremental {
                    self.delta("content", piece)
                } else {
                    self.whole()
                }
            }
            ChatEvent::Done(answer) => self.finish(answer),
            ChatEvent::Error(error) => Self::failure(error, self.incremental),
            _ => String::new(),
        }
    }

    /// A failure after the stream began.
    fn failure(error: &Error, incremental: bool) -> String {
        let text = error.to_string().replace('\n', " ");
        let done = if incremental { "data: [DONE]\n\n" } else { "" };
        format!("data: [SERVER_ERROR]{text}\n\n{done}")
    }

    /// A failure before the stream began: the bare text, no space, no marker.
    pub fn refused(message: &str) -> String {
        format!("data:{}\n\n", message.replace('\n', " "))
    }

    fn whole(&self) -> String {
        let content = if self.thinking.is_empty() {
            self.said.clone()
        } else {
            // Q-005: reasoning stands in the content, in a fence of six back-ticks.
            format!(
                "``````vis-thinking\n{}\n``````\n{}",
                self.thinking, self.said
            )
        };
        self.whole_frame(&content)
    }

    fn whole_frame(&self, content: &str) -> String {
        let frame = WholeFrame {
            id: &self.id,
            model: &self.model,
            choices: [WholeChoice {
                index: 0,
                message: WholeMessage {
                    role: "assistant",
                    content,
                    reasoning_content: None,
                },
            }],
            usage: Empty {},
        };
        format!(
            "data: {}\n\n",
            serde_json::to_string(&frame).unwrap_or_default()
        )
    }

    fn delta(&mut self, field: &str, piece: &str) -> String {
        let mut delta = json!({"role": "assistant", "content": ""});
        if let Some(object) = delta.as_object_mut() {
            object.insert(field.to_owned(), Value::String(piece.to_owned()));
        }
        let frame = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "model": self.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": null}],
        });
        format!("data: {frame}\n\n")
    }

    fn finish(&mut self, answer: &Answer) -> String {
        let view = view_markup(&answer.document());
        if !self.incremental {
            if view == self.said {
                return String::new();
            }
            self.said = view;
            return self.whole();
        }
        // What the view has beyond the text already sent: the chart.
        let rest = view
            .strip_prefix(&self.said)
            .map_or_else(|| format!("\n{view}"), str::to_owned);
        let mut frames = if rest.is_empty() {
            String::new()
        } else {
            self.delta("content", &rest)
        };
        let end = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "model": self.model,
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        });
        _ = write!(frames, "data: {end}\n\ndata: [DONE]\n\n");
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cell, CellKind, Evidence, ResultColumn, RowSet, Usage};

    fn answer() -> Answer {
        let column = |name: &str| ResultColumn {
            name: name.to_owned(),
            kind: CellKind::Text,
            data_type: String::new(),
        };
        Answer {
            conversation: "c".into(),
            round: 1,
            text: "Sales per city".to_owned(),
            result: Some(RowSet {
                columns: vec![column("city"), column("total")],
                rows: vec![vec![Cell::Text("Oslo".to_owned()), Cell::Float(120.5)]],
                cut_at: None,
                elapsed_ms: 1,
            }),
            chart: Some(ChartKind::Bar),
            problem: None,
            evidence: Evidence {
                sql: Some("SELECT \"a\" < 2".to_owned()),
                ..Evidence::default()
            },
            usage: Usage::default(),
        }
    }

    #[test]
    fn the_view_is_text_then_an_escaped_chart_view() {
        assert_eq!(
            view_markup(&answer().document()),
            "Sales per city\n<chart-view content=\"{&quot;type&quot;:&quot;response_bar_chart&quot;,\
             &quot;sql&quot;:&quot;SELECT \\&quot;a\\&quot; &lt; 2&quot;,&quot;data&quot;:[{&quot;city&quot;:\
             &quot;Oslo&quot;,&quot;total&quot;:120.5}]}\" />"
        );
    }

    #[test]
    fn whole_frames_carry_the_text_so_far_and_no_marker() {
        let mut encoder = V1Encoder::new(false, "i".to_owned());
        encoder.encode(&ChatEvent::Started {
            conversation: "c".into(),
            round: 1,
            model: "m".to_owned(),
        });
        encoder.encode(&ChatEvent::Text("Hello ".to_owned()));
        let frame = encoder.encode(&ChatEvent::Text("world".to_owned()));
        assert!(frame.starts_with(
            "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\""
        ));
        assert!(frame.contains("\"content\":\"Hello world\""));
        assert!(
            !encoder
                .encode(&ChatEvent::Done(Box::new(answer())))
                .contains("[DONE]")
        );
    }

    #[test]
    fn incremental_frames_are_deltas_and_end_in_done() {
        let mut encoder = V1Encoder::new(true, "i".to_owned());
        assert!(
            encoder
                .encode(&ChatEvent::Text("Sales per city".to_owned()))
                .contains("\"content\":\"Sales per city\"")
        );
        let end = encoder.encode(&ChatEvent::Done(Box::new(answer())));
        assert!(end.contains("chart-view"));
        assert!(end.ends_with("data: [DONE]\n\n"));
    }

    #[test]
    fn a_failure_after_the_first_byte_has_a_frame() {
        let mut encoder = V1Encoder::new(true, "i".to_owned());
        let frame = encoder.encode(&ChatEvent::Error(Error::upstream("m", "gone\naway")));
        assert_eq!(
            frame,
            "data: [SERVER_ERROR]m: gone away\n\ndata: [DONE]\n\n"
        );
    }
}
