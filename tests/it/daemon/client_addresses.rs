//! Every way in which an MTA writes a client's address.

use std::net::SocketAddr;

use lab::milter::{Peer, Reply, wire::command};

use super::{ENFORCE, Stage, assert_refused, field};

#[test]
fn every_form_of_an_address_is_understood() {
    let stage = Stage::set(ENFORCE);
    let inet = |text: &str| Peer::Inet(text.parse::<SocketAddr>().unwrap());
    let tagged = |text: &str| Peer::Tagged(text.parse::<SocketAddr>().unwrap());
    let raw = |family, text: &'static [u8]| Peer::Raw(family, 40_000, text);
    let cases = [
        ("postfix4", inet("192.0.2.7:25"), None, "192.0.2.7"),
        ("postfix6", inet("[2001:db8::7]:25"), None, "2001:db8::7"),
        ("sendmail4", tagged("192.0.2.7:25"), None, "192.0.2.7"),
        ("sendmail6", tagged("[2001:db8::7]:25"), None, "2001:db8::7"),
        ("mapped", raw(b'6', b"::ffff:192.0.2.7"), None, "192.0.2.7"),
        (
            "mappedtag",
            raw(b'6', b"IPv6:::ffff:192.0.2.7"),
            None,
            "192.0.2.7",
        ),
        ("macro4", Peer::Unknown, Some("192.0.2.7"), "192.0.2.7"),
        (
            "macro6",
            Peer::Unknown,
            Some("IPv6:2001:db8::7"),
            "2001:db8::7",
        ),
        (
            "macromapped",
            Peer::Unknown,
            Some("IPv6:::ffff:192.0.2.7"),
            "192.0.2.7",
        ),
        ("unix", Peer::Unix("/run/x"), Some("192.0.2.7"), "192.0.2.7"),
        (
            "garbled",
            raw(b'4', b"not.an.address"),
            Some("192.0.2.7"),
            "192.0.2.7",
        ),
    ];
    for (name, peer, client_addr, address) in cases {
        for when in [command::CONNECT, command::MAIL] {
            let mut client = stage.client();
            let macros: Vec<_> = client_addr
                .map(|value| ("{client_addr}", value))
                .into_iter()
                .collect();
            if when == command::CONNECT {
                client.macros(when, &macros).unwrap();
            }
            client.connect("unknown", peer).unwrap();
            client.helo("client.example").unwrap();
            if when == command::MAIL {
                client.macros(when, &macros).unwrap();
            }
            client.mail("a@pass.example", &[]).unwrap();
            let rcpt = format!("{name}-{}@example.org", when.escape_ascii());
            assert_eq!(client.rcpt(&rcpt, &[]).unwrap(), Reply::Continue, "{name}");
            client.quit().unwrap();
            let line = stage.decision(&rcpt);
            assert_eq!(field(&line, "client"), address, "{name}");
            assert_eq!(field(&line, "spf"), "pass", "{name}");
        }
    }
}

#[test]
fn an_address_that_may_not_send_is_refused_in_every_form() {
    let stage = Stage::set(ENFORCE);
    for peer in [
        Peer::Raw(b'4', 25, b"198.51.100.1"),
        Peer::Raw(b'6', 25, b"2001:db9::1"),
        Peer::Raw(b'6', 25, b"IPv6:2001:db9::1"),
        Peer::Raw(b'6', 25, b"::ffff:198.51.100.1"),
    ] {
        let mut client = stage.client();
        client.connect("unknown", peer).unwrap();
        client.helo("client.example").unwrap();
        client.mail("a@pass.example", &[]).unwrap();
        assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
    }
}

/// non_smtpd_milters: a session from 127.0.0.1, port 0, without HELO.
#[test]
fn postfix_s_own_mail_is_never_refused() {
    let stage =
        Stage::set("mode: enforce\nlocal: {domains: [example.org], networks: [10.0.0.0/8]}\n");
    for client_addr in [None, Some("127.0.0.1")] {
        let mut client = stage.client();
        client
            .connect("localhost", Peer::Inet("127.0.0.1:0".parse().unwrap()))
            .unwrap();
        if let Some(address) = client_addr {
            client
                .macros(command::MAIL, &[("{client_addr}", address)])
                .unwrap();
        }
        client.mail("joe@fail.example", &[]).unwrap();
        assert_eq!(
            client.rcpt("joe@example.org", &[]).unwrap(),
            Reply::Continue
        );
        let outcome = client.eom().unwrap();
        assert_eq!((outcome.reply, outcome.changes.len()), (Reply::Continue, 0));
        client.quit().unwrap();
    }
    let line = stage.decision("joe@example.org");
    assert_eq!(field(&line, "reason"), "outgoing_local");
    assert_eq!(stage.dns.queries(), []);
}
