//! `backstop setup` beside a real MTA: what it finds, mail through what it writes, and all of it taken back.

mod bed;

use std::{fs, io, net::SocketAddr};

use self::bed::Bed;
use super::{
    Options, Report,
    layout::{Layout, Service, Site},
    mta::{Mta, Who},
};
use crate::{
    backstop::Backstop,
    mta::{PATIENCE, folder, folder_in_memory},
    process::{free_port, wait_until},
};

/// Besides a friend and a user, strangers write with this many domains: more than a host itself does.
const SENDERS: u8 = 3;

pub(super) fn run(options: &Options, site: Site, nameserver: SocketAddr) -> io::Result<Report> {
    let (tables, settings) = (folder()?, folder_in_memory()?);
    let port = free_port()?;
    let bed = Bed::start(site, tables.path())?;
    let before = bed.files()?;
    let yaml = settings.path().join("milter.yaml");
    let listen = format!("inet:{port}@127.0.0.1");
    bed.setup(options, &yaml, &["--apply", "--listen", &listen])?;
    let mut player = Player {
        mta: &bed.mta,
        site,
        report: Report::default(),
    };

    // As an administrator would go on: the name server, and where nothing but the store is.
    let mut text =
        fs::read_to_string(&yaml)? + &format!("\ndns: {{nameservers: [\"{nameserver}\"]}}\n");
    if site.is_sendmail() {
        // The strangers of this play come from loopback, too.
        text = text.replace("local:\n", "local:\n  networks: [127.0.0.1]\n");
    }
    let backstop = Backstop::start_in(&options.backstop, &text, folder_in_memory()?)?;
    bed.take()?;
    let layouts: Vec<Layout> = site
        .layouts()
        .into_iter()
        .filter(|layout| layout.service != Service::Unlisted)
        .collect();
    for (number, layout) in layouts.iter().enumerate() {
        player.judged(&backstop, layout, number)?;
    }
    let reply = bed.user()?;
    player.expect("a user while it runs", &reply, "250");
    let line = line(&backstop, "pc.example");
    player.expect("a user while it runs", &line, bed.outgoing());

    // Without it, strangers come again later, and users who log in can send.
    drop(backstop);
    let known = format!("joe@{}", layouts[0].domain());
    let reply = player.letter(&known, "down")?;
    player.expect("a stranger while it is down", &reply, "451");
    let reply = bed.user()?;
    player.expect("a user while it is down", &reply, bed.while_down());

    bed.setup(options, &yaml, &["--undo"])?;
    bed.take()?;
    if bed.files()? != before {
        player.wrong("the files of the MTA are not as they were before".to_owned());
    }
    if yaml.exists() {
        player.wrong("milter.yaml is still there".to_owned());
    }
    for (number, layout) in layouts.iter().enumerate() {
        player.unjudged(layout, number)?;
    }
    if site.is_sendmail() {
        player.strangers_are_read(&bed, options, &known)?;
    }
    Ok(player.report)
}

struct Player<'a> {
    mta: &'a Mta,
    site: Site,
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

    /// Its own log shows that strangers' mail enters by loopback.
    fn strangers_are_read(&mut self, bed: &Bed, options: &Options, to: &str) -> io::Result<()> {
        for number in 0..SENDERS {
            let (from, id) = (
                format!("bob@far{number}.example"),
                format!("far{number}.example"),
            );
            let reply = self.send(Service::Listed, &from, to, &id)?;
            self.expect(&from, &reply, "250");
            // What was accepted, and what became of it, is logged a moment later; set-up wants to see both.
            let accepted = self.mta.wait_for_log(&format!(": from=<{from}>"))?;
            let before = accepted.split(": from=<").next().unwrap_or_default();
            let queue_id = before.rsplit(' ').next().unwrap_or_default();
            self.mta.wait_for_log(&format!(" {queue_id}: to="))?;
        }
        let folder = folder()?;
        let shown = bed.setup(options, &folder.path().join("milter.yaml"), &[])?;
        let shown = String::from_utf8_lossy(&shown.stdout);
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        self.expect(
            "the log",
            &shown,
"127.0.0.0/8 is left out: mail of 5 other domains came from there (127.0.0.1, sender in mailbox.test, ",
        );
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
        let boxes = layout.boxes("joe", self.site);
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
