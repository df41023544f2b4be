//! Pure encoders from chat events to frames, one per surface, tested without a server.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    v1::chat::{Empty, WholeChoice, WholeFrame, WholeMessage},
    view::View,
};
use crate::model::{Answer, ChatEvent};

/// How a turn is cut into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// JSON with the whole text so far, as DB-GPT has it since 0.7.3.
    Whole,
    /// OpenAI's deltas, then `[DONE]`.
    Incremental,
    /// The bare text so far, as DB-GPT had it until 0.7.2 and the pages of that age read it.
    Plain,
}

/// Encodes a turn for `/api/v1/chat/completions`.
pub struct V1Encoder {
    framing: Framing,
    id: String,
    model: String,
    thinking: String,
    said: String,
}

impl V1Encoder {
    /// An encoder; `id` goes into every frame.
    pub fn new(framing: Framing, id: String) -> Self {
        Self {
            framing,
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
                match self.framing {
                    Framing::Incremental => self.delta("reasoning_content", piece),
                    Framing::Whole | Framing::Plain => self.whole(),
                }
            }
            ChatEvent::Text(piece) => {
                self.said.push_str(piece);
                match self.framing {
                    Framing::Incremental => self.delta("content", piece),
                    Framing::Whole | Framing::Plain => self.whole(),
                }
            }
            ChatEvent::Done(answer) => self.finish(answer),
            ChatEvent::Error(error) => Self::failed(self.framing, &error.to_string()),
            _ => String::new(),
        }
    }

    /// A failure that the pages show as one: what goes wrong once the turn has begun, and an unknown model.
    pub fn failed(framing: Framing, message: &str) -> String {
        let message = one_line(message);
        match framing {
            Framing::Whole => format!("data: [SERVER_ERROR]{message}\n\n"),
            Framing::Incremental => format!("data: [SERVER_ERROR]{message}\n\ndata: [DONE]\n\n"),
            // The only mark that the pages of that age know.
            Framing::Plain => format!("data:[ERROR]{message}\n\n"),
        }
    }

    /// A failure before the stream began: the bare text, no space, no marker, in every framing.
    pub fn refused(message: &str) -> String {
        format!("data:{}\n\n", one_line(message))
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
        match self.framing {
            Framing::Plain => plain_frame(&content),
            Framing::Whole | Framing::Incremental => self.whole_frame(&content),
        }
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
        let document = answer.document();
        let view = View::of(&document);
        let markup = view.markup();
        if self.framing != Framing::Incremental {
            if view.stands_alone() {
                // The pages parse the whole text: no reasoning may stand ahead of it.
                self.thinking.clear();
            }
            if markup == self.said {
                return String::new();
            }
            self.said = markup;
            return self.whole();
        }
        // What the view has beyond the text already sent.
        let rest = match markup.strip_prefix(self.said.as_str()) {
            Some(rest) => rest.to_owned(),
            None if self.said == view.text => view.behind_words(),
            None => format!("\n{markup}"),
        };
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

/// A frame of text alone: a line break is the two characters backslash and n, which the pages turn back.
fn plain_frame(text: &str) -> String {
    let text = text
        .replace('\u{FFFD}', "")
        .replace("\r\n", "\\n")
        .replace(['\n', '\r'], "\\n");
    format!("data:{text}\n\n")
}

/// A message without line breaks, any of which would end its frame.
fn one_line(message: &str) -> String {
    message.replace("\r\n", " ").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Error,
        model::{
            Cell, CellKind, ChartKind, Dashboard, DashboardChart, Evidence, ProposedChart,
            ResultColumn, RowSet, Usage,
        },
        wire::view::view_markup,
    };

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
            dashboard: None,
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
        let view = view_markup(&answer().document());
        assert!(
            view.starts_with(
                "Sales per city\n<chart-view content=\"{&quot;type&quot;:&quot;response_bar_chart&quot;,\
                 &quot;sql&quot;:&quot;SELECT \\&quot;a\\&quot; &lt; 2&quot;,&quot;data&quot;:[{&quot;city&quot;:\
                 &quot;Oslo&quot;,&quot;total&quot;:120.5}],&quot;evidence&quot;:{"
            ),
            "{view}"
        );
        assert!(view.ends_with("}}\" />"), "{view}");
    }

    #[test]
    fn whole_frames_carry_the_text_so_far_and_no_marker() {
        let mut encoder = V1Encoder::new(Framing::Whole, "i".to_owned());
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
        let mut encoder = V1Encoder::new(Framing::Incremental, "i".to_owned());
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
    fn plain_frames_carry_the_bare_text_so_far() {
        let mut encoder = V1Encoder::new(Framing::Plain, "i".to_owned());
        assert_eq!(
            encoder.encode(&ChatEvent::Text("one\ntwo\r\n\u{FFFD}".to_owned())),
            "data:one\\ntwo\\n\n\n"
        );
        assert_eq!(
            encoder.encode(&ChatEvent::Text("three".to_owned())),
            "data:one\\ntwo\\nthree\n\n"
        );
        let last = encoder.encode(&ChatEvent::Done(Box::new(answer())));
        assert!(
            last.starts_with("data:Sales per city\\n<chart-view content=\"{&quot;type&quot;"),
            "{last}"
        );
        assert_eq!(last.matches('\n').count(), 2, "{last}");
    }

    fn dashboard() -> Answer {
        let Answer {
            result, evidence, ..
        } = answer();
        let chart = DashboardChart {
            id: "i".to_owned(),
            proposed: ProposedChart {
                title: "Sales".to_owned(),
                thoughts: "One line,\nand another".to_owned(),
                sql: "SELECT 1".to_owned(),
                showcase: "BarChart".to_owned(),
            },
            kind: ChartKind::Bar,
            verdict: None,
            outcome: Ok(result.expect("rows")),
        };
        Answer {
            text: "1 chart: Sales.".to_owned(),
            result: None,
            chart: None,
            dashboard: Some(Dashboard {
                charts: vec![chart],
            }),
            evidence: Evidence {
                sql: None,
                ..evidence
            },
            ..answer()
        }
    }

    #[test]
    fn the_last_frame_of_a_dashboard_is_its_report_in_every_framing() {
        let report = view_markup(&dashboard().document());
        assert!(report.starts_with("{\"conv_uid\":\"c\""), "{report}");
        let last = |framing| {
            let mut encoder = V1Encoder::new(framing, "i".to_owned());
            encoder.encode(&ChatEvent::Thinking("Let me think.".to_owned()));
            encoder.encode(&ChatEvent::Done(Box::new(dashboard())))
        };
        assert_eq!(
            last(Framing::Plain),
            format!("data:{report}\n\n"),
            "it is JSON, reasoning or not"
        );
        let whole: Value =
            serde_json::from_str(last(Framing::Whole).trim_start_matches("data: ")).expect("JSON");
        assert_eq!(whole["choices"][0]["message"]["content"], report);
        let incremental = last(Framing::Incremental);
        let first = incremental.split("\n\n").next().expect("a frame");
        let first: Value = serde_json::from_str(first.trim_start_matches("data: ")).expect("JSON");
        assert_eq!(first["choices"][0]["delta"]["content"], report);
        assert!(incremental.ends_with("data: [DONE]\n\n"));
    }

    #[test]
    fn incremental_frames_of_a_failed_query_say_nothing_twice() {
        let problem = Error::upstream("shop", "no such table: x");
        let mut failed = answer();
        failed.text = format!("Let me see.\n{problem}");
        failed.result = None;
        failed.problem = Some(problem);
        let mut encoder = V1Encoder::new(Framing::Incremental, "i".to_owned());
        encoder.encode(&ChatEvent::Text(failed.text.clone()));
        let end = encoder.encode(&ChatEvent::Done(Box::new(failed)));
        assert!(!end.contains("Let me see"), "{end}");
        assert!(!end.contains("no such table"), "{end}");
        assert!(end.contains("ERROR!</span>\\n<chart-view"), "{end}");
    }

    #[test]
    fn a_failure_after_the_first_byte_has_a_frame_in_every_framing() {
        let error = ChatEvent::Error(Error::upstream("m", "gone\r\naway\rnow\n"));
        for (framing, frames) in [
            (Framing::Whole, "data: [SERVER_ERROR]m: gone away now \n\n"),
            (
                Framing::Incremental,
                "data: [SERVER_ERROR]m: gone away now \n\ndata: [DONE]\n\n",
            ),
            (Framing::Plain, "data:[ERROR]m: gone away now \n\n"),
        ] {
            let mut encoder = V1Encoder::new(framing, "i".to_owned());
            assert_eq!(encoder.encode(&error), frames);
        }
    }

    #[test]
    fn a_refusal_is_one_bare_line() {
        assert_eq!(
            V1Encoder::refused("no\r\nway\rhome"),
            "data:no way home\n\n"
        );
    }
}
