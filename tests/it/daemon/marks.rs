//! What is done to a message that is let in: tagged, held, or kept from some.

use lab::milter::{Change, Reply};

use super::{ENFORCE, SENDER, STRANGER, Stage, assert_refused, but_headers, field, inserted};

#[test]
fn a_tag_names_the_reason_and_the_id_in_the_log() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.mail("a@soft.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    client.rcpt("ann@example.org", &[]).unwrap();
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    let id = field(&stage.decision("ann@example.org"), "id").to_owned();
    assert_eq!(
        outcome.added("X-Backstop"),
        [format!("verdict=tag reason=spf_softfail; kind=-; id={id}")]
    );
    assert_eq!(but_headers(&outcome), []);
}

#[test]
fn a_message_about_which_there_is_nothing_to_say_is_only_told_so() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    let id = field(&stage.decision("joe@example.org"), "id").to_owned();
    assert_eq!(
        outcome.added("X-Backstop"),
        [format!(
            "verdict=accept reason=nothing_found; kind=-; id={id}"
        )]
    );
    // From the top down; nothing else is touched.
    assert_eq!(
        inserted(&outcome),
        [
            "Received-SPF",
            "Received-SPF",
            "Authentication-Results",
            "X-Backstop"
        ]
    );
    assert_eq!(but_headers(&outcome), []);
}

#[test]
fn quarantine_holds_the_message_and_says_why() {
    let stage = Stage::set(&format!(
        "{ENFORCE}null_sender: {{never_send: {{addresses: [noreply@example.org], action: quarantine}}}}\n"
    ));
    let mut client = stage.session(STRANGER);
    client.mail("", &[]).unwrap();
    assert_eq!(
        client.rcpt("noreply@example.org", &[]).unwrap(),
        Reply::Continue
    );
    let outcome = client.eom().unwrap();
    let held = Change::Quarantine(b"backstop: never_sends".to_vec());
    assert!(outcome.changes.contains(&held), "{outcome:?}");
    assert!(
        outcome.added("X-Backstop")[0].starts_with(
            "verdict=quarantine reason=never_sends by=null_sender.never_send:noreply@example.org;"
        ),
        "{outcome:?}"
    );
    assert_eq!(outcome.reply, Reply::Continue);
    // The next message on the connection is another.
    client.mail("", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    let outcome = client.eom().unwrap();
    assert_eq!(but_headers(&outcome), []);
    assert!(
        outcome.added("X-Backstop")[0].starts_with("verdict=accept reason=nothing_found;"),
        "{outcome:?}"
    );
}

const DISCARD: &str = "recipients: [{domain: example.org, known: [{addresses: [joe]}], catch_all: {mail: discard}}]\n";

#[test]
fn discard_takes_off_its_recipient_and_no_other() {
    let stage = Stage::set(&format!("{ENFORCE}{DISCARD}"));
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    for rcpt in ["joe@example.org", "other@example.org", "OTHER@example.org"] {
        assert_eq!(
            client.rcpt(rcpt, &["NOTIFY=NEVER"]).unwrap(),
            Reply::Continue
        );
    }
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    assert_eq!(
        but_headers(&outcome),
        [
            Change::DeleteRcpt(b"<OTHER@example.org>".to_vec()),
            Change::DeleteRcpt(b"<other@example.org>".to_vec()),
        ]
    );
}

#[test]
fn a_message_that_nobody_is_to_get_is_dropped_and_the_connection_lives() {
    let stage = Stage::set(&format!("{ENFORCE}{DISCARD}"));
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("other@example.org", &[]).unwrap();
    // What nobody gets needs no headers.
    let outcome = client.eom().unwrap();
    assert_eq!((outcome.reply, outcome.changes), (Reply::Discard, vec![]));
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    assert_eq!(
        field(&stage.decision("other@example.org"), "verdict"),
        "discard"
    );
}

/// An MTA deletes every recipient of the name, so a copy too many is delivered rather than none.
#[test]
fn a_recipient_both_delivered_and_discarded_is_delivered() {
    let stage = Stage::set(&format!(
        "{ENFORCE}null_sender: {{extra_recipients: discard}}\n"
    ));
    let mut client = stage.session(SENDER);
    client.mail("", &[]).unwrap();
    for rcpt in ["joe@example.org", "joe@example.org", "ann@example.org"] {
        assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
    }
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    assert_eq!(
        but_headers(&outcome),
        [Change::DeleteRcpt(b"<ann@example.org>".to_vec())]
    );
}

#[test]
fn monitoring_refuses_nothing_and_tells_what_it_would_have_done() {
    let stage = Stage::set(
        "mode: monitor\nlocal: {domains: [example.org]}\n\
         null_sender: {never_send: [noreply@example.org]}\n",
    );
    for (from, rcpt, would) in [
        (
            "a@fail.example",
            "a@example.org",
            "reason=spf_fail would=reject",
        ),
        (
            "a@broken.example",
            "b@example.org",
            "reason=spf_temperror would=tempfail",
        ),
        (
            "joe@example.org",
            "c@example.org",
            "reason=spf_fail would=reject",
        ),
        (
            "",
            "noreply@example.org",
            "reason=never_sends would=reject by=null_sender.never_send:noreply@example.org",
        ),
    ] {
        let mut client = stage.session(STRANGER);
        client.mail(from, &[]).unwrap();
        assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue, "{from}");
        let outcome = client.eom().unwrap();
        assert_eq!(outcome.reply, Reply::Continue);
        let tag = outcome.added("X-Backstop");
        assert!(
            tag[0].starts_with(&format!("verdict=tag {would};")),
            "{tag:?}"
        );
    }
    let line = stage.decision("a@example.org");
    assert_eq!(
        (field(&line, "verdict"), field(&line, "would")),
        ("tag", "reject")
    );
}

#[test]
fn one_rule_can_be_monitored_while_the_others_act() {
    let stage = Stage::set(&format!(
        "{ENFORCE}spf: {{mail_from: {{fail: {{action: reject, monitor: true}}}}}}\n\
         null_sender: {{never_send: [noreply@example.org]}}\n"
    ));
    let mut client = stage.session(STRANGER);
    client.mail("a@fail.example", &[]).unwrap();
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
    assert!(client.eom().unwrap().added("X-Backstop")[0].contains("would=reject"));
    client.mail("", &[]).unwrap();
    assert_refused(client.rcpt("noreply@example.org", &[]), "550 5.7.1 ");
}
