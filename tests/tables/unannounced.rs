//! Mail with the null sender that announces no answer to a message, as tables: what it is, and what it gets.

use backstop::core::{
    address::ReversePath,
    header::Headers,
    notification::Notification,
    policy::{Policy, Vouched, WasLearned::Yes},
    proof::{
        ProofKind,
        evidence::{Outside, ProofResult},
    },
    spf::SpfResult,
};

use crate::scenario::{self, Scenario, mail, words};

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
            "",
            format!("{from}X-Loop: list@closed.example\n{answer}"),
            "-",
        ),
        (
            "",
            format!("{from}X-Loop: info@list.example\n{answer}"),
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
        judged(&sent(lines), &policy)
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
        let content = sent(reply).status_part(delivery);
        let policy = policy(&[("unproven_replies: reject", "unproven_replies: tag")]);
        assert_eq!(judged(&content, &policy), expected, "{delivery}");
    }
}

const SITE: &str = "
mode: enforce
local: {domains: [example.org]}
spf: {helo: {fail: accept}, mail_from: {fail: accept, temperror: accept}}
null_sender: {not_a_notification: tempfail, unauthenticated_reports: reject, exempt: {recipients: [lists]}}
exempt: {recipients: [abuse]}
proof: {unproven: reject, unproven_replies: reject}
";

/// A message with the null sender that returns nothing.
fn sent(lines: &str) -> Scenario {
    mail()
        .from("")
        .helo("mx.isp.example")
        .to("joe@example.org")
        .headers(lines)
        .found(ProofKind::Dkim, ProofResult::Absent)
}

/// The verdict at the end of the message, and the kind that it is then.
fn judged(sent: &Scenario, policy: &Policy) -> String {
    let stages = sent.stages(policy);
    let verdict = stages.headers.expect("it is refused before").verdict;
    let verdict = match stages.content {
        Some(content) => verdict.or_stronger(content.verdict),
        None => verdict,
    };
    let kind = verdict.notification.as_ref();
    let kind = kind.map_or("-", |notification| notification.kind.as_str());
    format!("{} {kind}", words(&verdict))
}

fn policy(changes: &[(&str, &str)]) -> Policy {
    scenario::policy(SITE, changes)
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
        use SpfResult::{Pass, Temperror};
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
                let sent = sent().helo(helo).helo_spf(result);
                assert_eq!(judged(&sent, &policy), expected, "{helo} {result} {report}");
            }
        }
        let signed = Vouched::Yes("signed".to_owned());
        let pass = ("isp.example", Pass);
        for (sent, expected) in [
            (sent().author(signed.clone()), vouched.clone()),
            (
                sent().author(Vouched::Unanswered),
                format!("tempfail unauthenticated_report {kind}"),
            ),
            (
                sent()
                    .author(Vouched::Unanswered)
                    .helo(pass.0)
                    .helo_spf(pass.1),
                vouched.clone(),
            ),
            // A part that tells of a delivery makes it a bounce, and vouches are for reports.
            (
                sent()
                    .status_part(false)
                    .author(signed.clone())
                    .helo(pass.0)
                    .helo_spf(pass.1),
                "reject unproven bounce".to_owned(),
            ),
            // What it returns may be ours.
            (
                sent().found(ProofKind::Dkim, ProofResult::Counts),
                format!("accept dkim {kind}"),
            ),
            (
                sent()
                    .found(ProofKind::Dkim, ProofResult::Counts)
                    .status_part(false),
                "accept dkim bounce".to_owned(),
            ),
            (
                sent().found(ProofKind::Dkim, ProofResult::Unanswered(Outside::Dns)),
                format!("tempfail unauthenticated_report {kind}"),
            ),
            (
                sent().found(ProofKind::Dkim, ProofResult::Unanswered(Outside::Store)),
                format!("tag unauthenticated_report {kind}"),
            ),
            (
                sent().found(ProofKind::Dkim, ProofResult::Repeated),
                format!("tempfail proof_repeated {kind}"),
            ),
            (
                sent().besieged(Yes),
                format!("reject siege_unproven {kind}"),
            ),
            (sent().besieged(Yes).author(signed.clone()), vouched.clone()),
            (sent().to("lists@example.org"), vouched.clone()),
            (
                sent().to("abuse@example.org"),
                format!("accept exempt_recipient {kind}"),
            ),
        ] {
            assert_eq!(judged(&sent, &policy), expected, "{report}");
        }
        for bounce in OF_A_BOUNCE {
            let sent = self::sent(&format!("{bounce}{report}"))
                .author(signed.clone())
                .helo(pass.0)
                .helo_spf(pass.1);
            assert_eq!(
                judged(&sent, &policy),
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
        assert_eq!(judged(&report, &policy), expected);
    }
    let without = self::policy(&[("proof: {", "proof: {dkim: {verify: false}, ")]);
    assert_eq!(
        judged(&report, &without),
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
        let sent = sent(&lines).helo(helo).helo_spf(SpfResult::Pass);
        let accepted = judged(&sent, &policy).starts_with("accept");
        assert_eq!(accepted, vouched, "{from} {helo}");
    }
}

/// What is not recognised is read for a proof first; two signs that newsletters have make the stricter answer.
#[test]
fn what_is_no_notification_is_read_for_a_proof_first() {
    let (none, one) = ("Subject: hello\n", WEAK[2]);
    let two = [WEAK[0], WEAK[2]].concat();
    let forms = |lines: &str, found| {
        let sent = sent(lines).found(ProofKind::Dkim, found);
        judged(&sent, &policy(&[]))
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
            judged(&sent(lines), &policy),
            expected,
            "{lines} {rule} {replies}"
        );
    }
    let policy = policy(&[("not_a_notification: tempfail", "not_a_notification: reject")]);
    for (sent, expected) in [
        (sent(none).status_part(false), "reject unproven bounce"),
        (sent(none).besieged(Yes), "reject siege_unproven -"),
        (
            sent(none)
                .besieged(Yes)
                .found(ProofKind::Dkim, ProofResult::Counts),
            "accept dkim -",
        ),
        (
            sent(none).found(ProofKind::Dkim, ProofResult::Unanswered(Outside::Dns)),
            "tempfail not_a_notification -",
        ),
        (
            sent(&two).found(ProofKind::Dkim, ProofResult::Unanswered(Outside::Store)),
            "tag not_a_notification -",
        ),
        (
            sent(none).found(ProofKind::Dkim, ProofResult::Wrong),
            "reject not_a_notification -",
        ),
        (
            sent(none).found(ProofKind::Dkim, ProofResult::Replayed),
            "reject not_a_notification -",
        ),
        (
            sent(none).found(ProofKind::Dkim, ProofResult::Repeated),
            "tempfail proof_repeated -",
        ),
        (sent(none).to("lists@example.org"), "accept nothing_found -"),
        (
            sent(none).to("abuse@example.org"),
            "accept exempt_recipient -",
        ),
        (
            sent(none).to("joe@elsewhere.example"),
            "reject not_a_notification -",
        ),
    ] {
        assert_eq!(judged(&sent, &policy), expected, "{sent:?}");
    }
    // Where nothing could prove it, the end of the headers answers, and nobody's reply is missed.
    let without = self::policy(&[
        ("proof: {", "proof: {dkim: {verify: false}, "),
        ("not_a_notification: tempfail", "not_a_notification: tag"),
    ]);
    assert_eq!(judged(&sent(&two), &without), "tag not_a_notification -");
}
