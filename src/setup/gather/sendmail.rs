//! Reads Sendmail.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    super::{
        facts::{Class, Deliveries, Facts, List, Mta, Role},
        machine::Machine,
        mail_log::SENDMAIL,
        sendmail::Sendmail,
    },
    Domains, day,
    deliveries::Collector,
    lists,
};
use crate::core::address::Domain;

const MC: &str = "/etc/mail/sendmail.mc";
const CF: [&str; 2] = ["/etc/mail/sendmail.cf", "/etc/sendmail.cf"];

pub(super) fn is_there(machine: &Machine) -> bool {
    machine.has(MC) || CF.iter().any(|path| machine.has(path))
}

/// Its facts; none where there is no Sendmail.
pub(super) async fn facts(machine: &Machine, named: &[Domain]) -> Result<Option<Facts>, String> {
    let cf = CF.iter().find(|path| machine.has(path));
    let has_mc = machine.has(MC);
    if !is_there(machine) {
        return Ok(None);
    }
    let mut unread = Vec::new();
    let mut sendmail = match cf {
        Some(path) => {
            let text = machine.read(Path::new(path))?;
            let mut sendmail = Sendmail::of_cf(&text);
            sendmail.cf_text = text;
            sendmail
        }
        None => Sendmail::default(),
    };
    if has_mc {
        sendmail.mc_text = machine.read(Path::new(MC))?;
        sendmail.mc = Some(PathBuf::from(MC));
        if cf.is_none() {
            let text = sendmail.mc_text.clone();
            sendmail.read_mc(&text);
        }
    }
    let mut domains = Domains::default();
    for domain in named {
        domains.add(domain.as_str(), Class::Local, "named on the command line");
    }
    let host = sendmail.host.clone().unwrap_or_else(|| machine.host_name());
    domains.add(&host, Class::Local, "the name of the host");
    let mut add =
        |names: &[String], files: &[PathBuf], class, source: &str, unread: &mut Vec<String>| {
            names.iter().for_each(|name| {
                domains.add(name, class, source);
            });
            for file in files {
                match machine.read(file) {
                    Ok(text) => {
                        let lines = text
                            .lines()
                            .map(str::trim)
                            .filter(|line| !line.starts_with('#'));
                        for line in lines.filter(|line| class != Class::Relay || is_name(line)) {
                            domains.add(line, class, &file.display().to_string());
                        }
                    }
                    // `FR-o FILE`: it need not be there.
                    Err(_) if !machine.place(file).exists() => {}
                    Err(why) => unread.push(why),
                }
            }
        };
    add(
        &sendmail.local,
        &sendmail.local_files,
        Class::Local,
        "class w",
        &mut unread,
    );
    add(
        &sendmail.virtual_domains,
        &sendmail.virtual_files,
        Class::Alias,
        "VIRTUSER_DOMAIN",
        &mut unread,
    );
    let access = access(machine, &sendmail, &mut unread);
    // `To:example.org RELAY`, or without a tag, as it was before Sendmail 8.10.
    let relayed = access
        .iter()
        .filter(|(key, value)| value == "RELAY" && !key.contains('@'));
    let relayed: Vec<String> = relayed
        .map(|(key, _)| key.trim_start_matches("to:").to_owned())
        .filter(|key| is_name(key))
        .collect();
    add(&relayed, &[], Class::Relay, "the access table", &mut unread);
    let names = sendmail.relayed.iter().filter(|name| is_name(name));
    let names: Vec<String> = names.cloned().collect();
    add(
        &names,
        &sendmail.relay_files,
        Class::Relay,
        "class R",
        &mut unread,
    );
    let mut hops: BTreeMap<String, String> = BTreeMap::new();
    if let Some(path) = text_of(sendmail.map("mailertable")) {
        match machine.read(&path) {
            Ok(text) => hops.extend(lists::pairs(&text)),
            Err(why) => unread.push(why),
        }
    }
    for found in &mut domains.found {
        if found.class == Class::Relay {
            found.next_hop = hops.get(found.domain.as_str()).cloned();
        }
    }
    // `error:5.7.1:550 closed` refuses all mail for it.
    domains.found.retain(|found| {
        let hop = found.next_hop.as_ref();
        hop.is_none_or(|hop| !hop.starts_with("error:"))
    });
    let lists = lists_of(machine, &sendmail);
    let deliveries = deliveries(machine, &sendmail);
    let all_domains_read = unread.is_empty();
    let networks = networks(machine, &sendmail, &access);
    let log = day(machine, &SENDMAIL, "", &mut unread).await;
    Ok(Some(Facts {
        host,
        domains: domains.found,
        all_domains_read,
        covered: BTreeSet::new(),
        remarks: lists::hidden(machine, lists.values().flatten()),
        lists,
        deliveries,
        networks,
        networks_by_style: None,
        log,
        machine: machine.facts(),
        unread,
        mta: Mta::Sendmail(Box::new(sendmail)),
    }))
}

