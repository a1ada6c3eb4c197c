//! Collects mistakes, and finds the place of each in the file.

use super::{diagnostic::Mistake, outline::Outline, path::Path};

/// The mistakes found so far.
pub(super) struct Findings<'a> {
    outline: &'a Outline,
    mistakes: Vec<Mistake>,
}

impl<'a> Findings<'a> {
    /// No mistakes yet.
    pub(super) fn new(outline: &'a Outline) -> Self {
        Self {
            outline,
            mistakes: Vec::new(),
        }
    }

    pub(super) fn error(&mut self, path: &Path, message: String, help: &str) {
        let place = self.outline.value(path);
        self.mistakes.push(Mistake::error(place, message, help));
    }

    pub(super) fn warning(&mut self, path: &Path, message: String, help: &str) {
        let place = self.outline.value(path);
        self.mistakes.push(Mistake::warning(place, message, help));
    }

    /// All mistakes.
    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }
}
