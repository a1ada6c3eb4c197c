//! The rules that a client may set for its own domain. Whoever needs one of them reads it here: what the recipient's domain
//! answers, by its row of `tenants`, and else the file.

use std::fmt;

use super::{Case, Policy};
use crate::core::{
    address::Mailbox,
    envelope::{Client, Envelope, Recipient},
    exempt::Exempting,
    null_sender::NeverSend,
    recipients::{Class, ClassAnswer, DomainRecipients, Known},
    tenant::TenantAnswers,
    understood,
    verdict::{Entry, Exempt, Mode, Rule},
};

/// What the domain of a recipient answers.
#[derive(Clone, Copy, Debug)]
pub struct DomainAnswers<'a> {
    policy: &'a Policy,
    /// Its row; none where it was not asked for.
    tenant: Option<&'a TenantAnswers>,
}

/// The mode of the file, and whether clients may have others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// It is that of all.
    One(Mode),
    /// It is that of those whose row has none.
    OfEach(Mode),
}

impl fmt::Display for Modes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(mode) => f.write_str(mode.as_str()),
            Self::OfEach(mode) => write!(
                f,
                "{}, or that of the domain's row in tenants",
                mode.as_str()
            ),
        }
    }
}

impl Policy {
    /// Whose verdicts act.
    pub fn modes(&self) -> Modes {
        match self.has_tenants && self.has_modes {
            true => Modes::OfEach(self.mode),
            false => Modes::One(self.mode),
        }
    }

    /// What the domain with this row answers; none: the file answers.
    pub fn answers_of<'a>(&'a self, tenant: Option<&'a TenantAnswers>) -> DomainAnswers<'a> {
        DomainAnswers {
            policy: self,
            tenant,
        }
    }

    /// What the domain of this recipient answers.
    pub(in crate::core) fn answers<'a>(&'a self, case: &Case<'a>) -> DomainAnswers<'a> {
        self.answers_of(case.tenant)
    }
}

impl<'a> DomainAnswers<'a> {
    /// Whether its verdicts act.
    pub fn mode(self) -> Mode {
        let mode = self.of_row(|row| row.mode);
        mode.filter(|_| self.policy.has_modes)
            .unwrap_or(self.policy.mode)
    }

    /// What a bounce gets that proves nothing.
    pub fn unproven(self) -> Rule {
        let rule = self.of_row(|row| row.unproven);
        rule.unwrap_or(self.policy.proof.unproven)
    }

    /// What another automatic answer gets that proves nothing.
    pub fn unproven_replies(self) -> Rule {
        let rule = self.of_row(|row| row.unproven_replies);
        rule.unwrap_or(self.policy.proof.unproven_replies)
    }

    /// What a notification gets that proves nothing, while the domain is besieged.
    pub fn siege_unproven(self) -> Rule {
        let rule = self.of_row(|row| row.siege_unproven);
        rule.unwrap_or(self.policy.siege.unproven)
    }

    /// What recipients get that only the catch-all takes, while the domain is besieged.
    pub fn siege_catch_all(self) -> ClassAnswer {
        let answer = self.of_row(|row| row.siege_catch_all);
        answer.unwrap_or(self.policy.siege.catch_all)
    }

    /// The class of a recipient and what it answers. A list that can't be read knows nobody.
    pub fn class(
        self,
        entry: &DomainRecipients,
        mailbox: &Mailbox,
        known: &Known,
        bounce: bool,
    ) -> (Class, Rule) {
        entry.named(mailbox, known, bounce).unwrap_or_else(|| {
            let (class, answer) = self.rest(entry);
            (class, answer.rule(bounce))
        })
    }

    /// The class of what no list and no rule of its entry knows, and what that answers.
    pub fn rest(self, entry: &DomainRecipients) -> (Class, ClassAnswer) {
        let row = self
            .row_rest()
            .filter(|_| self.refuses_all(entry).is_none());
        row.unwrap_or((entry.rest, entry.rest_answer))
    }

