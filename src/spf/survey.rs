//! Takes a domain's record apart, with all that it leads to, for `backstop advise`: what a check of one client never sees.

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
};

use futures_util::future::join;
use ipnet::IpNet;

use super::{
    Lookup,
    expansion::Values,
    limits::{DNS_TERMS, MX_NAMES},
    macros::MacroString,
    name::Name,
    question::in_order,
    record::{Asking, Directive, Mechanism, Prefixes, Record, is_record},
    target::expand,
};
use crate::core::{
    address::Domain,
    advise::{
        facts::Answer,
        survey::{Led, SpfRecord, SpfSurvey, SpfTerm, TermKind},
    },
    outside::Unanswered,
    spf::SpfResult,
};

/// How many terms that query DNS are followed: far more than a check may have, so that the report can say how many there are.
const MAX_FOLLOWED: usize = 4 * DNS_TERMS as usize;
/// How many records stand below one another.
const MAX_DEPTH: usize = DNS_TERMS as usize;
/// The most terms of a record that are looked at.
const MAX_TERMS: usize = 512;

/// What a domain publishes for SPF, and what that leads to.
pub async fn survey<L: Lookup>(lookup: &L, domain: &Domain) -> SpfSurvey {
    let name = Name::from_bytes(domain.as_str().as_bytes());
    let texts = match &name {
        Some(name) => lookup.txt(&name.question()).await,
        // 4.3: a single label has no record.
        None => Ok(Vec::new()),
    };
    let mut walk = Walk {
        lookup,
        followed: 0,
    };
    let mut survey = SpfSurvey {
        records: Ok(Vec::new()),
        near_misses: Vec::new(),
    };
    match (texts, name) {
        (Err(unanswered), _) => survey.records = Err(unanswered),
        (Ok(texts), Some(name)) => {
            let mut records = Vec::new();
            for text in &texts {
                if is_record(text) {
                    records.push(walk.record(&name, text, &[]).await);
                } else if is_nearly(text) {
                    survey.near_misses.push(text.clone());
                }
            }
            survey.records = Ok(records);
        }
        (Ok(_), None) => {}
    }
    survey
}

/// Whether somebody meant this as an SPF record: `v = spf1`, `"v=spf1 ...`, `v=spf1;`, `spf1 ...`.
fn is_nearly(text: &[u8]) -> bool {
    let letters = text.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let begin: Vec<u8> = letters.take(5).map(u8::to_ascii_lowercase).collect();
    begin == b"vspf1" || begin.starts_with(b"spf1")
}

struct Walk<'a, L> {
    lookup: &'a L,
    /// How many terms that query DNS were followed so far.
    followed: usize,
}

type Walked<'b> = Pin<Box<dyn Future<Output = SpfRecord> + Send + 'b>>;

