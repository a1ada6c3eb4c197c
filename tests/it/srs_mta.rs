//! Postfix with postsrsd, which rewrites the senders of forwarded mail and knows its own addresses again: their bounces
//! come home through Backstop, and what only looks like one does not.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use lab::{
    mta::{self, unpacked},
    postfix::Postfix,
    process::{free_port, wait_until},
};
use tempfile::TempDir;

use crate::{
    batv::key_file,
    site::{Letter, Site, codes, start_postfix},
};

const OK: &str = "250 2.1.5";
/// A forwarding address, and where its mail goes.
const FORWARD: &str = "fwd@example.net";
const FAR: &str = "private@far.example";
const SENDER: &str = "bob@friend.example";
const SRS: &str = "null_sender: {srs: [example.net]";

/// As Debian has it: two TCP tables for Postfix.
struct Postsrsd {
    child: Child,
    forward: u16,
    reverse: u16,
}

impl Postsrsd {
    fn start(folder: &Path) -> Self {
        let secret = folder.join("postsrsd.secret");
        fs::write(&secret, "a secret of the tests\n").unwrap();
        let (forward, reverse) = (free_port().unwrap(), free_port().unwrap());
        let mut postsrsd = Command::new(unpacked("postsrsd").unwrap().join("usr/sbin/postsrsd"));
        let child = postsrsd
            .arg(format!("-s{}", secret.display()))
            .arg("-dexample.net")
            .arg(format!("-f{forward}"))
            .arg(format!("-r{reverse}"))
            .args(["-Xexample.org", "-4"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let daemon = Self {
            child: child.unwrap(),
            forward,
            reverse,
        };
        for port in [forward, reverse] {
            let listens = wait_until(lab::mta::PATIENCE, || {
                Ok(TcpStream::connect(("127.0.0.1", port)).is_ok())
            });
            assert!(listens.is_ok(), "postsrsd does not listen");
        }
        daemon
    }

    /// As its README has them.
    fn lines(&self) -> String {
        let Self {
            forward, reverse, ..
        } = self;
        format!(
            "sender_canonical_maps = tcp:127.0.0.1:{forward}\n\
             sender_canonical_classes = envelope_sender\n\
             recipient_canonical_maps = tcp:127.0.0.1:{reverse}\n\
             recipient_canonical_classes = envelope_recipient, header_recipient\n\
             virtual_alias_maps = inline:{{ {{ {FORWARD} = {FAR} }} }}"
        )
    }
}

impl Drop for Postsrsd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Forwarding {
    site: Site<Postfix>,
    _postsrsd: Postsrsd,
    _folder: TempDir,
}

impl Forwarding {
    fn start() -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let postsrsd = Postsrsd::start(folder.path());
        let port = free_port().unwrap();
        let keys = key_file(folder.path());
        let proof = format!(
            "proof: {{key_file: {}, ledger: {{remember: true}}, dkim: {{verify: false}}, unproven: reject}}\n\
             store: sqlite:{}",
            keys.display(),
            folder.path().join("state.db").display()
        );
        let changes = [
            ("null_sender: {", &*format!("{SRS}, ")),
            (
                "recipients:\n",
                "recipients:\n  - domain: example.net\n    known: [{addresses: [known, fwd]}]\n    \
                 unknown: {mail: reject, bounces: reject}\n",
            ),
            ("proof: {dkim: {verify: false}}", &*proof),
        ];
        let site = Site::start_around(port, &changes, || {
            start_postfix(&[
                ("inet:127.0.0.1:8894", &format!("inet:127.0.0.1:{port}")),
                (
                    "milter_protocol = 6",
                    &format!("milter_protocol = 6\n{}", postsrsd.lines()),
                ),
            ])
        });
        Self {
            site,
            _postsrsd: postsrsd,
            _folder: folder,
        }
    }

    /// The sender that forwarded mail arrives with.
    fn rewritten(&self) -> String {
        let letter = Letter::new();
        let sent = self.site.friend().message(SENDER, FORWARD, &letter.bytes);
        assert_eq!(sent.unwrap().code, 250);
        let text = self.site.delivered(FAR, &letter);
        let line = text.lines().next().unwrap();
        let path = line.strip_prefix("Return-Path: <").unwrap();
        path.strip_suffix('>').unwrap().to_owned()
    }

    /// What a bounce to this address is answered; and, once it is accepted, that `mailbox` has it.
    fn bounced(&self, from: &str, to: &str, mailbox: &str) -> String {
        let letter = Letter::new();
        let mut client = self.site.friend();
        client.mail(from).unwrap();
        let reply = client.rcpt(to).unwrap();
        if codes(&reply) != OK {
            return codes(&reply);
        }
        let head = b"From: MAILER-DAEMON@mx.friend.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\
            Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n";
        let bounce = [&head[..], &letter.bytes[..]].concat();
        let reply = client.data(&bounce).unwrap();
        if reply.code == 250 {
            self.site.delivered(mailbox, &letter);
        }
        codes(&reply)
    }
}

#[test]
fn bounces_of_forwarded_mail_come_home_and_forged_ones_do_not() {
    let forwarding = Forwarding::start();
    let site = &forwarding.site;
    let srs = forwarding.rewritten();
    assert!(
        srs.starts_with("SRS0=") && srs.ends_with("=friend.example=bob@example.net"),
        "{srs}"
    );
    for from in ["", "mailer-daemon@friend.example"] {
        let since = site.backstop.log().len();
        assert_eq!(
            forwarding.bounced(from, &srs, SENDER),
            "250 2.0.0",
            "{from}"
        );
        let rcpt = format!(" rcpt=<{srs}> ");
        site.decision(
            since,
            &[&rcpt, " verdict=accept reason=srs ", " proof=srs "],
        );
    }
    // Its hash is the daemon's to verify.
    let at = "SRS0=".len();
    let first = if &srs[at..=at] == "A" { "B" } else { "A" };
    let forged = format!("SRS0={first}{}", &srs[at + 1..]);
    assert_eq!(forwarding.bounced("", &forged, SENDER), "550 5.1.1");
    // One that is not well-formed is an address as any.
    assert_eq!(
        forwarding.bounced("", "SRS0=x@example.net", SENDER),
        "550 5.1.1"
    );
    assert_eq!(
        forwarding.bounced("", "known@example.net", "known@example.net"),
        "550 5.7.1"
    );

    // Where the file doesn't say that a daemon runs, it is refused as before.
    site.reconfigure(&[(&format!("{SRS}, "), "null_sender: {")]);
    assert_eq!(forwarding.bounced("", &srs, SENDER), "550 5.1.1");
    let line = site.decision(0, &[&format!(" rcpt=<{srs}> "), " reason=unknown_bounce "]);
    assert!(line.contains(" verdict=reject "), "{line}");
    // Then the command that looks at the file says what to write.
    let suggested = wait_until(Duration::from_secs(30), || {
        let mut check = Command::new(env!("CARGO_BIN_EXE_backstop"));
        check.arg("--config").arg(site.backstop.config());
        let output = check.args(["check", "--offline"]).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(said.contains("SRS addresses of example.net were seen")
            && said.contains("`null_sender: {srs: [example.net]}`"))
    });
    assert!(suggested.is_ok(), "nothing is suggested");
}
