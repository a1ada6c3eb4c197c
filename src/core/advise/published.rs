//! What is wrong with what is published beside SPF: keys, DMARC, mail exchangers, names of hosts; and DNS lists.

use super::{
    Finding,
    dmarc::{Found, Published, Wish, read},
    facts::{Answer, DomainFacts, HostFacts, KeyFacts, KeyState, Purpose},
    text::{counted, quoted},
    traffic::posts,
};
use crate::core::{address::Domain, dnsbl::Listing, spf::SpfResult};

/// RFC 8301 section 3.2: signers should use this at least.
pub(super) const ENOUGH_BITS: usize = 2048;

/// Of DKIM keys.
pub(super) fn of_keys(facts: &DomainFacts) -> Vec<Finding> {
    const ABOUT: &str = "DKIM";
    let mut found: Vec<Finding> = facts.keys.iter().flat_map(of_key).collect();
    if facts.purpose == Purpose::NeverSends {
        return found;
    }
    let usable = |key: &KeyFacts| match &key.found {
        Ok(KeyState::Usable(key)) => Some(key.rsa_bits.is_some()),
        _ => None,
    };
    let kinds: Vec<bool> = facts.keys.iter().filter_map(usable).collect();
    if !kinds.is_empty() && !kinds.contains(&true) {
        found.push(Finding::wrong(
            ABOUT,
            "only Ed25519 keys were found, which many receivers can't verify; sign with an RSA key, too",
        ));
    }
    if facts.keys.is_empty() {
        found.push(Finding::note(
            ABOUT,
            "no selector is known: none was seen in outgoing mail, and a signature that is made after Backstop is not seen; name \
             it with `--selector`",
        ));
    }
    found
}

fn of_key(key: &KeyFacts) -> Vec<Finding> {
    let about = "DKIM";
    let selector = quoted(key.selector.as_bytes());
    let mail = match key.signed {
        Some(times) => format!("; {} left signed with it", counted(times, "message")),
        None => String::new(),
    };
    let wrong = |what: String| vec![Finding::wrong(about, what)];
    let key = match &key.found {
        Err(unanswered) => return vec![Finding::unanswered(about, &unanswered.why)],
        Ok(KeyState::Missing) => {
            return wrong(format!(
                "{selector}: no key is published{mail}, and nobody can verify that"
            ));
        }
        Ok(KeyState::Revoked) => {
            return match mail.is_empty() {
                true => vec![Finding::note(
                    about,
                    format!("{selector}: the key is revoked (`p=` is empty)"),
                )],
                false => wrong(format!(
                    "{selector}: the key is revoked (`p=` is empty){mail}"
                )),
            };
        }
        Ok(KeyState::Unusable(why)) => return wrong(format!("{selector}: {why}{mail}")),
        Ok(KeyState::Usable(key)) => key,
    };
    let mut found = Vec::new();
    if let Some(bits) = key.rsa_bits.filter(|bits| *bits < ENOUGH_BITS) {
        found.push(Finding::wrong(
            about,
            format!("{selector}: the RSA key has {bits} bits; make one of {ENOUGH_BITS} with a new selector (RFC 8301 section 3.2)"),
        ));
    }
    if key.testing {
        found.push(Finding::wrong(
            about,
            format!("{selector}: `t=y` says that you only test, and some receivers take no such signature for DMARC"),
        ));
    }
    if key.records > 1 {
        found.push(Finding::wrong(
            about,
            format!("{selector}: there are {} records, and receivers may take any of them (RFC 6376 section 3.6.2.2)", key.records),
        ));
    }
    found
}

/// What stands at `_dmarc` and the domain.
pub(super) fn own_dmarc(facts: &DomainFacts) -> Answer<Found> {
    match facts.dmarc.walk.first() {
        Some((_, texts)) => texts
            .as_ref()
            .map(|texts| read(texts))
            .map_err(Clone::clone),
        None => Ok(Found::Missing),
    }
}

/// The nearest record above, for a domain without one of its own.
pub(super) fn inherited(facts: &DomainFacts) -> Option<(&Domain, Published)> {
    let above = facts.dmarc.walk.iter().skip(1);
    above
        .filter_map(|(name, texts)| match read(texts.as_ref().ok()?) {
            Found::One(published) => Some((name, published)),
            _ => None,
        })
        .next()
}

