//! Tags through real Postfix and real Sendmail: out with a message, home with its bounce, and what forgers get.

use std::{
    fs,
    net::IpAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use backstop::core::{
    address::Mailbox,
    proof::{
        self, DAY, Keys,
        batv::{self, Layout},
    },
};
use lab::{mta, postfix::Postfix, process::free_port, sendmail::Sendmail, smtp::Client};
use tempfile::TempDir;

use crate::{
    package::text,
    site::{
        Letter, Mta, Site, changed, codes, connect_as, sendmail_lines, start_postfix,
        start_sendmail,
    },
};

const OK: &str = "250 2.1.5";
const FAR: &str = "far@friend.example";
pub const KEY: &str = "3 2026-01-01 MDEyMzQ1Njc4OWFiY2RlZg\n";

/// A site that signs, and what makes tags as it does.
struct Signing<M: Mta> {
    site: Site<M>,
    layout: Layout,
    _folder: TempDir,
}

impl<M: Mta> Signing<M> {
    fn start(layout: Layout, mta: impl FnOnce(u16, &Path) -> M) -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let keys = key_file(folder.path());
        let word = match layout {
            Layout::Prvs => "prvs",
            Layout::SubAddress => "sub_address",
        };
        let proof = format!(
            "proof:\n  key_file: {}\n  dkim: {{verify: false}}\n  batv:\n    sign: true\n    layout: {word}\n    guess_limit: 3\n    \
             except: {{recipients: [list.example], senders: [plain@example.org]}}\nlog: {{level: debug}}",
            keys.display()
        );
        let port = free_port().unwrap();
        let changes = [
            ("networks: []", "networks: [127.0.0.1]"),
            ("proof: {dkim: {verify: false}}", ""),
            ("log: {level: debug}", &proof),
        ];
        let site = Site::start_around(port, &changes, || mta(port, folder.path()));
        Self {
            site,
            layout,
            _folder: folder,
        }
    }

    /// A tag as of so many days ago.
    fn tagged(&self, address: &str, days_ago: u64) -> String {
        tagged(address, days_ago, self.layout)
    }

    /// One of our users.
    fn user(&self) -> Client {
        let here = IpAddr::from([127, 0, 0, 1]);
        let mut client = Client::connect_from(self.site.mta.smtp_addr(), here).unwrap();
        assert_eq!(client.ehlo("pc.example.org").unwrap().code, 250);
        client
    }

    /// The envelope sender that a message from `sender` has when it arrives.
    fn sent(&self, sender: &str, recipients: &[&str]) -> String {
        let letter = Letter::new();
        let mut client = self.user();
        let command = if sender.is_ascii() {
            format!("MAIL FROM:<{sender}>")
        } else {
            format!("MAIL FROM:<{sender}> SMTPUTF8")
        };
        assert_eq!(client.command(command.as_bytes()).unwrap().code, 250);
        for recipient in recipients {
            assert_eq!(codes(&client.rcpt(recipient).unwrap()), OK);
        }
        assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
        let text = recipients
            .iter()
            .map(|recipient| self.site.delivered(recipient, &letter))
            .next_back()
            .unwrap();
        return_path(&text)
    }

    /// What a bounce to this address is answered; and once it is let in, that `mailbox` has it.
    fn bounced(&self, to: &str, mailbox: Option<&str>) -> String {
        let mut client = self.site.friend();
        client.mail("").unwrap();
        let reply = client.rcpt(to).unwrap();
        if let Some(mailbox) = mailbox {
            let letter = Letter::new();
            let bounce = [b"Auto-Submitted: auto-replied\r\n", &letter.bytes[..]].concat();
            assert_eq!(codes(&reply), OK, "{to}: {reply:?}");
            assert_eq!(client.data(&bounce).unwrap().code, 250);
            self.site.delivered(mailbox, &letter);
            assert_eq!(self.site.copies(mailbox, &letter).len(), 1);
            assert!(self.site.copies(to, &letter).is_empty());
        }
        codes(&reply)
    }

    fn all(&self) {
        self.a_message_and_its_bounce();
        self.forged_and_expired();
        self.what_is_left_alone();
        self.people_answer_to_what_they_see();
        self.callouts();
        self.parameters_survive();
    }

    fn a_message_and_its_bounce(&self) {
        let tagged = self.sent("joe@example.org", &[FAR]);
        assert_eq!(tagged, self.tagged("joe@example.org", 0));
        self.site.decision(
            0,
            &[
                " batv=- proof=- signed=batv ",
                " mail_from=<joe@example.org> ",
            ],
        );
        self.bounced(&tagged, Some("joe@example.org"));
        self.site
            .decision(0, &[" mail_from=<> ", " batv=valid ", " reason=batv "]);
        // Nobody's bounces go there; but he has written, so this one does.
        assert_eq!(self.bounced("noreply@example.org", None), "550 5.7.1");
        let tagged = self.tagged("noreply@example.org", 0);
        self.bounced(&tagged, Some("noreply@example.org"));
        // Case doesn't matter, nor does the end of its life while that isn't over.
        self.bounced(
            &self.tagged("joe@example.org", 7).to_uppercase(),
            Some("JOE@example.org"),
        );
    }

    fn forged_and_expired(&self) {
        assert_eq!(
            self.bounced(&self.tagged("joe@example.org", 8), None),
            "550 5.7.1"
        );
        self.site
            .decision(0, &[" batv=expired ", " reason=batv_expired "]);
        let tagged = self.tagged("joe@example.org", 0);
        let at = tagged.find("prvs=").unwrap() + "prvs=".len() + 9;
        let digit = if &tagged[at..=at] == "0" { "1" } else { "0" };
        let wrong = [&tagged[..at], digit, &tagged[at + 1..]].concat();
        for expected in ["550 5.7.1"; 3].into_iter().chain(["450 4.7.1"; 2]) {
            assert_eq!(self.bounced(&wrong, None), expected);
        }
        self.site
            .decision(0, &[" batv=wrong ", " reason=batv_wrong "]);
        // This client has guessed enough, others haven't.
        assert_eq!(self.bounced(&tagged, None), "450 4.7.1");
        let mut other = self.site.session(7, "mx.bystander.example");
        other.mail("").unwrap();
        assert_eq!(codes(&other.rcpt(&tagged).unwrap()), OK);
    }

    fn what_is_left_alone(&self) {
        let long = format!("{}@example.org", "j".repeat(60));
        for (sender, recipients) in [
            ("joe@example.org", &[FAR, "dev@list.example"][..]),
            ("plain@example.org", &[FAR]),
            ("joe@friend.example", &[FAR]),
            (&long, &[FAR]),
        ] {
            assert_eq!(self.sent(sender, recipients), sender);
        }
        let tagged = self.tagged("joe@example.org", 3);
        assert_eq!(self.sent(&tagged, &[FAR]), tagged);
    }

    fn people_answer_to_what_they_see(&self) {
        for days_ago in [0, 300] {
            let letter = Letter::new();
            let tagged = self.tagged("joe@example.org", days_ago);
            let mut client = self.site.friend();
            let sent = client.message("bob@friend.example", &tagged, &letter.bytes);
            assert_eq!(sent.unwrap().code, 250);
            let text = self.site.delivered("joe@example.org", &letter);
            assert_eq!(return_path(&text), "bob@friend.example");
            assert!(self.site.copies(&tagged, &letter).is_empty());
        }
    }

    /// RFC 3461: what the sender wants to be told, and by which name, outlives the change of an address.
    fn parameters_survive(&self) {
        let letter = Letter::new();
        let mut client = self.user();
        self.with_parameters(
            &mut client,
            (
                "joe@example.org",
                "RET=HDRS ENVID=abc BODY=8BITMIME SIZE=300",
            ),
            (FAR, "NOTIFY=SUCCESS ORCPT=rfc822;far.away@friend.example"),
            &letter,
        );
        // The MTA's own mail is not ours to see: the extension stays on it.
        let own = match self.layout {
            Layout::Prvs => "joe@example.org".to_owned(),
            Layout::SubAddress => self.tagged("joe@example.org", 0),
        };
        let told = self.told(&own, &letter);
        for line in [
            "Original-Envelope-Id: abc",
            "Original-Recipient: rfc822;far.away@friend.example",
        ] {
            assert!(told.contains(line), "no {line} in {told}");
        }
        assert!(!told.contains("Gr"), "the body came along: {told}");

        let letter = Letter::new();
        let tagged = self.tagged("joe@example.org", 0);
        let mut client = self.site.friend();
        self.with_parameters(
            &mut client,
            ("bob@friend.example", "RET=HDRS ENVID=def"),
            (&tagged, "NOTIFY=SUCCESS ORCPT=rfc822;joey@example.org"),
            &letter,
        );
        let told = self.told("bob@friend.example", &letter);
        for line in [
            "Original-Envelope-Id: def",
            "Original-Recipient: rfc822;joey@example.org",
        ] {
            assert!(told.contains(line), "no {line} in {told}");
        }
    }

    fn with_parameters(
        &self,
        client: &mut Client,
        (sender, of_mail): (&str, &str),
        (recipient, of_rcpt): (&str, &str),
        letter: &Letter,
    ) {
        for command in [
            format!("MAIL FROM:<{sender}> {of_mail}"),
            format!("RCPT TO:<{recipient}> {of_rcpt}"),
        ] {
            let reply = client.command(command.as_bytes()).unwrap();
            assert_eq!(reply.code, 250, "{command}: {reply:?}");
        }
        assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
    }

    /// The notification about this message.
    fn told(&self, recipient: &str, letter: &Letter) -> String {
        let text = self.site.delivered(recipient, letter);
        assert!(text.contains("report-type=delivery-status"), "{text}");
        text
    }

    fn callouts(&self) {
        let mut client = self.site.session(7, "mx.bystander.example");
        for to in ["joe@example.org", &self.tagged("joe@example.org", 0)] {
            client.mail("").unwrap();
            assert_eq!(codes(&client.rcpt(to).unwrap()), OK);
            assert_eq!(client.rset().unwrap().code, 250);
        }
        client.quit().unwrap();
    }
}

