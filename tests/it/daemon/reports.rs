//! Mail with the null sender that announces no answer: what vouches for a report, and what is proven all the same.

use lab::dns::{Fault, Scope};

use super::{
    SENDER,
    proofs::{Desk, rcpt, zone},
};
use crate::bounce::{Ours, SIGNED, body, record, signature};

const STRICT: &str =
    "unproven: reject}\nnull_sender: {unauthenticated_reports: reject, not_a_notification: reject";
const COMPLAINT: &str = "--b\r\nContent-Type: text/plain\r\n\r\nSomebody complains.\r\n\
    --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n--b--\r\n";

fn desk(faults: Option<Fault>) -> Desk {
    let zone = zone()
        .txt("s2026._domainkey.isp.example", record())
        .txt("s2026._domainkey.evil.example", record());
    let zone = match faults {
        Some(fault) => zone.fault("s2026._domainkey.isp.example", Scope::Every, fault),
        None => zone,
    };
    Desk::with(STRICT, "", zone)
}

fn report(from: &str) -> String {
    format!(
        "From: {from}\r\nTo: joe@example.org\r\nSubject: complaint\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <1@isp.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n"
    )
}

fn signed(domain: &str, headers: &str, content: &str) -> String {
    let signature = signature(domain, SIGNED, &format!("{headers}\r\n{content}"));
    format!("{signature}{headers}").replace("\r\n", "\n")
}

impl Desk {
    fn told_of(&self, lines: &str, content: &str) -> String {
        let rcpt = rcpt();
        let outcome = self.notification(&rcpt, lines, content);
        self.line(&rcpt, &outcome)
    }
}

#[test]
fn who_signed_a_report_vouches_for_it() {
    let desk = desk(None);
    let headers = report("fbl@isp.example");
    let ours = signed("isp.example", &headers, COMPLAINT);
    let (accepted, refused) = (
        "accept nothing_found -",
        "reject unauthenticated_report - 550 5.7.1",
    );
    let long = format!("{COMPLAINT}{}", "x".repeat(100_000));
    let status = COMPLAINT.replace("message/feedback-report", "message/delivery-status");
    let plain = |headers: &str| headers.replace("\r\n", "\n");
    for (what, lines, content, expected) in [
        ("signed", ours.clone(), COMPLAINT, accepted),
        ("unsigned", plain(&headers), COMPLAINT, refused),
        ("of another body", ours.clone(), "--b--\r\n", refused),
        (
            "of other headers",
            ours.replace("Subject: complaint", "Subject: buy"),
            COMPLAINT,
            refused,
        ),
        (
            "of somebody else",
            signed("evil.example", &headers, COMPLAINT),
            COMPLAINT,
            refused,
        ),
        (
            "of one of two authors",
            signed(
                "isp.example",
                &report("fbl@isp.example, a@bank.example"),
                COMPLAINT,
            ),
            COMPLAINT,
            refused,
        ),
        (
            "longer than is read",
            signed("isp.example", &headers, &long),
            &long,
            refused,
        ),
        (
            "of a bounce",
            signed("isp.example", &headers, &status),
            &status,
            "reject unproven unproven 550 5.7.1",
        ),
    ] {
        assert_eq!(desk.told_of(&lines, content), expected, "{what}");
    }
}

#[test]
fn a_report_waits_for_dns() {
    let desk = desk(Some(Fault::Servfail));
    let lines = signed("isp.example", &report("fbl@isp.example"), COMPLAINT);
    assert_eq!(
        desk.told_of(&lines, COMPLAINT),
        "tempfail unauthenticated_report - 450 4.7.1"
    );
}

/// What returns a message of ours answers it, whatever its headers look like.
#[test]
fn a_proof_comes_before_what_it_looks_like() {
    let desk = desk(None);
    let ours = Ours::new("marked", "far@friend.example").marked(&desk.keys, 0);
    let letter =
        "From: a@friend.example\nSubject: hello\nContent-Type: multipart/mixed; boundary=b\n";
    let attached = |ours: &Ours| {
        format!(
            "--b\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n{}\r\n--b--\r\n",
            ours.headers, ours.body
        )
    };
    let bounce = body("far@friend.example", &ours);
    let (proven, refused) = (
        "accept watermark watermark",
        "reject not_a_notification - 550 5.7.1",
    );
    let stranger = Ours::new("none", "far@friend.example");
    let complaint = report("fbl@isp.example").replace("\r\n", "\n");
    for (lines, content, expected) in [
        (letter, attached(&ours), proven),
        (letter, attached(&stranger), refused),
        (letter, "hello\r\n".to_owned(), refused),
        (&complaint, attached(&ours), proven),
        (letter, bounce, proven),
    ] {
        assert_eq!(desk.told_of(lines, &content), expected, "{content}");
    }
    desk.remember("known", &["far@friend.example"], 60);
    for (answered, expected) in [("known", "accept ledger ledger"), ("unknown", refused)] {
        let lines = format!("{letter}In-Reply-To: <{answered}@example.org>\n");
        assert_eq!(desk.told_of(&lines, "hello\r\n"), expected);
    }
    // Nothing of that is for mail that has a sender.
    let mut client = desk.stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    super::headers(&mut client, letter).unwrap();
    assert_eq!(client.body(b"hello").unwrap(), lab::milter::Reply::Skip);
}
