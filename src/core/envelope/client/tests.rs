use super::*;
use crate::core::local;
use crate::core::{
    local::{Authenticated, Local},
    verdict::Outgoing,
};

const NOBODY: Option<&[u8]> = None;

/// Where loopback is elsewhere, and where it is in `local.networks`.
type Directions = (Option<Outgoing>, Option<Outgoing>);

fn inet(text: &str) -> Peer {
    Peer::Inet(text.parse().unwrap())
}

/// Every form of CONNECT, and what mail of such a client is where `local.networks` has 10.0.0.0/8 alone, and where it
/// has loopback.
#[test]
fn who_is_local() {
    use Outgoing::{Local, Network};
    let stranger = (None, None);
    let local = (Some(Local), Some(Local));
    let by_network = (None, Some(Network));
    let rows: &[(&str, Peer, Option<&[u8]>, Directions)] = &[
        // Postfix's non_smtpd_milters, also where IPv6 comes first.
        ("localhost", inet("127.0.0.1:0"), Some(b"127.0.0.1"), local),
        ("localhost", inet("127.0.0.1:0"), None, local),
        ("localhost", inet("[::1]:0"), Some(b"IPv6:::1"), local),
        ("localhost", inet("[::ffff:127.0.0.1]:0"), None, local),
        // Postfix's `sendmail -bs` as mail_owner.
        ("localhost", Peer::Unknown, Some(b"127.0.0.1"), local),
        ("localhost", Peer::Unknown, Some(b"IPv6:::1"), local),
        // Sendmail's, on a pipe and on a socket pair.
        ("localhost", Peer::Unknown, Some(b"0"), local),
        ("localhost", Peer::Unix, Some(b"[UNIX: localhost]"), local),
        // A client that pipelined and went away, and XCLIENT ADDR=[UNAVAILABLE]: Postfix.
        ("unknown", Peer::Unknown, Some(b"unknown"), stranger),
        ("unknown", Peer::Unknown, None, stranger),
        ("localhost", Peer::Unknown, None, stranger),
        ("localhost", Peer::Unknown, Some(b"unknown"), stranger),
        // The same, of Sendmail under inetd.
        ("[0]", Peer::Unknown, Some(b"0"), stranger),
        ("unknown", Peer::Unknown, Some(b"0"), stranger),
        // A macro that says nothing.
        ("localhost", Peer::Unknown, Some(b""), stranger),
        ("localhost", Peer::Unknown, Some(b"\xff\xfe"), stranger),
        ("localhost", Peer::Unknown, Some(b"127.0.0.1 "), stranger),
        ("localhost", Peer::Unix, None, stranger),
        ("localhost", Peer::Unix, Some(b"0"), stranger),
        ("unknown", Peer::Unix, Some(b"[UNIX: localhost]"), stranger),
        // An SMTP client on loopback can be a proxy, and so anybody; so can one that a proxy names to the MTA.
        (
            "localhost",
            inet("127.0.0.1:40000"),
            Some(b"127.0.0.1"),
            by_network,
        ),
        ("localhost", inet("[::1]:40000"), None, by_network),
        (
            "localhost",
            inet("[::ffff:127.0.0.1]:40000"),
            None,
            by_network,
        ),
        (
            "[127.0.0.1]",
            inet("127.0.0.1:0"),
            Some(b"127.0.0.1"),
            by_network,
        ),
        ("unknown", Peer::Unknown, Some(b"127.0.0.1"), by_network),
        ("localhost", inet("127.0.0.2:0"), None, by_network),
        ("localhost", Peer::Unknown, Some(b"127.0.0.2"), by_network),
        // Port 0 makes nobody local, nor does the name.
        (
            "[192.0.2.1]",
            inet("192.0.2.1:0"),
            Some(b"192.0.2.1"),
            stranger,
        ),
        ("localhost", inet("192.0.2.1:40000"), None, stranger),
        ("localhost", inet("0.0.0.0:0"), None, stranger),
        ("localhost", inet("[::]:0"), None, stranger),
        // The address of CONNECT goes before the macro's.
        (
            "localhost",
            inet("192.0.2.1:40000"),
            Some(b"127.0.0.1"),
            stranger,
        ),
        (
            "a.example",
            inet("[::ffff:10.1.2.3]:40000"),
            None,
            (Some(Network), None),
        ),
        (
            "a.example",
            Peer::Unknown,
            Some(b"IPv6:::ffff:10.1.2.3"),
            (Some(Network), None),
        ),
    ];
    let with = |networks: &[&str]| local::Local {
        networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
        ..local::Local::default()
    };
    let (elsewhere, loopback) = (with(&["10.0.0.0/8"]), with(&["127.0.0.0/8", "::1"]));
    for (name, peer, client_addr, outgoing) in rows {
        let client = Client::connected(name.as_bytes(), *peer, *client_addr);
        assert!(!client.local || client.address.is_none(), "{name} {peer:?}");
        // Neither a HELO nor its lack makes anybody local.
        for helo in [None, Some(b"localhost".to_vec())] {
            let client = Client {
                helo,
                ..client.clone()
            };
            assert_eq!(
                (elsewhere.outgoing(&client), loopback.outgoing(&client)),
                *outgoing,
                "{name} {peer:?} {client_addr:?}"
            );
        }
    }
}

