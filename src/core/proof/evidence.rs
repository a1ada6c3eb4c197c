//! What a notification brings home of a message of ours, and what all of it together is worth.

use std::fmt;

use super::Weak;
use crate::core::address::Domain;
pub use crate::core::outside::Outside;

/// What can prove that a notification answers a message of ours, in the order in which it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The tag in the address that it was sent to.
    Batv,
    /// Our header in the returned message.
    Watermark,
    /// The Message-ID of the returned message, or of the one it answers: the ledger has it.
    MessageId,
    /// A DKIM signature of ours on the returned message.
    Dkim,
    /// The DKIM2 chain of the returned message.
    Dkim2,
    /// A DKIM signature of ours on a message whose To: and Cc: name others than the report: the recipient may have stood in
    /// Bcc:, or on a list of ours. Under siege it is weak evidence.
    DkimUnlisted,
}

impl By {
    /// The word in the log and in X-Backstop.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Batv => "batv",
            Self::Watermark => "watermark",
            Self::MessageId => "message_id",
            Self::Dkim => "dkim",
            Self::Dkim2 => "dkim2",
            Self::DkimUnlisted => "dkim(unlisted)",
        }
    }

    /// The check, as the configuration names it.
    pub fn check(self) -> &'static str {
        match self {
            Self::Batv => "proof.batv",
            Self::Watermark => "proof.watermark",
            Self::MessageId => "proof.ledger",
            Self::Dkim | Self::DkimUnlisted => "proof.dkim",
            Self::Dkim2 => "proof.dkim.dkim2",
        }
    }
}

/// What came of looking for one proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is there, and counts.
    Counts,
    /// A message of ours, but the report is about somebody whom it was not sent to: a forwarder or a list may be why, or
    /// somebody who uses a message that he once got.
    AboutAnother,
    /// A message of ours, but it has come back as often as it may.
    Replayed,
    /// A message of ours, but the same notification was accepted minutes ago.
    Repeated,
    /// Verified, but it says too little of the message to count.
    TooLittle,
    /// Ours, but too old.
    Expired,
    /// It claims to be ours, and isn't.
    Wrong,
    /// There is none.
    Absent,
    /// What would tell did not answer.
    Unanswered(Outside),
}

/// One proof that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Which one.
    pub by: By,
    /// What came of it.
    pub answer: Answer,
    /// The same for people.
    pub finding: String,
}

impl Looked {
    /// Whether nothing more need be asked.
    pub fn settles(&self) -> bool {
        matches!(self.answer, Answer::Counts | Answer::Repeated)
    }
}

