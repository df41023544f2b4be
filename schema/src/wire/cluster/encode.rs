//! The stream of a worker: one JSON object after another, a NUL behind each.
//!
//! DB-GPT's processes are told the whole text so far with every piece, ours what is new.

use super::{Content, MetricsOut, ModelContextOut, OutputBody};
use crate::{Error, model::Usage};

/// Bytes of text up to which every piece is told.
const EVERY_PIECE: usize = 16 * 1024;
/// Beyond, a whole text is told each time it has grown by this part of itself, so that a long answer does not cost the
/// square of its length.
const GROWTH: usize = 160;

/// An output as it stands in the stream.
pub fn frame(body: &OutputBody) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(body).unwrap_or_default();
    bytes.push(0);
    bytes
}

/// Tells an answer piece by piece. Times are milliseconds since 1970.
#[derive(Debug)]
pub struct Teller {
    incremental: bool,
    echo: bool,
    thinking: String,
    text: String,
    /// Bytes of both that were told.
    told: usize,
    pieces: u64,
    begun: i64,
    first: Option<i64>,
}

impl Teller {
    /// For DB-GPT's processes: the whole text so far each time.
    pub fn cumulative(echo: bool, now: i64) -> Self {
        Self::new(false, echo, now)
    }

    /// For our own: what is new.
    pub fn incremental(now: i64) -> Self {
        Self::new(true, false, now)
    }

    fn new(incremental: bool, echo: bool, now: i64) -> Self {
        Self {
            incremental,
            echo,
            thinking: String::new(),
            text: String::new(),
            told: 0,
            pieces: 0,
            begun: now,
            first: None,
        }
    }

    /// More of the answer. Nothing to send where it can wait for the next piece.
    pub fn add(&mut self, thinking: &str, text: &str, now: i64) -> Option<OutputBody> {
        self.pieces += 1;
        self.first.get_or_insert(now);
        if self.incremental {
            let content = Content::of(thinking, text);
            return Some(self.body(content));
        }
        self.thinking.push_str(thinking);
        self.text.push_str(text);
        let length = self.thinking.len() + self.text.len();
        if length > EVERY_PIECE && (length - self.told) * GROWTH < length {
            return None;
        }
        self.told = length;
        let content = Content::of(&self.thinking, &self.text);
        let mut body = self.body(content);
        body.metrics = Some(self.metrics(now));
        Some(body)
    }

    /// The end of the answer: why, and the tokens.
    pub fn end(&mut self, finish: &str, usage: Usage, now: i64) -> OutputBody {
        self.pieces += 1;
        let content = Content::of(&self.thinking, &self.text);
        let mut body = self.body(content);
        body.finish_reason = Some(finish.to_owned());
        body.usage = Some(usage.into());
        if !self.incremental {
            let seconds = (now - self.begun).max(1) as f64 / 1000.0;
            body.metrics = Some(MetricsOut {
                end_time_ms: Some(now),
                prompt_tokens: Some(usage.prompt_tokens),
                completion_tokens: Some(usage.completion_tokens),
                total_tokens: Some(usage.prompt_tokens.saturating_add(usage.completion_tokens)),
                speed_per_second: Some(f64::from(usage.completion_tokens) / seconds),
                ..self.metrics(now)
            });
        }
        body
    }

    /// The answer failed; its end too.
    pub fn failed(&self, error: &Error) -> OutputBody {
        OutputBody {
            incremental: self.incremental,
            ..OutputBody::failed(error, &error.to_string(), self.incremental)
        }
    }

    fn body(&self, content: Content) -> OutputBody {
        OutputBody {
            content,
            incremental: self.incremental,
            model_context: (!self.incremental).then_some(ModelContextOut {
                prompt_echo_len_char: -1,
                has_format_prompt: false,
                echo: self.echo,
            }),
            ..OutputBody::text("")
        }
    }

    fn metrics(&self, now: i64) -> MetricsOut {
        MetricsOut {
            collect_index: self.pieces,
            start_time_ms: self.begun,
            current_time_ms: now,
            first_completion_time_ms: self.first,
            ..MetricsOut::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(body: &OutputBody) -> String {
        super::super::Output::read(&serde_json::to_vec(body).expect("JSON"))
            .expect("reads")
            .text
    }

    #[test]
    fn whole_texts_grow_and_pieces_stand_alone() {
        let mut whole = Teller::cumulative(true, 0);
        assert_eq!(text_of(&whole.add("", "alpha", 1).expect("told")), "alpha");
        let second = whole.add("", " beta", 2).expect("told");
        assert_eq!(text_of(&second), "alpha beta");
        assert!(second.model_context.expect("told").echo);
        let end = whole.end("stop", Usage::default(), 3);
        assert_eq!(text_of(&end), "alpha beta");
        assert_eq!(end.metrics.expect("told").collect_index, 3);

        let mut pieces = Teller::incremental(0);
        pieces.add("", "alpha", 1);
        let second = pieces.add("", " beta", 2).expect("told");
        assert_eq!(text_of(&second), " beta");
        assert!(second.incremental && second.metrics.is_none());
        assert_eq!(text_of(&pieces.end("stop", Usage::default(), 3)), "");
    }

    #[test]
    fn a_long_answer_does_not_cost_the_square_of_its_length() {
        let mut whole = Teller::cumulative(false, 0);
        let mut sent = 0;
        let (pieces, piece) = (40_000, "word ");
        for at in 0..pieces {
            if let Some(body) = whole.add("", piece, at) {
                sent += frame(&body).len();
            }
        }
        let length = piece.len() * pieces as usize;
        assert_eq!(
            text_of(&whole.end("stop", Usage::default(), 0)).len(),
            length
        );
        assert!(sent < length * 400, "{sent} bytes for a text of {length}");
    }

    #[test]
    fn every_frame_ends_with_a_nul_and_has_none_inside() {
        let mut whole = Teller::cumulative(false, 0);
        let bytes = frame(&whole.add("", "a\0b", 1).expect("told"));
        let nul = bytes.iter().position(|byte| *byte == 0);
        assert_eq!(nul, Some(bytes.len() - 1));
    }
}
