//! Tags in addresses as tables, through RCPT and the headers: who is proven by one, who is refused for one, and what counts
//! as a guess.

use backstop::core::{
    address::Mailbox,
    dnsbl::Listing,
    envelope::{Envelope, Recipient},
    header::Headers,
    header_rules::Matches,
    policy::{Case, HeaderFacts, Judgement, Policy, Siege, SpfAnswers, Tag, WasLearned},
    proof::{
        Keys,
        batv::{self, Layout},
    },
    recipients::Known,
    trace_header::Forgeries,
};

use crate::proof::envelope;

const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
null_sender: {never_send: [noreply@example.org]}
exempt: {recipients: [abuse]}
recipients:
  - domain: example.org
    known: [{addresses: [jane]}]
    catch_all: {mail: accept, bounces: reject}
dnsbl: [{zone: ips.backscatterer.org, action: reject}]
proof:
  keys: /etc/backstop/keys
  batv: {sign: true, guesses: 5}
  unproven: reject
";
const KEY: &str = "0 2026-01-01 MDEyMzQ1Njc4OWFiY2RlZg\n";
/// Days since 1970.
const TODAY: u64 = 20_700;
const STRANGER: &str = "192.0.2.1";

fn policy(changes: &[(&str, &str)]) -> Policy {
    let mut policy = crate::site::policy(SITE, changes);
    policy.proof.keys = Keys::parse(KEY).unwrap();
    policy
}

fn tagged(address: &str, days_ago: u64, layout: Layout) -> String {
    let keys = Keys::parse(KEY).unwrap();
    let sender = Mailbox::from_bytes(address.as_bytes());
    let tagged = batv::sign(&sender, &keys, TODAY - days_ago, 7, layout, b'+');
    String::from_utf8(tagged.unwrap()).unwrap()
}

/// With the last digit of the tag changed.
fn wrong(tagged: &str) -> String {
    let at = tagged.find("prvs=").unwrap() + "prvs=".len() + 9;
    let digit = if &tagged[at..=at] == "0" { "1" } else { "0" };
    [&tagged[..at], digit, &tagged[at + 1..]].concat()
}

fn addressed_to(rcpt: &str) -> Recipient {
    Recipient {
        mailbox: Mailbox::from_bytes(rcpt.as_bytes()),
        refused: None,
    }
}

/// What is asked of a policy about one recipient.
struct Asked<'a> {
    policy: &'a Policy,
    envelope: Envelope,
    rcpt: String,
    headers: &'a str,
    wrong_before: u32,
    listings: &'a [Listing],
    siege: Option<Siege>,
}

impl<'a> Asked<'a> {
    fn new(policy: &'a Policy, from: &str, rcpt: String, headers: &'a str) -> Self {
        Self {
            policy,
            envelope: envelope(STRANGER, from),
            rcpt,
            headers,
            wrong_before: 0,
            listings: &[],
            siege: None,
        }
    }

    /// What it is answered at RCPT and after the headers, whether its content is read then, and whether its tag is a guess.
    fn found(&self) -> String {
        let policy = self.policy;
        let sent = addressed_to(&self.rcpt);
        let addressed = policy.addressed(&self.envelope, sent, TODAY, self.wrong_before);
        let known = match addressed.recipient.mailbox.local() {
            b"jane" => Known::Listed("inline".to_owned()),
            _ => Known::NotListed,
        };
        let case = Case {
            envelope: &self.envelope,
            spf: &SpfAnswers::default(),
            recipient: &addressed.recipient,
            tag: addressed.tag,
            earlier: 0,
            known: &known,
            listings: self.listings,
            siege: self.siege,
        };
        let at_rcpt = policy.judge(&case);
        let (headers, _) = Headers::parse(self.headers.as_bytes());
        let facts = HeaderFacts::of(
            &self.envelope.reverse_path,
            headers,
            Forgeries::new("mx.example.org"),
        );
        let at_eoh = policy.judge_headers(&case, &facts, &Matches::new(&[], &facts.headers));
        let notification = facts.notification.as_ref();
        let content = policy.needs_content(&case, notification);
        let guess = Policy::is_guess(&self.envelope, case.tag, notification);
        let words = [content.then_some(" content"), guess.then_some(" guess")];
        let words: String = words.into_iter().flatten().collect();
        format!("{}, {}{words}", told(&at_rcpt), told(&at_eoh))
    }
}

fn told(Judgement { verdict, .. }: &Judgement) -> String {
    format!("{} {}", verdict.action, verdict.reason.code())
}

