//! `backstop setup` beside a real Postfix: what it finds, mail through what it writes, and all of it taken back.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    path::Path,
    process::Output,
};

use super::{
    Options, Report,
    layout::{Layout, Service, Site},
    mta::{Mta, Who},
    postfix,
};
use crate::{
    backstop::Backstop,
    mta::{PATIENCE, folder, folder_in_memory},
    postfix::Postfix,
    process::{free_port, wait_until},
    smtp::{Client, Identity},
};

/// A service where users log in, which nothing but its restrictions shows.
const SUBMISSION: &str = "-o syslog_name=postfix/submission
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject";

pub(super) fn run(options: &Options, site: Site, nameserver: SocketAddr) -> io::Result<Report> {
    let (tables, settings) = (folder()?, folder_in_memory()?);
    let (submission, port) = (free_port()?, free_port()?);
    let service = format!("127.0.0.1:{submission} inet n - n - - smtpd\n  {SUBMISSION}");
    let mta = postfix::start_without(site, &service, tables.path())?;
    let Mta::Postfix { postfix, .. } = &mta else {
        return Err(io::Error::other("this is for Postfix"));
    };
    let before = Files::of(postfix)?;
    let yaml = settings.path().join("milter.yaml");
    let listen = format!("inet:{port}@127.0.0.1");
    setup(options, postfix, &yaml, &["--apply", "--listen", &listen])?;
    let mut player = Player {
        mta: &mta,
        report: Report::default(),
    };

    // As an administrator would go on: the name server, and where nothing but the store is.
    let text =
        fs::read_to_string(&yaml)? + &format!("\ndns: {{nameservers: [\"{nameserver}\"]}}\n");
    let backstop = Backstop::start_in(&options.backstop, &text, folder_in_memory()?)?;
    postfix.reload()?;
    let layouts: Vec<Layout> = site
        .layouts()
        .into_iter()
        .filter(|layout| layout.service != Service::Unlisted)
        .collect();
    for (number, layout) in layouts.iter().enumerate() {
        player.judged(&backstop, layout, number)?;
    }
    player.outgoing(&backstop, submission, "while it runs")?;

    // Without it, strangers come again later, and users can send.
    drop(backstop);
    let reply = player.letter("joe@mailbox.test", "down")?;
    player.expect("a stranger while it is down", &reply, "451");
    let reply = user(submission)?;
    player.expect("a user while it is down", &reply, "250");

    setup(options, postfix, &yaml, &["--undo"])?;
    postfix.reload()?;
    if Files::of(postfix)? != before {
        player.wrong("main.cf and master.cf are not as they were before".to_owned());
    }
    if yaml.exists() {
        player.wrong("milter.yaml is still there".to_owned());
    }
    for (number, layout) in layouts.iter().enumerate() {
        player.unjudged(layout, number)?;
    }
    Ok(player.report)
}

#[derive(PartialEq)]
struct Files([Vec<u8>; 2]);

impl Files {
    fn of(postfix: &Postfix) -> io::Result<Self> {
        let folder = postfix.config_dir();
        Ok(Self([
            fs::read(folder.join("main.cf"))?,
            fs::read(folder.join("master.cf"))?,
        ]))
    }
}

fn setup(
    options: &Options,
    postfix: &Postfix,
    yaml: &Path,
    arguments: &[&str],
) -> io::Result<Output> {
    let output = postfix
        .with_tools(&options.backstop)
        .arg("--config")
        .arg(yaml)
        .arg("setup")
        .arg("--postfix")
        .arg(postfix.config_dir())
        .args(arguments)
        .output()?;
    match output.status.success() {
        true => Ok(output),
        false => Err(io::Error::other(format!(
            "backstop setup {arguments:?}: {output:?}"
        ))),
    }
}

/// A letter of a user who has logged in.
fn user(port: u16) -> io::Result<String> {
    let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
    client.xclient(&Identity {
        login: Some("joe"),
        ..Identity::stranger(IpAddr::from([198, 51, 100, 99]))
    })?;
    client.ehlo("pc.example")?;
    let text = b"From: joe@mailbox.test\r\nTo: bob@friend.example\r\nMessage-ID: <u@mailbox.test>\r\n\r\nHello.\r\n";
    let reply = client.message("joe@mailbox.test", "bob@friend.example", text)?;
    Ok(reply.code.to_string())
}

