//! What `backstop report` counts, hour by hour: the bounces that strangers send, and what became of them.
//!
//! The forged address is kept as it is written: it is in one of our own domains, and its owner has to be warned.

mod fate;
mod origins;
pub mod redact;
mod sample;
mod summary;

use std::net::IpAddr;

use serde::Deserialize;

pub use fate::Fate;
use fate::is_ours;
pub use origins::{OriginTally, Origins};
pub use sample::{MAX_SAMPLE_OCTETS, MAX_SAMPLES, Octets, SAMPLE_DAYS, SAMPLES_AN_HOUR, Sample};
pub use summary::{AttackSummary, AttackTally, Ranked};

use super::{
    address::{Domain, Mailbox},
    dnsbl::is_asked_about,
    envelope::Envelope,
    header::Headers,
    network::Network,
    notification::Notification,
    origin::Reporter,
    policy::Policy,
    printable::shortened,
    proof::coverage,
    recipients::Class,
    serde_text::unless_empty,
    verdict::{Action, Reason, UnderSiege, Verdict},
};

/// An hour, in seconds.
pub const HOUR: u64 = 60 * 60;
/// How many days are kept, today included.
pub const KEEP_DAYS: u64 = 90;
/// How many hosts, networks and addresses are counted each for itself in an hour, for each domain of ours that they came to
/// and for each [`Fate`]. Further ones are counted together, without their text: strangers must
/// not fill the store. 90 days have some 4 million rows at the very most.
pub const MAX_PER_HOUR: u64 = 250;
/// The same for accounts, each with the networks that its bounces come from.
const MAX_ACCOUNTS_PER_HOUR: u64 = 500;
/// The longest text that is counted, in characters: longer ones are cut.
const MAX_TEXT: usize = 256;
/// The minimum of different things of one kind that a report names: where there are twice as many, the rarer half is
/// counted together, so that no period takes more than some 100 MB.
const MIN_NAMED: usize = 50_000;

/// `report:` of `milter.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportSettings {
    /// Whether some of the refused bounces are kept for `backstop report --export`.
    pub keep_samples: bool,
    /// Whether `backstop report would` names strangers' whole addresses, and not their domains alone.
    pub keep_senders: bool,
    /// The zone that is asked for the abuse desk of a host; none for no zone.
    #[serde(deserialize_with = "unless_empty")]
    pub abuse_contacts: Option<Domain>,
}

/// Hours since 1970, of a time in seconds since then.
pub fn hour(unix_seconds: u64) -> u64 {
    unix_seconds / HOUR
}

/// What is counted of a bounce, each once: why and what it proved of all of them, and who sent it and where it came to of
/// those that are [suspect](Fate::is_suspect) and did not prove to be ours. The others are in no list, and would take the
/// places of those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttackKind {
    /// What was done, or would have been, and why: `reject unproven`.
    Reason,
    /// What it proved: what proved it, or `weak`, `unproven`, `forged`; `not_asked` where nobody looked.
    Proof,
    /// The client's address.
    Host,
    /// The client's network: /24, or /48 of IPv6.
    Network,
    /// The address that it came to.
    Recipient,
    /// Who sent the message that it returns, whose word that is, and the network of the host that bounced:
    /// `203.0.113.9 reported 198.51.100.0/24`.
    Origin,
    /// Who sent that message, and what he said in HELO.
    OriginHelo,
    /// Who sent that message, and the hash of its subject.
    OriginCampaign,
    /// A sender of ours whose mail it proves to return, and the network of the host that bounced; only where several come.
    Account,
}

impl AttackKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Reason,
        Self::Proof,
        Self::Host,
        Self::Network,
        Self::Recipient,
        Self::Origin,
        Self::OriginHelo,
        Self::OriginCampaign,
        Self::Account,
    ];

    /// How many are counted each for itself in an hour. The words for a reason and for a proof are ours, and few.
    pub fn max_per_hour(self) -> Option<u64> {
        match self {
            Self::Account => Some(MAX_ACCOUNTS_PER_HOUR),
            kind => kind.is_listed().then_some(MAX_PER_HOUR),
        }
    }

    /// Whether it is a stranger's word, in a list of its own.
    fn is_listed(self) -> bool {
        !matches!(self, Self::Reason | Self::Proof)
    }

    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Proof => "proof",
            Self::Host => "host",
            Self::Network => "network",
            Self::Recipient => "recipient",
            Self::Origin => "origin",
            Self::OriginHelo => "origin_helo",
            Self::OriginCampaign => "origin_campaign",
            Self::Account => "account",
        }
    }
}

/// One thing to count, by hour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttackCount {
    /// What is counted.
    pub kind: AttackKind,
    /// The recipient's domain, as `local.domains` has it.
    pub domain: String,
    /// What became of the bounce.
    pub fate: Fate,
    /// Which one: printable ASCII, 256 octets at most. Empty for all that were too many in their hour.
    pub text: String,
}

