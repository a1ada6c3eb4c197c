//! The content of a notification, as far as it is read: a stranger chooses how long it is.

/// What is kept of a body.
#[derive(Debug)]
pub(super) struct Content {
    octets: Vec<u8>,
    most: usize,
    cut: bool,
}

impl Content {
    /// Keeps so many octets, and not one more.
    pub(super) fn new(most: usize) -> Self {
        Self {
            octets: Vec::new(),
            most,
            cut: false,
        }
    }

    /// Keeps a part; whether there is room for more.
    pub(super) fn push(&mut self, part: &[u8]) -> bool {
        let room = self.most.saturating_sub(self.octets.len());
        let kept = part.get(..room).unwrap_or(part);
        self.octets.extend_from_slice(kept);
        self.cut |= kept.len() < part.len();
        self.octets.len() < self.most
    }

    /// What was kept.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether there was more, or may have been: who is told to stop doesn't say.
    pub(super) fn is_cut(&self) -> bool {
        self.cut || self.octets.len() >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_the_bound() {
        let mut content = Content::new(10);
        assert!(content.push(b"1234") && content.push(b"") && !content.is_cut());
        assert!(!content.push(b"567890123"));
        assert_eq!(content.octets(), b"1234567890");
        assert!(content.is_cut());
        for _ in 0..1000 {
            assert!(!content.push(&[b'x'; 1000]));
        }
        assert!(content.octets.capacity() < 100);
        let mut exact = Content::new(4);
        assert!(!exact.push(b"1234") && exact.is_cut());
    }
}
