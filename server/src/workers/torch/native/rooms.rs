//! The buffers of a step.

use crate::workers::torch::{
    error::{ModelError, Result},
    files::{memory, shape::Shape},
};

/// Rows up to which buffers are kept for the next step.
const KEPT: usize = 1024;
/// Rows of scores up to which their buffer is kept: each is as long as the vocabulary.
const KEPT_SCORES: usize = 64;

/// Rows of a step whose scores a sequence asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    first: usize,
    /// How many.
    pub(super) count: usize,
}

impl Asked {
    /// `count` rows from `first` on.
    pub(super) fn new(first: usize, count: usize) -> Self {
        Self { first, count }
    }

    fn rows(self) -> std::ops::Range<usize> {
        self.first..self.first + self.count
    }
}

/// Numbers of a step, kept between steps so that none is asked of the system in steady work.
#[derive(Default)]
pub(super) struct Rooms {
    /// Hidden states, `[rows, hidden]`.
    pub(super) states: Vec<f32>,
    /// The same behind a norm.
    pub(super) normed: Vec<f32>,
    /// What is added to the states, `[rows, hidden]`.
    delta: Vec<f32>,
    /// Queries, keys and values, `[rows, (heads + 2 * kv heads) * head width]`.
    qkv: Vec<f32>,
    /// What attention gives, `[rows, heads * head width]`.
    attended: Vec<f32>,
    /// Gate and up, `[rows, 2 * feed forward]`.
    gate_up: Vec<f32>,
    /// What goes down, `[rows, feed forward]`.
    fed: Vec<f32>,
    /// `[asked for, vocabulary]`.
    pub(super) scores: Vec<f32>,
}

/// The part of the buffers that some rows take.
pub(super) struct Room<'r> {
    pub(super) rows: usize,
    pub(super) states: &'r mut [f32],
    pub(super) normed: &'r mut [f32],
    pub(super) delta: &'r mut [f32],
    pub(super) qkv: &'r mut [f32],
    pub(super) attended: &'r mut [f32],
    pub(super) gate_up: &'r mut [f32],
    pub(super) fed: &'r mut [f32],
}

impl Rooms {
    /// Makes room for so many rows, and scores for so many of them.
    ///
    /// # Errors
    /// The figure, where there is no memory for it.
    pub(super) fn make(&mut self, shape: &Shape, rows: usize, answers: usize) -> Result<()> {
        let [hidden, qkv, attended, fed] = widths(shape);
        let wanted = [
            (&mut self.states, rows, hidden),
            (&mut self.normed, rows, hidden),
            (&mut self.delta, rows, hidden),
            (&mut self.qkv, rows, qkv),
            (&mut self.attended, rows, attended),
            (&mut self.gate_up, rows, 2 * fed),
            (&mut self.fed, rows, fed),
            (&mut self.scores, answers, shape.vocabulary),
        ];
        for (buffer, rows, width) in wanted {
            let numbers = rows.saturating_mul(width);
            reserve(buffer, numbers)?;
            if buffer.len() < numbers {
                buffer.resize(numbers, 0.0);
            }
        }
        Ok(())
    }

    /// The first `rows` of all buffers but that of scores.
    pub(super) fn of(&mut self, shape: &Shape, rows: usize) -> Room<'_> {
        let [hidden, qkv, attended, fed] = widths(shape);
        Room {
            rows,
            states: &mut self.states[..rows * hidden],
            normed: &mut self.normed[..rows * hidden],
            delta: &mut self.delta[..rows * hidden],
            qkv: &mut self.qkv[..rows * qkv],
            attended: &mut self.attended[..rows * attended],
            gate_up: &mut self.gate_up[..rows * 2 * fed],
            fed: &mut self.fed[..rows * fed],
        }
    }

    /// Hands the scores out to the sequences that asked for them.
    pub(super) fn hand_out(&mut self, vocabulary: usize, asked: &[Asked]) -> Result<Vec<Vec<f32>>> {
        let answers: usize = asked.iter().map(|asked| asked.count).sum();
        let mut told = Vec::with_capacity(asked.len());
        let mut from = 0;
        for asked in asked {
            let numbers = asked.count * vocabulary;
            let mut own = Vec::new();
            if asked.count == answers && answers > KEPT_SCORES {
                // All are one sequence's, and too many to have twice.
                own = std::mem::take(&mut self.scores);
                own.truncate(numbers);
            } else if numbers > 0 {
                reserve(&mut own, numbers)?;
                own.extend_from_slice(&self.scores[from..from + numbers]);
            }
            from += numbers;
            told.push(own);
        }
        Ok(told)
    }

    /// What is kept of it behind a step of so many rows.
    pub(super) fn kept(mut self, rows: usize, answers: usize) -> Self {
        if answers > KEPT_SCORES {
            self.scores = Vec::new();
        }
        if rows > KEPT {
            return Self {
                scores: self.scores,
                ..Self::default()
            };
        }
        self
    }
}