    /// The class that its row answers for, where that would refuse all its mail, as no list and no rule has an address in
    /// it: the file may not say so either. That answer is not in force.
    pub fn refuses_all(self, entry: &DomainRecipients) -> Option<Class> {
        let (class, answer) = self.row_rest()?;
        let none_is_known = !entry.has_lists && entry.rules.is_empty();
        (none_is_known && answer.mail.action.keeps_out()).then_some(class)
    }

    fn row_rest(self) -> Option<(Class, ClassAnswer)> {
        let catch_all = self.of_row(|row| row.catch_all);
        let unknown = self.of_row(|row| row.unknown);
        let catch_all = catch_all.map(|answer| (Class::CatchAll, answer));
        catch_all.or(unknown.map(|answer| (Class::Unknown, answer)))
    }

    /// The rule for bounces to an address that never sends, and the entry that lists it, or the one that it is delivered to.
    /// A row lists addresses of its own domain alone.
    pub(super) fn never_sends(self, mailbox: &Mailbox) -> Option<(Rule, Entry)> {
        let (file, local) = (&self.policy.null_sender.never_send, &self.policy.local);
        let delimiters = &local.recipient_delimiter;
        let row = self.row_never_send();
        let mut named = std::iter::successors(Some(mailbox.clone()), |mailbox| {
            understood::routed(mailbox, local)
        });
        named.find_map(|named| {
            let row = row.filter(|_| named.domain() == mailbox.domain());
            let (list, key) = match row {
                Some(list) => (list, "tenants.never_send"),
                None => (file, "null_sender.never_send"),
            };
            let entry = list.entry(&named, delimiters)?;
            Some((list.rule, Entry::new(key, entry)))
        })
    }

    fn row_never_send(self) -> Option<&'a NeverSend> {
        self.tenant?.never_send.as_deref()
    }

    /// The rules for bounces that may answer after DATA.
    pub(super) fn of_bounces(self) -> [Rule; 6] {
        let Policy {
            null_sender, proof, ..
        } = self.policy;
        let file = null_sender.never_send.rule;
        let row = self.row_never_send();
        [
            row.map_or(file, |list| list.rule.stricter(file)),
            null_sender.not_a_notification,
            null_sender.unauthenticated_reports,
            self.unproven(),
            self.unproven_replies(),
            proof.forged,
        ]
    }

    /// Why this client's mail to this recipient is not judged. RFC 5321 section 4.5.1: postmaster is always accepted.
    pub(in crate::core) fn exempt_by(
        self,
        envelope: &Envelope,
        recipient: &Recipient,
    ) -> Option<Exempt> {
        let mailbox = &recipient.mailbox;
        if mailbox.is_postmaster() {
            return Some(Exempt::Postmaster);
        }
        let entry = self.exempting(&envelope.client, mailbox)?;
        Some(entry.exempt())
    }

    /// The entry by which it is exempt, if one is it.
    pub(super) fn exempt_entry(self, client: &Client, recipient: &Mailbox) -> Option<Entry> {
        let entry = self.exempting(client, recipient)?;
        Some(match (entry, self.tenant) {
            (Exempting::Recipient(pattern), Some(row)) if row.exempt_recipients.is_some() => {
                Entry::new("tenants.exempt.recipients", pattern)
            }
            _ => entry.entry(),
        })
    }

    fn exempting(self, client: &Client, recipient: &Mailbox) -> Option<Exempting<'a>> {
        let (file, delimiters) = (&self.policy.exempt, &self.policy.local.recipient_delimiter);
        let row = self.tenant.and_then(|row| row.exempt_recipients.as_deref());
        let recipients = row.unwrap_or(&file.recipients);
        let of_client = file.client(client).map(Exempting::Client);
        of_client.or_else(|| {
            let of_recipient = recipients.find(recipient, delimiters);
            of_recipient.map(Exempting::Recipient)
        })
    }

    fn of_row<T>(self, key: impl FnOnce(&TenantAnswers) -> Option<T>) -> Option<T> {
        self.tenant.and_then(key)
    }
}
