//! SPF records of the steps: none is printed that our engine has not tried with every client that it names.

use std::net::IpAddr;

use super::{REJECT_DOES, REJECT_DOES_NOT, Step, Tried};
use crate::core::{
    advise::{
        compose::{Candidate, Composed, composed, of_name},
        facts::{DomainFacts, Purpose},
        survey::SpfRecord,
        text::{ZoneRecord, counted, quoted},
    },
    spf::SpfResult,
};

/// All records that the steps may print, to be tried first.
pub fn candidates(facts: &DomainFacts) -> Vec<Candidate> {
    let rests = [SpfResult::Softfail, SpfResult::Fail];
    let own = rests
        .into_iter()
        .filter_map(|rest| composed(facts, rest).ok());
    let mut all: Vec<Candidate> = own.map(|composed| composed.candidate).collect();
    all.extend(names(facts));
    all
}

/// The names of hosts below the domain that have no SPF record. Mail of their own they don't send.
fn names(facts: &DomainFacts) -> Vec<Candidate> {
    let bare = facts.names.iter().filter(|host| matches!(host.spf, Ok(0)));
    bare.filter_map(|host| {
        // A name that does not exist is covered by np=, and a record would make it exist.
        let addresses = host
            .addresses
            .as_deref()
            .ok()
            .filter(|found| !found.is_empty())?;
        let sends = |address: &IpAddr| facts.hosts.iter().any(|host| host.address == *address);
        let clients: &[_] = match addresses.iter().any(sends) {
            true => addresses,
            false => &[],
        };
        Some(of_name(&host.name, clients, SpfResult::Fail))
    })
    .collect()
}

/// The SPF part of a step.
#[derive(Default)]
pub(super) struct Spf {
    pub(super) done: bool,
    pub(super) records: Vec<ZoneRecord>,
    pub(super) notes: Vec<String>,
}

/// The record that says this of strangers, where it has passed.
pub(super) fn spf_of(facts: &DomainFacts, tried: &[Tried], rest: SpfResult) -> Spf {
    let mut spf = Spf::default();
    let Composed {
        candidate,
        left_out,
        untried,
    } = match composed(facts, rest) {
        Ok(composed) => composed,
        Err(why) => {
            spf.notes.push(format!("no record is printed: {why}"));
            return spf;
        }
    };
    let is_published = facts
        .spf
        .only()
        .is_some_and(|record| is_same(record, &candidate.text));
    match trial(&candidate, tried) {
        Ok(passed) => {
            spf.notes.push(passed);
            spf.done = is_published;
            if !is_published {
                spf.records
                    .push(ZoneRecord::txt(candidate.domain.as_str(), candidate.text));
            }
        }
        Err(why) => spf.notes.push(format!(
            "no record is printed, because `{}` fails here: {why}",
            candidate.text
        )),
    }
    spf.notes
        .extend(left_out.into_iter().map(|what| format!("left out: {what}")));
    spf.notes.extend(untried);
    let several = facts.spf.records.iter().flatten().count() > 1;
    if several && !spf.records.is_empty() {
        spf.notes
            .push("it takes the place of all SPF records of the domain".to_owned());
    }
    spf
}

/// Whether what is published says the same: blanks and capitals don't count.
fn is_same(record: &SpfRecord, text: &str) -> bool {
    let words = |text: &[u8]| {
        let words = text
            .split(|&byte| byte == b' ')
            .filter(|word| !word.is_empty());
        words.map(<[u8]>::to_ascii_lowercase).collect::<Vec<_>>()
    };
    words(&record.text) == words(text.as_bytes())
}

/// How the record did; or what failed.
fn trial(candidate: &Candidate, tried: &[Tried]) -> Result<String, String> {
    let Some(tried) = tried.iter().find(|tried| tried.candidate == *candidate) else {
        return Err("it was not tried".to_owned());
    };
    let pairs = || candidate.probes.iter().zip(&tried.checks);
    if tried.checks.len() != candidate.probes.len() {
        return Err("it was not tried with every client".to_owned());
    }
    if let Some((probe, check)) = pairs().find(|(probe, check)| check.result != probe.expected) {
        let why = check
            .problem
            .as_deref()
            .or(check.mechanism.as_deref())
            .unwrap_or_default();
        return Err(format!(
            "{} ({}) gets {} and not {}: {}",
            probe.client,
            probe.why,
            check.result,
            probe.expected,
            quoted(why.as_bytes()),
        ));
    }
    let passed = pairs()
        .filter(|(probe, _)| probe.expected == SpfResult::Pass)
        .count() as u64;
    let rest = pairs().find(|(probe, _)| probe.expected != SpfResult::Pass);
    let rest = rest.map_or(SpfResult::Neutral, |(_, check)| check.result);
    Ok(match passed {
        0 => format!("tried: strangers get {rest}"),
        _ => format!(
            "tried: {} that it names, all pass; strangers get {rest}",
            counted(passed, "host")
        ),
    })
}

/// The step for names in the domain that never send, where there are some.
pub(super) fn name_steps(facts: &DomainFacts, tried: &[Tried]) -> Option<Step> {
    let candidates = names(facts);
    if candidates.is_empty() || facts.purpose == Purpose::NeverSends {
        return None;
    }
    let mut step = Step {
        title: "After a month of quarantine: names of hosts, which are in no address".to_owned(),
        done: false,
        records: Vec::new(),
        notes: Vec::new(),
        breaks: "mail of cron and the like, if a host sends it with its own name behind the @ to others; not counted here".to_owned(),
        breaks_messages: None,
        does: REJECT_DOES,
        does_not: REJECT_DOES_NOT,
    };
    for candidate in candidates {
        match trial(&candidate, tried) {
            Ok(passed) => {
                let name = candidate.domain.as_str();
                step.notes.push(format!("{name}: {passed}"));
                step.records.push(ZoneRecord::txt(name, candidate.text));
                step.records.push(ZoneRecord::txt(
                    format!("_dmarc.{name}"),
                    "v=DMARC1; p=reject",
                ));
            }
            Err(why) => step.notes.push(format!(
                "no record is printed for {}, because `{}` fails here: {why}",
                candidate.domain, candidate.text
            )),
        }
    }
    Some(step)
}
