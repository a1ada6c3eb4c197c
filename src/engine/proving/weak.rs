//! Weak evidence: what a stranger could have or guess as well.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use super::{Search, warn_of_store};
use crate::{
    core::{
        address::{Domain, Mailbox, ReversePath},
        from_header::Claims,
        header::Headers,
        proof::{
            self,
            evidence::{Outside, WeakEvidence},
            ledger::{Hash, Hashed, address, hashes},
        },
        received::Hop,
        spf::SpfResult,
    },
    dns::Budgeted,
    engine::Engine,
    observe::Warnings,
    spf::{self, SpfQuery},
    store::Unavailable,
};

/// The most Received lines of a returned message that are read; Postfix calls 50 a loop (`hopcount_limit`).
const MOST_HOPS: usize = 50;
/// The most client addresses in them that SPF is asked about.
const MOST_CLIENTS: usize = 3;

impl Engine {
    /// Whether the recipient of a bounce whose content is not looked at sent mail within the days that the ledger keeps.
    pub(in crate::engine) async fn sent_lately(
        &self,
        recipient: &Mailbox,
        now: u64,
        warnings: &Warnings,
    ) -> bool {
        self.sent_from(recipient, now)
            .await
            .unwrap_or_else(|unavailable| {
                warn_of_store(warnings, &unavailable);
                false
            })
    }

    /// Whether the ledger has mail that was sent from this very address.
    pub(in crate::engine) async fn sent_from(
        &self,
        address: &Mailbox,
        now: u64,
    ) -> Result<bool, Unavailable> {
        let (Some((senders, since)), Some(store)) = (self.senders(address, now), &self.store)
        else {
            return Ok(false);
        };
        let last = store.last_sent(senders).await?;
        Ok(last.is_some_and(|at| at >= since))
    }

    /// What the ledger has the recipient as, where he sent mail; and since when that counts.
    fn senders(&self, recipient: &Mailbox, now: u64) -> Option<(Vec<Hash>, u64)> {
        let settings = &self.policy.proof;
        let keep = settings.ledger.keep_days();
        let (today, sender) = (proof::today(now), address(recipient));
        let senders = || hashes(&settings.keys, Hashed::Sender, &sender, today, keep);
        let since = now.saturating_sub(keep * proof::DAY);
        settings.ledger.remember.then(|| (senders(), since))
    }
}

impl Search<'_> {
    /// What can be told of the notification as a whole, and what did not answer of it.
    pub(super) async fn weak(&self, lookup: &Budgeted) -> (WeakEvidence, Option<Outside>) {
        let mut weak = WeakEvidence::default();
        let mut unanswered = None;
        for headers in self.returned() {
            let hops = headers.all("Received").take(MOST_HOPS);
            let hops: Vec<Hop> = hops.map(|header| Hop::read(&header.unfolded())).collect();
            weak.relay |= hops.iter().any(|hop| self.is_our_relay(hop));
            if !weak.spf {
                match self.spf_passes(headers, &hops, lookup).await {
                    Ok(passes) => weak.spf = passes,
                    Err(outside) => unanswered = Some(outside),
                }
            }
        }
        (weak, unanswered.filter(|_| !weak.spf))
    }

    /// Whether the recipient sent mail within the days that the ledger keeps.
    pub(in crate::engine) async fn sent_lately(
        &self,
        recipient: &Mailbox,
    ) -> Result<bool, Outside> {
        let Some((senders, since)) = self.engine.senders(recipient, self.now) else {
            return Ok(false);
        };
        match self.ask(|store| store.last_sent(senders)).await {
            Some(Ok(last)) => Ok(last.is_some_and(|at| at >= since)),
            None if self.engine.store.is_none() => Ok(false),
            None | Some(Err(_)) => Err(Outside::Store),
        }
    }

    fn is_our_relay(&self, hop: &Hop) -> bool {
        let local = &self.engine.policy.local;
        let inside = |address: IpAddr| {
            let networks = &local.networks;
            !address.is_loopback() && networks.iter().any(|network| network.contains(address))
        };
        let ours = |name: &Vec<u8>| {
            let name = Domain::from_bytes(name);
            name.is_some_and(|name| local.has_host(&name))
        };
        hop.address.is_some_and(inside)
            || hop.helo.as_ref().is_some_and(ours)
            || hop.by.as_ref().is_some_and(ours)
    }

    async fn spf_passes(
        &self,
        headers: &Headers,
        hops: &[Hop],
        lookup: &Budgeted,
    ) -> Result<bool, Outside> {
        let local = &self.engine.policy.local;
        let ours =
            |mailbox: &&Mailbox| mailbox.domain().is_some_and(|domain| local.is_ours(domain));
        let claims = Claims::of(headers);
        let sender = claims.addresses.iter().find(ours).cloned();
        let Some(sender) = sender.map(ReversePath::Mailbox) else {
            return Ok(false);
        };
        let mut clients: Vec<IpAddr> = Vec::new();
        for client in hops.iter().filter_map(|hop| hop.address) {
            if is_public(client) && !clients.contains(&client) && clients.len() < MOST_CLIENTS {
                clients.push(client);
            }
        }
        let mut answer = Ok(false);
        for client in clients {
            if !self.asks_dns {
                return Err(Outside::Dns);
            }
            let query = SpfQuery {
                client,
                helo: b"",
                mail_from: &sender,
                now: SystemTime::UNIX_EPOCH + Duration::from_secs(self.now),
                receiver: "",
            };
            match spf::check_mail_from(lookup, &query).await.result {
                SpfResult::Pass => return Ok(true),
                SpfResult::Temperror => answer = Err(Outside::Dns),
                _ => {}
            }
        }
        answer
    }
}

/// Whether strangers could have this address: SPF records say nothing of others.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let carrier = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || carrier)
        }
        // RFC 4291 section 2.4, as allotted so far: 2000::/3.
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_mean_nothing_elsewhere_are_not_public() {
        for (address, public) in [
            ("192.0.2.1", true),
            ("100.63.0.1", true),
            ("100.128.0.1", true),
            ("100.64.0.1", false),
            ("10.0.0.1", false),
            ("172.31.0.1", false),
            ("192.168.0.1", false),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2001:db8::1", true),
            ("::1", false),
            ("fe80::1", false),
            ("fd00::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}
