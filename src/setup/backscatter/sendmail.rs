//! The same of Sendmail.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    super::{
        facts::{Class, Facts},
        sendmail::Sendmail,
        time::seconds,
    },
    Finding, forwards, programs, some,
};
use crate::core::address::Domain;

/// Features by which everybody may send to any address of some domains, or through this host.
const FEATURES: [(&str, &str, &str); 5] = [
    (
        "relay_entire_domain",
        "mail to every host of the domain is accepted, with no list of who exists there, and bounced when the host refuses it",
        "RELAY_DOMAIN(`example.org') for each domain, with a list of its addresses",
    ),
    (
        "relay_based_on_MX",
        "mail to every address of each domain whose MX records name this host is accepted, and bounced when the first MX \
         refuses it",
        "RELAY_DOMAIN(`example.org') for each domain, with a list of its addresses",
    ),
    (
        "promiscuous_relay",
        "strangers send through this host, and it bounces what can't be delivered",
        "no such line: local users log in, or are in the access table",
    ),
    (
        "relay_local_from",
        "whoever forges a sender of yours sends through this host, and it bounces what can't be delivered",
        "no such line: local users log in, or are in the access table",
    ),
    (
        "relay_mail_from",
        "whoever forges a sender that the access table has sends through this host, and it bounces what can't be delivered",
        "no such line: local users log in, or are in the access table",
    ),
];

/// What the lines of lists are, for domains that are only relayed.
const LIST: &str = "`recipients` in milter.yaml with the addresses and `unknown: {mail: reject}`; or in the access table \
                    `To:joe@example.org RELAY` for each address in place of the domain; or FEATURE(`ldap_routing') with `bounce'";
/// How long mail waits before its sender is warned, where sendmail.mc does not say.
const DEFAULT_WARNING: &str = "4h";
/// The same before it is returned.
const DEFAULT_RETURN: &str = "5d";
const DAY: u64 = 86_400;

pub(super) fn findings(
    facts: &Facts,
    sendmail: &Sendmail,
    refused: &BTreeSet<Domain>,
) -> Vec<Finding> {
    let source = Source::of(sendmail);
    let mut found = Vec::new();
    for (feature, why, mend) in FEATURES {
        if let Some(line) = source.feature(feature) {
            found.push(source.finding(Some(line), format!("FEATURE(`{feature}'): {why}"), mend));
        }
    }
    if let Some(line) = sendmail.luser_relay.then(|| source.define("LUSER_RELAY")) {
        let message = "LUSER_RELAY takes mail for every name that does not exist: what that address can't take or refuses is bounced";
        let in_cf = || source.line_of(|line| line.starts_with("DL"));
        found.push(source.finding(
            line.map(|(line, _)| line).or_else(in_cf),
            message.to_owned(),
            "no LUSER_RELAY: unknown users are refused at RCPT",
        ));
    }
    for name in ["MAIL_HUB", "LOCAL_RELAY"] {
        if let Some((line, value)) = source.define(name).filter(|(_, value)| !value.is_empty()) {
            let message = format!(
                "{name} sends mail for every local name on to {value}, with no list of who exists there: what it refuses is bounced"
            );
            found.push(source.finding(Some(line), message, LIST));
        }
    }
    if let Some((line, value)) = source
        .define("confLOCAL_MAILER")
        .filter(|(_, value)| value.contains("cyrus"))
    {
        let message = format!(
            "the local mailer is {value}, which alone knows who exists: mail for every name is accepted, and bounced when it refuses"
        );
        found.push(source.finding(
            Some(line),
            message,
            "`recipients` in milter.yaml with the mailboxes and `unknown: {mail: reject}`",
        ));
    }
    found.extend(relayed(facts, sendmail, &source, refused));
    found.extend(times(&source));
    let forwards = forwards::Forwards::of(facts, Path::new("/etc/mail"));
    found.extend(forwards.findings());
    found.extend(programs::findings(facts));
    found
}

