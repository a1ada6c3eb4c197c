//! What a notification brings home of a message of ours, and what all of it together is worth.

use std::fmt;

use super::{ProofKind, Weak};
use crate::core::address::Domain;
pub use crate::core::outside::Outside;

/// What came of looking for one proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofResult {
    /// It is there, and counts.
    Counts,
    /// The same by a DKIM signature of ours, but To: and Cc: of the message name others than the report: the recipient can
    /// have stood in Bcc:, or on a list of ours. Under siege it is weak evidence.
    CountsUnlisted,
    /// A message of ours, but the report is about somebody whom it was not sent to: because of a forwarder or a list, or
    /// because somebody uses a message that they once got.
    AboutAnother,
    /// A message of ours, but it has come back too often.
    Replayed,
    /// A message of ours, but the same notification was accepted minutes ago.
    Repeated,
    /// Verified, but it says too little of the message to count.
    TooLittle,
    /// Ours, but too old.
    Expired,
    /// It claims to be ours, and is not.
    Wrong,
    /// There is none.
    Absent,
    /// The part that would know did not answer.
    Unanswered(Outside),
}

/// What was found of one proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFinding {
    /// Which proof.
    pub kind: ProofKind,
    /// What came of looking for it.
    pub result: ProofResult,
    /// The same for people.
    pub text: String,
}

impl ProofFinding {
    /// What the notification is by this alone, where it counts.
    fn proves(&self) -> Option<Outcome> {
        match self.result {
            ProofResult::Counts => Some(Outcome::by(self.kind)),
            ProofResult::CountsUnlisted => Some(Outcome::Genuine {
                kind: self.kind,
                unlisted: true,
            }),
            _ => None,
        }
    }

    /// Whether nothing more need be asked.
    pub fn settles(&self) -> bool {
        matches!(
            self.result,
            ProofResult::Counts | ProofResult::CountsUnlisted | ProofResult::Repeated
        )
    }
}

/// What a stranger could have or guess as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeakEvidence {
    /// The recipient sent mail lately.
    pub sender: bool,
    /// A relay of ours stands in the returned Received lines.
    pub relay: bool,
    /// SPF allows a client in them to send for us.
    pub spf: bool,
    /// A message of ours, but the report is about somebody whom it was not sent to.
    pub recipient: bool,
    /// A DKIM signature of ours that covers too little.
    pub signature: bool,
}

impl WeakEvidence {
    /// Whether there is none at all.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for WeakEvidence {
    /// `sender+relay+spf`: what there is, joined.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.sender, "sender"),
            (self.relay, "relay"),
            (self.spf, "spf"),
            (self.recipient, "recipient"),
            (self.signature, "signature"),
        ];
        let there = words.iter().filter(|(there, _)| *there);
        for (index, (_, word)) in there.enumerate() {
            f.write_str(if index == 0 { "" } else { "+" })?;
            f.write_str(word)?;
        }
        Ok(())
    }
}

/// All that was found in one notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The proofs that were looked for, in their order, up to the first that counts.
    pub findings: Vec<ProofFinding>,
    /// What else speaks for it.
    pub weak: WeakEvidence,
    /// What did not answer of what else could speak for it.
    pub weak_unanswered: Option<Outside>,
    /// A part of the content reports a delivery or a disposition (RFC 3464, RFC 8098).
    pub status: bool,
    /// It says what became of the message (RFC 3464 section 2.3.3).
    pub delivery: bool,
    /// The domains of recipients whose mail the ledger remembers, all of it and for long enough: what answers a message of
    /// theirs is known by it.
    pub remembered: Vec<Domain>,
    /// Only a part of the content was read.
    pub cut: bool,
}

impl Evidence {
    /// What counts for a recipient, whose domain is besieged or not.
    pub fn proven_for(&self, besieged: bool) -> Option<Outcome> {
        let mut outcomes = self.findings.iter().filter_map(ProofFinding::proves);
        let outcome = outcomes.next()?;
        let strong = !matches!(outcome, Outcome::Genuine { unlisted: true, .. });
        (strong || !besieged).then_some(outcome)
    }

