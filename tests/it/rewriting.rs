//! Sendmail that rewrites the sender behind the milter: what leaves then, and how its bounces prove themselves all the
//! same.

use std::{fs, net::IpAddr, process::Command};

use lab::{
    mta::{self, unpacked},
    process::free_port,
    sendmail::{self, Sendmail},
    sink::{Mail, Sink},
    smtp::Client,
};
use tempfile::TempDir;

use crate::{
    batv::key_file,
    package::text,
    site::{Letter, Site, changed, codes, sendmail_lines},
};

const FAR: &str = "far@friend.example";
const INSIDE: &str = "joe@mx.example.org";

struct Rewriting {
    site: Site<Sendmail>,
    sink: Sink,
    _folder: TempDir,
}

impl Rewriting {
    /// A Sendmail with these lines in sendmail.mc, in which FOLDER is one of its own.
    fn start(proof: &str, lines: &str, generics: &str) -> Self {
        let folder = mta::folder().unwrap();
        let keys = key_file(folder.path());
        fs::write(folder.path().join("generics"), generics).unwrap();
        let lines = lines.replace("FOLDER", &folder.path().display().to_string());
        let proof = format!(
            "proof: {{key_file: {}, {proof}, dkim: {{verify: false}}, unproven: reject}}\nstore: sqlite:{}",
            keys.display(),
            folder.path().join("state.db").display()
        );
        let changes = [
            ("networks: []", "networks: [127.0.0.1]"),
            (
                "[example.org, example.net]",
                "[example.org, mx.example.org, example.net]",
            ),
            ("[joe, sales,", "[joe, joe.doe, sales,"),
            ("proof: {dkim: {verify: false}}", &*proof),
        ];
        let sink = Sink::start().unwrap();
        let port = free_port().unwrap();
        let site = Site::start_around(port, &changes, || {
            let sendmail = Sendmail::start(&sendmail::Options {
                domains: vec!["example.org".to_owned(), "mx.example.org".to_owned()],
                mailboxes: vec![
                    "joe@example.org".to_owned(),
                    "joe.doe@example.org".to_owned(),
                ],
                relay: Some(sink.addr()),
                mc: vec![sendmail_lines(port), lines],
                ..sendmail::Options::default()
            });
            sendmail.unwrap()
        });
        Self {
            site,
            sink,
            _folder: folder,
        }
    }

    /// A message of a user of this host, as it arrives elsewhere.
    fn sent(&self) -> (Letter, Mail) {
        let letter = Letter::headed(&format!(
            "From: Joe <{INSIDE}>\r\nTo: {FAR}\r\nSubject: Hello\r\n\
             Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
        ));
        let here = IpAddr::from([127, 0, 0, 1]);
        let mut user = Client::connect_from(self.site.mta.smtp_addr(), here).unwrap();
        assert_eq!(user.ehlo("mx.example.org").unwrap().code, 250);
        assert_eq!(user.message(INSIDE, FAR, &letter.bytes).unwrap().code, 250);
        let mut arrived = None;
        lab::process::wait_until(std::time::Duration::from_secs(60), || {
            let mut mail = self.sink.mail().into_iter();
            let is_it = |mail: &Mail| String::from_utf8_lossy(&mail.message).contains(&letter.id);
            arrived = mail.find(is_it);
            Ok(arrived.is_some())
        })
        .unwrap();
        (letter, arrived.unwrap())
    }

    /// What a bounce of it is answered that returns this much of it; and the reason in the log.
    fn bounced(&self, mail: &Mail, returned: &[u8]) -> String {
        let since = self.site.backstop.log().len();
        let mut client = self.site.friend();
        client.mail("").unwrap();
        let reply = client.rcpt(&mail.sender).unwrap();
        let answer = if reply.code == 250 {
            let head = "From: MAILER-DAEMON@mx.friend.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\
                MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
                --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.friend.example\r\n\r\n\
                Final-Recipient: rfc822; far@friend.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
                --b\r\nContent-Type: message/rfc822\r\n\r\n";
            let bounce = [head.as_bytes(), returned, b"\r\n--b--\r\n"].concat();
            codes(&client.data(&bounce).unwrap())
        } else {
            codes(&reply)
        };
        let rcpt = format!(" rcpt=<{}> ", mail.sender);
        let line = self
            .site
            .decision(since, &[" mail_from=<> ", &rcpt, " verdict="]);
        let reason = line.split(" reason=").nth(1).unwrap();
        format!("{answer} {}", reason.split(' ').next().unwrap())
    }
}

const MASQUERADE: &str = "MASQUERADE_AS(`example.org')dnl\nMASQUERADE_DOMAIN(`mx.example.org')dnl\n\
    FEATURE(`masquerade_envelope')dnl";

