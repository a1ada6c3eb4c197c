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

mod names;

/// The most `Received` that are walked: no owner has as many hosts in a row, and strangers choose how many there are. Each
/// costs half a microsecond, and 20 are what an origin may cost.
const MAX_HOPS: usize = 30;

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

/// What the next line is, by the client of this one.
enum Below {
    /// The word of a host of the same owner.
    Owned,
    /// That of a host that seems to be one.
    Perhaps,
    /// The client's own word.
    Stranger,
}

/// Whether the lines so far are those of the host that bounced.
#[derive(Default)]
struct Clarity {
    /// One of them has its owner's name.
    named: bool,
    /// One has another name, or it was not clear whose it is.
    doubted: bool,
}

impl Reporter<'_> {
    /// The origin of the message with these headers, which the reporter returned; `is_ours` says which addresses are those
    /// of our own hosts. None where the lines name no client outside.
    pub fn origin(&self, headers: &Headers, is_ours: impl Fn(IpAddr) -> bool) -> Option<Origin> {
        let lines = headers.all("Received").take(MAX_HOPS);
        let mut clarity = Clarity::default();
        for hop in lines.map(|line| Hop::read(&line.unfolded())) {
            self.weigh(&hop, &mut clarity);
            match self.below(&hop, &is_ours)? {
                Below::Owned => {}
                Below::Perhaps => clarity.doubted = true,
                Below::Stranger => return self.found(hop, &clarity),
            }
        }
        None
    }

    /// Looks at who wrote a line, by the name that it gives itself.
    fn weigh(&self, hop: &Hop, clarity: &mut Clarity) {
        let Some(by) = hop.by.as_deref().filter(|by| !names::is_internal(by)) else {
            return;
        };
        match self.is_of_same_owner(Some(by)) {
            true => clarity.named = true,
            false => clarity.doubted = true,
        }
    }

    /// Whose word the next line is; none where this line does not say whom the message came from.
    fn below(&self, hop: &Hop, is_ours: &impl Fn(IpAddr) -> bool) -> Option<Below> {
        let address = match (hop.through, hop.address) {
            // A program of a user of that host, and no client.
            (Through::Submission, _) => return None,
            // qmail's `invoked from network`, or a step inside.
            (Through::Delivery, None) => return Some(Below::Owned),
            // What was fetched was written by who kept it until then.
            (Through::Delivery, Some(address)) => {
                let inside = !is_public(address) || self.owns(hop, address);
                return Some(if inside { Below::Owned } else { Below::Perhaps });
            }
            // What it called itself is all that is left, and anybody can call itself so.
            (Through::Smtp, None) => {
                let helo = hop.helo.as_deref()?;
                let inside = names::is_internal(helo) || self.is_of_same_owner(Some(helo));
                return inside.then_some(Below::Perhaps);
            }
            (Through::Smtp, Some(address)) => address,
        };
        Some(match address {
            // Those of the hosts that wrote the lines, whatever we use them for.
            _ if !is_public(address) => Below::Owned,
            _ if is_ours(address) => Below::Stranger,
            _ if self.owns(hop, address) => Below::Owned,
            _ if self.is_beside(hop, address) || self.is_inside(hop, address) => Below::Perhaps,
            _ => Below::Stranger,
        })
    }

    /// The client of a hop as the origin.
    fn found(&self, hop: Hop, clarity: &Clarity) -> Option<Origin> {
        let address = hop.address?;
        let name = hop.name.as_deref();
        let name = name.filter(|name| !names::tells_apart(name, address));
        // An inner host that its owner gives no such name calls itself so; and so do forgers. A host with a number may be rented.
        let calls_itself_so =
            self.is_of_same_owner(hop.helo.as_deref()) || self.is_of_same_owner(name);
        let is_clear = clarity.named && !clarity.doubted && !calls_itself_so;
        Some(Origin {
            address,
            helo: hop.helo,
            standing: match is_clear {
                true => Standing::Reported,
                false => Standing::Claimed,
            },
        })
    }

    /// Whether the client of a hop is surely a host of the same owner: by its name, or because it is the reporter itself.
    fn owns(&self, hop: &Hop, address: IpAddr) -> bool {
        let rented = |name: &&[u8]| names::tells_apart(name, address) || names::is_numbered(name);
        let name = hop.name.as_deref().filter(|name| !rented(name));
        address == self.address.to_canonical() || self.is_of_same_owner(name)
    }

    /// Whether it is a neighbour that may be one: of the same network, and no customer's line.
    fn is_beside(&self, hop: &Hop, address: IpAddr) -> bool {
        let name = hop.name.as_deref();
        let is_line = name.is_some_and(|name| names::tells_apart(name, address));
        Network::around(self.address).contains(address) && !is_line
    }

    /// Whether it calls itself a host of the same owner, and is near to the host that says so: large providers have public
    /// addresses inside, and Exchange writes no name that was looked up.
    fn is_inside(&self, hop: &Hop, address: IpAddr) -> bool {
        let is_near = hop.by_address.is_some_and(|by| are_near(by, address));
        is_near && self.is_of_same_owner(hop.helo.as_deref())
    }

    /// Whether a host of this name has the owner of the reporter: both names are below one that a registry gave away.
    fn is_of_same_owner(&self, name: Option<&[u8]>) -> bool {
        let of_reporter = self.name.and_then(names::registered);
        let of_name = name.and_then(Domain::from_bytes);
        of_reporter.is_some() && of_name.as_ref().and_then(names::registered) == of_reporter
    }
}

/// Whether addresses are likely of one large provider: /16, and /24 of IPv6.
fn are_near(one: IpAddr, other: IpAddr) -> bool {
    match (one.to_canonical(), other.to_canonical()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.octets()[..2] == other.octets()[..2],
        (IpAddr::V6(one), IpAddr::V6(other)) => one.octets()[..3] == other.octets()[..3],
        _ => false,
    }
}

#[cfg(test)]
mod tests;
