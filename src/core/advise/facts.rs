//! What is known of a domain before anything is said of it: what DNS answered, or that it did not, and what was counted.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::core::{
    address::Domain,
    dnsbl::Listing,
    network::{Network, NetworkError},
    outside::Unanswered,
    spf::SpfResult,
};

use super::{
    reported::Reported,
    survey::{SpfSurvey, SpfTerm},
    text::{counted, quoted},
};

/// What DNS says to a question. No answer is not "there is none".
pub type Answer<T> = Result<T, Unanswered>;

/// All that is known of a domain.
#[derive(Clone, Debug)]
pub struct DomainFacts {
    /// The domain.
    pub domain: Domain,
    /// What it is used for, as its owner says.
    pub purpose: Purpose,
    /// Its SPF record, and those that it leads to.
    pub spf: SpfSurvey,
    /// Its DMARC record, and those above it.
    pub dmarc: DmarcFacts,
    /// Its DKIM keys, as far as their selectors are known.
    pub keys: Vec<KeyFacts>,
    /// Its mail exchangers.
    pub mx: Answer<Vec<Exchange>>,
    /// Names of hosts below it.
    pub names: Vec<HostName>,
    /// Hosts that its mail leaves by.
    pub hosts: Vec<HostFacts>,
    /// Why hosts that its mail leaves by may be missing there.
    pub unknown_hosts: Vec<String>,
    /// What DNS lists say of the hosts and of the domain.
    pub listings: Vec<ListingFacts>,
    /// What was counted of its mail.
    pub mail: Result<Traffic, NotCounted>,
    /// What DMARC reports say of its mail.
    pub reported: Result<Reported, NotCounted>,
    /// Senders that its owner names, as terms of a record.
    pub senders: Vec<SpfTerm>,
    /// Where its owner wants reports to go.
    pub reports_to: Option<String>,
    /// Mailing lists that its users write to, as `forgery.mailing_lists` has them.
    pub mailing_lists: Vec<String>,
}

/// What a domain is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// People write with it: to lists, and to addresses that forward.
    #[default]
    People,
    /// Only programs send with it: receipts, alerts.
    Transactional,
    /// Nothing is sent with it.
    NeverSends,
}

impl Purpose {
    /// One word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Transactional => "transactional",
            Self::NeverSends => "never_sends",
        }
    }
}

/// A sender that the owner names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Hosts, by address.
    Hosts(Network),
    /// The record that a service publishes for its hosts.
    Include(Domain),
}

/// Why a text names no sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotASender {
    /// An address or a network that is none.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Neither an address nor a name.
    #[error("`{}` names no sender; expected e.g. 192.0.2.7, 192.0.2.0/28 or include:_spf.service.example", .0.escape_debug())]
    Syntax(String),
    /// So many hosts are nobody's.
    #[error(
        "{0} is too large for the hosts of a sender; expected /8 or less of IPv4, /16 or less of IPv6"
    )]
    TooLarge(Network),
}

impl FromStr for Sender {
    type Err = NotASender;

    fn from_str(text: &str) -> Result<Self, NotASender> {
        let is_name = |name: &Domain| name.as_str().contains('.');
        let include = |name: &str| {
            let name = name.parse::<Domain>().ok().filter(is_name);
            name.map(Self::Include)
                .ok_or_else(|| NotASender::Syntax(text.to_owned()))
        };
        if let Some(name) = text.strip_prefix("include:") {
            return include(name);
        }
        let bare = ["ip4:", "ip6:"].iter();
        let bare = bare.filter_map(|prefix| text.strip_prefix(prefix)).next();
        let bare = bare.unwrap_or(text);
        let digits = bare.split('/').next().unwrap_or_default();
        if digits.parse::<IpAddr>().is_err() {
            return include(bare);
        }
        let network: Network = bare.parse()?;
        let (bits, least) = match network.net() {
            ipnet::IpNet::V4(v4) => (v4.prefix_len(), 8),
            ipnet::IpNet::V6(v6) => (v6.prefix_len(), 16),
        };
        match bits < least {
            true => Err(NotASender::TooLarge(network)),
            false => Ok(Self::Hosts(network)),
        }
    }
}

/// What is published for DMARC.
#[derive(Clone, Debug)]
pub struct DmarcFacts {
    /// The TXT records of `_dmarc` and each name that the tree walk asks, the domain's own first (RFC 9989 section 4.10).
    pub walk: Vec<(Domain, Answer<Vec<Vec<u8>>>)>,
    /// Where aggregate reports are to go.
    pub reports: Vec<ReportTarget>,
}

