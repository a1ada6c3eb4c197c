//! Why the store did not answer or write.

use crate::core::outside::Outside;

/// Why, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It can't be reached, or the connection broke.
    Down,
    /// It did not answer in time.
    Slow,
    /// What writes has to wait, for the disk or for another process. Questions are answered.
    Busy,
    /// It has no room left.
    Full,
    /// It is read-only.
    ReadOnly,
    /// The password is wrong, or the user lacks a right.
    Denied,
    /// Its content is damaged, or is not ours.
    Corrupt,
    /// A newer version of Backstop wrote it.
    Newer,
    /// Any other error.
    Other,
}

impl Reason {
    /// One word for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Slow => "slow",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Denied => "denied",
            Self::Corrupt => "corrupt",
            Self::Newer => "newer",
            Self::Other => "other",
        }
    }
}

/// The store did not answer or write. The text names the store, without its password, and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Unavailable {
    reason: Reason,
    text: String,
}

impl Unavailable {
    pub(super) fn new(reason: Reason, text: String) -> Self {
        // A server wrote some of it, which must not end a log line.
        let text = text.replace(|c: char| c.is_control(), " ");
        Self { reason, text }
    }

    /// Why, in one word.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Whether the store must be opened again before the next question: it is gone or too slow, or another file may be in
    /// its place.
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
