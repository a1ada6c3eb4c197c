//! Bounces that return a message of ours: by what they are known, and what becomes of those that prove nothing.

use std::{fs, path::PathBuf, sync::LazyLock};

use backstop::{
    core::{
        address::Mailbox,
        proof::{
            Keys,
            ledger::{Hashed, Sent, address, hash},
        },
    },
    store::{self, Retention},
};
use lab::{
    dns::{Fault, Scope, Zone},
    milter::{Change, Outcome, Reply},
    mta,
};
use tempfile::TempDir;

use super::{DNS, SENDER, Stage, asking, binary, dns, field, headers};
use crate::{
    batv::key_file,
    bounce::{BOUNCE, Ours, SELECTOR, SIGNED, body, now, record},
};

const FAR: &str = "far@friend.example";
const JOE: &str = "joe@example.org";
/// Whether something refuses.
const STRICT: &str = "unproven: reject, unproven_replies: reject";

/// A daemon with keys and a ledger, and what writes to them as it would.
pub(super) struct Desk {
    pub(super) stage: Stage,
    pub(super) keys: Keys,
    store: PathBuf,
    _folder: TempDir,
}

/// A zone in which our signer's key is.
pub(super) fn zone() -> Zone {
    super::zone().txt(SELECTOR, record())
}

impl Desk {
    fn set(proof: &str) -> Self {
        Self::with(proof, "", zone())
    }

    pub(super) fn with(proof: &str, more: &str, zone: Zone) -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let file = key_file(folder.path());
        let keys = Keys::parse(&fs::read_to_string(&file).unwrap()).unwrap();
        let store = folder.path().join("state.db");
        let more = match more {
            "" => format!("store: sqlite:{}\n", store.display()),
            more => more.to_owned(),
        };
        let dns = dns(zone);
        let yaml = format!(
            "mode: enforce\nlog: {{level: debug}}\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
             proof:\n  {{key_file: {}, watermark: {{sign: true}}, ledger: {{remember: true}}, {proof}}}\n{more}",
            file.display()
        );
        let backstop =
            lab::backstop::Backstop::start(binary(), &asking(dns.addr(), &yaml)).unwrap();
        Self {
            stage: Stage { backstop, dns },
            keys,
            store,
            _folder: folder,
        }
    }

    /// Remembers a message as sent so many seconds ago.
    pub(super) fn remember(&self, id: &str, recipients: &[&str], ago: u64) {
        let hashed = |what, text: &[u8]| hash(&self.keys, what, text);
        let mailbox = |text: &str| address(&Mailbox::from_bytes(text.as_bytes()));
        let sent = Sent {
            message: hashed(Hashed::MessageId, format!("{id}@example.org").as_bytes()),
            sender: hashed(Hashed::Sender, &mailbox(JOE)),
            recipients: recipients
                .iter()
                .filter_map(|recipient| hashed(Hashed::Recipient, &mailbox(recipient)))
                .collect(),
            hosts: Vec::new(),
            recipient_count: recipients.len().try_into().unwrap(),
            at: now() - ago,
            domain: None,
        };
        let url = format!("sqlite:{}", self.store.display());
        DNS.block_on(async {
            let keep = Retention {
                ledger_days: 30,
                learned_days: 1,
                max_learned: 1,
            };
            let store = store::open(&url.parse().unwrap(), keep);
            store.remember(sent.clone());
            store.flush().await;
            let found = store.sent(sent.message.into_iter().collect()).await;
            assert!(found.unwrap().is_some(), "it was not written");
        });
    }

    fn bounce(&self, rcpt: &str, content: &str) -> Outcome {
        self.notification(rcpt, BOUNCE, content)
    }

    pub(super) fn notification(&self, rcpt: &str, lines: &str, content: &str) -> Outcome {
        let mut client = self.stage.session(SENDER);
        client.mail("", &[]).unwrap();
        assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
        assert_eq!(headers(&mut client, lines).unwrap(), Reply::Continue);
        client.body(content.as_bytes()).unwrap();
        let outcome = client.eom().unwrap();
        client.abort().unwrap();
        outcome
    }

    /// The verdict, reason and proof of a bounce with this content, and the codes of its reply.
    fn told(&self, content: &str) -> String {
        let rcpt = rcpt();
        let outcome = self.bounce(&rcpt, content);
        self.line(&rcpt, &outcome)
    }

    pub(super) fn line(&self, rcpt: &str, outcome: &Outcome) -> String {
        let line = self.stage.decision(rcpt);
        let codes = match &outcome.reply {
            Reply::ReplyCode(text) => format!(" {}", &text[..9]),
            _ => String::new(),
        };
        let [verdict, reason, proof] =
            ["verdict", "reason", "proof"].map(|name| field(&line, name));
        format!("{verdict} {reason} {proof}{codes}")
    }
}

