//! What can be done with mail.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What can be done with a recipient or a message; the words of `milter.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// What an action means. Whoever reads a verdict asks these, so that a new action says here what it is.
impl Action {
    /// The class of the reply that refuses the recipient or the message: 5 for good, 4 for now; none where it is answered
    /// 250.
    pub fn reply_class(self) -> Option<u8> {
        match self {
            Self::Reject => Some(5),
            Self::Tempfail => Some(4),
            Self::Accept | Self::Tag | Self::Discard | Self::Quarantine => None,
        }
    }

    /// Whether the MTA is answered 250.
    pub fn is_accepted(self) -> bool {
        self.reply_class().is_none()
    }

    /// Whether it does more than look: it decides, and what comes behind is not asked.
    pub fn acts(self) -> bool {
        !matches!(self, Self::Accept | Self::Tag)
    }

    /// Whether nobody gets the mail, unless it is sent again.
    pub fn keeps_out(self) -> bool {
        !self.is_accepted() || self == Self::Discard
    }

    /// Whether the mail is lost for good: an honest sender does not send it again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Reject | Self::Discard)
    }

    /// The stronger, the greater.
    pub(super) fn strength(self) -> u8 {
        match self {
            Self::Accept => 0,
            Self::Tag => 1,
            Self::Quarantine => 2,
            Self::Discard => 3,
            Self::Tempfail => 4,
            Self::Reject => 5,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
