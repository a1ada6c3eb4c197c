//! The kinds of proof: what the store, the log, the metrics, the reports and X-Backstop call them.

use std::fmt;

/// What can prove that a notification answers a message of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProofKind {
    /// The tag in the address that the notification was sent to.
    Batv,
    /// Our header in the returned message.
    Watermark,
    /// The Message-ID of the returned message, or of the one that the notification answers: the ledger has it.
    Ledger,
    /// A DKIM signature of ours on the returned message.
    Dkim,
    /// The DKIM2 chain of the notification.
    Dkim2,
}

impl ProofKind {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 5] = [
        Self::Batv,
        Self::Watermark,
        Self::Ledger,
        Self::Dkim,
        Self::Dkim2,
    ];
    /// Those that an outgoing message is seen to leave with.
    pub const OUTGOING: [Self; 4] = [Self::Batv, Self::Watermark, Self::Ledger, Self::Dkim];

    /// The word for it: also the reason of a verdict that it decides.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Batv => "batv",
            Self::Watermark => "watermark",
            Self::Ledger => "ledger",
            Self::Dkim => "dkim",
            Self::Dkim2 => "dkim2",
        }
    }

    /// The kind of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// What a reply says of a bounce that has none.
    pub fn lacks(self) -> &'static str {
        match self {
            Self::Batv => "no tag in the address",
            Self::Watermark => "no X-Backstop-Watermark of ours",
            Self::Ledger => "no Message-ID of ours",
            Self::Dkim | Self::Dkim2 => "no valid DKIM signature of ours",
        }
    }

    /// The check that looks for it, as `milter.yaml` names it.
    pub fn check(self) -> &'static str {
        match self {
            Self::Batv => "proof.batv",
            Self::Watermark => "proof.watermark",
            Self::Ledger => "proof.ledger",
            Self::Dkim => "proof.dkim",
            Self::Dkim2 => "proof.dkim.dkim2",
        }
    }
}

impl fmt::Display for ProofKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_word() {
        for kind in ProofKind::ALL {
            assert_eq!(ProofKind::named(kind.as_str()), Some(kind));
        }
        assert_eq!(ProofKind::named("dkim(unlisted)"), None);
    }
}
