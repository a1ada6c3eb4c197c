//! What becomes of messages from RCPT to their end, by what is answered; and what they leave behind.

use super::{
    decided,
    sent::{MAIL, Sent, answer, message, word},
    world::{NOW, rcpt},
};
use crate::core::{
    header::Headers,
    message::{Answer, Effects, Message, Negotiated, Question},
    outside::Outside,
    siege::State,
    spf::SpfResult,
    verdict::Verdict,
};

/// Answers by the word of their question, in place of those that say nothing.
pub(super) type Answers<'a> = &'a [(&'a str, Answer)];

/// The verdict on each recipient with its reason, and what is left behind.
pub(super) fn course(sent: Sent, recipients: &[&str], answers: Answers<'_>) -> String {
    let mut message = message(sent);
    let answer = &mut answering(sent, answers);
    let mut verdicts: Vec<Option<Verdict>> = Vec::new();
    let mut left = Effects::default();
    for recipient in recipients {
        let rcpt = rcpt(recipient.as_bytes());
        let judged = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
        left.hits.extend(judged.effects.hits);
        verdicts.push((!judged.is_kept).then_some(judged.judgement.verdict));
    }
    if !message.accepted().is_empty() {
        let ended = behind_rcpt(&mut message, sent, answer);
        left.hits.extend(ended.hits);
        left = Effects {
            hits: left.hits,
            ..ended
        };
    }
    let mut accepted = message.accepted().iter();
    let words = verdicts.into_iter().map(|refused| {
        let verdict = refused.or_else(|| accepted.next().map(|one| one.verdict.clone()));
        let verdict = verdict.unwrap();
        let would = verdict.would.map(|would| format!(" (would {would})"));
        let (action, reason) = (verdict.action, verdict.reason.code());
        format!("{action} {reason}{}", would.unwrap_or_default())
    });
    let mut words: Vec<String> = words.collect();
    words.extend(left.hits.iter().map(|hit| format!("hit {:?}", hit.hit)));
    words.extend(left.learn.iter().map(|learn| match learn.sent {
        true => "learned as sender".to_owned(),
        false => "learned".to_owned(),
    }));
    words.extend(
        left.remember
            .map(|sent| format!("ledger: {}", sent.recipient_count)),
    );
    words.extend(
        left.leaves
            .map(|(domain, count)| format!("{count} from {domain}")),
    );
    words.extend(left.sample.map(|_| "sample".to_owned()));
    words.join(", ")
}

/// Answers whatever is asked.
pub(super) fn answering(
    sent: Sent,
    answers: Answers<'_>,
) -> impl FnMut(&Message, Vec<Question>) -> Vec<(Question, Answer)> {
    move |_, questions| {
        let answered = |question: Question| {
            let mut given = answers.iter();
            let given = given.find(|(of, _)| *of == word(&question));
            let answer =
                given.map_or_else(|| answer(&question, sent), |(_, answer)| answer.clone());
            (question, answer)
        };
        questions.into_iter().map(answered).collect()
    }
}

/// Its headers come.
pub(super) fn headers(message: &mut Message, sent: Sent) {
    let (headers, _) = Headers::parse(sent.headers.replace('\n', "\r\n").as_bytes());
    for header in headers.iter() {
        message.header(header.name(), header.value());
    }
}

/// Its headers and its body come.
pub(super) fn content(
    message: &mut Message,
    sent: Sent,
    answer: &mut impl FnMut(&Message, Vec<Question>) -> Vec<(Question, Answer)>,
) {
    headers(message, sent);
    let stage = |message: &mut Message| message.end_of_headers(true, NOW);
    let _ = decided(message, answer, stage);
    message.body(sent.body.replace('\n', "\r\n").as_bytes());
}

pub(super) fn behind_rcpt(
    message: &mut Message,
    sent: Sent,
    answer: &mut impl FnMut(&Message, Vec<Question>) -> Vec<(Question, Answer)>,
) -> Effects {
    let _ = decided(message, answer, |message| message.data(NOW));
    if message.refusal().is_none() && !sent.headers.is_empty() {
        content(message, sent, answer);
    }
    if message.refusal().is_none() {
        let _ = decided(message, answer, |message| message.end_of_content(NOW));
    }
    if message.refusal().is_some() || sent.headers.is_empty() {
        return message.broken_off(NOW);
    }
    let stage = |message: &mut Message| message.end(Negotiated::ALL, NOW);
    decided(message, answer, stage).effects
}

#[test]
fn one_answer_stands_for_all_recipients() {
    let rules = |rules: &'static str| Sent {
        site: ("dnsbl:", rules),
        spf: SpfResult::Pass,
        headers: "Subject: spam\n",
        ..MAIL
    };
    let ours = "headers: [{header: Subject, match: spam, when: always, action: reject, domains: [example.org]}]\ndnsbl:";
    let both = "headers: [{header: Subject, match: spam, when: always, action: reject, domains: [example.org]}, \
        {header: Subject, match: spam, when: always, action: tempfail, domains: [example.net]}]\ndnsbl:";
    let dropped = "headers: [{header: Subject, match: spam, when: always, action: reject, domains: [example.org]}, \
        {header: Subject, match: spam, when: always, action: discard, domains: [example.net]}]\ndnsbl:";
    for (sent, recipients, expected) in [
        (rules(ours), &["jane@example.org"][..], "reject header_rule"),
        (
            rules(ours),
            &["jane@example.org", "x@example.net"],
            "tag header_rule (would reject), accept nothing_found",
        ),
        (
            rules(both),
            &["jane@example.org", "x@example.net"],
            "tempfail header_rule, tempfail header_rule",
        ),
        (
            rules(dropped),
            &["jane@example.org", "x@example.net"],
            "reject header_rule, discard header_rule",
        ),
    ] {
        assert_eq!(course(sent, recipients, &[]), expected, "{recipients:?}");
    }
}

#[test]
fn a_forwarder_that_is_not_known_for_sure_refuses_nothing() {
    let sent = Sent {
        site: (
            "mail_from: {fail: reject}",
            "helo: {fail: accept}\n  mail_from: {fail: reject}",
        ),
        spf: SpfResult::Fail,
        headers: "Subject: hello\n",
        ..MAIL
    };
    let pass = Answer::SpfResult(SpfResult::Pass);
    let late = Answer::Unanswered(Outside::Dns);
    let (one, two) = ("forwarder one.example", "forwarder two.example");
    let lines: [(Answers<'_>, &str); 5] = [
        (&[], "reject spf_fail"),
        (&[(one, pass.clone())], "accept nothing_found"),
        (&[(two, pass.clone())], "accept nothing_found"),
        (&[(one, late.clone())], "tempfail spf_fail"),
        (&[(one, late), (two, pass)], "accept nothing_found"),
    ];
    for (answers, expected) in lines {
        let found = course(sent, &["jane@example.org"], answers);
        assert_eq!(found, expected, "{answers:?}");
    }
}

#[test]
fn addresses_are_learned_from_welcome_mail() {
    let mail = Sent {
        spf: SpfResult::Pass,
        headers: "Subject: hello\n",
        ..MAIL
    };
    let any = "any@example.org";
    let tagged = Sent {
        site: (
            "dnsbl:",
            "headers: [{header: Subject, match: hello, when: always, action: tag}]\ndnsbl:",
        ),
        ..mail
    };
    let listed = &[(
        "known",
        Answer::Known(crate::core::recipients::Known::Listed("l".to_owned())),
    )];
    let lines: [(&str, Sent, &str, Answers<'_>, &str); 9] = [
        (
            "a person whose domain vouches for its host",
            mail,
            any,
            &[],
            "accept nothing_found, learned",
        ),
        (
            "one that does not",
            Sent {
                spf: SpfResult::None,
                ..mail
            },
            any,
            &[],
            "accept nothing_found",
        ),
        (
            "who is on a list",
            mail,
            any,
            listed,
            "accept nothing_found",
        ),
        (
            "something spoke against it",
            tagged,
            any,
            &[],
            "tag header_rule",
        ),
        (
            "more than usual comes",
            Sent {
                siege: State::Alert,
                ..mail
            },
            any,
            &[],
            "accept nothing_found",
        ),
        (
            "a callout",
            Sent {
                headers: "",
                ..mail
            },
            any,
            &[],
            "accept nothing_found",
        ),
        (
            "nothing is to be learned",
            Sent {
                site: ("watch: true", "watch: false"),
                ..mail
            },
            any,
            &[],
            "accept nothing_found",
        ),
        (
            "outgoing mail: its sender",
            Sent {
                client: "10.1.1.1",
                from: "jane@example.org",
                ..mail
            },
            "bob@friend.example",
            &[],
            "accept outgoing_network, learned as sender, ledger: 1, 1 from example.org",
        ),
        (
            "outgoing mail of others' domains",
            Sent {
                client: "10.1.1.1",
                ..mail
            },
            "bob@friend.example",
            &[],
            "accept outgoing_network",
        ),
    ];
    for (what, sent, recipient, answers, expected) in lines {
        assert_eq!(course(sent, &[recipient], answers), expected, "{what}");
    }
}
