//! A reader that ends with an error where a report is longer than any honest one.

use std::io::{self, BufRead, Read};

use super::Broken;

/// The longest tag, text or comment, in octets. What follows in a text is the next piece of it.
const MAX_PIECE: usize = 64 * 1024;

/// A reader with limits.
pub(super) struct Limited<R> {
    inner: R,
    /// How many octets may follow in all.
    left: u64,
    /// How many may follow in this piece.
    piece: usize,
}

impl<R: BufRead> Limited<R> {
    pub fn new(inner: R, most: u64) -> Self {
        Self {
            inner,
            left: most,
            piece: MAX_PIECE,
        }
    }

    /// How many octets may still follow.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next piece begins.
    pub fn next_piece(&mut self) {
        self.piece = MAX_PIECE;
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let octets = self.inner.fill_buf()?;
        if !octets.is_empty() && self.left == 0 {
            return Err(io::Error::other(Broken::TooMuch));
        }
        if !octets.is_empty() && self.piece == 0 {
            return Err(io::Error::other(Broken::LongPiece));
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = left.min(self.piece);
        Ok(octets.get(..most).unwrap_or(octets))
    }

    fn consume(&mut self, octets: usize) {
        self.inner.consume(octets);
        self.left = self.left.saturating_sub(octets as u64);
        self.piece = self.piece.saturating_sub(octets);
    }
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut octets = self.fill_buf()?;
        let read = octets.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
