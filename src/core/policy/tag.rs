//! Tags in addresses (BATV): what a tag of ours in RCPT TO proves.

mod otherwise;

use std::ops::ControlFlow::{self, Continue};

pub use otherwise::Otherwise;

use super::{
    Case, HeaderFacts, Policy,
    soften::{Softened, softened},
    walk::Walk,
};
use crate::core::{
    address::Domain,
    envelope::{Envelope, Recipient},
    notification::Notification,
    proof::{
        ProofKind, ProofSettings,
        batv::{self, Proof, Tagged},
        evidence::{Forged, Outcome},
    },
    verdict::{Action, Reason, Rule, Verdict},
};

/// What a tag of ours in RCPT TO says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Made here, and within its lifetime.
    Valid,
    /// Made here, but its lifetime is over.
    Expired(Otherwise),
    /// Not made here.
    Wrong(Otherwise),
    /// In the form of another signer, which can't be verified: looked at only where every bounce must have a tag.
    Foreign(Otherwise),
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
            Self::Expired(_) => Some("expired"),
            // Unverified is what was refused as wrong too often.
            Self::Wrong(_) | Self::Unverified => Some("wrong"),
            Self::Foreign(_) | Self::Irrelevant => None,
        }
    }
}

impl Tag {
    /// Whether it was not made here, nor by another signer for mail that was sent.
    pub fn is_wrong(self) -> bool {
        matches!(self, Self::Wrong(otherwise) if otherwise != Otherwise::SentWithIt)
    }
}

