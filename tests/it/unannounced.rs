//! Mail with the null sender that announces no answer to a message, as tables: what it is, and what it gets.

use backstop::core::{
    address::{Mailbox, ReversePath},
    envelope::Recipient,
    header::Headers,
    header_rules::Matches,
    notification::Notification,
    policy::{Case, HeaderFacts, Policy, Siege, SpfAnswers, Vouched, WasLearned},
    proof::{
        ProofKind,
        evidence::{Evidence, Outside, ProofFinding, ProofResult},
    },
    recipients::Known,
    spf::{Identity, SpfCheck, SpfResult},
    trace_header::Forgeries,
};

use crate::proof::envelope;

/// What every newsletter has.
const WEAK: [&str; 9] = [
    "In-Reply-To: <1@list.example>\n",
    "References: <1@list.example>\n",
    "Precedence: bulk\n",
    "Precedence: junk\n",
    "X-Auto-Response-Suppress: All\n",
    "List-Id: <list.list.example>\n",
    "List-Unsubscribe: <https://list.example/>\n",
    "Precedence: list\n",
    "X-Loop: list@list.example\n",
];
/// What shows a bounce, alone and beside all that a message may claim to be.
const OF_A_BOUNCE: [&str; 7] = [
    "From: MAILER-DAEMON@mx.example\n",
    "From: Mail Delivery System <a@mx.example>\n",
    "From: postmaster@mx.example\n",
    "Subject: Undelivered Mail Returned to Sender\n",
    "X-Failed-Recipients: x@dest.example\n",
    "X-MS-Exchange-Message-Is-Ndr:\n",
    "X-MDDSN-Message: true\n",
];
/// What a report is known by.
const OF_A_REPORT: [&str; 5] = [
    "Content-Type: multipart/report; report-type=feedback-report; boundary=x\n",
    "Content-Type: multipart/report; report-type=tlsrpt; boundary=x\n",
    "Content-Type: multipart/report; report-type=anything; boundary=x\n",
    "Subject: Report Domain: example.org Submitter: mx.example\n",
    "X-Auto-Response-Suppress: All\nX-MS-Exchange-Organization-SCL: 1\n",
];

fn headers(lines: &str) -> Headers {
    Headers::parse(lines.as_bytes()).0
}

fn kind(from: &str, lines: &str) -> &'static str {
    let sender = ReversePath::from_bytes(from.as_bytes());
    let found = Notification::recognise(&sender, &headers(lines));
    found.map_or("-", |found| found.kind.as_str())
}

/// However many of them there are.
#[test]
fn what_newsletters_have_is_no_sign_of_a_reply() {
    let automatic = "List-Id: <a.list.example>\nAuto-Submitted: auto-generated\n";
    for chosen in 0..1_u32 << WEAK.len() {
        let signs = (0..WEAK.len()).filter(|at| chosen & (1 << at) != 0);
        let lines: String = signs.map(|at| WEAK[at]).collect();
        assert_eq!(kind("", &lines), "-", "{lines}");
        assert_eq!(kind("", &format!("{automatic}{lines}")), "-", "{lines}");
        assert_eq!(kind("a@b.example", &lines), "-", "{lines}");
        for (clear, expected) in [
            ("Auto-Submitted: auto-replied\n", "auto_reply"),
            ("Precedence: auto_reply\n", "auto_reply"),
            ("X-Autoreply: yes\n", "auto_reply"),
            ("Subject: Automatic reply: hello\n", "auto_reply"),
            ("X-MS-Exchange-Generated-Message-Source: a\n", "auto_reply"),
            ("Subject: Read receipt\n", "mdn"),
            ("From: MAILER-DAEMON@mx.example\n", "bounce"),
            (OF_A_REPORT[0], "report"),
        ] {
            assert_eq!(kind("", &format!("{clear}{lines}")), expected, "{lines}");
        }
    }
    let from = "From: info@closed.example\n";
    let own_loop = format!("{from}X-Loop: info@closed.example\n");
    let answer = WEAK[0];
    for (sender, lines, expected) in [
        (
            "",
            "Auto-Submitted: auto-generated\n".to_owned(),
            "auto_reply",
        ),
        ("", own_loop.clone(), "-"),
        ("", format!("{own_loop}{answer}"), "auto_reply"),
        (
            "",
            format!("{from}X-Loop: list@list.example\n{answer}"),
            "-",
        ),
        (
            "info@closed.example",
            format!("{own_loop}{answer}"),
            "auto_reply",
        ),
        ("info@closed.example", own_loop.clone(), "-"),
        (
            "info@closed.example",
            format!("{own_loop}{answer}List-Id: <a.b.example>\n"),
            "-",
        ),
        (
            "",
            format!("X-List-Administrivia: yes\n{answer}"),
            "auto_reply",
        ),
        (
            "",
            "X-List-Administrivia: yes\nPrecedence: bulk\n".to_owned(),
            "-",
        ),
    ] {
        assert_eq!(kind(sender, &lines), expected, "{sender} {lines}");
    }
}

