//! Writes a folder of reports to abuse desks, for a human to read and send.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::UNIX_EPOCH,
};

use data_encoding::HEXLOWER;

use super::{
    arf::{AbuseReport, UNTRUSTED, domain_of},
    arf_origin::OriginReport,
    complaints::{Complaint, Complaints},
    view::{View, compact, exact},
};
use crate::{
    config::Config,
    core::{
        attack::{AttackTally, Sample, network, redact::Redaction},
        local::Local,
    },
};

/// The maximum number of origins that are listed although there is no report about them.
const MAX_SPARED: usize = 50;
/// The length of a key for one export, in octets.
const SECRET: usize = 32;

/// The samples that came to this domain of `local.domains`, or to any of them.
pub(super) fn of_domain(samples: Vec<Sample>, local: &Local, domain: Option<&str>) -> Vec<Sample> {
    let ours = samples.into_iter().filter(|sample| {
        let of = domain_of(sample, local).map(|of| of.as_str());
        of.is_some() && domain.is_none_or(|domain| of == Some(domain))
    });
    ours.collect()
}

/// Writes a report for each sample and for each complaint, and a list of them. Makes the folder if it is missing. Only our user may read the
/// folder and the files.
///
/// # Errors
/// A folder that is not empty, and errors of the system. Files written before an error stay.
pub(super) fn write(
    folder: &Path,
    samples: &[Sample],
    complaints: &Complaints<'_>,
    config: &Config,
    view: &View,
) -> Result<(), String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("{} can't be written: {error}", folder.display());
    make(folder).map_err(|error| failed(&error))?;
    let secret = secret(config).map_err(|error| failed(&error))?;
    let Some(redaction) = Redaction::new(&secret, &config.policy.local) else {
        return Err(failed(&"the key can't be used"));
    };
    let reports = samples.len() + complaints.reports.len();
    let mut list = head(reports, view);
    for (number, sample) in (1..).zip(samples) {
        let name = name(number, sample);
        let written = one(folder, &name, sample, &redaction, (config, view), &mut list);
        written.map_err(|error| failed(&format!("{name}: {error}")))?;
    }
    let of_all = redaction.clone().of_all();
    for (number, complaint) in (1..).zip(&complaints.reports) {
        let name = name_of_origin(number, complaint);
        let written = one_of_origin(folder, &name, complaint, &of_all, (config, view), &mut list);
        written.map_err(|error| failed(&format!("{name}: {error}")))?;
    }
    list.push_str(&spared(complaints));
    new_file(folder, "README.txt", list.as_bytes()).map_err(|error| failed(&error))
}

fn one(
    folder: &Path,
    name: &str,
    sample: &Sample,
    redaction: &Redaction<'_>,
    (config, view): (&Config, &View),
    list: &mut String,
) -> io::Result<()> {
    let unique = unique()?;
    let hosts = &view.summary.hosts;
    let of_host = hosts.named(&sample.client.to_string());
    let domain = domain_of(sample, &config.policy.local);
    let report = AbuseReport {
        sample,
        redaction,
        domain: domain.map_or("localhost", |domain| domain.as_str()),
        incidents: of_host.map(AttackTally::suspect),
        some_unnamed: hosts.others.suspect() > 0,
        unique: &unique,
        now: now(),
    };
    new_file(folder, name, &report.message()?)?;
    // Writing to a String can't fail.
    let _ = write!(
        list,
        "\n{name}\n  came {} from {} (network {}), {} ({}){}\n  {} of this host in the period\n  \
         {UNTRUSTED}its HELO was {}; {} Received lines were returned\n",
        exact(sample.at),
        sample.client,
        network(sample.client),
        sample.action,
        sample.reason,
        if sample.done {
            ""
        } else {
            ", but accepted: monitored only"
        },
        report.bounces(),
        report.helo(),
        report.returned_received(),
    );
    Ok(())
}

