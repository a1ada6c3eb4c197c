//! One site for both MTAs: a DNS, Backstop, and an MTA that asks it by the very lines that `packaging/` ships.

use std::{
    fs,
    net::IpAddr,
    ops::Deref,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use lab::{
    backstop::Backstop,
    dns::{Server, Zone},
    mta::{PATIENCE, Running},
    postfix::{self, Postfix},
    process::{free_port, wait_until},
    sendmail::{self, Sendmail},
    smtp::{Client, Identity, Reply},
};
use tokio::runtime::Runtime;

use crate::package::text;

/// Makes of generic functions tests that run through both MTAs.
macro_rules! through_both {
    ($($session:ident)*) => {
        mod postfix {
            $(#[test] fn $session() { super::$session::<lab::postfix::Postfix>(); })*
        }
        mod sendmail {
            $(#[test] fn $session() { super::$session::<lab::sendmail::Sendmail>(); })*
        }
    };
}
pub(crate) use through_both;

/// What the strangers publish; `NET` is the net that they come from.
const ZONE: &str = r#"
example.org:
  - TXT: "v=spf1 ip4:NET.25 ?all"
bank.example:
  - TXT: "v=spf1 ip4:NET.10 -all exp=why.bank.example"
_dmarc.bank.example:
  - TXT: "v=DMARC1; p=reject"
why.bank.example:
  - TXT: "%{i} is none of ours, we are 100%% sure"
wordy.example:
  - TXT: "v=spf1 -all exp=why.wordy.example"
why.wordy.example:
  - TXT: "WORDS"
news.example:
  - TXT: "v=spf1 ip4:NET.30 ~all"
broken.example:
  - TXT: "v=spf1 ip4:NET.999 -all"
strict.example:
  - TXT: "v=spf1 include -all"
xn--bcher-kva.example:
  - TXT: "v=spf1 -all"
friend.example:
  - TXT: "v=spf1 ip4:NET.20 ip6:::1 ip6:2001:db8::20 -all"
far.example:
  - TXT: "v=spf1 ip4:NET.20 -all"
mx.friend.example:
  - A: NET.20
  - TXT: "v=spf1 a -all"
mx.bystander.example:
  - A: NET.7
  - TXT: "v=spf1 a -all"
mx.forwarder.example:
  - TXT: "v=spf1 ip4:NET.40 -all"
elsewhere.example:
  - TXT: "v=spf1 -all"
dead.example:
  - SILENCE
failing.example:
  - SERVFAIL
"*.slow.example":
  - TXT: "v=spf1 ip4:NET.20 -all"
  - DELAY: 500ms
"#;

const CONFIG: &str = r#"
listen: inet:PORT@127.0.0.1
mode: enforce
local: {domains: [example.org, example.net], networks: []}
dns: {nameservers: ["NAMESERVER"], timeout: 500ms, budget: 2s}
spf:
  trusted_forwarders: [forwarder.example]
  domains: {strict.example: {permerror: reject, softfail: reject}}
null_sender: {never_send: [noreply@example.org]}
exempt: {recipients: [abuse@example.org]}
recipients:
  - domain: example.org
    known: [{addresses: [joe, sales, '"john doe"', jörg]}]
    rules:
      - {match: 'shop-[a-z0-9]+', mail: accept, bounces: reject}
      - {match: 'old-.*', mail: reject, bounces: reject}
      - {match: 'busy-.*', mail: tempfail, bounces: tempfail}
      - {match: 'sink-.*', mail: discard, bounces: discard}
      - {match: 'held-.*', mail: quarantine, bounces: quarantine}
      - {match: 'tagged-.*', mail: tag, bounces: tag}
      - {match: 'watched-.*', mail: {action: reject, monitor: true}}
    catch_all: {mail: accept, bounces: reject}
proof: {dkim: {verify: false}}
log: {level: debug}
"#;

/// The addresses that Sendmail takes mail for. Postfix takes it for all of example.org.
const MAILBOXES: &[&str] = &[
    "joe@example.org",
    "sales@example.org",
    "noreply@example.org",
    "abuse@example.org",
    "postmaster@example.org",
    "xk27qz@example.org",
    "shop-acme@example.org",
    "old-acme@example.org",
    "busy-acme@example.org",
    "sink-acme@example.org",
    "held-acme@example.org",
    "tagged-acme@example.org",
    "watched-acme@example.org",
    "known@example.net",
];

/// What is different between the two.
pub trait Mta: Deref<Target = Running> + Send + Sync {
    /// The net that strangers come from.
    const NET: &str;

    /// Starts it, with the lines we ship, and the milter at this port.
    fn start(milter: u16) -> Self;

    /// Starts one that is the same but for the milter, which it doesn't have.
    fn plain() -> Self;

    /// A connection as the host `NET.host`, before EHLO.
    fn connect(&self, host: u8) -> Client;

    /// The host's address.
    fn address(host: u8) -> IpAddr {
        format!("{}.{host}", Self::NET).parse().unwrap()
    }
}

impl Mta for Postfix {
    const NET: &str = "192.0.2";

    fn start(milter: u16) -> Self {
        start_postfix(&[("inet:127.0.0.1:8894", &format!("inet:127.0.0.1:{milter}"))])
    }

    fn plain() -> Self {
        start_postfix(&[("smtpd_milters = inet:127.0.0.1:8894", "smtpd_milters =")])
    }

    /// Postfix lets us pretend.
    fn connect(&self, host: u8) -> Client {
        connect_as(self, Self::address(host), None)
    }
}

impl Mta for Sendmail {
    const NET: &str = "127.0.0";

    fn start(milter: u16) -> Self {
        start_sendmail(vec![sendmail_lines(milter)])
    }

    fn plain() -> Self {
        start_sendmail(Vec::new())
    }

    fn connect(&self, host: u8) -> Client {
        Client::connect_from(self.smtp_addr(), Self::address(host)).unwrap()
    }
}

/// Sendmail with these lines, and room for large headers, of which it takes 32 KB by default.
pub fn start_sendmail(mut mc: Vec<String>) -> Sendmail {
    mc.insert(
        0,
        "define(`confMAX_HEADERS_LENGTH', `200000')dnl".to_owned(),
    );
    let sendmail = Sendmail::start(&sendmail::Options {
        domains: vec!["example.org".to_owned(), "example.net".to_owned()],
        mailboxes: MAILBOXES.iter().map(|&name| name.to_owned()).collect(),
        mc,
        ..sendmail::Options::default()
    });
    sendmail.unwrap()
}

/// Postfix by the lines that we ship, with these changes.
pub fn start_postfix(changes: &[(&str, &str)]) -> Postfix {
    let postfix = Postfix::start(&postfix::Options {
        domains: vec!["example.org".to_owned(), "example.net".to_owned()],
        mailboxes: vec![
            "@example.org".to_owned(),
            "known@example.net".to_owned(),
            "known@example.org".to_owned(),
        ],
        main_cf: vec![changed(&text("packaging/postfix/main.cf"), changes)],
        ..postfix::Options::default()
    });
    postfix.unwrap()
}

/// The lines for Sendmail that we ship.
pub fn sendmail_lines(milter: u16) -> String {
    changed(
        &text("packaging/sendmail/backstop.mc"),
        &[(
            "`S=inet:8894@127.0.0.1",
            &format!("`S=inet:{milter}@127.0.0.1"),
        )],
    )
}

/// A connection to Postfix as somebody else, who may have logged in.
pub fn connect_as(postfix: &Postfix, addr: IpAddr, login: Option<&str>) -> Client {
    let mut client = Client::connect(postfix.smtp_addr()).unwrap();
    let who = Identity {
        login,
        ..Identity::stranger(addr)
    };
    assert_eq!(client.xclient(&who).unwrap().code, 220);
    client
}

/// Everything that mail goes through.
pub struct Site<M: Mta> {
    pub mta: M,
    pub backstop: Backstop,
    pub dns: Server,
    config: String,
    /// The DNS lives in it.
    _runtime: Runtime,
}

impl<M: Mta> Site<M> {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With these changes in the configuration.
    pub fn start_with(changes: &[(&str, &str)]) -> Self {
        let port = free_port().unwrap();
        Self::start_around(port, changes, || M::start(port))
    }

    /// With an MTA of one's own.
    pub fn start_around(port: u16, changes: &[(&str, &str)], mta: impl FnOnce() -> M) -> Self {
        let runtime = Runtime::new().unwrap();
        let words = "Mail from anywhere else was not written by us; ".repeat(20);
        let zone = ZONE.replace("NET", M::NET).replace("WORDS", &words);
        let dns = runtime.block_on(Server::start(Zone::from_yaml(&zone).unwrap()));
        let config = CONFIG
            .replace("PORT", &port.to_string())
            .replace("NAMESERVER", &dns.addr().to_string());
        let config = changed(&config, changes);
        Self {
            backstop: start_backstop(&config),
            mta: mta(),
            dns,
            config,
            _runtime: runtime,
        }
    }

    /// A session as the host `NET.host`, greeted.
    pub fn session(&self, host: u8, helo: &str) -> Client {
        let mut client = self.mta.connect(host);
        assert_eq!(client.ehlo(helo).unwrap().code, 250);
        client
    }

    /// The session of somebody whom nothing speaks against.
    pub fn friend(&self) -> Client {
        self.session(20, "mx.friend.example")
    }

    /// Starts Backstop anew, after it was stopped.
    pub fn restart_backstop(&mut self) {
        self.backstop = start_backstop(&self.config);
    }

    /// Changes the configuration of the running Backstop.
    pub fn reconfigure(&self, changes: &[(&str, &str)]) {
        fs::write(self.backstop.config(), changed(&self.config, changes)).unwrap();
        let before = self.backstop.log().matches(" reload").count();
        self.backstop.reload().unwrap();
        wait_until(PATIENCE, || {
            Ok(self.backstop.log().matches(" reload").count() > before)
        })
        .unwrap();
    }

    /// Waits for a decision line with all these fields, in what was logged from octet `since` on.
    pub fn decision(&self, since: usize, fields: &[&str]) -> String {
        let mut found = None;
        let waited = wait_until(PATIENCE, || {
            let log = self.backstop.log();
            let fresh = log.get(since..).unwrap_or_default();
            found = fresh
                .lines()
                .find(|line| fields.iter().all(|field| line.contains(field)))
                .map(str::to_owned);
            Ok(found.is_some())
        });
        assert!(waited.is_ok(), "no line with {fields:?}");
        found.unwrap()
    }

    /// Waits until `recipient` has the message, and gives it as text.
    pub fn delivered(&self, recipient: &str, message: &Letter) -> String {
        String::from_utf8_lossy(&arrived(&self.mta, recipient, message)).into_owned()
    }

    /// How the message stands in the recipient's mailbox by now.
    pub fn copies(&self, recipient: &str, message: &Letter) -> Vec<String> {
        let copies = copies(&self.mta, recipient, message);
        copies
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }
}

/// Waits until `recipient` has the message, and gives it byte for byte.
pub fn arrived(mta: &Running, recipient: &str, message: &Letter) -> Vec<u8> {
    let mut found = None;
    let waited = wait_until(PATIENCE, || {
        found = copies(mta, recipient, message).pop();
        Ok(found.is_some())
    });
    assert!(waited.is_ok(), "{recipient} got nothing");
    found.unwrap()
}

fn copies(mta: &Running, recipient: &str, message: &Letter) -> Vec<Vec<u8>> {
    let mut mail = mta.mailbox(recipient).unwrap();
    let id = message.id.as_bytes();
    mail.retain(|bytes| bytes.windows(id.len()).any(|window| window == id));
    mail
}

impl<M: Mta> Drop for Site<M> {
    /// The folders are removed; what a failed test is understood by is shown.
    fn drop(&mut self) {
        if thread::panicking() {
            println!("{}\n{}", self.mta.log(), self.backstop.log());
        }
    }
}

pub fn start_backstop(config: &str) -> Backstop {
    let binary = Path::new(env!("CARGO_BIN_EXE_backstop"));
    Backstop::start(binary, config).unwrap()
}

/// The text with each pattern replaced, of which there must be one.
pub fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is not in\n{text}");
        text.replace(from, to)
    })
}

