//! Mail with an address of ours in From: by the ways that it really comes: a service, mailing lists, a forwarder, forgers;
//! with real signatures, a key in a DNS that answers over the wire, and a ledger in a file.

use std::{fmt::Write, fs};

use lab::{
    backstop::Backstop,
    milter::{Outcome, Reply},
    mta,
};
use tempfile::TempDir;

use super::{Stage, asking, binary, dns, field, headers, zone};
use crate::{
    batv::key_file,
    bounce::{SELECTOR, record, signature},
    package,
};

const LETTER: &str = "From: Joe <joe@example.org>\r\nTo: bob@friend.example\r\nSubject: Lunch\r\n\
    Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <letter@example.org>\r\n";
const NEWS: &str = "From: Example News <news@example.org>\r\nTo: ann@example.org\r\nSubject: News\r\n\
    Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <news@service.example>\r\n";
const BODY: &str = "Let us ship it.\r\n\r\nJoe\r\n";
const SIGNED: &[&str] = &["From", "To", "Subject", "Date", "Message-ID"];

/// The hosts: those of a service, of the list, a forwarder, and a forger; SPF passes for each one's own domain.
const SERVICE: &str = "192.0.2.10";
const LISTS: &str = "192.0.2.20";
const RELAY: &str = "192.0.2.30";
const FORGER: &str = "198.51.100.66";
const PROVIDER: &str = "192.0.2.40";

struct Site {
    stage: Stage,
    _folder: TempDir,
}

impl Site {
    fn start() -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let spf = |address: &str| format!("v=spf1 ip4:{address} -all");
        let zone = zone()
            .txt(SELECTOR, record())
            .txt(
                "s1._domainkey.example.org",
                file("src/dkim/tests/keys/rsa2048.txt").trim(),
            )
            .txt("_dmarc.example.org", "v=DMARC1; p=reject; adkim=s; aspf=s")
            .txt("service.example", spf(SERVICE))
            .txt("lists.friend.example", spf(LISTS))
            .txt("relay.example", spf(RELAY))
            .txt("evil.example", spf(FORGER))
            .txt("gmail.com", spf(PROVIDER));
        let dns = dns(zone);
        let file = key_file(folder.path());
        let store = folder.path().join("state.db");
        let yaml = format!(
            "mode: enforce\nlog: {{level: debug}}\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
             forgery: {{header_from: reject}}\nstore: sqlite:{}\n\
             proof: {{key_file: {}, ledger: {{remember: true}}}}\n",
            store.display(),
            file.display()
        );
        let backstop = Backstop::start(binary(), &asking(dns.addr(), &yaml)).unwrap();
        Self {
            stage: Stage { backstop, dns },
            _folder: folder,
        }
    }

    /// A message of ours leaves, of which these are the headers or all.
    fn leaves(&self, rcpt: &str, lines: &str) {
        let (lines, _) = lines.split_once("\r\n\r\n").unwrap_or((lines, ""));
        let mut client = self.stage.session("10.0.0.1");
        client.mail("joe@example.org", &[]).unwrap();
        assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
        assert_eq!(headers(&mut client, &unix(lines)).unwrap(), Reply::Continue);
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
        client.quit().unwrap();
        let line = self.stage.decision(rcpt);
        assert_eq!(field(&line, "signed"), "ledger", "{line}");
    }

    /// A message comes: the verdict, its reason, and the result of DMARC.
    fn comes(&self, client: &str, from: &str, rcpt: &str, message: &str) -> String {
        let (lines, body) = message.split_once("\r\n\r\n").unwrap();
        let mut session = self.stage.session(client);
        session.mail(from, &[]).unwrap();
        let mut reply = session.rcpt(rcpt, &[]).unwrap();
        if reply == Reply::Continue {
            reply = headers(&mut session, &unix(lines)).unwrap();
        }
        let mut outcome = Outcome {
            reply,
            changes: Vec::new(),
        };
        if outcome.reply == Reply::Continue {
            // As an MTA does, in pieces.
            for part in body.as_bytes().chunks(7) {
                if session.body(part).unwrap() != Reply::Continue {
                    break;
                }
            }
            outcome = session.eom().unwrap();
        }
        let _ = session.abort();
        let line = self.stage.decision(rcpt);
        let (verdict, reason) = (field(&line, "verdict"), field(&line, "reason"));
        let refused = match &outcome.reply {
            Reply::ReplyCode(text) => format!(" {}", &text[..9]),
            _ => String::new(),
        };
        let results = outcome.added("Authentication-Results").concat();
        let dmarc = results.split("dmarc=").nth(1);
        let dmarc = dmarc.map(|rest| rest.split_whitespace().collect::<Vec<_>>().join(" "));
        let dmarc = dmarc.map(|result| format!(" {result}")).unwrap_or_default();
        format!("{verdict} {reason}{refused}{dmarc}")
    }
}

fn unix(lines: &str) -> String {
    lines.replace("\r\n", "\n")
}

/// The message as our own signer, or a service that has a key of ours, signs it.
fn signed(headers: &str, body: &str) -> String {
    let message = format!("{headers}\r\n{body}");
    format!("{}{message}", signature("example.org", SIGNED, &message))
}

/// A file of this repository, with the line ends of SMTP.
fn file(path: &str) -> String {
    let text = fs::read_to_string(package::path(path)).unwrap();
    text.replace('\n', "\r\n")
}

