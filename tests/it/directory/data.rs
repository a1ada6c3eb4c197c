//! An address is data: it finds itself, and nothing else.

use backstop::core::recipients::Known;

use super::{KINDS, LISTED, ask_bytes, directory, is_listed, known, lent, questions};

/// What would change a question, were it put into its text.
const HOSTILE: [&str; 14] = [
    "' OR '1'='1",
    "' OR 1=1 -- ",
    "'; DROP TABLE mailbox; --",
    "\\' OR 1=1 -- ",
    "%",
    "joe%",
    "_oe",
    "*",
    "j*",
    "joe)(mail=*",
    "*)(objectClass=*",
    "\\2a",
    ":address",
    "$1",
];

#[test]
fn the_listed_are_known_with_and_without_their_extension() {
    for kind in KINDS {
        let server = lent(kind);
        let directory = directory(&known(kind, server.port(), ""));
        for (address, listed) in [
            ("joe@example.org", true),
            ("JOE@Example.ORG", true),
            ("joe+x@example.org", true),
            ("ann+shop@example.org", true),
            ("ann@example.org", false),
            ("ann+other@example.org", false),
            ("o'brien@example.org", true),
            ("\"o'brien\"@example.org", true),
            ("nobody@example.org", false),
        ] {
            assert_eq!(
                is_listed(&directory, address),
                listed,
                "{kind:?}: {address}"
            );
        }
    }
}

#[test]
fn hostile_addresses_find_nothing_and_harm_nothing() {
    for kind in KINDS {
        let server = lent(kind);
        let directory = directory(&known(kind, server.port(), ", timeout: 10s"));
        for local in HOSTILE {
            let quoted = local.replace('\\', "\\\\").replace('"', "\\\"");
            for address in [
                format!("{local}@example.org"),
                format!("\"{quoted}\"@example.org"),
            ] {
                let found = ask_bytes(&directory, address.as_bytes());
                assert_eq!(found, Known::NotListed, "{kind:?}: {address}");
            }
        }
        assert!(is_listed(&directory, LISTED[0]), "{kind:?}");
    }
}

#[test]
fn what_is_no_text_is_never_sent() {
    for kind in KINDS {
        let server = lent(kind);
        let directory = directory(&known(kind, server.port(), ""));
        assert!(is_listed(&directory, "joe@example.org"));
        let before = questions(&server, "");
        for local in [
            b"joe\0".as_slice(),
            b"joe\xff",
            b"\"joe\\\0\"",
            b"",
            "x".repeat(65_536).as_bytes(),
        ] {
            let address = [local, b"@example.org"].concat();
            assert_eq!(
                ask_bytes(&directory, &address),
                Known::NotListed,
                "{kind:?}"
            );
        }
        let asked = questions(&server, "");
        assert_eq!(asked, before, "{kind:?}: {}", server.log());
    }
}

#[test]
fn text_beyond_ascii_is_found() {
    for kind in [
        lab::directory::Kind::Postgresql,
        lab::directory::Kind::Mariadb,
    ] {
        let server = lent(kind);
        let directory = directory(&known(kind, server.port(), ""));
        assert!(is_listed(&directory, "dürst@example.org"), "{kind:?}");
        assert!(!is_listed(&directory, "dörst@example.org"), "{kind:?}");
    }
}