    /// The same with what was found before.
    pub fn below(&self, mut findings: Vec<ProofFinding>) -> Self {
        findings.extend(self.findings.iter().cloned());
        Self {
            findings,
            ..self.clone()
        }
    }

    /// Whether nothing more need be asked: one counts, or it has to come again.
    pub fn is_settled(&self) -> bool {
        self.findings.iter().any(ProofFinding::settles)
    }

    fn has(&self, result: ProofResult) -> bool {
        self.findings.iter().any(|finding| finding.result == result)
    }

    /// What did not answer; the store, where DNS didn't either, because the store is ours.
    pub fn unanswered(&self) -> Option<Outside> {
        let findings = self.findings.iter();
        let outside = findings.filter_map(|finding| match finding.result {
            ProofResult::Unanswered(outside) => Some(outside),
            _ => None,
        });
        outside.max()
    }

    /// What did not answer of all that could be worth something, where weak evidence is worth this.
    pub fn unanswered_for(
        &self,
        sent_lately: Result<bool, Outside>,
        worth: Weak,
    ) -> Option<Outside> {
        let weak = self.weak_unanswered.max(sent_lately.err());
        self.unanswered()
            .max(weak.filter(|_| worth == Weak::Accept))
    }

    /// All weak evidence for a recipient, who sent mail lately or not.
    pub fn weak(&self, sent_lately: Result<bool, Outside>) -> WeakEvidence {
        WeakEvidence {
            sender: sent_lately == Ok(true),
            recipient: self.has(ProofResult::AboutAnother),
            signature: self.has(ProofResult::TooLittle),
            ..self.weak
        }
    }

    /// What it all proves to a recipient, whose domain is besieged or not, where weak evidence is worth this. `missing` is
    /// what the reply says is missing where it proves nothing.
    pub fn outcome(
        &self,
        besieged: bool,
        sent_lately: Result<bool, Outside>,
        worth: Weak,
        missing: Missing,
    ) -> Outcome {
        if let Some(outcome) = self.proven_for(besieged) {
            return outcome;
        }
        let weak = self.weak(sent_lately);
        if self.has(ProofResult::Repeated) {
            let why = Why::Repeated;
            return Outcome::Unproven(Unproven { why, weak, missing });
        }
        let of = |kind, result| {
            let found = |finding: &ProofFinding| finding.kind == kind && finding.result == result;
            self.findings.iter().any(found)
        };
        for (kind, result, forged) in [
            (ProofKind::Batv, ProofResult::Wrong, Forged::BatvWrong),
            (ProofKind::Batv, ProofResult::Expired, Forged::BatvExpired),
            (
                ProofKind::Watermark,
                ProofResult::Wrong,
                Forged::WatermarkWrong,
            ),
            (
                ProofKind::Watermark,
                ProofResult::Expired,
                Forged::WatermarkExpired,
            ),
        ] {
            if of(kind, result) {
                return Outcome::Forged(forged);
            }
        }
        if worth == Weak::Accept && !weak.is_none() {
            return Outcome::Weak(weak);
        }
        let why = match self.unanswered_for(sent_lately, worth) {
            _ if self.has(ProofResult::Replayed) => Why::Replayed,
            Some(outside) => Why::Unanswered(outside),
            None => Why::Nothing,
        };
        Outcome::Unproven(Unproven { why, weak, missing })
    }
}

/// Whether a notification answers a message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It does.
    Genuine {
        /// By this proof.
        kind: ProofKind,
        /// The proof is a DKIM signature alone, on a message whose To: and Cc: name others than the report.
        unlisted: bool,
    },
    /// It is taken for genuine by weak evidence, as `proof.weak_evidence` says.
    Weak(WeakEvidence),
    /// Nothing proves it.
    Unproven(Unproven),
    /// It holds a proof that is wrong, and none that is right.
    Forged(Forged),
    /// It came to an SRS address: the SRS daemon knows, and it is left to that.
    Srs,
}

