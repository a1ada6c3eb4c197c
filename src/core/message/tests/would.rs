//! What is accepted only because of monitoring, and the lines of `milter.yaml` that spare it: each is written into the file,
//! and the same message comes again.

mod lines;

use std::path::Path;

use self::lines::{LINE, Line, PLAIN, lines};
use super::{
    course::content,
    decided,
    sent::{MAIL, SITE, Sent, answer},
    world::{NOW, keys, message_of, rcpt},
};
use crate::{
    config::{self, Config, amend},
    core::{
        dnsbl::Listing,
        message::{Answer, Effects, Message, Negotiated, Question},
        recipients::Known,
        spf::SpfResult,
        would::Spare,
    },
    directory::Source,
};

fn read(text: &str) -> Config {
    let config = config::parse(Path::new("milter.yaml"), text);
    let mut config = config.unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
    config.policy.proof.keys = keys();
    config
}

/// What the message leaves behind on a site with this file.
fn effects(line: &Line, config: &Config) -> Effects {
    let sent = line.sent;
    let listed = |question: &Question| match question {
        Question::Known { entry, mailbox } => {
            let lists = &config.directories[*entry].sources;
            lists.iter().any(|source| match source {
                Source::Addresses(addresses) => {
                    addresses.iter().any(|one| one.matches(mailbox, "+"))
                }
                _ => false,
            })
        }
        _ => false,
    };
    let answer = &mut |_: &Message, questions: Vec<Question>| {
        let answered = questions.into_iter().map(|question| {
            let answer = match &question {
                known if listed(known) => Answer::Known(Known::Listed("inline".to_owned())),
                Question::Listings if line.listed => {
                    Answer::Listings(vec![Listing::Listed([127, 0, 0, 2].into())])
                }
                Question::WrongTags(_) | Question::WrongTag(_) => {
                    Answer::WrongTags(line.wrong_tags)
                }
                Question::RemembersAll { .. } => Answer::Holds(true),
                other => answer(other, sent),
            };
            (question, answer)
        });
        answered.collect()
    };
    let mut message = message_of(config.policy.clone().into(), sent.client, sent.from);
    for recipient in line.recipients {
        let rcpt = rcpt(recipient.as_bytes());
        let _ = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
    }
    let _ = decided(&mut message, answer, |message| message.data(NOW));
    content(&mut message, sent, answer);
    let _ = decided(&mut message, answer, |message| message.end_of_content(NOW));
    let stage = |message: &mut Message| message.end(Negotiated::ALL, NOW);
    decided(&mut message, answer, stage).effects
}

#[test]
fn each_line_spares_what_it_is_for() {
    let mut keys = Vec::new();
    for line in lines() {
        let mut text = SITE.replace("mode: enforce", "mode: monitor");
        for (old, new) in line.site {
            assert!(text.contains(old), "{old}");
            text = text.replace(old, new);
        }
        // On as few lines as it can be, and on as many.
        let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let blocks = serde_yaml::to_string(&value).unwrap();
        for text in [text, blocks] {
            let left = effects(&line, &read(&text));
            let [would] = &left.would[..] else {
                panic!("{}: {:?}", line.would, left.would)
            };
            let found = format!("{} {}", would.group.action, would.group.reason);
            assert_eq!(found, line.would);
            let key = would.group.spare.as_ref().map_or("", Spare::key);
            assert_eq!(key, line.key, "{found}");
            let Some(spare) = &would.group.spare else {
                continue;
            };
            keys.push(key);
            let amended = amend::amended(Path::new("milter.yaml"), &text, spare);
            let amended = amended.unwrap_or_else(|why| panic!("{found}: {why:?}\n{text}"));
            let others = amended.text.lines().filter(|line| !text.contains(*line));
            assert_eq!(others.count(), 1, "{found}: {}", amended.text);
            let config = read(&amended.text);
            let left = effects(&line, &config);
            assert_eq!(left.would, [], "{found}\n{}", amended.text);
            // Then it says so.
            let again = amend::amended(Path::new("milter.yaml"), &amended.text, spare);
            let by_policy = spare.is_in(&config.policy);
            assert!(
                by_policy || again == Err(amend::NoLine::Spared),
                "{found}: {again:?}"
            );
        }
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 6, "{keys:?}");
}

#[test]
fn who_is_accepted_is_known_by_the_sender() {
    let text = SITE.replace("mode: enforce", "mode: monitor");
    let monitored = text.replace("{fail: reject}", "{fail: {action: reject, monitor: true}}");
    let enforced = monitored.replace("mode: monitor", "mode: enforce");
    let mail = Sent {
        headers: PLAIN,
        ..MAIL
    };
    let bounce = Sent { from: "", ..mail };
    let to_abuse = &["abuse@example.org"][..];
    let fail = Sent {
        spf: SpfResult::Fail,
        ..mail
    };
    let domain = Some("friend.example");
    for (text, sent, recipients, sender) in [
        (&text, mail, LINE.recipients, domain),
        (&text, bounce, LINE.recipients, Some("<> 192.0.2.1")),
        // It is not judged, or would be refused.
        (&text, mail, to_abuse, None),
        (&text, fail, LINE.recipients, None),
        (
            &text,
            Sent {
                client: "10.1.1.1",
                ..mail
            },
            LINE.recipients,
            None,
        ),
        // Where nothing is monitored, nobody asks.
        (&SITE.to_owned(), mail, LINE.recipients, None),
        (&enforced, mail, LINE.recipients, domain),
    ] {
        let line = Line {
            sent,
            recipients,
            ..LINE
        };
        let left = effects(&line, &read(text));
        assert_eq!(
            left.accepted_sender.as_deref(),
            sender,
            "{sent:?}",
            sent = sent.from
        );
    }
    // Strangers' addresses are kept whole only where the file says so.
    for (keep, sender) in [("false", "friend.example"), ("true", "bob@friend.example")] {
        let text = text.replace("keep_samples: true", &format!("keep_senders: {keep}"));
        let line = Line { sent: fail, ..LINE };
        let left = effects(&line, &read(&text));
        assert_eq!(left.would[0].group.sender, sender);
    }
}
