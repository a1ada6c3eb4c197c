//! `local:` of `milter.yaml`: who we are. Some of our domains may stand in lists elsewhere.

use std::{fmt, ops::Deref, path::PathBuf};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, value::MapAccessDeserializer},
};

use crate::{
    core::{
        address::Domain,
        authserv_id::AuthservId,
        local::{Authenticated, Local},
        network::Network,
        pattern::DomainPattern,
        serde_text::unless_empty,
    },
    directory::{
        ldap::LdapList,
        sql::SqlList,
        table::{self, Kind, Table, Word},
    },
};

/// The section, with the domains that it names itself.
#[derive(Debug, Default)]
pub(super) struct LocalSection {
    local: Local,
    /// The place in `domains` of each name, as often as it stands there.
    pub names: Vec<(usize, DomainPattern)>,
    /// The lists, each with its place in `domains`.
    pub lists: Vec<(usize, DomainList)>,
}

impl LocalSection {
    /// Whether no domain can be ours.
    pub fn has_no_domain(&self) -> bool {
        self.domains.is_empty() && self.lists.is_empty()
    }

    /// Whether the domains that it names are all there are.
    pub fn names_all(&self) -> bool {
        self.lists.is_empty()
    }

    /// Who we are, as far as this file says.
    pub fn into_local(self) -> Local {
        self.local
    }
}

impl Deref for LocalSection {
    type Target = Local;

    fn deref(&self) -> &Local {
        &self.local
    }
}

impl<'de> Deserialize<'de> for LocalSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Keys::deserialize(deserializer).map(Self::from)
    }
}

/// The keys, as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    domains: Vec<OwnDomain>,
    networks: Vec<Network>,
    authenticated: Authenticated,
    daemons: Vec<String>,
    #[serde(deserialize_with = "unless_empty")]
    default_domain: Option<Domain>,
    recipient_delimiter: String,
    #[serde(deserialize_with = "unless_empty")]
    authserv_id: Option<AuthservId>,
}

impl Default for Keys {
    fn default() -> Self {
        let Local {
            domains: _,
            networks,
            authenticated,
            daemons,
            default_domain,
            recipient_delimiter,
            authserv_id,
        } = Local::default();
        Self {
            domains: Vec::new(),
            networks,
            authenticated,
            daemons,
            default_domain,
            recipient_delimiter,
            authserv_id,
        }
    }
}

impl From<Keys> for LocalSection {
    fn from(keys: Keys) -> Self {
        let (mut names, mut lists) = (Vec::new(), Vec::new());
        for (place, domain) in keys.domains.into_iter().enumerate() {
            match domain {
                OwnDomain::Name(name) => names.push((place, name)),
                OwnDomain::List(list) => {
                    let map = list.postfix_map.iter().flat_map(|map| &map.words);
                    let named = map.filter_map(|word| match word {
                        MapWord::Name(name) => Some((place, name.clone())),
                        MapWord::File(_) | MapWord::Wrong { .. } => None,
                    });
                    names.extend(named);
                    lists.push((place, *list));
                }
            }
        }
        let local = Local {
            domains: names.iter().map(|(_, name)| name.clone()).collect(),
            networks: keys.networks,
            authenticated: keys.authenticated,
            daemons: keys.daemons,
            default_domain: keys.default_domain,
            recipient_delimiter: keys.recipient_delimiter,
            authserv_id: keys.authserv_id,
        };
        Self {
            local,
            names,
            lists,
        }
    }
}

/// One entry of `local.domains`.
enum OwnDomain {
    Name(DomainPattern),
    List(Box<DomainList>),
}

/// A list in `local.domains`: exactly one of the four.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainList {
    pub file: Option<PathBuf>,
    pub postfix_map: Option<PostfixMap>,
    pub sql: Option<Box<SqlList>>,
    pub ldap: Option<Box<LdapList>>,
}

impl<'de> Deserialize<'de> for OwnDomain {
    /// By hand, because an untagged serde enum would lose the line and column of a mistake.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = OwnDomain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a domain (example.org, or .example.org for the names below it) or a list: {file: PATH}, {postfix_map: PATH}, \
                     {sql: {...}} or {ldap: {...}}",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OwnDomain, E> {
                text.parse().map(OwnDomain::Name).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OwnDomain, A::Error> {
                let list = DomainList::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OwnDomain::List(Box::new(list)))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A path, or what main.cf has for a list of domains.
#[derive(Debug)]
pub(super) struct PostfixMap {
    pub words: Vec<MapWord>,
}

/// A word of it.
#[derive(Debug)]
pub(super) enum MapWord {
    /// A domain.
    Name(DomainPattern),
    /// A table in text.
    File(PathBuf),
    /// What can't be read.
    Wrong { message: String, help: String },
}

impl<'de> Deserialize<'de> for PostfixMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = String::deserialize(deserializer)?;
        let words = table::list(&value);
        Ok(Self {
            words: words.into_iter().flat_map(map_words).collect(),
        })
    }
}

fn map_words(word: Word) -> Vec<MapWord> {
    let wrong = |message: String, help: &str| {
        let help = help.to_owned();
        vec![MapWord::Wrong { message, help }]
    };
    match word {
        Word::File(path) => vec![MapWord::File(path)],
        Word::Table(table) => table_words(&table),
        Word::Plain(word) if word.starts_with('$') => wrong(
            format!("`{word}` stands for another parameter of main.cf, which is not read here"),
            "use the value itself: `postconf -xh virtual_mailbox_domains` shows it, with such names replaced",
        ),
        Word::Plain(word) if word.contains('/') => vec![MapWord::File(word.into())],
        Word::Plain(word) => match word.parse::<DomainPattern>() {
            Ok(name) if word.contains('.') => vec![MapWord::Name(name)],
            _ => wrong(
                format!("`{word}` is neither a path nor a domain"),
                "expected a path with a `/`, a table as in main.cf, such as hash:/etc/postfix/vdomains, or a domain with a dot",
            ),
        },
        Word::Not(word) => wrong(
            format!("`!{word}` takes a domain out again, which a list here can't"),
            "use a list without that domain",
        ),
    }
}

fn table_words(table: &Table) -> Vec<MapWord> {
    let (kind, _) = table.direct().split_once(':').unwrap_or_default();
    let help = match table.kind {
        Kind::Text => return vec![MapWord::File(table.path())],
        Kind::Inline => {
            let keys = table.inline_keys().into_iter();
            let names = keys.filter_map(|(key, _)| key.parse().ok());
            return names.map(MapWord::Name).collect();
        }
        Kind::Mysql | Kind::Postgres | Kind::Sqlite => {
            "use {sql: {url: ..., query: SELECT domain FROM domain WHERE active}}, with a query for all domains"
        }
        Kind::Ldap => {
            "use {ldap: {url: ..., base: ..., filter: (objectClass=mailDomain), attribute: domainName}}, with a filter for all \
             domains"
        }
        Kind::Patterns => {
            "use the names of the domains, or .example.org for all names below one: what a pattern matches can't be listed"
        }
        Kind::Accounts | Kind::Static | Kind::Unreadable => {
            "use a file with the names, one a line: {file: PATH}; or write the names here"
        }
    };
    vec![MapWord::Wrong {
        message: format!("`{table}` is a table of the type `{kind}:`, which is not read"),
        help: help.to_owned(),
    }]
}
