//! Who sent in our name, by those who bounced: what is counted of an origin, and what all of it says together.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use sha2::{Digest, Sha256};

use super::{AttackCount, AttackKind, MIN_NAMED};
use crate::core::{
    header::Headers,
    network::Network,
    origin::{Origin, Standing},
    printable::shortened,
};

/// The longest HELO name that is counted, in characters.
const MAX_HELO: usize = 64;
/// How many octets of the hash of a subject tell campaigns apart.
const CAMPAIGN: usize = 6;
/// The most different HELO names and campaigns that are kept of an origin.
const MAX_PARTICULARS: usize = 100;

/// What is counted of an origin that a host at this address reported: the texts of [`AttackKind::Origin`],
/// [`AttackKind::OriginHelo`] and [`AttackKind::OriginCampaign`].
pub(super) fn counted(
    origin: &Origin,
    reporter: IpAddr,
    headers: &Headers,
) -> Vec<(AttackKind, String)> {
    let address = origin.address;
    let standing = origin.standing.as_str();
    let reporter = Network::around(reporter);
    let helo = origin.helo.as_ref().filter(|helo| !helo.is_empty());
    let helo = helo.map(|helo| format!("{address} {}", shortened(helo, MAX_HELO)));
    let subject = headers.first("Subject");
    let campaign = subject.map(|subject| format!("{address} {}", campaign(&subject.text())));
    let texts = [
        (
            AttackKind::Origin,
            Some(format!("{address} {standing} {reporter}")),
        ),
        (AttackKind::OriginHelo, helo),
        (AttackKind::OriginCampaign, campaign),
    ];
    let there = texts.into_iter();
    there
        .filter_map(|(kind, text)| Some((kind, text?)))
        .collect()
}

/// What tells a campaign from others: the subject, without the digits and blanks that spammers vary.
fn campaign(subject: &str) -> String {
    let varied = |c: &char| c.is_ascii_digit() || c.is_whitespace();
    let subject: String = subject.chars().filter(|c| !varied(c)).collect();
    let hash = Sha256::digest(subject.to_lowercase().as_bytes());
    hash.iter()
        .take(CAMPAIGN)
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// What is known of one origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginTally {
    /// The bounces that name it, by whose word that is.
    standings: BTreeMap<Standing, u64>,
    /// The networks of the hosts that bounced, with their bounces.
    reporters: BTreeMap<String, u64>,
    /// What it said in HELO.
    helos: BTreeMap<String, u64>,
    /// The hashes of the subjects of what it sent.
    campaigns: BTreeMap<String, u64>,
    /// The domains of ours that it forged, as `local.domains` has them.
    domains: BTreeSet<String>,
}

impl OriginTally {
    /// How many bounces name it.
    pub fn bounces(&self) -> u64 {
        let standings = self.standings.values();
        standings.fold(0, |sum, times| sum.saturating_add(*times))
    }

    /// How many of these are of this standing.
    pub fn of(&self, standing: Standing) -> u64 {
        self.standings.get(&standing).copied().unwrap_or_default()
    }

    /// How many networks have hosts that name it, each independent of the others.
    pub fn reporters(&self) -> usize {
        self.reporters.len()
    }

    /// What it said in HELO most often.
    pub fn helo(&self) -> Option<&str> {
        let most = self.helos.iter().max_by_key(|(_, times)| **times);
        most.map(|(helo, _)| helo.as_str())
    }

    /// The domains of ours that it forged, as `local.domains` has them; 100 at most.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().map(String::as_str)
    }

    /// How many different subjects it used, 100 at most.
    pub fn campaigns(&self) -> usize {
        self.campaigns.len()
    }
}

/// All origins of some hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    named: HashMap<IpAddr, OriginTally>,
    /// The bounces whose origins were too many to be named.
    pub others: u64,
}

impl Origins {
    /// Those of which most networks say so, the first before the others; of like many those with more bounces.
    pub fn top(&self) -> Vec<(IpAddr, &OriginTally)> {
        let mut all: Vec<_> = self.named.iter().map(|(at, tally)| (*at, tally)).collect();
        // What was counted apart from the origin itself, which was too many in its hour.
        all.retain(|(_, tally)| tally.bounces() > 0);
        all.sort_unstable_by_key(|(address, tally)| {
            (
                Reverse(tally.reporters()),
                Reverse(tally.bounces()),
                *address,
            )
        });
        all
    }

