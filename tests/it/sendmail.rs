//! What only Sendmail has.

use std::{fs, net::IpAddr};

use lab::{sendmail::Sendmail, smtp::Client};

use crate::site::{Letter, Site, codes};

const OK: &str = "250 2.1.5";
const SENDER: &str = "bob@friend.example";

/// Sendmail renames the queue file: df and qf become df and hf.
#[test]
fn a_quarantined_message_is_held() {
    let site = Site::<Sendmail>::start();
    let mut client = site.friend();
    let letter = Letter::new();
    client.mail(SENDER).unwrap();
    for recipient in ["held-acme@example.org", "joe@example.org"] {
        assert_eq!(codes(&client.rcpt(recipient).unwrap()), OK);
    }
    assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
    client.quit().unwrap();
    let held: Vec<_> = fs::read_dir(site.mta.folder().join("queue"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"hf"))
        })
        .collect();
    let [held] = held.as_slice() else {
        panic!("{held:?}")
    };
    let file = fs::read(held).unwrap();
    let file = String::from_utf8_lossy(&file);
    assert!(file.contains("backstop: rule_mail"), "{file}");
    assert!(site.copies("joe@example.org", &letter).is_empty());
}

/// As its own submission program, mail(1) and cron come: from 127.0.0.1, which is in `local.networks` by default.
#[test]
fn mail_of_this_host_is_outgoing() {
    let site = Site::<Sendmail>::start_with(&[("networks: []", "networks: [127.0.0.1]")]);
    let mut client = Client::connect_from(site.mta.smtp_addr(), IpAddr::from([127, 0, 0, 1]));
    let client = client.as_mut().unwrap();
    client.ehlo("elsewhere.example").unwrap();
    let letter = Letter::new();
    let sent = client.message("boss@example.org", "old-acme@example.org", &letter.bytes);
    assert_eq!(sent.unwrap().code, 250);
    site.delivered("old-acme@example.org", &letter);
    site.decision(0, &[" client=127.0.0.1 ", " reason=outgoing_network "]);

    let mut stranger = site.session(66, "elsewhere.example");
    stranger.mail("boss@example.org").unwrap();
    let reply = stranger.rcpt("old-acme@example.org").unwrap();
    assert_eq!(codes(&reply), "550 5.7.23", "{reply:?}");
}

/// `sendmail -bs`, where `local.networks` lacks loopback: no SMTP client stands behind it.
#[test]
fn a_session_on_standard_input_is_outgoing() {
    let site = Site::<Sendmail>::start();
    let letter = Letter::new();
    let message = [&letter.bytes[..], b"\r\n."].concat();
    let replies = site.mta.session_on_stdin(&[
        b"EHLO elsewhere.example",
        b"MAIL FROM:<boss@example.org>",
        b"RCPT TO:<old-acme@example.org>",
        b"DATA",
        &message,
        b"QUIT",
    ]);
    let codes: Vec<_> = replies.iter().flatten().map(|reply| &reply[..3]).collect();
    assert_eq!(
        codes,
        ["220", "250", "250", "250", "354", "250", "221"],
        "{replies:?}"
    );
    site.delivered("old-acme@example.org", &letter);
    site.decision(0, &[" client=- ", " reason=outgoing_local "]);
}

/// Sendmail has a queue id from MAIL on, so every line tells it.
#[test]
fn every_line_has_the_queue_id() {
    let site = Site::<Sendmail>::start();
    let mut client = site.session(66, "pc.spam.example");
    client.mail("alice@bank.example").unwrap();
    client.rcpt("joe@example.org").unwrap();
    let line = site.decision(0, &[" rcpt=<joe@example.org> ", " verdict=reject "]);
    assert!(!line.contains(" queue_id=- "), "{line}");
    let id = line.split(" queue_id=").nth(1).unwrap();
    let id = id.split(' ').next().unwrap();
    site.mta.wait_for_log(id).unwrap();
}
