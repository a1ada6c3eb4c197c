//! The entries of `recipients`: who exists in a domain, and what all others get.

use std::path::{Path, PathBuf};

use super::super::{
    facts::{Class, Facts, FoundDomain, List, Mta},
    map_file::{Asked, Secret},
    table::Kind,
    text_map::Pattern,
};
use crate::core::address::Domain;

/// An entry of `recipients`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its domain.
    pub domain: Domain,
    /// Lists of addresses.
    pub known: Vec<Known>,
    /// Patterns of local parts.
    pub rules: Vec<(String, String)>,
    /// What all others get.
    pub rest: Rest,
}

/// An entry of `known`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// `addresses`, and where they stand.
    Addresses(Vec<String>, String),
    /// `postfix_map`.
    Map(PathBuf, String),
    /// `sql` or `ldap`, the file with its password, and where it stands.
    Server(Asked, Option<PathBuf>, String),
}

/// What addresses get that no list has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// A catch-all takes them; bounces to them are refused if all lists were read.
    CatchAll {
        /// Where the catch-all stands.
        source: String,
        /// What could not be read.
        unread: Option<String>,
    },
    /// The MTA would accept them and bounce later.
    Refused,
    /// The MTA refuses them itself, or it can't be told who they are.
    LeftToMta(String),
}

/// The files for passwords.
#[derive(Clone, Debug, Default)]
pub struct Passwords {
    /// Where they are to be.
    pub folder: PathBuf,
    /// The files.
    pub files: Vec<(PathBuf, Secret)>,
}

impl Passwords {
    /// The file of this password: one for all tables that share it.
    fn file(&mut self, kind: Kind, secret: Secret) -> PathBuf {
        if let Some((path, _)) = self.files.iter().find(|(_, other)| *other == secret) {
            return path.clone();
        }
        let name = match kind {
            Kind::Mysql => "mysql",
            Kind::Postgres => "pgsql",
            _ => "ldap",
        };
        let number = self.files.len();
        let name = match number {
            0 => format!("{name}.password"),
            _ => format!("{name}-{}.password", number + 1),
        };
        let path = self.folder.join(name);
        self.files.push((path.clone(), secret));
        path
    }
}

/// The entry of a domain; none where there is nothing to say.
pub fn entry(facts: &Facts, found: &FoundDomain, passwords: &mut Passwords) -> Option<Entry> {
    let lists = facts.lists.get(&found.class)?;
    let mut entry = Collected::new(&found.domain);
    for list in lists {
        entry.add(list, found, passwords);
    }
    let rest = entry.rest(facts);
    let Collected { known, rules, .. } = entry;
    let says_something = !known.is_empty() || !rules.is_empty();
    let is_open = matches!(rest, Rest::CatchAll { .. });
    (says_something || is_open).then(|| Entry {
        domain: found.domain.clone(),
        known,
        rules,
        rest,
    })
}

struct Collected<'a> {
    domain: &'a Domain,
    known: Vec<Known>,
    rules: Vec<(String, String)>,
    catch_all: Option<String>,
    unread: Option<String>,
}

impl<'a> Collected<'a> {
    fn new(domain: &'a Domain) -> Self {
        Self {
            domain,
            known: Vec::new(),
            rules: Vec::new(),
            catch_all: None,
            unread: None,
        }
    }

