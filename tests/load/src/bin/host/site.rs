//! The daemon of a host, and the mail that comes to it.

use std::{fs, io, net::SocketAddr, path::Path};

use lab::{backstop::Backstop, mta};
use load::mta::{Mail, SERIAL, Target};

use super::{CLIENT, HELO, NAMESERVER, Options, databases::Database};

/// A daemon on a unix socket.
pub struct Host {
    pub daemon: Backstop,
    pub target: Target,
}

impl Host {
    /// Starts one by what the file says of domains and recipients. The rest is a site in production.
    pub fn start(options: &Options, domains: &str, recipients: &str) -> io::Result<Self> {
        let folder = mta::folder()?;
        let yaml = yaml(folder.path(), domains, recipients);
        let socket = folder.path().join("socket");
        let daemon = Backstop::start_in(&options.backstop.canonicalize()?, &yaml, folder)?;
        Ok(Self {
            daemon,
            target: Target::Unix(socket),
        })
    }

    /// All domains of the database, and one entry for all of them.
    pub fn of_all(options: &Options, database: &Database) -> io::Result<Self> {
        let access = &database.access;
        let domains = format!("[{{sql: {{{access}, query: SELECT domain FROM domain}}}}]");
        let host = Self::start(options, &domains, &entry("'*'", access))?;
        // A first start does not wait for the list.
        host.daemon
            .wait_for_log(&format!("{} domains", database.domains))?;
        Ok(host)
    }

    /// The same file with one domain.
    pub fn of_one(options: &Options, database: &Database) -> io::Result<Self> {
        let domain = super::domain(0);
        let domains = format!("[{domain}]");
        Self::start(options, &domains, &entry(&domain, &database.access))
    }
}

/// milter.yaml.
pub fn yaml(folder: &Path, domains: &str, recipients: &str) -> String {
    format!(
        "listen: unix:{}/socket\nmode: enforce\nlocal:\n  domains: {domains}\n  networks: [127.0.0.0/8]\n\
         dns: {{nameservers: ['{}']}}\nforgery: {{mail_from: reject, header_from: reject}}\nrecipients: {recipients}\n\
         proof: {{unproven: reject, unproven_replies: reject}}\nlog: {{level: info}}\n",
        folder.display(),
        SocketAddr::from(NAMESERVER),
    )
}

fn entry(domain: &str, access: &str) -> String {
    let query = "SELECT 1 FROM mailbox WHERE address = :address";
    format!(
        "[{{domain: {domain}, known: [{{sql: {{{access}, query: '{query}'}}}}], unknown: {{mail: reject, bounces: reject}}}}]"
    )
}

/// Ordinary mail to these recipients.
pub fn mails(recipients: impl Iterator<Item = String>) -> Vec<Mail> {
    let sender = format!("{SERIAL}@example.com");
    recipients
        .map(|recipient| Mail::ordinary(CLIENT, HELO, &sender, &recipient))
        .collect()
}

/// How many domains a file lists, one a line.
pub fn write_list(path: &Path, domains: usize) -> io::Result<()> {
    let lines: String = (0..domains)
        .map(|number| super::domain(number) + "\n")
        .collect();
    fs::write(path, lines)
}