/// The tag was made for the host's name, and leaves at the domain.
#[test]
fn a_masqueraded_tag_comes_home_and_counts() {
    let batv = "batv: {sign: true, layout: sub_address, guess_limit: 1}";
    let rewriting = Rewriting::start(batv, MASQUERADE, "");
    let (_, mail) = rewriting.sent();
    let (user, domain) = mail.sender.split_once('@').unwrap();
    assert!(user.starts_with("joe+prvs="), "{}", mail.sender);
    assert_eq!(domain, "example.org");
    for _ in 0..3 {
        let found = rewriting.bounced(&mail, b"Subject: Hello\r\n\r\n");
        assert_eq!(found, "250 2.0.0 batv");
    }
}

const GENERICS: &str = "GENERICS_DOMAIN(`mx.example.org')dnl\n\
    FEATURE(`genericstable', `text -k0 -v1 FOLDER/generics')dnl\nFEATURE(`masquerade_envelope')dnl";
const TABLE: &str = "joe@mx.example.org joe.doe@example.org\n";

/// genericstable writes another sender, without the tag. So such senders are not signed, and the ledger proves.
#[test]
fn what_genericstable_rewrites_is_proven_by_the_ledger() {
    let proof = "batv: {sign: true, layout: sub_address, except: {senders: ['@mx.example.org']}}, ledger: {remember: true}";
    let rewriting = Rewriting::start(proof, GENERICS, TABLE);
    let (letter, mail) = rewriting.sent();
    assert_eq!(mail.sender, "joe.doe@example.org");
    rewriting.site.decision(0, &[" signed=ledger "]);
    let found = rewriting.bounced(&mail, &mail.message);
    assert_eq!(found, "250 2.0.0 ledger", "{}", letter.id);
    let found = rewriting.bounced(&mail, b"Subject: Hello\r\n\r\n");
    assert_eq!(found, "550 5.7.1 unproven");
}

/// Why they are not to be signed: the log says that it is, and nothing of it leaves.
#[test]
fn genericstable_takes_a_sub_address_off() {
    let proof = "batv: {sign: true, layout: sub_address}, ledger: {remember: true}";
    let rewriting = Rewriting::start(proof, GENERICS, TABLE);
    let (_, mail) = rewriting.sent();
    rewriting.site.decision(0, &[" signed=batv,ledger "]);
    assert_eq!(mail.sender, "joe.doe@example.org");
    let found = rewriting.bounced(&mail, &mail.message);
    assert_eq!(found, "250 2.0.0 ledger");
}

/// What the manual says to put into submit.mc rewrites before the milter is asked.
#[test]
fn the_lines_for_submit_mc_rewrite_in_the_submission_program() {
    let folder = mta::folder().unwrap();
    let path = folder.path();
    fs::write(path.join("generics"), TABLE).unwrap();
    let tree = unpacked("sendmail").unwrap();
    let macros = tree.join("usr/share/sendmail/cf");
    let lines = text("packaging/sendmail/submit.mc");
    let table = format!("text -k0 -v1 {}/generics", path.display());
    let lines = changed(&lines, &[("hash -o /etc/mail/genericstable", &table)]);
    let mc = format!(
        "divert(0)dnl\ndefine(`MAIL_SETTINGS_DIR', `{0}/')dnl\nOSTYPE(`linux')dnl\n\
         define(`confDOMAIN_NAME', `mx.example.org')dnl\n\
         define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl\n\
         define(`confRUN_AS_USER', `daemon:daemon')dnl\n{lines}\nFEATURE(`msp', `[127.0.0.1]')dnl\n",
        path.display()
    );
    fs::write(path.join("submit.mc"), mc).unwrap();
    let made = Command::new("m4")
        .arg(format!("-D_CF_DIR_={}/", macros.display()))
        .arg(macros.join("m4/cf.m4"))
        .arg(path.join("submit.mc"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::write(path.join("submit.cf"), &made.stdout).unwrap();
    // With a host name that has no dot it would first wait for a better one.
    let mut program = Command::new("unshare");
    let program = program
        .args(["--uts", "sh", "-c"])
        .arg("hostname mx.example.org; printf '/tryflags ES\\n/try relay joe@mx.example.org\\n/try relay ann@mx.example.org\\n' | \"$0\" -C \"$1\" -bt")
        .arg(tree.join("usr/libexec/sendmail/sendmail"))
        .arg(path.join("submit.cf"));
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let tried: Vec<_> = said
        .lines()
        .filter(|line| line.contains("Rcode = 0"))
        .collect();
    assert_eq!(tried.len(), 2, "{said}");
    assert!(tried[0].contains("joe.doe@example.org"), "{said}");
    assert!(tried[1].contains("ann@example.org"), "{said}");
}
