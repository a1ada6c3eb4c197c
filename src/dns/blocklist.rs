//! Asks DNS lists about clients, and tests the lists themselves: a list that is dead, or lists everybody, is not
//! believed until it answers sanely again.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::join_all;
use tokio::time::Instant;

use super::Resolver;
use crate::{
    core::{
        address::Domain,
        dnsbl::{Dnsbl, Listing},
        outside::Unanswered,
    },
    spf::Lookup,
};

/// RFC 5782 section 5: 127.0.0.2 is on every list, 127.0.0.1 on none, and neither is ::FFFF:7F00:1. Nobody asks
/// whether ::FFFF:7F00:2 is listed: a list without IPv6 entries is as good as any.
const TEST_POINTS: [(IpAddr, bool); 3] = [
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), true),
    (IpAddr::V4(Ipv4Addr::LOCALHOST), false),
    (IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()), false),
];

/// The lists, and what their last self-test found.
#[derive(Debug, Default)]
pub struct Blocklists(Mutex<HashMap<Domain, BlocklistHealth>>);

/// What a self-test found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlocklistHealth {
    /// It knows its test points.
    Sane,
    /// It does not know them; the text says how it fails.
    Off(String),
}

impl Blocklists {
    /// Asks all the lists about one client at once; the answers are in the order of the lists. A list that failed its
    /// self-test, or had none yet, is not asked.
    pub async fn listings(
        &self,
        lists: &[Dnsbl],
        client: IpAddr,
        lookup: &impl Lookup,
    ) -> Vec<Listing> {
        join_all(lists.iter().map(|list| async move {
            match self.health(&list.zone) {
                Some(BlocklistHealth::Sane) => match lookup.a(&list.question(client)).await {
                    Ok(addresses) => list.listing(&addresses),
                    Err(unanswered) => Listing::Unanswered(unanswered),
                },
                Some(BlocklistHealth::Off(why)) => {
                    Listing::Unanswered(Unanswered::dns(format!("{} is off: {why}", list.zone)))
                }
                None => Listing::Unanswered(Unanswered::dns(format!(
                    "{} has not been tested yet",
                    list.zone
                ))),
            }
        }))
        .await
    }

    /// Tests every list, and gives a line for the log for each that went off or came back since the last test. A list
    /// that stays off for another reason gives none.
    pub async fn self_test(&self, lists: &[Dnsbl], resolver: &Resolver) -> Vec<String> {
        let lookup = resolver.budgeted(Instant::now() + resolver.budget());
        let found = join_all(lists.iter().map(|list| tested(list, &lookup))).await;
        let mut known = self.lock();
        let mut changes = Vec::new();
        for (list, health) in lists.iter().zip(found) {
            let zone = &list.zone;
            let was_off = matches!(known.get(zone), Some(BlocklistHealth::Off(_)));
            match &health {
                BlocklistHealth::Off(why) if !was_off => changes.push(format!(
                    "dnsbl {zone} is off until it answers sanely: {why}"
                )),
                BlocklistHealth::Sane if was_off => {
                    changes.push(format!("dnsbl {zone} is on again"))
                }
                BlocklistHealth::Off(_) | BlocklistHealth::Sane => {}
            }
            known.insert(zone.clone(), health);
        }
        changes
    }

    /// Whether one of these lists failed its last self-test.
    pub fn any_off(&self, lists: &[Dnsbl]) -> bool {
        let known = self.lock();
        lists
            .iter()
            .any(|list| matches!(known.get(&list.zone), Some(BlocklistHealth::Off(_))))
    }

    /// What the last self-test of a list found; none before the first.
    pub fn health(&self, zone: &Domain) -> Option<BlocklistHealth> {
        self.lock().get(zone).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Domain, BlocklistHealth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tested(list: &Dnsbl, lookup: &impl Lookup) -> BlocklistHealth {
    // Whether a list can be believed does not depend on the codes that count here.
    let any_code = Dnsbl {
        codes: Vec::new(),
        ..list.clone()
    };
    for (point, must_be_listed) in TEST_POINTS {
        let answers = match lookup.a(&list.question(point)).await {
            Ok(answers) => answers,
            Err(unanswered) => return BlocklistHealth::Off(unanswered.why),
        };
        match (any_code.listing(&answers), must_be_listed) {
            (Listing::NotListed, true) => {
                return BlocklistHealth::Off(format!(
                    "it does not list {point}, which every list must"
                ));
            }
            (Listing::Listed(_), false) => {
                return BlocklistHealth::Off(format!("it lists {point}, which no list must"));
            }
            (Listing::Unanswered(unanswered), _) => return BlocklistHealth::Off(unanswered.why),
            (Listing::Listed(_), true) | (Listing::NotListed, false) => {}
        }
    }
    BlocklistHealth::Sane
}