/// A key file as the daemon wants it.
pub fn key_file(folder: &Path) -> PathBuf {
    avoid_midnight();
    let keys = folder.join("batv.keys");
    fs::write(&keys, KEY).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    keys
}

/// Waits until it is not about to be another day (UTC), whose tags are others.
fn avoid_midnight() {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let left = DAY - now % DAY;
    if left < 120 {
        thread::sleep(Duration::from_secs(left));
    }
}

/// An address with a tag of that key, as of so many days ago.
pub fn tagged(address: &str, days_ago: u64, layout: Layout) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let tagged = batv::sign(
        &Mailbox::from_bytes(address.as_bytes()),
        &Keys::parse(KEY).unwrap(),
        proof::today(now) - days_ago,
        7,
        layout,
        "+",
    );
    String::from_utf8(tagged.unwrap()).unwrap()
}

fn return_path(text: &str) -> String {
    let line = text.lines().next().unwrap();
    let path = line.strip_prefix("Return-Path: <").unwrap();
    path.strip_suffix('>').unwrap().to_owned()
}

/// Postfix by the lines that we ship.
fn postfix(port: u16, folder: &Path) -> Postfix {
    let table = folder.join("prvs.pcre");
    let shipped = text("packaging/postfix/prvs.pcre");
    let both = shipped.clone() + &changed(&shipped, &[("example\\.org", "example\\.net")]);
    fs::write(&table, both).unwrap();
    let lines = text("packaging/postfix/prvs.cf");
    let lines = changed(
        &lines,
        &[("/etc/postfix/prvs.pcre", &table.display().to_string())],
    );
    start_postfix(&[
        ("inet:127.0.0.1:8894", &format!("inet:127.0.0.1:{port}")),
        (
            "milter_protocol = 6",
            &format!(
                "milter_protocol = 6\n{lines}\n\
                 transport_maps = inline:{{ {{ gone@friend.example = error:5.1.1 gone }} }}"
            ),
        ),
    ])
}