#[test]
fn addresses_that_no_stranger_has() {
    for (address, is_private) in [
        ("10.0.0.1", true),
        ("10.255.255.255", true),
        ("172.16.0.1", true),
        ("172.17.0.1", true),
        ("172.31.255.255", true),
        ("192.168.1.1", true),
        ("169.254.1.1", true),
        ("::ffff:172.17.0.1", true),
        ("fc00::1", true),
        ("fdff::1", true),
        ("fe80::1", true),
        ("febf::1", true),
        ("172.15.0.1", false),
        ("172.32.0.1", false),
        ("192.169.0.1", false),
        ("11.0.0.1", false),
        ("192.0.2.1", false),
        ("fec0::1", false),
        ("2001:db8::1", false),
        ("127.0.0.1", false),
        ("::1", false),
    ] {
        let peer = Peer::Inet(SocketAddr::new(address.parse().unwrap(), 25));
        let client = Client::connected(b"a.example", peer, None);
        assert_eq!(client.private_address().is_some(), is_private, "{address}");
    }
    assert_eq!(Client::default().private_address(), None);
}

/// What Postfix says in `{client_addr}` at MAIL alone, where CONNECT gave no address.
#[test]
fn the_address_may_come_at_mail() {
    let seen = |name: &str, peer, at_connect, at_mail: Option<&[u8]>| {
        let client = Client::connected(name.as_bytes(), peer, at_connect);
        let client = client.at_mail(None, at_mail);
        (
            client.address.map(|address| address.to_string()),
            client.local,
        )
    };
    let login = Client::default().at_mail(Some(b"joe".to_vec()), None).login;
    assert_eq!(login, Some(b"joe".to_vec()));
    let some = |text: &str| Some(text.to_owned());
    let from = Peer::Unknown;
    assert_eq!(
        seen("a", from, NOBODY, Some(b"192.0.2.7")),
        (some("192.0.2.7"), false)
    );
    // Nothing that comes later makes a client local.
    assert_eq!(
        seen("localhost", from, NOBODY, Some(b"127.0.0.1")),
        (some("127.0.0.1"), false)
    );
    assert_eq!(seen("localhost", from, NOBODY, Some(b"0")), (None, false));
    // Nor has a local one an address.
    assert_eq!(
        seen("localhost", from, Some(b"0"), Some(b"192.0.2.7")),
        (None, true)
    );
    assert_eq!(
        seen("a", inet("192.0.2.1:9"), NOBODY, Some(b"127.0.0.1")),
        (some("192.0.2.1"), false)
    );
}

/// The signs that the file names, each alone, of a client with an address and of one without.
#[test]
fn who_is_outgoing_by_another_sign() {
    let networks = vec!["10.0.0.0/8".parse().unwrap()];
    let local = Local {
        networks: networks.clone(),
        ..local::Local::default()
    };
    let judged = Local {
        authenticated: Authenticated::Judged,
        networks,
        ..local::Local::default()
    };
    for address in ["192.0.2.1", "none"] {
        let client = |login: Option<&str>, daemon: Option<&[u8]>| Client {
            address: address.parse().ok(),
            login: login.map(Into::into),
            daemon: daemon.map(Into::into),
            ..Client::default()
        };
        for (client, outgoing) in [
            (client(None, None), None),
            (client(None, Some(b"smtpd")), None),
            (client(None, Some(b"originating")), None),
            (client(None, Some(b"")), None),
            (client(None, Some(b"ORIGINATING\xff")), None),
            (client(None, Some(b"ORIGINATING")), Some(Outgoing::Daemon)),
            (client(Some("joe"), None), Some(Outgoing::Authenticated)),
        ] {
            assert_eq!(local.outgoing(&client), outgoing, "{client:?}");
            assert_eq!(client.is_unknown(), address == "none");
        }
        assert_eq!(judged.outgoing(&client(Some("joe"), None)), None);
    }
}
