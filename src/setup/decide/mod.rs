//! Decides what to write: facts in, a plan out. It reads and writes nothing.

mod networks;
pub(super) mod postfix;
mod recipients;
mod sendmail;
mod yaml;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

pub use self::{
    networks::NetworkChoice,
    postfix::{Change, What},
};
use self::{
    postfix::Changes,
    recipients::{Entry, Passwords, Rest},
};
use super::{
    backscatter::{self, Finding},
    facts::{Class, Facts, FoundDomain, Mta},
    map_file::Secret,
};
use crate::{core::address::Domain, milter::ListenAddress};

/// A file that is larger is not read; some room is left for what an administrator adds.
const LARGEST_FILE: usize = 900_000;

/// What a set-up would write.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The text of `milter.yaml`.
    pub yaml: String,
    /// Files for passwords, and what goes into them.
    pub passwords: Vec<(PathBuf, Secret)>,
    /// The folder of the MTA's files.
    pub mta_folder: PathBuf,
    /// The changes of the MTA.
    pub changes: Vec<Change>,
    /// What makes these changes impossible.
    pub blocked: Option<String>,
    /// What was left out, and other remarks.
    pub notes: Vec<String>,
    /// What the MTA accepts first and bounces later.
    pub backscatter: Vec<Finding>,
    /// What could not be read.
    pub unread: Vec<String>,
}

/// Which domains are `local.domains`, and why others are not.
pub fn domains(facts: &Facts) -> (Vec<&FoundDomain>, Vec<String>) {
    let is_backup = |found: &&FoundDomain| found.class == Class::Relay && found.next_hop.is_none();
    let (backups, ours): (Vec<_>, Vec<_>) = facts.domains.iter().partition(is_backup);
    let left_out = backups.iter().map(|found| {
        format!(
            "local.domains: {} is left out. It is in {}, and its mail goes where its MX records say, so this host is a backup \
             MX for it",
            found.domain, found.source
        )
    });
    (ours, left_out.collect())
}

/// Which networks are `local.networks`, and why others are not.
pub fn networks(facts: &Facts) -> Vec<NetworkChoice> {
    networks::networks(facts)
}

/// The plan for a daemon that listens there. Passwords go into files in `folder`.
pub fn plan(facts: &Facts, listen: &ListenAddress, folder: &Path) -> Plan {
    let (ours, mut notes) = domains(facts);
    let networks = networks(facts);
    for NetworkChoice { network, decision } in &networks {
        if let Err(why) = decision {
            notes.push(format!("local.networks: {network} is left out: {why}"));
        }
    }
    let mut passwords = Passwords {
        folder: folder.to_owned(),
        files: Vec::new(),
    };
    let mut entries: Vec<Entry> = ours
        .iter()
        .filter_map(|found| recipients::entry(facts, found, &mut passwords))
        .collect();
    for entry in &entries {
        if let Rest::CatchAll {
            unread: Some(unread),
            ..
        } = &entry.rest
        {
            notes.push(format!(
                "recipients: {} has a catch-all, and bounces to addresses that no list has are accepted, because this is not \
                 known: {unread}",
                entry.domain
            ));
        }
    }
    let Changes {
        changes,
        notes: remarks,
        blocked,
    } = match &facts.mta {
        Mta::Postfix {
            settings, services, ..
        } => postfix::changes(settings, services, listen),
        Mta::Sendmail(sendmail) => sendmail::changes(sendmail, listen),
    };
    notes.extend(remarks);
    notes.extend(facts.remarks.iter().cloned());
    let mut text = yaml::text(facts, listen, &ours, &networks, &entries);
    if text.len() > LARGEST_FILE {
        let all = entries.len();
        entries.retain(|entry| matches!(entry.rest, Rest::CatchAll { .. } | Rest::Refused));
        notes.push(format!(
            "recipients: with all {all} domains the file would be too large, so only those are in it for which the MTA takes mail \
             to every address: {}",
            entries.len()
        ));
        text = yaml::text(facts, listen, &ours, &networks, &entries);
    }
    Plan {
        yaml: text,
        passwords: passwords.files,
        mta_folder: match &facts.mta {
            Mta::Postfix { folder, .. } => folder.clone(),
            Mta::Sendmail(_) => PathBuf::from("/etc/mail"),
        },
        changes,
        blocked,
        notes,
        backscatter: backscatter::findings(facts, &BTreeSet::new()),
        unread: facts.unread.clone(),
    }
}

/// Relay domains, whose mail other hosts send as well, unless SPF was seen to cover these hosts.
fn relayed<'a>(facts: &Facts, ours: &[&'a FoundDomain]) -> Vec<&'a Domain> {
    let is_open = |found: &&&FoundDomain| {
        found.class == Class::Relay && !facts.covered.contains(&found.domain)
    };
    let relayed = ours.iter().filter(is_open);
    relayed.map(|found| &found.domain).collect()
}