/// A map without the ending of its compiled form.
fn text_of(path: Option<&PathBuf>) -> Option<PathBuf> {
    path.map(|path| match path.extension() {
        Some(ending) if ending == "db" => path.with_extension(""),
        _ => path.clone(),
    })
}

fn lists_of(machine: &Machine, sendmail: &Sendmail) -> BTreeMap<Class, Vec<List>> {
    let virtuser = text_of(sendmail.map("virtuser"));
    let virtuser: Vec<List> = virtuser
        .map(|path| lists::map(machine, path, "virtusertable"))
        .into_iter()
        .collect();
    let mut local = virtuser.clone();
    local.push(lists::accounts(machine));
    for file in &sendmail.aliases {
        local.push(lists::map(machine, file.clone(), "aliases"));
    }
    if sendmail.luser_relay {
        let why = "LUSER_RELAY".to_owned();
        local.push(List::Everybody { why });
    }
    BTreeMap::from([(Class::Local, local), (Class::Alias, virtuser)])
}

fn deliveries(machine: &Machine, sendmail: &Sendmail) -> Deliveries {
    let mut collector = Collector::new(machine);
    for file in &sendmail.aliases {
        collector.text(file, Role::Alias);
    }
    for (role, name) in [
        (Role::Virtual, "virtuser"),
        (Role::Transport, "mailertable"),
    ] {
        if let Some(path) = text_of(sendmail.map(name)) {
            collector.text(&path, role);
        }
    }
    collector.host(matches!(
        lists::accounts(machine),
        List::Accounts { elsewhere: Some(_) }
    ));
    collector.found
}

/// Whether it names a domain: neither a network, nor one of a kind (`connect:`).
fn is_name(word: &str) -> bool {
    let has_letter = |part: &str| part.bytes().any(|byte| byte.is_ascii_alphabetic());
    !word.contains(':') && word.rsplit('.').next().is_some_and(has_letter)
}

/// The keys of the access table, in small letters, and their values.
fn access(
    machine: &Machine,
    sendmail: &Sendmail,
    unread: &mut Vec<String>,
) -> Vec<(String, String)> {
    let Some(path) = text_of(sendmail.map("access")) else {
        return Vec::new();
    };
    match machine.read(&path) {
        Ok(text) => lists::pairs(&text),
        Err(why) => {
            unread.push(why);
            Vec::new()
        }
    }
}

/// Networks that the access table or class R relays for: `Connect:192.168.1 RELAY`.
fn networks(machine: &Machine, sendmail: &Sendmail, access: &[(String, String)]) -> Vec<String> {
    let relays = access.iter().filter(|(_, value)| value == "RELAY");
    let mut prefixes: Vec<String> = relays
        .map(|(key, _)| key.trim_start_matches("connect:").to_owned())
        .collect();
    prefixes.extend(sendmail.relayed.iter().cloned());
    for file in &sendmail.relay_files {
        let text = machine.read(file).unwrap_or_default();
        prefixes.extend(text.lines().map(|line| line.trim().to_owned()));
    }
    let mut found = Vec::new();
    for prefix in prefixes {
        let octets: Vec<&str> = prefix.split('.').collect();
        let is_v4 = octets.len() <= 4 && octets.iter().all(|octet| octet.parse::<u8>().is_ok());
        if is_v4 {
            let zeros = ".0".repeat(4 - octets.len());
            found.push(format!("{prefix}{zeros}/{}", octets.len() * 8));
        } else if let Some(v6) = prefix.strip_prefix("ipv6:") {
            found.push(v6.to_owned());
        }
    }
    found
}
