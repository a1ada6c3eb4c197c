//! What is logged about tenants' answers.

use std::{fmt, path::PathBuf};

use super::RowMistake;
use crate::{core::printable::counted, directory::Weight};

/// What has changed about the rows of tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantEvent {
    /// A file was read, and is in use.
    Loaded {
        /// The file.
        file: PathBuf,
        /// How many domains have a row.
        rows: usize,
        /// How many rows are wrong.
        mistaken: usize,
        /// The first mistake.
        first: Option<RowMistake>,
    },
    /// A file can't be read.
    Failed {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
        /// How many rows of the older copy stay in use; none where there is none.
        kept: Option<usize>,
    },
    /// A server gave rows that are wrong. Told once a minute at most.
    Wrong {
        /// Which, without its password.
        server: String,
        /// How many since this was last logged.
        rows: u64,
        /// What is wrong with the last.
        latest: RowMistake,
    },
    /// A server did not answer. Told once a minute at most.
    Silent {
        /// Which, without its password.
        server: String,
        /// What it said last.
        why: String,
        /// How many questions it left open since this was last logged.
        questions: u64,
    },
    /// It answers again.
    Back {
        /// Which, without its password.
        server: String,
        /// How many questions it left open since its silence was last logged.
        questions: u64,
    },
}

impl TenantEvent {
    /// What it asks of an administrator.
    pub fn weight(&self) -> Weight {
        match self {
            Self::Loaded { mistaken: 0, .. } | Self::Back { .. } => Weight::News,
            Self::Loaded { .. } | Self::Wrong { .. } => Weight::Warning,
            Self::Failed { .. } | Self::Silent { .. } => Weight::Problem,
        }
    }
}

/// What becomes of the domain of a row that is wrong.
const INSTEAD: &str = "the last good row counts, and where there is none, monitor";

impl fmt::Display for TenantEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tenants: ")?;
        match self {
            Self::Loaded {
                file,
                rows,
                mistaken,
                first,
            } => {
                let rows = counted(u64::try_from(*rows).unwrap_or(u64::MAX), "row");
                write!(f, "{}: {rows} read", file.display())?;
                match first {
                    Some(first) => write!(
                        f,
                        ", {mistaken} of them wrong ({INSTEAD}); the first: {first}"
                    ),
                    None => Ok(()),
                }
            }
            Self::Failed { file, why, kept } => {
                write!(f, "{}: {why}; ", file.display())?;
                match kept {
                    Some(count) => write!(f, "the {count} rows read before stay in use"),
                    None => f.write_str("until it can be read, every domain is in monitor"),
                }
            }
            Self::Wrong {
                server,
                rows: 1,
                latest,
            } => write!(f, "{server}: a row is wrong ({INSTEAD}): {latest}"),
            Self::Wrong {
                server,
                rows,
                latest,
            } => write!(
                f,
                "{server}: {rows} rows are wrong ({INSTEAD}); the latest: {latest}"
            ),
            Self::Silent {
                server,
                why,
                questions,
            } => write!(
                f,
                "{server}: {why}; questions left open: {questions}; what it answered last counts, and other domains are in \
                 monitor"
            ),
            Self::Back {
                server,
                questions: 0,
            } => write!(f, "{server}: answers again"),
            Self::Back { server, questions } => write!(
                f,
                "{server}: answers again; questions left open meanwhile: {questions}"
            ),
        }
    }
}