impl AttackCount {
    /// What was stored; `None` for what this version does not know.
    pub fn stored(kind: &str, domain: &str, fate: &str, text: &str) -> Option<Self> {
        Some(Self {
            kind: AttackKind::ALL
                .into_iter()
                .find(|one| one.as_str() == kind)?,
            domain: domain.to_owned(),
            fate: Fate::stored(fate)?,
            text: text.to_owned(),
        })
    }

    /// What is counted where this one is too many.
    pub fn among_others(&self) -> Self {
        Self {
            text: String::new(),
            ..self.clone()
        }
    }
}

/// How often a thing was counted in an hour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttackRow {
    /// Hours since 1970.
    pub hour: u64,
    /// The thing.
    pub count: AttackCount,
    /// How often.
    pub times: u64,
}

impl Policy {
    /// Whether what came to this recipient is one of the bounces that are counted: a stranger's, to one of our domains,
    /// with the null sender or from a mail system, or a bounce by its headers. Gives the domain, as `local.domains` has
    /// it.
    pub(super) fn bounced_to(
        &self,
        envelope: &Envelope,
        recipient: &Mailbox,
        notification: Option<&Notification>,
    ) -> Option<&str> {
        let is_bounce = is_asked_about(&envelope.reverse_path)
            || notification.is_some_and(Notification::is_bounce);
        if !is_bounce || self.outgoing(envelope).is_some() {
            return None;
        }
        let ours = self.local.ours(recipient.domain()?)?;
        Some(ours.as_str())
    }

    /// What is counted of this recipient of a message, which returns a message with these headers; nothing where that is no
    /// stranger's bounce.
    pub fn attack(
        &self,
        envelope: &Envelope,
        recipient: &Mailbox,
        verdict: &Verdict,
        returned: Option<&Headers>,
    ) -> Vec<AttackCount> {
        let notification = verdict.notification.as_ref();
        let Some(domain) = self.bounced_to(envelope, recipient, notification) else {
            return Vec::new();
        };
        let proof = verdict.proof.as_ref().map(coverage::word);
        let host = envelope.client.address;
        let texts = [
            (AttackKind::Reason, Some(reason(verdict))),
            (
                AttackKind::Proof,
                Some(proof.unwrap_or("not_asked").to_owned()),
            ),
            (AttackKind::Host, host.map(|host| host.to_string())),
            (AttackKind::Network, host.map(network)),
            (
                AttackKind::Recipient,
                Some(shortened(&recipient.to_bytes(), MAX_TEXT)),
            ),
        ];
        let fate = Fate::of(verdict);
        let names = fate.is_suspect() && !verdict.proof.as_ref().is_some_and(is_ours);
        let texts = texts.map(|(kind, text)| (kind, text.unwrap_or_default()));
        let origin = host.zip(returned).and_then(|(host, returned)| {
            let name = envelope.client.name.as_ref();
            let reporter = Reporter {
                address: host,
                name,
            };
            let origin = reporter.origin(returned, |address| self.local.has_client(address))?;
            Some(origins::counted(&origin, host, returned))
        });
        let all = texts.into_iter().chain(origin.into_iter().flatten());
        let counted = all.filter(|(kind, _)| names || !kind.is_listed());
        let counts = counted.map(|(kind, text)| AttackCount {
            kind,
            domain: domain.to_owned(),
            fate,
            text,
        });
        counts.collect()
    }

    /// Whether a bounce to this recipient, of which this became, is one that samples are kept of: evidence against its
    /// sender. So it is none that proved to be ours, or could have with an answer that did not come.
    pub fn is_sample(&self, envelope: &Envelope, recipient: &Mailbox, verdict: &Verdict) -> bool {
        let notification = verdict.notification.as_ref();
        matches!(Fate::of(verdict), Fate::Refused | Fate::WouldRefuse)
            && !verdict.is_unanswered()
            && !verdict
                .proof
                .as_ref()
                .is_some_and(|outcome| is_ours(outcome) || outcome.is_unanswered())
            && self.bounced_to(envelope, recipient, notification).is_some()
    }
}

/// The network that is counted for a client: /24, or /48 of IPv6.
pub fn network(client: IpAddr) -> String {
    Network::around(client).to_string()
}

/// What was done, or would have been, and why; by which list, rule or pattern, where the file has few of them.
fn reason(verdict: &Verdict) -> String {
    let action = match verdict.reason {
        Reason::RefusedByMta { .. } => Action::Reject,
        _ => verdict.would.unwrap_or(verdict.action),
    };
    let code = verdict.reason.code();
    let of_few = matches!(
        verdict.reason,
        Reason::Dnsbl { .. }
            | Reason::Siege(UnderSiege::Listed { .. })
            | Reason::HeaderRule { .. }
            | Reason::Recipient {
                class: Class::Rule(_),
                ..
            }
    );
    match &verdict.by {
        Some(entry) if of_few => format!("{action} {code} by {entry}"),
        _ => format!("{action} {code}"),
    }
}

#[cfg(test)]
mod tests;