impl From<Proof> for Tag {
    /// Before it is asked what else could prove its bounce.
    fn from(proof: Proof) -> Self {
        match proof {
            Proof::Valid { .. } => Self::Valid,
            Proof::Expired => Self::Expired(Otherwise::Nothing),
            Proof::Wrong => Self::Wrong(Otherwise::Nothing),
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

impl Addressed {
    /// Whether it is to be delivered to another address than it was sent to.
    pub fn is_untagged(&self) -> bool {
        self.recipient.mailbox != self.sent.mailbox
    }
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
    /// the wrong tags that this client has sent within the last hour; it is called where that decides.
    ///
    /// Tags of strangers, and of SRS, are left to whoever made them.
    ///
    /// # Errors
    /// Those of `wrong_before`.
    pub fn addressed<E>(
        &self,
        envelope: &Envelope,
        sent: Recipient,
        today: u64,
        wrong_before: impl FnOnce() -> Result<u32, E>,
    ) -> Result<Addressed, E> {
        let untagged = Addressed::from(sent);
        let ProofSettings { batv, keys, .. } = &self.proof;
        if keys.is_empty() {
            return Ok(untagged);
        }
        let mailbox = &untagged.sent.mailbox;
        let ours = mailbox
            .domain()
            .is_some_and(|domain| self.local.is_ours(domain));
        let read = batv::read(mailbox, &self.local.recipient_delimiter);
        let found = match read.filter(|_| ours) {
            Some(Tagged::Ours(found)) => found,
            Some(Tagged::Foreign) if self.requires_tag() && self.outgoing(envelope).is_none() => {
                return Ok(Addressed {
                    tag: Some(Tag::Foreign(Otherwise::Nothing)),
                    ..untagged
                });
            }
            Some(Tagged::Foreign) | None => return Ok(untagged),
        };
        let tag = if self.outgoing(envelope).is_some() {
            Tag::Irrelevant
        } else if batv.guess_limit > 0 && wrong_before()? >= batv.guess_limit {
            Tag::Unverified
        } else {
            self.verified(&found, today).into()
        };
        Ok(Addressed {
            recipient: Recipient {
                mailbox: found.original,
                refused: untagged.sent.refused.clone(),
            },
            tag: Some(tag),
            ..untagged
        })
    }

    /// An MTA that masquerades makes joe@example.org of joe@mx.example.org, and leaves the tag on it as it was made.
    fn verified(&self, tag: &batv::Tag, today: u64) -> Proof {
        let ProofSettings { keys, .. } = &self.proof;
        let verify = |tag: &batv::Tag| batv::verify(tag, keys, today, self.proof.lifetime_days());
        let as_it_came = verify(tag);
        if as_it_came != Proof::Wrong {
            return as_it_came;
        }
        let relatives = tag
            .original
            .domain()
            .map(|domain| self.local.relatives(domain));
        let relatives = relatives.into_iter().flatten();
        let made_for = relatives.map(|domain| verify(&tag.of(&domain)));
        made_for.max().unwrap_or(Proof::Wrong)
    }

    /// The tag, where it may have been made for the MTA's own name (`host`), which the file has as one of all the names
    /// below a domain.
    pub fn tag_of_host(&self, addressed: &Addressed, host: &str, today: u64) -> Option<Tag> {
        let tag = addressed.tag?;
        let read = batv::read(&addressed.sent.mailbox, &self.local.recipient_delimiter);
        let (Tag::Wrong(_), Some(Tagged::Ours(found))) = (tag, read) else {
            return Some(tag);
        };
        let related = |host: &Domain| {
            let domain = found.original.domain();
            let related =
                |domain: &Domain| host.is_at_or_below(domain) || domain.is_at_or_below(host);
            self.local.is_ours(host) && domain.is_some_and(related)
        };
        let host = host.parse::<Domain>().ok().filter(related);
        let made_for = host.map(|host| self.verified(&found.of(&host), today).into());
        made_for.or(Some(tag))
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
        is_bounce && tag.is_some_and(Tag::is_wrong)
    }

    /// The answer at RCPT to a bounce with a tag of ours.
    pub(super) fn tag(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        let Some(tag) = case.tag.filter(|tag| *tag != Tag::Irrelevant) else {
            return Continue(());
        };
        if !case.envelope.reverse_path.is_null() {
            let finding = "it has a sender: the tag in the address proves something once the headers show a notification";
            walk.note("proof.batv", finding);
            return Continue(());
        }
        match tag {
            Tag::Valid | Tag::Irrelevant => {
                self.proven_by_tag(walk);
                Continue(())
            }
            Tag::Expired(otherwise) | Tag::Wrong(otherwise) if otherwise.is_worth_waiting() => {
                let (finding, _) = bad(tag);
                walk.note(
                    "proof.batv",
                    format_args!("{finding}; {}", otherwise.in_words()),
                );
                Continue(())
            }
            Tag::Foreign(otherwise) => {
                let (finding, _) = bad(tag);
                walk.note(
                    "proof.batv",
                    format_args!("{finding}; {}", otherwise.in_words()),
                );
                Continue(())
            }
            Tag::Expired(_) | Tag::Wrong(_) | Tag::Unverified => self.bad_tag(case, tag, walk),
        }
    }

    /// The answer at the end of the headers to a bad tag that waited for content which is not read; and to one that nobody
    /// looks at, of a bounce with a sender.
    pub(super) fn tag_without_content(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let notification = facts.notification.as_ref();
        match case.tag {
            // It may be valid: the rules that a valid one spares it would refuse it for good.
            Some(Tag::Unverified) if notification.is_some_and(Notification::is_bounce) => {
                self.bad_tag(case, Tag::Unverified, walk)
            }
            Some(Tag::Wrong(Otherwise::SentWithIt) | Tag::Foreign(_)) => Continue(()),
            Some(tag) if case.waits_for_content() && !self.content_decides(case, facts) => {
                self.bad_tag(case, tag, walk)
            }
            _ => Continue(()),
        }
    }

    fn bad_tag(&self, case: &Case<'_>, tag: Tag, walk: &mut Walk) -> ControlFlow<Verdict> {
        let (finding, reason) = bad(tag);
        if let Reason::Proof(outcome) = &reason {
            walk.prove(outcome);
        }
        if self.spares_null_sender(case) {
            walk.note(
                "proof.batv",
                format_args!("{finding}; null_sender.exempt spares it"),
            );
            return Continue(());
        }
        let rule = self.proof.forged;
        let refuses = rule.action.acts();
        let rule = if tag == Tag::Unverified && refuses {
            // Not for good: among a relay's forged bounces may be a genuine one, and this one was not looked at.
            Softened::from(Rule {
                action: Action::Tempfail,
                ..rule
            })
        } else {
            softened(rule, tag.unanswered(), self.is_besieged(case))
        };
        walk.apply("proof.batv", finding, rule, reason)
    }

    pub(super) fn proven_by_tag(&self, walk: &mut Walk) {
        let finding = "the tag in the address is ours: it answers a message of ours";
        walk.note("proof.batv", finding);
        walk.prove(&Outcome::by(ProofKind::Batv));
    }
}

/// What speaks against a bad tag, and the reason that it is refused for.
fn bad(tag: Tag) -> (&'static str, Reason) {
    match tag {
        Tag::Expired(_) => (
            "the tag in the address is ours, but its lifetime is over",
            Reason::Proof(Outcome::Forged(Forged::BatvExpired)),
        ),
        Tag::Unverified => (
            "the client has sent too many wrong tags within the hour: this one is not looked at",
            Reason::BatvGuessed,
        ),
        Tag::Foreign(_) => (
            "the tag in the address is another signer's",
            Reason::Proof(Outcome::Forged(Forged::BatvWrong)),
        ),
        Tag::Wrong(_) | Tag::Valid | Tag::Irrelevant => (
            "the tag in the address was not made here",
            Reason::Proof(Outcome::Forged(Forged::BatvWrong)),
        ),
    }
}

impl Case<'_> {
    /// Whether the tag proves that this answers a message of ours.
    pub(super) fn is_proven_by_tag(&self, notification: Option<&Notification>) -> bool {
        self.tag == Some(Tag::Valid) && self.envelope.comes_back(notification)
    }

    /// Whether it was the headers that made the tag a proof.
    pub(super) fn is_proven_by_headers(&self, notification: Option<&Notification>) -> bool {
        self.is_proven_by_tag(notification) && !self.envelope.reverse_path.is_null()
    }
}