#[test]
fn signs_of_a_bounce_come_before_what_it_says_that_it_is() {
    for report in OF_A_REPORT {
        let from = "From: reports@isp.example\n";
        let what = if report.starts_with("X-") {
            "distribution"
        } else {
            "report"
        };
        assert_eq!(kind("", &format!("{from}{report}")), what, "{report}");
        for bounce in OF_A_BOUNCE {
            // A message has one subject that says something: the first.
            let lines = format!("{bounce}{report}");
            assert_eq!(kind("", &lines), "bounce", "{lines}");
        }
        // Of a real sender it is mail.
        assert_eq!(
            kind("reports@isp.example", &format!("{from}{report}")),
            "-",
            "{report}"
        );
    }
}

/// A receipt by its content type, and no softer answered than a bounce where it looks like one.
#[test]
fn signs_of_a_bounce_count_in_receipts_too() {
    let receipt = "Content-Type: multipart/report; report-type=disposition-notification\n";
    let of = |lines: &str, unproven: &str, replies: &str| {
        let policy = policy(&[
            ("unproven: reject, ", &format!("unproven: {unproven}, ")),
            (
                "unproven_replies: reject",
                &format!("unproven_replies: {replies}"),
            ),
        ]);
        sent(lines).judged(&policy)
    };
    for bounce in OF_A_BOUNCE {
        let lines = format!("{bounce}{receipt}");
        for (unproven, replies, expected) in [
            ("reject", "tag", "reject unproven mdn"),
            ("tag", "reject", "reject unproven mdn"),
            ("tag", "tag", "tag unproven mdn"),
        ] {
            assert_eq!(of(&lines, unproven, replies), expected, "{lines}");
        }
    }
    let lines = format!("From: Ann <ann@isp.example>\nSubject: Read: hello\n{receipt}");
    assert_eq!(of(&lines, "reject", "tag"), "tag unproven mdn");
    // So does one whose content says what became of a message; a receipt's says who has read it.
    let reply = "From: Ann <ann@isp.example>\nSubject: hello\nAuto-Submitted: auto-replied\n";
    for (delivery, expected) in [
        (true, "reject unproven auto_reply"),
        (false, "tag unproven auto_reply"),
    ] {
        let content = Sent {
            status: true,
            delivery,
            ..sent(reply)
        };
        let policy = policy(&[("unproven_replies: reject", "unproven_replies: tag")]);
        assert_eq!(content.judged(&policy), expected, "{delivery}");
    }
}

const SITE: &str = "
mode: enforce
local: {domains: [example.org]}
null_sender: {not_a_notification: tempfail, unauthenticated_reports: reject, exempt: {recipients: [lists]}}
exempt: {recipients: [abuse]}
proof: {unproven: reject, unproven_replies: reject}
";

