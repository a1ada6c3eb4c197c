//! What leaves through real Postfix and real Sendmail, as it arrives: its watermark, and a roll-over of keys.

use std::{net::IpAddr, path::PathBuf, process::Command, time::SystemTime};

use backstop::{
    config::key_file,
    core::{
        header::Headers,
        proof::{
            Keys, today,
            watermark::{self, Signer, WatermarkResult},
        },
    },
};
use lab::{mta, postfix::Postfix, process::free_port, sendmail::Sendmail, smtp::Client};
use tempfile::TempDir;

use crate::{
    batv::key_file as first_key,
    bounce::{self, Ours},
    site::{Letter, Mta, Site, arrived, codes, start_postfix, through_both},
};

through_both! {
    a_message_arrives_with_one_watermark_that_verifies
    whatever_from_looks_like
    a_roll_over_has_no_gap
    what_arrived_proves_the_bounce_that_returns_it
}

const FAR: &str = "far@friend.example";
const JOE: &str = "joe@example.org";
const DATE: &str = "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n";

struct Signing<M: Mta> {
    site: Site<M>,
    keys: PathBuf,
    _folder: TempDir,
}

impl<M: Mta> Signing<M> {
    fn start(proof: &str) -> Self {
        Self::start_around(proof, M::start)
    }

    fn start_around(proof: &str, mta: impl FnOnce(u16) -> M) -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let keys = first_key(folder.path());
        let proof = format!(
            "proof: {{key_file: {}, {proof}}}\nlog: {{level: debug}}",
            keys.display()
        );
        let port = free_port().unwrap();
        let changes = [
            ("networks: []", "networks: [127.0.0.1]"),
            ("proof: {dkim: {verify: false}}", ""),
            ("log: {level: debug}", &*proof),
        ];
        let site = Site::start_around(port, &changes, || mta(port));
        Self {
            site,
            keys,
            _folder: folder,
        }
    }

    fn user(&self) -> Client {
        let here = IpAddr::from([127, 0, 0, 1]);
        let mut client = Client::connect_from(self.site.mta.smtp_addr(), here).unwrap();
        assert_eq!(client.ehlo("pc.example.org").unwrap().code, 250);
        client
    }

    /// The message as it arrives.
    fn sent(&self, letter: &Letter) -> Vec<u8> {
        let reply = self.user().message(JOE, FAR, &letter.bytes).unwrap();
        assert_eq!(codes(&reply), "250 2.0.0");
        arrived(&self.site.mta, FAR, letter)
    }

    fn answer(&self, headers: &Headers) -> WatermarkResult {
        let keys = key_file::read(&self.keys).unwrap();
        verify(headers, &keys)
    }
}

fn verify(headers: &Headers, keys: &Keys) -> WatermarkResult {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    watermark::verify(headers, keys, today(now.as_secs()), 7)
}

fn marks(headers: &Headers) -> usize {
    headers.all(watermark::HEADER).count()
}

fn names(headers: &Headers) -> Vec<String> {
    headers
        .iter()
        .map(|header| String::from_utf8(header.name().to_vec()).unwrap())
        .collect()
}

fn a_message_arrives_with_one_watermark_that_verifies<M: Mta>() {
    let signing = Signing::<M>::start("watermark: {sign: true}");
    let letter = Letter::headed(&format!(
        "Received: from a.example by b.example; Thu, 1 Jan 2026 00:00:00 +0000\r\n\
         X-Backstop-Watermark: another site's\r\nFrom: Joe <joe@example.org>\r\nTo: {FAR}\r\n{DATE}"
    ));
    let message = signing.sent(&letter);
    let (headers, body) = Headers::parse(&message);
    assert_eq!(
        names(&headers),
        [
            "Return-Path",
            "Received",
            watermark::HEADER,
            "Received",
            watermark::HEADER,
            "From",
            "To",
            "Date",
            "Message-ID",
        ]
    );
    assert_eq!(message[body..], *b"Gr\xfc\xdfe\n");
    match signing.answer(&headers) {
        WatermarkResult::Valid { message_id, .. } => assert_eq!(message_id, letter.id.as_bytes()),
        other => panic!("{other:?}"),
    }
    signing
        .site
        .decision(0, &[" signed=watermark ", " mail_from=<joe@example.org> "]);

    // A content filter hands it back: the one it has is enough.
    let start = message.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let unix = String::from_utf8_lossy(&message[start..]).into_owned();
    let again = Letter::written(|id| {
        let other = unix.replace(&letter.id, id);
        other.replace('\n', "\r\n").into_bytes()
    });
    // With another Message-ID it is another message, and has one of its own.
    let (headers, _) = Headers::parse(&signing.sent(&again));
    assert_eq!(marks(&headers), 3);
    assert!(matches!(
        signing.answer(&headers),
        WatermarkResult::Valid { .. }
    ));
    let message = unix.replace('\n', "\r\n").into_bytes();
    let once_more = signing
        .user()
        .message(JOE, "again@friend.example", &message);
    assert_eq!(codes(&once_more.unwrap()), "250 2.0.0");
    let same = Letter {
        id: letter.id,
        bytes: Vec::new(),
    };
    let (headers, _) = Headers::parse(&arrived(&signing.site.mta, "again@friend.example", &same));
    assert_eq!(marks(&headers), 2);
    assert!(matches!(
        signing.answer(&headers),
        WatermarkResult::Valid { .. }
    ));

    // What comes in keeps the proof of whoever sent it.
    let letter = Letter::headed("X-Backstop-Watermark: theirs\r\nFrom: bob@friend.example\r\n");
    let reply = signing
        .site
        .friend()
        .message("bob@friend.example", JOE, &letter.bytes);
    assert_eq!(codes(&reply.unwrap()), "250 2.0.0");
    let (headers, _) = Headers::parse(&arrived(&signing.site.mta, JOE, &letter));
    assert_eq!(marks(&headers), 1);
}

