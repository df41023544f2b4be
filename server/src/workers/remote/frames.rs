//! A stream of bytes, cut at its NULs.

/// Most bytes of one frame. Whole texts are told with every piece, so a frame is as long as an answer.
const MOST: usize = 32 << 20;

/// A frame that is longer than any answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// What came and is not yet whole.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// How much of it is known to have no NUL.
    searched: usize,
}

impl Frames {
    /// More bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.bytes.len() + bytes.len() > MOST {
            return Err(TooLong);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole frame that is not empty.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let Some(found) = memchr::memchr(0, &self.bytes[self.searched..]) else {
                self.searched = self.bytes.len();
                return None;
            };
            let rest = self.bytes.split_off(self.searched + found + 1);
            let mut frame = std::mem::replace(&mut self.bytes, rest);
            self.searched = 0;
            frame.pop();
            if !frame.iter().all(u8::is_ascii_whitespace) {
                return Some(frame);
            }
        }
    }

    /// What is left when no more comes: some senders leave the last NUL out. Nothing where it is no whole object.
    pub(super) fn last(&mut self) -> Option<Vec<u8>> {
        let left = std::mem::take(&mut self.bytes);
        self.searched = 0;
        let whole = serde_json::from_slice::<serde::de::IgnoredAny>(&left).is_ok();
        whole.then_some(left)
    }

    /// Whether something is left that is no whole frame.
    pub(super) fn is_cut(&self) -> bool {
        !self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let whole = b"{\"a\":1}\0\0 \0{\"b\":2}\0{\"c\":";
        for size in 1..=whole.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in whole.chunks(size) {
                frames.push(piece).expect("short");
                while let Some(frame) = frames.next() {
                    found.push(frame);
                }
            }
            assert_eq!(
                found,
                [b"{\"a\":1}".to_vec(), b"{\"b\":2}".to_vec()],
                "{size}"
            );
            assert!(frames.is_cut());
            assert_eq!(frames.last(), None);
            assert!(!frames.is_cut());
        }
    }

    #[test]
    fn the_last_frame_may_lack_its_nul_and_none_may_be_endless() {
        let mut frames = Frames::default();
        frames.push(b"{\"a\":1}").expect("short");
        assert_eq!(frames.next(), None);
        assert_eq!(frames.last(), Some(b"{\"a\":1}".to_vec()));
        let mut frames = Frames::default();
        let piece = vec![b'x'; MOST / 4];
        for _ in 0..4 {
            frames.push(&piece).expect("not yet");
        }
        assert_eq!(frames.push(b"x"), Err(TooLong));
    }
}
