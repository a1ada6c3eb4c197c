//! Replies as the wire has them.

use proptest::prelude::*;

use super::*;
use crate::core::{
    proof::{
        ProofKind,
        evidence::{Forged, Missing, Outcome, Outside, Unproven, WeakEvidence, Why},
    },
    recipients::Class,
    spf::{Identity, SpfResult},
    verdict::{Action, Mode, Reason, Rule, UnderSiege},
};

fn spf_reason(result: SpfResult, explanation: Option<String>) -> Reason {
    let domain = "example.com".to_owned();
    Reason::Spf {
        identity: Identity::MailFrom,
        domain,
        result,
        explanation,
        problem: None,
    }
}

fn reply(action: Action, reason: Reason) -> Option<String> {
    let verdict = Verdict::of(Rule::new(action), Mode::Enforce, reason);
    Reply::to(&verdict, "192.0.2.1".parse().ok()).map(|reply| reply.to_string())
}

/// RFC 7372 section 3.2, RFC 5321 sections 4.5.3.1.10 and 4.2.
#[test]
fn codes_are_the_fields_own() {
    let bounce = |class| Reason::Recipient {
        class,
        bounce: true,
    };
    let mail = |class| Reason::Recipient {
        class,
        bounce: false,
    };
    for (action, reason, starts) in [
        (
            Action::Reject,
            spf_reason(SpfResult::Fail, None),
            "550 5.7.23 ",
        ),
        (
            Action::Reject,
            spf_reason(SpfResult::Softfail, None),
            "550 5.7.23 ",
        ),
        (
            Action::Tempfail,
            spf_reason(SpfResult::Temperror, None),
            "451 4.7.24 ",
        ),
        (
            Action::Reject,
            spf_reason(SpfResult::Permerror, None),
            "550 5.7.24 ",
        ),
        (
            Action::Tempfail,
            spf_reason(SpfResult::Fail, None),
            "451 4.7.23 ",
        ),
        (
            Action::Tempfail,
            Reason::NullSenderExtraRecipient,
            "452 4.5.3 ",
        ),
        (
            Action::Reject,
            Reason::NullSenderExtraRecipient,
            "554 5.5.3 ",
        ),
        (Action::Reject, Reason::NeverSends, "550 5.7.1 "),
        (Action::Reject, bounce(Class::CatchAll), "550 5.7.1 "),
        (Action::Reject, mail(Class::CatchAll), "550 5.1.1 "),
        (Action::Reject, mail(Class::Unknown), "550 5.1.1 "),
        (Action::Reject, bounce(Class::Unknown), "550 5.1.1 "),
        (Action::Tempfail, mail(Class::Unknown), "450 4.1.1 "),
        (
            Action::Tempfail,
            Reason::DirectoryUnavailable,
            "451 4.3.0 The list of recipients",
        ),
        (
            Action::Tempfail,
            Reason::Stopping,
            "451 4.3.2 The mail filter stops",
        ),
        (Action::Tempfail, Reason::Internal, "451 4.3.0 "),
    ] {
        let reply = reply(action, reason.clone()).unwrap();
        assert!(reply.starts_with(starts), "{reason:?}: {reply}");
    }
}

#[test]
fn what_is_accepted_has_no_reply() {
    for action in [
        Action::Accept,
        Action::Tag,
        Action::Discard,
        Action::Quarantine,
    ] {
        assert_eq!(reply(action, Reason::NeverSends), None);
    }
}

#[test]
fn a_strangers_words_are_marked_as_theirs() {
    let text = reply(
        Action::Reject,
        spf_reason(SpfResult::Fail, Some("see http://x/?a=%41".to_owned())),
    )
    .unwrap();
    assert!(
        text.ends_with("the domain example.com explains: see http://x/?a=%41"),
        "{text}"
    );
}

#[test]
fn a_postmaster_learns_which_proof_was_missing() {
    let unproven = |why, proofs: &[ProofKind]| {
        Reason::Proof(Outcome::Unproven(Unproven {
            why,
            weak: WeakEvidence::default(),
            missing: Missing {
                domain: "example.org".parse().ok(),
                proofs: proofs.to_vec(),
            },
        }))
    };
    let forged = |forged| Reason::Proof(Outcome::Forged(forged));
    for (action, reason, starts, says) in [
        (
            Action::Reject,
            unproven(Why::Nothing, &[ProofKind::Ledger, ProofKind::Dkim]),
            "550",
            &[
                "example.org",
                "no Message-ID of ours, no valid DKIM signature of ours",
            ][..],
        ),
        (
            Action::Reject,
            unproven(Why::NoTag, &[ProofKind::Batv]),
            "550",
            &["example.org", "(prvs=)"],
        ),
        (
            Action::Reject,
            unproven(Why::Replayed, &[]),
            "550",
            &["returned too often"],
        ),
        (
            Action::Tempfail,
            unproven(Why::Repeated, &[]),
            "451",
            &["five minutes", "try again later"],
        ),
        (
            Action::Tempfail,
            unproven(Why::Unanswered(Outside::Dns), &[]),
            "451",
            &["try again later"],
        ),
        (
            Action::Tempfail,
            unproven(Why::Nothing, &[]),
            "450",
            &["example.org"],
        ),
        (
            Action::Reject,
            forged(Forged::WatermarkWrong),
            "550",
            &["X-Backstop-Watermark"],
        ),
        (
            Action::Reject,
            forged(Forged::WatermarkExpired),
            "550",
            &["too old"],
        ),
    ] {
        let text = reply(action, reason).unwrap();
        let class = text.chars().next().unwrap();
        let text: String = text.split("\r\n").flat_map(|line| line.get(10..)).collect();
        assert!(text.len() < 420, "{text}");
        assert!(says.iter().all(|word| text.contains(word)), "{text}");
        assert_eq!(Some(class), starts.chars().next());
    }
}