/// MTAs write addresses anew as they like; a watermark covers what arrives, or the message has none.
fn whatever_from_looks_like<M: Mta>() {
    let signing = Signing::<M>::start("watermark: {sign: true}");
    for from in [
        "joe@example.org",
        "Joe   User\r\n\t<joe@example.org>",
        "\"User, Joe\" <joe@example.org>",
        "joe@example.org (Joe)",
        "=?utf-8?q?J=C3=B6?= <joe@example.org>",
        "J\u{f6} <joe@example.org>",
        "joe@example.org, Sales <sales@example.org>",
        "Us: joe@example.org, sales@example.org;",
    ] {
        let letter = Letter::headed(&format!("From: {from}\r\n{DATE}"));
        let (headers, _) = Headers::parse(&signing.sent(&letter));
        let found = signing.answer(&headers);
        assert!(
            matches!(found, WatermarkResult::Valid { .. }),
            "{from}: {found:?} {headers:?}"
        );
    }
}

/// New messages are signed by the new key from the reload on, and what the old one has signed comes home.
fn a_roll_over_has_no_gap<M: Mta>() {
    let signing =
        Signing::<M>::start("watermark: {sign: true}, batv: {sign: true, layout: sub_address}");
    let keygen = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(["keygen", "--file"])
            .arg(&signing.keys)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let mut before = Vec::new();
    for (steps, key) in [
        (&[][..], 3),
        (&[&[][..]], 4),
        (&[&["--retire", "3"]], 4),
        (&[&["--id", "3"], &["--retire", "4"]], 3),
    ] {
        for arguments in steps {
            keygen(arguments);
        }
        if !steps.is_empty() {
            reload(&signing.site);
        }
        let letter = Letter::headed(&format!("From: {JOE}\r\n{DATE}"));
        let (headers, _) = Headers::parse(&signing.sent(&letter));
        match signing.answer(&headers) {
            WatermarkResult::Valid { signer, .. } => assert_eq!(signer, Signer::Own(key)),
            other => panic!("{other:?}"),
        }
        let sender = headers.first("Return-Path").unwrap().unfolded();
        let sender = String::from_utf8(sender).unwrap();
        let sender = sender.trim_matches(['<', '>']).to_owned();
        assert!(sender.contains(&format!("+prvs={key}")), "{sender}");
        before.push((sender, headers));
        for (sender, headers) in &before {
            let found = signing.answer(headers);
            assert!(matches!(found, WatermarkResult::Valid { .. }), "{found:?}");
            let mut client = signing.site.friend();
            let bounce = Letter::bounce();
            let reply = client.message("", sender, &bounce.bytes).unwrap();
            assert_eq!(codes(&reply), "250 2.0.0", "{sender}");
            arrived(&signing.site.mta, JOE, &bounce);
        }
    }
    // What no key here has made is still refused.
    let (sender, _) = &before[0];
    let other = sender.replace("prvs=3", "prvs=5");
    let mut client = signing.site.friend();
    let bounce = Letter::bounce();
    let reply = client.message("", &other, &bounce.bytes).unwrap();
    assert_eq!(codes(&reply), "550 5.7.1");
}

/// The MTA hands over the content of the bounce, and nothing but that proves it.
fn what_arrived_proves_the_bounce_that_returns_it<M: Mta>() {
    for (sign, reason, other) in [
        ("watermark: {sign: true}", "watermark", "unproven"),
        ("ledger: {remember: true}", "ledger", "unproven"),
    ] {
        let signing = Signing::<M>::start(&format!(
            "{sign}, unproven: reject, dkim: {{verify: false}}"
        ));
        let letter = Letter::headed(&format!("From: {JOE}\r\nTo: {FAR}\r\n{DATE}"));
        let message = signing.sent(&letter);
        let (_, body) = Headers::parse(&message);
        let headers = String::from_utf8_lossy(&message[..body - 1]).replace('\n', "\r\n");
        let bounce = |headers: String| {
            let body = bounce::body(FAR, &Ours { headers, body: "" });
            let head = bounce::BOUNCE.replace('\n', "\r\n");
            let since = signing.site.backstop.log().len();
            let mut client = signing.site.friend();
            let message = format!("{head}\r\n{body}");
            let reply = client.message("", JOE, message.as_bytes()).unwrap();
            let line = signing
                .site
                .decision(since, &[" mail_from=<> ", " verdict="]);
            let reason = line.split(" reason=").nth(1).unwrap();
            let reason = reason.split(' ').next().unwrap().to_owned();
            (codes(&reply), reason)
        };
        let id = letter.id.trim_matches(['<', '>']);
        let changed = headers.replace(id, &id.replacen("letter", "better", 1));
        assert_eq!(bounce(changed), ("550 5.7.1".to_owned(), other.to_owned()));
        assert_eq!(
            bounce(headers),
            ("250 2.0.0".to_owned(), reason.to_owned()),
            "{sign}"
        );
    }
}

