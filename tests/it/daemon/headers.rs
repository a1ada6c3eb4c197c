//! What is decided at the end of the headers, and how it is answered.

use lab::milter::{Change, Client, Reply, wire::command};

use super::{
    ENFORCE, SENDER, STRANGER, Stage, assert_refused, but_headers, deleted, field, headers,
    inserted, refusal,
};

/// A bounce as Postfix writes it.
const DSN: &str = "From: MAILER-DAEMON@mx.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary=x";

/// What somebody writes.
const LETTER: &str = "From: Ann <ann@pass.example>\nSubject: Lunch";

/// A message to these recipients, all of them let in, and the answer to its headers.
fn answer(client: &mut Client, from: &str, rcpts: &[&str], lines: &str) -> std::io::Result<Reply> {
    client.mail(from, &[])?;
    for rcpt in rcpts {
        assert_eq!(client.rcpt(rcpt, &[])?, Reply::Continue, "{rcpt}");
    }
    headers(client, lines)
}

#[test]
fn a_null_sender_needs_a_notification() {
    for (action, expected) in [
        (
            "reject",
            Some("550 5.7.1 The null sender is for notifications, and this message is none"),
        ),
        (
            "tempfail",
            Some("450 4.7.1 The null sender is for notifications, and this message is none"),
        ),
        ("tag", None),
        ("accept", None),
    ] {
        let stage = Stage::set(&format!(
            "{ENFORCE}null_sender: {{not_a_notification: {action}}}\n"
        ));
        let mut client = stage.session(SENDER);
        let reply = answer(&mut client, "", &["joe@example.org"], LETTER);
        match expected {
            Some(text) => {
                // Its content is read for a proof first.
                assert_eq!(reply.unwrap(), Reply::Continue);
                assert_refused(Ok(client.eom().unwrap().reply), text);
            }
            None => {
                assert_eq!(reply.unwrap(), Reply::Continue);
                let told = client.eom().unwrap().added("X-Backstop").concat();
                let reason = if action == "tag" {
                    "not_a_notification"
                } else {
                    "nothing_found"
                };
                let (verdict, kind) = (action, "-");
                let starts = format!("verdict={verdict} reason={reason}; kind={kind};");
                assert!(told.starts_with(&starts), "{told}");
            }
        }
        for (from, lines) in [("", DSN), ("a@pass.example", LETTER)] {
            let reply = answer(&mut client, from, &["ann@example.org"], lines);
            assert_eq!(reply.unwrap(), Reply::Continue, "{action}: {lines}");
            client.eom().unwrap();
        }
    }
}

#[test]
fn notifications_are_told_by_kind_and_evidence() {
    let stage = Stage::set(&format!(
        "{ENFORCE}null_sender: {{not_a_notification: reject}}\n"
    ));
    let mut client = stage.session(SENDER);
    for (rcpt, from, lines, kind) in [
        ("dsn@example.org", "", DSN, "dsn"),
        (
            "mdn@example.org",
            "",
            "From: ann@pass.example\nContent-Type: multipart/report; report-type=disposition-notification; boundary=x",
            "mdn",
        ),
        (
            "away@example.org",
            "ann@pass.example",
            "From: ann@pass.example\nSubject: Out of office\nAuto-Submitted: auto-replied (vacation)",
            "auto_reply",
        ),
        (
            "qmail@example.org",
            "",
            "From: MAILER-DAEMON@mx.example\nSubject: failure notice",
            "bounce",
        ),
        ("mail@example.org", "ann@pass.example", LETTER, "-"),
    ] {
        let reply = answer(&mut client, from, &[rcpt], lines);
        assert_eq!(reply.unwrap(), Reply::Continue, "{rcpt}");
        let told = client.eom().unwrap().added("X-Backstop").concat();
        let line = stage.decision(rcpt);
        assert_eq!(field(&line, "kind"), kind, "{line}");
        let evidence = field(&line, "evidence");
        let expected = match kind {
            "-" => "kind=-;".to_owned(),
            _ => format!("kind={kind} evidence={evidence};"),
        };
        assert!(unfolded(&told).contains(&expected), "{told}");
        assert_eq!(evidence == "-", kind == "-", "{line}");
    }
    let line = stage.decision("dsn@example.org");
    let evidence: Vec<_> = field(&line, "evidence").split(',').collect();
    assert_eq!(
        evidence,
        ["ContentType", "FromDaemon", "Subject", "AutoSubmitted"]
    );
}