struct Sent {
    lines: String,
    rcpt: &'static str,
    helo: (&'static str, SpfResult),
    found: ProofResult,
    status: bool,
    delivery: bool,
    signed: Vouched<String>,
    siege: bool,
}

fn sent(lines: &str) -> Sent {
    Sent {
        lines: lines.to_owned(),
        rcpt: "joe@example.org",
        helo: ("mx.isp.example", SpfResult::None),
        found: ProofResult::Absent,
        status: false,
        delivery: false,
        signed: Vouched::No,
        siege: false,
    }
}

impl Sent {
    /// The verdict at the end of the message, and the kind that it is then.
    fn judged(&self, policy: &Policy) -> String {
        let envelope = envelope("192.0.2.1", "");
        let (helo, result) = self.helo;
        let check = |identity| Some(SpfCheck::new(identity, helo.to_owned(), result));
        let spf = SpfAnswers {
            helo: check(Identity::Helo),
            mail_from: check(Identity::MailFrom),
            forwarder: Vouched::No,
        };
        let recipient = Recipient {
            mailbox: Mailbox::from_bytes(self.rcpt.as_bytes()),
            refused: None,
        };
        let case = Case {
            envelope: &envelope,
            spf: &spf,
            recipient: &recipient,
            tag: None,
            earlier: 0,
            known: &Known::NotListed,
            listings: &[],
            siege: self.siege.then_some(Siege {
                learned: WasLearned::Yes,
            }),
        };
        let forgeries = Forgeries::new("mx.example.org");
        let facts = HeaderFacts::of(&ReversePath::Null, headers(&self.lines), forgeries);
        let matches = Matches::new(&policy.headers, &facts.headers);
        let mut verdict = policy.judge_headers(&case, &facts, &matches).verdict;
        if verdict.lets_in() && policy.needs_content(&case, &facts) {
            let evidence = Evidence {
                findings: vec![ProofFinding {
                    kind: ProofKind::Dkim,
                    result: self.found,
                    text: String::new(),
                }],
                status: self.status,
                delivery: self.delivery,
                ..Evidence::default()
            };
            let judged = policy.judge_content(&case, &facts, &evidence, Ok(false), &self.signed);
            verdict = verdict.or_stronger(judged.verdict);
        }
        let kind = verdict
            .notification
            .as_ref()
            .map_or("-", |n| n.kind.as_str());
        format!("{} {} {kind}", verdict.action, verdict.reason.code())
    }
}

fn policy(changes: &[(&str, &str)]) -> Policy {
    crate::site::policy(SITE, changes)
}

/// Whatever report it says that it is, it needs a voucher.
#[test]
fn reports_need_a_voucher() {
    let policy = policy(&[]);
    for report in OF_A_REPORT {
        let lines = format!("From: reports@isp.example\n{report}");
        let kind = if report.starts_with("X-") {
            "distribution"
        } else {
            "report"
        };
        let (refused, vouched) = (
            format!("reject unauthenticated_report {kind}"),
            format!("accept nothing_found {kind}"),
        );
        let sent = || sent(&lines);
        use SpfResult::*;
        for helo in [
            "isp.example",
            "mx.isp.example",
            "other.example",
            "xisp.example",
            "example",
        ] {
            for result in SpfResult::ALL {
                let aligned =
                    helo == "isp.example" || helo == "mx.isp.example" || helo == "example";
                let expected = match (aligned, result) {
                    (true, Pass) => vouched.clone(),
                    (true, Temperror) => format!("tempfail unauthenticated_report {kind}"),
                    _ => refused.clone(),
                };
                let sent = Sent {
                    helo: (helo, result),
                    ..sent()
                };
                assert_eq!(sent.judged(&policy), expected, "{helo} {result} {report}");
            }
        }
        let signed = Vouched::Yes("signed".to_owned());
        let pass = ("isp.example", Pass);
        for (sent, expected) in [
            (
                Sent {
                    signed: signed.clone(),
                    ..sent()
                },
                vouched.clone(),
            ),
            (
                Sent {
                    signed: Vouched::Unanswered,
                    ..sent()
                },
                format!("tempfail unauthenticated_report {kind}"),
            ),
            (
                Sent {
                    signed: Vouched::Unanswered,
                    helo: pass,
                    ..sent()
                },
                vouched.clone(),
            ),
            // A part that tells of a delivery makes it a bounce, and vouches are for reports.
            (
                Sent {
                    status: true,
                    signed: signed.clone(),
                    helo: pass,
                    ..sent()
                },
                "reject unproven bounce".to_owned(),
            ),
            // What it returns may be ours.
            (
                Sent {
                    found: ProofResult::Counts,
                    ..sent()
                },
                format!("accept dkim {kind}"),
            ),
            (
                Sent {
                    found: ProofResult::Counts,
                    status: true,
                    ..sent()
                },
                "accept dkim bounce".to_owned(),
            ),
            (
                Sent {
                    found: ProofResult::Unanswered(Outside::Dns),
                    ..sent()
                },
                format!("tempfail unauthenticated_report {kind}"),
            ),
            (
                Sent {
                    found: ProofResult::Unanswered(Outside::Store),
                    ..sent()
                },
                format!("tag unauthenticated_report {kind}"),
            ),
            (
                Sent {
                    siege: true,
                    ..sent()
                },
                format!("reject siege_unproven {kind}"),
            ),
            (
                Sent {
                    siege: true,
                    signed: signed.clone(),
                    ..sent()
                },
                vouched.clone(),
            ),
            (
                Sent {
                    rcpt: "lists@example.org",
                    ..sent()
                },
                vouched.clone(),
            ),
            (
                Sent {
                    rcpt: "abuse@example.org",
                    ..sent()
                },
                format!("accept exempt_recipient {kind}"),
            ),
        ] {
            assert_eq!(sent.judged(&policy), expected, "{report}");
        }
        for bounce in OF_A_BOUNCE {
            let sent = Sent {
                signed: signed.clone(),
                helo: pass,
                ..self::sent(&format!("{bounce}{report}"))
            };
            assert_eq!(
                sent.judged(&policy),
                "reject unproven bounce",
                "{bounce}{report}"
            );
        }
    }
    // By default it is tagged, and where nothing else of a bounce is asked it is judged all the same.
    let report = sent(&format!("From: a@isp.example\n{}", OF_A_REPORT[0]));
    for (change, expected) in [
        ("tag", "tag unauthenticated_report report"),
        ("accept", "accept nothing_found report"),
        (
            "{action: reject, monitor: true}",
            "tag unauthenticated_report report",
        ),
    ] {
        let policy = self::policy(&[(
            "unauthenticated_reports: reject",
            &format!("unauthenticated_reports: {change}"),
        )]);
        assert_eq!(report.judged(&policy), expected);
    }
    let without = self::policy(&[("proof: {", "proof: {dkim: {verify: false}, ")]);
    assert_eq!(
        report.judged(&without),
        "reject unauthenticated_report report"
    );
}

/// Who vouches must speak for all authors.
#[test]
fn a_voucher_speaks_for_every_author() {
    let policy = policy(&[]);
    for (from, helo, vouched) in [
        ("a@isp.example", "isp.example", true),
        ("a@ISP.example", "isp.example", true),
        ("a@dmarc.isp.example", "isp.example", true),
        ("a@isp.example", "mx.isp.example", true),
        ("a@dmarc.isp.example", "mx.isp.example", false),
        ("a@isp.example, b@isp.example", "isp.example", true),
        ("a@isp.example, b@bank.example", "isp.example", false),
        ("a@isp.example\nFrom: b@bank.example", "isp.example", false),
        ("a@[192.0.2.1]", "isp.example", false),
        ("a", "isp.example", false),
        ("", "isp.example", false),
        ("<>", "isp.example", false),
    ] {
        let lines = format!("From: {from}\n{}", OF_A_REPORT[0]);
        let sent = Sent {
            helo: (helo, SpfResult::Pass),
            ..sent(&lines)
        };
        let accepted = sent.judged(&policy).starts_with("accept");
        assert_eq!(accepted, vouched, "{from} {helo}");
    }
}

/// What is not recognised is read for a proof first; two signs that newsletters have make the stricter answer.
#[test]
fn what_is_no_notification_is_read_for_a_proof_first() {
    let (none, one) = ("Subject: hello\n", WEAK[2]);
    let two = [WEAK[0], WEAK[2]].concat();
    let forms = |lines: &str, found| {
        Sent {
            found,
            ..sent(lines)
        }
        .judged(&policy(&[]))
    };
    for lines in [none, one, &two] {
        assert_eq!(
            forms(lines, ProofResult::Counts),
            "accept dkim -",
            "{lines}"
        );
    }
    for (lines, rule, replies, expected) in [
        (none, "reject", "reject", "reject not_a_notification -"),
        (none, "tag", "reject", "tag not_a_notification -"),
        (none, "accept", "reject", "accept nothing_found -"),
        (one, "tag", "reject", "tag not_a_notification -"),
        (&two, "tag", "reject", "reject unproven -"),
        (&two, "accept", "tag", "tag unproven -"),
        (&two, "reject", "tag", "reject not_a_notification -"),
        (&two, "tempfail", "reject", "reject unproven -"),
        (&two, "reject", "tempfail", "reject not_a_notification -"),
        (
            &two,
            "reject",
            "{action: reject, monitor: true}",
            "reject not_a_notification -",
        ),
        (&two, "tag", "tag", "tag not_a_notification -"),
    ] {
        let policy = self::policy(&[
            (
                "not_a_notification: tempfail",
                &format!("not_a_notification: {rule}"),
            ),
            (
                "unproven_replies: reject",
                &format!("unproven_replies: {replies}"),
            ),
        ]);
        assert_eq!(
            sent(lines).judged(&policy),
            expected,
            "{lines} {rule} {replies}"
        );
    }
    let policy = policy(&[("not_a_notification: tempfail", "not_a_notification: reject")]);
    for (sent, expected) in [
        (
            Sent {
                status: true,
                ..sent(none)
            },
            "reject unproven bounce",
        ),
        (
            Sent {
                siege: true,
                ..sent(none)
            },
            "reject siege_unproven -",
        ),
        (
            Sent {
                siege: true,
                found: ProofResult::Counts,
                ..sent(none)
            },
            "accept dkim -",
        ),
        (
            Sent {
                found: ProofResult::Unanswered(Outside::Dns),
                ..sent(none)
            },
            "tempfail not_a_notification -",
        ),
        (
            Sent {
                found: ProofResult::Unanswered(Outside::Store),
                ..sent(&two)
            },
            "tag not_a_notification -",
        ),
        (
            Sent {
                found: ProofResult::Wrong,
                ..sent(none)
            },
            "reject not_a_notification -",
        ),
        (
            Sent {
                found: ProofResult::Replayed,
                ..sent(none)
            },
            "reject not_a_notification -",
        ),
        (
            Sent {
                rcpt: "lists@example.org",
                ..sent(none)
            },
            "accept nothing_found -",
        ),
        (
            Sent {
                rcpt: "abuse@example.org",
                ..sent(none)
            },
            "accept exempt_recipient -",
        ),
        (
            Sent {
                rcpt: "joe@elsewhere.example",
                ..sent(none)
            },
            "reject not_a_notification -",
        ),
    ] {
        assert_eq!(sent.judged(&policy), expected, "{}", sent.rcpt);
    }
    // Where nothing could prove it, the end of the headers answers, and nobody's reply is missed.
    let without = self::policy(&[
        ("proof: {", "proof: {dkim: {verify: false}, "),
        ("not_a_notification: tempfail", "not_a_notification: tag"),
    ]);
    assert_eq!(sent(&two).judged(&without), "tag not_a_notification -");
}
