//! What `backstop report coverage` counts, day by day: how much of the outgoing mail can be known again, and what
//! became of the bounces.

mod summary;

pub use summary::{CoverageSummary, Doubt, OutgoingCoverage};

use super::{
    ProofKind,
    evidence::{Outcome, Why},
};
use crate::core::{
    address::Mailbox, notification::Notification, printable::printable, verdict::Verdict,
};

/// How many different things of one [kind](CoverageCount::kind) are counted on a day ([`CoverageCount::max_per_day`]).
/// Together they are the maximum of rows for a day that strangers cause.
const MAX_BOUNCES: u64 = 500;
const MAX_WOULD_REFUSE: u64 = 1_000;
const MAX_SRS: u64 = 500;
const MAX_SIGNED: u64 = 500;
const MAX_POSTS: u64 = 200;
/// How many days are kept, today included.
pub const KEEP_DAYS: u64 = 90;
/// The longest text that is counted, in octets: a reverse-path of RFC 5321 section 4.5.3.1.3 fits.
const MAX_TEXT: usize = 256;

/// Where an SRS address was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SrsSeen {
    /// As the sender of outgoing mail.
    Sent,
    /// As the recipient of a bounce, which a stranger can make up.
    Bounced,
}

impl SrsSeen {
    const ALL: [Self; 2] = [Self::Sent, Self::Bounced];

    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Bounced => "bounced",
        }
    }
}

/// One thing to count, by day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoverageCount {
    /// An outgoing message.
    Outgoing {
        /// The one of `local.domains` that its sender is in, else `-`.
        domain: String,
        /// [`CoverageCount::MESSAGE`], [`CoverageCount::PROVABLE`], a [`ProofKind`], or `KIND:REASON` where it lacks that one.
        outcome: String,
    },
    /// A bounce.
    Bounce {
        /// What proved it, or `weak`, `unproven`, `forged`.
        outcome: String,
    },
    /// A bounce without proof, to an address that has sent mail through us: it would have been refused.
    WouldRefuse {
        /// The address, as it is written.
        recipient: String,
    },
    /// An SRS address in a domain that `null_sender.srs` doesn't list.
    Srs {
        /// The one of `local.domains` that it is in.
        domain: String,
        /// Where it was seen.
        seen: SrsSeen,
    },
    /// A DKIM signature of ours on an outgoing message.
    Signed {
        /// Its `d=`: one of `local.domains`, or below one.
        domain: String,
        /// Its `s=`.
        selector: String,
    },
    /// A message of ours that came back from a mailing list, as the ledger shows.
    Post {
        /// The domain in From:, which is ours.
        domain: String,
        /// The domain of the list's MAIL FROM.
        list: String,
    },
}

impl CoverageCount {
    /// All that [`Self::kind`] gives.
    pub const KINDS: [&str; 6] = [
        "outgoing",
        "bounce",
        "would_refuse",
        "srs",
        "signed",
        "post",
    ];
    /// The domain of all senders that are not in `local.domains`.
    pub const NOT_OURS: &str = "-";
    /// The outcome that every outgoing message has.
    pub const MESSAGE: &str = "message";
    /// The outcome of a bounce that proves nothing.
    pub const UNPROVEN: &str = "unproven";
    /// The outcome of one whose bounces can prove themselves.
    pub const PROVABLE: &str = "provable";

    /// What is counted of an outgoing message: the kinds of proof that it left with, and why not with
    /// others, in a word each.
    pub fn of_outgoing(
        domain: &str,
        made: &[ProofKind],
        without: &[(ProofKind, &str)],
    ) -> Vec<Self> {
        let outgoing = |outcome: String| Self::Outgoing {
            domain: domain.to_owned(),
            outcome,
        };
        let mut counts = vec![outgoing(Self::MESSAGE.to_owned())];
        if !made.is_empty() {
            counts.push(outgoing(Self::PROVABLE.to_owned()));
        }
        counts.extend(made.iter().map(|kind| outgoing(kind.as_str().to_owned())));
        let lacks = without
            .iter()
            .map(|(kind, why)| outgoing(format!("{kind}:{why}")));
        counts.extend(lacks);
        counts
    }

    /// Takes back that an outgoing message left with this kind of proof.
    pub fn take_back(counts: &mut Vec<Self>, kind: ProofKind) {
        let is_made = |count: &Self, kind: &str| matches!(count, Self::Outgoing { outcome, .. } if outcome == kind);
        counts.retain(|count| !is_made(count, kind.as_str()));
        let made = |count: &Self| {
            ProofKind::ALL
                .iter()
                .any(|kind| is_made(count, kind.as_str()))
        };
        if !counts.iter().any(made) {
            counts.retain(|count| !is_made(count, Self::PROVABLE));
        }
    }