/// Another recipient each time, so that lines of the log are told apart.
pub(super) fn rcpt() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(AtomicU32::default);
    format!("user{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed))
}

const UNPROVEN: &str = "reject unproven unproven 550 5.7.1";

#[test]
fn each_proof_is_enough_and_is_named() {
    let desk = Desk::set(STRICT);
    let ours = |id| Ours::new(id, FAR);
    desk.remember("known", &[FAR], 60);
    desk.remember("strongest", &[FAR], 60);
    for (ours, expected) in [
        (
            ours("marked").marked(&desk.keys, 0),
            "accept watermark watermark",
        ),
        (ours("known"), "accept ledger ledger"),
        (ours("signed").signed(SIGNED), "accept dkim dkim"),
        // The strongest that is there.
        (
            ours("strongest").signed(SIGNED).marked(&desk.keys, 7),
            "accept watermark watermark",
        ),
        (ours("forged"), UNPROVEN),
    ] {
        assert_eq!(desk.told(&body(FAR, &ours)), expected, "{}", ours.headers);
    }
    let rcpt = rcpt();
    let outcome = desk.bounce(&rcpt, &body(FAR, &ours("marked").marked(&desk.keys, 0)));
    let noticed = outcome.added("X-Backstop").concat();
    assert!(
        noticed.starts_with("verdict=accept reason=watermark; kind=dsn"),
        "{noticed}"
    );
    assert!(noticed.contains(" proof=watermark;"), "{noticed}");
    assert!(
        !outcome
            .changes
            .iter()
            .any(|change| matches!(change, Change::Quarantine(_)))
    );
}

/// One octet of the proof changed, and it is none.
#[test]
fn a_proof_that_was_tampered_with_is_none() {
    let desk = Desk::set(STRICT);
    let marked = Ours::new("marked", FAR).marked(&desk.keys, 0);
    let signed = Ours::new("signed", FAR).signed(SIGNED);
    let subject = |ours: &Ours, from, to| Ours {
        headers: ours.headers.replace(from, to),
        ..ours.clone()
    };
    for (ours, expected) in [
        (
            subject(&signed, "Subject: Hello", "Subject: Hallo"),
            UNPROVEN,
        ),
        (subject(&signed, "<signed@", "<sighed@"), UNPROVEN),
        (subject(&marked, "<marked@", "<market@"), UNPROVEN),
        (
            Ours::new("old", FAR).marked(&desk.keys, 9),
            "reject watermark_expired forged 550 5.7.1",
        ),
        // Our key's name, and a signature that it did not make.
        (
            {
                let end = marked.headers.find("\r\nFrom:").unwrap();
                let (mark, rest) = marked.headers.split_at(end);
                let (mark, last) = mark.split_at(mark.len() - 3);
                let other = if last.starts_with('A') { "BBB" } else { "AAA" };
                Ours {
                    headers: format!("{mark}{other}{rest}"),
                    ..marked.clone()
                }
            },
            "reject watermark_wrong forged 550 5.7.1",
        ),
    ] {
        assert_eq!(desk.told(&body(FAR, &ours)), expected, "{}", ours.headers);
    }
    // An old message of ours, attached to one that came back from somebody else, speaks against neither.
    let old = Ours::new("old", FAR).marked(&desk.keys, 9);
    let attached = format!(
        "--n\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n{}\r\n--n--\r\n",
        old.headers, old.body
    );
    let forwarding = Ours {
        body: attached.leak(),
        ..marked.with("Content-Type: multipart/mixed; boundary=n")
    };
    let other = "elsewhere@friend.example";
    let weak = "reject unproven weak:recipient 550 5.7.1";
    assert_eq!(desk.told(&body(other, &forwarding)), weak);
    // Something else proves it: then nothing was forged.
    let both = Ours::new("both", FAR).signed(SIGNED).marked(&desk.keys, 9);
    assert_eq!(desk.told(&body(FAR, &both)), "accept dkim dkim");
}

