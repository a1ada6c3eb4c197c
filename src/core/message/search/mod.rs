//! Looks in a message for what proves that it answers one of ours: one proof after the other, cheap ones first, up to the
//! first that counts.

mod author;
mod dkim;
mod ledger;
mod uses;
mod watermark;
mod weak;

use std::cell::OnceCell;

use super::{Asker, Content, Message, Open};
use crate::core::{
    address::{Domain, Mailbox},
    header::Headers,
    policy::{HeaderFacts, Policy},
    printable::printable,
    proof::{
        self, ProofKind,
        evidence::{Evidence, ProofFinding, ProofResult},
        returned::NotificationReport,
    },
};

/// How much of a Message-ID is shown, in octets.
const MAX_SHOWN: usize = 120;

/// What is looked for in one message.
pub(super) struct Search<'a> {
    message: &'a Message,
    facts: &'a HeaderFacts,
    content: &'a Content,
    report: &'a NotificationReport,
    /// Whether it answers a message by its Message-ID, and returns nothing: a receipt, an out of office note.
    is_reply: bool,
    /// Whom the message was sent to, each with its tag and without; once somebody needs them, for they may be thousands.
    addressees: OnceCell<Vec<&'a Mailbox>>,
    /// In seconds since 1970.
    now: u64,
    asker: &'a Asker<'a>,
}

impl<'a> Search<'a> {
    /// None before the content was read.
    pub(in crate::core::message) fn new(
        message: &'a Message,
        facts: &'a HeaderFacts,
        content: &'a Content,
        now: u64,
        asker: &'a Asker<'a>,
    ) -> Option<Self> {
        let report = content.report()?;
        let is_reply = match &facts.notification {
            Some(notification) if !notification.is_report() => notification.is_reply(),
            // What does not say what it is answers what it returns, or else what it names.
            _ => report.returned.is_empty(),
        };
        Some(Self {
            message,
            facts,
            content,
            report,
            is_reply,
            addressees: OnceCell::new(),
            now,
            asker,
        })
    }

    /// Looks for one proof after the other until one counts; where none does, for all else that speaks for it.
    pub(in crate::core::message) fn evidence(&self) -> Result<Evidence, Open> {
        let mut evidence = Evidence {
            status: self.report.status,
            delivery: self.report.delivery,
            cut: self.report.cut,
            ..Evidence::default()
        };
        let mut unlisted = Vec::new();
        for kind in ProofKind::ALL {
            evidence.findings.extend(match kind {
                // RCPT has shown it.
                ProofKind::Batv => Vec::new(),
                ProofKind::Watermark => self.watermarks()?,
                ProofKind::Ledger => self.message_ids()?,
                ProofKind::Dkim => self.signatures(&mut unlisted)?,
                ProofKind::Dkim2 => self.chain()?,
            });
            if evidence.is_settled() {
                return Ok(evidence);
            }
        }
        evidence.findings.extend(self.unlisted(unlisted)?);
        if evidence.is_settled() {
            return Ok(evidence);
        }
        (evidence.weak, evidence.weak_unanswered) = self.weak()?;
        Ok(evidence)
    }

    /// The domains of the recipients of which the ledger has all that was sent within the time that proofs count, where a
    /// reply with a sender is judged by that.
    pub(in crate::core::message) fn remembered(
        &self,
        is_settled: bool,
    ) -> Result<Vec<Domain>, Open> {
        let settings = &self.policy().proof;
        let null = self.message.envelope.reverse_path.is_null();
        if !self.is_reply || null || is_settled || !settings.ledger.remember {
            return Ok(Vec::new());
        }
        let mut domains: Vec<&Domain> = Vec::new();
        for accepted in &self.message.accepted {
            let domain = accepted.addressed.recipient.mailbox.domain();
            domains.extend(domain.filter(|domain| !domains.contains(domain)));
        }
        let days = settings.lifetime_days();
        let asked = domains.into_iter().map(|domain| {
            // As it was counted.
            let counted = self.policy().local.ours(domain).unwrap_or(domain);
            (domain, self.asker.remembers_all(counted, days))
        });
        let asked: Vec<_> = asked.collect();
        let mut remembered = Vec::new();
        for (domain, all) in asked {
            if all? == Ok(true) {
                remembered.push(domain.clone());
            }
        }
        Ok(remembered)
    }

    /// What was found; or that nothing was.
    fn or_absent(
        &self,
        kind: ProofKind,
        found: Vec<ProofFinding>,
        nothing: &str,
    ) -> Vec<ProofFinding> {
        if !found.is_empty() {
            return found;
        }
        let finding = match self.report.returned.len() {
            0 => format!("{nothing}: it returns no message"),
            _ => format!("{nothing} in what it returns"),
        };
        vec![ProofFinding {
            kind,
            result: ProofResult::Absent,
            text: finding,
        }]
    }

    fn policy(&self) -> &'a Policy {
        &self.message.policy
    }

    fn returned(&self) -> impl Iterator<Item = &'a Headers> {
        let returned = self.report.returned.iter();
        returned.map(|returned| &returned.headers)
    }

    fn addressees(&self) -> &[&'a Mailbox] {
        self.addressees.get_or_init(|| {
            let accepted = self.message.accepted.iter();
            accepted
                .map(|accepted| &accepted.addressed)
                .flat_map(|addressed| [&addressed.sent, &addressed.recipient])
                .map(|recipient| &recipient.mailbox)
                .collect()
        })
    }

    fn today(&self) -> u64 {
        proof::today(self.now)
    }
}

fn shown(id: &[u8]) -> String {
    printable(id, MAX_SHOWN)
}