struct Player<'a> {
    mta: &'a Mta,
    report: Report,
}

impl Player<'_> {
    fn wrong(&mut self, what: String) {
        self.report.wrong.push(what);
    }

    fn expect(&mut self, place: &str, found: &str, expected: &str) {
        self.report.cells += 1;
        if !found.contains(expected) {
            self.wrong(format!("{place}: {found}; expected {expected}"));
        }
    }

    /// A letter and a bounce of strangers are judged by the lists that were found.
    fn judged(&mut self, backstop: &Backstop, layout: &Layout, number: usize) -> io::Result<()> {
        let (domain, helo) = (layout.domain(), format!("helo{number}.example"));
        let known = format!("joe@{domain}");
        let reply = self.letter(&known, &helo)?;
        self.expect(&known, &reply, "250");
        let copy = self.copy(layout, &helo)?;
        self.expect(&known, &copy, "X-Backstop: verdict=accept");
        let line = line(backstop, &helo);
        self.expect(&known, &line, " by=recipients.known:");
        if layout.catch_all {
            let (stray, helo) = (format!("stray@{domain}"), format!("stray{number}.example"));
            let reply = self.send(Service::Listed, "", &stray, &helo)?;
            self.expect(&stray, &reply, "250");
            let line = self::line(backstop, &helo);
            self.expect(&stray, &line, " reason=catch_all_bounce ");
            self.expect(&stray, &line, " would=reject");
        }
        Ok(())
    }

    /// Nothing of Backstop's is left.
    fn unjudged(&mut self, layout: &Layout, number: usize) -> io::Result<()> {
        let (known, id) = (
            format!("joe@{}", layout.domain()),
            format!("after{number}.example"),
        );
        let reply = self.letter(&known, &id)?;
        self.expect(&known, &reply, "250");
        let copy = self.copy(layout, &id)?;
        if copy.contains("X-Backstop") {
            self.wrong(format!("{known}: judged after the undo"));
        }
        Ok(())
    }

    fn outgoing(&mut self, backstop: &Backstop, port: u16, place: &str) -> io::Result<()> {
        let reply = user(port)?;
        self.expect(place, &reply, "250");
        let line = line(backstop, "pc.example");
        self.expect(place, &line, " reason=outgoing_authenticated ");
        Ok(())
    }

    fn letter(&mut self, to: &str, id: &str) -> io::Result<String> {
        self.send(Service::Listed, "bob@friend.example", to, id)
    }

    fn send(&mut self, service: Service, from: &str, to: &str, id: &str) -> io::Result<String> {
        let mut client = self.mta.connect(service, Who::Stranger(7))?;
        client.ehlo(id)?;
        let text = format!(
            "From: Bob <bob@friend.example>\r\nTo: {to}\r\nMessage-ID: <{id}>\r\n\r\nHello.\r\n"
        );
        let reply = client.message(from, to, text.as_bytes())?;
        Ok(reply.code.to_string())
    }

    /// The headers with which a letter arrived.
    fn copy(&self, layout: &Layout, id: &str) -> io::Result<String> {
        let boxes = layout.boxes("joe", Site::Postfix);
        let mut found = Vec::new();
        wait_until(PATIENCE, || {
            found = self.mta.copies(&boxes[0], id)?;
            Ok(!found.is_empty())
        })?;
        Ok(found.swap_remove(0))
    }
}

/// The decision about what a client of this name sent.
fn line(backstop: &Backstop, helo: &str) -> String {
    let wanted = format!(" helo={helo} ");
    let mut found = String::new();
    // What is not written in time is found to be wrong.
    let _ = wait_until(PATIENCE, || {
        let log = backstop.log();
        let line = log
            .lines()
            .find(|line| line.contains(&wanted) && line.contains(" verdict="));
        found = line.unwrap_or_default().to_owned();
        Ok(!found.is_empty())
    });
    found
}
