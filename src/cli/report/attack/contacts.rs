//! The abuse desk of a host, by a TXT query to the zone that `report.abuse_contacts` names: the octets of the address reversed,
//! as of DNS lists, and an address as the answer.

use std::net::IpAddr;

use super::whose::SpfAsker;
use crate::{
    config::Config,
    core::{address::Mailbox, dnsbl::reversed, local::Local, printable::shortened},
    spf::Lookup,
};

/// The maximum number of addresses of one answer.
const MAX_CONTACTS: usize = 3;
/// The longest address: a path of 256 octets without its angle brackets (RFC 5321 section 4.5.3.1.3).
const MAX_ADDRESS: usize = 254;
/// The longest reason that is shown, in characters.
const MAX_REASON: usize = 200;

/// Where to send a report.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Contact {
    /// To these addresses.
    Desks(Vec<String>),
    /// The zone knows none.
    Unknown,
    /// The zone did not answer, and why.
    Unanswered(String),
    /// No zone is named.
    NotAsked,
}

impl Contact {
    /// Asks for that of a host.
    pub async fn of(config: &Config, asker: Option<&SpfAsker>, host: IpAddr) -> Self {
        let Some(zone) = &config.report.abuse_contacts else {
            return Self::NotAsked;
        };
        let Some(asker) = asker else {
            return Self::Unanswered("the name servers of this system are not known".to_owned());
        };
        match asker.lookup().txt(&reversed(host, zone)).await {
            Ok(records) => match addresses(&records, &config.policy.local) {
                none if none.is_empty() => Self::Unknown,
                desks => Self::Desks(desks),
            },
            Err(unanswered) => {
                let why = shortened(unanswered.why.as_bytes(), MAX_REASON);
                Self::Unanswered(why.replace("\\x20", " "))
            }
        }
    }

    /// The addresses.
    pub fn desks(&self) -> &[String] {
        match self {
            Self::Desks(desks) => desks,
            _ => &[],
        }
    }

    /// The same for people.
    pub fn words(&self, zone: &str) -> String {
        match self {
            Self::Desks(desks) => format!("to {}, as {zone} says", desks.join(", ")),
            Self::Unknown => format!("no To: {zone} knows no address"),
            Self::Unanswered(why) => format!("no To: {zone} did not answer: {why}"),
            Self::NotAsked => {
                "no To: name a zone in report.abuse_contacts, or use whois".to_owned()
            }
        }
    }
}

/// The addresses in TXT records of strangers, each once: nothing that is more than one, and none of ours.
fn addresses(records: &[Vec<u8>], local: &Local) -> Vec<String> {
    let words = records.iter().flat_map(|record| {
        record.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b';'))
    });
    let mut found: Vec<String> = Vec::new();
    for word in words.filter_map(|word| address(word, local)) {
        if found.len() < MAX_CONTACTS && !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

fn address(word: &[u8], local: &Local) -> Option<String> {
    let word = word.strip_prefix(b"mailto:").unwrap_or(word);
    let is_plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"@.!#$%&'*+-/=?^_`{|}~".contains(byte);
    if word.len() > MAX_ADDRESS || !word.iter().all(is_plain) {
        return None;
    }
    let (user, domain) = str::from_utf8(word).ok()?.split_once('@')?;
    let is_dotted = |text: &str| text.split('.').all(|part| !part.is_empty());
    let mailbox = Mailbox::from_bytes(word);
    let fits = is_dotted(user) && domain.contains('.') && !domain.contains('@');
    let is_strangers = mailbox
        .domain()
        .is_some_and(|domain| !local.has_host(domain));
    (fits && is_strangers).then(|| format!("{user}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_answer_is_an_address_or_nothing() {
        let local = Local {
            domains: vec!["example.org".parse().unwrap()].into(),
            ..Local::default()
        };
        let long = format!("{}@isp.example", "a".repeat(300));
        for (records, expected) in [
            (&["abuse@isp.example"][..], "abuse@isp.example"),
            (
                &["a@isp.example, b@isp.example;c@isp.example d@isp.example"],
                "a@isp.example b@isp.example c@isp.example",
            ),
            (&["mailto:abuse@isp.example"], "abuse@isp.example"),
            (
                &["abuse@isp.example", "abuse@isp.example"],
                "abuse@isp.example",
            ),
            (&[""], ""),
            (&["v=spf1 -all"], ""),
            (&["abuse"], ""),
            (&["abuse@localhost"], ""),
            (&["@isp.example"], ""),
            (&["a..b@isp.example"], ""),
            (&["a@b@isp.example"], ""),
            (
                &["abuse@isp.example\r\nBcc: x@y.example"],
                "abuse@isp.example x@y.example",
            ),
            (&["\"a b\"@isp.example"], ""),
            (&["<abuse@isp.example>"], ""),
            (&["abuse@\u{fc}.example"], ""),
            (&["joe@example.org", "joe@mx.example.org"], ""),
            (&[&long], ""),
        ] {
            let records: Vec<Vec<u8>> = records
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect();
            assert_eq!(
                addresses(&records, &local).join(" "),
                expected,
                "{records:?}"
            );
        }
    }
}
