//! Proof that a bounce is ours: somebody who did not see our outgoing mail can't have it. Here are the kinds of proof, with
//! what the store, the log, the metrics, the reports and X-Backstop call them.

pub mod batv;
pub mod counted;
pub mod coverage;
pub mod dkim;
pub mod evidence;
pub mod forged;
pub mod guesses;
pub mod imported;
mod keys;
pub mod ledger;
pub mod proven;
pub mod returned;
mod settings;
pub mod uses;
pub mod watermark;

use std::fmt;

pub use imported::ImportedKey;
pub use keys::{Key, KeyFileError, Keys, MIN_SECRET, date, day};
pub use settings::{Batv, Except, Ledger, MIN_REPLAYS, ProofSettings, Watermark, Weak};

/// A day, in seconds.
pub const DAY: u64 = 24 * 60 * 60;

/// How many days the clock of a host that signs can be ahead of ours: where it is a little, midnight comes there first.
pub const DAYS_AHEAD: u64 = 1;

/// Days since 1970-01-01, of a time in seconds since then.
pub fn today(unix_seconds: u64) -> u64 {
    unix_seconds / DAY
}

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

    #[test]
    fn each_kind_is_looked_for_by_a_check() {
        let checks = ProofKind::ALL.map(ProofKind::check);
        let named = [
            "proof.batv",
            "proof.watermark",
            "proof.ledger",
            "proof.dkim",
            "proof.dkim.dkim2",
        ];
        assert_eq!(checks, named);
    }
}
