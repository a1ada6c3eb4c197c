//! What DNS says about who sent the message, and what is told when it says nothing.

use super::{
    course::{answering, course},
    decided,
    questions::REPORT,
    sent::{BOUNCE, DSN, MAIL, Sent, answer, message},
    world::{NOW, rcpt},
};
use crate::core::{
    dnsbl::Listing,
    message::{Answer, Message, Question},
    outside::{Outside, Unanswered},
    proof::dkim::{SignatureResult, Signed, SignedFields},
    spf::{Identity, SpfCheck, SpfResult},
};

/// A report without a sender is believed where its author signed the whole of it.
#[test]
fn an_author_who_signed_vouches_for_a_report() {
    let signed = |outcome| Signed {
        domain: "friend.example".parse().unwrap(),
        selector: "s".to_owned(),
        outcome,
        signed_at: None,
        message: SignedFields::default(),
    };
    let of = |outcomes: Vec<SignatureResult>| {
        Answer::Signatures(outcomes.into_iter().map(signed).collect())
    };
    let late = || SignatureResult::Unanswered(Unanswered::dns("no answer".to_owned()));
    let rejected = "reject unauthenticated_report";
    for (answer, expected) in [
        (of(vec![]), rejected),
        (of(vec![SignatureResult::Whole]), "accept "),
        (of(vec![SignatureResult::HeadersOnly]), rejected),
        (of(vec![SignatureResult::Failed("bad")]), rejected),
        (
            of(vec![SignatureResult::Failed("bad"), SignatureResult::Whole]),
            "accept ",
        ),
        (of(vec![late()]), "tempfail unauthenticated_report"),
        (of(vec![late(), SignatureResult::Whole]), "accept "),
        (
            Answer::Unanswered(Outside::Dns),
            "tempfail unauthenticated_report",
        ),
    ] {
        let sent = Sent {
            headers: REPORT,
            body: "Sorry.\n",
            ..BOUNCE
        };
        let answers = [("author's signature", answer)];
        let found = course(sent, &["any@example.org"], &answers);
        assert!(found.starts_with(expected), "{found}: {answers:?}");
    }
}

#[test]
fn a_check_without_an_answer_says_of_whom_and_why() {
    let mut message = message(MAIL);
    let answer = &mut |_: &Message, questions: Vec<Question>| {
        let answered = |question: Question| {
            let answer = match &question {
                Question::Spf(_) => Answer::Unanswered(Outside::Dns),
                other => answer(other, MAIL),
            };
            (question, answer)
        };
        questions.into_iter().map(answered).collect()
    };
    let rcpt = rcpt(b"jane@example.org");
    let _ = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
    let spf = message.spf().unwrap();
    let told = |check: &SpfCheck| {
        assert_eq!(check.result, SpfResult::Temperror);
        (
            check.domain.clone(),
            check.problem.clone().unwrap_or_default(),
        )
    };
    let why = format!("{} did not answer in time", Outside::Dns);
    let of = |domain: &str| Some((domain.to_owned(), why.clone()));
    assert_eq!(spf.helo.as_deref().map(told), of("mx.friend.example"));
    assert_eq!(spf.mail_from.as_deref().map(told), of("friend.example"));
}

/// RFC 7208 section 2.4: one check of HELO answers for both, and each says what it is of.
#[test]
fn the_null_sender_has_a_check_of_its_own() {
    let mut message = message(BOUNCE);
    let answer = &mut answering(BOUNCE, &[]);
    let rcpt = rcpt(b"jane@example.org");
    let _ = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
    let spf = message.spf().unwrap();
    let of = |check: &SpfCheck| check.identity;
    assert_eq!(spf.helo.as_deref().map(of), Some(Identity::Helo));
    assert_eq!(spf.mail_from.as_deref().map(of), Some(Identity::MailFrom));
}

#[test]
fn a_client_on_a_list_is_refused() {
    let sent = Sent {
        site: (
            "[{zone: bl.example}]",
            "[{zone: bl.example, action: reject}]",
        ),
        headers: DSN,
        body: "Sorry.\n",
        ..BOUNCE
    };
    for (listing, refused) in [
        (Listing::Listed([127, 0, 0, 2].into()), true),
        (Listing::NotListed, false),
    ] {
        let answers = [("lists", Answer::Listings(vec![listing]))];
        let found = course(sent, &["any@example.org"], &answers);
        assert_eq!(found.starts_with("reject dnsbl"), refused, "{found}");
    }
}
