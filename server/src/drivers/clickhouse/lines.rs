//! An answer's bytes, cut into lines as they arrive.

use std::ops::Range;

/// What has arrived and was not yet read. Holds one line and what came with it, however long the answer is.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to here there is no end of a line.
    searched: usize,
}

impl Lines {
    /// Takes in what has arrived.
    pub(super) fn push(&mut self, piece: &[u8]) {
        // What was read makes room first, so that the buffer does not grow with the answer.
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(piece);
    }

    /// Whether a whole line has arrived.
    pub(super) fn has_line(&mut self) -> bool {
        self.end().is_some()
    }

    /// Steps over the next line, if it is there; [`Lines::text`] has it until more is pushed.
    pub(super) fn step(&mut self) -> Option<Range<usize>> {
        let end = self.end()?;
        let line = self.start..end;
        self.start = end + 1;
        self.searched = self.start;
        Some(line)
    }

    /// A line without its end.
    pub(super) fn text(&self, line: Range<usize>) -> &[u8] {
        &self.bytes[line]
    }

    /// Steps back to the beginning of a line.
    pub(super) fn back_to(&mut self, line: &Range<usize>) {
        self.start = line.start;
        self.searched = line.start;
    }

    /// What has arrived and was not stepped over: lines, or the beginning of one.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn end(&mut self) -> Option<usize> {
        let found = memchr::memchr(b'\n', &self.bytes[self.searched..]);
        let end = found.map(|at| self.searched + at);
        self.searched = end.unwrap_or(self.bytes.len());
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let text = "first\n\nthird, and longer\nlast";
        for size in 1..=text.len() {
            let mut lines = Lines::default();
            let mut read = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                lines.push(piece);
                assert_eq!(lines.has_line(), lines.rest().contains(&b'\n'));
                while let Some(line) = lines.step() {
                    read.push(String::from_utf8_lossy(lines.text(line)).into_owned());
                }
            }
            assert_eq!(read, ["first", "", "third, and longer"], "by {size}");
            assert_eq!(lines.rest(), b"last");
        }
    }

    #[test]
    fn the_buffer_does_not_grow_with_the_answer() {
        let mut lines = Lines::default();
        for _ in 0..1_000 {
            lines.push(&b"a line of some length\n".repeat(10));
            while lines.step().is_some() {}
        }
        assert!(lines.bytes.len() < 1_000, "{}", lines.bytes.len());
    }

    #[test]
    fn a_line_can_be_read_again_with_what_follows() {
        let mut lines = Lines::default();
        lines.push(b"one\ntwo\nthr");
        let first = lines.step().expect("a line");
        assert_eq!(lines.text(first.clone()), b"one");
        lines.back_to(&first);
        assert_eq!(lines.rest(), b"one\ntwo\nthr");
        lines.push(b"ee\n");
        let again = lines.step().expect("the same");
        assert_eq!(lines.text(again), b"one");
    }
}
