//! Asks DNS what a domain publishes, and has the records that could come next tried.

use std::net::IpAddr;

use futures_util::future::{join, join_all};

use crate::{
    core::{
        address::Domain,
        advise::{
            Advice, Tried, advice, candidates,
            facts::{
                Answer, DmarcFacts, DomainFacts, Exchange, HostFacts, HostName, KeyFacts,
                ListingFacts, NotCounted, Purpose, ReportTarget, Sender, Traffic,
            },
            report_addresses,
            reported::Reported,
            survey::{Led, SpfTerm, TermKind},
        },
        dmarc::{self, Record, published},
        dnsbl::{Dnsbl, Listing},
        outside::Unanswered,
        spf::SpfResult,
    },
    dkim::published_key,
    dns::Blocklists,
    spf::{Lookup, check_domain, survey, try_record},
};

/// The most of each thing that is asked about.
const MOST: usize = 20;

/// What is known without DNS.
#[derive(Clone, Debug)]
pub struct Known {
    /// What the domain is used for.
    pub purpose: Purpose,
    /// Senders that its owner names.
    pub senders: Vec<Sender>,
    /// Selectors, and how many messages left signed with them.
    pub selectors: Vec<(String, Option<u64>)>,
    /// Hosts that mail leaves by, and who says so.
    pub hosts: Vec<(IpAddr, String)>,
    /// Why there may be others.
    pub unknown_hosts: Vec<String>,
    /// Where its owner wants reports to go.
    pub reports_to: Option<String>,
    /// `forgery.mailing_lists`.
    pub mailing_lists: Vec<String>,
    /// What was counted.
    pub mail: Result<Traffic, NotCounted>,
    /// What DMARC reports tell.
    pub reported: Result<Reported, NotCounted>,
}

/// DNS lists, and which of them are sane.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    /// Those of `milter.yaml`.
    pub lists: &'a [Dnsbl],
    /// What their tests found.
    pub tested: &'a Blocklists,
}

/// What is to be said of a domain.
pub async fn advise<L: Lookup>(
    domain: &Domain,
    known: Known,
    lists: Lists<'_>,
    lookup: &L,
) -> Advice {
    let mut facts = facts(domain, known, lookup).await;
    facts.listings = listings(&facts, lists, lookup).await;
    let tried = candidates(&facts).into_iter().map(|candidate| async {
        let text = candidate.text.as_bytes();
        let probes = candidate.probes.iter();
        let checks = probes.map(|probe| try_record(lookup, &candidate.domain, text, probe.client));
        let checks = join_all(checks).await;
        Tried { candidate, checks }
    });
    let tried = join_all(tried).await;
    advice(&facts, &tried)
}

/// What DNS says of a domain; no list is asked.
pub async fn facts<L: Lookup>(domain: &Domain, known: Known, lookup: &L) -> DomainFacts {
    let own = survey(lookup, domain);
    let (spf, walk) = join(own, dmarc_walk(domain, lookup)).await;
    let senders = join_all(known.senders.iter().map(|sender| term(sender, lookup))).await;
    let hosts =
        join_all(hosts(&known).map(|(address, source)| host(domain, address, source, lookup)));
    let keys = known
        .selectors
        .iter()
        .take(MOST)
        .map(|(selector, signed)| async {
            KeyFacts {
                selector: selector.clone(),
                signed: *signed,
                found: published_key(selector, domain, lookup).await,
            }
        });
    let (hosts, keys) = join(hosts, join_all(keys)).await;
    let reports = reports(domain, &walk, known.reports_to.as_deref(), lookup);
    let (reports, mx) = join(reports, exchanges(domain, lookup)).await;
    let names = names_of_hosts(domain, &mx, &hosts, lookup).await;
    DomainFacts {
        domain: domain.clone(),
        purpose: known.purpose,
        spf,
        dmarc: DmarcFacts { walk, reports },
        keys,
        mx,
        names,
        hosts,
        unknown_hosts: known.unknown_hosts,
        listings: Vec::new(),
        mail: known.mail,
        reported: known.reported,
        senders,
        reports_to: known.reports_to,
        mailing_lists: known.mailing_lists,
    }
}