/// Of DMARC.
pub(super) fn of_dmarc(facts: &DomainFacts) -> Vec<Finding> {
    const ABOUT: &str = "DMARC";
    let mut found = Vec::new();
    match own_dmarc(facts) {
        Err(unanswered) => found.push(Finding::unanswered(ABOUT, &unanswered.why)),
        Ok(Found::Missing) => found.push(match inherited(facts) {
            Some((name, above)) => Finding::note(
                ABOUT,
                format!(
                    "there is no record of its own; that of {name} holds (p={}, sp={})",
                    above.acts(),
                    above.acts_below()
                ),
            ),
            None => Finding::wrong(
                ABOUT,
                "there is no record: a forged From: is nobody's business, and nobody reports to you who forges it",
            ),
        }),
        Ok(Found::Broken(why, _)) => found.push(Finding::wrong(
            ABOUT,
            format!("what stands at _dmarc is no record, because {why} (RFC 9989 section 4.7)"),
        )),
        Ok(Found::Several(number)) => found.push(Finding::wrong(
            ABOUT,
            format!("there are {number} records, and receivers take none of them (RFC 9989 section 4.10.1)"),
        )),
        Ok(Found::One(published)) => {
            of_policy(&published, &mut found);
            let evidence = posts(facts).filter(|_| facts.purpose == Purpose::People);
            if let (Some(evidence), Wish::Reject) = (evidence, published.acts()) {
                found.push(Finding::wrong(
                    ABOUT,
                    format!("p=reject has posts of your users refused: {evidence} (RFC 9989 section 7.4)"),
                ));
            }
        }
    }
    let unread = facts.dmarc.walk.iter().skip(1);
    let unread = unread.filter_map(|(_, texts)| texts.as_ref().err());
    found.extend(unread.map(|unanswered| Finding::unanswered(ABOUT, &unanswered.why)));
    of_reports(facts, &mut found);
    found
}

fn of_policy(published: &Published, found: &mut Vec<Finding>) {
    const ABOUT: &str = "DMARC";
    let faults = published.faults.iter();
    found.extend(faults.map(|fault| Finding::wrong(ABOUT, fault.clone())));
    if published.testing {
        let acts = published.acts();
        let text = format!(
            "`t=y`: you only test, so receivers do as with p={acts} (RFC 9989 section 4.7)"
        );
        found.push(Finding::note(ABOUT, text));
    }
    if published.acts() == Wish::None {
        found.push(Finding::note(
            ABOUT,
            "p=none asks for nothing but reports: a forged From: is delivered as if it were yours",
        ));
    }
    if published.reports.is_empty() {
        found.push(Finding::wrong(
            ABOUT,
            "no `rua` that can be used: nobody reports to you who sends in your name",
        ));
    }
    let wish = published.wish.unwrap_or(Wish::None);
    if let Some(below) = published.below.filter(|below| *below < wish) {
        found.push(Finding::note(
            ABOUT,
            format!("sp={below} asks for less below the domain: forgers can use any name there"),
        ));
    }
    if let Some(nowhere) = published.nowhere.filter(|nowhere| *nowhere < wish) {
        found.push(Finding::wrong(
            ABOUT,
            format!("np={nowhere} asks for less where a name does not even exist: nothing of yours is sent there"),
        ));
    }
}

fn of_reports(facts: &DomainFacts, found: &mut Vec<Finding>) {
    const ABOUT: &str = "DMARC";
    let domain = &facts.domain;
    for target in &facts.dmarc.reports {
        let to = &target.domain;
        match &target.authorized {
            Some(Ok(false)) => found.push(Finding::wrong(
                ABOUT,
                format!(
                    "{to} does not say that it takes reports for {domain}, so none are sent there; its owner must publish \
                     `{domain}._report._dmarc.{to}` (RFC 9990 section 4)"
                ),
            )),
            Some(Err(unanswered)) => found.push(Finding::unanswered(ABOUT, &unanswered.why)),
            Some(Ok(true)) | None => {}
        }
        match &target.takes_mail {
            Ok(false) => found.push(Finding::wrong(
                ABOUT,
                format!("reports can't be delivered: {to} takes no mail"),
            )),
            Err(unanswered) => found.push(Finding::unanswered(ABOUT, &unanswered.why)),
            Ok(true) => {}
        }
    }
}