    /// What is counted of a notification that came to this recipient, or was refused: nothing where no proof was looked
    /// for.
    pub fn of_bounce(recipient: &Mailbox, verdict: &Verdict) -> Vec<Self> {
        // What was accepted minutes ago is counted already, and comes again.
        let counted = |outcome: &&Outcome| !outcome.is_repeated();
        let Some(outcome) = verdict.proof.as_ref().filter(counted) else {
            return Vec::new();
        };
        let mut counts = vec![Self::Bounce {
            outcome: word(outcome).to_owned(),
        }];
        let is_bounce = verdict
            .notification
            .as_ref()
            .is_some_and(Notification::is_bounce);
        // What must have a tag, and has none, is answered before it is known what it is.
        if let Outcome::Unproven(unproven) = outcome
            && unproven.weak.sender
            && (is_bounce || unproven.why == Why::NoTag)
        {
            counts.push(Self::WouldRefuse {
                recipient: printable(&recipient.to_bytes(), MAX_TEXT),
            });
        }
        counts
    }

    /// Whether it shows that a DKIM signature of ours left, or came back.
    pub fn shows_signature(&self) -> bool {
        match self {
            Self::Outgoing { outcome, .. } | Self::Bounce { outcome } => {
                outcome == ProofKind::Dkim.as_str()
            }
            Self::WouldRefuse { .. }
            | Self::Srs { .. }
            | Self::Signed { .. }
            | Self::Post { .. } => false,
        }
    }

    /// That the ledger has lost mail of this domain.
    pub fn lost_by_ledger(domain: &str) -> Self {
        Self::Outgoing {
            domain: domain.to_owned(),
            outcome: format!("{}:{}", ProofKind::Ledger, summary::LOST),
        }
    }

    /// The kind, in one word, as it is stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Outgoing { .. } => "outgoing",
            Self::Bounce { .. } => "bounce",
            Self::WouldRefuse { .. } => "would_refuse",
            Self::Srs { .. } => "srs",
            Self::Signed { .. } => "signed",
            Self::Post { .. } => "post",
        }
    }

    /// Its two texts, as they are stored; the second is empty where there is one only.
    pub fn texts(&self) -> (&str, &str) {
        match self {
            Self::Outgoing { domain, outcome } => (domain, outcome),
            Self::Bounce { outcome } => (outcome, ""),
            Self::WouldRefuse { recipient } => (recipient, ""),
            Self::Srs { domain, seen } => (domain, seen.as_str()),
            Self::Signed { domain, selector } => (domain, selector),
            Self::Post { domain, list } => (domain, list),
        }
    }

    /// What was stored; `None` for a kind that this version does not know.
    pub fn stored(kind: &str, first: String, second: String) -> Option<Self> {
        match kind {
            "outgoing" => Some(Self::Outgoing {
                domain: first,
                outcome: second,
            }),
            "bounce" => Some(Self::Bounce { outcome: first }),
            "would_refuse" => Some(Self::WouldRefuse { recipient: first }),
            "srs" => Some(Self::Srs {
                domain: first,
                seen: SrsSeen::ALL
                    .into_iter()
                    .find(|seen| seen.as_str() == second)?,
            }),
            "signed" => Some(Self::Signed {
                domain: first,
                selector: second,
            }),
            "post" => Some(Self::Post {
                domain: first,
                list: second,
            }),
            _ => None,
        }
    }

    /// How many different ones of its kind are counted on a day. Further ones are not: nobody reads a report of more,
    /// and strangers must not fill the store. Outgoing mail has no limit: its domains are those of `local.domains`, and its
    /// outcomes are few words of ours.
    pub fn max_per_day(&self) -> Option<u64> {
        match self {
            Self::Outgoing { .. } => None,
            Self::Bounce { .. } => Some(MAX_BOUNCES),
            Self::WouldRefuse { .. } => Some(MAX_WOULD_REFUSE),
            Self::Srs { .. } => Some(MAX_SRS),
            Self::Signed { .. } => Some(MAX_SIGNED),
            Self::Post { .. } => Some(MAX_POSTS),
        }
    }

    /// Whether its texts are short enough to be stored.
    pub fn fits(&self) -> bool {
        let (first, second) = self.texts();
        first.len() <= MAX_TEXT && second.len() <= MAX_TEXT
    }
}

/// What a bounce is counted as: what proved it, or `weak`, `unproven`, `forged`.
pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Genuine { unlisted: true, .. } => Outcome::UNLISTED,
        Outcome::Genuine { kind, .. } => kind.as_str(),
        Outcome::Weak(_) => "weak",
        Outcome::Unproven(_) => CoverageCount::UNPROVEN,
        Outcome::Forged(_) => "forged",
        Outcome::Srs => "srs",
    }
}

