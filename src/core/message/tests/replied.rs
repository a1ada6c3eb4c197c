//! People answer mail that somebody sent in our name: what bounces leave behind for that, and which mail is tagged.

use super::{
    course::{Answers, answering, behind_rcpt, course},
    decided,
    sent::{BOUNCE, DSN, MAIL, Sent, answer, message},
    world::{NOW, policy, rcpt},
};
use crate::core::{
    message::{Answer, Question},
    outside::Outside,
    proof::{
        forged::{lookup_hashes, stored_hash},
        ledger::Remembered,
        today,
    },
    spf::SpfResult,
};

/// A bounce that returns a message with this Message-ID.
fn returning(id: &str, more: &str) -> &'static str {
    let body = format!(
        "--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; x@far.example\nAction: failed\n\n\
         --b\nContent-Type: message/rfc822\n\n{more}Message-ID: {id}\nSubject: pills\n\npills\n--b--\n"
    );
    Box::leak(body.into_boxed_str())
}

/// The ledger has it.
fn ours() -> Answer {
    Answer::Sent(Some(Remembered {
        at: NOW,
        recipient_count: 1,
        recipients: Vec::new(),
        hosts: Vec::new(),
        sender: None,
    }))
}

#[test]
fn the_message_ids_of_forged_mail_are_kept() {
    let keys = policy(super::sent::SITE).proof.keys;
    let forged = "<pills@bot.example>";
    let nothing = Sent {
        headers: DSN,
        body: returning(forged, ""),
        ..BOUNCE
    };
    let down = || Answer::Unanswered(Outside::Store);
    let relay = "Received: from pc (pc [10.0.0.7]) by mx.example.org\n";
    let lines: [(&str, Sent, Answers<'_>, bool); 9] = [
        ("nothing of ours", nothing, &[], true),
        (
            "the address is in use",
            nothing,
            &[("last sent", Answer::LastSent(Some(NOW)))],
            true,
        ),
        ("ours", nothing, &[("ledger", ours())], false),
        ("the ledger is down", nothing, &[("ledger", down())], false),
        (
            "our relay in the trace",
            Sent {
                body: returning(forged, relay),
                ..nothing
            },
            &[],
            false,
        ),
        (
            "no Message-ID",
            Sent {
                body: returning("", ""),
                ..nothing
            },
            &[],
            false,
        ),
        (
            "from us",
            Sent {
                client: "10.0.0.1",
                ..nothing
            },
            &[],
            false,
        ),
        (
            "mail of a person",
            Sent {
                headers: "Subject: hello\n",
                body: "hello\n",
                ..MAIL
            },
            &[],
            false,
        ),
        (
            "a domain that marks nothing",
            Sent {
                site: (
                    "  batv: {sign: true, guess_limit: 3}\n  watermark: {sign: true}\n  ledger: {remember: true}\n  \
                     dkim: {verify: true, dkim2: true}",
                    "  dkim: {verify: false}",
                ),
                ..nothing
            },
            &[],
            false,
        ),
    ];
    for (name, sent, answers, is_kept) in lines {
        let mut message = message(sent);
        let answer = &mut answering(sent, answers);
        let rcpt = rcpt(sent.rcpt.as_bytes());
        let _ = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
        let left = behind_rcpt(&mut message, sent, answer);
        let expected = is_kept.then(|| stored_hash(&keys, b"pills@bot.example"));
        assert_eq!(left.forged, Vec::from_iter(expected), "{name}");
    }
}

#[test]
fn what_answers_forged_mail_is_tagged_and_nothing_else() {
    let keys = policy(super::sent::SITE).proof.keys;
    let answers_it = "In-Reply-To: <pills@bot.example>\nSubject: Re: pills\n";
    let plain = Sent {
        headers: answers_it,
        spf: SpfResult::Pass,
        ..MAIL
    };
    let tagged = "tag reply_to_forgery, learned";
    let accepted = "accept nothing_found, learned";
    let headers = |headers: &'static str| Sent { headers, ..plain };
    let many = format!(
        "References: <pills@bot.example> {}\nSubject: x\n",
        (0..50)
            .map(|n| format!("<{n}@x.example> "))
            .collect::<String>()
    );
    let lines: [(&str, Sent, Answers<'_>, &str); 9] = [
        ("In-Reply-To", plain, &[], tagged),
        (
            "References",
            headers(
                "References: <a@x.example>\n <pills@bot.example> <b@x.example>\nSubject: Re: pills\n",
            ),
            &[],
            tagged,
        ),
        (
            "the start of a long thread",
            headers(Box::leak(many.into_boxed_str())),
            &[],
            tagged,
        ),
        (
            "of another",
            headers("In-Reply-To: <1@x.example>\n"),
            &[],
            accepted,
        ),
        (
            "of none",
            headers("Subject: pills@bot.example\n"),
            &[],
            accepted,
        ),
        // Somebody bounced what we sent ourselves.
        ("ours all the same", plain, &[("ledger", ours())], accepted),
        (
            "nobody knows whether it is ours",
            plain,
            &[("ledger", Answer::Unanswered(Outside::Store))],
            accepted,
        ),
        (
            "from us",
            Sent {
                client: "10.0.0.1",
                from: "jane@example.org",
                rcpt: "x@far.example",
                ..plain
            },
            &[],
            "accept outgoing_network, learned as sender, 1 from example.org",
        ),
        (
            "a rule spoke against it",
            Sent {
                spf: SpfResult::Softfail,
                ..plain
            },
            &[],
            "tag spf_softfail",
        ),
    ];
    for (name, sent, answers, expected) in lines {
        let known = lookup_hashes(&keys, b"pills@bot.example", today(NOW));
        let mut given = answers.to_vec();
        let mut message = message(sent);
        let rcpt = rcpt(sent.rcpt.as_bytes());
        let mut answering = |_: &_, questions: Vec<Question>| {
            let answered = questions.into_iter().map(|question| {
                let word = super::sent::word(&question);
                let found = given.iter_mut().find(|(of, _)| *of == word);
                let answer = match (&question, found) {
                    (Question::Forged(asked), _) => {
                        assert!(asked.len() <= 10 * known.len(), "{name}");
                        Answer::Holds(asked.iter().any(|hash| known.contains(hash)))
                    }
                    (_, Some((_, answer))) => answer.clone(),
                    (_, None) => answer(&question, sent),
                };
                (question, answer)
            });
            answered.collect::<Vec<_>>()
        };
        let _ = decided(&mut message, &mut answering, |message| {
            message.rcpt(&rcpt, NOW)
        });
        let _ = behind_rcpt(&mut message, sent, &mut answering);
        assert_eq!(message.accepted().len(), 1, "{name}");
        let verdict = &message.accepted()[0].verdict;
        let said = format!("{} {}", verdict.action, verdict.reason.code());
        assert_eq!(Some(said.as_str()), expected.split(',').next(), "{name}");
    }
    // Nobody has any: nothing is tagged, and nothing else changes.
    assert_eq!(course(plain, &[plain.rcpt], &[]), accepted);
}
