//! Sendmail: delivery, and what it says to a milter.

use crate::recorder::{Recorder, Wish};
use lab::milter::wire::{command, step};
use lab::sendmail::{Options, Sendmail};
use lab::smtp::Client;
use std::net::IpAddr;

const MESSAGE: &[u8] = b"Subject: x\r\nMessage-ID: <1@b.test>\r\nFrom: a@b.test\r\n\r\n.\xff\r\n";

fn with_milter(filter: &Recorder) -> Options {
    Options {
        mailboxes: vec!["alice@example.org".to_owned()],
        milters: vec![format!("S=inet:{}@127.0.0.1, F=T", filter.addr.port())],
        hosts: vec![(
            IpAddr::from([127, 0, 0, 3]),
            "mail.stranger.test".to_owned(),
        )],
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

#[test]
fn delivers_byte_for_byte() {
    let sendmail = Sendmail::start(&Options::default()).unwrap();
    let mut client = Client::connect(sendmail.smtp_addr()).unwrap();
    client.ehlo("b.test").unwrap();
    let reply = client
        .message("a@b.test", "any+one@example.org", MESSAGE)
        .unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    client.quit().unwrap();
    let mail = sendmail.wait_for_mail("any+one@example.org", 1).unwrap();
    assert!(
        mail[0].starts_with(b"Return-Path: <a@b.test>\n"),
        "{}",
        mail[0].escape_ascii()
    );
    assert!(
        mail[0].ends_with(b"\n\n.\xff\n"),
        "{}",
        mail[0].escape_ascii()
    );
    sendmail.wait_for_log("to=<any+one@example.org>").unwrap();
}

#[test]
fn client_addresses_and_names() {
    let filter = recorder();
    let sendmail = Sendmail::start(&with_milter(&filter)).unwrap();
    for (source, name) in [
        ("127.0.0.2", "[127.0.0.2]"),
        ("127.0.0.3", "mail.stranger.test"),
    ] {
        let source: IpAddr = source.parse().unwrap();
        let mut client = Client::connect_from(sendmail.smtp_addr(), source).unwrap();
        client.ehlo("b.test").unwrap();
        client.quit().unwrap();
        let connects = filter.all(command::CONNECT);
        let connect = connects.last().unwrap();
        assert_eq!(connect.strings()[0], name);
        assert_eq!(connect.value("{client_name}"), Some(name));
        assert_eq!(
            connect.value("{client_addr}"),
            Some(source.to_string().as_str())
        );
        assert!(connect.data.ends_with(format!("{source}\0").as_bytes()));
    }
}

#[test]
fn an_ipv6_address_is_tagged_and_long() {
    let filter = recorder();
    let sendmail = Sendmail::start(&with_milter(&filter)).unwrap();
    let mut client = Client::connect(sendmail.smtp_addr_v6()).unwrap();
    client.ehlo("b.test").unwrap();
    client.quit().unwrap();
    let connect = filter.all(command::CONNECT).remove(0);
    let address = "IPv6:0:0:0:0:0:0:0:1";
    assert_eq!(connect.strings()[0], format!("[{address}]"));
    assert!(connect.data.ends_with(format!("{address}\0").as_bytes()));
    assert_eq!(connect.value("{client_addr}"), Some(address));
}

#[test]
fn refused_recipients() {
    let filter = recorder();
    let sendmail = Sendmail::start(&with_milter(&filter)).unwrap();
    let source = IpAddr::from([127, 0, 0, 2]);
    let mut client = Client::connect_from(sendmail.smtp_addr(), source).unwrap();
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
    assert_eq!(client.rcpt("alice+x@example.org").unwrap().code, 250);
    client.quit().unwrap();
    // What check_rcpt refuses, relaying here, a milter never hears of.
    let [nope, alice] = &filter.all(command::RCPT)[..] else {
        panic!("{:?}", filter.said())
    };
    assert_eq!(nope.data, b"<nope@example.org>\0");
    assert_eq!(nope.value("{rcpt_mailer}"), Some("error"));
    assert_eq!(alice.value("{rcpt_mailer}"), Some("lab"));
    // The queue id is there from MAIL on, where Postfix has none yet.
    assert!(filter.all(command::MAIL)[0].value("i").is_some());
}

#[test]
fn a_dead_milter_is_a_tempfail() {
    let port = lab::process::free_port().unwrap();
    let sendmail = Sendmail::start(&Options {
        milters: vec![format!("S=inet:{port}@127.0.0.1, F=T")],
        ..Options::default()
    })
    .unwrap();
    let mut client = Client::connect(sendmail.smtp_addr()).unwrap();
    client.ehlo("b.test").unwrap();
    assert_eq!(client.mail("").unwrap().code, 451);
}

#[test]
fn ends_and_leaves_nothing() {
    let sendmail = Sendmail::start(&Options::default()).unwrap();
    let folder = sendmail.folder().to_owned();
    let addr = sendmail.smtp_addr();
    drop(sendmail);
    assert!(Client::connect(addr).is_err());
    assert!(!folder.exists());
}
