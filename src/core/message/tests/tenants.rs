//! Clients with answers of their own: who is asked for their rows, and when; and that whatever a row says, the file does not.

use std::sync::Arc;

use proptest::prelude::*;

use super::{
    course::{answering, behind_rcpt},
    decided,
    sent::{BOUNCE, DSN, MAIL, Sent, message, word},
    world::{NOW, World, answer},
};
use crate::core::{
    address::Mailbox,
    message::{Answer, Message, Question},
    null_sender::NeverSend,
    outside::Outside,
    policy::Policy,
    recipients::{Class, ClassAnswer, DomainRecipients},
    spf::SpfResult,
    tenant::TenantAnswers,
    verdict::{Action, Mode, Rule},
};

const SITE: (&str, &str) = (
    "local: {domains: [example.org], networks",
    "local: {domains: [example.org, .example.org, example.net], networks",
);

fn with_tenants(sent: Sent) -> Message {
    let message = message(sent);
    let policy = Policy {
        has_tenants: true,
        ..message.policy().clone()
    };
    message.again(Arc::new(policy))
}

/// The rows that are asked for, of a message to this recipient.
fn asked(mut message: Message, sent: Sent) -> Vec<String> {
    let rcpt = super::world::rcpt(sent.rcpt.as_bytes());
    let mut rcpt = rcpt;
    rcpt.recipient.refused = sent.refused.then(|| "5.1.1".to_owned());
    let mut asked = Vec::new();
    let mut answer = answering(sent, &[]);
    let mut answer = |message: &Message, questions: Vec<Question>| {
        asked.extend(questions.iter().map(word));
        answer(message, questions)
    };
    let _ = decided(&mut message, &mut answer, |message| {
        message.rcpt(&rcpt, NOW)
    });
    asked.retain(|word| word.starts_with("tenant"));
    asked
}

/// By its own name, below a domain, too; never of what is not judged, and never where no client has a row.
#[test]
fn a_row_is_asked_for_where_mail_of_ours_is_judged() {
    let mail = Sent { site: SITE, ..MAIL };
    for (what, sent, expected) in [
        ("mail", mail, &["tenant example.org"][..]),
        (
            "a bounce",
            Sent { from: "", ..mail },
            &["tenant example.org"],
        ),
        (
            "below a domain",
            Sent {
                rcpt: "a@x.Example.ORG",
                ..mail
            },
            &["tenant x.example.org"],
        ),
        (
            "postmaster",
            Sent {
                rcpt: "postmaster@example.net",
                ..mail
            },
            &["tenant example.net"],
        ),
        (
            "no domain",
            Sent {
                rcpt: "postmaster",
                ..mail
            },
            &[],
        ),
        (
            "others",
            Sent {
                rcpt: "a@elsewhere.example",
                ..mail
            },
            &[],
        ),
        (
            "outgoing",
            Sent {
                client: "10.1.1.1",
                ..mail
            },
            &[],
        ),
        (
            "refused by the MTA",
            Sent {
                refused: true,
                ..mail
            },
            &[],
        ),
    ] {
        assert_eq!(asked(with_tenants(sent), sent), expected, "{what}");
        assert_eq!(asked(message(sent), sent), [""; 0], "no tenants: {what}");
    }
}