    /// Adds what was counted so often.
    pub(super) fn add(&mut self, count: &AttackCount, times: u64) {
        let kind = count.kind;
        let Some((address, rest)) = count.text.split_once(' ') else {
            if kind == AttackKind::Origin {
                self.others = self.others.saturating_add(times);
            }
            return;
        };
        let Ok(address) = address.parse() else {
            return;
        };
        if self.named.len() >= MIN_NAMED && !self.named.contains_key(&address) {
            if kind == AttackKind::Origin {
                self.others = self.others.saturating_add(times);
            }
            return;
        }
        let tally = self.named.entry(address).or_default();
        match kind {
            AttackKind::OriginHelo => add(&mut tally.helos, rest, times),
            AttackKind::OriginCampaign => add(&mut tally.campaigns, rest, times),
            _ => {
                let Some((standing, reporter)) = rest.split_once(' ') else {
                    return;
                };
                let mut all = Standing::ALL.into_iter();
                let Some(standing) = all.find(|one| one.as_str() == standing) else {
                    return;
                };
                let sum = tally.standings.entry(standing).or_default();
                *sum = sum.saturating_add(times);
                let sum = tally.reporters.entry(reporter.to_owned()).or_default();
                *sum = sum.saturating_add(times);
                if tally.domains.len() < MAX_PARTICULARS {
                    tally.domains.insert(count.domain.clone());
                }
            }
        }
    }
}

fn add(particulars: &mut BTreeMap<String, u64>, one: &str, times: u64) {
    if particulars.len() < MAX_PARTICULARS || particulars.contains_key(one) {
        let sum = particulars.entry(one.to_owned()).or_default();
        *sum = sum.saturating_add(times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::attack::Fate;

    fn origins(rows: &[(AttackKind, &str, u64)]) -> Origins {
        let mut origins = Origins::default();
        for (kind, text, times) in rows {
            origins.add(&count(*kind, text), *times);
        }
        origins
    }

    fn count(kind: AttackKind, text: &str) -> AttackCount {
        AttackCount {
            kind,
            domain: "example.org".to_owned(),
            fate: Fate::Refused,
            text: text.to_owned(),
        }
    }

    #[test]
    fn independent_reporters_count_more_than_bounces() {
        use AttackKind::{Origin, OriginCampaign, OriginHelo};
        let origins = origins(&[
            (Origin, "203.0.113.9 reported 198.51.100.0/24", 2),
            (Origin, "203.0.113.9 reported 192.0.2.0/24", 1),
            (Origin, "203.0.113.9 claimed 192.0.2.0/24", 4),
            (Origin, "203.0.113.77 reported 198.51.100.0/24", 900),
            (OriginHelo, "203.0.113.9 pc.bot.example", 2),
            (OriginHelo, "203.0.113.9 other", 5),
            (OriginCampaign, "203.0.113.9 a1b2c3", 7),
            (Origin, "", 12),
            (OriginHelo, "", 12),
            // Too many in its hour, so that only this was counted of it.
            (OriginHelo, "203.0.113.200 x", 1),
            // Of another version.
            (Origin, "nonsense reported 192.0.2.0/24", 1),
            (Origin, "203.0.113.201 rumoured 192.0.2.0/24", 1),
        ]);
        let top = origins.top();
        let told: Vec<_> = top
            .iter()
            .map(|(address, tally)| (address.to_string(), tally.reporters(), tally.bounces()))
            .collect();
        let expected = [("203.0.113.9", 2, 7), ("203.0.113.77", 1, 900)];
        let expected = expected.map(|(at, networks, times)| (at.to_owned(), networks, times));
        assert_eq!(told, expected);
        let bot = top[0].1;
        assert_eq!(
            (bot.of(Standing::Reported), bot.of(Standing::Claimed)),
            (3, 4)
        );
        assert_eq!((bot.helo(), bot.campaigns()), (Some("other"), 1));
        assert_eq!(bot.domains().collect::<Vec<_>>(), ["example.org"]);
        assert_eq!(origins.others, 12);
    }

    #[test]
    fn a_campaign_is_its_subject_without_what_varies() {
        assert_eq!(campaign("Invoice 4711"), campaign("INVOICE  9"));
        assert_ne!(campaign("Invoice"), campaign("Pills"));
        assert_eq!(campaign("").len(), 2 * CAMPAIGN);
    }

    #[test]
    fn what_is_kept_of_it_is_bounded() {
        let mut origins = Origins::default();
        for number in 0..1_000 {
            let text = format!("203.0.113.9 name{number}");
            origins.add(&count(AttackKind::OriginHelo, &text), 1);
        }
        let tally = &origins.named[&"203.0.113.9".parse::<IpAddr>().unwrap()];
        assert_eq!(tally.helos.len(), MAX_PARTICULARS);
    }
}
