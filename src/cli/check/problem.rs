//! What `check` found wrong: as text for people, and as an object with its place.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{config::Diagnostic, setup::backscatter::Finding};

/// Something that is wrong, or probably wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Problem {
    /// The file that it is in; none where it is in none.
    pub(super) file: Option<String>,
    /// From 1.
    pub(super) line: Option<usize>,
    /// In characters, from 1.
    pub(super) column: Option<usize>,
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) help: Option<String>,
    /// The whole of it, as people read it.
    #[serde(skip)]
    pub(super) shown: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(shown) = &self.shown {
            return f.write_str(shown);
        }
        if let Some(file) = &self.file {
            match (self.line, self.column) {
                (Some(line), Some(column)) => write!(f, "{file}:{line}:{column}: ")?,
                (Some(line), None) => write!(f, "{file}:{line}: ")?,
                _ => write!(f, "{file}: ")?,
            }
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            message,
            help: None,
            shown: None,
        }
    }
}

impl From<Finding> for Problem {
    fn from(finding: Finding) -> Self {
        Self {
            file: Some(finding.file.display().to_string()),
            line: finding.line,
            column: None,
            help: Some(finding.help()),
            message: finding.message,
            shown: None,
        }
    }
}

impl From<&Diagnostic> for Problem {
    fn from(diagnostic: &Diagnostic) -> Self {
        let place = diagnostic.place;
        Self {
            file: Some(diagnostic.file.clone()),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            message: diagnostic.message.clone(),
            help: Some(diagnostic.help.clone()).filter(|help| !help.is_empty()),
            shown: Some(diagnostic.to_string()),
        }
    }
}
