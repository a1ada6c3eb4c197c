//! Tags in addresses (BATV): what a tag of ours in RCPT TO proves.

use std::ops::ControlFlow::{self, Continue};

use super::{Case, Policy, walk::Walk};
use crate::core::{
    envelope::{Envelope, Recipient},
    notification::Notification,
    proof::{
        Settings,
        batv::{self, Proof, Tagged},
        evidence::{By, Forged, Outcome},
    },
    verdict::{Action, Reason, Rule, Verdict},
};

/// What a tag of ours in RCPT TO says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Made here, and within its lifetime.
    Valid,
    /// Made here, but its lifetime is over.
    Expired,
    /// Not made here.
    Wrong,
    /// Not looked at: the client has sent too many wrong ones.
    Unverified,
    /// On outgoing mail, which has nothing to prove.
    Irrelevant,
}

impl Tag {
    /// The word in the log; none where the tag says nothing.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Valid => Some("valid"),
            Self::Expired => Some("expired"),
            // Unverified is what was refused as wrong too often.
            Self::Wrong | Self::Unverified => Some("wrong"),
            Self::Irrelevant => None,
        }
    }
}

/// A recipient, and the tag it was addressed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// As RCPT TO has it.
    pub sent: Recipient,
    /// The same without a tag of ours: who is judged, and who gets the message.
    pub recipient: Recipient,
    /// What the tag says; none where it has none of ours.
    pub tag: Option<Tag>,
}

impl From<Recipient> for Addressed {
    /// A recipient without a tag of ours.
    fn from(sent: Recipient) -> Self {
        Self {
            recipient: sent.clone(),
            sent,
            tag: None,
        }
    }
}

impl Policy {
    /// Takes a tag of ours off the recipient, and says what it proves. `today` counts days since 1970, `wrong_before`
    /// the wrong tags that this client has sent within the last hour.
    ///
    /// Tags of strangers, and of SRS, are left to whoever made them.
    pub fn addressed(
        &self,
        envelope: &Envelope,
        sent: Recipient,
        today: u64,
        wrong_before: u32,
    ) -> Addressed {
        let untagged = Addressed::from(sent);
        let Settings { batv, keys, .. } = &self.proof;
        if keys.is_empty() {
            return untagged;
        }
        let mailbox = &untagged.sent.mailbox;
        let ours = mailbox
            .domain()
            .is_some_and(|domain| self.local.is_ours(domain));
        let read = batv::read(mailbox, &self.local.recipient_delimiter);
        let Some(Tagged::Ours(found)) = read.filter(|_| ours) else {
            return untagged;
        };
        let tag = if self.outgoing(envelope).is_some() {
            Tag::Irrelevant
        } else if batv.guesses > 0 && wrong_before >= batv.guesses {
            Tag::Unverified
        } else {
            match batv::verify(&found, keys, today, self.proof.lifetime_days()) {
                Proof::Valid { .. } => Tag::Valid,
                Proof::Expired => Tag::Expired,
                Proof::Wrong => Tag::Wrong,
            }
        };
        Addressed {
            recipient: Recipient {
                mailbox: found.original,
                refused: untagged.sent.refused.clone(),
            },
            tag: Some(tag),
            ..untagged
        }
    }

    /// Whether this recipient's tag is a guess: it is wrong, and what was sent to it is a bounce. `notification` is what
    /// the headers show, once they were read.
    pub fn is_guess(
        envelope: &Envelope,
        tag: Option<Tag>,
        notification: Option<&Notification>,
    ) -> bool {
        let is_bounce =
            envelope.reverse_path.is_null() || notification.is_some_and(Notification::is_bounce);
        tag == Some(Tag::Wrong) && is_bounce
    }

    /// The answer to a bounce with a tag of ours.
    pub(super) fn tag(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        let Some(tag) = case.tag.filter(|tag| *tag != Tag::Irrelevant) else {
            return Continue(());
        };
        if !case.envelope.reverse_path.is_null() {
            let finding = "it has a sender: the tag in the address proves something once the headers show a notification";
            walk.tell("proof.batv", finding.to_owned());
            return Continue(());
        }
        let (finding, reason) = match tag {
            Tag::Valid | Tag::Irrelevant => {
                self.proven_by_tag(walk);
                return Continue(());
            }
            Tag::Expired => (
                "the tag in the address is ours, but its lifetime is over",
                Reason::Proof(Outcome::Forged(Forged::BatvExpired)),
            ),
            Tag::Wrong => (
                "the tag in the address was not made here",
                Reason::Proof(Outcome::Forged(Forged::BatvWrong)),
            ),
            Tag::Unverified => (
                "the client has sent too many wrong tags within the hour: this one is not looked at",
                Reason::BatvGuessed,
            ),
        };
        if let Reason::Proof(outcome) = &reason {
            walk.prove(outcome);
        }
        if self.spares_null_sender(case) {
            walk.tell(
                "proof.batv",
                format!("{finding}; null_sender.exempt spares it"),
            );
            return Continue(());
        }
        let rule = self.proof.forged;
        let refuses = !matches!(rule.action, Action::Accept | Action::Tag);
        let rule = if tag == Tag::Unverified && refuses {
            // Not for good: among a relay's forged bounces may be a true one, and nobody has looked.
            Rule {
                action: Action::Tempfail,
                ..rule
            }
        } else {
            rule
        };
        walk.apply("proof.batv", finding.to_owned(), rule, reason)
    }

    pub(super) fn proven_by_tag(&self, walk: &mut Walk) {
        let finding = "the tag in the address is ours: it answers a message of ours";
        walk.tell("proof.batv", finding.to_owned());
        walk.prove(&Outcome::Genuine(By::Batv));
    }
}

impl Case<'_> {
    /// Whether the tag proves that this answers a message of ours. With the null sender it does as it stands (RFC 5321
    /// section 4.5.5); with a sender only what the headers show to be a notification: the tag stands in every Return-Path,
    /// and people answer to the address they see.
    pub(super) fn is_proven_by_tag(&self, notification: Option<&Notification>) -> bool {
        let comes_back = self.envelope.reverse_path.is_null()
            || notification.is_some_and(Notification::answers_a_message);
        self.tag == Some(Tag::Valid) && comes_back
    }

    /// Whether it was the headers that made the tag a proof.
    pub(super) fn is_proven_by_headers(&self, notification: Option<&Notification>) -> bool {
        self.is_proven_by_tag(notification) && !self.envelope.reverse_path.is_null()
    }
}
