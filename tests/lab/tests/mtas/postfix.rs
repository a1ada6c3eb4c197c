//! Postfix: delivery, and what it says to a milter.

use crate::recorder::{Recorder, Wish};
use lab::milter::wire::{command, step};
use lab::postfix::{Options, Postfix};
use lab::smtp::{Client, Identity};
use std::net::IpAddr;

const MESSAGE: &[u8] = b"Subject: x\r\nMessage-ID: <1@b.test>\r\n\r\n.\xff\r\n";

fn with_milter(filter: &Recorder) -> Options {
    let milter = format!("inet:{}", filter.addr);
    Options {
        mailboxes: vec!["alice@example.org".to_owned()],
        smtpd_milters: vec![milter.clone()],
        non_smtpd_milters: vec![milter],
        ..Options::default()
    }
}

fn recorder() -> Recorder {
    Recorder::start(Wish {
        steps: step::RCPT_REJ,
        at_connect: "j {client_addr} {client_name}",
    })
    .unwrap()
}

fn stranger(addr: &str) -> Identity<'_> {
    Identity::stranger(addr.parse::<IpAddr>().unwrap())
}

#[test]
fn delivers_byte_for_byte() {
    let postfix = Postfix::start(&Options::default()).unwrap();
    let mut client = Client::connect(postfix.smtp_addr()).unwrap();
    client.ehlo("b.test").unwrap();
    let reply = client.message("", "any+one@example.org", MESSAGE).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    client.quit().unwrap();
    let mail = postfix.wait_for_mail("any+one@example.org", 1).unwrap();
    assert!(
        mail[0].starts_with(b"Return-Path: <>\n"),
        "{}",
        mail[0].escape_ascii()
    );
    assert!(
        mail[0].ends_with(b"\n\n.\xff\n"),
        "{}",
        mail[0].escape_ascii()
    );
    postfix.wait_for_log("to=<any+one@example.org>").unwrap();
    assert!(postfix.mailbox("nobody@example.org").unwrap().is_empty());
}

#[test]
fn a_milter_sees_the_xclient_address_in_a_session_of_its_own() {
    let filter = recorder();
    let postfix = Postfix::start(&with_milter(&filter)).unwrap();
    for (addr, family) in [("192.0.2.7", b'4'), ("2001:db8::7", b'6')] {
        let mut client = Client::connect(postfix.smtp_addr()).unwrap();
        let who = Identity {
            name: Some("mail.stranger.test"),
            ..stranger(addr)
        };
        assert_eq!(client.xclient(&who).unwrap().code, 220);
        client.ehlo("b.test").unwrap();
        client.quit().unwrap();
        let connects = filter.all(command::CONNECT);
        let [.., before, after] = connects.as_slice() else {
            panic!("{connects:?}")
        };
        assert_eq!(before.strings()[0], "[127.0.0.1]");
        assert_eq!(after.strings()[0], "mail.stranger.test");
        assert_eq!(after.data[19], family);
        // The address itself has no prefix; the macro has one.
        assert!(after.data.ends_with(format!("{addr}\0").as_bytes()));
        let tag = if family == b'6' { "IPv6:" } else { "" };
        assert_eq!(
            after.value("{client_addr}"),
            Some(format!("{tag}{addr}").as_str())
        );
        assert_eq!(after.value("{client_name}"), Some("mail.stranger.test"));
    }
}

#[test]
fn a_stranger_without_a_name_is_its_address() {
    let filter = recorder();
    let postfix = Postfix::start(&with_milter(&filter)).unwrap();
    let mut client = Client::connect(postfix.smtp_addr()).unwrap();
    client.xclient(&stranger("192.0.2.7")).unwrap();
    client.quit().unwrap();
    let connects = filter.all(command::CONNECT);
    let last = connects.last().unwrap();
    assert_eq!(last.strings()[0], "[192.0.2.7]");
    assert_eq!(last.value("{client_name}"), Some("unknown"));
}

#[test]
fn refused_recipients_come_with_the_mailer_error() {
    let filter = recorder();
    let postfix = Postfix::start(&with_milter(&filter)).unwrap();
    let mut client = Client::connect(postfix.smtp_addr()).unwrap();
    client.xclient(&stranger("192.0.2.7")).unwrap();
    client.ehlo("b.test").unwrap();
    client.mail("").unwrap();
    assert_eq!(
        client.rcpt("nope@example.org").unwrap().enhanced.as_deref(),
        Some("5.1.1")
    );
    assert_eq!(
        client
            .rcpt("far@elsewhere.test")
            .unwrap()
            .enhanced
            .as_deref(),
        Some("5.7.1")
    );
    assert_eq!(client.rcpt("alice@example.org").unwrap().code, 250);
    client.quit().unwrap();
    let [nope, far, alice] = &filter.all(command::RCPT)[..] else {
        panic!("{:?}", filter.said())
    };
    for (said, status) in [(nope, "5.1.1"), (far, "5.7.1")] {
        assert_eq!(said.value("{rcpt_mailer}"), Some("error"));
        assert_eq!(said.value("{rcpt_host}"), Some(status));
    }
    assert_eq!(alice.value("{rcpt_mailer}"), Some("lab"));
    assert_eq!(alice.value("{rcpt_addr}"), Some("alice@example.org"));
}

