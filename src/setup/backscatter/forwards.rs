//! Addresses whose mail goes on to other hosts: what these refuse, this host bounces.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    super::{
        facts::{Class, Entry, Facts, List, Mta, Role},
        private::is_special,
    },
    Finding, bounded,
    targets::addresses,
};
use crate::core::address::Domain;

/// The entries, and what is known of the addresses that they lead to.
pub(super) struct Forwards<'a> {
    facts: &'a Facts,
    folder: &'a Path,
    /// The addresses that are keys of a table, with their domains.
    keys: BTreeSet<&'a str>,
}

impl<'a> Forwards<'a> {
    pub(super) fn of(facts: &'a Facts, folder: &'a Path) -> Self {
        let entries = facts.deliveries.entries.iter();
        let virtuals = entries.filter(|entry| entry.role == Role::Virtual);
        Self {
            facts,
            folder,
            keys: virtuals.map(|entry| entry.key.as_str()).collect(),
        }
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        // Where not all domains could be read, what looks like another host may be this one.
        if self.facts.all_domains_read {
            found.extend(bounded(self.whole_domains()));
            found.extend(bounded(self.of_servers()));
            found.extend(self.single());
        }
        found.extend(bounded(self.dangling()));
        found
    }

    fn entries(&self, role: Role) -> impl Iterator<Item = &'a Entry> {
        let entries = self.facts.deliveries.entries.iter();
        entries.filter(move |entry| entry.role == role)
    }

    fn is_sendmail(&self) -> bool {
        matches!(self.facts.mta, Mta::Sendmail(_))
    }

    /// Catch-alls that lead elsewhere: every address is accepted.
    fn whole_domains(&self) -> Vec<Finding> {
        let catch_alls = self
            .entries(Role::Virtual)
            .filter(|entry| entry.key.starts_with('@'));
        let found = catch_alls.filter_map(|entry| {
            let target = self.elsewhere(&entry.value)?;
            Some(Finding {
                file: entry.file.clone(),
                line: entry.line,
                message: self.catch_all(&entry.key, &target),
                mend: self.mend_catch_all(&entry.key, &target),
            })
        });
        found.collect()
    }

    fn catch_all(&self, key: &str, target: &str) -> String {
        format!(
            "{key} sends mail for every address on to {target}: all are accepted, and bounced if the host there refuses them, \
             as it does for addresses that don't exist and for spam"
        )
    }

    fn mend_catch_all(&self, key: &str, target: &str) -> String {
        let domain = key.trim_start_matches('@');
        let to = target.rsplit('@').next().unwrap_or(target);
        let lines = format!("a line for each address that exists (`joe@{domain} joe@{to}`)");
        match self.is_sendmail() {
            true => {
                format!("{lines}, and as the last `@{domain} error:nouser 550 5.1.1 User unknown`")
            }
            false => format!("{lines} in place of `{key}`"),
        }
    }

    /// The same in databases and directories.
    fn of_servers(&self) -> Vec<Finding> {
        let lists = self.facts.lists.values().flatten();
        let mut found: BTreeMap<(String, Domain), Finding> = BTreeMap::new();
        for list in lists {
            let List::Server {
                written,
                whole_domains: Ok(whole),
                ..
            } = list
            else {
                continue;
            };
            for (domain, target) in whole {
                let Some(target) = self.elsewhere(target) else {
                    continue;
                };
                let key = format!("@{domain}");
                found
                    .entry((written.clone(), domain.clone()))
                    .or_insert_with(|| Finding {
                        file: file_of(written),
                        line: None,
                        message: self.catch_all(&key, &target),
                        mend: self.mend_catch_all(&key, &target),
                    });
            }
        }
        found.into_values().collect()
    }

    /// Single addresses, one finding a file.
    fn single(&self) -> Vec<Finding> {
        let owners: BTreeSet<&str> = self
            .entries(Role::Alias)
            .map(|entry| entry.key.as_str())
            .collect();
        let mut files: BTreeMap<PathBuf, Vec<(&Entry, String)>> = BTreeMap::new();
        for entry in &self.facts.deliveries.entries {
            let is_owned = match entry.role {
                // Bounces of what an alias sends on go to its owner (aliases(5)).
                Role::Alias => {
                    owners.contains(format!("owner-{}", entry.key).as_str())
                        || entry.key.starts_with("owner-")
                }
                Role::Virtual => entry.key.starts_with('@'),
                Role::Forward => false,
                _ => true,
            };
            if let Some(target) = self.elsewhere(&entry.value).filter(|_| !is_owned) {
                let file = match entry.role {
                    Role::Forward => self.folder.join(".forward"),
                    _ => entry.file.clone(),
                };
                files.entry(file).or_default().push((entry, target));
            }
        }
        let files = files.into_values().filter_map(|found| {
            let (first, target) = found.first()?;
            let others = match found.len() {
                1 => String::new(),
                number => format!(" ({number} addresses in all)"),
            };
            let key = first.key.split('@').next().unwrap_or(&first.key);
            let mend = match first.role {
                Role::Virtual if self.is_sendmail() => format!(
                    "`{} {key}-away` here, and in aliases `{key}-away: {target}` with `owner-{key}-away: postmaster`: bounces go \
                     to the owner",
                    first.key
                ),
                Role::Virtual => format!(
                    "`{} {key}-away@localhost` here, and in aliases `{key}-away: {target}` with `owner-{key}-away: postmaster`: \
                     bounces go to the owner",
                    first.key
                ),
                Role::Forward => format!(
                    "no .forward, but in aliases `{key}: {target}` with `owner-{key}: postmaster`: bounces go to the owner"
                ),
                _ => format!("`owner-{key}: postmaster` beside it: bounces go to the owner"),
            };
            Some(Finding {
                file: first.file.clone(),
                line: first.line,
                message: format!(
                    "mail for {} is sent on to {target}{others}: what the host there refuses (spam, DMARC, a full mailbox) is \
                     bounced to its sender",
                    first.key
                ),
                mend,
            })
        });
        files.collect()
    }

    /// The first address of these that is on another host.
    fn elsewhere(&self, value: &str) -> Option<String> {
        addresses(value).find(|target| {
            let domain = target.rsplit_once('@').map(|(_, domain)| domain.parse());
            let Some(Ok(domain)) = domain else {
                return false;
            };
            !is_special(&domain) && !self.is_ours(&domain)
        })
    }

    /// Whether it is a domain of this host, or one below.
    fn is_ours(&self, domain: &Domain) -> bool {
        let host = self.facts.host.as_str();
        let mut domains = self.facts.domains.iter();
        domain.as_str().eq_ignore_ascii_case(host)
            || domains.any(|found| domain.is_at_or_below(&found.domain))
    }

    /// Aliases that lead to an address that nobody has.
    fn dangling(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for entry in &self.facts.deliveries.entries {
            if !matches!(entry.role, Role::Alias | Role::Virtual) {
                continue;
            }
            let lost = addresses(&entry.value).find(|target| match target.rsplit_once('@') {
                Some((name, domain)) => self.lacks(name, domain),
                // In virtual(5) it is one in $myorigin, which may be anything.
                None => entry.role == Role::Alias && self.lacks_name(target),
            });
            if let Some(lost) = lost {
                found.push(Finding {
                    file: entry.file.clone(),
                    line: entry.line,
                    message: format!(
                        "{} leads to {lost}, which nobody has: its mail is accepted and bounced",
                        entry.key
                    ),
                    mend: format!("an alias or a mailbox {lost}, or no line for {}", entry.key),
                });
            }
        }
        found
    }

    /// Whether an address is in a domain of this host, and in none of its lists.
    fn lacks(&self, name: &str, domain: &str) -> bool {
        let mut domains = self.facts.domains.iter();
        let class = domains
            .find(|found| found.domain.as_str() == domain)
            .map(|found| found.class);
        let base = self.without_extension(name);
        let whole = format!("@{domain}");
        let keys = [
            format!("{name}{whole}"),
            format!("{base}{whole}"),
            whole.clone(),
        ];
        if keys.iter().any(|key| self.keys.contains(key.as_str())) {
            return false;
        }
        match (class, &self.facts.deliveries.recipients) {
            (Some(Class::Local), _) => self.lacks_name(name),
            // No list at all is told as such.
            (Some(Class::Mailbox | Class::Relay), Some(listed)) => {
                let is_of = |key: &String| key.ends_with(&whole);
                listed.iter().any(is_of) && !keys.iter().any(|key| listed.contains(key))
            }
            _ => false,
        }
    }

    /// Whether it is no account and no alias.
    fn lacks_name(&self, name: &str) -> bool {
        let Some(names) = &self.facts.deliveries.local_names else {
            return false;
        };
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte));
        let is_known = names.contains(name) || names.contains(self.without_extension(name));
        is_name && !is_known && !self.takes_all()
    }

    fn without_extension<'n>(&self, name: &'n str) -> &'n str {
        let delimiters = match &self.facts.mta {
            Mta::Postfix { settings, .. } => settings.value("recipient_delimiter"),
            Mta::Sendmail(_) => "+".to_owned(),
        };
        name.split(|c| delimiters.contains(c))
            .next()
            .unwrap_or(name)
    }

    /// Whether names that are no accounts are delivered, too.
    fn takes_all(&self) -> bool {
        match &self.facts.mta {
            Mta::Postfix { settings, .. } => {
                let others = [
                    "mailbox_transport",
                    "mailbox_transport_maps",
                    "fallback_transport",
                    "luser_relay",
                ];
                let elsewhere = others.iter().any(|name| !settings.value(name).is_empty());
                elsewhere || !settings.value("local_transport").starts_with("local")
            }
            Mta::Sendmail(sendmail) => sendmail.luser_relay,
        }
    }
}

/// The file of `proxy:mysql:/etc/postfix/x.cf`.
fn file_of(written: &str) -> PathBuf {
    let at = written.find(":/").map_or(0, |at| at + 1);
    PathBuf::from(written.get(at..).unwrap_or(written))
}