/// Of mail exchangers.
pub(super) fn of_mx(facts: &DomainFacts) -> Vec<Finding> {
    const ABOUT: &str = "MX";
    let exchanges = match &facts.mx {
        Err(unanswered) => return vec![Finding::unanswered(ABOUT, &unanswered.why)],
        Ok(exchanges) => exchanges,
    };
    let sends = facts.purpose != Purpose::NeverSends;
    let mut found = Vec::new();
    let is_null = exchanges.iter().any(|exchange| exchange.name.is_empty());
    if exchanges.is_empty() && sends {
        found.push(Finding::wrong(
            ABOUT,
            "there is no mail exchanger: bounces and complaints can't reach you, and some receivers refuse such senders",
        ));
    }
    if is_null && exchanges.len() > 1 {
        found.push(Finding::wrong(
            ABOUT,
            "the null MX (`0 .`) must stand alone (RFC 7505 section 3)",
        ));
    } else if is_null && sends {
        found.push(Finding::wrong(
            ABOUT,
            "the null MX (`0 .`) says that the domain takes no mail, and receivers refuse mail from it (RFC 7505 section 4.2)",
        ));
    }
    for exchange in exchanges
        .iter()
        .filter(|exchange| !exchange.name.is_empty())
    {
        let name = quoted(exchange.name.as_bytes());
        match &exchange.addresses {
            Ok(addresses) if addresses.is_empty() => {
                found.push(Finding::wrong(ABOUT, format!("{name} has no address")));
            }
            Err(unanswered) => found.push(Finding::unanswered(ABOUT, &unanswered.why)),
            Ok(_) => {}
        }
    }
    let unasked = facts
        .names
        .iter()
        .filter_map(|name| name.spf.as_ref().err());
    found.extend(unasked.map(|unanswered| Finding::unanswered(ABOUT, &unanswered.why)));
    found
}

/// Of the hosts that mail leaves by.
pub(super) fn of_hosts(facts: &DomainFacts) -> Vec<Finding> {
    const ABOUT: &str = "host";
    let mut found: Vec<Finding> = facts.hosts.iter().filter_map(of_names).collect();
    if facts.purpose != Purpose::NeverSends {
        // Without a record no host can pass; that is said of the record.
        let fails = facts
            .hosts
            .iter()
            .filter(|host| !matches!(host.spf, SpfResult::Pass | SpfResult::None));
        found.extend(fails.map(|host| match host.spf {
            SpfResult::Temperror => Finding::unanswered(ABOUT, &format!("SPF of {}", host.address)),
            result => Finding::wrong(
                ABOUT,
                format!(
                    "{} ({}): {result} by the published SPF record",
                    host.address, host.source
                ),
            ),
        }));
        let unknown = facts.unknown_hosts.iter();
        found.extend(unknown.map(|why| Finding::note(ABOUT, why.clone())));
    }
    found
}

/// Whether a name of the host leads back to it, as receivers want it.
fn of_names(host: &HostFacts) -> Option<Finding> {
    const ABOUT: &str = "host";
    let address = host.address;
    let names = match &host.names {
        Err(unanswered) => return Some(Finding::unanswered(ABOUT, &unanswered.why)),
        Ok(names) => names,
    };
    let shown: Vec<String> = names
        .iter()
        .map(|(name, _)| quoted(name.as_bytes()))
        .collect();
    if shown.is_empty() {
        return Some(Finding::wrong(
            ABOUT,
            format!(
                "{address} has no name (PTR): many receivers refuse mail from there; its provider sets it"
            ),
        ));
    }
    if names
        .iter()
        .any(|(_, leads_back)| matches!(leads_back, Ok(true)))
    {
        return None;
    }
    if let Some(unanswered) = names
        .iter()
        .find_map(|(_, leads_back)| leads_back.as_ref().err())
    {
        return Some(Finding::unanswered(ABOUT, &unanswered.why));
    }
    Some(Finding::wrong(
        ABOUT,
        format!(
            "{address} is called {}, and that name does not lead back to it: many receivers refuse that",
            shown.join(", ")
        ),
    ))
}

/// Of DNS lists.
pub(super) fn of_lists(facts: &DomainFacts) -> Vec<Finding> {
    const ABOUT: &str = "list";
    let listings = facts.listings.iter();
    listings
        .filter_map(|listed| match &listed.listing {
            Listing::NotListed => None,
            Listing::Listed(code) => Some(Finding::wrong(
                ABOUT,
                format!("{} stands on {} ({code})", listed.what, listed.zone),
            )),
            Listing::Unanswered(unanswered) => Some(Finding::unanswered(ABOUT, &unanswered.why)),
        })
        .collect()
}