fn sendmail(port: u16, _: &Path) -> Sendmail {
    start_sendmail(vec![
        sendmail_lines(port),
        text("packaging/sendmail/prvs.mc"),
    ])
}

#[test]
fn prvs_through_postfix() {
    let signing = Signing::start(Layout::Prvs, postfix);
    signing.all();
    assert_eq!(signing.sent("jörg@example.org", &[FAR]), "jörg@example.org");
    // Mail that is made here, and mail of somebody who logged in.
    let letter = Letter::new();
    let output = signing
        .site
        .mta
        .sendmail(&["-f", "joe@example.org", FAR], &letter.bytes);
    assert!(output.unwrap().status.success());
    let text = signing.site.delivered(FAR, &letter);
    assert_eq!(return_path(&text), signing.tagged("joe@example.org", 0));
    let letter = Letter::new();
    let anywhere = IpAddr::from([192, 0, 2, 66]);
    let mut client = connect_as(&signing.site.mta, anywhere, Some("joe"));
    client.ehlo("elsewhere.example").unwrap();
    let sent = client.message("joe@example.org", FAR, &letter.bytes);
    assert_eq!(sent.unwrap().code, 250);
    let text = signing.site.delivered(FAR, &letter);
    assert_eq!(return_path(&text), signing.tagged("joe@example.org", 0));
    // A tag opens no door to a mailbox that isn't there, and strangers' tags are theirs.
    let mut client = signing.user();
    client.mail("bob@friend.example").unwrap();
    for (to, answer) in [
        (signing.tagged("nobody@example.net", 0), "550 5.1.1"),
        (signing.tagged("known@example.net", 0), OK),
        (
            format!("\"{}", signing.tagged("nobody@example.net", 0)).replace('@', "\"@"),
            "550 5.1.1",
        ),
    ] {
        assert_eq!(codes(&client.rcpt(&to).unwrap()), answer, "{to}");
    }
    let theirs = signing.tagged("far@friend.example", 0);
    assert_eq!(
        signing.sent("plain@example.org", &[&theirs]),
        "plain@example.org"
    );
    // Postfix returns what it can't deliver without asking anybody.
    let reply = signing.site.mta.sendmail(
        &[
            "-f",
            &signing.tagged("joe@example.org", 0),
            "gone@friend.example",
        ],
        &Letter::new().bytes,
    );
    assert!(reply.unwrap().status.success());
    let bounced = || {
        signing
            .site
            .mta
            .wait_for_mail("joe@example.org", 1)
            .unwrap()
    };
    let is_bounce = |mail: &Vec<u8>| String::from_utf8_lossy(mail).contains("gone@friend.example");
    lab::process::wait_until(lab::mta::PATIENCE, || Ok(bounced().iter().any(is_bounce))).unwrap();
}

/// A Postfix that takes tags off by itself has one copy for each recipient, as any.
#[test]
fn prvs_through_a_postfix_that_knows_it() {
    let signing = Signing::start(Layout::Prvs, |port, folder| {
        let table = folder.join("canonical.pcre");
        fs::write(&table, "/^prvs=[^=]+=(.+@example\\.org)$/ ${1}\n").unwrap();
        let lines = format!(
            "milter_protocol = 6\nrecipient_canonical_maps = pcre:{}\n\
             recipient_canonical_classes = envelope_recipient",
            table.display()
        );
        start_postfix(&[
            ("inet:127.0.0.1:8894", &format!("inet:127.0.0.1:{port}")),
            ("milter_protocol = 6", &lines),
        ])
    });
    signing.all();
}

#[test]
fn sub_addresses_through_postfix() {
    let signing = Signing::start(Layout::SubAddress, |port, _| <Postfix as Mta>::start(port));
    signing.all();
}

#[test]
fn prvs_through_sendmail() {
    Signing::start(Layout::Prvs, sendmail).all();
}

#[test]
fn sub_addresses_through_sendmail() {
    Signing::start(Layout::SubAddress, |port, _| <Sendmail as Mta>::start(port)).all();
}
