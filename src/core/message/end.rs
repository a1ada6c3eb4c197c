//! The end of a message: what it leaves with, what is changed in it, and what is counted of it.

use super::{Accepted, Asker, Effects, Ending, Message, Open, Step};
use crate::core::{
    learned::Learn,
    notification::Notification,
    policy::{Check, Departure, NotSigned},
    proof::{ProofKind, coverage::CoverageCount},
    siege::State,
    spf::SpfResult,
    verdict::{Action, Reason, Verdict},
};

/// What the MTA lets a milter change at the end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Another sender.
    pub change_sender: bool,
    /// One more header.
    pub add_header: bool,
    /// Other parameters for a recipient, in place of those that it came with.
    pub change_recipients: bool,
}

impl Negotiated {
    /// Everything.
    pub const ALL: Self = Self {
        change_sender: true,
        add_header: true,
        change_recipients: true,
    };
}

/// What is to be done at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// What is changed in the message.
    pub ending: Ending,
    /// The proofs that outgoing mail leaves with: their words in the log.
    pub signed: Vec<&'static str>,
    /// Why it leaves without the others: the proof, and why.
    pub unsigned: Vec<(&'static str, NotSigned)>,
    /// What is to be counted, remembered and learned.
    pub effects: Effects,
    /// What was found about each recipient, in their order; empty where nothing was.
    pub checks: Vec<Vec<Check>>,
}

impl End {
    /// The same where the ledger did not keep the message in time.
    pub fn without_entry(mut self) -> Self {
        let ledger = ProofKind::Ledger;
        self.signed.retain(|signed| *signed != ledger.as_str());
        self.unsigned.push((ledger.as_str(), NotSigned::NotKept));
        CoverageCount::take_back(&mut self.effects.counts, ledger);
        self
    }
}

impl Message {
    /// The end of a message that nothing refused. `now` is in seconds since 1970.
    pub fn end(&mut self, negotiated: Negotiated, now: u64) -> Step<End> {
        let asked = self.step(|asker| {
            // These don't depend on each other.
            let learn = self.to_learn(now, asker);
            let no_dsn = self.no_dsn(negotiated, asker);
            let forged = self.answers_forgery(now, asker);
            Ok((learn?, no_dsn?, forged?))
        });
        let (learn, no_dsn, forged) = match asked {
            Step::Ask(questions) => return Step::Ask(questions),
            Step::Decided(decided) => decided,
        };
        self.silence(no_dsn);
        let checks = self.tag_answer(forged.as_deref());
        let departure = self.departure(now);
        let departure = departure.within(negotiated.change_sender, negotiated.add_header);
        let mut effects = self.effects_of_all(now);
        let verdicts = self.accepted.iter().map(|accepted| &accepted.verdict);
        effects.accepted_sender = self.policy.accepted_sender(&self.envelope, verdicts);
        effects.add(self.effects_of_departure(&departure, now));
        effects.learn.extend(learn);
        let mut ending = Ending::of(self);
        let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
        let Departure {
            sender,
            watermark,
            ledger,
        } = departure;
        let mut note = |proof, made: Result<(), NotSigned>| match made {
            Ok(()) => signed.push(proof),
            Err(why) => unsigned.push((proof, why)),
        };
        note("batv", sender.as_ref().map(drop).map_err(|why| *why));
        note(
            "watermark",
            watermark.as_ref().map(drop).map_err(|why| *why),
        );
        note("ledger", ledger.as_ref().map(drop).map_err(|why| *why));
        ending.change_sender = sender.ok();
        ending.watermark = watermark.ok();
        Step::Decided(End {
            ending,
            signed,
            unsigned,
            effects,
            checks,
        })
    }

    /// The end before the message came, or after it was refused.
    pub fn broken_off(&mut self, now: u64) -> Effects {
        if self.headers().is_empty() && !self.data {
            let callout = Notification::of_no_data(&self.envelope.reverse_path);
            for accepted in &mut self.accepted {
                accepted.verdict.notification.clone_from(&callout);
            }
        }
        self.effects_of_all(now)
    }

    /// What the message leaves with, for the recipients that were accepted; or why it leaves as it is.
    pub fn departure(&self, now: u64) -> Departure {
        let recipients = self.accepted.iter();
        let recipients = recipients.map(|accepted| &accepted.addressed.recipient.mailbox);
        self.policy
            .departure(&self.envelope, recipients, self.headers(), now)
    }

    /// The addresses that are to be learned, now that the message is accepted: those that only a catch-all takes, of a
    /// person whose domain vouches for its host, while all is calm. In a siege a stranger would teach us his own.
    fn to_learn(&self, now: u64, asker: &Asker<'_>) -> Result<Vec<Learn>, Open> {
        let policy = &*self.policy;
        let spf = self.spf().and_then(|spf| spf.mail_from.as_ref());
        let vouched = !self.envelope.reverse_path.is_null()
            && policy.outgoing(&self.envelope).is_none()
            && spf.is_some_and(|check| check.result == SpfResult::Pass);
        if !vouched || !policy.siege.learns() {
            return Ok(Vec::new());
        }
        let caught = self.accepted.iter().filter(|accepted| {
            is_welcome(&accepted.verdict) && policy.is_caught(&self.case_of(accepted))
        });
        let states = caught.filter_map(|Accepted { addressed, .. }| {
            let mailbox = &addressed.recipient.mailbox;
            let domain = mailbox.domain()?;
            Some((mailbox, asker.siege(domain)))
        });
        let states: Vec<_> = states.collect();
        let mut learn = Vec::new();
        for (mailbox, state) in states {
            if state? == State::Calm {
                learn.extend(self.learn(mailbox, false, now));
            }
        }
        Ok(learn)
    }
}

/// Whether nothing spoke against it: that all which the catch-all takes is tagged says nothing of this message.
fn is_welcome(verdict: &Verdict) -> bool {
    match verdict.action {
        Action::Accept => true,
        Action::Tag => {
            verdict.would.is_none() && matches!(verdict.reason, Reason::Recipient { .. })
        }
        _ => false,
    }
}