/// How often a thing was counted on a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CoverageRow {
    /// Days since 1970-01-01.
    pub day: u64,
    /// The thing.
    pub count: CoverageCount,
    /// How often.
    pub times: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        proof::evidence::{Missing, Unproven, WeakEvidence},
        verdict::Reason,
    };

    #[test]
    fn a_bounce_is_counted_by_what_proved_it_once() {
        let repeated = Outcome::Unproven(Unproven {
            why: Why::Repeated,
            weak: WeakEvidence::default(),
            missing: Missing::default(),
        });
        for (outcome, counted) in [
            (Outcome::by(ProofKind::Dkim), Some("dkim")),
            (
                Outcome::Genuine {
                    kind: ProofKind::Dkim,
                    unlisted: true,
                },
                Some("dkim(unlisted)"),
            ),
            // It was counted a moment ago.
            (repeated, None),
        ] {
            let mut verdict = Verdict::accept(Reason::NothingFound);
            verdict.proof = Some(outcome);
            let counts =
                CoverageCount::of_bounce(&Mailbox::from_bytes(b"joe@example.org"), &verdict);
            let expected: Vec<CoverageCount> = counted
                .map(|outcome| CoverageCount::Bounce {
                    outcome: outcome.to_owned(),
                })
                .into_iter()
                .collect();
            assert_eq!(counts, expected);
        }
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let counts = [
            CoverageCount::Outgoing {
                domain: "example.org".to_owned(),
                outcome: "signed".to_owned(),
            },
            CoverageCount::Bounce {
                outcome: "batv".to_owned(),
            },
            CoverageCount::WouldRefuse {
                recipient: "user@example.org".to_owned(),
            },
            CoverageCount::Srs {
                domain: "example.org".to_owned(),
                seen: SrsSeen::Bounced,
            },
            CoverageCount::Signed {
                domain: "example.org".to_owned(),
                selector: "s2026".to_owned(),
            },
            CoverageCount::Post {
                domain: "example.org".to_owned(),
                list: "lists.example.net".to_owned(),
            },
        ];
        for count in counts {
            let (first, second) = count.texts();
            let stored = CoverageCount::stored(count.kind(), first.to_owned(), second.to_owned());
            assert!(CoverageCount::KINDS.contains(&count.kind()));
            assert_eq!(stored, Some(count));
        }
        assert_eq!(
            CoverageCount::stored("new", String::new(), String::new()),
            None
        );
        let most = MAX_BOUNCES + MAX_WOULD_REFUSE + MAX_SRS + MAX_SIGNED + MAX_POSTS;
        assert_eq!(most, 2_700);
    }

    #[test]
    fn an_endless_text_does_not_fit() {
        let bounce = |length| CoverageCount::Bounce {
            outcome: "x".repeat(length),
        };
        assert!(bounce(256).fits() && !bounce(257).fits());
    }

    #[test]
    fn an_entry_that_was_not_kept_proves_nothing() {
        let without = [(ProofKind::Watermark, "full")];
        let counts = |made: &[ProofKind]| CoverageCount::of_outgoing("example.org", made, &without);
        let (batv, ledger) = (ProofKind::Batv, ProofKind::Ledger);
        for (made, left) in [
            (&[batv, ledger][..], &[batv][..]),
            (&[ledger], &[]),
            (&[batv], &[batv]),
            (&[], &[]),
        ] {
            let mut taken = counts(made);
            CoverageCount::take_back(&mut taken, ledger);
            assert_eq!(taken, counts(left), "{made:?}");
        }
        // What came back is another thing.
        let bounce = CoverageCount::Bounce {
            outcome: "ledger".to_owned(),
        };
        let mut taken = vec![bounce.clone()];
        CoverageCount::take_back(&mut taken, ledger);
        assert_eq!(taken, [bounce]);
    }

    #[test]
    fn a_signature_is_seen_where_it_left_or_came_back() {
        let outgoing = |outcome: &str| CoverageCount::Outgoing {
            domain: "example.org".to_owned(),
            outcome: outcome.to_owned(),
        };
        let bounce = |outcome: &str| CoverageCount::Bounce {
            outcome: outcome.to_owned(),
        };
        for (count, shows) in [
            (outgoing("dkim"), true),
            (bounce("dkim"), true),
            (outgoing("batv"), false),
            (bounce("unproven"), false),
            (
                CoverageCount::WouldRefuse {
                    recipient: "dkim".to_owned(),
                },
                false,
            ),
            (
                CoverageCount::Srs {
                    domain: "dkim".to_owned(),
                    seen: SrsSeen::Bounced,
                },
                false,
            ),
        ] {
            assert_eq!(count.shows_signature(), shows, "{count:?}");
        }
    }
}