fn reload<M: Mta>(site: &Site<M>) {
    let reloads = || site.backstop.log().matches(" reloaded ").count();
    let before = reloads();
    site.backstop.reload().unwrap();
    lab::process::wait_until(
        std::time::Duration::from_secs(20),
        || Ok(reloads() > before),
    )
    .unwrap();
}

/// Postfix adds the Date and Message-ID of local mail before it asks us; Sendmail after.
#[test]
fn what_the_mta_adds_is_covered_where_it_shows_it() {
    let undated = || Letter::headed("From: joe@example.org\r\n");
    let postfix = Signing::<Postfix>::start("watermark: {sign: true}");
    let (headers, _) = Headers::parse(&postfix.sent(&undated()));
    assert!(
        matches!(postfix.answer(&headers), WatermarkResult::Valid { .. }),
        "{headers:?}"
    );
    let bare = Letter::written(|id| format!("Subject: x\n\n{id}\n").into_bytes());
    let output = postfix.site.mta.sendmail(&["-f", JOE, FAR], &bare.bytes);
    assert!(output.unwrap().status.success());
    let (headers, _) = Headers::parse(&arrived(&postfix.site.mta, FAR, &bare));
    assert!(
        matches!(postfix.answer(&headers), WatermarkResult::Valid { .. }),
        "{headers:?}"
    );

    let sendmail = Signing::<Sendmail>::start("watermark: {sign: true}");
    let (headers, _) = Headers::parse(&sendmail.sent(&undated()));
    assert_eq!((marks(&headers), headers.has("Date")), (0, true));
    sendmail
        .site
        .decision(0, &[" check=proof.watermark not signed: ambiguous"]);
}

/// An MTA that rewrites From after it has asked us leaves a watermark that proves nothing; but no forgery.
#[test]
fn what_is_rewritten_behind_us_is_no_forgery() {
    let far = Postfix::plain();
    let signing = Signing::<Postfix>::start_around("watermark: {sign: true}", |port| {
        let milter = format!("inet:127.0.0.1:{port}");
        let lines = format!(
            "milter_protocol = 6\ndefault_transport = smtp:[127.0.0.1]:{}\n\
             smtp_generic_maps = inline:{{ {{ sales@example.org = sales@masked.example }} }}",
            far.smtp_addr().port()
        );
        start_postfix(&[
            ("inet:127.0.0.1:8894", &milter),
            ("milter_protocol = 6", &lines),
        ])
    });
    for (from, arrives, genuine) in [
        (JOE, JOE, true),
        ("sales@example.org", "sales@masked.example", false),
    ] {
        let letter = Letter::headed(&format!("From: {from}\r\n{DATE}"));
        let reply = signing.user().message(JOE, FAR, &letter.bytes).unwrap();
        assert_eq!(codes(&reply), "250 2.0.0");
        let (headers, _) = Headers::parse(&arrived(&far, FAR, &letter));
        let from = headers.first("From").unwrap().unfolded();
        assert_eq!(from, arrives.as_bytes());
        match signing.answer(&headers) {
            WatermarkResult::Valid { .. } => assert!(genuine, "{headers:?}"),
            other => assert_eq!((other, genuine), (WatermarkResult::Unverifiable, false)),
        }
    }
}

/// RFC 6531: the extension is the message's, and the sender's address may be as ever.
#[test]
fn an_ascii_sender_gets_its_tag_in_a_utf8_transaction() {
    let signing = Signing::<Postfix>::start("batv: {sign: true}");
    let letter = Letter::headed("From: joe@example.org\r\n");
    let mut client = signing.user();
    let mail = client.command(b"MAIL FROM:<joe@example.org> SMTPUTF8");
    assert_eq!(mail.unwrap().code, 250);
    assert_eq!(client.rcpt(FAR).unwrap().code, 250);
    assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
    let (headers, _) = Headers::parse(&arrived(&signing.site.mta, FAR, &letter));
    let sender = headers.first("Return-Path").unwrap().unfolded();
    assert!(sender.starts_with(b"<prvs=3"), "{}", sender.escape_ascii());
    signing
        .site
        .decision(0, &[" signed=batv ", " mail_from=<joe@example.org> "]);
}