/// Those that the MTA names, and each single address that the owner names.
fn hosts(known: &Known) -> impl Iterator<Item = (IpAddr, String)> {
    let named = known.senders.iter().filter_map(|sender| match sender {
        Sender::Hosts(network) => {
            let net = network.net();
            let is_one = net.prefix_len() == net.max_prefix_len();
            is_one.then(|| (net.addr(), "--sender".to_owned()))
        }
        Sender::Include(_) => None,
    });
    let of_mta = known
        .hosts
        .iter()
        .filter(|_| known.purpose != Purpose::NeverSends);
    let mut all: Vec<(IpAddr, String)> = Vec::new();
    for (address, source) in of_mta.cloned().chain(named) {
        if !all.iter().any(|(other, _)| *other == address) {
            all.push((address, source));
        }
    }
    all.into_iter().take(MOST)
}

async fn dmarc_walk<L: Lookup>(domain: &Domain, lookup: &L) -> Vec<(Domain, Answer<Vec<Vec<u8>>>)> {
    let asked = dmarc::names(domain).into_iter().map(|name| async {
        let texts = lookup.txt(&format!("_dmarc.{name}")).await;
        (name, texts)
    });
    join_all(asked).await
}

/// A sender as a term of a record.
async fn term<L: Lookup>(sender: &Sender, lookup: &L) -> SpfTerm {
    match sender {
        Sender::Hosts(network) => SpfTerm {
            text: network.to_string().into_bytes(),
            kind: TermKind::Network(network.net(), SpfResult::Pass),
        },
        Sender::Include(name) => {
            let found = match survey(lookup, name).await.records {
                Err(unanswered) => Led::Unanswered(unanswered),
                Ok(records) => {
                    let mut records = records.into_iter();
                    match (records.next(), records.next()) {
                        (Some(record), None) => Led::Record(record),
                        (None, _) => Led::NoRecord,
                        (Some(_), Some(_)) => Led::Several,
                    }
                }
            };
            SpfTerm {
                text: format!("include:{name}").into_bytes(),
                kind: TermKind::Leads {
                    redirect: false,
                    target: name.to_string(),
                    found,
                    result: SpfResult::Pass,
                },
            }
        }
    }
}

async fn host<L: Lookup>(
    domain: &Domain,
    address: IpAddr,
    source: String,
    lookup: &L,
) -> HostFacts {
    let names = async {
        let names = lookup.ptr(address).await?;
        let leads_back = names.into_iter().take(MOST).map(|name| async {
            let answer = match name.parse::<Domain>() {
                Ok(domain) => addresses(domain.as_str(), lookup).await,
                Err(_) => Ok(Vec::new()),
            };
            (name, answer.map(|found| found.contains(&address)))
        });
        Ok::<_, Unanswered>(join_all(leads_back).await)
    };
    let (names, check) = join(names, check_domain(lookup, domain, address)).await;
    HostFacts {
        address,
        source,
        names,
        spf: check.result,
    }
}

async fn addresses<L: Lookup>(name: &str, lookup: &L) -> Answer<Vec<IpAddr>> {
    let (v4, v6) = join(lookup.a(name), lookup.aaaa(name)).await;
    let v4 = v4?.into_iter().map(IpAddr::V4);
    Ok(v4.chain(v6?.into_iter().map(IpAddr::V6)).collect())
}

async fn exchanges<L: Lookup>(domain: &Domain, lookup: &L) -> Answer<Vec<Exchange>> {
    let mut records = lookup.mx(domain.as_str()).await?;
    records.sort_by(|one, other| {
        (one.preference, &one.exchange).cmp(&(other.preference, &other.exchange))
    });
    let exchanges = records.into_iter().take(MOST).map(|record| async move {
        let addresses = match record.exchange.parse::<Domain>() {
            Err(_) => Ok(Vec::new()),
            Ok(name) => addresses(name.as_str(), lookup).await,
        };
        Exchange {
            preference: record.preference,
            name: record.exchange.to_ascii_lowercase(),
            addresses,
        }
    });
    Ok(join_all(exchanges).await)
}

/// The names of hosts below the domain: of its exchangers, and of those that mail leaves by, where the name leads back.
async fn names_of_hosts<L: Lookup>(
    domain: &Domain,
    mx: &Answer<Vec<Exchange>>,
    hosts: &[HostFacts],
    lookup: &L,
) -> Vec<HostName> {
    let exchanges = mx.iter().flatten().map(|exchange| exchange.name.as_str());
    let of_hosts = hosts.iter().flat_map(|host| host.names.iter().flatten());
    let confirmed = of_hosts.filter(|(_, leads_back)| matches!(leads_back, Ok(true)));
    let mut names: Vec<Domain> = Vec::new();
    for text in exchanges.chain(confirmed.map(|(name, _)| name.as_str())) {
        let name = text.parse::<Domain>().ok();
        let below = name.filter(|name| name != domain && name.is_at_or_below(domain));
        names.extend(below.filter(|name| !names.contains(name)));
    }
    let asked = names.into_iter().take(MOST).map(|name| async {
        let spf = async { survey(lookup, &name).await.records.map(|found| found.len()) };
        let (addresses, spf) = join(addresses(name.as_str(), lookup), spf).await;
        HostName {
            addresses,
            spf,
            name,
        }
    });
    join_all(asked).await
}

