//! Domains whose addresses nobody can tell at RCPT: all are accepted, and those that don't exist are bounced.

use super::{
    super::facts::{Class, List},
    super::text_map::Pattern,
    Finding,
    postfix::Postfix,
    some,
};

/// The lists of a class, and what is expected in them.
pub(super) const LISTS: [(Class, &str, &str, &str); 3] = [
    (
        Class::Local,
        "mydestination",
        "local_recipient_maps",
        "local_recipient_maps = proxy:unix:passwd.byname $alias_maps",
    ),
    (
        Class::Mailbox,
        "virtual_mailbox_domains",
        "virtual_mailbox_maps",
        "virtual_mailbox_maps = hash:/etc/postfix/mailboxes (a line `joe@example.org x` for each mailbox; or the table of the \
         database)",
    ),
    (
        Class::Relay,
        "relay_domains",
        "relay_recipient_maps",
        "relay_recipient_maps = hash:/etc/postfix/relay_recipients (a line `joe@example.org x` for each address); or, where \
         there is no list, smtpd_recipient_restrictions = reject_unauth_destination, reject_unverified_recipient, with \
         unverified_recipient_reject_code = 550; or `recipients` in milter.yaml, with `unknown: {mail: reject}`",
    ),
];

pub(super) fn findings(postfix: &Postfix<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (class, domains, name, mend) in LISTS {
        found.extend(of_class(postfix, class, domains, name, mend));
    }
    found
}

fn of_class(
    postfix: &Postfix<'_>,
    class: Class,
    domains: &str,
    name: &str,
    mend: &str,
) -> Vec<Finding> {
    let known = postfix.domains(class);
    if known.is_empty() || (class == Class::Relay && postfix.verifies_recipients()) {
        return Vec::new();
    }
    if postfix.value(name).is_empty() {
        let (backups, others): (Vec<_>, Vec<_>) = known
            .iter()
            .partition(|found| class == Class::Relay && found.next_hop.is_none());
        let names = |list: &[&super::super::facts::FoundDomain]| {
            some(list.iter().map(|found| found.domain.as_str()))
        };
        let mut found = Vec::new();
        if !others.is_empty() {
            let message = format!(
                "{name} is empty, so mail to every address of {} is accepted, and bounced where nobody has that address",
                names(&others)
            );
            found.push(postfix.finding(set_of(postfix, name, domains), message, mend));
        }
        if !backups.is_empty() {
            let message = format!(
                "this host is a backup MX for {} and has no list of addresses ({name} is empty): it accepts mail to all, and \
                 bounces what the first MX refuses",
                names(&backups)
            );
            found.push(postfix.finding(set_of(postfix, name, domains), message, mend));
        }
        return found;
    }
    everybody(postfix, class, name, mend)
}

/// The parameter that has a line in main.cf.
fn set_of<'a>(postfix: &Postfix<'_>, name: &'a str, domains: &'a str) -> &'a str {
    if postfix.settings.is_set(name) {
        name
    } else {
        domains
    }
}

/// Tables that have every address.
fn everybody(postfix: &Postfix<'_>, class: Class, name: &str, mend: &str) -> Vec<Finding> {
    // virtual(8) delivers what its table has; another transport asks somebody who knows better.
    let is_delivered_by_table =
        class == Class::Mailbox && is_virtual(&postfix.value("virtual_transport"));
    let tables = postfix.tables(name);
    let written: Vec<&str> = tables.iter().map(|table| table.written.as_str()).collect();
    let paths: Vec<_> = tables.iter().map(|table| table.path()).collect();
    let lists = postfix.facts.lists.get(&class).into_iter().flatten();
    let mut found = Vec::new();
    for list in lists {
        let (what, whole): (String, Vec<&str>) = match list {
            List::Everybody { why } if why.contains("static:") && why.starts_with(name) => {
                (why.clone(), vec!["every domain"])
            }
            List::Map { path, keys } if paths.contains(path) => (
                path.display().to_string(),
                keys.whole_domains
                    .iter()
                    .map(|domain| domain.as_str())
                    .collect(),
            ),
            List::Inline { place, keys, .. } if place == name => (
                place.clone(),
                keys.whole_domains
                    .iter()
                    .map(|domain| domain.as_str())
                    .collect(),
            ),
            List::Patterns { path, patterns } if paths.contains(path) => {
                (path.display().to_string(), whole_of(patterns))
            }
            List::Server {
                written: one,
                whole_domains: Ok(whole),
                ..
            } if written.contains(&one.as_str()) => (
                one.clone(),
                whole.keys().map(|domain| domain.as_str()).collect(),
            ),
            _ => continue,
        };
        let is_all = |name: &&str| *name == "every domain";
        let ours = postfix.domains(class);
        let is_ours = |name: &&str| ours.iter().any(|found| found.domain.as_str() == *name);
        let whole: Vec<&str> = whole
            .into_iter()
            .filter(|name| is_all(name) || is_ours(name))
            .collect();
        if whole.is_empty() || (is_delivered_by_table && !whole.iter().any(is_all)) {
            continue;
        }
        let message = format!(
            "{name} has every address of {} ({what}), so mail to all is accepted, and bounced where the host or program that \
             delivers it does not know the address",
            some(whole)
        );
        found.push(postfix.finding(name, message, mend));
    }
    found
}

/// The domains for which a table of patterns has every address.
fn whole_of(patterns: &[Pattern]) -> Vec<&str> {
    let matches_all = |line: &str| {
        let inner = line.split('/').nth(1).unwrap_or_default();
        matches!(
            inner,
            "" | "."
                | ".*"
                | ".+"
                | "^"
                | "^.*"
                | "^.*$"
                | "^.+$"
                | "@"
                | "^.*@"
                | "^.*@.*$"
                | "^(.*)$"
        )
    };
    let whole = patterns.iter().filter_map(|pattern| match pattern {
        Pattern::WholeDomain(domain) => Some(domain.as_str()),
        Pattern::Other(line) if matches_all(line) => Some("every domain"),
        Pattern::Rule {
            local,
            domain: None,
        } if matches!(local.as_str(), ".*" | "(.*)" | ".+" | "(.+)") => Some("every domain"),
        Pattern::Other(_) | Pattern::Rule { .. } => None,
    });
    whole.collect()
}

pub(super) fn is_virtual(transport: &str) -> bool {
    transport.split(':').next() == Some("virtual")
}