impl<L: Lookup> Walk<'_, L> {
    /// Takes a record apart; `above` are the names of those that lead here.
    fn record<'b>(&'b mut self, name: &'b Name, text: &'b [u8], above: &'b [Name]) -> Walked<'b> {
        Box::pin(async move {
            let mut record = SpfRecord {
                name: name.as_str().to_owned(),
                text: text.to_vec(),
                terms: Vec::new(),
            };
            // What is wrong with the terms together, such as a second `redirect`, is found at the last one that adds to it.
            let mut so_far = b"v=spf1".to_vec();
            let terms = text.split(|&byte| byte == b' ').skip(1);
            for term in terms.filter(|term| !term.is_empty()).take(MAX_TERMS) {
                let before = so_far.len();
                so_far.extend_from_slice(b" ");
                so_far.extend_from_slice(term);
                let kind = match Record::parse(&so_far) {
                    Err(error) => {
                        so_far.truncate(before);
                        TermKind::Wrong(error.reason().to_owned())
                    }
                    Ok(_) => self.kind(name, term, above).await,
                };
                record.terms.push(SpfTerm {
                    text: term.to_vec(),
                    kind,
                });
            }
            record
        })
    }

    async fn kind(&mut self, name: &Name, term: &[u8], above: &[Name]) -> TermKind {
        let alone = [b"v=spf1 ".as_slice(), term].concat();
        let Ok(Record {
            directives,
            redirect,
            ..
        }) = Record::parse(&alone)
        else {
            return TermKind::Modifier;
        };
        if let Some(redirect) = redirect {
            return self
                .leads(name, (&redirect.target, true), SpfResult::Pass, above)
                .await;
        }
        match directives.into_iter().next() {
            None => TermKind::Modifier,
            Some(Directive {
                result, mechanism, ..
            }) => match mechanism {
                Mechanism::All => TermKind::All(result),
                Mechanism::Network(network) => TermKind::Network(network.trunc(), result),
                Mechanism::Asking(Asking::Ptr, _) => TermKind::Ptr,
                Mechanism::Asking(Asking::Exists, _) => TermKind::ByClient,
                Mechanism::Asking(Asking::Include, spec) => {
                    let spec = spec.unwrap_or(MacroString(Vec::new()));
                    self.leads(name, (&spec, false), result, above).await
                }
                Mechanism::Asking(asking @ (Asking::A(_) | Asking::Mx(_)), spec) => {
                    let target = match &spec {
                        None => Some(name.clone()),
                        Some(spec) => fixed(spec),
                    };
                    match target {
                        None => TermKind::ByClient,
                        Some(target) => TermKind::Hosts {
                            networks: self.networks(asking, &target).await,
                            name: target.question(),
                            result,
                        },
                    }
                }
            },
        }
    }

    async fn leads(
        &mut self,
        name: &Name,
        (spec, redirect): (&MacroString, bool),
        result: SpfResult,
        above: &[Name],
    ) -> TermKind {
        let Some(target) = fixed(spec) else {
            return TermKind::ByClient;
        };
        self.followed += 1;
        let above: Vec<Name> = above.iter().chain([name]).cloned().collect();
        let is_loop = above.iter().any(|above| above.is(&target));
        let found = if is_loop || above.len() > MAX_DEPTH || self.followed > MAX_FOLLOWED {
            Led::NotFollowed
        } else {
            match self.lookup.txt(&target.question()).await {
                Err(unanswered) => Led::Unanswered(unanswered),
                Ok(texts) => {
                    let records: Vec<_> = texts.iter().filter(|text| is_record(text)).collect();
                    match records.as_slice() {
                        [] => Led::NoRecord,
                        [text] => Led::Record(self.record(&target, text, &above).await),
                        _ => Led::Several,
                    }
                }
            }
        };
        TermKind::Leads {
            redirect,
            target: target.question(),
            found,
            result,
        }
    }

    /// The networks that `a` and `mx` stand for.
    async fn networks(&mut self, asking: Asking, target: &Name) -> Answer<Vec<IpNet>> {
        self.followed += 1;
        if self.followed > MAX_FOLLOWED {
            return Err(Unanswered::dns(
                "not asked: the record leads to too many names",
            ));
        }
        match asking {
            Asking::A(prefixes) => self.addresses(target, prefixes).await,
            Asking::Mx(prefixes) => {
                let exchanges = self.lookup.mx(&target.question()).await?;
                let mut networks = Vec::new();
                for exchange in in_order(exchanges).take(MX_NAMES) {
                    networks.extend(self.addresses(&exchange, prefixes).await?);
                }
                Ok(networks)
            }
            Asking::Include | Asking::Ptr | Asking::Exists => Ok(Vec::new()),
        }
    }

    async fn addresses(&self, name: &Name, prefixes: Prefixes) -> Answer<Vec<IpNet>> {
        let name = name.question();
        let (v4, v6) = join(self.lookup.a(&name), self.lookup.aaaa(&name)).await;
        let v4 = v4?.into_iter().map(IpAddr::V4);
        let all = v4.chain(v6?.into_iter().map(IpAddr::V6));
        let networks = all.filter_map(|address| IpNet::new(address, prefixes.of(address)).ok());
        Ok(networks.map(|network| network.trunc()).collect())
    }
}

/// The name that a `domain-spec` without macros means; none where it depends on the client, or is no name.
fn fixed(spec: &MacroString) -> Option<Name> {
    if spec.has_macros() {
        return None;
    }
    let nobody = Values {
        local: b"",
        sender_domain: b"",
        domain: b"",
        client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        helo: b"",
        validated_name: b"",
        receiver: b"",
        now: 0,
    };
    expand(spec, &nobody).ok()
}
