//! Reads Postfix.

mod deliveries;
mod domains;
mod recipients;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    super::{
        facts::{Class, Facts, Mta},
        lines::words,
        machine::Machine,
        mail_log::{Day, POSTFIX},
        master::services,
        settings::Settings,
    },
    Domains, MAX_QUESTIONS, day, lists,
};
use crate::core::address::Domain;

const MAIN: &str = "/etc/postfix";

/// Its facts; none where there is no Postfix.
pub(super) async fn facts(machine: &Machine, named: &[Domain]) -> Result<Option<Facts>, String> {
    let Some((settings, folder)) = settings(machine).await? else {
        return Ok(None);
    };
    let mut unread = Vec::new();
    let master = machine.read(&folder.join("master.cf"));
    let master = master.map(|text| services(&text)).unwrap_or_else(|why| {
        unread.push(why);
        Vec::new()
    });
    let maillog_file = settings.value("maillog_file");
    let log = day(machine, &POSTFIX, &maillog_file, &mut unread).await;
    let mut reading = Reading {
        machine,
        settings: &settings,
        log: log.as_ref(),
        named,
        domains: Domains::default(),
        all_domains_read: true,
        unread,
        questions: 0,
    };
    for (class, name) in [
        (Class::Local, "mydestination"),
        (Class::Alias, "virtual_alias_domains"),
        (Class::Mailbox, "virtual_mailbox_domains"),
        (Class::Relay, "relay_domains"),
    ] {
        reading.list(class, name).await;
    }
    reading.next_hops().await;
    let lists = reading.lists().await;
    let deliveries = deliveries::of(machine, &settings, &master, &folder);
    let mut remarks = lists::hidden(machine, lists.values().flatten());
    remarks.extend(writer(machine, &folder));
    let networks = reading.networks();
    let all_domains_read = reading.all_domains_read;
    let (domains, unread) = (reading.domains.found, reading.unread);
    let style = (!settings.is_set("mynetworks")).then(|| settings.value("mynetworks_style"));
    Ok(Some(Facts {
        host: settings.value("myhostname"),
        domains,
        all_domains_read,
        covered: BTreeSet::new(),
        lists,
        deliveries,
        networks,
        networks_by_style: style.filter(|style| style != "host"),
        log,
        remarks,
        machine: machine.facts(),
        unread,
        mta: Mta::Postfix {
            settings: Box::new(settings),
            services: master,
            folder,
        },
    }))
}

/// From `postconf`, or from main.cf where that can't be asked.
async fn settings(machine: &Machine) -> Result<Option<(Settings, PathBuf)>, String> {
    let folder = machine.postfix.clone();
    if let Some(all) = machine.postconf(&[]).await? {
        let set = machine.postconf(&["-n"]).await?.unwrap_or_default();
        let settings = Settings::of_postconf(&all, &set);
        let folder = folder.unwrap_or_else(|| PathBuf::from(settings.value("config_directory")));
        let main = machine.read(&folder.join("main.cf")).unwrap_or_default();
        return Ok(Some((settings.with_lines_of(&main), folder)));
    }
    let folder = folder.unwrap_or_else(|| PathBuf::from(MAIN));
    let main = folder.join("main.cf");
    if !machine.place(&main).exists() {
        return Ok(None);
    }
    let settings = Settings::of_main_cf(&machine.read(&main)?, &machine.host_name());
    let place = ("config_directory".to_owned(), folder.display().to_string());
    let settings = if settings.is_set(&place.0) {
        settings
    } else {
        settings.with(&[place])
    };
    Ok(Some((settings, folder)))
}

/// A program that writes main.cf anew, and what would be lost.
fn writer(machine: &Machine, folder: &Path) -> Option<String> {
    let extra = folder.join("extra.cf");
    if machine.place(&extra).exists() {
        return Some(format!(
            "mailcow writes main.cf anew when its container starts: copy the lines of main.cf into {}, too",
            extra.display()
        ));
    }
    machine.has("/etc/mailinabox.conf").then(|| {
        "Mail-in-a-Box sets smtpd_milters anew when it is upgraded: call `backstop setup --apply` again after that".to_owned()
    })
}

struct Reading<'a> {
    machine: &'a Machine,
    settings: &'a Settings,
    log: Option<&'a Day>,
    named: &'a [Domain],
    domains: Domains,
    all_domains_read: bool,
    unread: Vec<String>,
    questions: usize,
}

impl Reading<'_> {
    fn default_type(&self) -> String {
        self.settings.value("default_database_type")
    }

    /// What a table has for a key.
    ///
    /// # Errors
    /// It can't be asked.
    async fn asked(&mut self, table: &str, key: &str) -> Result<Option<String>, String> {
        self.questions += 1;
        if self.questions > MAX_QUESTIONS {
            return Err(format!(
                "more than {MAX_QUESTIONS} questions would be needed"
            ));
        }
        self.machine.postmap(table, key).await
    }

    /// The words of mynetworks, with those of its files and cidr tables.
    fn networks(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        for word in words(&self.settings.value("mynetworks")) {
            let (kind, path) = match word.split_once(":/") {
                Some((kind, rest)) if !kind.contains('[') => (kind, format!("/{rest}")),
                _ if word.starts_with('/') => ("", word.clone()),
                _ => {
                    found.push(word);
                    continue;
                }
            };
            match self.machine.read(Path::new(&path)) {
                Ok(text) if ["", "cidr", "hash", "lmdb", "texthash", "btree"].contains(&kind) => {
                    let first = |line: &str| {
                        line.split([' ', '\t', ','])
                            .next()
                            .unwrap_or_default()
                            .to_owned()
                    };
                    let lines = text
                        .lines()
                        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
                    found.extend(lines.map(first));
                }
                Ok(_) => self
                    .unread
                    .push(format!("mynetworks: {word} is of a type that is not read")),
                Err(why) => self.unread.push(format!("mynetworks: {why}")),
            }
        }
        found
    }
}
