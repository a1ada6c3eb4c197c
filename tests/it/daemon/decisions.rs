use lab::{
    dns::RecordType,
    milter::{Client, Peer, Reply, wire::command},
};

use super::{ENFORCE, SENDER, STRANGER, Stage, assert_refused, field, refusal};

#[test]
fn spf_fail_is_refused_with_the_domains_own_words_and_every_percent_sign_doubled() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.mail("a%b@fail.example", &[]).unwrap();
    let text = refusal(client.rcpt("joe@example.org", &[]).unwrap());
    assert!(
        text.starts_with("550 5.7.23 SPF: 198.51.100.1 may not"),
        "{text}"
    );
    assert!(
        text.ends_with("the domain fail.example explains: 100%% sure about 198.51.100.1"),
        "{text}"
    );
    let line = stage.decision("joe@example.org");
    assert_eq!(field(&line, "verdict"), "reject");
    assert_eq!(field(&line, "spf"), "fail");
    assert_eq!(field(&line, "mail_from"), "<a%b@fail.example>");
}

#[test]
fn spf_is_asked_once_for_all_recipients_of_a_message() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    for number in 0..20 {
        let rcpt = format!("joe{number}@example.org");
        assert_eq!(client.rcpt(&rcpt, &[]).unwrap(), Reply::Continue);
    }
    assert_eq!(stage.dns.count("pass.example", RecordType::TXT), 1);
}

#[test]
fn a_null_sender_gets_one_recipient_a_message() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.mail("", &[]).unwrap();
    assert_eq!(client.rcpt("a@example.org", &[]).unwrap(), Reply::Continue);
    assert_refused(client.rcpt("b@example.org", &[]), "452 4.5.3 ");
    assert_refused(client.rcpt("c@example.org", &[]), "452 4.5.3 ");
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    client.mail("", &[]).unwrap();
    assert_eq!(client.rcpt("b@example.org", &[]).unwrap(), Reply::Continue);
}

#[test]
fn a_bounce_to_an_address_that_never_sends_is_refused_and_mail_is_not() {
    let stage = Stage::set(&format!(
        "{ENFORCE}null_sender: {{never_send: [noreply@example.org]}}\n"
    ));
    let mut client = stage.session(SENDER);
    client.mail("", &[]).unwrap();
    assert_refused(client.rcpt("NoReply@Example.ORG", &[]), "550 5.7.1 ");
    // A refused recipient doesn't count as the first.
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
    client.abort().unwrap();
    client.mail("a@pass.example", &[]).unwrap();
    assert_eq!(
        client.rcpt("noreply@example.org", &[]).unwrap(),
        Reply::Continue
    );
}

#[test]
fn a_catch_all_takes_mail_and_refuses_bounces_and_rules_stand_between() {
    let stage = Stage::set(&format!(
        "{ENFORCE}recipients:\n\
         - domain: example.org\n\
        \x20 known: [{{addresses: [joe]}}]\n\
        \x20 rules: [{{match: 'shop-[a-z]+', mail: reject, bounces: accept}}]\n\
        \x20 catch_all: {{mail: accept, bounces: reject}}\n"
    ));
    for (from, rcpt, refused) in [
        ("", "joe@example.org", None),
        ("", "joe+list@example.org", None),
        ("", "shop-x@example.org", None),
        ("", "anything@example.org", Some("550 5.7.1 ")),
        ("a@pass.example", "joe@example.org", None),
        ("a@pass.example", "shop-x@example.org", Some("550 5.7.1 ")),
        ("a@pass.example", "anything@example.org", None),
        ("", "anybody@elsewhere.example", None),
    ] {
        let mut client = stage.session(SENDER);
        client.mail(from, &[]).unwrap();
        let reply = client.rcpt(rcpt, &[]);
        match refused {
            Some(text) => assert_refused(reply, text),
            None => assert_eq!(reply.unwrap(), Reply::Continue, "{from} {rcpt}"),
        }
    }
}

#[test]
fn postmaster_is_reached_whatever_the_sender_is() {
    let stage = Stage::set(ENFORCE);
    for (from, rcpt) in [
        ("a@fail.example", "postmaster@example.org"),
        ("a@fail.example", "PostMaster"),
        ("a@silent.example", "postmaster@example.org"),
        ("joe@example.org", "postmaster@example.org"),
        ("", "postmaster@example.org"),
    ] {
        let mut client = stage.session(STRANGER);
        client.mail(from, &[]).unwrap();
        assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue, "{from}");
    }
}

