//! Who sent a message in our name, as a bounce that returns its headers says.
//!
//! A `Received` is believed as far as it is clear who wrote it. The top one was written by the host that bounced, or by one
//! of the same owner; the one below it by its client, if that is one of the same owner, too: an edge MX, amavis, a server
//! inside. The first client that is not is the origin. What stands below, the origin wrote itself, whatever it says.

use std::net::IpAddr;

use super::{
    address::Domain,
    header::Headers,
    network::{Network, is_public},
    received::{Hop, Through},
};

/// The most `Received` that are walked; Postfix calls 50 a loop (`hopcount_limit`).
const MAX_HOPS: usize = 50;

/// A host that sent a message in our name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its address.
    pub address: IpAddr,
    /// What it said in HELO.
    pub helo: Option<Vec<u8>>,
    /// Who says so.
    pub standing: Standing,
}

/// Whose word it is that a host is an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The host's that bounced: its name is that of the hosts which wrote the lines.
    Reported,
    /// Anybody's: it is not clear who wrote the lines.
    Claimed,
}

impl Standing {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Reported, Self::Claimed];

    /// The word in the store and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Claimed => "claimed",
        }
    }
}

/// The host that bounced, as the MTA saw it.
#[derive(Clone, Copy, Debug)]
pub struct Reporter<'a> {
    /// Its address.
    pub address: IpAddr,
    /// The name that leads to this address and back.
    pub name: Option<&'a Domain>,
}

impl Reporter<'_> {
    /// The origin of the message with these headers, which the reporter returned; `is_ours` says which addresses are those
    /// of our own hosts. None where the lines name no client outside.
    pub fn origin(&self, headers: &Headers, is_ours: impl Fn(IpAddr) -> bool) -> Option<Origin> {
        let lines = headers.all("Received").take(MAX_HOPS);
        let mut standing = None;
        for hop in lines.map(|line| Hop::read(&line.unfolded())) {
            if standing.is_none() && hop.by.is_some() {
                standing = Some(self.standing(&hop));
            }
            match hop.address {
                // Private addresses are those of the hosts that wrote the lines, whatever we use them for.
                Some(address)
                    if is_public(address) && (is_ours(address) || !self.owns(&hop, address)) => {}
                // A program of a user of that host, and no client.
                None if hop.through == Through::Submission => return None,
                // qmail's `invoked from network`, a step inside, or a host of the same owner.
                None | Some(_) => continue,
            }
            let standing = standing.unwrap_or(Standing::Claimed);
            return Some(Origin {
                address: hop.address?,
                // An inner host that its owner gives no such name calls itself so; and so do forgers.
                standing: match self.is_of_same_owner(hop.helo.as_deref()) {
                    true => Standing::Claimed,
                    false => standing,
                },
                helo: hop.helo,
            });
        }
        None
    }

    /// Whose word the lines are, by the first that says who wrote it.
    fn standing(&self, first: &Hop) -> Standing {
        match self.is_of_same_owner(first.by.as_deref()) {
            true => Standing::Reported,
            false => Standing::Claimed,
        }
    }

    /// Whether the client of a hop is a host of the same owner, so that the line below is its word.
    fn owns(&self, hop: &Hop, address: IpAddr) -> bool {
        let beside = Network::around(self.address).contains(address);
        let is_of_pool = |name: &[u8]| names_address(name, address);
        let name = hop.name.as_deref().filter(|name| !is_of_pool(name));
        beside || self.is_of_same_owner(name)
    }

    /// Whether a host of this name has the owner of the reporter: both names are below one that a registry gave away.
    fn is_of_same_owner(&self, name: Option<&[u8]>) -> bool {
        let registered = |name: &Domain| {
            let registered = psl::domain_str(name.as_str())?;
            registered.parse::<Domain>().ok()
        };
        let of_reporter = self.name.and_then(registered);
        let of_name = name.and_then(Domain::from_bytes);
        of_reporter.is_some() && of_name.as_ref().and_then(registered) == of_reporter
    }
}

/// Whether a name tells the address apart from its neighbours, as providers name the lines of their customers: these have
/// many owners. `4-113-0-203.dsl.provider.example` is one.
fn names_address(name: &[u8], address: IpAddr) -> bool {
    let IpAddr::V4(address) = address.to_canonical() else {
        return false;
    };
    let numbers = name.split(|byte| !byte.is_ascii_digit());
    let numbers: Vec<u8> = numbers
        .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .collect();
    let octets = address.octets();
    let [.., third, fourth] = octets;
    let hex = format!("{:08x}", u32::from(address));
    let has_hex = name
        .windows(hex.len())
        .any(|window| window.eq_ignore_ascii_case(hex.as_bytes()));
    has_hex || numbers.contains(&third) && numbers.contains(&fourth)
}

#[cfg(test)]
mod tests;
