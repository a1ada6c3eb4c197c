//! Several messages in one connection: nothing of one is left for the next.

use std::io::ErrorKind;

use lab::milter::{Change, Reply, wire::command};

use super::{
    ENFORCE, Macros, SENDER, STRANGER, Stage, assert_refused, but_headers, field, introduce,
};

#[test]
fn each_message_counts_its_own_recipients_however_the_last_one_ended() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    for round in 0..5 {
        client.mail("", &[]).unwrap();
        assert_eq!(
            client.rcpt("a@example.org", &[]).unwrap(),
            Reply::Continue,
            "{round}"
        );
        assert_refused(client.rcpt("b@example.org", &[]), "452 ");
        match round {
            0 => assert_eq!(client.eom().unwrap().reply, Reply::Continue),
            1 => client.abort().unwrap(),
            // RSET after each reply, as Postfix does.
            2 => (0..3).for_each(|_| client.abort().unwrap()),
            // EHLO ends a message too (RFC 5321 section 4.1.4).
            3 => assert_eq!(client.helo("again.example").unwrap(), Reply::Continue),
            // Another MAIL without more ado.
            _ => {}
        }
    }
}

#[test]
fn spf_is_each_message_s_own() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    for _ in 0..3 {
        client.mail("a@pass.example", &[]).unwrap();
        assert_eq!(
            client.rcpt("joe@example.org", &[]).unwrap(),
            Reply::Continue
        );
        client.abort().unwrap();
        client.mail("a@fail.example", &[]).unwrap();
        assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
        assert_refused(client.rcpt("ann@example.org", &[]), "550 5.7.23 ");
    }
}

#[test]
fn tags_are_each_message_s_own() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.mail("a@soft.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    client.abort().unwrap();
    client.mail("", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    let outcome = client.eom().unwrap();
    let tag = outcome.added("X-Backstop");
    assert!(
        tag[0].starts_with("verdict=accept reason=nothing_found;"),
        "{tag:?}"
    );
    assert!(
        !outcome
            .added("Received-SPF")
            .concat()
            .contains("soft.example"),
        "{outcome:?}"
    );
}

#[test]
fn a_login_is_not_carried_over_to_a_message_without_one() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    // Postfix writes an empty packet where none of the macros has a value.
    for without in [&[("{mail_addr}", "a@fail.example")][..], &[]] {
        client
            .macros(command::MAIL, &[("{auth_authen}", "joe")])
            .unwrap();
        client.mail("a@fail.example", &[]).unwrap();
        assert_eq!(
            client.rcpt("far@elsewhere.example", &[]).unwrap(),
            Reply::Continue
        );
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
        client.macros(command::MAIL, without).unwrap();
        client.mail("a@fail.example", &[]).unwrap();
        assert_refused(client.rcpt("far@elsewhere.example", &[]), "550 5.7.23 ");
    }
}

#[test]
fn a_refused_recipient_s_macros_are_not_carried_over_to_the_next() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.mail("a@fail.example", &[]).unwrap();
    let refused = [
        ("{rcpt_mailer}", "error"),
        ("{rcpt_host}", "5.1.1"),
        ("{rcpt_addr}", "Recipient address rejected: User unknown"),
    ];
    client.macros(command::RCPT, &refused).unwrap();
    assert_eq!(client.rcpt("a@example.org", &[]).unwrap(), Reply::Continue);
    client.macros(command::RCPT, &[]).unwrap();
    assert_refused(client.rcpt("b@example.org", &[]), "550 5.7.23 ");
}

/// `error` is a transport of Postfix, too: mail to a virtual alias domain is resolved to it, and delivered.
#[test]
fn a_recipient_that_the_mta_resolves_to_error_is_judged() {
    let stage = Stage::set(ENFORCE);
    for (version, host, addr) in [
        (
            "Postfix 3.7.11",
            "5.1.1 User unknown in virtual alias table",
            "a@example.org",
        ),
        ("Postfix 3.7.11", "5.1.1", "a@example.org"),
        (
            "Postfix 3.7.11",
            "5.1.1",
            "\"Recipient address rejected: x\"@example.org",
        ),
        ("ESMTP 1", "5.1.1", "a@example.org"),
        ("ESMTP 1", "", ""),
    ] {
        let mut client = stage.client();
        client.macros(command::CONNECT, &[("v", version)]).unwrap();
        super::introduce(&mut client, STRANGER);
        client.mail("a@fail.example", &[]).unwrap();
        let accepted = [
            ("{rcpt_mailer}", "error"),
            ("{rcpt_host}", host),
            ("{rcpt_addr}", addr),
        ];
        client.macros(command::RCPT, &accepted).unwrap();
        assert_refused(client.rcpt("a@example.org", &[]), "550 5.7.23 ");
    }
}