#[test]
fn a_stranger_cannot_write_as_one_of_us_and_our_own_hosts_can() {
    let stage = Stage::set("mode: enforce\nlocal: {domains: [example.org, unpublished.example]}\n");
    let mut client = stage.session(STRANGER);
    client.mail("joe@unpublished.example", &[]).unwrap();
    let text = refusal(client.rcpt("ann@example.org", &[]).unwrap());
    assert!(
        text.starts_with("550 5.7.1 unpublished.example is a domain of ours"),
        "{text}"
    );
    let mut client = stage.session("203.0.113.9");
    client.mail("joe@example.org", &[]).unwrap();
    assert_eq!(
        client.rcpt("ann@example.org", &[]).unwrap(),
        Reply::Continue
    );
}

#[test]
fn outgoing_mail_is_known_by_login_network_and_daemon_and_nobody_is_asked() {
    let stage = Stage::set(
        "mode: enforce\n\
         local: {domains: [example.org], networks: [198.51.100.0/28], daemons: [SUBMIT]}\n",
    );
    let outgoing = |address: &str, daemon: Option<&str>, login: &[(&str, &str)]| {
        let mut client = stage.client();
        if let Some(name) = daemon {
            client
                .macros(command::CONNECT, &[("{daemon_name}", name)])
                .unwrap();
        }
        super::introduce(&mut client, address);
        if !login.is_empty() {
            client.macros(command::MAIL, login).unwrap();
        }
        client.mail("joe@fail.example", &[]).unwrap();
        client.rcpt("far@elsewhere.example", &[]).unwrap()
    };
    for (address, daemon, login, reason) in [
        (
            "198.51.100.20",
            None,
            &[("{auth_authen}", "joe")][..],
            "outgoing_authenticated",
        ),
        (
            "198.51.100.20",
            None,
            &[("{auth_type}", "PLAIN")],
            "outgoing_authenticated",
        ),
        ("198.51.100.2", None, &[], "outgoing_network"),
        ("198.51.100.20", Some("SUBMIT"), &[], "outgoing_daemon"),
    ] {
        assert_eq!(
            outgoing(address, daemon, login),
            Reply::Continue,
            "{reason}"
        );
        stage
            .backstop
            .wait_for_log(&format!("reason={reason} "))
            .unwrap();
    }
    assert_eq!(stage.dns.queries(), []);
    for (daemon, login) in [
        (Some("smtpd"), &[][..]),
        (None, &[("{mail_addr}", "joe@fail.example")]),
        (None, &[("{auth_authen}", "")]),
    ] {
        let reply = outgoing("198.51.100.20", daemon, login);
        assert!(refusal(reply).starts_with("550 5.7.23 "));
    }
}

#[test]
fn recipients_that_the_mta_refused_cost_no_dns_and_do_not_count() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.mail("", &[]).unwrap();
    let refused = |client: &mut Client, rcpt: &str| {
        let macros = [
            ("{rcpt_mailer}", "error"),
            ("{rcpt_host}", "5.1.1"),
            ("{rcpt_addr}", "User unknown"),
        ];
        client.macros(command::RCPT, &macros).unwrap();
        client.rcpt(rcpt, &[]).unwrap()
    };
    for number in 0..10 {
        let rcpt = format!("guess{number}@example.org");
        assert_eq!(refused(&mut client, &rcpt), Reply::Continue);
    }
    assert_eq!(stage.dns.queries(), []);
    let accepted = [("{rcpt_mailer}", "local"), ("{rcpt_host}", "")];
    client.macros(command::RCPT, &accepted).unwrap();
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
    assert_eq!(refused(&mut client, "guess@example.org"), Reply::Continue);
    client.macros(command::RCPT, &accepted).unwrap();
    assert_refused(client.rcpt("ann@example.org", &[]), "452 4.5.3 ");
}

#[test]
fn an_exempt_client_is_not_judged() {
    let stage = Stage::set(&format!("{ENFORCE}exempt: {{clients: [198.51.100.1]}}\n"));
    let mut client = stage.session(STRANGER);
    client.mail("a@fail.example", &[]).unwrap();
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
    assert_eq!(stage.dns.queries(), []);
    client.quit_new_connection().unwrap();
    let mut client = stage.session("198.51.100.2");
    client.mail("a@fail.example", &[]).unwrap();
    assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
}

#[test]
fn a_client_that_never_named_itself_is_judged_by_its_sender_alone() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.client();
    let stranger = Peer::at(STRANGER.parse().unwrap());
    client.connect("[198.51.100.1]", stranger).unwrap();
    client.mail("a@fail.example", &[]).unwrap();
    assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
    client.mail("", &[]).unwrap();
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
}
