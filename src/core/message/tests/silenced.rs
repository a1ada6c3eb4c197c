//! Whose sender gets no notice of what becomes of forwarded mail: of what is surely forged, and of nothing else.

use super::{
    course::{Answers, answering, content},
    decided,
    sent::{MAIL, Sent, message},
    world::{NOW, rcpt},
};
use crate::core::{
    dmarc::{Alignment, Published},
    forwarded::NoDsn,
    message::{Answer, Ending, Message, Negotiated, RcptTo},
    outside::Unanswered,
    proof::dkim::{SignatureResult, Signed, SignedFields},
    spf::SpfResult,
};

const RULES: &str =
    "  mail_from: {fail: reject}\n  trusted_forwarders: [one.example, two.example]\n";
const ACCEPTS: &str = "  helo: {fail: accept}\n  mail_from: {fail: accept, temperror: accept}\n  \
    trusted_forwarders: [one.example, 192.0.2.77]\n\
    outbound: {forwarded: {no_dsn: [any, fwd@example.org]}}\n";
/// The same where nobody is listed.
const OFF: &str = "  helo: {fail: accept}\n  mail_from: {fail: accept, temperror: accept}\n";

const FORWARDED: Sent = Sent {
    site: (RULES, ACCEPTS),
    spf: SpfResult::Fail,
    headers: "From: Bob <bob@friend.example>\nSubject: Hello\n",
    ..MAIL
};

fn ending(sent: Sent, rcpts: &[RcptTo], negotiated: Negotiated, answers: Answers<'_>) -> Ending {
    let mut message = message(sent);
    let answer = &mut answering(sent, answers);
    for rcpt in rcpts {
        let judged = decided(&mut message, answer, |message| message.rcpt(rcpt, NOW));
        assert!(judged.is_kept, "{judged:?}");
    }
    let _ = decided(&mut message, answer, |message| message.data(NOW));
    content(&mut message, sent, answer);
    let _ = decided(&mut message, answer, |message| message.end_of_content(NOW));
    let stage = |message: &mut Message| message.end(negotiated, NOW);
    let ending = decided(&mut message, answer, stage).ending;
    // The log line says the same of each.
    let silenced = ending
        .readd_recipients
        .iter()
        .filter(|one| one.no_dsn.is_some());
    let noted = message
        .accepted()
        .iter()
        .filter(|one| one.verdict.no_dsn.is_some());
    assert_eq!(silenced.count(), noted.count());
    ending
}

fn why(sent: Sent, answers: Answers<'_>) -> Option<NoDsn> {
    let rcpts = [rcpt(sent.rcpt.as_bytes())];
    let ending = ending(sent, &rcpts, Negotiated::ALL, answers);
    ending.readd_recipients.first().and_then(|one| one.no_dsn)
}

fn published(organization: &str, enforces: bool) -> Answer {
    Answer::Dmarc(Some(Published {
        organization: organization.parse().unwrap(),
        enforces,
        adkim: Alignment::Relaxed,
        aspf: Alignment::Relaxed,
    }))
}

fn signed(outcome: SignatureResult) -> Answer {
    Answer::Signatures(vec![Signed {
        domain: "friend.example".parse().unwrap(),
        selector: "s".to_owned(),
        outcome,
        signed_at: None,
        message: SignedFields::default(),
    }])
}

