//! A row of a file, before anybody knows what it means.

use crate::directory::cells::Cells;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileRow {
    /// The domain, as it stands there.
    pub domain: String,
    /// Where it begins, from 1.
    pub line: usize,
    /// Its keys or columns.
    pub cells: Cells,
    /// What is wrong with the row as a whole, and what was expected.
    pub mistake: Option<(&'static str, &'static str)>,
}

impl FileRow {
    /// One without answers.
    pub fn new(domain: String, line: usize) -> Self {
        Self {
            domain,
            line,
            cells: Vec::new(),
            mistake: None,
        }
    }
}