#[test]
fn the_latest_helo_counts() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.helo("fail.example").unwrap();
    client.mail("", &[]).unwrap();
    assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
    client.helo("other.example").unwrap();
    client.mail("", &[]).unwrap();
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
    client.abort().unwrap();
    let line = stage.backstop.wait_for_log("helo=other.example ").unwrap();
    assert_eq!(field(&line, "spf_helo"), "none");
}

#[test]
fn a_queue_id_is_not_carried_over() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("first@example.org", &[]).unwrap();
    client
        .macros(command::END_OF_MESSAGE, &[("i", "4XYZ")])
        .unwrap();
    client.eom().unwrap();
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("second@example.org", &[]).unwrap();
    client.abort().unwrap();
    let (first, second) = (
        stage.decision("first@example.org"),
        stage.decision("second@example.org"),
    );
    assert_eq!(
        (field(&first, "queue_id"), field(&second, "queue_id")),
        ("4XYZ", "-")
    );
    assert_ne!(field(&first, "id"), field(&second, "id"));
}

/// QUIT_NC: the MTA opens another connection, so nothing of this one can be taken for the next client's.
#[test]
fn no_second_client_comes_over_the_connection_of_the_first() {
    let stage = Stage::set(&format!(
        "{ENFORCE}recipients: [{{domain: example.org, known: [{{addresses: [joe, well]}}], catch_all: {{mail: discard}}}}]\n"
    ));
    for (rcpt, end) in [
        ("joe@example.org", Reply::Continue),
        ("other@example.org", Reply::Discard),
    ] {
        let mut client = stage.session(SENDER);
        client.mail("a@pass.example", &[]).unwrap();
        client.rcpt(rcpt, &[]).unwrap();
        assert_eq!(client.eom().unwrap().reply, end);
        client.quit_new_connection().unwrap();
        let closed = client.reply().unwrap_err();
        assert_eq!(closed.kind(), ErrorKind::UnexpectedEof);
    }
    stage.serves();
}

#[test]
fn two_connections_do_not_know_of_each_other() {
    let stage = Stage::set(ENFORCE);
    let mut good = stage.session(SENDER);
    let mut bad = stage.session(STRANGER);
    good.mail("a@pass.example", &[]).unwrap();
    bad.mail("a@pass.example", &[]).unwrap();
    for _ in 0..5 {
        assert_refused(bad.rcpt("joe@example.org", &[]), "550 5.7.23 ");
        assert_eq!(good.rcpt("joe@example.org", &[]).unwrap(), Reply::Continue);
    }
}

/// Of an argument that RFC 5321 doesn't parse, Postfix's macro says what it understood, and Sendmail's `f`. An empty value
/// is the null sender, and nothing of one message or recipient stays for the next.
#[test]
fn what_the_mta_understood_is_judged() {
    const POSTFIX: &str = "Postfix 3.7.11";
    const SENDMAIL: &str = "8.17.1.9";
    let stage = Stage::set(ENFORCE);
    let rows: [(&str, &str, Macros, &str); 9] = [
        (
            POSTFIX,
            "odd(c)",
            &[("{mail_addr}", "a@pass.example")],
            "a@pass.example",
        ),
        (POSTFIX, "odd(c)", &[("{mail_addr}", "")], ""),
        (POSTFIX, "a@pass.example(c)", &[], "a@pass.example"),
        (
            POSTFIX,
            "a@pass.example",
            &[("{mail_addr}", "b@fail.example")],
            "a@pass.example",
        ),
        (
            SENDMAIL,
            "odd(c)",
            &[("f", "a@pass.example"), ("{mail_addr}", "mary")],
            "a@pass.example",
        ),
        (SENDMAIL, "odd(c)", &[("f", ""), ("{mail_addr}", "")], ""),
        (
            SENDMAIL,
            "a@pass.example(c)",
            &[("{mail_addr}", "mary")],
            "a@pass.example",
        ),
        (
            "ESMTP 1",
            "a@pass.example(c)",
            &[("{mail_addr}", "x@x.test"), ("f", "x@x.test")],
            "a@pass.example",
        ),
        (
            "",
            "a@pass.example(c)",
            &[("{mail_addr}", ""), ("f", "")],
            "a@pass.example",
        ),
    ];
    for (number, (version, argument, macros, from)) in rows.into_iter().enumerate() {
        let mut client = stage.client();
        client.macros(command::CONNECT, &[("v", version)]).unwrap();
        introduce(&mut client, SENDER);
        client.mail("before@pass.example", &[]).unwrap();
        client.abort().unwrap();
        client.macros(command::MAIL, macros).unwrap();
        client.mail(argument, &[]).unwrap();
        let rcpt = format!("joe{number}@example.org");
        client
            .macros(command::RCPT, &[("{rcpt_addr}", &rcpt)])
            .unwrap();
        // Sendmail's macro is what becomes of the address.
        let named = match version {
            POSTFIX => "odd(c)".to_owned(),
            _ => format!("{rcpt}(c)"),
        };
        assert_eq!(client.rcpt(&named, &[]).unwrap(), Reply::Continue);
        let outcome = client.eom().unwrap();
        assert_eq!(outcome.reply, Reply::Continue);
        let received_spf = outcome.added("Received-SPF").concat();
        let named = received_spf.contains(&format!("envelope-from=\"{from}\""));
        assert!(named || from.is_empty(), "{received_spf}");
        let line = stage.decision(&rcpt);
        assert_eq!(
            field(&line, "mail_from"),
            format!("<{from}>"),
            "{version} {argument}"
        );
        client.quit().unwrap();
    }
}

