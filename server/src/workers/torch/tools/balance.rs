//! Where JSON ends that comes piece by piece.

/// Follows brackets through JSON that grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Balance {
    /// Bytes followed so far.
    at: usize,
    open: usize,
    is_text: bool,
    is_escaped: bool,
}

/// Where JSON ends.
pub(super) enum End {
    /// Before this byte.
    At(usize),
    /// Nowhere: it is none.
    Never,
}

impl Balance {
    /// Where the object or list ends that begins, behind blanks, at `from` in a text that grows; nothing while it goes
    /// on.
    pub(super) fn end(&mut self, text: &str, from: usize) -> Option<End> {
        self.at = self.at.max(from);
        let bytes = text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_text => self.is_escaped = true,
                b'"' if self.open > 0 => self.is_text = !self.is_text,
                _ if self.is_text => {}
                b'{' | b'[' => self.open += 1,
                b'}' | b']' if self.open > 0 => {
                    self.open -= 1;
                    if self.open == 0 {
                        return Some(End::At(self.at));
                    }
                }
                _ if self.open == 0 && !byte.is_ascii_whitespace() => return Some(End::Never),
                _ => {}
            }
        }
        None
    }
}
