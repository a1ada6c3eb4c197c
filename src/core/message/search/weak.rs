//! Weak evidence: what a stranger could have or guess as well.

use std::net::IpAddr;

use super::Search;
use crate::core::{
    address::{Domain, Mailbox},
    from_header::Claims,
    header::Headers,
    message::{Asked, Open},
    network::is_public,
    outside::Outside,
    proof::evidence::WeakEvidence,
    received::Hop,
    spf::SpfResult,
};

/// The most Received lines of a returned message that are read; Postfix calls 50 a loop (`hopcount_limit`).
const MAX_HOPS: usize = 50;
/// The most client addresses in them that SPF is asked about.
const MAX_CLIENTS: usize = 3;

impl Search<'_> {
    /// What can be said of the notification as a whole, and what did not answer of it.
    pub(super) fn weak(&self) -> Result<(WeakEvidence, Option<Outside>), Open> {
        let mut weak = WeakEvidence::default();
        let mut unanswered = None;
        for headers in self.returned() {
            let hops = headers.all("Received").take(MAX_HOPS);
            let hops: Vec<Hop> = hops.map(|header| Hop::read(&header.unfolded())).collect();
            weak.relay |= hops.iter().any(|hop| self.is_our_relay(hop));
            if !weak.spf {
                match self.spf_passes(headers, &hops)? {
                    Ok(passes) => weak.spf = passes,
                    Err(outside) => unanswered = Some(outside),
                }
            }
        }
        Ok((weak, unanswered.filter(|_| !weak.spf)))
    }

    fn is_our_relay(&self, hop: &Hop) -> bool {
        let local = &self.policy().local;
        let inside = |address: IpAddr| !address.is_loopback() && local.has_client(address);
        let ours = |name: &Vec<u8>| {
            let name = Domain::from_bytes(name);
            name.is_some_and(|name| local.has_host(&name))
        };
        hop.address.is_some_and(inside)
            || hop.helo.as_ref().is_some_and(ours)
            || hop.by.as_ref().is_some_and(ours)
    }

    fn spf_passes(&self, headers: &Headers, hops: &[Hop]) -> Asked<bool> {
        let local = &self.policy().local;
        let ours =
            |mailbox: &&Mailbox| mailbox.domain().is_some_and(|domain| local.is_ours(domain));
        let claims = Claims::of(headers);
        let Some(sender) = claims.addresses.iter().find(ours) else {
            return Ok(Ok(false));
        };
        let mut clients: Vec<IpAddr> = Vec::new();
        for client in hops.iter().filter_map(|hop| hop.address) {
            if is_public(client) && !clients.contains(&client) && clients.len() < MAX_CLIENTS {
                clients.push(client);
            }
        }
        let asked = clients.into_iter();
        let asked: Vec<_> = asked
            .map(|client| self.asker.spf_of_returned(client, sender))
            .collect();
        let mut passes = Ok(false);
        for result in asked {
            match result? {
                Ok(SpfResult::Pass) => return Ok(Ok(true)),
                Ok(SpfResult::Temperror) => passes = Err(Outside::Dns),
                Err(outside) => passes = Err(outside),
                Ok(_) => {}
            }
        }
        Ok(passes)
    }
}