/// A message that can be told from all others.
pub struct Letter {
    pub id: String,
    pub bytes: Vec<u8>,
}

impl Letter {
    pub fn new() -> Self {
        Self::headed("From: somebody@friend.example\r\nTo: us@example.org\r\nSubject: x\r\n")
    }

    /// A bounce by RFC 3464.
    pub fn bounce() -> Self {
        Self::headed(
            "From: MAILER-DAEMON@mx.bystander.example\r\nTo: us@example.org\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
        )
    }

    /// One with these headers, and a Message-ID below them.
    pub fn headed(headers: &str) -> Self {
        Self::written(|id| {
            let headers = format!("{headers}Message-ID: {id}\r\n\r\n");
            // Latin-1, as it comes without a word about it.
            [headers.as_bytes(), b"Gr\xfc\xdfe\r\n"].concat()
        })
    }

    /// One that somebody writes who is told its id, which is to stand in it.
    pub fn written(write: impl FnOnce(&str) -> Vec<u8>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let id = format!(
            "<letter{}@dialogue.test>",
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self {
            bytes: write(&id),
            id,
        }
    }
}

/// Both codes of a reply.
pub fn codes(reply: &Reply) -> String {
    let enhanced = reply.enhanced.as_deref().unwrap_or_default();
    format!("{} {enhanced}", reply.code)
}
