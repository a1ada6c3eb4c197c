//! What the MTA is asked to do with a message that was accepted, and what is told of it.

use super::{
    course::{answering, content},
    decided,
    sent::{BOUNCE, DSN, MAIL, Sent, message},
    world::{NOW, address, rcpt},
};
use crate::core::{
    message::{Effects, End, Ending, Message, Negotiated, RcptTo},
    policy::NotSigned,
    proof::{ProofKind, coverage::CoverageCount},
};

fn ending(sent: Sent, recipients: &[RcptTo]) -> Ending {
    let mut message = message(sent);
    let answer = &mut answering(sent, &[]);
    for rcpt in recipients {
        let judged = decided(&mut message, answer, |message| message.rcpt(rcpt, NOW));
        assert!(judged.is_kept, "{judged:?}");
    }
    assert_eq!(message.receiver(), "mx.example.org");
    assert!(!message.came_to_data());
    let _ = decided(&mut message, answer, |message| message.data(NOW));
    assert!(message.came_to_data());
    content(&mut message, sent, answer);
    let _ = decided(&mut message, answer, |message| message.end_of_content(NOW));
    assert!(message.refusal().is_none());
    let stage = |message: &mut Message| message.end(Negotiated::ALL, NOW);
    decided(&mut message, answer, stage).ending
}

/// A tag is taken off for whoever gets the message; who does not get it is not added again.
#[test]
fn a_tag_is_taken_off_where_the_message_is_delivered() {
    let tagged = address(("jane@example.org", 0));
    let recipients = [rcpt(&tagged), rcpt(b"any@example.org")];
    let paths = recipients.clone().map(|rcpt| rcpt.path);
    for (rule, untagged, discard) in [
        (
            "headers: [{header: Subject, match: spam, when: always, action: tag}]\ndnsbl:",
            vec![(paths[0].clone(), b"jane@example.org".to_vec())],
            false,
        ),
        (
            "headers: [{header: Subject, match: spam, when: always, action: discard}]\ndnsbl:",
            vec![],
            true,
        ),
    ] {
        let sent = Sent {
            site: ("dnsbl:", rule),
            headers: "Subject: spam\n",
            ..MAIL
        };
        let ending = ending(sent, &recipients);
        let found = ending.readd_recipients.into_iter();
        let found: Vec<_> = found.map(|found| (found.path, found.address)).collect();
        assert_eq!(found, untagged, "{rule}");
        assert_eq!(ending.discard, discard, "{rule}");
    }
}

/// What is ours comes in, with our name and the id of the log; what only claims to be ours goes.
#[test]
fn the_headers_that_come_in_are_ours() {
    const CLAIMS: &str = "Authentication-Results: MX.example.org; spf=pass\nAuthentication-Results: ours.example; spf=pass\n\
        Authentication-Results: other.example; spf=pass\nX-Backstop: verdict=accept\nSubject: spam\n";
    let tagged = Sent {
        site: (
            "dnsbl:",
            "headers: [{header: Subject, match: spam, when: always, action: tag}]\ndnsbl:",
        ),
        headers: CLAIMS,
        ..MAIL
    };
    let named = Sent {
        site: ("local: {", "local: {authserv_id: ours.example, "),
        ..tagged
    };
    let bounce = Sent {
        headers: DSN,
        body: "Sorry.\n",
        ..BOUNCE
    };
    for (sent, results, backstop, gone) in [
        (
            tagged,
            "mx.example.org;",
            "verdict=tag reason=header_rule",
            &[("Authentication-Results", 1), ("X-Backstop", 1)][..],
        ),
        (
            named,
            "ours.example;",
            "verdict=accept reason=nothing_found; kind=-;",
            &[("Authentication-Results", 2), ("X-Backstop", 1)],
        ),
        (bounce, "mx.example.org;", "kind=dsn evidence=", &[]),
    ] {
        let ending = ending(sent, &[rcpt(b"jane@example.org")]);
        let [.., (results_name, found_results), (backstop_name, found)] =
            ending.insert_headers.as_slice()
        else {
            panic!("{ending:?}");
        };
        assert_eq!(
            (*results_name, *backstop_name),
            ("Authentication-Results", "X-Backstop")
        );
        assert!(found_results.starts_with(results), "{found_results}");
        let found = found.replace("\n ", " ");
        assert!(
            found.contains(backstop) && found.ends_with(" id=1a"),
            "{found}"
        );
        assert!(
            !found.contains("evidence=;") && !found.contains("xyzzy"),
            "{found}"
        );
        let deleted = ending.delete_headers.iter();
        let mut deleted: Vec<_> = deleted
            .map(|one| (String::from_utf8_lossy(&one.name).into_owned(), one.index))
            .collect();
        deleted.sort();
        let gone: Vec<_> = gone
            .iter()
            .map(|(name, at)| ((*name).to_owned(), *at))
            .collect();
        assert_eq!(deleted, gone);
    }
    // Outgoing mail is left as it is.
    let leaves = Sent {
        client: "10.1.1.1",
        from: "jane@example.org",
        ..tagged
    };
    let ending = ending(leaves, &[rcpt(b"bob@friend.example")]);
    assert!(ending.delete_headers.is_empty());
    let names = ending.insert_headers.iter().map(|(name, _)| *name);
    assert!(!names.collect::<Vec<_>>().contains(&"X-Backstop"));
}

/// What a transaction keeps is bounded: four megabytes of recipients with their parameters.
#[test]
fn recipients_have_an_end() {
    const MOST: usize = 4 << 20;
    let mut message = message(MAIL);
    let answer = &mut answering(MAIL, &[]);
    for (number, (octets, is_kept)) in [
        (MOST / 2, true),
        (MOST / 2 + 1, false),
        (MOST / 2 - 1, true),
        (2, false),
        (1, true),
        (1, false),
    ]
    .into_iter()
    .enumerate()
    {
        let mut rcpt = rcpt(format!("a{number}@example.org").as_bytes());
        rcpt.path.truncate(1);
        rcpt.parameters = vec![b'x'; octets - 1];
        let judged = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
        assert_eq!(judged.is_kept, is_kept, "{number}");
    }
}

/// A ledger that did not answer in time has taken nothing back of the other proofs.
#[test]
fn what_the_ledger_did_not_keep_is_told() {
    let made = [ProofKind::Watermark, ProofKind::Ledger];
    let end = End {
        ending: Ending::default(),
        signed: made.map(ProofKind::as_str).to_vec(),
        unsigned: Vec::new(),
        effects: Effects {
            counts: CoverageCount::of_outgoing("example.org", &made, &[]),
            ..Effects::default()
        },
        checks: Vec::new(),
    };
    let end = end.without_entry();
    assert_eq!(end.signed, [ProofKind::Watermark.as_str()]);
    assert_eq!(
        end.unsigned,
        [(ProofKind::Ledger.as_str(), NotSigned::NotKept)]
    );
}