#[test]
fn authentication_shows_at_mail_by_auth_and_by_xclient() {
    let filter = recorder();
    let postfix = Postfix::start(&with_milter(&filter)).unwrap();
    let mut client = Client::connect(postfix.smtp_addr()).unwrap();
    let bob = Identity {
        login: Some("bob"),
        ..stranger("192.0.2.7")
    };
    client.xclient(&bob).unwrap();
    client.ehlo("b.test").unwrap();
    let sent = client
        .message("alice@example.org", "far@elsewhere.test", MESSAGE)
        .unwrap();
    assert_eq!(sent.code, 250, "{sent:?}");
    client.quit().unwrap();

    let mut client = Client::connect(postfix.smtp_addr()).unwrap();
    client.xclient(&stranger("192.0.2.8")).unwrap();
    client.ehlo("b.test").unwrap();
    assert_eq!(client.auth_plain("carol", "wrong").unwrap().code, 535);
    assert_eq!(
        client
            .auth_plain("carol", lab::sasl::PASSWORD)
            .unwrap()
            .code,
        235
    );
    client.mail("alice@example.org").unwrap();
    client.quit().unwrap();

    let [by_xclient, by_auth] = &filter.all(command::MAIL)[..] else {
        panic!("{:?}", filter.said())
    };
    assert_eq!(by_xclient.value("{auth_type}"), Some("XCLIENT"));
    assert_eq!(by_xclient.value("{auth_authen}"), Some("bob"));
    assert_eq!(by_auth.value("{auth_type}"), Some("PLAIN"));
    assert_eq!(by_auth.value("{auth_authen}"), Some("carol"));
    let relayed = postfix.wait_for_mail("far@elsewhere.test", 1).unwrap();
    assert!(relayed[0].starts_with(b"Return-Path: <alice@example.org>\n"));
}

#[test]
fn local_submission_has_a_helo_and_bare_addresses() {
    let filter = recorder();
    let postfix = Postfix::start(&with_milter(&filter)).unwrap();
    let output = postfix
        .sendmail(
            &["-f", "alice@example.org", "far@elsewhere.test"],
            b"Subject: x\n\nhi\n",
        )
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    postfix.wait_for_mail("far@elsewhere.test", 1).unwrap();
    let one = |command| filter.all(command).remove(0);
    let connect = one(command::CONNECT);
    assert_eq!(connect.data, b"localhost\x004\0\x00127.0.0.1\0");
    assert_eq!(one(command::HELO).data, b"localhost\0");
    let mail = one(command::MAIL);
    assert_eq!(mail.data, b"alice@example.org\0");
    assert!(mail.value("i").is_some());
    let rcpt = one(command::RCPT);
    assert_eq!(rcpt.data, b"far@elsewhere.test\0");
    assert_eq!(rcpt.value("{rcpt_mailer}"), None);
}

#[test]
fn a_dead_milter_is_a_tempfail() {
    let port = lab::process::free_port().unwrap();
    let postfix = Postfix::start(&Options {
        smtpd_milters: vec![format!("inet:127.0.0.1:{port}")],
        ..Options::default()
    })
    .unwrap();
    let mut client = Client::connect(postfix.smtp_addr()).unwrap();
    client.ehlo("b.test").unwrap();
    let reply = client.mail("").unwrap();
    assert_eq!(
        (reply.code, reply.enhanced.as_deref()),
        (451, Some("4.7.1"))
    );
}

#[test]
fn reload_queue_and_pcre_tables() {
    let postfix = Postfix::start(&Options::default()).unwrap();
    let config = postfix.config_dir();
    let hold = config.join("hold.pcre");
    std::fs::write(&hold, "/^prvs=\\d+=(.*)/ HOLD tagged for $1\n").unwrap();
    let table = format!("pcre:{}", hold.display());
    let answer = postfix.postmap(&table, "prvs=1=a@b.test").unwrap();
    assert_eq!(answer.as_deref(), Some("HOLD tagged for a@b.test"));
    assert_eq!(postfix.postmap(&table, "a@b.test").unwrap(), None);

    let main_cf = config.join("main.cf");
    let mut text = std::fs::read_to_string(&main_cf).unwrap();
    text.push_str(&format!(
        "smtpd_sender_restrictions = check_sender_access {table}\n"
    ));
    std::fs::write(&main_cf, text).unwrap();
    postfix.reload().unwrap();
    let mut client = Client::connect(postfix.smtp_addr()).unwrap();
    client.ehlo("b.test").unwrap();
    let sent = client
        .message("prvs=1=a@b.test", "alice@example.org", MESSAGE)
        .unwrap();
    assert_eq!(sent.code, 250, "{sent:?}");
    let queue = postfix.queue().unwrap();
    assert_eq!(queue.len(), 1);
    assert_eq!(queue[0].queue_name, "hold");
    assert_eq!(queue[0].sender, "prvs=1=a@b.test");
    assert_eq!(queue[0].recipients[0].address, "alice@example.org");
}

#[test]
fn ends_and_leaves_nothing() {
    let mut postfix = Postfix::start(&Options::default()).unwrap();
    let folder = postfix.folder().to_owned();
    let addr = postfix.smtp_addr();
    postfix.wait_for_log("daemon started").unwrap();
    postfix.stop().unwrap();
    assert!(Client::connect(addr).is_err());
    assert!(postfix.log().contains("daemon started"));
    drop(postfix);
    assert!(!folder.exists());
}
