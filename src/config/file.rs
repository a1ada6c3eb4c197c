//! The keys of `milter.yaml`. The types of a section are in the module that uses it.

use std::path::PathBuf;

use log::LevelFilter;
use serde::Deserialize;

use super::local::LocalSection;
use crate::{
    core::{
        attack,
        dnsbl::Dnsbl,
        exempt::Exemptions,
        forgery::Forgery,
        forwarded::Outbound,
        header_rules::HeaderRule,
        null_sender::NullSender,
        pattern::AddressPattern,
        proof,
        recipients::{ClassAnswer, LocalPartRule, Scope},
        siege,
        spf_rules::SpfRules,
        verdict::Mode,
    },
    directory::{ldap::Ldap, sql::Sql, tenants::TenantSettings},
    dns,
    engine::DrainSettings,
    milter::{ListenAddress, SocketOptions},
    observe,
    store::StoreUrl,
};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub listen: ListenAddress,
    pub socket: SocketOptions,
    pub mode: Mode,
    pub local: LocalSection,
    pub dns: dns::DnsSettings,
    pub spf: SpfRules,
    pub forgery: Forgery,
    pub null_sender: NullSender,
    #[serde(deserialize_with = "Exemptions::deserialize_unjudged")]
    pub exempt: Exemptions,
    pub recipients: Vec<Entry>,
    pub tenants: TenantSettings,
    pub dnsbl: Vec<Dnsbl>,
    pub headers: Vec<HeaderRule>,
    pub outbound: Outbound,
    pub proof: proof::ProofSettings,
    pub siege: siege::Settings,
    pub store: StoreUrl,
    pub report: attack::ReportSettings,
    pub observe: observe::ObserveSettings,
    pub drain: DrainSettings,
    pub log: Log,
}

impl Default for File {
    fn default() -> Self {
        Self {
            listen: ListenAddress::Inet {
                host: "127.0.0.1".to_owned(),
                port: 8894,
                ipv6: false,
            },
            socket: SocketOptions::default(),
            // Nothing is refused until the administrator says so.
            mode: Mode::Monitor,
            local: LocalSection::default(),
            dns: dns::DnsSettings::default(),
            spf: SpfRules::default(),
            forgery: Forgery::default(),
            null_sender: NullSender::default(),
            exempt: Exemptions::unjudged(),
            recipients: Vec::new(),
            tenants: TenantSettings::default(),
            dnsbl: Vec::new(),
            headers: Vec::new(),
            outbound: Outbound::default(),
            proof: proof::ProofSettings::default(),
            siege: siege::Settings::default(),
            store: StoreUrl::default(),
            report: attack::ReportSettings::default(),
            observe: observe::ObserveSettings::default(),
            drain: DrainSettings::default(),
            log: Log::default(),
        }
    }
}

/// One entry of `recipients:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub domain: Scope,
    #[serde(default)]
    pub known: Vec<KnownList>,
    #[serde(default)]
    pub rules: Vec<LocalPartRule>,
    pub catch_all: Option<ClassAnswer>,
    pub unknown: Option<ClassAnswer>,
}

/// One entry of `recipients[].known`: exactly one of the five.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownList {
    pub addresses: Option<Vec<AddressPattern>>,
    pub file: Option<PathBuf>,
    pub postfix_map: Option<PathBuf>,
    pub sql: Option<Box<Sql>>,
    pub ldap: Option<Box<Ldap>>,
}

/// `log:` of `milter.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The lowest level that is written.
    pub level: Level,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::Info }
    }
}

/// The words for `log.level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing.
    Off,
    /// What stops the daemon, or a reload.
    Error,
    /// And what an administrator should fix.
    Warn,
    /// And one line for each decision.
    Info,
    /// And every check.
    Debug,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::Off,
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
        }
    }
}