/// A notification that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// How it came to that.
    pub why: Why,
    /// What speaks for it all the same.
    pub weak: WeakEvidence,
    /// What it should have had.
    pub missing: Missing,
}

/// What a notification would have had, did it answer a message of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The recipient's domain.
    pub domain: Option<Domain>,
    /// What that domain puts into its mail.
    pub proofs: Vec<ProofKind>,
}

/// Why a notification is unproven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is nothing of ours in it.
    Nothing,
    /// It has no tag, and must have one: the rest of it was not looked at.
    NoTag,
    /// What is in it has been used too often.
    Replayed,
    /// It is proven, and was accepted minutes ago.
    Repeated,
    /// The part that would know did not answer.
    Unanswered(Outside),
}

/// What proof is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forged {
    /// The tag was not made here.
    BatvWrong,
    /// The tag has expired.
    BatvExpired,
    /// The watermark was not made here, or not for these headers.
    WatermarkWrong,
    /// The watermark has expired.
    WatermarkExpired,
}

impl Outcome {
    /// The word in the log and in X-Backstop for a message to others that a DKIM signature alone proves.
    pub const UNLISTED: &str = "dkim(unlisted)";

    /// Genuine by this proof.
    pub const fn by(kind: ProofKind) -> Self {
        Self::Genuine {
            kind,
            unlisted: false,
        }
    }

    /// Whether nothing proves it because the part that would know did not answer.
    pub fn is_unanswered(&self) -> bool {
        matches!(
            self,
            Self::Unproven(Unproven {
                why: Why::Unanswered(_),
                ..
            })
        )
    }

    /// Whether the same one was accepted minutes ago: it is neither genuine nor a sign of a flood, and is asked to come
    /// again.
    pub fn is_repeated(&self) -> bool {
        matches!(
            self,
            Self::Unproven(Unproven {
                why: Why::Repeated,
                ..
            })
        )
    }

    /// The reason's one word: `[a-z0-9_]+`, stable between versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Genuine { unlisted: true, .. } => "dkim_unlisted",
            Self::Genuine { kind, .. } => kind.as_str(),
            Self::Weak(_) => "weak_evidence",
            Self::Unproven(unproven) => match unproven.why {
                Why::Replayed => "proof_replayed",
                Why::Repeated => "proof_repeated",
                Why::Nothing | Why::NoTag | Why::Unanswered(_) => "unproven",
            },
            Self::Srs => "srs",
            Self::Forged(Forged::BatvWrong) => "batv_wrong",
            Self::Forged(Forged::BatvExpired) => "batv_expired",
            Self::Forged(Forged::WatermarkWrong) => "watermark_wrong",
            Self::Forged(Forged::WatermarkExpired) => "watermark_expired",
        }
    }

    /// Whether it answers a message of ours, as far as the configuration believes it.
    pub fn is_genuine(&self) -> bool {
        matches!(self, Self::Genuine { .. } | Self::Weak(_))
    }
}

impl fmt::Display for Outcome {
    /// The word in the log and in X-Backstop: a proof, `weak:` and what there is, `unproven` or `forged`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genuine { unlisted: true, .. } => f.write_str(Self::UNLISTED),
            Self::Genuine { kind, .. } => f.write_str(kind.as_str()),
            Self::Weak(weak) => write!(f, "weak:{weak}"),
            Self::Unproven(Unproven { weak, .. }) if !weak.is_none() => write!(f, "weak:{weak}"),
            Self::Unproven(_) => f.write_str("unproven"),
            Self::Forged(_) => f.write_str("forged"),
            Self::Srs => f.write_str("srs"),
        }
    }
}

#[cfg(test)]
mod tests;
