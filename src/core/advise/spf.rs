//! What is wrong with a domain's SPF record, for all clients at once.

use super::{
    Finding,
    facts::{DomainFacts, Purpose},
    survey::{Broken, Led, SpfRecord, SpfTerm, TermKind},
    text::quoted,
};
use crate::core::spf::SpfResult;

/// RFC 7208 section 4.6.4.
pub(super) const MAX_DNS_TERMS: usize = 10;
pub(super) const MAX_VOIDS: usize = 2;
/// RFC 7208 section 3.4: an answer of more than 512 octets may get lost on its way; the name and the other TXT records of
/// the domain take their part of it.
const MAX_OCTETS: usize = 450;
/// Mechanisms that somebody may write as modifiers.
const MECHANISMS: [&str; 6] = ["ip4", "ip6", "include", "a", "mx", "exists"];

const ABOUT: &str = "SPF";

/// What is wrong, or worth knowing.
pub(super) fn findings(facts: &DomainFacts) -> Vec<Finding> {
    let survey = &facts.spf;
    let mut found = Vec::new();
    let records = match &survey.records {
        Err(unanswered) => return vec![Finding::unanswered(ABOUT, &unanswered.why)],
        Ok(records) => records,
    };
    for text in &survey.near_misses {
        found.push(Finding::wrong(
            ABOUT,
            format!(
                "`{}` is no SPF record: one begins with `v=spf1` and a blank, without quotes (RFC 7208 section 4.5)",
                quoted(text)
            ),
        ));
    }
    match records.as_slice() {
        [] => found.push(Finding::wrong(
            ABOUT,
            "there is no record: receivers can't tell your mail from a forger's",
        )),
        [_] => {}
        several => found.push(Finding::wrong(
            ABOUT,
            format!(
                "there are {} records, and receivers take none of them (permerror, RFC 7208 section 4.5)",
                several.len()
            ),
        )),
    }
    for record in records {
        of_terms(record, &mut found);
        of_rest(record, facts, &mut found);
        of_limits(record, &mut found);
    }
    found
}

fn of_terms(record: &SpfRecord, found: &mut Vec<Finding>) {
    let last = record.all_at().unwrap_or(record.terms.len());
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for (at, term) in record.terms.iter().enumerate() {
        let text = quoted(&term.text);
        let lower = term.text.to_ascii_lowercase();
        let is_read = at <= last || matches!(term.kind, TermKind::Modifier | TermKind::Wrong(_));
        if seen.contains(&lower) {
            found.push(Finding::note(ABOUT, format!("`{text}` stands twice")));
        } else if !is_read {
            found.push(Finding::wrong(
                ABOUT,
                format!("`{text}` stands with an `all`, so nobody reads it (RFC 7208 sections 5.1 and 6.1)"),
            ));
        } else {
            found.extend(of_term(term, &text));
        }
        seen.push(lower);
    }
}

fn of_term(term: &SpfTerm, text: &str) -> Option<Finding> {
    let wrong = |what: String| Some(Finding::wrong(ABOUT, what));
    match &term.kind {
        TermKind::Wrong(why) => {
            let glued = is_glued(&term.text);
            let hint = match glued {
                true => {
                    "; the strings of a TXT record are joined without a blank, so one must stand at the end of a string"
                }
                false => "",
            };
            wrong(format!(
                "`{text}`: {why}; that makes the whole record an error (RFC 7208 section 4.6){hint}"
            ))
        }
        TermKind::Modifier => {
            let (name, _) = text.split_once('=')?;
            let name = name.to_ascii_lowercase();
            let is_meant = MECHANISMS.contains(&name.as_str());
            is_meant.then(|| {
                wrong(format!(
                    "`{text}` does nothing: expected `{name}:`, with a colon"
                ))
            })?
        }
        TermKind::Ptr => wrong(format!(
            "`{text}` must not be used: it is slow, and many receivers skip it (RFC 7208 section 5.5)"
        )),
        TermKind::Hosts {
            networks: Ok(networks),
            name,
            ..
        } if networks.is_empty() => wrong(format!("`{text}` names nobody: {name} has no address")),
        TermKind::Leads { found, .. } => match (found, term.broken()) {
            (Led::Record(record), None) if record.passes_everybody() => {
                wrong(format!("`{text}` lets everybody pass: forgers, too"))
            }
            (_, Some(Broken::Error(why))) => wrong(format!(
                "`{text}` is dead: {why}; that is an error for all mail that comes so far (RFC 7208 section 5.2)"
            )),
            (_, Some(Broken::Unanswered(why))) => Some(Finding::unanswered(ABOUT, &why)),
            (_, None) => None,
        },
        TermKind::Hosts {
            networks: Err(unanswered),
            ..
        } => Some(Finding::unanswered(ABOUT, &unanswered.why)),
        TermKind::Network(network, SpfResult::Pass)
            if network.prefix_len() < if network.addr().is_ipv4() { 16 } else { 32 } =>
        {
            wrong(format!(
                "`{text}` lets very many hosts pass: most of them are strangers'"
            ))
        }
        TermKind::All(_) | TermKind::Network(..) | TermKind::Hosts { .. } | TermKind::ByClient => {
            None
        }
    }
}

