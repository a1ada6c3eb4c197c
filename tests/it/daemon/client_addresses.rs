//! Every way in which an MTA writes a client's address.

use std::net::SocketAddr;

use lab::milter::{Peer, Reply, wire::command};

use super::{ENFORCE, Macros, STRANGER, Stage, assert_refused, field};

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

/// A stranger whose address the MTA lost sight of is no mail of our own, whatever is left from another message.
#[test]
fn a_client_without_an_address_is_a_stranger() {
    let yaml = "local: {domains: [example.org], networks: [127.0.0.1]}\n";
    let folder = lab::mta::folder_in_memory().unwrap();
    let keys = crate::batv::key_file(folder.path());
    let keys = keys.display();
    let proof =
        format!("proof: {{key_file: {keys}, batv: {{sign: true}}, watermark: {{sign: true}}}}\n");
    let enforce = Stage::set(&format!("mode: enforce\n{yaml}{proof}"));
    let monitor = Stage::set(&format!("{yaml}{proof}"));
    let cases: [(&str, Peer, Macros); 7] = [
        ("unknown", Peer::Unknown, &[("{client_addr}", "unknown")]),
        (
            "unknown",
            Peer::Raw(b'4', 40_000, b"unknown"),
            &[("{client_addr}", "unknown")],
        ),
        ("unknown", Peer::Unknown, &[]),
        ("localhost", Peer::Unknown, &[("{client_addr}", "")]),
        ("[0]", Peer::Unknown, &[("{client_addr}", "0")]),
        (
            "localhost",
            Peer::Raw(b'6', 0, b"\xff"),
            &[("{client_addr}", "\u{fc}")],
        ),
        ("localhost", Peer::Unix("/run/x"), &[]),
    ];
    for (number, (name, peer, macros)) in cases.into_iter().enumerate() {
        for stage in [&enforce, &monitor] {
            let mut client = stage.client();
            client.macros(command::CONNECT, macros).unwrap();
            client.connect(name, peer).unwrap();
            // A login of the message before doesn't stay, although the MTA sends no macros.
            client.helo("client.example").unwrap();
            client
                .macros(command::MAIL, &[("{auth_authen}", "joe")])
                .unwrap();
            client.mail("joe@example.org", &[]).unwrap();
            client.abort().unwrap();
            client.mail("joe@example.org", &[]).unwrap();
            let rcpt = format!("joe{number}@example.org");
            let reply = client.rcpt(&rcpt, &[]);
            if std::ptr::eq(stage, &enforce) {
                assert_refused(reply, "451 4.7.1 The address of this client ");
                assert_eq!(
                    client.rcpt("postmaster@example.org", &[]).unwrap(),
                    Reply::Continue
                );
                let line = stage.decision(&rcpt);
                assert_eq!(field(&line, "verdict"), "tempfail", "{name} {peer:?}");
                assert_eq!(field(&line, "reason"), "client_unknown");
                continue;
            }
            assert_eq!(reply.unwrap(), Reply::Continue);
            super::headers(&mut client, "From: joe@example.org\nTo: x@example.org").unwrap();
            let outcome = client.eom().unwrap();
            assert_eq!(outcome.reply, Reply::Continue);
            // No tag, no watermark: what it says of itself is all that is added.
            assert_eq!(super::but_headers(&outcome), [], "{name} {peer:?}");
            let added = super::inserted(&outcome);
            assert!(
                !added.contains(&"X-Backstop-Watermark".to_owned()),
                "{added:?}"
            );
            let line = stage.decision(&rcpt);
            assert_eq!(field(&line, "would"), "tempfail", "{line}");
            assert_eq!(field(&line, "reason"), "client_unknown");
            assert_eq!(field(&line, "signed"), "-", "{line}");
        }
    }
    assert_eq!(enforce.dns.queries(), []);
}

/// Said once, and counted: each client of a proxy's would repeat it.
#[test]
fn a_private_address_that_is_judged_is_warned_of() {
    let stage = Stage::set(
        "local: {domains: [example.org], networks: [10.1.0.0/16]}\n\
         exempt: {clients: [10.2.0.1]}\nspf: {trusted_forwarders: [10.3.0.1]}\n",
    );
    for address in [
        "10.1.0.1",
        "10.2.0.1",
        "10.3.0.1",
        STRANGER,
        "172.17.0.1",
        "10.4.0.1",
    ] {
        let mut client = stage.session(address);
        client.mail("a@pass.example", &[]).unwrap();
        client.rcpt("joe@example.org", &[]).unwrap();
        client.quit().unwrap();
    }
    stage.backstop.wait_for_log("client=10.4.0.1 ").unwrap();
    let log = stage.backstop.log();
    assert_eq!(log.matches("private client: ").count(), 1, "{log}");
    assert!(
        log.contains("private client: 172.17.0.1 is a private address outside of `local.networks`")
    );
}

/// Both MTAs' `sendmail -bs`, where `local.networks` lacks loopback.
#[test]
fn a_session_on_standard_input_is_of_this_host() {
    let stage =
        Stage::set("mode: enforce\nlocal: {domains: [example.org], networks: [10.0.0.0/8]}\n");
    for (peer, client_addr) in [
        (Peer::Unknown, "127.0.0.1"),
        (Peer::Unknown, "IPv6:::1"),
        (Peer::Unknown, "0"),
        (Peer::Raw(b'L', 0, b""), "[UNIX: localhost]"),
    ] {
        let mut client = stage.client();
        client
            .macros(command::CONNECT, &[("{client_addr}", client_addr)])
            .unwrap();
        client.connect("localhost", peer).unwrap();
        client.helo("elsewhere.example").unwrap();
        client.mail("joe@fail.example", &[]).unwrap();
        assert_eq!(
            client.rcpt("joe@example.org", &[]).unwrap(),
            Reply::Continue
        );
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
        client.quit().unwrap();
    }
    let log = stage.backstop.log();
    assert_eq!(log.matches(" reason=outgoing_local ").count(), 4, "{log}");
    assert_eq!(stage.dns.queries(), []);
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