#[test]
fn a_forged_from_is_refused() {
    let stage = Stage::set(&format!(
        "{ENFORCE}forgery: {{header_from: reject, mailing_lists: [pass.example]}}\n"
    ));
    let forged = [
        "From: boss@example.org",
        "From: Boss <boss@example.org>",
        "From: =?UTF-8?Q?boss=40example.org?= <x@fail.example>",
        "From: x@elsewhere.example\nFrom: boss@EXAMPLE.org",
        "From: x@elsewhere.example,\n\tboss@example.org",
        "from: a group: boss@example.org;",
    ];
    let mut client = stage.session(STRANGER);
    for lines in forged {
        let text = refusal(
            answer(
                &mut client,
                "x@elsewhere.example",
                &["joe@example.org"],
                lines,
            )
            .unwrap(),
        );
        assert!(
            text.starts_with(
                "550 5.7.1 From: names example.org, a domain of ours, and 198.51.100.1 may not send mail for it"
            ),
            "{lines}: {text}"
        );
    }
    for lines in [
        "From: x@notexample.org",
        "Sender: boss@example.org",
        "To: boss@example.org",
    ] {
        let reply = answer(
            &mut client,
            "x@elsewhere.example",
            &["joe@example.org"],
            lines,
        );
        assert_eq!(reply.unwrap(), Reply::Continue, "{lines}");
        client.eom().unwrap();
    }
    // A list whose SPF passes, one of us from our own host, and postmaster.
    for (client, from, rcpt) in [
        (SENDER, "list@pass.example", "joe@example.org"),
        ("203.0.113.9", "boss@example.org", "joe@example.org"),
        (STRANGER, "x@elsewhere.example", "postmaster@example.org"),
    ] {
        let mut client = stage.session(client);
        let reply = answer(&mut client, from, &[rcpt], forged[0]);
        assert_eq!(reply.unwrap(), Reply::Continue, "{from}");
        client.eom().unwrap();
    }
}

const RULES: &str = "headers:
- {header: Subject, match: casino, action: reject, text: 'We are 100% sure, %s: no games'}
- {header: Subject, match: later, action: tempfail}
- {header: Subject, match: '^vanish', action: discard}
- {header: Subject, match: 'suspect', action: quarantine}
- {header: X-Mailer, match: 'bulk', when: notification, action: reject}
";

#[test]
fn header_rules_refuse_with_the_administrator_s_own_words() {
    let stage = Stage::set(&format!("{ENFORCE}{RULES}"));
    let mut client = stage.session(SENDER);
    for (lines, expected) in [
        (
            "Subject: The Casino",
            "550 5.7.1 We are 100%% sure, %%s: no games",
        ),
        (
            "Subject: =?iso-8859-1?q?c=61sino?=",
            "550 5.7.1 We are 100%% sure, %%s: no games",
        ),
        (
            "Subject: good\nSUBJECT: cas\n ino\nSubject: casi\n\tno casino",
            "550 5.7.1 We are",
        ),
        (
            "Subject: later",
            "450 4.7.1 A header of this message is not accepted here",
        ),
        (
            &format!("{DSN}\nX-Mailer: Bulk 3"),
            "550 5.7.1 A header of this message",
        ),
    ] {
        let from = if lines.contains("report-type") {
            ""
        } else {
            "a@pass.example"
        };
        assert_refused(
            answer(&mut client, from, &["joe@example.org"], lines),
            expected,
        );
    }
    for lines in [
        LETTER,
        "Subject: cas\n ino",
        "X-Mailer: bulk",
        "X-Subject: casino",
        "",
    ] {
        let reply = answer(&mut client, "a@pass.example", &["joe@example.org"], lines);
        assert_eq!(reply.unwrap(), Reply::Continue, "{lines}");
        client.eom().unwrap();
    }
}