impl Room<'_> {
    /// Moves the rows that are asked for to the beginning of states and attention, and gives their number.
    pub(super) fn gather(&mut self, shape: &Shape, asked: &[Asked]) -> usize {
        let [hidden, _, attended, _] = widths(shape);
        let mut to = 0;
        for row in asked.iter().flat_map(|asked| asked.rows()) {
            self.states
                .copy_within(row * hidden..(row + 1) * hidden, to * hidden);
            self.attended
                .copy_within(row * attended..(row + 1) * attended, to * attended);
            to += 1;
        }
        to
    }
}

/// Numbers of a row: hidden states; queries, keys and values; heads; the feed-forward layer.
fn widths(shape: &Shape) -> [usize; 4] {
    let heads = shape.heads * shape.head_width;
    let keys = shape.kv_heads * shape.head_width;
    [shape.hidden, heads + 2 * keys, heads, shape.feed_forward]
}

fn reserve(buffer: &mut Vec<f32>, numbers: usize) -> Result<()> {
    let more = numbers.saturating_sub(buffer.len());
    buffer.try_reserve_exact(more).map_err(|_| {
        let bytes = (numbers as u64).saturating_mul(size_of::<f32>() as u64);
        ModelError::Text(format!(
            "there is no memory for {} of working space; free some, or lower prefill_chunk or max_sequences",
            memory::size(bytes)
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape() -> Shape {
        let config = json!({
            "model_type": "llama", "hidden_size": 8, "num_attention_heads": 4, "num_key_value_heads": 2,
            "num_hidden_layers": 2, "intermediate_size": 12, "vocab_size": 10, "max_position_embeddings": 512,
        });
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        std::fs::write(directory.path().join("config.json"), config.to_string()).expect("writable");
        Shape::read(directory.path()).expect("a known architecture")
    }

    #[test]
    fn rows_that_are_asked_for_move_to_the_front() {
        let shape = shape();
        let mut rooms = Rooms::default();
        rooms.make(&shape, 5, 3).expect("there is memory");
        for (row, states) in rooms.states.chunks_exact_mut(8).enumerate() {
            states.fill(row as f32);
        }
        let asked = [Asked::new(2, 0), Asked::new(1, 1), Asked::new(3, 2)];
        let mut room = rooms.of(&shape, 5);
        assert_eq!((room.qkv.len(), room.gate_up.len()), (5 * 16, 5 * 24));
        assert_eq!(room.gather(&shape, &asked), 3);
        let fronts: Vec<f32> = rooms
            .of(&shape, 3)
            .states
            .iter()
            .copied()
            .step_by(8)
            .collect();
        assert_eq!(fronts, [1.0, 3.0, 4.0]);
    }

    #[test]
    fn scores_go_to_who_asked_and_large_buffers_go_back() {
        let shape = shape();
        let mut rooms = Rooms::default();
        rooms.make(&shape, 5, 3).expect("there is memory");
        for (row, scores) in rooms.scores.chunks_exact_mut(10).enumerate() {
            scores.fill(row as f32);
        }
        let asked = [Asked::new(0, 1), Asked::new(1, 0), Asked::new(2, 2)];
        let told = rooms.hand_out(10, &asked).expect("there is memory");
        let lengths: Vec<usize> = told.iter().map(Vec::len).collect();
        assert_eq!(lengths, [10, 0, 20]);
        assert_eq!((told[0][9], told[2][0], told[2][19]), (0.0, 1.0, 2.0));
        let kept = rooms.kept(5, 3);
        assert_eq!((kept.states.len(), kept.scores.len()), (40, 30));
        let mut rooms = kept;
        rooms
            .make(&shape, KEPT + 1, KEPT_SCORES + 1)
            .expect("there is memory");
        let told = rooms
            .hand_out(10, &[Asked::new(0, KEPT_SCORES + 1)])
            .expect("there is memory");
        assert_eq!(told[0].len(), (KEPT_SCORES + 1) * 10);
        let kept = rooms.kept(KEPT + 1, KEPT_SCORES + 1);
        assert_eq!((kept.states.len(), kept.scores.len()), (0, 0));
    }

    #[test]
    fn working_space_that_cannot_be_had_is_an_error() {
        let error = Rooms::default()
            .make(&shape(), usize::MAX / 64, 0)
            .expect_err("no such room")
            .to_string();
        assert!(error.contains("prefill_chunk"), "{error}");
    }
}
