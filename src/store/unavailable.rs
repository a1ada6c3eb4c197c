//! Why the store did not do what it was asked.

use crate::core::outside::Outside;

/// Why, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It isn't there, or the connection broke.
    Down,
    /// It did not answer in time.
    Slow,
    /// It has no room left.
    Full,
    /// It can be read only.
    ReadOnly,
    /// It wants another password, or gives this user no right.
    Denied,
    /// What it holds is damaged, or is not ours.
    Corrupt,
    /// A newer version of Backstop wrote it.
    Newer,
    /// Anything else that it said.
    Other,
}

impl Reason {
    /// One word for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Slow => "slow",
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Denied => "denied",
            Self::Corrupt => "corrupt",
            Self::Newer => "newer",
            Self::Other => "other",
        }
    }
}

/// The store did not do what it was asked. Its text names the store, without its password, and what would mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Unavailable {
    reason: Reason,
    text: String,
}

impl Unavailable {
    pub(super) fn new(reason: Reason, text: String) -> Self {
        // A server chose some of it: nothing of that may end a log line.
        let text = text.replace(|c: char| c.is_control(), " ");
        Self { reason, text }
    }

    /// Why, in one word.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Whether the store must be opened anew before it is asked again: it is gone, or would let everybody wait, or
    /// somebody may have put another in its place.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self.reason, Reason::Down | Reason::Slow | Reason::Corrupt)
    }
}

impl From<Unavailable> for Outside {
    /// What an outage of the store is to the core; its text is for the log.
    fn from(_: Unavailable) -> Self {
        Self::Store
    }
}
