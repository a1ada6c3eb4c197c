//! Reads the MTA of a host into facts.

mod deliveries;
mod lists;
mod postfix;
mod sendmail;
mod spf;

use std::{collections::BTreeSet, path::Path};

use super::{
    facts::{Class, Facts, FoundDomain},
    machine::Machine,
    mail_log::{Day, Reader, Writer},
    text_map::Keys,
};
use crate::{core::address::Domain, dns::DnsSettings};

/// The most times that Postfix is asked for a key of a table.
const MAX_QUESTIONS: usize = 300;

/// Reads everything. `domains` are those that the administrator named, since a server that has them could not be read.
/// `dns` is asked whether SPF covers relay domains.
///
/// # Errors
/// There is no MTA, or its configuration can't be read.
pub async fn facts(
    machine: &Machine,
    domains: &[Domain],
    dns: &DnsSettings,
) -> Result<Facts, String> {
    let found = match postfix::facts(machine, domains).await? {
        Some(facts) => Some(facts),
        None => sendmail::facts(machine, domains).await?,
    };
    if let Some(mut facts) = found {
        if machine.root.is_none() {
            facts.covered = spf::covered(&facts.domains, facts.log.as_ref(), dns).await;
        }
        return Ok(facts);
    }
    Err("neither Postfix (postconf, /etc/postfix/main.cf) nor Sendmail (/etc/mail/sendmail.mc, /etc/mail/sendmail.cf) is here; \
         use --postfix FOLDER if main.cf is somewhere else"
        .to_owned())
}

/// Whether there is an MTA that can be read.
pub async fn has_mta(machine: &Machine) -> bool {
    machine
        .postconf(&["mail_version"])
        .await
        .is_ok_and(|found| found.is_some())
        || sendmail::is_there(machine)
}

/// A day of the log of an MTA; where there is none, that is told.
async fn day(
    machine: &Machine,
    writer: &Writer,
    maillog_file: &str,
    unread: &mut Vec<String>,
) -> Option<Day> {
    let mut reader = Reader::default();
    let mut each = |line: &str| reader.line(line);
    if machine.log_lines(writer, maillog_file, &mut each).await {
        return Some(reader.day());
    }
    unread.push(format!(
        "the log of mail: neither /var/log/mail.log nor the journal has lines of {}",
        writer.name
    ));
    None
}

/// Domains, each with the class and the place where it was found first.
#[derive(Default)]
struct Domains {
    found: Vec<FoundDomain>,
    seen: BTreeSet<Domain>,
}

impl Domains {
    fn add(&mut self, name: &str, class: Class, source: &str) -> bool {
        let Ok(domain) = name.parse::<Domain>() else {
            return false;
        };
        let text = domain.as_str();
        let last = text.rsplit('.').next().unwrap_or_default();
        // Nobody else can write to these.
        if !text.contains('.')
            || ["localdomain", "localhost"].contains(&last)
            || text.starts_with("localhost.")
        {
            return true;
        }
        if self.seen.insert(domain.clone()) {
            self.found.push(FoundDomain {
                domain,
                class,
                source: source.to_owned(),
                next_hop: None,
            });
        }
        true
    }
}

/// The keys of the text of a table.
fn keys(machine: &Machine, path: &Path) -> Result<Keys, String> {
    machine.read(path).map(|text| Keys::of_text(&text))
}
