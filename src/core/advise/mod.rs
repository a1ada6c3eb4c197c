//! What a domain publishes for SPF, DKIM and DMARC, what is wrong with that, and which records come next, step by step.
//!
//! | module      | what it does |
//! |-------------|--------------|
//! | `facts`     | what is known: answers of DNS, or that there was none, and what was counted |
//! | `survey`    | an SPF record and all that it leads to |
//! | `spf`       | what is wrong with that |
//! | `compose`   | the next SPF record, and the clients that it is tried with |
//! | `repair`    | what a wrong term must have meant |
//! | `dmarc`     | DMARC records: what is wrong, and the next one |
//! | `published` | what is wrong with keys, DMARC, mail exchangers and hosts |
//! | `steps`     | the steps, and what each does about a joe job |
//! | `reported`  | what DMARC reports say of the domain's mail |
//! | `traffic`   | what was counted: who would break, and whom only the owner can name |
//! | `contradiction` | where `milter.yaml` contradicts what is published |
//! | `text`      | records as zone files have them |
//!
//! It asks nothing: who calls it asks DNS, tries the [`candidates`] with our SPF engine, and gives the results back.

mod compose;
pub mod contradiction;
mod dmarc;
pub mod facts;
mod published;
mod repair;
pub mod reported;
mod spf;
mod steps;
pub mod survey;
mod text;
mod traffic;

use serde::Serialize;

pub use self::{
    compose::{Candidate, Probe},
    steps::{Step, Tried, candidates},
    text::{ZoneRecord, wrapped},
};
use self::{facts::DomainFacts, published::own_dmarc, text::quoted};

/// What is said of a domain.
#[derive(Clone, Debug, Serialize)]
pub struct Advice {
    /// The domain.
    pub domain: String,
    /// What it is used for: `people`, `transactional`, `never_sends`.
    pub purpose: &'static str,
    /// The records that were found.
    pub published: Vec<Published>,
    /// What is wrong, worth knowing, or not known.
    pub findings: Vec<Finding>,
    /// What was counted; or why nothing was.
    pub counted: String,
    /// Senders that only the owner can name.
    pub questions: Vec<String>,
    /// What to do, in this order.
    pub steps: Vec<Step>,
    /// Why there are no further steps.
    pub end: String,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// `SPF`, `DKIM`, `DMARC`, `MX` or `host`.
    pub what: &'static str,
    /// What stands there; printable.
    pub record: String,
}

/// Something about what is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `SPF`, `DKIM`, `DMARC`, `MX`, `host`, `list` or `mail`.
    pub about: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// What it is; printable.
    pub text: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// It is wrong.
    Wrong,
    /// It is to be known.
    Note,
    /// What would say it did not answer.
    Unanswered,
}

impl Finding {
    fn wrong(about: &'static str, text: impl Into<String>) -> Self {
        Self {
            about,
            weight: Weight::Wrong,
            text: text.into(),
        }
    }

    fn note(about: &'static str, text: impl Into<String>) -> Self {
        Self {
            about,
            weight: Weight::Note,
            text: text.into(),
        }
    }

    fn unanswered(about: &'static str, why: &str) -> Self {
        Self {
            about,
            weight: Weight::Unanswered,
            text: format!("could not be asked: {}", quoted(why.as_bytes())),
        }
    }
}

/// What is to be said of a domain, where its [`candidates`] were tried with these results.
pub fn advice(facts: &DomainFacts, tried: &[Tried]) -> Advice {
    let mut findings = Vec::new();
    for found in [
        spf::findings(facts),
        published::of_keys(facts),
        published::of_dmarc(facts),
        published::of_mx(facts),
        published::of_hosts(facts),
        published::of_lists(facts),
    ] {
        for finding in found {
            // One server that does not answer leaves many questions open.
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings.extend(traffic::unexpected(facts));
    findings.extend(reported::findings(facts));
    let (steps, end) = steps::steps(facts, tried);
    Advice {
        domain: facts.domain.to_string(),
        purpose: facts.purpose.as_str(),
        published: records(facts)
            .into_iter()
            .map(|(what, record)| Published { what, record })
            .collect(),
        findings,
        counted: format!("{}. {}.", traffic::summed(facts), reported::summed(facts)),
        questions: traffic::questions(facts),
        steps,
        end,
    }
}

/// The addresses that the DMARC record among these TXT records sends aggregate reports to.
pub fn report_addresses(texts: &[Vec<u8>]) -> Vec<String> {
    match dmarc::read(texts) {
        dmarc::Found::One(published) => published.reports,
        _ => Vec::new(),
    }
}

/// What was found, in one line each.
fn records(facts: &DomainFacts) -> Vec<(&'static str, String)> {
    let mut records = Vec::new();
    match &facts.spf.records {
        Err(_) => records.push(("SPF", "could not be asked".to_owned())),
        Ok(found) if found.is_empty() => records.push(("SPF", "none".to_owned())),
        Ok(found) => records.extend(found.iter().map(|record| ("SPF", quoted(&record.text)))),
    }
    records.extend(facts.keys.iter().map(|key| ("DKIM", key.to_string())));
    records.push((
        "DMARC",
        match own_dmarc(facts) {
            Err(_) => "could not be asked".to_owned(),
            Ok(dmarc::Found::Missing) => "none".to_owned(),
            Ok(dmarc::Found::Several(number)) => format!("{number} records"),
            Ok(dmarc::Found::Broken(_, text)) => quoted(&text),
            Ok(dmarc::Found::One(published)) => quoted(&published.text),
        },
    ));
    match &facts.mx {
        Err(_) => records.push(("MX", "could not be asked".to_owned())),
        Ok(exchanges) if exchanges.is_empty() => records.push(("MX", "none".to_owned())),
        Ok(exchanges) => records.extend(exchanges.iter().map(|exchange| {
            let name = match exchange.name.as_str() {
                "" => ".".to_owned(),
                name => quoted(name.as_bytes()),
            };
            ("MX", format!("{} {name}", exchange.preference))
        })),
    }
    records.extend(facts.hosts.iter().map(|host| {
        let names = host.names.iter().flatten();
        let names: Vec<String> = names.map(|(name, _)| quoted(name.as_bytes())).collect();
        let names = match (&host.names, names.is_empty()) {
            (Err(_), _) => "its name could not be asked".to_owned(),
            (Ok(_), true) => "no name".to_owned(),
            (Ok(_), false) => names.join(", "),
        };
        (
            "host",
            format!(
                "{} {names} ({}), SPF {}",
                host.address, host.source, host.spf
            ),
        )
    }));
    records
}