#[test]
fn header_rules_discard_and_hold() {
    let stage = Stage::set(&format!("{ENFORCE}{RULES}"));
    let mut client = stage.session(SENDER);
    let reply = answer(
        &mut client,
        "a@pass.example",
        &["joe@example.org"],
        "Subject: vanish",
    );
    assert_eq!(reply.unwrap(), Reply::Continue);
    let outcome = client.eom().unwrap();
    assert_eq!((outcome.reply, outcome.changes), (Reply::Discard, vec![]));
    // postmaster gets everything.
    let both = ["joe@example.org", "postmaster@example.org"];
    answer(&mut client, "a@pass.example", &both, "Subject: vanish").unwrap();
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    assert_eq!(
        but_headers(&outcome),
        [Change::DeleteRcpt(b"<joe@example.org>".to_vec())]
    );
    answer(
        &mut client,
        "a@pass.example",
        &["joe@example.org"],
        "Subject: suspect",
    )
    .unwrap();
    let outcome = client.eom().unwrap();
    assert_eq!(
        but_headers(&outcome),
        [Change::Quarantine(b"backstop: header_rule".to_vec())]
    );
    assert!(
        outcome.added("X-Backstop")[0]
            .starts_with("verdict=quarantine reason=header_rule by=headers:4:Subject;"),
        "{outcome:?}"
    );
}

/// A bounce that comes with a sender gets the answers of bounces, which RCPT could not know.
#[test]
fn a_bounce_with_a_sender_is_judged_as_a_bounce() {
    let stage = Stage::set(&format!(
        "{ENFORCE}null_sender: {{never_send: [noreply@example.org]}}\n\
         recipients: [{{domain: example.org, known: [{{addresses: [joe, noreply]}}], catch_all: {{bounces: reject}}}}]\n"
    ));
    let mut client = stage.session(SENDER);
    let daemon = "mailer-daemon@pass.example";
    for (rcpt, reason, says) in [
        (
            "noreply@example.org",
            "never_sends",
            "550 5.7.1 This address never sends mail",
        ),
        (
            "xk27@example.org",
            "catch_all_bounce",
            "550 5.7.1 No mail is ever sent from this address",
        ),
    ] {
        assert_refused(answer(&mut client, daemon, &[rcpt], DSN), says);
        let line = stage.decision(rcpt);
        assert_eq!(
            (field(&line, "reason"), field(&line, "kind")),
            (reason, "dsn")
        );
        let reply = answer(&mut client, daemon, &[rcpt], LETTER);
        assert_eq!(reply.unwrap(), Reply::Continue, "{rcpt}");
        client.eom().unwrap();
    }
    let reply = answer(&mut client, daemon, &["joe@example.org"], DSN);
    assert_eq!(reply.unwrap(), Reply::Continue);
}