/// 400 octets are the most that `spf` lets through, 253 the longest domain.
#[test]
fn the_longest_explanation_arrives_whole() {
    let domain = format!("{}.example", "x".repeat(245));
    for explanation in ["y".repeat(400), "why not ".repeat(50)] {
        let verdict = Verdict::of(
            Rule::new(Action::Reject),
            Mode::Enforce,
            Reason::Spf {
                identity: Identity::Helo,
                domain: domain.clone(),
                result: SpfResult::Fail,
                explanation: Some(explanation.clone()),
                problem: None,
            },
        );
        let lines = Reply::to(&verdict, None).unwrap().lines.concat();
        let bare = |text: &str| text.replace(' ', "");
        assert!(bare(&lines).ends_with(&bare(&explanation)), "{lines}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_a_reply(explanation in ".{0,3000}") {
        let verdict = Verdict::of(
            Rule::new(Action::Reject),
            Mode::Enforce,
            spf_reason(SpfResult::Fail, Some(explanation)),
        );
        let wire = Reply::to(&verdict, None).unwrap().to_string();
        prop_assert!(wire.split("\r\n").count() <= MAX_LINES);
        for line in wire.split("\r\n") {
            prop_assert!(line.len() + SENDMAILS_PREFIX <= MAX_LINE);
            prop_assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert!(line.starts_with("550"));
        }
    }
}

/// What the sender can do about it, and by whose rule.
#[test]
fn each_reason_has_its_words() {
    let ours = || "example.org".parse().unwrap();
    let zone = || "bl.example".parse().unwrap();
    let forged = |spf| Reason::MailFromForged {
        domain: ours(),
        spf,
    };
    let flood = "(this domain is flooded with bounces of forged mail at the moment)";
    let siege = |under| Reason::Siege(under);
    for (action, reason, code, says) in [
        (
            Action::Tempfail,
            Reason::ClientUnknown,
            "451 4.7.1",
            "not known here",
        ),
        (
            Action::Tempfail,
            forged(SpfResult::Temperror),
            "451 4.7.24",
            "its SPF could not be looked up",
        ),
        (
            Action::Reject,
            forged(SpfResult::Fail),
            "550 5.7.1",
            "192.0.2.1 may not send mail for it",
        ),
        (
            Action::Tempfail,
            Reason::BatvGuessed,
            "450 4.7.1",
            "too many forged messages within the hour",
        ),
        (
            Action::Reject,
            Reason::Dnsbl { zone: zone() },
            "550 5.7.1",
            "192.0.2.1 sends backscatter, says bl.example",
        ),
        (
            Action::Reject,
            siege(UnderSiege::Listed { zone: zone() }),
            "550 5.7.1",
            "192.0.2.1 sends backscatter, says bl.example",
        ),
        (
            Action::Reject,
            siege(UnderSiege::CatchAll { bounce: true }),
            "550 5.7.1",
            flood,
        ),
        (
            Action::Tempfail,
            siege(UnderSiege::CatchAll { bounce: false }),
            "450 4.7.1",
            "for known addresses only",
        ),
        (
            Action::Tempfail,
            siege(UnderSiege::CatchAll { bounce: false }),
            "450 4.7.1",
            flood,
        ),
        (
            Action::Reject,
            Reason::NotANotification,
            "550 5.7.1",
            "this message is none",
        ),
        (
            Action::Reject,
            Reason::UnauthenticatedReport,
            "550 5.7.1",
            "sign it with DKIM as the domain in From:",
        ),
        (
            Action::Reject,
            Reason::HeaderFromForged { domain: None },
            "550 5.7.1",
            "one author's address",
        ),
        (
            Action::Reject,
            Reason::HeaderFromForged {
                domain: Some(ours()),
            },
            "550 5.7.1",
            "From: names example.org, a domain of ours, and 192.0.2.1 may not",
        ),
        (
            Action::Tempfail,
            Reason::ForgedHeaders,
            "451 4.7.1",
            "claim to be written here",
        ),
        (
            Action::Reject,
            Reason::HeaderRule {
                number: 1,
                text: None,
            },
            "550 5.7.1",
            "A header of this message is not accepted here",
        ),
        (
            Action::Reject,
            Reason::HeaderRule {
                number: 1,
                text: Some("No, thanks".to_owned()),
            },
            "550 5.7.1",
            "No, thanks",
        ),
    ] {
        let reply = reply(action, reason.clone()).unwrap();
        let lines = reply.split("\r\n");
        let (codes, texts): (Vec<String>, Vec<&str>) = lines
            .map(|line| {
                let (class, rest) = line.split_at(3);
                let (detail, text) = rest[1..].split_once(' ').unwrap();
                (format!("{class} {detail}"), text.trim())
            })
            .unzip();
        assert!(codes.iter().all(|found| found == code), "{reply}");
        assert!(texts.join(" ").contains(says), "{reply}");
    }
}

/// Who is told to come again is told why; not twice, where the reason says so itself.
#[test]
fn what_could_not_be_looked_up_is_told() {
    let softened = "What could excuse it can't be looked up here at the moment";
    for (reason, told) in [(Reason::NeverSends, true), (Reason::Internal, false)] {
        let verdict = Verdict {
            unanswered: Some(Outside::Dns),
            ..Verdict::of(Rule::new(Action::Tempfail), Mode::Enforce, reason)
        };
        let text = Reply::to(&verdict, None).unwrap().lines.concat();
        let bare = |text: &str| text.replace(' ', "");
        assert_eq!(bare(&text).contains(&bare(softened)), told, "{text}");
    }
}
