//! Breaks a header's value into lines.

/// Lines are to be no longer than this, in octets, where a word allows it (RFC 5322 section 2.1.1).
const WIDTH: usize = 78;

/// Most values are no longer than this, in octets.
const USUAL: usize = 384;

/// A header's value in the making.
pub(super) struct Folded {
    value: String,
    column: usize,
}

impl Folded {
    /// The value of the header `name`, still empty.
    pub(super) fn new(name: &str) -> Self {
        Self {
            value: String::with_capacity(USUAL),
            column: name.len() + ": ".len(),
        }
    }

    /// Adds a part that stays on one line.
    ///
    /// A fold is a line end put before the blank that stands there anyway, so unfolding gives back what was written
    /// (RFC 5322 section 2.2.3); the customary LF and tab would leave a tab in its place.
    pub(super) fn push(&mut self, part: &str) {
        self.push_joined(&[part]);
    }

    /// Adds a part that stays on one line, from its pieces.
    pub(super) fn push_joined(&mut self, pieces: &[&str]) {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        if !self.value.is_empty() {
            // A blank before it, and perhaps a semicolon after it.
            if self.column + length + 2 > WIDTH {
                self.value.push('\n');
                self.column = 0;
            }
            self.value.push(' ');
            self.column += 1;
        }
        for piece in pieces {
            self.value.push_str(piece);
        }
        self.column += length;
    }

    /// Adds a text that can be broken at each of its blanks.
    pub(super) fn push_prose(&mut self, text: &str) {
        text.split_ascii_whitespace()
            .for_each(|word| self.push(word));
    }

    /// Ends a statement with a semicolon.
    pub(super) fn end_statement(&mut self) {
        self.value.push(';');
        self.column += 1;
    }

    /// The value.
    pub(super) fn finish(self) -> String {
        self.value
    }
}