/// Somebody who once got a message of ours can't use it for others, nor without end.
#[test]
fn a_copy_is_no_licence_to_flood() {
    let desk = Desk::set(&format!("{STRICT}, replay_limit: 0"));
    let weak = "reject unproven weak:recipient 550 5.7.1";
    let marked = Ours::new("marked", FAR).marked(&desk.keys, 0);
    let signed = Ours::new("signed", FAR).signed(SIGNED);
    desk.remember("known", &[FAR, "bcc@friend.example"], 60);
    let known = Ours::new("known", FAR);
    for ours in [&marked, &known] {
        assert_eq!(desk.told(&body("victim@else.example", ours)), weak);
    }
    // A signature covers To:, and who stood in Bcc: is not there: a few count, by a name of their own.
    let unlisted = "accept dkim_unlisted dkim(unlisted)";
    for _ in 0..5 {
        assert_eq!(desk.told(&body("victim@else.example", &signed)), unlisted);
    }
    let replayed = "reject proof_replayed weak:recipient 550 5.7.1";
    assert_eq!(desk.told(&body("victim@else.example", &signed)), replayed);
    // The ledger knows of recipients that no header names.
    let expected = "accept ledger ledger";
    assert_eq!(desk.told(&body("bcc@friend.example", &known)), expected);
    // What was not used counts from here: five times each.
    for (ours, expected) in [
        (&marked, "accept watermark watermark"),
        (&signed, "accept dkim dkim"),
    ] {
        for _ in 0..5 {
            assert_eq!(desk.told(&body(FAR, ours)), expected);
        }
        let refused = "reject proof_replayed unproven 550 5.7.1";
        assert_eq!(desk.told(&body(FAR, ours)), refused);
    }
    // As many as it had recipients, where those are more.
    let many: Vec<String> = (0..7).map(|n| format!("r{n}@friend.example")).collect();
    let many = Ours::new("many", &many.join(", ")).marked(&desk.keys, 0);
    for n in 0..7 {
        let told = desk.told(&body(&format!("r{n}@friend.example"), &many));
        assert_eq!(told, "accept watermark watermark", "{n}");
    }
    let told = desk.told(&body("r0@friend.example", &many));
    assert_eq!(told, "reject proof_replayed unproven 550 5.7.1");
}

/// A redirect, an alias or a forwarder reports an address that the message was not sent to, and names the other one.
#[test]
fn a_report_may_name_the_recipient_elsewhere() {
    let desk = Desk::set(STRICT);
    desk.remember("known", &[FAR], 60);
    let new = "new@elsewhere.example";
    let about = |ours: &Ours, text: &str, status: &str| {
        body(new, ours)
            .replace("It could not be delivered.", text)
            .replace("Action: failed", &format!("Action: failed\r\n{status}"))
    };
    let exim = format!("  {new}\r\n    (ultimately generated from {FAR})");
    let sendmail = format!("<{FAR}>... Deferred: 450 4.2.0 later");
    let actual = format!("X-Actual-Recipient: rfc822; {FAR}");
    let received = format!(
        "Received: from mx.example.org (mx.example.org [192.0.2.1])\r\n\tby mx.friend.example (8.17.1) with ESMTP id 6A\r\n\t\
         for <{FAR}>; Sat, 21 Nov 2026 12:00:00 +0000"
    );
    for (ours, expected) in [
        (
            Ours::new("marked", FAR).marked(&desk.keys, 0),
            "accept watermark watermark",
        ),
        (Ours::new("known", FAR), "accept ledger ledger"),
        (Ours::new("signed", FAR).signed(SIGNED), "accept dkim dkim"),
    ] {
        let status = "X-Note: none";
        for content in [
            about(&ours, &exim, status),
            about(&ours, &sendmail, status),
            about(&ours, "Sorry.", &actual),
            about(&ours.clone().with(&received), "Sorry.", status),
        ] {
            assert_eq!(desk.told(&content), expected, "{content}");
        }
    }
    // Whom the bounce comes to is named by all of them, and may be a recipient of his own message.
    let cc = Ours::new("cc", JOE).marked(&desk.keys, 0);
    let outcome = desk.bounce(
        JOE,
        &about(&cc, &format!("Your mail, {JOE}, failed"), "X-Note: none"),
    );
    let weak = "reject unproven weak:sender+recipient 550 5.7.1";
    assert_eq!(desk.line(JOE, &outcome), weak);
}

