//! What in `milter.yaml` would spare mail the rule that it met. It is as narrow as the file allows.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::core::{
    address::{Domain, Mailbox},
    envelope::Envelope,
    policy::{Policy, SpfAnswers},
    recipients::Class,
    spf::{Identity, SpfResult},
    verdict::{Reason, UnderSiege, Verdict},
};

/// An entry of `milter.yaml` that spares mail a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spare {
    /// The client, in `exempt.clients`: nothing of its mail is judged.
    Client(IpAddr),
    /// The client, in `null_sender.exempt.clients`: the rules for bounces do not apply.
    NullSenderClient(IpAddr),
    /// The client, in `spf.trusted_forwarders`: neither SPF nor forgery applies.
    Forwarder(IpAddr),
    /// The sender's domain, in `forgery.mailing_lists`.
    MailingList(Domain),
    /// The recipient, in a list `addresses` of its domain's `recipients`.
    Recipient(Domain, String),
    /// `accept` for this result of a sender's domain, in `spf.domains`.
    SpfDomain(Domain, String),
}

impl Spare {
    /// The key in `milter.yaml`.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Client(_) => "exempt.clients",
            Self::NullSenderClient(_) => "null_sender.exempt.clients",
            Self::Forwarder(_) => "spf.trusted_forwarders",
            Self::MailingList(_) => "forgery.mailing_lists",
            Self::Recipient(..) => "recipients.known",
            Self::SpfDomain(..) => "spf.domains",
        }
    }

    /// Whether a policy spares such mail already, as far as the policy itself says it: it does not know who is in its lists
    /// of recipients.
    pub fn is_in(&self, policy: &Policy) -> bool {
        let has = |clients: &[crate::core::network::Network], client: &IpAddr| {
            clients.iter().any(|network| network.contains(*client))
        };
        match self {
            Self::Client(client) => has(&policy.exempt.clients, client),
            Self::NullSenderClient(client) => {
                has(&policy.null_sender.exempt.clients, client)
                    || has(&policy.exempt.clients, client)
            }
            Self::Forwarder(client) => {
                policy.spf.forwarder_network(*client).is_some()
                    || has(&policy.exempt.clients, client)
            }
            Self::MailingList(domain) => {
                let mut lists = policy.forgery.mailing_lists.iter();
                lists.any(|list| list.matches(domain))
            }
            Self::Recipient(..) => false,
            Self::SpfDomain(domain, result) => policy.spf.accepts(domain, result),
        }
    }
}

/// What would spare mail that met this verdict; none where no entry does: what did not answer has to be mended.
pub(super) fn of(
    policy: &Policy,
    envelope: &Envelope,
    spf: Option<&SpfAnswers>,
    recipient: &Mailbox,
    verdict: &Verdict,
) -> Option<Spare> {
    let client = envelope.client.address;
    match &verdict.reason {
        Reason::Spf {
            identity: Identity::MailFrom,
            domain,
            result: result @ (SpfResult::Temperror | SpfResult::Permerror),
            ..
        } => {
            // It is their DNS that is wrong, whoever sends.
            let domain = domain.parse().ok()?;
            Some(Spare::SpfDomain(domain, result.as_str().to_owned()))
        }
        Reason::Spf { .. } | Reason::MailFromForged { .. } => client.map(Spare::Forwarder),
        Reason::HeaderFromForged { .. } | Reason::HeaderFromDoubtful { .. } => {
            let check = spf.and_then(|spf| spf.mail_from.as_ref());
            let passes = check.is_some_and(|check| check.result == SpfResult::Pass);
            let list = envelope.reverse_path.domain();
            let list = list.filter(|domain| passes && !policy.local.is_ours(domain));
            match list {
                Some(list) => Some(Spare::MailingList(list.clone())),
                None => client.map(Spare::Forwarder),
            }
        }
        Reason::NullSenderExtraRecipient
        | Reason::NeverSends
        | Reason::Proof(_)
        | Reason::BatvGuessed
        | Reason::Dnsbl { .. }
        | Reason::NotANotification
        | Reason::UnauthenticatedReport
        | Reason::Siege(
            UnderSiege::Unproven(_) | UnderSiege::Listed { .. } | UnderSiege::ExtraRecipient,
        ) => client.map(Spare::NullSenderClient),
        Reason::HeaderRule { .. } => client.map(Spare::Client),
        Reason::Recipient {
            class: Class::CatchAll | Class::Unknown | Class::Rule(_),
            ..
        }
        | Reason::Siege(UnderSiege::CatchAll { .. }) => known(recipient),
        Reason::Recipient {
            class: Class::Known,
            ..
        }
        | Reason::NothingFound
        | Reason::Outgoing(_)
        | Reason::Exempt(_)
        | Reason::RefusedByMta { .. }
        | Reason::ClientUnknown
        | Reason::OtherRecipients
        | Reason::OtherAnswers
        | Reason::ForgedHeaders
        | Reason::ReplyToForgery
        | Reason::DirectoryUnavailable
        | Reason::Stopping
        | Reason::Internal => None,
    }
}

/// An address that a list can have: what has to be quoted is no user's.
fn known(recipient: &Mailbox) -> Option<Spare> {
    let domain = recipient.domain()?;
    let local = String::from_utf8(recipient.local_key()).ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let is_plain = !local.is_empty() && local.len() <= 64 && local.chars().all(plain);
    is_plain.then(|| Spare::Recipient(domain.clone(), format!("{local}@{domain}")))
}