/// A domain that aggregate reports are to go to.
#[derive(Clone, Debug)]
pub struct ReportTarget {
    /// The domain of the address.
    pub domain: Domain,
    /// Whether it says that it takes them, for a domain of somebody else (RFC 9990 section 4); none where nobody asks that.
    pub authorized: Option<Answer<bool>>,
    /// Whether mail can be delivered there.
    pub takes_mail: Answer<bool>,
}

/// A DKIM key, by its selector.
#[derive(Clone, Debug)]
pub struct KeyFacts {
    /// The name before `._domainkey`.
    pub selector: String,
    /// How many messages left with a signature that names it; none where it was only named.
    pub signed: Option<u64>,
    /// What is published there.
    pub found: Answer<KeyState>,
}

/// What is published for a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// No record.
    Missing,
    /// `p=` is empty.
    Revoked,
    /// No signature verifies with it.
    Unusable(&'static str),
    /// A key.
    Usable(UsableKey),
}

/// A key that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsableKey {
    /// The length of an RSA key, in bits; none of an Ed25519 key.
    pub rsa_bits: Option<usize>,
    /// `t=y`: verifiers are to treat what is signed as if it were not.
    pub testing: bool,
    /// How many TXT records there are; one is right.
    pub records: usize,
    /// The record without `t=y`, where it has that; it was read again, and is a key.
    pub untested: Option<String>,
}

impl fmt::Display for KeyFacts {
    /// One line; printable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", quoted(self.selector.as_bytes()))?;
        match &self.found {
            Err(_) => f.write_str("could not be asked")?,
            Ok(KeyState::Missing) => f.write_str("none")?,
            Ok(KeyState::Revoked) => f.write_str("revoked")?,
            Ok(KeyState::Unusable(_)) => f.write_str("no key that can be used")?,
            Ok(KeyState::Usable(UsableKey { rsa_bits, .. })) => match rsa_bits {
                Some(bits) => write!(f, "RSA, {bits} bits")?,
                None => f.write_str("Ed25519")?,
            },
        }
        match self.signed {
            Some(times) => write!(f, "; {} signed", counted(times, "message")),
            None => Ok(()),
        }
    }
}

/// A mail exchanger.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The lower, the better.
    pub preference: u16,
    /// Its name; empty for the null MX of RFC 7505.
    pub name: String,
    /// Its addresses.
    pub addresses: Answer<Vec<IpAddr>>,
}

/// A name below the domain that is a host's: of an exchanger, or of one that mail leaves by.
#[derive(Clone, Debug)]
pub struct HostName {
    /// The name.
    pub name: Domain,
    /// Its addresses.
    pub addresses: Answer<Vec<IpAddr>>,
    /// How many SPF records it has.
    pub spf: Answer<usize>,
}

/// A host that mail leaves by.
#[derive(Clone, Debug)]
pub struct HostFacts {
    /// Its address.
    pub address: IpAddr,
    /// Who says so: `smtp_bind_address`, `--sender`.
    pub source: String,
    /// The names that the address maps back to, and whether each has that address.
    pub names: Answer<Vec<(String, Answer<bool>)>>,
    /// What the published SPF record says of it.
    pub spf: SpfResult,
}

/// What a DNS list says.
#[derive(Clone, Debug)]
pub struct ListingFacts {
    /// Who is asked about: an address, or the domain.
    pub what: String,
    /// The list.
    pub zone: Domain,
    /// What it says.
    pub listing: Listing,
}

/// What was counted of a domain's mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Over how many days, today included.
    pub days: u64,
    /// Outgoing messages.
    pub messages: u64,
    /// Those of them that had a DKIM signature of ours when Backstop saw them.
    pub signed: u64,
    /// Incoming messages that claim to be of the domain and that its own SPF does not vouch for, by who sends them.
    pub claims: Result<Vec<Claim>, NotCounted>,
    /// Posts of its users that came back from mailing lists, by the list's domain: the ledger has sent them there.
    pub posts: Vec<(String, u64)>,
}

/// Who sends with an address of ours, and is none of our hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The client.
    pub client: String,
    /// The domain in MAIL FROM, or `<>`.
    pub mail_from: String,
    /// Whether SPF passes for that domain, and it is not ours: somebody answers for what comes from there.
    pub answers_for_itself: bool,
    /// How many messages.
    pub messages: u64,
}

impl Claim {
    /// Whether MAIL FROM is in this domain.
    pub fn says(&self, domain: &Domain) -> bool {
        self.mail_from == domain.as_str()
    }
}

/// Why something is not known of a domain's mail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// Nothing counts.
    #[error("{0}")]
    Off(&'static str),
    /// The store could not be asked.
    #[error("the store could not be asked: {0}")]
    Unanswered(String),
}