/// SMTP has one answer after DATA: it may cost nobody a message that is theirs.
#[test]
fn a_message_is_refused_for_all_of_its_recipients_or_for_none() {
    let stage = Stage::set(&format!(
        "{ENFORCE}proof: {{dkim: {{verify: false}}}}\nexempt: {{recipients: [abuse@example.org]}}\n\
         recipients: [{{domain: example.org, known: [{{addresses: [joe, ann, abuse]}}], catch_all: {{bounces: reject}}}}]\n\
         {RULES}- {{header: X-Test, match: 'some', domains: [example.org], action: reject}}\n\
         - {{header: X-Test, match: 'some later', domains: [example.net], action: tempfail}}\n"
    ));
    let mut client = stage.session(SENDER);
    for (number, others, lines, tag) in [
        (
            0,
            "postmaster@example.org",
            "Subject: casino",
            "reason=header_rule would=reject by=headers:1:Subject",
        ),
        (
            1,
            "abuse@example.org",
            "Subject: casino",
            "reason=header_rule would=reject by=headers:1:Subject",
        ),
        (
            2,
            "far@example.net",
            "X-Test: some",
            "reason=header_rule would=reject by=headers:6:X-Test",
        ),
        (
            3,
            "ann@example.org",
            DSN,
            "reason=catch_all_bounce would=reject",
        ),
    ] {
        let would = format!("x{number}@example.org");
        let reply = answer(&mut client, "a@pass.example", &[&would, others], lines);
        assert_eq!(reply.unwrap(), Reply::Continue, "{lines}");
        let outcome = client.eom().unwrap();
        assert_eq!(
            (&outcome.reply, but_headers(&outcome)),
            (&Reply::Continue, vec![])
        );
        let told = outcome.added("X-Backstop").concat();
        assert!(told.starts_with(&format!("verdict=tag {tag};")), "{told}");
        let line = stage.decision(&would);
        assert!(line.contains(" verdict=tag "), "{line}");
        assert_eq!(field(&line, "would"), "reject");
        assert_eq!(field(&stage.decision(others), "verdict"), "accept");
    }
    // All refused: with a 4xx where one of them may come again.
    let all = ["joe@example.org", "ann@example.org", "x@example.org"];
    assert_refused(
        answer(&mut client, "a@pass.example", &all, "Subject: casino"),
        "550 5.7.1 ",
    );
    let both = ["joe@example.org", "far@example.net"];
    assert_refused(
        answer(&mut client, "a@pass.example", &both, "X-Test: some later"),
        "450 4.7.1 ",
    );
}

/// Whoever names an exempt recipient too gets nothing in by that: a suspect message comes to them one by one.
#[test]
fn an_exempt_recipient_is_no_way_in_for_a_suspect_message() {
    let stage = Stage::set(&format!(
        "{ENFORCE}proof: {{dkim: {{verify: false}}}}\nspf: {{mail_from: {{fail: tag}}}}\n\
         null_sender: {{extra_recipients: accept, not_a_notification: reject}}\nforgery: {{header_from: reject}}\n"
    ));
    let forged = "From: boss@example.org\nSubject: hello";
    for from in ["", "mailer-daemon@pass.example", "a@fail.example"] {
        let mut client = stage.session(SENDER);
        for pair in [
            ["abuse@example.org", "joe@example.org"],
            ["joe@example.org", "abuse@example.org"],
            ["postmaster@example.org", "joe@example.org"],
        ] {
            client.mail(from, &[]).unwrap();
            assert_eq!(client.rcpt(pair[0], &[]).unwrap(), Reply::Continue);
            assert_refused(client.rcpt(pair[1], &[]), "452 4.5.3 ");
            // Who was there first is answered as if alone.
            let reply = headers(&mut client, forged);
            match pair[0] {
                "joe@example.org" => assert_refused(reply, "550 5.7.1 "),
                _ => {
                    assert_eq!(reply.unwrap(), Reply::Continue);
                    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
                }
            }
            client.abort().unwrap();
        }
        // What was asked to come again comes, and gets its own answer.
        assert_refused(
            answer(&mut client, from, &["joe@example.org"], forged),
            "550 5.7.1 ",
        );
        let reply = answer(&mut client, from, &["abuse@example.org"], forged);
        assert_eq!(reply.unwrap(), Reply::Continue);
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    }
}