#[test]
fn spf_that_fails_takes_the_notice_away() {
    use SpfResult::{Neutral, None, Pass, Permerror, Softfail, Temperror};
    let yes = Some(NoDsn::Spf);
    for (what, sent, expected) in [
        ("fail", FORWARDED, yes),
        (
            "pass",
            Sent {
                spf: Pass,
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "none",
            Sent {
                spf: None,
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "neutral",
            Sent {
                spf: Neutral,
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "softfail",
            Sent {
                spf: Softfail,
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "permerror",
            Sent {
                spf: Permerror,
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "temperror",
            Sent {
                spf: Temperror,
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "no answer",
            Sent {
                missing: "spf mailfrom",
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "nobody listed",
            Sent {
                site: (RULES, OFF),
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "another recipient",
            Sent {
                rcpt: "jane@example.org",
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "with an extension",
            Sent {
                rcpt: "ANY+list@example.org",
                ..FORWARDED
            },
            yes,
        ),
        (
            "in any case",
            Sent {
                rcpt: "Fwd@Example.Org",
                ..FORWARDED
            },
            yes,
        ),
        (
            "outgoing",
            Sent {
                client: "10.0.0.1",
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "an exempt client",
            Sent {
                client: "192.0.2.99",
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "a bounce",
            Sent {
                from: "",
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "a trusted forwarder",
            Sent {
                client: "192.0.2.77",
                ..FORWARDED
            },
            Option::None,
        ),
        (
            "a forwarder that can't be asked",
            Sent {
                missing: "forwarder one.example",
                ..FORWARDED
            },
            Option::None,
        ),
    ] {
        assert_eq!(why(sent, &[]), expected, "{what}");
    }
    let forwarder = ("forwarder one.example", Answer::SpfResult(Pass));
    assert_eq!(why(FORWARDED, &[forwarder]), Option::None);
}

/// RFC 9989 section 5.4: one identifier that passes and is in line is enough.
#[test]
fn dmarc_that_fails_takes_the_notice_away_where_its_owner_asks_to_act() {
    let neutral = Sent {
        spf: SpfResult::Neutral,
        ..FORWARDED
    };
    let pass = Sent {
        spf: SpfResult::Pass,
        ..FORWARDED
    };
    let of = |headers: &'static str, sent: Sent| Sent { headers, ..sent };
    let reject = || ("dmarc friend.example", published("friend.example", true));
    let bank = || ("dmarc bank.example", published("bank.example", true));
    let signature = |outcome| ("signatures of friend.example", signed(outcome));
    let failed = || SignatureResult::Failed("it");
    let yes = Some(NoDsn::Dmarc);
    for (what, sent, answers, expected) in [
        ("nothing passes", neutral, vec![reject()], yes),
        (
            "none of SPF",
            Sent {
                spf: SpfResult::None,
                ..neutral
            },
            vec![reject()],
            yes,
        ),
        ("no policy", neutral, vec![], None),
        (
            "a policy that only watches",
            neutral,
            vec![("dmarc friend.example", published("friend.example", false))],
            None,
        ),
        (
            "temperror of SPF",
            Sent {
                spf: SpfResult::Temperror,
                ..neutral
            },
            vec![reject()],
            None,
        ),
        (
            "no answer",
            Sent {
                missing: "dmarc friend.example",
                ..neutral
            },
            vec![],
            None,
        ),
        ("SPF in line", pass, vec![reject()], None),
        (
            "SPF of another domain",
            of("From: Bank <x@bank.example>\n", pass),
            vec![bank()],
            yes,
        ),
        (
            "SPF in line by the organization",
            of("From: Bob <x@news.friend.example>\n", pass),
            vec![(
                "dmarc news.friend.example",
                published("friend.example", true),
            )],
            None,
        ),
        (
            "a signature",
            neutral,
            vec![reject(), signature(SignatureResult::HeadersOnly)],
            None,
        ),
        (
            "an old signature",
            neutral,
            vec![reject(), signature(SignatureResult::Expired)],
            None,
        ),
        (
            "a signature of little",
            neutral,
            vec![reject(), signature(SignatureResult::Weak)],
            None,
        ),
        (
            "a wrong signature",
            neutral,
            vec![reject(), signature(failed())],
            yes,
        ),
        (
            "a signature without a key",
            neutral,
            vec![reject(), signature(SignatureResult::NoKey("none"))],
            yes,
        ),
        (
            "a signature whose key can't be asked for",
            neutral,
            vec![
                reject(),
                signature(SignatureResult::Unanswered(Unanswered::dns("late"))),
            ],
            None,
        ),
        (
            "signatures that can't be looked at",
            Sent {
                missing: "signatures of friend.example",
                ..neutral
            },
            vec![reject()],
            None,
        ),
        (
            "two authors",
            of("From: x@friend.example, y@bank.example\n", neutral),
            vec![reject(), bank()],
            None,
        ),
        (
            "two headers From",
            of("From: x@friend.example\nFrom: x@friend.example\n", neutral),
            vec![reject()],
            None,
        ),
        (
            "no author",
            of("Subject: Hello\n", neutral),
            vec![reject()],
            None,
        ),
        (
            "an author without a domain",
            of("From: bob\n", neutral),
            vec![reject()],
            None,
        ),
    ] {
        assert_eq!(why(sent, &answers), expected, "{what}");
    }
}

/// What is put back is what came, but for NOTIFY.
#[test]
fn the_recipient_stays_as_it_came() {
    let as_sent = |path: &str, parameters: &str| RcptTo {
        path: path.as_bytes().to_vec(),
        parameters: parameters.as_bytes().to_vec(),
        ..rcpt(path.trim_matches(['<', '>']).as_bytes())
    };
    let rcpts = [
        as_sent(
            "<ANY@Example.org>",
            "NOTIFY=FAILURE ORCPT=rfc822;any@example.org",
        ),
        as_sent("<jane@example.org>", "NOTIFY=SUCCESS"),
        as_sent("<fwd@example.org>", "NOTIFY=NEVER"),
        as_sent("<fwd+x@example.org>", ""),
    ];
    let readded = |negotiated| -> Vec<String> {
        let ending = ending(FORWARDED, &rcpts, negotiated, &[]);
        let readded = ending
            .readd_recipients
            .iter()
            .map(|one| [&one.path[..], b" ", &one.address, b" ", &one.parameters].concat());
        readded.map(|one| String::from_utf8(one).unwrap()).collect()
    };
    assert_eq!(
        readded(Negotiated::ALL),
        [
            "<ANY@Example.org> ANY@Example.org NOTIFY=NEVER ORCPT=rfc822;any@example.org",
            "<fwd+x@example.org> fwd+x@example.org NOTIFY=NEVER",
        ]
    );
    let none: [&str; 0] = [];
    let fixed = Negotiated {
        change_recipients: false,
        ..Negotiated::ALL
    };
    assert_eq!(readded(fixed), none);
}
