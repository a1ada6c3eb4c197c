//! The strangers' MTAs: whom their bounces go to, and that they end.

use lab::bouncer::{ADDRESS, Bouncer, Kind, Setting};
use lab::mta::Running;
use lab::postfix::{self, Postfix};
use lab::sendmail::{self, Sendmail};
use lab::sink::Sink;

const ORIGINAL: &[u8] = include_bytes!("../../../fixtures/returned/real/original.eml");

/// One address in the three shapes that it leaves us in.
const SENDERS: [&str; 3] = [
    "joe@home.example",
    "prvs=0123cfcd40=joe@home.example",
    "joe+prvs=0123cfcd40@home.example",
];

#[test]
fn postfix_goes_home_to_the_sender() {
    goes_home(Kind::Postfix);
}

#[test]
fn sendmail_goes_home_to_the_sender() {
    goes_home(Kind::Sendmail);
}

#[test]
fn exim_goes_home_to_the_sender() {
    goes_home(Kind::Exim);
}

#[test]
fn opensmtpd_goes_home_to_the_sender() {
    goes_home(Kind::OpenSmtpd);
}

#[test]
fn postfix_at_home_takes_the_bounces() {
    let home = Postfix::start(&postfix::Options {
        domains: vec!["home.example".to_owned()],
        mailboxes: vec!["joe@home.example".to_owned()],
        ..postfix::Options::default()
    });
    takes_the_bounces(&home.unwrap());
}

#[test]
fn sendmail_at_home_takes_the_bounces() {
    let home = Sendmail::start(&sendmail::Options {
        domains: vec!["home.example".to_owned()],
        mailboxes: vec!["joe@home.example".to_owned()],
        ..sendmail::Options::default()
    });
    takes_the_bounces(&home.unwrap());
}

#[test]
fn a_setting_that_there_is_not() {
    let nowhere = ([127, 0, 0, 1], 9).into();
    for (kind, setting) in [
        (Kind::Postfix, Setting::NoMime),
        (Kind::Exim, Setting::NoMime),
        (Kind::OpenSmtpd, Setting::NoMime),
        (Kind::OpenSmtpd, Setting::HeadersOnly),
        (Kind::Sendmail, Setting::Amavis),
        (Kind::Exim, Setting::Amavis),
        (Kind::OpenSmtpd, Setting::Amavis),
    ] {
        let error = Bouncer::start_set(kind, nowhere, setting).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn ends_and_leaves_nothing() {
    for kind in [Kind::Exim, Kind::OpenSmtpd] {
        let bouncer = Bouncer::start(kind, ([127, 0, 0, 1], 9).into()).unwrap();
        let (addr, folder) = (bouncer.addr(), bouncer.folder().to_owned());
        drop(bouncer);
        assert!(lab::smtp::Client::connect(addr).is_err(), "{kind:?}");
        assert!(!folder.exists(), "{kind:?}");
    }
}

fn goes_home(kind: Kind) {
    let sink = Sink::start().unwrap();
    let bouncer = Bouncer::start(kind, sink.addr()).unwrap();
    for sender in SENDERS {
        bouncer.send(sender, "", ORIGINAL).unwrap();
    }
    for sender in SENDERS {
        let bounce = sink.wait_for_mail(sender).unwrap();
        assert_eq!(bounce.client, ADDRESS);
        assert_eq!(bounce.sender, "");
        assert_eq!(bounce.recipients, [sender]);
        bouncer.wait_for_log(sender).unwrap();
    }
    assert_eq!(sink.mail().len(), SENDERS.len());
}

fn takes_the_bounces(home: &Running) {
    for (count, kind) in (1..).zip(Kind::ALL) {
        let bouncer = Bouncer::start(kind, home.smtp_addr()).unwrap();
        bouncer.send("joe@home.example", "", ORIGINAL).unwrap();
        let mail = home
            .wait_for_mail("joe@home.example", count)
            .unwrap_or_else(|error| panic!("{error}\n{}", bouncer.log()));
        assert!(mail[count - 1].starts_with(b"Return-Path: <>\n"));
    }
}
