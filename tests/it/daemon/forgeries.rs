//! Mail with an address of ours in From: by the ways that it really comes: a service, mailing lists, a forwarder, forgers;
//! with real signatures, a key in a DNS that answers over the wire, and a ledger in a file.

use std::fmt::Write;

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
};

/// The post of one of us to a list, as it leaves.
const POST: &str = "From: Joe <joe@example.org>\r\nTo: dev@lists.friend.example\r\nSubject: The release\r\n\
    Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <post@example.org>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=\"us-ascii\"\r\n";
const LETTER: &str = "From: Joe <joe@example.org>\r\nTo: bob@friend.example\r\nSubject: Lunch\r\n\
    Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <letter@example.org>\r\n";
const NEWS: &str = "From: Example News <news@example.org>\r\nTo: ann@example.org\r\nSubject: News\r\n\
    Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <news@service.example>\r\n";
const BODY: &str = "Let us ship it.\r\n\r\nJoe\r\n";
const SIGNED: &[&str] = &["From", "To", "Subject", "Date", "Message-ID"];

/// What Mailman 3.3 puts on top of a post, below the Received of its host.
const MAILMAN: &str = "Message-ID-Hash: 7RXRQ6H2UWVYCWUHMCPLVYSMOX6Q2KCV\r\n\
    X-Message-ID-Hash: 7RXRQ6H2UWVYCWUHMCPLVYSMOX6Q2KCV\r\nX-MailFrom: joe@example.org\r\n\
    X-Mailman-Rule-Misses: dmarc-mitigation; no-senders; approved; loop; banned-address; emergency; \
    member-moderation; nonmember-moderation; administrivia; implicit-dest; max-recipients; max-size; news-moderation; \
    no-subject; digests; suspicious-header\r\nX-Mailman-Version: 3.3.8\r\nPrecedence: list\r\n\
    List-Id: Development <dev.lists.friend.example>\r\n\
    Archived-At: <https://lists.friend.example/archives/list/dev@lists.friend.example/message/7RXRQ6H2UWVYCWUHMCPLVYSMOX6Q2KCV/>\r\n\
    List-Archive: <https://lists.friend.example/archives/list/dev@lists.friend.example/>\r\n\
    List-Help: <mailto:dev-request@lists.friend.example?subject=help>\r\n\
    List-Owner: <mailto:dev-owner@lists.friend.example>\r\nList-Post: <mailto:dev@lists.friend.example>\r\n\
    List-Subscribe: <mailto:dev-join@lists.friend.example>\r\nList-Unsubscribe: <mailto:dev-leave@lists.friend.example>\r\n";
