//! The whole way: mail leaves through Backstop and OpenDKIM, real MTAs bounce it, and what they send home proves itself, by
//! each proof that it left with; with one octet of that proof changed, it does not.

use std::{
    fs,
    net::{IpAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use lab::{
    bouncer::{Bouncer, DOMAIN, Kind, Setting},
    mta::{folder, unpacked},
    postfix::Postfix,
    process::{free_port, wait_until},
    sink::{Mail, Sink},
    smtp::Client,
};
use tempfile::TempDir;

use crate::{
    batv::key_file,
    package,
    site::{Letter, Site, arrived, codes, start_postfix},
};

const JOE: &str = "joe@example.org";
const REFUSED: &str = "550 5.7.1";

/// What is put into outgoing mail, and looked for in what comes home: one proof and no other.
struct Way {
    proof: &'static str,
    /// What the log says of a bounce that has it.
    reason: &'static str,
    /// What it says of one in which the proof is changed.
    changed: &'static str,
}

const BATV: Way = Way {
    proof: "key_file: KEYS, batv: {sign: true, layout: sub_address}, dkim: {verify: false}",
    reason: "batv",
    changed: "batv_wrong",
};
const WAYS: [Way; 4] = [
    BATV,
    Way {
        proof: "key_file: KEYS, watermark: {sign: true}, dkim: {verify: false}",
        reason: "watermark",
        changed: "watermark_wrong",
    },
    Way {
        proof: "key_file: KEYS, ledger: {remember: true}, dkim: {verify: false}",
        reason: "ledger",
        changed: "unproven",
    },
    Way {
        proof: "dkim: {keys: [{domain: example.org, selector: s1, record: 'RECORD'}]}",
        reason: "dkim",
        changed: "unproven",
    },
];

struct Home {
    site: Site<Postfix>,
    bouncers: [Bouncer; 4],
    /// Where the bounces are stopped, so that the same one can come home twice.
    sink: Sink,
    keys: PathBuf,
    folder: TempDir,
    _signer: OpenDkim,
}

impl Home {
    /// Strangers that return as little as they can, where they are `terse`.
    fn start(terse: bool) -> Self {
        let folder = folder().unwrap();
        let keys = key_file(folder.path());
        let sink = Sink::start().unwrap();
        let bouncers = Kind::ALL.map(|kind| {
            let setting = match kind {
                _ if !terse => Setting::Default,
                Kind::Postfix | Kind::Exim => Setting::HeadersOnly,
                Kind::Sendmail => Setting::NoMime,
                Kind::OpenSmtpd => Setting::Default,
            };
            Bouncer::start_set(kind, sink.addr(), setting).unwrap()
        });
        let routes = Kind::ALL.iter().zip(&bouncers).map(|(kind, bouncer)| {
            let port = bouncer.addr().port();
            format!(" {{ {} = smtp:[127.0.0.1]:{port} }}", stranger(*kind))
        });
        let routes = format!(
            "transport_maps = inline:{{{} }}",
            routes.collect::<String>()
        );
        let (port, signer) = (free_port().unwrap(), OpenDkim::start(folder.path()));
        let proof = proof(&BATV, &keys, folder.path());
        let changes = [
            ("networks: []", "networks: [127.0.0.1]"),
            ("proof: {dkim: {verify: false}}", &*proof),
        ];
        // As packaging/postfix/main.cf has it: who signs comes last.
        let milters = format!("inet:127.0.0.1:{port}, inet:127.0.0.1:{}", signer.port);
        let site = Site::start_around(port, &changes, || {
            start_postfix(&[
                ("inet:127.0.0.1:8894", &milters),
                (
                    "milter_protocol = 6",
                    &format!("milter_protocol = 6\n{routes}"),
                ),
            ])
        });
        Self {
            site,
            bouncers,
            sink,
            keys,
            folder,
            _signer: signer,
        }
    }

    fn turn_to(&self, way: &Way) {
        let proof = |way| proof(way, &self.keys, self.folder.path());
        self.site.reconfigure(&[(&proof(&BATV), &proof(way))]);
    }

    /// Sends a message that this stranger can't deliver, and waits for what it sends back. Who wrote the message, the
    /// message, and the bounce.
    fn bounced(&self, kind: Kind) -> (Letter, Mail) {
        let to = stranger(kind);
        let letter = Letter::headed(&format!(
            "From: Joe <{JOE}>\r\nTo: {to}\r\nSubject: Hello\r\n\
             Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
        ));
        let here = IpAddr::from([127, 0, 0, 1]);
        let mut user = Client::connect_from(self.site.mta.smtp_addr(), here).unwrap();
        assert_eq!(user.ehlo("pc.example.org").unwrap().code, 250);
        let reply = user.message(JOE, &to, &letter.bytes).unwrap();
        assert_eq!(codes(&reply), "250 2.0.0");
        let mut bounce = None;
        let waited = wait_until(Duration::from_secs(60), || {
            let mut mail = self.sink.mail().into_iter();
            bounce = mail.find(|mail| text(mail).contains(&letter.id));
            Ok(bounce.is_some())
        });
        assert!(waited.is_ok(), "{kind:?}: {}", self.log(kind));
        (letter, bounce.unwrap())
    }

    fn log(&self, kind: Kind) -> String {
        let at = Kind::ALL.iter().position(|other| *other == kind).unwrap();
        self.bouncers[at].log()
    }

    /// What a bounce is answered, and the reason that is logged.
    fn comes(&self, bounce: &Mail) -> (String, String) {
        let since = self.site.backstop.log().len();
        let [to] = bounce.recipients.as_slice() else {
            panic!("{bounce:?}")
        };
        let mut client = self.site.friend();
        let reply = client.message("", to, &bounce.message).unwrap();
        let rcpt = format!(" rcpt=<{to}> ");
        let line = self
            .site
            .decision(since, &[" mail_from=<> ", &rcpt, " verdict="]);
        let reason = line.split(" reason=").nth(1).unwrap();
        let reason = reason.split(' ').next().unwrap();
        (codes(&reply), reason.to_owned())
    }
}

/// The address that this kind of stranger has.
fn stranger(kind: Kind) -> String {
    format!("{}@{DOMAIN}", kind.name())
}

fn proof(way: &Way, keys: &Path, folder: &Path) -> String {
    let proof = way.proof.replace("KEYS", &keys.display().to_string());
    let proof = proof.replace("RECORD", &record());
    let store = folder.join("state.db");
    format!(
        "proof: {{unproven: reject, {proof}}}\nstore: sqlite:{}",
        store.display()
    )
}

fn text(mail: &Mail) -> String {
    mail.message.iter().map(|&byte| char::from(byte)).collect()
}

/// The bounce with one octet of its proof changed, wherever that stands.
fn tampered(bounce: &Mail, letter: &Letter, way: &Way) -> Mail {
    let id = letter.id.trim_matches(['<', '>']);
    let mut changed = bounce.clone();
    match way.reason {
        "batv" => {
            let to = &mut changed.recipients[0];
            let at = to.find('@').unwrap() - 1;
            let digit = if &to[at..=at] == "0" { "1" } else { "0" };
            to.replace_range(at..=at, digit);
        }
        "watermark" => flip(&mut changed, &["X-Backstop-Watermark:", " h="]),
        "ledger" => {
            let other = id.replacen("letter", "better", 1);
            let text = text(bounce).replace(id, &other);
            changed.message = text.chars().map(|char| char as u8).collect();
        }
        _ => flip(&mut changed, &["DKIM-Signature:", "\tb="]),
    }
    assert_ne!(changed, *bounce);
    changed
}

/// Changes the first letter behind these words, of which each is behind the one before.
fn flip(mail: &mut Mail, words: &[&str]) {
    let text = text(mail);
    let at = words.iter().fold(0, |at, word| {
        let found = text[at..].find(word);
        at + found.unwrap_or_else(|| panic!("{word} in {text}")) + word.len()
    });
    let octet = &mut mail.message[at];
    *octet = if *octet == b'A' { b'B' } else { b'A' };
}

#[test]
fn bounces_prove_themselves_by_whatever_they_carry() {
    come_home(&Home::start(false));
}

/// Headers without a body; and a text without MIME, as in the old days.
#[test]
fn bounces_that_return_little_prove_themselves_too() {
    come_home(&Home::start(true));
}

fn come_home(home: &Home) {
    for way in WAYS {
        home.turn_to(&way);
        for kind in Kind::ALL {
            let what = format!("{} through {kind:?}", way.reason);
            let (letter, bounce) = home.bounced(kind);
            assert_eq!(bounce.sender, "", "{what}");
            let tagged = bounce.recipients != [JOE];
            assert_eq!(tagged, way.reason == "batv", "{what}");
            let refused = home.comes(&tampered(&bounce, &letter, &way));
            assert_eq!(
                refused,
                (REFUSED.to_owned(), way.changed.to_owned()),
                "{what}"
            );
            let let_in = home.comes(&bounce);
            assert_eq!(
                let_in,
                ("250 2.0.0".to_owned(), way.reason.to_owned()),
                "{what}"
            );
            arrived(&home.site.mta, JOE, &letter);
        }
    }
}

/// The signer of most sites, as a milter behind ours.
struct OpenDkim {
    child: Child,
    port: u16,
}

impl OpenDkim {
    fn start(folder: &Path) -> Self {
        let port = free_port().unwrap();
        let config = folder.join("opendkim.conf");
        let key = keys().join("rsa2048.pem");
        // As it comes it leaves the Message-ID unsigned.
        let lines = format!(
            "Mode s\nDomain example.org\nSelector s1\nKeyFile {}\nSocket inet:{port}@127.0.0.1\n\
             Canonicalization relaxed/simple\nInternalHosts 127.0.0.0/8\nRequireSafeKeys no\n\
             SignHeaders *,+Message-ID\nBackground no\nSyslog no\n",
            key.display()
        );
        fs::write(&config, lines).unwrap();
        let mut opendkim = Command::new(unpacked("opendkim").unwrap().join("usr/sbin/opendkim"));
        let child = opendkim
            .arg("-f")
            .arg("-x")
            .arg(config)
            .stdout(Stdio::null())
            .spawn();
        let signer = Self {
            child: child.unwrap(),
            port,
        };
        let listens = wait_until(lab::mta::PATIENCE, || {
            Ok(TcpStream::connect(("127.0.0.1", port)).is_ok())
        });
        assert!(listens.is_ok(), "OpenDKIM does not listen");
        signer
    }
}

impl Drop for OpenDkim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keys() -> PathBuf {
    package::path("src/dkim/tests/keys")
}

fn record() -> String {
    let record = fs::read_to_string(keys().join("rsa2048.txt")).unwrap();
    record.trim().to_owned()
}