#[test]
fn a_message_refused_by_its_headers_is_logged_once_a_recipient_with_its_queue_id() {
    let stage = Stage::set(&format!("{ENFORCE}{RULES}"));
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("first@example.org", &[]).unwrap();
    client.macros(command::RCPT, &[("i", "4ABC")]).unwrap();
    client.rcpt("second@example.org", &[]).unwrap();
    client
        .macros(command::END_OF_HEADERS, &[("i", "4ABC")])
        .unwrap();
    assert_refused(headers(&mut client, "Subject: casino"), "550 5.7.1 ");
    // What Postfix and Sendmail do after a refusal.
    client.abort().unwrap();
    client.abort().unwrap();
    let reply = answer(
        &mut client,
        "a@pass.example",
        &["third@example.org"],
        LETTER,
    );
    assert_eq!(reply.unwrap(), Reply::Continue);
    client
        .macros(command::END_OF_MESSAGE, &[("i", "4DEF")])
        .unwrap();
    client.eom().unwrap();
    client.quit().unwrap();
    for (rcpt, id, verdict) in [
        ("first@example.org", "4ABC", "reject"),
        ("second@example.org", "4ABC", "reject"),
        ("third@example.org", "4DEF", "accept"),
    ] {
        let line = stage.decision(rcpt);
        assert_eq!(
            (field(&line, "queue_id"), field(&line, "verdict")),
            (id, verdict),
            "{line}"
        );
    }
    assert_eq!(stage.decisions().len(), 3);
}

#[test]
fn monitoring_refuses_nothing_by_headers_either() {
    let rules = RULES.replace("headers:\n", "");
    let stage = Stage::set(&format!(
        "mode: monitor\nlocal: {{domains: [example.org]}}\n\
         null_sender: {{not_a_notification: reject}}\nforgery: {{header_from: reject}}\nheaders:\n{rules}"
    ));
    let mut client = stage.session(SENDER);
    for (from, lines, tag) in [
        ("", LETTER, "reason=not_a_notification would=reject"),
        (
            "a@pass.example",
            "From: boss@example.org",
            "reason=header_from_forged would=reject by=local.domains:example.org",
        ),
        (
            "a@pass.example",
            "Subject: casino",
            "reason=header_rule would=reject by=headers:1:Subject",
        ),
        (
            "a@pass.example",
            "Subject: later",
            "reason=header_rule would=tempfail by=headers:2:Subject",
        ),
        (
            "a@pass.example",
            "Subject: vanish",
            "reason=header_rule would=discard by=headers:3:Subject",
        ),
        (
            "a@pass.example",
            "Subject: suspect",
            "reason=header_rule would=quarantine by=headers:4:Subject",
        ),
    ] {
        let reply = answer(&mut client, from, &["joe@example.org"], lines);
        assert_eq!(reply.unwrap(), Reply::Continue, "{lines}");
        let outcome = client.eom().unwrap();
        assert_eq!(
            (&outcome.reply, but_headers(&outcome)),
            (&Reply::Continue, vec![])
        );
        let told = outcome.added("X-Backstop").concat();
        assert!(told.starts_with(&format!("verdict=tag {tag};")), "{told}");
    }
}

#[test]
fn one_header_rule_can_be_monitored_while_the_others_act() {
    let stage = Stage::set(&format!(
        "{ENFORCE}headers:\n- {{header: Subject, match: casino, action: reject, monitor: true}}\n\
         - {{header: X-Mailer, match: bulk, action: reject}}\n"
    ));
    let mut client = stage.session(SENDER);
    let reply = answer(
        &mut client,
        "a@pass.example",
        &["joe@example.org"],
        "Subject: casino",
    );
    assert_eq!(reply.unwrap(), Reply::Continue);
    let told = client.eom().unwrap().added("X-Backstop").concat();
    assert!(
        told.starts_with("verdict=tag reason=header_rule would=reject by=headers:1:Subject;"),
        "{told}"
    );
    let both = "Subject: casino\nX-Mailer: bulk";
    assert_refused(
        answer(&mut client, "a@pass.example", &["joe@example.org"], both),
        "550 5.7.1 ",
    );
}