/// What becomes of our answer the MTA does not report: a later milter or a full disk may have it offered again.
#[test]
fn a_notification_that_comes_again_is_asked_to_wait() {
    let desk = Desk::set(&format!("{STRICT}, replay_limit: 2"));
    let ours = Ours::new("again", FAR).marked(&desk.keys, 0);
    let proven = "accept watermark watermark";
    let again = "tempfail proof_repeated unproven 451 4.7.1";
    let tell = |id: &str, content: &str| {
        let rcpt = rcpt();
        let lines = format!("{BOUNCE}Message-ID: <{id}@mx.friend.example>\n");
        let outcome = desk.notification(&rcpt, &lines, content);
        desk.line(&rcpt, &outcome)
    };
    let failed = body(FAR, &ours);
    let delayed = failed.replace("Action: failed", "Action: delayed");
    let relayed = failed.replace("Action: failed", "Action: relayed");
    assert_eq!(tell("1", &failed), proven);
    for _ in 0..5 {
        assert_eq!(tell("1", &failed), again);
    }
    // Delays, and that it arrived, count apart.
    for (content, id) in [(&delayed, "d"), (&relayed, "r")] {
        for number in 0..2 {
            assert_eq!(tell(&format!("{id}{number}"), content), proven);
        }
        let refused = "reject proof_replayed unproven 550 5.7.1";
        assert_eq!(tell(&format!("{id}3"), content), refused);
    }
    assert_eq!(tell("2", &failed), proven);
    assert_eq!(tell("2", &failed), again);
    let refused = "reject proof_replayed unproven 550 5.7.1";
    assert_eq!(tell("3", &failed), refused);
}

/// A list's members are away, each of them.
#[test]
fn each_replier_has_an_answer() {
    let desk = Desk::set(STRICT);
    desk.remember("list", &["list@friend.example"], 60);
    let tell = |from: &str, kind: &str, content: &str| {
        let rcpt = rcpt();
        let lines = format!(
            "From: {from}@friend.example\nTo: joe@example.org\nAuto-Submitted: auto-replied\n\
             In-Reply-To: <list@example.org>\n{kind}"
        );
        let outcome = desk.notification(&rcpt, &lines, content);
        desk.line(&rcpt, &outcome)
    };
    let away = "Subject: Out of office\n";
    let proven = "accept ledger ledger";
    let refused = "reject proof_replayed unproven 550 5.7.1";
    for number in 0..50 {
        assert_eq!(
            tell(&format!("m{number}"), away, "Away.\r\n"),
            proven,
            "{number}"
        );
        if number == 3 {
            assert_eq!(tell("m3", away, "Still away.\r\n"), refused);
        }
    }
    assert_eq!(tell("m50", away, "Away.\r\n"), refused);
    // Bounces count apart.
    let bounced = body("list@friend.example", &Ours::new("list", FAR));
    assert_eq!(desk.told(&bounced), proven);
}