/// What its client does not want refused is not, for want of an answer; other domains go on.
#[test]
fn a_domain_whose_row_does_not_come_is_monitored() {
    let sent = Sent {
        site: SITE,
        spf: SpfResult::Fail,
        ..MAIL
    };
    for (answer, expected) in [
        (Answer::Tenant(Arc::default()), "reject spf_helo_fail"),
        (
            Answer::Unanswered(Outside::Directory),
            "tag spf_helo_fail would=reject",
        ),
        // An answer to another question is none.
        (Answer::NotAsked, "tag spf_helo_fail would=reject"),
        (
            Answer::Tenant(Arc::new(TenantAnswers::unanswered())),
            "tag spf_helo_fail would=reject",
        ),
    ] {
        let mut message = with_tenants(sent);
        let answers = [("tenant example.org", answer.clone())];
        let answer = &mut answering(sent, &answers);
        let mut found = Vec::new();
        for rcpt in ["jane@example.org", "jane@example.net"] {
            let rcpt = super::world::rcpt(rcpt.as_bytes());
            let judged = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
            let verdict = judged.judgement.verdict;
            let would = verdict.would.map(|would| format!(" would={would}"));
            let (action, reason) = (verdict.action, verdict.reason.code());
            found.push(format!("{action} {reason}{}", would.unwrap_or_default()));
        }
        assert_eq!(found, [expected, "reject spf_helo_fail"], "{answers:?}");
    }
}

/// The bounce to two clients: the second comes alone, and then each gets what its client answers.
#[test]
fn two_clients_get_their_own_answers_to_one_bounce() {
    let monitor = Arc::new(TenantAnswers::unanswered());
    let (monitored, enforced) = ("a@example.net", "a@example.org");
    for (recipients, expected) in [
        (&[monitored][..], "tag unproven would=reject"),
        (&[enforced], "reject unproven"),
        (
            &[monitored, enforced],
            "tempfail other_answers, tag unproven would=reject",
        ),
        (
            &[enforced, monitored],
            "tempfail other_answers, reject unproven",
        ),
    ] {
        let sent = Sent {
            site: ("null_sender: {", "null_sender: {extra_recipients: accept, "),
            headers: DSN,
            body: "--b\n\nSorry.\n--b--\n",
            ..BOUNCE
        };
        let mut message = message(sent);
        let mut policy = Policy {
            has_tenants: true,
            ..message.policy().clone()
        };
        policy.local.domains = ["example.org", "example.net"]
            .map(|name| name.parse().unwrap())
            .into_iter()
            .collect();
        policy.proof.unproven.action = Action::Reject;
        message = message.again(Arc::new(policy));
        let answers = [("tenant example.net", Answer::Tenant(Arc::clone(&monitor)))];
        let answer = &mut answering(sent, &answers);
        let mut found = Vec::new();
        for rcpt in recipients {
            let rcpt = super::world::rcpt(rcpt.as_bytes());
            let judged = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
            if !judged.is_kept {
                let verdict = judged.judgement.verdict;
                found.push(format!("{} {}", verdict.action, verdict.reason.code()));
            }
        }
        let _ = behind_rcpt(&mut message, sent, answer);
        for accepted in message.accepted() {
            let verdict = &accepted.verdict;
            let would = verdict.would.map(|would| format!(" would={would}"));
            let (action, reason) = (verdict.action, verdict.reason.code());
            found.push(format!("{action} {reason}{}", would.unwrap_or_default()));
        }
        assert_eq!(found.join(", "), expected, "{recipients:?}");
    }
}

/// The rows' keys, as a policy answers them.
fn row_of(policy: &Policy) -> TenantAnswers {
    let entry = policy.recipients.first();
    let rest = |class| {
        let entry = entry.filter(|entry| entry.rest == class);
        entry.map(|entry| entry.rest_answer)
    };
    TenantAnswers {
        from: "rows".into(),
        mode: Some(policy.mode),
        catch_all: rest(Class::CatchAll),
        unknown: rest(Class::Unknown),
        never_send: Some(Box::new(policy.null_sender.never_send.clone())),
        unproven: Some(policy.proof.unproven),
        unproven_replies: Some(policy.proof.unproven_replies),
        siege_unproven: Some(policy.siege.unproven),
        siege_catch_all: Some(policy.siege.catch_all),
        exempt_recipients: Some(Box::new(policy.exempt.recipients.clone())),
    }
}

