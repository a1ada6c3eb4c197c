//! Tags in addresses as tables, through RCPT and the headers: who is proven by one, who is refused for one, and what counts
//! as a guess.

use backstop::core::{
    address::Mailbox,
    dnsbl::Listing,
    envelope::{Envelope, Recipient},
    header::Headers,
    header_rules::Matches,
    outside::Outside,
    policy::{
        Addressed, Case, HeaderFacts, Judgement, Policy, Siege, SpfAnswers, Tag, Vouched,
        WasLearned,
    },
    proof::{
        Keys, ProofKind,
        batv::{self, Layout},
        evidence::{Evidence, ProofFinding, ProofResult},
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
  key_file: /etc/backstop/keys
  batv: {sign: true, guess_limit: 5}
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
    /// Whether the ledger has mail from that very address, and whether DKIM signatures of ours left.
    sent: Answered,
    signed: Answered,
}

type Answered = Result<bool, Outside>;

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
            sent: Ok(false),
            signed: Ok(false),
        }
    }

    /// With what was asked about a tag that is wrong or old.
    fn addressed(&self) -> Addressed {
        let policy = self.policy;
        let sent = addressed_to(&self.rcpt);
        let mut addressed = policy.addressed(&self.envelope, sent, TODAY, self.wrong_before);
        let asked = |asks, answer: Answered| if asks { answer } else { Ok(false) };
        let sent = policy.asks_ledger_of_tag(&self.envelope, &addressed);
        let signed = policy.asks_signatures_of_tag(&self.envelope, &addressed);
        let otherwise = policy.otherwise(asked(sent, self.sent), asked(signed, self.signed));
        addressed.tag = addressed.tag.map(|tag| tag.or(otherwise));
        addressed
    }

    /// What it is answered at RCPT and after the headers, whether its content is read then, and whether its tag is a guess.
    fn found(&self) -> String {
        let (found, _) = self.found_with(&Evidence::default());
        found
    }

    /// The same; and what it is answered where its content is read, and shows this.
    fn found_with(&self, evidence: &Evidence) -> (String, String) {
        let policy = self.policy;
        let addressed = self.addressed();
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
        let content = policy.needs_content(&case, &facts);
        let guess = Policy::is_guess(&self.envelope, case.tag, notification);
        let words = [content.then_some(" content"), guess.then_some(" guess")];
        let words: String = words.into_iter().flatten().collect();
        let found = format!("{}, {}{words}", told(&at_rcpt), told(&at_eoh));
        let at_data = policy.judge_data(&case, false);
        let at_eom = match content {
            true => told(&policy.judge_content(&case, &facts, evidence, Ok(false), &Vouched::No)),
            false => String::new(),
        };
        if told(&at_data) != "accept nothing_found" {
            return (
                format!("{}, {}", told(&at_rcpt), told(&at_data)),
                String::new(),
            );
        }
        (found, at_eom)
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
                        ('b' | 'r', "valid", _) => "accept batv",
                        // As without a sender: nobody has looked, so it is not for good.
                        ('b', "unverified", _) => "tempfail batv_guessed content",
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

fn evidence(answer: ProofResult) -> Evidence {
    Evidence {
        findings: vec![ProofFinding {
            kind: ProofKind::Dkim,
            result: answer,
            text: String::new(),
        }],
        ..Evidence::default()
    }
}

/// A bounce to a tag that is wrong or old: the tags in `local`, what the store knows; the answers at RCPT and after the
/// headers; and, where its content is read, the answers where that proves nothing, where it proves something, and where
/// DNS did not answer.
#[test]
fn a_bad_tag_is_refused_once_nothing_else_can_prove_its_bounce() {
    const YES: Answered = Ok(true);
    const NO: Answered = Ok(false);
    const DOWN: Answered = Err(Outside::Store);
    const WAITS: &str = "accept nothing_found, accept nothing_found content guess";
    const KNOWN: &str = "accept nothing_found, accept nothing_found content";
    const WRONG: &str = "reject batv_wrong";
    const BATV: &str = "dkim: {verify: false}";
    const LEDGER: &str = "ledger: {remember: true}, dkim: {verify: false}";
    let forged = ["reject batv_wrong", "accept dkim", "tempfail batv_wrong"];
    let unknown = ["tag batv_wrong", "accept dkim", "tag batv_wrong"];
    let sent_with_it = ["reject unproven", "accept dkim", "tempfail unproven"];
    for (proof, required, sent, signed, at_rcpt, at_eom) in [
        (BATV, false, NO, YES, WRONG, None),
        ("weak_evidence: accept", false, NO, NO, WRONG, None),
        ("weak_evidence: ignore", false, NO, YES, WAITS, Some(forged)),
        (
            "weak_evidence: ignore",
            false,
            NO,
            DOWN,
            WAITS,
            Some(unknown),
        ),
        (LEDGER, false, NO, NO, WAITS, Some(forged)),
        (LEDGER, false, YES, NO, KNOWN, Some(sent_with_it)),
        (LEDGER, false, DOWN, NO, WAITS, Some(unknown)),
        (
            "watermark: {sign: true}",
            false,
            YES,
            DOWN,
            WAITS,
            Some(forged),
        ),
        ("dkim: {dkim2: true}", false, NO, DOWN, WAITS, Some(forged)),
        ("weak_evidence: ignore", true, YES, YES, WRONG, None),
        ("watermark: {sign: true}", true, YES, YES, WRONG, None),
        (LEDGER, true, NO, YES, WRONG, None),
        (LEDGER, true, YES, NO, KNOWN, Some(sent_with_it)),
        (LEDGER, true, DOWN, NO, WAITS, Some(unknown)),
    ] {
        let batv = format!("batv: {{sign: true, required: {required}}}\n  {proof}");
        let proof_keys = proof.replace("}, ", "}\n  ");
        let batv = batv.replace(proof, &proof_keys);
        let policy = policy(&[("batv: {sign: true, guess_limit: 5}", &batv)]);
        let valid = tagged("jane@example.org", 0, Layout::Prvs);
        let asked = Asked {
            sent,
            signed,
            ..Asked::new(&policy, "", wrong(&valid), DSN)
        };
        let what = format!("{proof} {required} {sent:?} {signed:?}");
        let answers = [
            ProofResult::Absent,
            ProofResult::Counts,
            ProofResult::Unanswered(Outside::Dns),
        ];
        let found = answers.map(|answer| asked.found_with(&evidence(answer)));
        let expected = at_eom.unwrap_or_default();
        if at_rcpt == WRONG {
            assert!(
                found[0].0.starts_with("reject batv_wrong, "),
                "{what}: {}",
                found[0].0
            );
            continue;
        }
        for ((early, late), expected) in found.iter().zip(expected) {
            assert_eq!((&**early, &**late), (at_rcpt, expected), "{what}");
        }
        // What shows no notification is read too, and proves nothing here.
        let ordinary = Asked {
            headers: PERSON,
            ..asked
        };
        let expected = match (sent, signed) {
            (Ok(true), _) => "tag not_a_notification",
            (Err(_), _) => "tag batv_wrong",
            (_, Err(_)) if proof == "weak_evidence: ignore" => "tag batv_wrong",
            _ => WRONG,
        };
        let expected = if proof.starts_with("watermark") {
            WRONG
        } else {
            expected
        };
        let (found, at_eom) = ordinary.found_with(&evidence(ProofResult::Absent));
        assert!(
            found.ends_with(" content") || found.ends_with(" guess"),
            "{found}"
        );
        assert_eq!(at_eom, expected, "{what}");
    }
}

/// A tag that ends before its bounce came may still be proven by a ledger that keeps longer.
#[test]
fn an_old_tag_waits_as_a_wrong_one_does() {
    let old = || tagged("jane@example.org", 9, Layout::Prvs);
    let batv = policy(&[("unproven: reject", "dkim: {verify: false}")]);
    let ledger = policy(&[("unproven: reject", "ledger: {remember: true}")]);
    let asked =
        |policy| Asked::new(policy, "", old(), DSN).found_with(&evidence(ProofResult::Absent));
    let (early, _) = asked(&batv);
    assert!(early.starts_with("reject batv_expired, "), "{early}");
    let (early, late) = asked(&ledger);
    assert_eq!(early, "accept nothing_found, accept nothing_found content");
    assert_eq!(late, "reject batv_expired");
    let proven = Asked::new(&ledger, "", old(), DSN).found_with(&evidence(ProofResult::Counts));
    assert_eq!(proven.1, "accept dkim");
}

/// What it says of the sender alone is weak evidence.
#[test]
fn that_mail_was_sent_with_it_is_weak_evidence() {
    let policy = policy(&[(
        "unproven: reject",
        "ledger: {remember: true}\n  weak_evidence: accept",
    )]);
    let asked = Asked {
        sent: Ok(true),
        ..Asked::new(
            &policy,
            "",
            "prvs=5999abcdef=jane@example.org".to_owned(),
            DSN,
        )
    };
    let (_, late) = asked.found_with(&evidence(ProofResult::Absent));
    assert_eq!(late, "accept weak_evidence");
}

/// The store is asked about bad tags of bounces that are judged, and about no others.
#[test]
fn the_store_is_asked_about_bad_tags_alone() {
    let policy = policy(&[("unproven: reject", "ledger: {remember: true}")]);
    let valid = tagged("jane@example.org", 0, Layout::Prvs);
    let exempt = wrong(&tagged("abuse@example.org", 0, Layout::Prvs));
    for (client, from, rcpt, wrong_before, asks) in [
        (STRANGER, "", wrong(&valid), 0, true),
        (STRANGER, "", valid.clone(), 0, false),
        (
            STRANGER,
            "",
            tagged("jane@example.org", 9, Layout::Prvs),
            0,
            false,
        ),
        (STRANGER, "", wrong(&valid), 5, false),
        (STRANGER, "", "jane@example.org".to_owned(), 0, false),
        (STRANGER, "", exempt, 0, false),
        (STRANGER, "bob@remote.example", wrong(&valid), 0, false),
        ("10.0.0.1", "", wrong(&valid), 0, false),
    ] {
        let envelope = envelope(client, from);
        let addressed = policy.addressed(&envelope, addressed_to(&rcpt), TODAY, wrong_before);
        assert_eq!(
            policy.asks_ledger_of_tag(&envelope, &addressed),
            asks,
            "{from} {rcpt}"
        );
        assert!(!policy.asks_signatures_of_tag(&envelope, &addressed));
    }
}

/// A tag was made for one domain, and its bounce came to the other: an MTA behind us masquerades.
#[test]
fn a_tag_counts_for_hosts_of_a_domain_of_ours_and_for_no_other_domain() {
    let local = "{domains: [example.org, mx.example.org, a.mx.example.org, xexample.org, example.net, .wild.example, wild.example], networks: [10.0.0.0/8]}";
    let policy = policy(&[("{domains: [example.org], networks: [10.0.0.0/8]}", local)]);
    for (made_for, came_to, counts) in [
        ("mx.example.org", "example.org", true),
        ("example.org", "mx.example.org", true),
        ("a.mx.example.org", "example.org", true),
        ("a.mx.example.org", "mx.example.org", true),
        ("wild.example", "mx.wild.example", true),
        ("mx.wild.example", "a.b.mx.wild.example", true),
        // Names that the file doesn't write out can't all be tried.
        ("mx.wild.example", "wild.example", false),
        ("mx.example.org", "example.net", false),
        ("example.org", "xexample.org", false),
        ("xexample.org", "example.org", false),
        ("mx.wild.example", "mx.example.org", false),
    ] {
        for layout in [Layout::Prvs, Layout::SubAddress] {
            let made = |days_ago| {
                let made = tagged(&format!("jane@{made_for}"), days_ago, layout);
                made.replace(made_for, came_to)
            };
            for (rcpt, reason) in [
                (
                    made(0),
                    if counts {
                        "accept batv"
                    } else {
                        "reject batv_wrong"
                    },
                ),
                (
                    made(9),
                    if counts {
                        "reject batv_expired"
                    } else {
                        "reject batv_wrong"
                    },
                ),
                (wrong(&made(0)), "reject batv_wrong"),
                // The user is no less part of it.
                (made(0).replace("jane", "joan"), "reject batv_wrong"),
            ] {
                let found = Asked::new(&policy, "", rcpt.clone(), DSN).found();
                let at_rcpt = found.split(',').next().unwrap();
                assert_eq!(at_rcpt, reason, "{made_for}: {rcpt}");
            }
        }
    }
}

/// Another signer's form can't be verified. Where every bounce must have a tag, the ledger alone speaks for it.
#[test]
fn the_ledger_speaks_for_other_forms_of_tags_too() {
    let required = "ledger: {remember: true}\n  batv: {sign: true, required: true}";
    let policy = policy(&[
        ("batv: {sign: true, guess_limit: 5}", required),
        ("bounces: reject", "bounces: accept"),
    ]);
    for rcpt in [
        "btv1==0123abcdef==jane@example.org",
        "msprvs1=0123abcdef=jane@example.org",
        "prvs=jane=0123abcdef@example.org",
    ] {
        for (sent, early, late) in [
            (Ok(false), "accept nothing_found, reject unproven", ""),
            (
                Ok(true),
                "accept nothing_found, accept nothing_found content",
                "reject unproven",
            ),
            (
                Err(Outside::Store),
                "accept nothing_found, accept nothing_found content",
                "tag unproven",
            ),
        ] {
            let asked = Asked {
                sent,
                ..Asked::new(&policy, "", rcpt.to_owned(), DSN)
            };
            // The MTA is asked for the whole of it: that is no tag of ours to take off.
            assert!(!asked.addressed().is_untagged());
            let found = asked.found_with(&evidence(ProofResult::Absent));
            let expected = (early.to_owned(), late.to_owned());
            assert_eq!(found, expected, "{rcpt} {sent:?}");
        }
    }
}

/// Of all names below a domain, the MTA's own is known.
#[test]
fn a_tag_made_for_the_mtas_own_name_counts_at_the_domain_above() {
    let local = "{domains: [wild.example, .wild.example, example.org], networks: [10.0.0.0/8]}";
    let policy = policy(&[("{domains: [example.org], networks: [10.0.0.0/8]}", local)]);
    for (made_for, came_to, host, expected) in [
        (
            "mx.wild.example",
            "wild.example",
            "mx.wild.example",
            Some(Tag::Valid),
        ),
        (
            "mx.wild.example",
            "wild.example",
            "MX.Wild.Example.",
            Some(Tag::Valid),
        ),
        ("mx.wild.example", "wild.example", "mx2.wild.example", None),
        ("mx.wild.example", "example.org", "mx.wild.example", None),
        (
            "mx.foreign.example",
            "wild.example",
            "mx.foreign.example",
            None,
        ),
        ("mx.wild.example", "wild.example", "unknown", None),
    ] {
        let made = tagged(&format!("jane@{made_for}"), 0, Layout::Prvs);
        let rcpt = made.replace(made_for, came_to);
        let asked = Asked::new(&policy, "", rcpt, DSN);
        let addressed = asked.addressed();
        let found = policy.tag_of_host(&addressed, host, TODAY);
        assert_eq!(
            found,
            expected.or(addressed.tag),
            "{made_for} {came_to} {host}"
        );
    }
}
