//! Backstop and the MTA of a site.

use std::{fmt::Write as _, io, net::SocketAddr, process::Command};

use tempfile::TempDir;

use super::{
    Options,
    layout::{Layout, Service, Site, USERS},
    mta::Mta,
    postfix, sendmail,
};
use crate::{
    backstop::Backstop,
    mta,
    process::{free_port, run},
};

pub(super) struct World {
    pub(super) site: Site,
    pub(super) backstop: Backstop,
    pub(super) mta: Mta,
    /// Where the metrics are.
    pub(super) http: SocketAddr,
    _tables: TempDir,
}

impl World {
    pub(super) fn start(options: &Options, site: Site, nameserver: SocketAddr) -> io::Result<Self> {
        let folder = mta::folder_in_memory()?;
        let keys = folder.path().join("keys");
        run(Command::new(&options.backstop)
            .arg("keygen")
            .arg("--file")
            .arg(&keys))?;
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let yaml = configuration(site)
            .replace("NAMESERVER", &nameserver.to_string())
            .replace("KEYS", &keys.display().to_string())
            .replace("HTTP", &http.to_string());
        let backstop = Backstop::start_in(&options.backstop, &yaml, folder)?;
        let tables = mta::folder()?;
        let start = match site {
            Site::Postfix | Site::PostfixDash => postfix::start,
            Site::Sendmail | Site::SendmailLuser => sendmail::start,
        };
        let mta = start(site, backstop.addr(), &options.packaging, tables.path())?;
        Ok(Self {
            site,
            backstop,
            mta,
            http,
            _tables: tables,
        })
    }
}

fn configuration(site: Site) -> String {
    let layouts = site.layouts();
    let domains = layouts
        .iter()
        .filter(|layout| layout.service != Service::Unlisted);
    let names: Vec<_> = domains.clone().map(Layout::domain).collect();
    let mut yaml = format!(
        "listen: inet:0@127.0.0.1
mode: enforce
local: {{domains: [{}, counted.test, .local.test], networks: [127.0.0.1], recipient_delimiter: \"{}\"}}
dns: {{nameservers: [\"NAMESERVER\"], timeout: 2s, budget: 8s}}
null_sender: {{never_send: [noreply]}}
proof:
  key_file: KEYS
  unproven: reject
  dkim: {{verify: false}}
  ledger: {{remember: true}}
  batv: {{sign: true, layout: {}}}
siege: {{floor: 100000}}
observe: {{http: \"HTTP\"}}
log: {{level: debug}}
recipients:
",
        names.join(", "),
        site.delimiter(),
        site.tags(),
    );
    let known = USERS.join(", ");
    for layout in domains {
        let rest = if layout.catch_all {
            "catch_all: {mail: accept, bounces: reject}"
        } else {
            "unknown: {mail: reject, bounces: reject}"
        };
        let _ = writeln!(
            yaml,
            "  - domain: {}\n    known: [{{addresses: [{known}, team]}}]\n    {rest}",
            layout.domain()
        );
    }
    yaml
}