fn one_of_origin(
    folder: &Path,
    name: &str,
    complaint: &Complaint<'_>,
    redaction: &Redaction<'_>,
    (config, view): (&Config, &View),
    list: &mut String,
) -> io::Result<()> {
    let domain = domain_of(complaint.sample, &config.policy.local);
    let report = OriginReport {
        complaint,
        redaction,
        domain: domain.map_or("localhost", |domain| domain.as_str()),
        view,
        unique: &unique()?,
        now: now(),
    };
    new_file(folder, name, &report.message()?)?;
    let zone = config.report.abuse_contacts.as_ref();
    let origin = complaint.origin;
    // Writing to a String can't fail.
    let _ = write!(
        list,
        "\n{name}\n  {} (network {}) sent in your name: {} bounces of {} networks say so\n  {}\n",
        origin.address,
        origin.network,
        origin.bounces,
        origin.reporting_networks,
        complaint
            .contact
            .words(zone.map_or("", |zone| zone.as_str())),
    );
    Ok(())
}

/// The origins about which nothing is written, and why.
fn spared(complaints: &Complaints<'_>) -> String {
    let mut text = String::new();
    if !complaints.others.is_empty() {
        text.push_str("\nNo report about these hosts that sent in your name:\n");
    }
    for (address, why) in complaints.others.iter().take(MAX_SPARED) {
        let _ = writeln!(text, "  {address}: {why}");
    }
    let left = complaints.others.len().saturating_sub(MAX_SPARED);
    if left > 0 {
        let _ = writeln!(text, "  and {left} more");
    }
    text
}

fn name_of_origin(number: usize, complaint: &Complaint<'_>) -> String {
    let address = complaint.origin.address.to_string().replace(':', "-");
    format!("origin-{number:04}-{address}.eml")
}

fn unique() -> io::Result<String> {
    let mut unique = [0; 16];
    getrandom::fill(&mut unique).map_err(io::Error::other)?;
    Ok(HEXLOWER.encode(&unique))
}

fn now() -> u64 {
    UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

fn head(samples: usize, view: &View) -> String {
    format!(
        "Backstop's reports of backscatter, and of hosts that sent in your name, {} to {}: {samples}\n\n\
         Each .eml file is a report to an abuse desk in the Abuse Reporting Format (RFC 5965): a text for humans, the facts\n\
         for machines, and the bounce; of a host that sent in your name, origin-*.eml, the headers that a bounce returned.\n\
         Nothing has been sent. Before you send one:\n\n\
         1. Read it. The local parts of your users' addresses are replaced by hashes (RFC 6590) and encoded parts are\n   \
            omitted, but a name may be elsewhere in the text.\n\
         2. Where it has no To:, find the abuse desk of the client's address: `whois ADDRESS`, \"abuse-mailbox\" or \"OrgAbuseEmail\". Use only\n   \
            the client's address, which your server saw. The content of the bounce is UNTRUSTED: its author may have\n   \
            forged it, especially the returned Received lines.\n\
         3. Add a To: with the address of that desk, check From:, and send the file, for example with\n   \
            `sendmail -i -f postmaster@your.domain abuse@desk.example < FILE`.\n\n\
         Text after {UNTRUSTED}comes from outside.\n",
        view.from, view.to,
    )
}

fn name(number: usize, sample: &Sample) -> String {
    // Some systems do not allow colons in names.
    let client = sample.client.to_string().replace(':', "-");
    format!("{number:04}-{}-{client}.eml", compact(sample.at))
}

/// The key that signs, so that the hash of a user is the same in every export; without keys, a random one.
fn secret(config: &Config) -> io::Result<Vec<u8>> {
    if let Some(key) = config.policy.proof.keys.signing() {
        return Ok(key.secret().to_vec());
    }
    let mut secret = vec![0; SECRET];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    Ok(secret)
}

fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if fs::read_dir(folder)?.next().is_some() {
                return Err(io::Error::other(
                    "it is not empty; use a new or empty folder",
                ));
            }
            Ok(())
        }
        made => made,
    }
}

fn new_file(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)
}