/// Whether a second term begins in the middle of this one.
fn is_glued(term: &[u8]) -> bool {
    let text = String::from_utf8_lossy(term).to_ascii_lowercase();
    let inner = text.get(1..).unwrap_or_default();
    ["ip4:", "ip6:", "include:", "-all", "~all", "v=spf1"]
        .iter()
        .any(|begin| inner.contains(begin))
}

fn of_rest(record: &SpfRecord, facts: &DomainFacts, found: &mut Vec<Finding>) {
    let is_last = |term: &&SpfTerm| match &term.kind {
        TermKind::All(_) => true,
        TermKind::Leads { redirect, .. } => *redirect,
        _ => false,
    };
    let last = record.reached().find(is_last);
    let shown = last.map_or_else(
        || "no `all`".to_owned(),
        |term| format!("`{}`", quoted(&term.text)),
    );
    match (record.rest(), facts.purpose) {
        (SpfResult::Pass, _) => found.push(Finding::wrong(
            ABOUT,
            format!("{shown}: everybody passes, so a forger's mail is as good as yours"),
        )),
        (SpfResult::Neutral, _) => found.push(Finding::wrong(
            ABOUT,
            format!(
                "{shown}: of other hosts the record says nothing, as if there were none (RFC 7208 section 2.6.2)"
            ),
        )),
        (_, Purpose::NeverSends) if names_somebody(record) => found.push(Finding::wrong(
            ABOUT,
            "the record names senders, and nothing is sent with this domain",
        )),
        (SpfResult::Fail, Purpose::People) => found.push(Finding::note(
            ABOUT,
            format!("{shown}: mail that somebody forwards can be refused before its DKIM signature is seen"),
        )),
        _ => {}
    }
}

/// Whether some term lets a client pass.
fn names_somebody(record: &SpfRecord) -> bool {
    let by_client = |term: &SpfTerm| matches!(term.kind, TermKind::ByClient | TermKind::Ptr);
    record
        .reached()
        .any(|term| by_client(term) || !term.examples(1).is_empty())
}

fn of_limits(record: &SpfRecord, found: &mut Vec<Finding>) {
    let terms = record.dns_terms();
    let rule = "(RFC 7208 section 4.6.4)";
    if terms > MAX_DNS_TERMS {
        found.push(Finding::wrong(
            ABOUT,
            format!("it takes {terms} terms that query DNS, and {MAX_DNS_TERMS} are allowed: the rest is an error {rule}"),
        ));
    } else if terms > MAX_DNS_TERMS - 2 {
        found.push(Finding::note(
            ABOUT,
            format!("it takes {terms} of the {MAX_DNS_TERMS} terms that may query DNS: one service that adds some breaks it {rule}"),
        ));
    }
    let (ip4, ip6) = (record.voids(true), record.voids(false));
    let (voids, whose) = match ip4 > MAX_VOIDS {
        true => (ip4, ""),
        false => (ip6, " for clients with IPv6 addresses"),
    };
    if voids > MAX_VOIDS {
        found.push(Finding::wrong(
            ABOUT,
            format!(
                "{voids} of its queries find nothing{whose}, and {MAX_VOIDS} may: the third is an error {rule}"
            ),
        ));
    }
    let octets = record.text.len();
    if octets > MAX_OCTETS {
        found.push(Finding::note(
            ABOUT,
            format!("it has {octets} octets: answers of more than 512 octets get lost in some networks (RFC 7208 section 3.4)"),
        ));
    }
}