/// A tag is taken off by what RCPT said, and put back without it as it was understood.
#[test]
fn an_oddly_spelled_tag_is_taken_off_by_rcpt_s_own_words() {
    let folder = lab::mta::folder_in_memory().unwrap();
    let keys = crate::batv::key_file(folder.path());
    let stage = Stage::set(&format!(
        "{ENFORCE}proof: {{key_file: {}, batv: {{sign: true}}}}\n",
        keys.display()
    ));
    let mut client = stage.client();
    client
        .macros(command::CONNECT, &[("v", "Postfix 3.7.11")])
        .unwrap();
    introduce(&mut client, SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    let tagged = "prvs=3000abcdef=joe@example.org";
    client
        .macros(command::RCPT, &[("{rcpt_addr}", tagged)])
        .unwrap();
    let odd = format!("{tagged}(c)");
    assert_eq!(client.rcpt(&odd, &[]).unwrap(), Reply::Continue);
    let changes = but_headers(&client.eom().unwrap());
    let deleted = Change::DeleteRcpt(format!("<{odd}>").into_bytes());
    let added = changes.iter().find_map(|change| match change {
        Change::AddRcpt { recipient, .. } => Some(recipient.as_slice()),
        _ => None,
    });
    assert!(changes.contains(&deleted), "{changes:?}");
    assert_eq!(added, Some(&b"<joe@example.org>"[..]), "{changes:?}");
    stage.decision(tagged);
}

/// RCPT TO:<joe> of Sendmail, whose macro has no domain either: it is of the domain that the MTA's name is in, or else of
/// one that nobody knows.
#[test]
fn a_recipient_without_a_domain_is_judged() {
    let folder = lab::mta::folder_in_memory().unwrap();
    let keys = crate::batv::key_file(folder.path());
    let stage = Stage::set(&format!(
        "{ENFORCE}null_sender: {{never_send: [noreply@example.org]}}\n\
         recipients: [{{domain: example.org, known: [{{addresses: [joe]}}], catch_all: {{bounces: reject}}}}]\n\
         proof: {{key_file: {}, batv: {{required: true}}, unproven: reject}}\n",
        keys.display()
    ));
    let never = "550 5.7.1 This address never sends mail";
    let untagged = "550 5.7.1 No message from ";
    for (host, rcpt, refusal) in [
        ("mx.example.org", "noreply", never),
        ("mx.example.org", "NoReply+x", never),
        (
            "mx.example.org",
            "xk27qz",
            "550 5.7.1 No mail is ever sent from this address",
        ),
        ("mx.example.org", "joe", untagged),
        ("mx.example.org", "postmaster", ""),
        ("mx.elsewhere.test", "noreply", never),
        ("mx.elsewhere.test", "NoReply+x", never),
        ("mx.elsewhere.test", "joe", untagged),
        ("mx.elsewhere.test", "Postmaster", ""),
    ] {
        let mut client = stage.client();
        client
            .macros(command::CONNECT, &[("j", host), ("v", "8.17.1.9")])
            .unwrap();
        introduce(&mut client, SENDER);
        client.mail("", &[]).unwrap();
        client
            .macros(command::RCPT, &[("{rcpt_addr}", rcpt)])
            .unwrap();
        let mut reply = client.rcpt(rcpt, &[]).unwrap();
        if reply == Reply::Continue {
            reply = client.data().unwrap();
        }
        match refusal {
            "" => assert_eq!(reply, Reply::Continue, "{host} {rcpt}"),
            refusal => assert_refused(Ok(reply), refusal),
        }
    }
}
