//! Whom a report about an origin may accuse: a host that three networks name, which is surely no host of ours and no forwarder,
//! and of whose mail a bounce was kept. For each, the abuse desk is asked for, where `report.abuse_contacts` names a zone.

use std::net::IpAddr;

use super::{
    contacts::Contact,
    origins::{Origin, Origins},
    whose::{SpfAsker, Whose},
};
use crate::{
    config::Config,
    core::{
        attack::Sample, header::Headers, network::Network, origin::Reporter,
        pattern::DomainPattern, proof::returned, spf::SpfResult,
    },
};

/// How many networks have to name a host: one that lies can have two.
pub(super) const MIN_NETWORKS: usize = 3;
/// The maximum number of reports about origins.
const MAX_REPORTS: usize = 100;
/// The maximum number of domains of forwarders and mailing lists that are asked about each.
const MAX_FORWARDERS: usize = 10;

/// One report to write.
pub(super) struct Complaint<'a> {
    pub origin: &'a Origin,
    /// The kept bounce that returns its mail.
    pub sample: &'a Sample,
    /// The headers that it returned.
    pub returned: Vec<u8>,
    pub contact: Contact,
}

/// The reports to write, and why there is none about others.
#[derive(Default)]
pub(super) struct Complaints<'a> {
    pub reports: Vec<Complaint<'a>>,
    pub others: Vec<(IpAddr, String)>,
}

impl<'a> Complaints<'a> {
    /// Those about these origins.
    pub async fn of(config: &Config, origins: &'a Origins, samples: &'a [Sample]) -> Self {
        let mut complaints = Self::default();
        let mut found: Vec<(IpAddr, &Sample, Vec<u8>)> = Vec::new();
        for sample in samples.iter().rev() {
            found.extend(origin_of(config, sample).map(|(at, raw)| (at, sample, raw)));
        }
        let asker = SpfAsker::new(config);
        for origin in &origins.top {
            if complaints.reports.len() >= MAX_REPORTS {
                let why = format!("only {MAX_REPORTS} reports are written");
                complaints.others.push((origin.address, why));
                continue;
            }
            if let Some(why) = spared(config, asker.as_ref(), origin).await {
                complaints.others.push((origin.address, why));
                continue;
            }
            let Some(at) = found.iter().position(|(at, ..)| *at == origin.address) else {
                let why = "no kept sample returns mail of it".to_owned();
                complaints.others.push((origin.address, why));
                continue;
            };
            let (_, sample, returned) = found.swap_remove(at);
            complaints.reports.push(Complaint {
                origin,
                sample,
                returned,
                contact: Contact::of(config, asker.as_ref(), origin.address).await,
            });
        }
        complaints
    }
}

/// Who sent what a kept bounce returns, and the headers of that.
fn origin_of(config: &Config, sample: &Sample) -> Option<(IpAddr, Vec<u8>)> {
    let (headers, _) = Headers::parse(&sample.headers.0);
    let report = returned::read(&headers, &sample.body.0, sample.cut);
    let returned = report.returned.into_iter().next()?;
    let name = sample.name.as_ref().and_then(|name| name.parse().ok());
    let reporter = Reporter {
        address: sample.client,
        name: name.as_ref(),
    };
    let is_ours = |address| config.policy.local.has_client(address);
    let origin = reporter.origin(&returned.headers, is_ours)?;
    Some((origin.address, returned.raw))
}

/// Why a host is not accused; none where it is.
async fn spared(config: &Config, asker: Option<&SpfAsker>, origin: &Origin) -> Option<String> {
    let policy = &config.policy;
    let Origin {
        address,
        reporting_networks,
        whose,
        ..
    } = origin;
    if *whose != Whose::Stranger {
        return whose.words();
    }
    if *reporting_networks < MIN_NETWORKS {
        return Some(format!(
            "{reporting_networks} networks name it; {MIN_NETWORKS} have to"
        ));
    }
    let holds = |networks: &[Network]| networks.iter().any(|one| one.contains(*address));
    if policy.spf.forwarder_network(*address).is_some() {
        return Some("it is in spf.trusted_forwarders".to_owned());
    }
    if holds(&policy.exempt.clients) || holds(&policy.null_sender.exempt.clients) {
        return Some("it is exempt".to_owned());
    }
    // A list passes on posts of our users.
    let lists = policy.forgery.mailing_lists.iter();
    let lists = lists.map(|(DomainPattern::Itself(domain) | DomainPattern::Below(domain))| domain);
    let mut forwarders = policy.spf.forwarder_domains().chain(lists);
    for domain in forwarders.by_ref().take(MAX_FORWARDERS) {
        let result = match asker {
            Some(asker) => asker.check(*address, domain).await.result,
            None => SpfResult::Temperror,
        };
        match result {
            SpfResult::Pass => return Some(format!("it forwards for {domain}, as SPF says")),
            SpfResult::Temperror | SpfResult::Permerror => {
                return Some(format!(
                    "perhaps a forwarder: SPF of {domain} could not be asked"
                ));
            }
            _ => {}
        }
    }
    forwarders.next().map(|_| {
        format!("perhaps a forwarder: SPF of more than {MAX_FORWARDERS} domains is not asked")
    })
}