/// The same policy with other values for all keys of rows; `seed` chooses them.
fn unlike(policy: &Policy, seed: u64) -> Policy {
    let mut seed = seed;
    let mut rule = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Rule::new(Action::ALL[usize::try_from(seed >> 33).unwrap() % 6])
    };
    let mut class = || ClassAnswer {
        mail: rule(),
        bounces: rule(),
    };
    let (rest_answer, catch_all) = (class(), class());
    let mut unlike = policy.clone();
    unlike.mode = match policy.mode {
        Mode::Monitor => Mode::Enforce,
        Mode::Enforce => Mode::Monitor,
    };
    unlike.exempt.recipients = serde_yaml::from_str("[jane, old]").unwrap();
    unlike.null_sender.never_send = NeverSend {
        addresses: serde_yaml::from_str("[any, shop-1]").unwrap(),
        rule: rule(),
    };
    unlike.proof.unproven = rule();
    unlike.proof.unproven_replies = rule();
    unlike.siege.unproven = rule();
    unlike.siege.catch_all = catch_all;
    let entries = policy.recipients.iter().cloned();
    let others: Vec<_> = entries
        .map(|entry| DomainRecipients {
            rest: match entry.rest {
                Class::CatchAll => Class::Unknown,
                _ => Class::CatchAll,
            },
            rest_answer,
            ..entry
        })
        .collect();
    unlike.recipients = others.into();
    unlike
}

/// Whether all recipients are in domains of ours.
fn is_to_ours(world: &World) -> bool {
    let mut recipients = world.recipients.iter();
    recipients.all(|recipient| {
        let mailbox = Mailbox::from_bytes(recipient);
        let domain = mailbox.domain();
        domain.is_some_and(|domain| world.policy.local.is_ours(domain))
    })
}

/// The world's answers, where each client has this row.
fn with_row(
    row: &Arc<TenantAnswers>,
    message: &Message,
    questions: Vec<Question>,
    seed: u64,
) -> Vec<(Question, Answer)> {
    let answered = |question: Question| {
        let answer = match &question {
            Question::Tenant(_) => Answer::Tenant(Arc::clone(row)),
            _ => answer(message, &question, seed),
        };
        (question, answer)
    };
    questions.into_iter().map(answered).collect()
}

proptest! {
    // Each case judges a message several times.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// With a row that has all keys, it does not matter what the file says there; and what the row says is answered as if
    /// the file did.
    #[test]
    fn the_file_is_not_read_where_a_row_answers(world in World::any(), seed: u64) {
        let row = Arc::new(row_of(&world.policy));
        let fate = |policy: Policy| {
            let mut world = world.clone();
            world.policy = Arc::new(policy);
            world.fate(|message, questions| with_row(&row, message, questions, seed))
        };
        let as_it_is = Policy { has_tenants: false, ..Policy::clone(&world.policy) };
        let by_file = fate(as_it_is.clone());
        let by_both = fate(Policy { has_tenants: true, ..as_it_is.clone() });
        prop_assert_eq!(&by_file.actions, &by_both.actions, "{}\n{}", by_file.all, by_both.all);
        // The mode of what is not ours is the file's.
        prop_assume!(is_to_ours(&world));
        let unlike = unlike(&as_it_is, seed);
        let by_row = fate(Policy { has_tenants: true, ..unlike });
        prop_assert_eq!(by_both.all, by_row.all);
    }

    /// Where a client monitors, nothing is refused but what any mode refuses: for company, or by our own limits.
    #[test]
    fn a_client_in_monitor_is_refused_nothing_for_good(world in World::any(), seed: u64) {
        let row = Arc::new(TenantAnswers { mode: Some(Mode::Monitor), ..TenantAnswers::default() });
        prop_assume!(is_to_ours(&world));
        let policy = Policy { has_tenants: true, ..Policy::clone(&world.policy) };
        let mut world = world;
        world.policy = Arc::new(policy);
        let fate = world.fate(|message, questions| with_row(&row, message, questions, seed));
        for action in fate.actions {
            prop_assert!(!action.acts(), "{}: {}", action, fate.all);
        }
    }
}
