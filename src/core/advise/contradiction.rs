//! Where `forgery` of `milter.yaml`, or the hosts of this MTA, contradict what a domain of ours publishes: for `backstop
//! check`.

use super::{
    dmarc::{Found, Wish},
    facts::DomainFacts,
    published::own_dmarc,
    survey::{Broken, SpfRecord},
    text::quoted,
};
use crate::core::{forgery::Forgery, spf::SpfResult};

/// What contradicts what, and what to do. What did not answer contradicts nothing; [`unanswered`] has it.
pub fn contradictions(facts: &DomainFacts, forgery: &Forgery) -> Vec<String> {
    let mut found: Vec<String> = of_spf(facts, forgery).into_iter().collect();
    found.extend(of_hosts(facts));
    found.extend(of_dmarc(facts, forgery));
    found
}

/// What could not be asked.
pub fn unanswered(facts: &DomainFacts) -> Vec<String> {
    let spf = facts.spf.records.as_ref().err();
    let dmarc = facts
        .dmarc
        .walk
        .iter()
        .filter_map(|(_, texts)| texts.as_ref().err());
    let all = spf.into_iter().chain(dmarc);
    all.map(|unanswered| quoted(unanswered.why.as_bytes()))
        .collect()
}

fn of_spf(facts: &DomainFacts, forgery: &Forgery) -> Option<String> {
    let domain = &facts.domain;
    let action = forgery.mail_from.action;
    let refuses = action.acts();
    let records = facts.spf.records.as_deref().ok()?;
    let lost = format!(
        "mail with that MAIL FROM from outside gets `{action}`, your own services' too; see `backstop advise {domain}`"
    );
    match records {
        [] => refuses.then(|| {
            format!("forgery.mail_from is {action}, but {domain} publishes no SPF record that could vouch for anybody: {lost}")
        }),
        [record] => of_record(facts, record, forgery, &lost),
        _ => refuses.then(|| {
            format!("forgery.mail_from is {action}, but {domain} publishes several SPF records, which is an error: {lost}")
        }),
    }
}

fn of_record(
    facts: &DomainFacts,
    record: &SpfRecord,
    forgery: &Forgery,
    lost: &str,
) -> Option<String> {
    let domain = &facts.domain;
    let action = forgery.mail_from.action;
    let rule = forgery.mail_from;
    if let (Some(Broken::Error(why)), true) = (record.broken(), action.acts()) {
        let why = quoted(why.as_bytes());
        return Some(format!(
            "forgery.mail_from is {action}, but the SPF record of {domain} is broken ({why}): {lost}"
        ));
    }
    if record.passes_everybody() && !rule.accepts() {
        return Some(format!(
            "forgery.mail_from is {action}, and can find no forgery: the SPF record of {domain} lets everybody pass; see \
             `backstop advise {domain}`"
        ));
    }
    (rule.accepts() && record.rest() == SpfResult::Fail).then(|| {
        format!(
            "the SPF record of {domain} asks others to refuse a forged MAIL FROM (`-all`), but forgery.mail_from is accept; use \
             `reject`"
        )
    })
}

/// Our own mail must pass our own record.
fn of_hosts(facts: &DomainFacts) -> Vec<String> {
    let domain = &facts.domain;
    let fails = facts.hosts.iter().filter(|host| {
        let is_known = facts
            .spf
            .records
            .as_ref()
            .is_ok_and(|records| !records.is_empty());
        is_known && !matches!(host.spf, SpfResult::Pass | SpfResult::Temperror)
    });
    fails
        .map(|host| {
            format!(
                "mail leaves by {} ({}), and the SPF record of {domain} says {} of it; see `backstop advise {domain}`",
                host.address, host.source, host.spf
            )
        })
        .collect()
}

fn of_dmarc(facts: &DomainFacts, forgery: &Forgery) -> Option<String> {
    let domain = &facts.domain;
    let rule = forgery.header_from;
    let acts = match own_dmarc(facts).ok()? {
        Found::One(published) => published.acts(),
        Found::Missing if super::published::inherited(facts).is_none() => Wish::None,
        _ => return None,
    };
    if rule.accepts() && acts >= Wish::Quarantine {
        return Some(format!(
            "DMARC of {domain} asks others for p={acts}, but forgery.header_from is accept; use `tag` or `reject`"
        ));
    }
    (rule.action.acts() && !rule.monitor && acts == Wish::None).then(|| {
        format!(
            "forgery.header_from is {}, but DMARC of {domain} asks nobody else to act on a forged From:; see `backstop advise \
             {domain}`",
            rule.action
        )
    })
}