/// MTAs encode bodies anew, and cut them: what the headers prove is worth what the file says.
#[test]
fn an_altered_body_is_worth_what_the_file_says() {
    for (altered, expected) in [
        ("", "accept dkim dkim"),
        ("dkim: {altered_body: accept}", "accept dkim dkim"),
        (
            "dkim: {altered_body: weak}",
            "reject unproven weak:signature 550 5.7.1",
        ),
        ("dkim: {altered_body: ignore}", UNPROVEN),
    ] {
        let desk = Desk::set(&format!("{STRICT}, {altered}"));
        let whole = Ours::new("whole", FAR).signed(SIGNED);
        let other = Ours {
            body: "How are you=3F\r\n\r\nJoe\r\n",
            ..Ours::new("other", FAR).signed(SIGNED)
        };
        assert_eq!(desk.told(&body(FAR, &whole)), "accept dkim dkim");
        assert_eq!(desk.told(&body(FAR, &other)), expected, "{altered}");
    }
}

#[test]
fn the_limit_is_what_the_file_says() {
    let desk = Desk::set(&format!("{STRICT}, replay_limit: 1"));
    let ours = Ours::new("once", FAR).marked(&desk.keys, 0);
    assert_eq!(desk.told(&body(FAR, &ours)), "accept watermark watermark");
    let refused = "reject proof_replayed unproven 550 5.7.1";
    assert_eq!(desk.told(&body(FAR, &ours)), refused);
}

/// What a stranger could have: told, and worth something only where the file says so.
#[test]
fn weak_evidence_decides_only_where_it_may() {
    let relay = "Received: from pc (unknown [10.1.2.3]) by mx.example.org (Postfix) with ESMTP id 1; \
                 Sat, 21 Nov 2026 12:00:00 +0000";
    // SPF of example.org lets 203.0.113.0/24 send.
    let client = "Received: from out.example (out.example [203.0.113.9]) by mx.friend.example with ESMTP id 2; \
                  Sat, 21 Nov 2026 12:00:01 +0000";
    let too_little = ["From", "To", "Subject"];
    for (worth, verdict) in [
        ("ignore", "reject unproven"),
        ("accept", "accept weak_evidence"),
    ] {
        let desk = Desk::set(&format!("{STRICT}, weak_evidence: {worth}"));
        desk.remember("other", &[FAR], 24 * 3600);
        for (rcpt, ours, weak) in [
            (rcpt(), Ours::new("a", FAR).with(relay), "relay"),
            (rcpt(), Ours::new("b", FAR).with(client), "spf"),
            (rcpt(), Ours::new("c", FAR).signed(&too_little), "signature"),
            (
                JOE.to_owned(),
                Ours::new("d", FAR).with(relay).with(client),
                "sender+relay+spf",
            ),
        ] {
            let outcome = desk.bounce(&rcpt, &body(FAR, &ours));
            let refused = if worth == "ignore" { " 550 5.7.1" } else { "" };
            let expected = format!("{verdict} weak:{weak}{refused}");
            assert_eq!(desk.line(&rcpt, &outcome), expected, "{worth}");
        }
        assert_eq!(
            desk.told(&body(FAR, &Ours::new("e", FAR))),
            UNPROVEN,
            "{worth}"
        );
    }
}

/// Receipts and out of office notes return nothing, but name what they answer. With a sender they are mail.
#[test]
fn replies_are_known_by_what_they_answer() {
    let desk = Desk::set("unproven: reject, unproven_replies: tempfail");
    desk.remember("asked", &[FAR], 60);
    // The ledger bounds what it proves, and not proof.lifetime, which is 7 days.
    desk.remember("long-ago", &[FAR], 29 * 24 * 3600);
    let reply = |id: &str| {
        format!(
            "From: far@friend.example\nTo: joe@example.org\nSubject: Out of office\n\
             Auto-Submitted: auto-replied\nIn-Reply-To: <{id}@example.org>\n"
        )
    };
    for (id, expected) in [
        ("asked", "accept ledger ledger"),
        ("long-ago", "accept ledger ledger"),
        ("never", "tempfail unproven unproven 450 4.7.1"),
    ] {
        let rcpt = rcpt();
        let outcome = desk.notification(&rcpt, &reply(id), "I am away.\r\n");
        assert_eq!(desk.line(&rcpt, &outcome), expected, "{id}");
        let rcpt = self::rcpt();
        let outcome = desk.notification(&rcpt, RECEIPT, &receipt(id));
        assert_eq!(desk.line(&rcpt, &outcome), expected, "receipt {id}");
    }
    let bounced = body(FAR, &Ours::new("long-ago", FAR));
    assert_eq!(
        desk.told(&bounced),
        "accept ledger ledger",
        "a bounce is as old as a receipt may be"
    );
}

