//! A host's day, as the page tells it: all in monitor, one client enforced by a row, a joe job on that client, and what the
//! others notice of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use lab::{
    backstop::Backstop,
    dns,
    milter::{Client, Peer, Reply},
    mta,
    process::wait_until,
};
use regex::Regex;
use serde_yaml::Value;

use super::{
    ANSWERS, change, fixture,
    page::{Place, Section, replaced, sql_file},
};
use crate::directory::RUNTIME;

/// Longer than a siege takes to be noticed.
const PATIENCE: Duration = Duration::from_secs(90);

struct Host {
    backstop: Backstop,
    database: PathBuf,
    _dns: dns::Server,
}

impl Host {
    fn new() -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let common = Section::of("The file");
        let panel = Section::of("PostfixAdmin");
        let database = folder.path().join("panel.db");
        change(&database, &fixture("postfixadmin.postgresql.sql"));
        change(&database, &fixture("postfixadmin.rows.sql"));
        let answers = replaced(common.statement(ANSWERS), &common.instead());
        change(&database, &answers);
        let zone = dns::Zone::new().txt("example.org", "v=spf1 ip4:203.0.113.0/24 -all");
        let dns = RUNTIME.block_on(dns::Server::start(zone));
        let url = format!("sqlite:{}", database.display());
        let place = Place {
            url: &url,
            bind_dn: "",
            password_file: None,
        };
        let mut file = sql_file(&panel, &common.instead(), &place);
        assert_eq!(file["mode"], "monitor");
        // What a test can't wait for.
        file["tenants"]["sql"]["cache"] = "100ms".into();
        let more = format!(
            "listen: inet:0@127.0.0.1\n\
             dns: {{nameservers: ['{}'], timeout: 1s, budget: 3s}}\n\
             siege: {{floor: 30, learn: {{days: 1}}}}\n",
            dns.addr()
        );
        let more: Value = serde_yaml::from_str(&more).unwrap();
        for (key, value) in more.as_mapping().unwrap() {
            file.as_mapping_mut()
                .unwrap()
                .insert(key.clone(), value.clone());
        }
        let yaml = serde_yaml::to_string(&file).unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_backstop"));
        let backstop = Backstop::start_in(binary, &yaml, folder).unwrap();
        Self {
            backstop,
            database,
            _dns: dns,
        }
    }

    /// What a bounce to this address gets.
    fn bounce(&self, client: &str, rcpt: &str) -> Reply {
        let mut session = Client::tcp(self.backstop.addr()).unwrap();
        let peer = Peer::at(client.parse().unwrap());
        session.connect("client.example", peer).unwrap();
        session.helo("client.example").unwrap();
        session.mail("", &[]).unwrap();
        session.rcpt(rcpt, &[]).unwrap()
    }

    fn is_refused(&self, rcpt: &str) -> bool {
        match self.bounce("198.51.100.7", rcpt) {
            Reply::Continue => false,
            Reply::ReplyCode(text) => {
                assert!(text.starts_with("550 "), "{rcpt}: {text}");
                true
            }
            other => panic!("{rcpt}: {other:?}"),
        }
    }

    /// A statement of the page, in the client's table.
    fn run(&self, statement: &str) {
        change(&self.database, statement);
    }

    /// A command of the page; what it says.
    fn said(&self, command: &str) -> String {
        let pages = self.backstop.folder().join("pages");
        let arguments = command.split(' ').map(|word| match word {
            "/var/lib/backstop-pages/html" => pages.to_str().unwrap(),
            word => word,
        });
        let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .arg("--config")
            .arg(self.backstop.config())
            .args(arguments)
            .output()
            .unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        // What else `check` finds on this machine is no matter here, and `status` looks for port 0.
        let is_fine = output.status.success() || ["check", "status"].contains(&command);
        assert!(is_fine, "{command}: {said}");
        said
    }
}

/// The commands in a section of the page, without their comments; a set-up changes an MTA, and has tests of its own.
fn commands(section: &Section) -> Vec<String> {
    let command = Regex::new(r"(?m)^backstop ([^#\n]+)").unwrap();
    let found = section.blocks("sh").into_iter().flat_map(|block| {
        let commands = command.captures_iter(block);
        commands.map(|found| found[1].trim().to_owned())
    });
    found.filter(|command| command != "setup --apply").collect()
}

#[test]
fn a_joe_job_on_one_client_is_nothing_to_the_others() {
    const CLIENT: &str = "nobody@example.org";
    const OTHERS: [&str; 2] = ["nobody@example.net", "nobody@alias-net.example"];
    let day = Section::of("A host's day");
    let host = Host::new();
    let statement = |title| host.run(day.statement(title));

    // All are in monitor; then a row enforces for one client, and for its alias domain.
    assert!(!host.is_refused(CLIENT));
    statement("to enforce");
    wait_until(PATIENCE, || Ok(host.is_refused(CLIENT))).unwrap();
    assert!(host.is_refused("nobody@alias.example"));
    for known in ["joe@example.org", "info@alias.example"] {
        assert!(!host.is_refused(known), "{known}");
    }
    let calm = |when: &str| {
        for other in OTHERS {
            assert!(!host.is_refused(other), "{when}: {other}");
        }
    };
    calm("enforced");
    statement("back");
    wait_until(PATIENCE, || Ok(!host.is_refused(CLIENT))).unwrap();
    host.run("UPDATE backstop_answers SET mode = 'enforce'");
    wait_until(PATIENCE, || Ok(host.is_refused(CLIENT))).unwrap();

    // A flood from many networks, on that client alone.
    let besieged = |log: &str| {
        let mut lines = log.lines();
        lines.any(|line| line.contains("siege of example.org: ") && line.contains("-> siege"))
    };
    let mut networks = (0..=255).cycle();
    wait_until(PATIENCE, || {
        let network: u8 = networks.next().unwrap();
        let answer = host.bounce(&format!("198.18.{network}.1"), CLIENT);
        assert!(matches!(answer, Reply::ReplyCode(_)), "{answer:?}");
        thread::sleep(Duration::from_millis(150));
        Ok(besieged(&host.backstop.log_so_far()))
    })
    .unwrap();
    calm("besieged");
    let log = host.backstop.log();
    let sieges = log.lines().filter(|line| line.contains("siege of "));
    for line in sieges {
        let is_others = line.contains("siege of example.net") || line.contains("siege of alias");
        assert!(!is_others, "{line}");
    }
    assert!(!host.is_refused("joe@example.org"));

    // Each command of the page, and what the two clients are shown.
    let commands = commands(&day);
    assert_eq!(commands.len(), 8, "{commands:?}");
    for command in &commands {
        let said = host.said(command);
        if command == "check" {
            assert!(said.contains("panel.db answers in "), "{said}");
        }
        if command == "status" {
            assert!(
                said.contains("siege of example.org: siege since "),
                "{said}"
            );
        }
    }
    let page = |domain: &str| {
        let file = host.backstop.folder().join(format!("pages/{domain}.html"));
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    assert!(page("example.org").contains("198.18."));
    for other in ["example.net", "alias-net.example"] {
        assert!(!page(other).contains("198.18."), "{other}");
    }
}
