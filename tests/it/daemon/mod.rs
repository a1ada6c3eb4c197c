//! The real daemon over the milter protocol, with a DNS of the tests' own and no MTA.

mod accounts;
mod attack;
mod bad_input;
mod bad_tags;
mod blocklists;
mod client_addresses;
mod clients;
mod content;
mod coverage;
mod decisions;
mod ending;
mod failover;
mod forged_headers;
mod forged_mail;
mod forgeries;
mod header_bounds;
mod headers;
mod ledger;
mod limits;
mod lists;
mod log_lines;
mod marks;
mod messages;
mod metrics;
mod negotiation;
mod outages;
mod prometheus;
mod proofs;
mod readiness;
mod reload;
mod reload_command;
mod reload_sockets;
mod reports;
mod sequences;
mod shared_store;
mod siege;
mod silenced;
mod sockets;
mod status_page;
mod systemd;
mod tags;
mod watermarks;
mod would;

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::LazyLock,
};

use lab::{
    backstop::Backstop,
    dns::{Fault, Scope, Server, Zone},
    milter::{Change, Client, Outcome, Peer, Reply},
};
use tokio::runtime::Runtime;

/// The DNS servers of all tests live here.
static DNS: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
});

/// What most tests add to `listen` and `dns`.
const ENFORCE: &str = "mode: enforce\nlocal: {domains: [example.org]}\n";

/// The networks that may send for pass.example, and one that may send for nobody.
const SENDER: &str = "192.0.2.1";
const STRANGER: &str = "198.51.100.1";

/// Names and values of macros.
type Macros<'a> = &'a [(&'a str, &'a str)];

fn zone() -> Zone {
    Zone::new()
        .txt(
            "pass.example",
            "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
        )
        .txt("soft.example", "v=spf1 ~all")
        .txt("fail.example", "v=spf1 -all exp=why.fail.example")
        .txt("why.fail.example", "100%% sure about %{i}")
        .txt("example.org", "v=spf1 ip4:203.0.113.0/24 -all")
        .fault("silent.example", Scope::Every, Fault::Silence)
        .fault("broken.example", Scope::Every, Fault::Servfail)
}

fn dns(zone: Zone) -> Server {
    DNS.block_on(Server::start(zone))
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_backstop"))
}

/// A daemon that asks this server; a silent one costs three seconds.
fn asking(server: SocketAddr, more: &str) -> String {
    format!(
        "listen: inet:0@127.0.0.1\n\
         dns: {{nameservers: [\"{server}\"], timeout: 1s, budget: 3s}}\n\
         {more}"
    )
}

/// A daemon, and the DNS that it asks.
struct Stage {
    backstop: Backstop,
    dns: Server,
}

impl Stage {
    fn set(more: &str) -> Self {
        let dns = dns(zone());
        let backstop = Backstop::start(binary(), &asking(dns.addr(), more)).unwrap();
        Self { backstop, dns }
    }

    /// A connection that has said nothing yet but what it negotiates.
    fn client(&self) -> Client {
        Client::tcp(self.backstop.addr()).unwrap()
    }

    /// A session of a client with this address, up to EHLO.
    fn session(&self, address: &str) -> Client {
        let mut client = self.client();
        introduce(&mut client, address);
        client
    }

    /// The decision lines so far: `id=… queue_id=…`, where those of `log.level: debug` are `id=… check=…`.
    fn decisions(&self) -> Vec<String> {
        let log = self.backstop.log();
        log.lines()
            .filter(|line| {
                let after_id = line
                    .split_once("id=")
                    .and_then(|(_, id)| id.split(' ').nth(1));
                after_id.is_some_and(|word| word.starts_with("queue_id="))
            })
            .map(str::to_owned)
            .collect()
    }

    /// The decision line about this recipient, once it is there.
    fn decision(&self, rcpt: &str) -> String {
        self.backstop
            .wait_for_log(&format!(" rcpt=<{rcpt}> "))
            .unwrap()
    }

    /// Whether a stranger's ordinary mail is taken in, by a daemon that is well.
    fn serves(&self) {
        let mut client = self.session(SENDER);
        client.mail("a@pass.example", &[]).unwrap();
        assert_eq!(
            client.rcpt("well@example.org", &[]).unwrap(),
            Reply::Continue
        );
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
        client.quit().unwrap();
    }
}

fn introduce(client: &mut Client, address: &str) {
    let address: IpAddr = address.parse().unwrap();
    client.connect("client.example", Peer::at(address)).unwrap();
    client.helo("client.example").unwrap();
}

/// Hands over headers, a line or more each, and asks what comes of them.
fn headers(client: &mut Client, lines: &str) -> std::io::Result<Reply> {
    for (name, value) in fields(lines) {
        client.header(name.as_bytes(), value.as_bytes())?;
    }
    client.eoh()
}

/// Names and values as an MTA hands them over: without the blank behind the colon, folds as they are.
fn fields(lines: &str) -> Vec<(&str, String)> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in lines.lines() {
        match fields.last_mut() {
            Some((_, value)) if line.starts_with([' ', '\t']) => {
                value.push('\n');
                value.push_str(line);
            }
            _ => {
                let (name, value) = line.split_once(':').unwrap();
                fields.push((name, value.strip_prefix(' ').unwrap_or(value).to_owned()));
            }
        }
    }
    fields
}

/// The text of a refusal.
fn refusal(reply: Reply) -> String {
    match reply {
        Reply::ReplyCode(text) => text,
        other => panic!("no refusal, but {other:?}"),
    }
}

/// Holds that the reply refuses so.
#[track_caller]
fn assert_refused(reply: std::io::Result<Reply>, with: &str) {
    let text = refusal(reply.unwrap());
    assert!(text.starts_with(with), "expected {with}, got {text}");
}

/// The headers put in at the top, from the top down.
fn inserted(outcome: &Outcome) -> Vec<String> {
    let names = outcome.changes.iter().filter_map(|change| match change {
        Change::InsertHeader { index: 0, name, .. } => Some(name.escape_ascii().to_string()),
        _ => None,
    });
    let mut names: Vec<_> = names.collect();
    names.reverse();
    names
}

/// The headers taken out, in that order: names as the daemon wrote them, and which of that name.
fn deleted(outcome: &Outcome) -> Vec<(String, u32)> {
    let deletions = outcome.changes.iter().filter_map(|change| match change {
        Change::ChangeHeader { index, name, value } if value.is_empty() => {
            Some((name.escape_ascii().to_string(), *index))
        }
        _ => None,
    });
    deletions.collect()
}

/// The changes that are none of headers put in at the top or taken out.
fn but_headers(outcome: &Outcome) -> Vec<Change> {
    let of_a_header = |change: &&Change| match change {
        Change::InsertHeader { index, .. } => *index == 0,
        Change::ChangeHeader { value, .. } => value.is_empty(),
        _ => false,
    };
    let others = outcome.changes.iter().filter(|change| !of_a_header(change));
    others.cloned().collect()
}

/// The value of a field of a decision line.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    line.split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("no {name} in {line}"))
}