const DSN: &str = "From: Mail Delivery System <MAILER-DAEMON@mx.remote.example>\n\
    Subject: Undelivered Mail Returned to Sender\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=b\n";
const OLD_BOUNCE: &str = "From: Mail Delivery System <MAILER-DAEMON@mx.remote.example>\n\
    Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\n";
const MDN: &str = "From: Bob <bob@remote.example>\nSubject: Read: Hello\n\
    Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n";
const AWAY: &str = "From: Bob <bob@remote.example>\nSubject: Out of office\n\
    Auto-Submitted: auto-replied\nIn-Reply-To: <1@example.org>\n";
const PERSON: &str =
    "From: Bob <bob@remote.example>\nSubject: Re: Hello\nIn-Reply-To: <1@example.org>\n";

/// Tags stand in every Return-Path, so with a sender a valid one is a proof only where the headers show a notification, and
/// at RCPT it opens no door; and nobody is refused for one that is wrong or old.
#[test]
fn with_a_sender_a_tag_counts_once_the_headers_show_a_bounce() {
    let policy = policy(&[]);
    let bounces = [
        ("mailer-daemon@mx.remote.example", DSN),
        ("mailer-daemon@mx.remote.example", OLD_BOUNCE),
        ("postmaster@remote.example", DSN),
        ("bounce-7@remote.example", DSN),
    ];
    let replies = [("bob@remote.example", MDN), ("bob@remote.example", AWAY)];
    let mail = [
        ("bob@remote.example", PERSON),
        ("mailer-daemon@mx.remote.example", PERSON),
    ];
    let kinds = [(&bounces[..], 'b'), (&replies, 'r'), (&mail, 'm')];
    for layout in [Layout::Prvs, Layout::SubAddress] {
        for address in ["jane@example.org", "noreply@example.org", "x@example.org"] {
            let valid = tagged(address, 0, layout);
            let tags = [
                ("valid", valid.clone(), 0),
                ("expired", tagged(address, 9, layout), 0),
                ("wrong", wrong(&valid), 0),
                ("unverified", valid, 5),
                ("none", address.to_owned(), 0),
            ];
            for (tag, rcpt, wrong_before) in tags {
                for (from, headers, kind) in kinds.iter().flat_map(|(all, kind)| {
                    all.iter().map(|(from, headers)| (*from, *headers, *kind))
                }) {
                    let asked = Asked {
                        wrong_before,
                        ..Asked::new(&policy, from, rcpt.clone(), headers)
                    };
                    let at_eoh = match (kind, tag, address) {
                        ('b' | 'r', "valid", _) => "accept batv_valid",
                        ('b', _, "noreply@example.org") => "reject never_sends content",
                        ('b', _, "x@example.org") => "reject catch_all_bounce content",
                        ('b', ..) => "accept nothing_found content",
                        _ => "accept nothing_found",
                    };
                    let guess = if (kind, tag) == ('b', "wrong") {
                        " guess"
                    } else {
                        ""
                    };
                    let expected = format!("accept nothing_found, {at_eoh}{guess}");
                    assert_eq!(asked.found(), expected, "{tag} {from} {rcpt} {headers}");
                }
            }
        }
    }
}

/// What RCPT asks of mail with a sender it asks of this too: the client's standing with the lists, a siege.
#[test]
fn with_a_sender_a_tag_changes_nothing_at_rcpt() {
    let policy = policy(&[]);
    let listed = [Listing::Listed([127, 0, 0, 2].into())];
    let besieged = Some(Siege {
        learned: WasLearned::No,
    });
    for address in ["jane@example.org", "x@example.org", "abuse@example.org"] {
        for from in ["mailer-daemon@mx.remote.example", "bob@remote.example"] {
            for (listings, siege) in [(&listed[..], None), (&[], besieged), (&listed, besieged)] {
                let at_rcpt = |rcpt: String| {
                    let asked = Asked {
                        listings,
                        siege,
                        ..Asked::new(&policy, from, rcpt, PERSON)
                    };
                    let found = asked.found();
                    found.split(',').next().unwrap().to_owned()
                };
                let plain = at_rcpt(address.to_owned());
                let valid = tagged(address, 0, Layout::Prvs);
                for rcpt in [wrong(&valid), tagged(address, 9, Layout::Prvs), valid] {
                    assert_eq!(at_rcpt(rcpt.clone()), plain, "{from} {rcpt}");
                }
            }
        }
    }
}