/// Its footer for a text, and the rest that it changes by default.
const FOOTER: &str = "_______________________________________________\r\n\
    Dev mailing list -- dev@lists.friend.example\r\nTo unsubscribe send an email to dev-leave@lists.friend.example\r\n";

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

    /// A message of ours leaves.
    fn leaves(&self, rcpt: &str, lines: &str) {
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

/// What the list makes of a post: its headers on top, perhaps a prefix in the subject, perhaps a footer.
fn through_mailman(post: &str, prefix: bool, footer: bool) -> String {
    let (headers, body) = post.split_once("\r\n\r\n").unwrap();
    let headers = match prefix {
        true => headers.replace("Subject: ", "Subject: [Dev] "),
        false => headers.to_owned(),
    };
    let mut message = format!(
        "Received: from lists.friend.example (localhost [127.0.0.1])\r\n\
         \tby lists.friend.example (Postfix) with ESMTP id 1F00D\r\n{headers}\r\n{MAILMAN}\r\n{body}"
    );
    if footer {
        message.push_str(FOOTER);
    }
    message
}

const ACCEPTED: &str = "accept nothing_found";
const DOUBTFUL: &str = "tag header_from_doubtful";
const FORGED: &str = "reject header_from_forged 550 5.7.1";

#[test]
fn our_mail_comes_back_and_forgeries_do_not() {
    const BOUNCES: &str = "dev-bounces@lists.friend.example";
    let site = Site::start();
    site.leaves("dev@lists.friend.example", POST);
    site.leaves("bob@friend.example", LETTER);
    site.leaves("kim@gmail.com", &LETTER.replace("<letter@", "<gmail@"));
    let post = signed(POST, BODY);
    let unknown = post.replace("post@example.org", "unknown@example.org");
    let unknown = signed(
        unknown
            .split_once("\r\n\r\n")
            .unwrap()
            .0
            .split_once("From: ")
            .map(|(_, rest)| format!("From: {rest}\r\n"))
            .unwrap()
            .as_str(),
        BODY,
    );
    let munged = through_mailman(&post, true, true).replace(
        "From: Joe <joe@example.org>",
        "From: Joe via Dev <dev@lists.friend.example>\r\nReply-To: Joe <joe@example.org>",
    );
    let letter = signed(LETTER, BODY);
    let forged = format!("{POST}\r\nSend money.\r\n");
    let mut table = String::new();
    let chains: &[(&str, &str, &str, String, &str)] = &[
        (
            "a service",
            SERVICE,
            "bounce@service.example",
            signed(NEWS, BODY),
            "accept nothing_found pass header.from=example.org",
        ),
        (
            "a service without a key of ours",
            SERVICE,
            "bounce@service.example",
            format!("{NEWS}\r\n{BODY}"),
            FORGED,
        ),
        (
            "a list that keeps the signature",
            LISTS,
            BOUNCES,
            through_mailman(&post, false, false),
            ACCEPTED,
        ),
        (
            "a list that breaks it",
            LISTS,
            BOUNCES,
            through_mailman(&post, true, true),
            ACCEPTED,
        ),
        ("a list that munges From:", LISTS, BOUNCES, munged, ACCEPTED),
        (
            "a list that keeps it, and a post that we do not remember",
            LISTS,
            BOUNCES,
            through_mailman(&unknown, false, false),
            "tag header_from_doubtful pass header.from=example.org",
        ),
        (
            "a list that breaks it, and a post that we do not remember",
            LISTS,
            BOUNCES,
            through_mailman(&unknown, true, true),
            FORGED,
        ),
        (
            "a forwarder",
            RELAY,
            "bob@relay.example",
            letter.clone(),
            "tag header_from_doubtful pass header.from=example.org",
        ),
        ("a forger", FORGER, "x@evil.example", forged.clone(), FORGED),
        (
            "a forger with our signature on another body",
            FORGER,
            "x@evil.example",
            post.replace(BODY, "Send money.\r\n"),
            FORGED,
        ),
        (
            "a signed letter to somebody else, sent on to us",
            FORGER,
            "x@evil.example",
            letter,
            "tag header_from_doubtful pass header.from=example.org",
        ),
        (
            "a forger who has the Message-ID from the list's archive",
            FORGER,
            "x@evil.example",
            through_mailman(&forged, true, true),
            FORGED,
        ),
        (
            "the same, who forges the list's sender, too",
            FORGER,
            BOUNCES,
            through_mailman(&forged, true, true),
            "reject spf_fail 550 5.7.2",
        ),
        (
            "a forger at the provider of somebody whom we wrote to",
            PROVIDER,
            "x@gmail.com",
            format!(
                "{}\r\nSend money.\r\n",
                LETTER.replace("<letter@", "<gmail@")
            ),
            FORGED,
        ),
    ];
    for (number, (what, client, from, message, expected)) in chains.iter().enumerate() {
        let rcpt = format!("ann{number}@example.org");
        let found = site.comes(client, from, &rcpt, message);
        if found != *expected {
            let _ = writeln!(table, "{what}: {found}, expected {expected}");
        }
    }
    assert!(table.is_empty(), "{table}{}", site.stage.backstop.log());
}

/// The forgers' copies have not used up those of the list; a client that tries again brings the same copy.
#[test]
fn copies_of_a_post_are_counted() {
    const BOUNCES: &str = "dev-bounces@lists.friend.example";
    let site = Site::start();
    site.leaves("dev@lists.friend.example", POST);
    let copy = |number: usize| {
        let post = through_mailman(&format!("{POST}\r\n{BODY}"), true, true);
        post.replace("1F00D", &format!("1F00D{number}"))
    };
    let fails = " fail header.from=example.org";
    for (rcpt, client, from, number, expected) in [
        ("a1", FORGER, "x@evil.example", 9, FORGED.to_owned()),
        ("a", LISTS, BOUNCES, 1, format!("{ACCEPTED}{fails}")),
        ("a", LISTS, BOUNCES, 1, format!("{ACCEPTED}{fails}")),
        ("a", LISTS, BOUNCES, 2, format!("{ACCEPTED}{fails}")),
        ("a", LISTS, BOUNCES, 3, format!("{ACCEPTED}{fails}")),
        ("b", LISTS, BOUNCES, 4, format!("{ACCEPTED}{fails}")),
        ("c", LISTS, BOUNCES, 4, format!("{ACCEPTED}{fails}")),
    ] {
        let rcpt = format!("{rcpt}@example.org");
        let found = site.comes(client, from, &rcpt, &copy(number));
        assert_eq!(found, expected, "{rcpt} {number}");
    }
    // The same recipient, who is written otherwise so that the log line is another one.
    let found = site.comes(LISTS, BOUNCES, "A@example.org", &copy(5));
    assert_eq!(found, format!("{DOUBTFUL}{fails}"));
}
