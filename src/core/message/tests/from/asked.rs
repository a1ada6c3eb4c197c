//! What is asked for, and what is not.

use super::*;

#[test]
fn nothing_is_asked_of_other_mail() {
    let from = "From: bob@friend.example\nTo: joe@example.org\n";
    let ours = || chain(SERVICE, &[POST, SIGNED]);
    holds([
        (
            "a stranger's",
            chain(SERVICE, &[from, SIGNED]),
            ACCEPTED,
            "",
            "-",
        ),
        (
            "no From:",
            chain(SERVICE, &["Subject: hi\n", SIGNED]),
            ACCEPTED,
            "",
            "-",
        ),
        (
            "where it is accepted",
            ours().site("header_from: reject", "header_from: accept"),
            ACCEPTED,
            "",
            "-",
        ),
        (
            "to postmaster",
            ours().to(&["postmaster@example.org"]),
            "accept exempt_postmaster",
            "",
            "-",
        ),
        (
            "to who is exempt",
            ours().to(&["abuse@example.org"]),
            "accept exempt_recipient",
            "",
            "-",
        ),
        (
            "our own host",
            chain("jane@example.org", &[POST, SIGNED]),
            ACCEPTED,
            "dmarc",
            "pass",
        ),
    ]);
}

/// However many names of ours a stranger writes.
#[test]
fn records_of_few_domains_are_asked_for() {
    let authors: String = (0..60).map(|n| format!("x@d{n}.below.test, ")).collect();
    let chain = chain("x@y.below.test", &[&format!("From: {authors}\n")]);
    let mut asked = 0;
    let message = chain.up_to_headers(|question| {
        asked += usize::from(matches!(question, Question::Dmarc(_)));
    });
    assert!((1..=8).contains(&asked), "{asked}");
    assert!(message.refusal().is_some());
}