/// What a real Mailman made of the post, and the same as it left.
fn post(name: &str) -> String {
    file(&format!("tests/fixtures/mailman/{name}.eml"))
}

const ACCEPTED: &str = "accept nothing_found";
const DOUBTFUL: &str = "tag header_from_doubtful";
const FORGED: &str = "reject header_from_forged 550 5.7.1";

const BOUNCES: &str = "dev-bounces@lists.friend.example";

#[test]
fn our_mail_comes_back_and_forgeries_do_not() {
    const PASSES: &str = "tag header_from_doubtful pass header.from=example.org";
    let forged = post("post").replace("Let us ship it.", "Send money.");
    let (unsigned, _) = LETTER.split_once("Message-ID").unwrap();
    let letter = signed(LETTER, BODY);
    // Each with what becomes of it where the post is in the ledger, and where not.
    let chains: &[(&str, &str, &str, String, [&str; 2])] = &[
        (
            "a service",
            SERVICE,
            "bounce@service.example",
            signed(NEWS, BODY),
            ["accept nothing_found pass header.from=example.org"; 2],
        ),
        (
            "a service without a key of ours",
            SERVICE,
            "bounce@service.example",
            format!("{NEWS}\r\n{BODY}"),
            [FORGED; 2],
        ),
        (
            "a list that keeps the signature",
            LISTS,
            BOUNCES,
            post("kept"),
            [ACCEPTED, PASSES],
        ),
        (
            "a list with a footer",
            LISTS,
            BOUNCES,
            post("footer"),
            [ACCEPTED, FORGED],
        ),
        (
            "a list with a prefix in the subject",
            LISTS,
            BOUNCES,
            post("prefix"),
            [ACCEPTED, FORGED],
        ),
        (
            "a list with both",
            LISTS,
            BOUNCES,
            post("both"),
            [ACCEPTED, FORGED],
        ),
        (
            "a post in HTML",
            LISTS,
            BOUNCES,
            post("html"),
            [ACCEPTED, FORGED],
        ),
        (
            "a list that writes its own address into From:",
            LISTS,
            BOUNCES,
            post("munged"),
            [ACCEPTED; 2],
        ),
        (
            "a list that wraps posts",
            LISTS,
            BOUNCES,
            post("wrapped"),
            [ACCEPTED; 2],
        ),
        (
            "a forwarder",
            RELAY,
            "bob@relay.example",
            letter.clone(),
            [PASSES; 2],
        ),
        (
            "a forger",
            FORGER,
            "x@evil.example",
            format!("{unsigned}\r\n{BODY}"),
            [FORGED; 2],
        ),
        (
            "a forger with our signature on another body",
            FORGER,
            "x@evil.example",
            forged.clone(),
            [FORGED; 2],
        ),
        (
            "a signed letter to somebody else, sent on to us",
            FORGER,
            "x@evil.example",
            letter,
            [PASSES; 2],
        ),
        (
            "a forger who has the Message-ID from the list's archive",
            FORGER,
            "x@evil.example",
            forged.clone(),
            [FORGED; 2],
        ),
        (
            "one who forges the list's sender, too",
            FORGER,
            BOUNCES,
            forged,
            ["reject spf_fail 550 5.7.2"; 2],
        ),
        (
            "a forger at the provider of somebody whom we wrote to",
            PROVIDER,
            "x@gmail.com",
            format!(
                "{}\r\nSend money.\r\n",
                LETTER.replace("<letter@", "<gmail@")
            ),
            [FORGED; 2],
        ),
    ];
    let mut wrong = String::new();
    for knows_post in [true, false] {
        let site = Site::start();
        if knows_post {
            site.leaves("dev@lists.friend.example", &post("post"));
        }
        site.leaves("bob@friend.example", LETTER);
        site.leaves("kim@gmail.com", &LETTER.replace("<letter@", "<gmail@"));
        for (number, (what, client, from, message, [known, unknown])) in chains.iter().enumerate() {
            let rcpt = format!("ann{number}@example.org");
            let found = site.comes(client, from, &rcpt, message);
            let expected = if knows_post { known } else { unknown };
            if found != *expected {
                let _ = writeln!(wrong, "{what}, {knows_post}: {found}, expected {expected}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The forgers' copies have not used up those of the list; a client that tries again brings the same copy.
#[test]
fn copies_of_a_post_are_counted() {
    let site = Site::start();
    site.leaves("dev@lists.friend.example", &post("post"));
    let copy = |number: usize| {
        let hop =
            "Received: from lists.friend.example by lists.friend.example (Postfix) with ESMTP id";
        format!("{hop} {number}\r\n{}", post("both"))
    };
    for (rcpt, client, from, number, expected) in [
        ("a1", FORGER, "x@evil.example", 9, FORGED),
        ("a", LISTS, BOUNCES, 1, ACCEPTED),
        ("a", LISTS, BOUNCES, 1, ACCEPTED),
        ("a", LISTS, BOUNCES, 2, ACCEPTED),
        ("a", LISTS, BOUNCES, 3, ACCEPTED),
        ("b", LISTS, BOUNCES, 4, ACCEPTED),
        ("c", LISTS, BOUNCES, 4, ACCEPTED),
        // The same recipient, written otherwise so that the log line is another one.
        ("A", LISTS, BOUNCES, 5, DOUBTFUL),
    ] {
        let rcpt = format!("{rcpt}@example.org");
        let found = site.comes(client, from, &rcpt, &copy(number));
        assert_eq!(found, expected, "{rcpt} {number}");
    }
}