/// The headers of a receipt (RFC 8098).
const RECEIPT: &str = "From: far@friend.example\nTo: joe@example.org\nSubject: Read: hello\nMIME-Version: 1.0\n\
    Content-Type: multipart/report; report-type=disposition-notification; boundary=\"b\"\n";

fn receipt(id: &str) -> String {
    format!(
        "--b\r\nContent-Type: text/plain\r\n\r\nYour message was read.\r\n\
         --b\r\nContent-Type: message/disposition-notification\r\n\r\n\
         Final-Recipient: rfc822; {FAR}\r\nOriginal-Message-ID: <{id}@example.org>\r\n\
         Disposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n"
    )
}

/// A key that DNS doesn't give now may be there later: an honest MTA comes again.
#[test]
fn a_dead_dns_asks_a_bounce_to_come_again() {
    for fault in [Fault::Silence, Fault::Servfail] {
        let zone = super::zone().fault(SELECTOR, Scope::Every, fault);
        let desk = Desk::with(STRICT, "", zone);
        let signed = Ours::new("signed", FAR).signed(SIGNED);
        let told = desk.told(&body(FAR, &signed));
        assert_eq!(told, "tempfail unproven unproven 451 4.7.1");
        // Nobody's DNS is asked where something else proves it, or where there is nothing to ask for.
        let marked = signed.clone().marked(&desk.keys, 0);
        assert_eq!(desk.told(&body(FAR, &marked)), "accept watermark watermark");
        assert_eq!(desk.told(&body(FAR, &Ours::new("forged", FAR))), UNPROVEN);
    }
}

/// A store that is down never costs a bounce; and it is told of once.
#[test]
fn a_store_that_is_down_refuses_nothing() {
    let more = "store: sqlite:/proc/no/such/folder/state.db\n";
    let desk = Desk::with(&format!("{STRICT}, replay_limit: 1"), more, zone());
    let known = Ours::new("known", FAR);
    for _ in 0..5 {
        assert_eq!(desk.told(&body(FAR, &known)), "tag unproven unproven");
    }
    // What proves itself without it does; nobody counts how often.
    let marked = Ours::new("marked", FAR).marked(&desk.keys, 0);
    let signed = Ours::new("signed", FAR).signed(SIGNED);
    for _ in 0..3 {
        assert_eq!(desk.told(&body(FAR, &marked)), "accept watermark watermark");
        assert_eq!(desk.told(&body(FAR, &signed)), "accept dkim dkim");
    }
    // Nothing that the store could have known.
    let nothing = "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b--\r\n";
    assert_eq!(desk.told(nothing), UNPROVEN);
    let log = desk.stage.backstop.log();
    let warned = log.lines().filter(|line| line.contains("store: ")).count();
    assert!((1..=3).contains(&warned), "{warned} warnings in {log}");
}

/// A file that says nothing of proofs: signatures are verified, and what proves nothing is only marked.
#[test]
fn by_default_nothing_is_refused_for_want_of_proof() {
    let stage = Stage::set("mode: enforce\nlocal: {domains: [example.org]}\n");
    let rcpt = rcpt();
    let mut client = stage.session(SENDER);
    client.mail("", &[]).unwrap();
    client.rcpt(&rcpt, &[]).unwrap();
    headers(&mut client, BOUNCE).unwrap();
    let content = body(FAR, &Ours::new("x", FAR));
    client.body(content.as_bytes()).unwrap();
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    let noticed = outcome.added("X-Backstop").concat();
    assert!(
        noticed.starts_with("verdict=tag reason=unproven; kind=dsn"),
        "{noticed}"
    );
    let line = stage.decision(&rcpt);
    assert_eq!(
        ["verdict", "reason", "proof"].map(|name| field(&line, name)),
        ["tag", "unproven", "unproven"]
    );
}