#[test]
fn outgoing_mail_is_left_as_it_is() {
    let stage = Stage::set(&format!(
        "mode: enforce\nlocal: {{domains: [example.org], networks: [198.51.100.0/28]}}\n\
         null_sender: {{not_a_notification: reject}}\nforgery: {{header_from: reject}}\n{RULES}"
    ));
    let mut by_network = stage.session(STRANGER);
    let mut by_login = stage.session(SENDER);
    let login: &[(&str, &str)] = &[("{auth_authen}", "joe")];
    for (client, macros) in [(&mut by_network, &[][..]), (&mut by_login, login)] {
        for (from, lines) in [
            ("", LETTER),
            (
                "joe@example.org",
                "From: joe@example.org\nSubject: casino\nX-Backstop: mine\nAuthentication-Results: unknown; spf=pass",
            ),
        ] {
            client.macros(command::MAIL, macros).unwrap();
            let reply = answer(client, from, &["far@elsewhere.example"], lines);
            assert_eq!(reply.unwrap(), Reply::Continue, "{lines}");
            assert_eq!(client.eom().unwrap().changes, [], "{lines}");
        }
    }
    let line = stage.decision("far@elsewhere.example");
    assert_eq!(field(&line, "reason"), "outgoing_network");
}

/// Each message has its own headers, however the one before it ended.
#[test]
fn headers_are_not_carried_over() {
    let stage = Stage::set(&format!(
        "{ENFORCE}{RULES}null_sender: {{not_a_notification: reject}}\n"
    ));
    let mut client = stage.session(SENDER);
    for end in 0..4 {
        client.mail("a@pass.example", &[]).unwrap();
        client.rcpt("joe@example.org", &[]).unwrap();
        for (name, value) in [
            ("Subject", "casino"),
            ("X-Backstop", "forged"),
            ("Auto-Submitted", "auto-replied"),
        ] {
            client.header(name.as_bytes(), value.as_bytes()).unwrap();
        }
        match end {
            0 => assert_refused(client.eoh(), "550 5.7.1 "),
            1 => client.abort().unwrap(),
            2 => drop(client.helo("again.example").unwrap()),
            _ => {}
        }
        let reply = answer(&mut client, "a@pass.example", &["joe@example.org"], LETTER);
        assert_eq!(reply.unwrap(), Reply::Continue, "{end}");
        let outcome = client.eom().unwrap();
        assert_eq!(deleted(&outcome), []);
        assert!(
            outcome.added("X-Backstop")[0].contains("kind=-;"),
            "{outcome:?}"
        );
        assert_eq!(inserted(&outcome).len(), 4);
        let reply = answer(&mut client, "", &["joe@example.org"], LETTER);
        assert_eq!(reply.unwrap(), Reply::Continue);
        assert_refused(Ok(client.eom().unwrap().reply), "550 5.7.1 ");
    }
}

/// NR_HEADER is from version 6; an older MTA waits for an answer to each header.
#[test]
fn an_mta_that_wants_an_answer_to_each_header_gets_it() {
    let stage = Stage::set(&format!("{ENFORCE}{RULES}"));
    let mut client = Client::silent(stage.backstop.addr()).unwrap();
    let steps = lab::milter::wire::step::ALL & !lab::milter::wire::step::NR_HEADER;
    client
        .negotiate(6, lab::milter::wire::ALL_ACTIONS, steps)
        .unwrap();
    super::introduce(&mut client, SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    for value in [&b"good"[..], b"casino"] {
        client
            .send_packet(command::HEADER, &[b"Subject\0", value, b"\0"].concat())
            .unwrap();
        assert_eq!(client.reply().unwrap(), Reply::Continue);
    }
    assert_refused(client.eoh(), "550 5.7.1 ");
}

fn unfolded(value: &str) -> String {
    value.replace('\n', "")
}
