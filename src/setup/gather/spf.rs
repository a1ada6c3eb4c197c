//! Whether SPF covers the hosts that send mail for a domain that is relayed: asked of DNS for the clients of the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::super::{
    facts::{Class, FoundDomain},
    mail_log::Day,
    private::is_private,
};
use crate::{
    core::{
        address::{Domain, ReversePath},
        spf::SpfResult,
    },
    dns::{DnsSettings, Resolver},
    spf::{SpfQuery, check_mail_from},
};

/// The most clients of a domain that are checked.
const MAX_CLIENTS: usize = 10;
/// How long all checks may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The relay domains whose mail came from other hosts, with SPF passing for all of these.
pub(super) async fn covered(
    domains: &[FoundDomain],
    day: Option<&Day>,
    dns: &DnsSettings,
) -> BTreeSet<Domain> {
    let mut covered = BTreeSet::new();
    let (Some(day), Ok(resolver)) = (day, Resolver::new(dns)) else {
        return covered;
    };
    let deadline = Instant::now() + PATIENCE;
    for found in domains.iter().filter(|found| found.class == Class::Relay) {
        let clients = clients_of(&found.domain, day);
        let mut all_pass = !clients.is_empty();
        for client in clients {
            let sender = ReversePath::from_bytes(format!("postmaster@{}", found.domain).as_bytes());
            let query = SpfQuery {
                client,
                helo: b"",
                mail_from: &sender,
                now: SystemTime::now(),
                receiver: "",
                traced: false,
            };
            let lookup = resolver.budgeted(deadline);
            all_pass = all_pass && check_mail_from(&lookup, &query).await.result == SpfResult::Pass;
        }
        if all_pass {
            covered.insert(found.domain.clone());
        }
    }
    covered
}

/// Clients on the Internet whose mail had a sender in this domain.
fn clients_of(domain: &Domain, day: &Day) -> BTreeSet<IpAddr> {
    let sends = |pairs: &BTreeMap<(Domain, Domain), String>| {
        pairs.keys().any(|(sender, _)| sender == domain)
    };
    let clients = day
        .clients
        .iter()
        .filter(|(client, pairs)| !is_private(**client) && sends(pairs));
    clients
        .map(|(client, _)| *client)
        .take(MAX_CLIENTS)
        .collect()
}