/// Whether those who are to get reports take them.
async fn reports<L: Lookup>(
    domain: &Domain,
    walk: &[(Domain, Answer<Vec<Vec<u8>>>)],
    named: Option<&str>,
    lookup: &L,
) -> Vec<ReportTarget> {
    let own = walk.first().and_then(|(_, texts)| texts.as_ref().ok());
    let mut to = own.map(|texts| report_addresses(texts)).unwrap_or_default();
    to.extend(named.map(str::to_owned));
    let mut domains: Vec<Domain> = Vec::new();
    for address in &to {
        let target = address
            .rsplit('@')
            .next()
            .and_then(|name| name.parse().ok());
        domains.extend(target.filter(|target| !domains.contains(target)));
    }
    let organization = organization(domain, walk);
    let asked = domains.into_iter().take(MOST).map(|target| {
        let is_ours = target.is_at_or_below(&organization);
        async move {
            // RFC 9990 section 4: what the same organization runs needs no word of its own.
            let authorized = match is_ours {
                true => None,
                false => {
                    let name = format!("{domain}._report._dmarc.{target}");
                    let texts = lookup.txt(&name).await;
                    let says = |text: &Vec<u8>| text.starts_with(b"v=DMARC1");
                    Some(texts.map(|texts| texts.iter().any(says)))
                }
            };
            ReportTarget {
                authorized,
                takes_mail: takes_mail(&target, lookup).await,
                domain: target,
            }
        }
    });
    join_all(asked).await
}

/// The domain that stands for all of its owner's (RFC 9989 section 4.10.2); itself where nothing says another.
fn organization(domain: &Domain, walk: &[(Domain, Answer<Vec<Vec<u8>>>)]) -> Domain {
    let names: Vec<Domain> = walk.iter().map(|(name, _)| name.clone()).collect();
    let records = walk
        .iter()
        .map(|(_, texts)| Record::read(texts.as_ref().ok()?));
    let records: Vec<Option<Record>> = records.collect();
    published(&names, &records).map_or_else(|| domain.clone(), |found| found.organization)
}

/// RFC 5321 section 5.1: without MX records, the address of the domain itself; RFC 7505: the null MX is a no.
async fn takes_mail<L: Lookup>(domain: &Domain, lookup: &L) -> Answer<bool> {
    let exchanges = lookup.mx(domain.as_str()).await?;
    match exchanges.is_empty() {
        false => Ok(exchanges.iter().any(|mx| !mx.exchange.is_empty())),
        true => Ok(!addresses(domain.as_str(), lookup).await?.is_empty()),
    }
}

/// Asks the lists about the hosts; about the domain those that have domains (RFC 5782 section 2.2 and 5: such a list has an
/// entry for TEST, and none for INVALID).
async fn listings<L: Lookup>(
    facts: &DomainFacts,
    lists: Lists<'_>,
    lookup: &L,
) -> Vec<ListingFacts> {
    let Lists { lists, tested } = lists;
    let mut found = Vec::new();
    for host in &facts.hosts {
        let listings = tested.listings(lists, host.address, lookup).await;
        found.extend(
            lists
                .iter()
                .zip(listings)
                .map(|(list, listing)| ListingFacts {
                    what: host.address.to_string(),
                    zone: list.zone.clone(),
                    listing,
                }),
        );
    }
    for list in lists {
        let zone = &list.zone;
        let ask = async |what: &str| lookup.a(&format!("{what}.{zone}")).await;
        let is_listed = |answer: &Answer<Vec<_>>| {
            let listing = answer.as_ref().map(|found| list.listing(found));
            matches!(listing, Ok(Listing::Listed(_)))
        };
        let has_domains = is_listed(&ask("test").await) && !is_listed(&ask("invalid").await);
        if has_domains {
            let listing = match ask(facts.domain.as_str()).await {
                Ok(answers) => list.listing(&answers),
                Err(unanswered) => Listing::Unanswered(unanswered),
            };
            found.push(ListingFacts {
                what: facts.domain.to_string(),
                zone: zone.clone(),
                listing,
            });
        }
    }
    found
}