    fn add(&mut self, list: &List, found: &FoundDomain, passwords: &mut Passwords) {
        match list {
            List::Map { path, keys } => {
                let source = path.display().to_string();
                if keys.whole_domains.contains(self.domain) {
                    self.catches_all(source.clone());
                }
                let is_local = found.class == Class::Local;
                if keys.domains_of_users.contains(self.domain) || (keys.has_users && is_local) {
                    self.knows(Known::Map(path.clone(), source));
                }
            }
            List::Inline {
                place,
                addresses,
                keys,
            } => {
                if keys.whole_domains.contains(self.domain) {
                    self.catches_all(place.clone());
                }
                let is_here = |address: &&String| match address.rsplit_once('@') {
                    Some((local, domain)) => {
                        !local.is_empty() && domain.eq_ignore_ascii_case(self.domain.as_str())
                    }
                    None => found.class == Class::Local,
                };
                let here: Vec<String> = addresses.iter().filter(is_here).cloned().collect();
                if !here.is_empty() {
                    self.knows(Known::Addresses(here, place.clone()));
                }
            }
            List::Accounts { elsewhere } => {
                self.knows(Known::Map(
                    "/etc/passwd".into(),
                    "the accounts of this host".to_owned(),
                ));
                if let Some(elsewhere) = elsewhere {
                    self.lacks(format!("accounts of {elsewhere} (nsswitch.conf)"));
                }
            }
            List::Patterns { path, patterns } => self.add_patterns(path, patterns),
            List::Server {
                written,
                kind,
                file,
                key,
                whole_domains,
            } => {
                if !file.answers_for(self.domain.as_str()) {
                    return;
                }
                match whole_domains {
                    Ok(domains) if domains.contains_key(self.domain) => {
                        self.catches_all(written.clone());
                    }
                    Ok(_) => {}
                    Err(why) => self.lacks(format!(
                        "the catch-alls of {written} ({why}); if it has `@{}`, use `catch_all: {{mail: accept, bounces: reject}}`",
                        self.domain
                    )),
                }
                match file.asked(*kind, *key) {
                    // What is the same for every address makes nobody known: it is a catch-all.
                    Ok(asked) if is_for_domains(&asked) => {}
                    Ok(asked) => {
                        let secret = file
                            .secret(*kind)
                            .map(|secret| passwords.file(*kind, secret));
                        self.knows(Known::Server(
                            self.at_domain(asked),
                            secret,
                            written.clone(),
                        ));
                    }
                    Err(why) => self.lacks(format!("{written}: {why}")),
                }
            }
            List::Everybody { why } => self.catches_all(why.clone()),
            List::Unread { written, why } => self.lacks(format!("{written}: {why}")),
        }
    }

    fn add_patterns(&mut self, path: &Path, patterns: &[Pattern]) {
        let source = path.display().to_string();
        for pattern in patterns {
            match pattern {
                Pattern::Rule { local, domain }
                    if domain.as_ref().is_none_or(|domain| domain == self.domain) =>
                {
                    self.rules.push((local.clone(), source.clone()));
                }
                Pattern::Rule { .. } => {}
                Pattern::WholeDomain(domain) if domain == self.domain => {
                    self.catches_all(source.clone())
                }
                Pattern::WholeDomain(_) => {}
                Pattern::Other(line) => self.lacks(format!("{source}: {line}")),
            }
        }
    }

    fn knows(&mut self, known: Known) {
        if !self.known.contains(&known) {
            self.known.push(known);
        }
    }

    fn catches_all(&mut self, source: String) {
        self.catch_all.get_or_insert(source);
    }

    fn lacks(&mut self, what: String) {
        self.unread.get_or_insert(what);
    }

    /// The base of a search with the domain in it.
    fn at_domain(&self, mut asked: Asked) -> Asked {
        if let Asked::Ldap { base, .. } = &mut asked {
            *base = base.replace("%d", self.domain.as_str());
        }
        asked
    }

    fn rest(&self, facts: &Facts) -> Rest {
        if let Some(source) = self.catch_all.clone() {
            let nobody = self.known.is_empty() && self.rules.is_empty();
            let unread = match nobody {
                true => Some("a list of the addresses that send mail".to_owned()),
                false => self.unread.clone(),
            };
            return Rest::CatchAll { source, unread };
        }
        let is_strict = match &facts.mta {
            Mta::Postfix { settings, .. } => settings.is_on("smtpd_reject_unlisted_recipient"),
            Mta::Sendmail(_) => true,
        };
        match (&self.unread, is_strict) {
            (Some(unread), _) => Rest::LeftToMta(format!(
                "All others are left to the MTA, because this list is not complete. It lacks: {unread}"
            )),
            (None, true) => Rest::LeftToMta("The MTA refuses all others itself".to_owned()),
            (None, false) => Rest::Refused,
        }
    }
}

/// Whether the answer is the same for all addresses of a domain.
fn is_for_domains(asked: &Asked) -> bool {
    let (Asked::Sql { query: text, .. } | Asked::Ldap { filter: text, .. }) = asked;
    !text.contains(":address") && !text.contains(":local")
}