/// What a stranger could have or guess as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeakEvidence {
    /// The recipient sent mail lately.
    pub sender: bool,
    /// A relay of ours stands in the returned Received lines.
    pub relay: bool,
    /// SPF lets a client in them send for us.
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
    pub looked: Vec<Looked>,
    /// What else speaks for it.
    pub weak: WeakEvidence,
    /// What did not answer of what else could speak for it.
    pub weak_unanswered: Option<Outside>,
    /// A part of the content tells of a delivery or a disposition (RFC 3464, RFC 8098).
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
    /// The proof that counts, if one does.
    pub fn proven(&self) -> Option<By> {
        let counts = |looked: &&Looked| looked.answer == Answer::Counts;
        self.looked.iter().find(counts).map(|looked| looked.by)
    }

    /// The same with what was looked for before.
    pub fn below(&self, mut looked: Vec<Looked>) -> Self {
        looked.extend(self.looked.iter().cloned());
        Self {
            looked,
            ..self.clone()
        }
    }

    /// The proof that counts for a recipient, whose domain is besieged or not.
    pub fn proven_for(&self, besieged: bool) -> Option<By> {
        let strong = |by: &By| !(besieged && *by == By::DkimUnlisted);
        self.proven().filter(strong)
    }

    /// Whether nothing more need be asked: one counts, or it has to come again.
    pub fn is_settled(&self) -> bool {
        self.looked.iter().any(Looked::settles)
    }

    fn has(&self, answer: Answer) -> bool {
        self.looked.iter().any(|looked| looked.answer == answer)
    }

    /// What did not answer; the store, where DNS didn't either, for it is the one that is ours.
    pub fn unanswered(&self) -> Option<Outside> {
        let answers = self.looked.iter();
        let outside = answers.filter_map(|looked| match looked.answer {
            Answer::Unanswered(outside) => Some(outside),
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
            recipient: self.has(Answer::AboutAnother),
            signature: self.has(Answer::TooLittle),
            ..self.weak
        }
    }

    /// What it all proves to a recipient, whose domain is besieged or not, where weak evidence is worth this. `missing` is
    /// what a reply tells of where it proves nothing.
    pub fn outcome(
        &self,
        besieged: bool,
        sent_lately: Result<bool, Outside>,
        worth: Weak,
        missing: Missing,
    ) -> Outcome {
        if let Some(by) = self.proven_for(besieged) {
            return Outcome::Genuine(by);
        }
        let weak = self.weak(sent_lately);
        if self.has(Answer::Repeated) {
            let why = Why::Repeated;
            return Outcome::Unproven(Unproven { why, weak, missing });
        }
        let of = |by, answer| {
            let found = |looked: &Looked| looked.by == by && looked.answer == answer;
            self.looked.iter().any(found)
        };
        for (by, answer, forged) in [
            (By::Batv, Answer::Wrong, Forged::BatvWrong),
            (By::Batv, Answer::Expired, Forged::BatvExpired),
            (By::Watermark, Answer::Wrong, Forged::WatermarkWrong),
            (By::Watermark, Answer::Expired, Forged::WatermarkExpired),
        ] {
            if of(by, answer) {
                return Outcome::Forged(forged);
            }
        }
        if worth == Weak::Accept && !weak.is_none() {
            return Outcome::Weak(weak);
        }
        let why = match self.unanswered_for(sent_lately, worth) {
            _ if self.has(Answer::Replayed) => Why::Replayed,
            Some(outside) => Why::Unanswered(outside),
            None => Why::Nothing,
        };
        Outcome::Unproven(Unproven { why, weak, missing })
    }
}

/// Whether a notification answers a message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It does, by this proof.
    Genuine(By),
    /// It is taken for genuine by weak evidence, as `proof.weak` says.
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
    pub proofs: Vec<By>,
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
    /// What would tell did not answer.
    Unanswered(Outside),
}

/// What proof is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forged {
    /// The tag was not made here.
    BatvWrong,
    /// The tag's lifetime is over.
    BatvExpired,
    /// The watermark was not made here, or not for these headers.
    WatermarkWrong,
    /// The watermark's lifetime is over.
    WatermarkExpired,
}

impl Outcome {
    /// Whether nothing proves it because what would tell did not answer.
    pub fn is_unanswered(&self) -> bool {
        matches!(
            self,
            Self::Unproven(Unproven {
                why: Why::Unanswered(_),
                ..
            })
        )
    }

    /// Whether it is one that was accepted minutes ago: it is neither genuine nor a sign of a flood, and is asked to come
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
            Self::Genuine(By::Batv) => "batv_valid",
            Self::Genuine(By::Watermark) => "watermark_valid",
            Self::Genuine(By::MessageId) => "message_id_known",
            Self::Genuine(By::Dkim) => "dkim_valid",
            Self::Genuine(By::Dkim2) => "dkim2_valid",
            Self::Genuine(By::DkimUnlisted) => "dkim_unlisted",
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
        matches!(self, Self::Genuine(_) | Self::Weak(_))
    }
}

impl fmt::Display for Outcome {
    /// The word in the log and in X-Backstop: a proof, `weak:` and what there is, `unproven` or `forged`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genuine(by) => f.write_str(by.as_str()),
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