/// Domains whose mail goes on to another host, with no list of who exists there.
fn relayed(
    facts: &Facts,
    sendmail: &Sendmail,
    source: &Source<'_>,
    refused: &BTreeSet<Domain>,
) -> Vec<Finding> {
    let asks = ["milter-ahead", "smf-sav", "scam-back"];
    let asks = sendmail
        .filters
        .iter()
        .any(|(name, _)| asks.iter().any(|one| name.starts_with(one)));
    let routes = source
        .line_of(|line| line.starts_with("FEATURE(`ldap_routing'") && line.contains("bounce"));
    if asks || routes.is_some() {
        return Vec::new();
    }
    let domains = facts
        .domains
        .iter()
        .filter(|found| !refused.contains(&found.domain));
    let relays = domains.filter(|found| found.class == Class::Relay);
    let (backups, others): (Vec<_>, Vec<_>) = relays.partition(|found| found.next_hop.is_none());
    let mut found = Vec::new();
    for (domains, what) in [
        (others, "sends mail for every address on to another host"),
        (backups, "is a backup MX"),
    ] {
        if domains.is_empty() {
            continue;
        }
        let place = domains.first().map_or("", |found| found.source.as_str());
        let names = some(domains.iter().map(|found| found.domain.as_str()));
        let message = format!(
            "{names} ({place}): this host {what}, with no list of who exists there, and bounces what the other host refuses"
        );
        found.push(source.finding(None, message, LIST));
    }
    found
}

fn times(source: &Source<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let (line, warning) = source.option("confTO_QUEUEWARN", "Timeout.queuewarn", DEFAULT_WARNING);
    if seconds(&warning, 'h').is_some_and(|seconds| seconds > 0) {
        let message = format!(
            "confTO_QUEUEWARN is {warning}: the sender of mail that waits for so long gets a warning, also where the sender is forged"
        );
        found.push(source.finding(line, message, "define(`confTO_QUEUEWARN', `0')dnl"));
    }
    let (line, lifetime) =
        source.option("confTO_QUEUERETURN", "Timeout.queuereturn", DEFAULT_RETURN);
    if seconds(&lifetime, 'd').is_some_and(|seconds| (1..DAY).contains(&seconds)) {
        let message = format!(
            "confTO_QUEUERETURN is {lifetime}: when the next host is down for so long, all that waits for it is bounced"
        );
        found.push(source.finding(line, message, "define(`confTO_QUEUERETURN', `5d')dnl"));
    }
    found
}

/// sendmail.mc, or sendmail.cf where there is no other.
struct Source<'a> {
    file: PathBuf,
    text: &'a str,
    is_mc: bool,
}

impl<'a> Source<'a> {
    fn of(sendmail: &'a Sendmail) -> Self {
        match &sendmail.mc {
            Some(file) => Self {
                file: file.clone(),
                text: &sendmail.mc_text,
                is_mc: true,
            },
            None => Self {
                file: PathBuf::from("/etc/mail/sendmail.cf"),
                text: &sendmail.cf_text,
                is_mc: false,
            },
        }
    }

    fn finding(&self, line: Option<usize>, message: String, mend: &str) -> Finding {
        Finding {
            file: self.file.clone(),
            line,
            message,
            mend: mend.to_owned(),
        }
    }

    /// The first line that is so, from 1.
    fn line_of(&self, mut is_it: impl FnMut(&str) -> bool) -> Option<usize> {
        let at = self
            .text
            .lines()
            .position(|line| is_it(line.trim_start()))?;
        Some(at + 1)
    }

    /// Where a feature is on. In sendmail.cf, m4 left the name of each in a comment.
    fn feature(&self, name: &str) -> Option<usize> {
        match self.is_mc {
            true => self.line_of(|line| {
                let rest = line.strip_prefix("FEATURE(");
                let rest = rest.map(|rest| rest.trim_start().trim_start_matches('`'));
                rest.and_then(|rest| rest.strip_prefix(name))
                    .is_some_and(|rest| rest.starts_with(['\'', ')', ',']))
            }),
            false => self.line_of(|line| {
                line.starts_with('#') && line.contains(&format!("$Id: {name}.m4,"))
            }),
        }
    }

    /// The value that sendmail.mc defines, and where.
    fn define(&self, name: &str) -> Option<(usize, String)> {
        let begin = format!("define(`{name}'");
        let mut found = None;
        for (number, line) in self.text.lines().enumerate() {
            if let Some(rest) = line.trim_start().strip_prefix(&begin) {
                let value = rest
                    .split('`')
                    .nth(1)
                    .and_then(|rest| rest.split('\'').next());
                found = Some((number + 1, value.unwrap_or_default().to_owned()));
            }
        }
        found
    }

    /// An option by its name in sendmail.mc and in sendmail.cf.
    fn option(&self, name: &str, in_cf: &str, default: &str) -> (Option<usize>, String) {
        if self.is_mc {
            let found = self.define(name);
            return found.map_or((None, default.to_owned()), |(line, value)| {
                (Some(line), value)
            });
        }
        let begin = format!("O {in_cf}=");
        let line = self.line_of(|line| line.starts_with(&begin));
        let value = line
            .and_then(|line| self.text.lines().nth(line - 1))
            .and_then(|text| text.trim().strip_prefix(&begin));
        (line, value.unwrap_or("0").to_owned())
    }
}
