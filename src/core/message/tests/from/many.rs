//! Twenty thousand domains of ours: what passes for one of them vouches for no other.

use super::*;
use crate::core::pattern::DomainPattern;

/// Of each number, names that are alike, and one below another.
const GROUPS: usize = 5_000;

fn group(number: usize) -> [String; 4] {
    let number = number % GROUPS;
    [
        format!("d{number}.example"),
        format!("xd{number}.example"),
        format!("a.d{number}.example"),
        format!("d{number}-a.example"),
    ]
}

fn site() -> Arc<Policy> {
    let mut policy = policy(&SITE.replace("ledger: {remember: true}", ""));
    let names = (0..GROUPS).flat_map(group);
    let names = std::iter::once("example.org".to_owned()).chain(names);
    policy.local.domains = names
        .map(|name| DomainPattern::Itself(name.parse().unwrap()))
        .collect();
    assert_eq!(policy.local.domains.len(), 4 * GROUPS + 1);
    Arc::new(policy)
}

/// What becomes of mail from somebody at `sender`, for which SPF passes, with `from` in From: and a good signature of `signer`.
fn fate(policy: &Arc<Policy>, sender: &str, from: &str, signer: Option<&str>) -> String {
    let mail_from = format!("bounce@{sender}");
    let mut message = message_of(Arc::clone(policy), "192.0.2.1", &mail_from);
    let answer = &mut |_: &Message, questions: Vec<Question>| {
        let answered = questions.into_iter().map(|question| {
            let answer = match &question {
                Question::Spf(identity) => {
                    let check = SpfCheck::new(*identity, sender.to_owned(), Pass);
                    Answer::Spf(check.into())
                }
                Question::Dmarc(domain) => {
                    let names = names(domain);
                    let nothing: Vec<_> = names.iter().map(|_| None).collect();
                    Answer::Dmarc(published(&names, &nothing))
                }
                Question::Signatures(Part::Own(domains)) => {
                    let signed = signer.map(|signer| signer.parse().unwrap());
                    let signed = signed.filter(|domain| domains.contains(domain));
                    let signed = signed.map(|domain| Signed {
                        domain,
                        selector: "s1".to_owned(),
                        outcome: SignatureResult::Whole,
                        signed_at: None,
                        message: SignedFields {
                            recipients: vec![Mailbox::from_bytes(JOE.as_bytes())],
                            ..SignedFields::default()
                        },
                    });
                    Answer::Signatures(signed.into_iter().collect())
                }
                Question::Siege(_) => Answer::Siege(State::Calm),
                Question::WrongTags(_) => Answer::WrongTags(0),
                other => panic!("{other:?}"),
            };
            (question, answer)
        });
        answered.collect()
    };
    let rcpt = rcpt(JOE.as_bytes());
    let _ = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
    let _ = decided(&mut message, answer, |message| message.data(NOW));
    message.header(b"From", format!(" jane@{from}").as_bytes());
    message.header(b"To", format!(" {JOE}").as_bytes());
    if let Some(signer) = signer {
        let signature = format!(" v=1; d={signer}; s=s1; h=from:to");
        message.header(b"DKIM-Signature", signature.as_bytes());
    }
    let stage = |message: &mut Message| message.end_of_headers(true, NOW);
    let _ = decided(&mut message, answer, stage);
    if message.refusal().is_none() {
        message.body(b"Hello.\r\n");
        let stage = |message: &mut Message| message.end_of_content(NOW);
        let _ = decided(&mut message, answer, stage);
    }
    let verdict = &message.accepted()[0].verdict;
    format!("{} {}", verdict.action, verdict.reason.code())
}

#[test]
fn the_pass_of_one_vouches_for_no_other() {
    let policy = site();
    let stranger = "service.example.net";
    // All are ours; each fifth is tried.
    for number in (0..GROUPS).step_by(5) {
        let [plain, alike, below, dashed] = group(number);
        let next = &group(number + 1)[0];
        // Each has a neighbour; the rest is tried with some.
        let mut pairs = vec![(&plain, next, FORGED)];
        if number % 25 == 0 {
            pairs.extend([
                (&plain, &plain, ACCEPTED),
                (&plain, &alike, FORGED),
                (&alike, &plain, FORGED),
                (&plain, &dashed, FORGED),
                (&dashed, &plain, FORGED),
                (&below, &alike, FORGED),
                (&below, next, FORGED),
                (next, &below, FORGED),
                // One above the other: the same owner.
                (&below, &plain, ACCEPTED),
                (&plain, &below, ACCEPTED),
            ]);
        }
        for (passes, from, expected) in pairs {
            assert_eq!(
                fate(&policy, passes, from, None),
                expected,
                "SPF {passes}: {from}"
            );
            if number % 25 == 0 {
                let found = fate(&policy, stranger, from, Some(passes));
                assert_eq!(found, expected, "DKIM {passes}: {from}");
            }
        }
    }
}
