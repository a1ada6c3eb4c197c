//! What was read of the machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
};

use super::{
    mail_log::Day,
    map_file::MapFile,
    master::Service,
    sendmail::Sendmail,
    settings::Settings,
    sql_query::Key,
    table::Kind,
    text_map::{Keys, Pattern},
};
use crate::core::address::Domain;

/// Everything that a set-up follows from.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The name of the MTA.
    pub host: String,
    /// The MTA.
    pub mta: Mta,
    /// The domains that it receives for, each once.
    pub domains: Vec<FoundDomain>,
    /// Whether these are all: each list of domains could be read.
    pub all_domains_read: bool,
    /// Relay domains whose mail came from other hosts within a day, all of which their SPF allows.
    pub covered: BTreeSet<Domain>,
    /// Who exists in the domains of a class.
    pub lists: BTreeMap<Class, Vec<List>>,
    /// The clients that it trusts: networks as they stand in mynetworks.
    pub networks: Vec<String>,
    /// Whether these follow from `mynetworks_style` only.
    pub networks_by_style: Option<String>,
    /// Where it sends mail on, and the files of programs that it hands mail to.
    pub deliveries: Deliveries,
    /// A day of its log.
    pub log: Option<Day>,
    /// The host.
    pub machine: MachineFacts,
    /// What the administrator must do besides: files that the daemon can't read, programs that write main.cf.
    pub remarks: Vec<String>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

/// The MTA, and what changes of it depend on.
#[derive(Clone, Debug)]
pub enum Mta {
    /// Postfix.
    Postfix {
        /// main.cf.
        settings: Box<Settings>,
        /// master.cf.
        services: Vec<Service>,
        /// The folder of both.
        folder: PathBuf,
    },
    /// Sendmail.
    Sendmail(Box<Sendmail>),
}

/// Addresses of the host.
#[derive(Clone, Debug, Default)]
pub struct MachineFacts {
    /// Its own.
    pub addresses: Vec<IpAddr>,
    /// Where its packets to others go.
    pub gateways: Vec<IpAddr>,
    /// Whether Docker or Podman translates addresses here, or this is a container.
    pub has_containers: bool,
}

/// How the MTA knows a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// mydestination; class w of Sendmail.
    Local,
    /// virtual_alias_domains.
    Alias,
    /// virtual_mailbox_domains.
    Mailbox,
    /// relay_domains.
    Relay,
}

/// A domain that the MTA receives for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDomain {
    /// Its name.
    pub domain: Domain,
    /// How the MTA knows it.
    pub class: Class,
    /// Where it stands: `mydestination`.
    pub source: String,
    /// Where its mail goes: none where its MX records say it, so that this host is a backup MX.
    pub next_hop: Option<String>,
}

/// Some of the addresses that exist.
#[derive(Clone, Debug)]
pub enum List {
    /// The text of a lookup table, or of aliases(5).
    Map {
        /// The file.
        path: PathBuf,
        /// Its keys.
        keys: Keys,
    },
    /// A pcre or regexp table.
    Patterns {
        /// The file.
        path: PathBuf,
        /// Its lines.
        patterns: Vec<Pattern>,
    },
    /// A table that asks a server.
    Server {
        /// As it stands in main.cf.
        written: String,
        /// The kind of server.
        kind: Kind,
        /// Its file.
        file: MapFile,
        /// What is asked for.
        key: Key,
        /// Its catch-alls: the domains, and where their mail goes.
        ///
        /// # Errors
        /// Why it could not be asked.
        whole_domains: Result<BTreeMap<Domain, String>, String>,
    },
    /// The accounts of the host; `elsewhere` names where nsswitch.conf looks besides /etc/passwd.
    Accounts {
        /// Such as `sss`.
        elsewhere: Option<String>,
    },
    /// Keys in main.cf itself.
    Inline {
        /// Where: `virtual_alias_maps`.
        place: String,
        /// The addresses.
        addresses: Vec<String>,
        /// The same, by what they mean.
        keys: Keys,
    },
    /// Everybody: `static:`, or an empty list of recipients.
    Everybody {
        /// Why.
        why: String,
    },
    /// One that can't be read.
    Unread {
        /// As it stands in main.cf.
        written: String,
        /// Why.
        why: String,
    },
}

/// Where an MTA sends on what it has accepted.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    /// Lines of tables and of forward files.
    pub entries: Vec<Entry>,
    /// The names of accounts and aliases; none where not all could be read.
    pub local_names: Option<BTreeSet<String>>,
    /// The addresses of mailboxes and of relayed domains; none where not all could be read.
    pub recipients: Option<BTreeSet<String>>,
    /// Files of filters, of Dovecot and of procmail, and programs in text.
    pub texts: Vec<TextFile>,
}

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// aliases(5).
    Alias,
    /// virtual(5), or Sendmail's virtusertable.
    Virtual,
    /// transport(5), or Sendmail's mailertable.
    Transport,
    /// mailbox_transport_maps and fallback_transport_maps.
    Mailer,
    /// relocated(5).
    Relocated,
    /// `FILTER` in an access table, or in header_checks.
    Filter,
    /// A user's .forward: the key is the user.
    Forward,
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is for.
    pub role: Role,
    /// The file.
    pub file: PathBuf,
    /// From 1; none for a key in main.cf itself.
    pub line: Option<usize>,
    /// In small letters.
    pub key: String,
    /// What stands behind it.
    pub value: String,
}

/// A file in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}
