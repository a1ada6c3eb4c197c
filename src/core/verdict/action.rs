//! What can be done with mail.

use std::fmt;

use serde::Deserialize;

/// What can be done with a recipient or a message; the words of `milter.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Let it in.
    Accept,
    /// Let it in, with a header that says why it was noticed.
    Tag,
    /// Answer 4xx: an honest sender comes back, nothing is lost.
    Tempfail,
    /// Answer 5xx: an honest sender learns of it.
    Reject,
    /// Answer 250 and drop it for this recipient. Nobody learns of it.
    Discard,
    /// Let it in, and hold the message in the MTA's queue (Postfix: HOLD) until somebody releases it.
    Quarantine,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Accept,
        Self::Tag,
        Self::Tempfail,
        Self::Reject,
        Self::Discard,
        Self::Quarantine,
    ];

    /// The word in `milter.yaml` and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Tag => "tag",
            Self::Tempfail => "tempfail",
            Self::Reject => "reject",
            Self::Discard => "discard",
            Self::Quarantine => "quarantine",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
