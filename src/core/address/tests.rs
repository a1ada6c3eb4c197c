use super::*;

fn domain_of(address: &[u8]) -> Option<String> {
    Mailbox::from_bytes(address)
        .domain()
        .map(ToString::to_string)
}

#[test]
fn hosts_that_are_this_one_are_known_by_their_form() {
    for (address, is_here) in [
        ("joe", true),
        ("joe@[192.0.2.1]", true),
        ("joe@localhost", true),
        ("joe@LocalHost.example.org", true),
        ("joe@[192.0.2.1", false),
        ("joe@192.0.2.1]", false),
        ("joe@example.org", false),
        ("joe@nolocalhost", false),
    ] {
        let mailbox = Mailbox::from_bytes(address.as_bytes());
        assert_eq!(mailbox.host().is_this_host(), is_here, "{address}");
    }
}

#[test]
fn domains_compare_in_a_label_form() {
    for (written, parsed) in [
        ("Example.ORG.", Some("example.org")),
        ("bücher.example", Some("xn--bcher-kva.example")),
        ("_spf.example.org", Some("_spf.example.org")),
        ("localhost", Some("localhost")),
        ("", None),
        (".", None),
        ("a..b", None),
        ("[192.0.2.1]", None),
        ("exa mple.org", None),
        ("a\0b.org", None),
    ] {
        assert_eq!(
            written.parse::<Domain>().ok().as_ref().map(Domain::as_str),
            parsed,
            "{written:?}"
        );
    }
    assert!("a".repeat(64).parse::<Domain>().is_err());
    assert!(vec!["a".repeat(63); 4].join(".").parse::<Domain>().is_err());
}

#[test]
fn the_last_at_sign_divides() {
    assert_eq!(
        domain_of(b"\"a@b\"@example.org").as_deref(),
        Some("example.org")
    );
    assert_eq!(
        domain_of(b"@relay.example:user@example.org").as_deref(),
        Some("example.org")
    );
    assert_eq!(
        domain_of(b"@relay.example,@b.example:user@example.org").as_deref(),
        Some("example.org")
    );
    assert_eq!(domain_of(b"postmaster"), None);
    assert_eq!(domain_of(b"user@[192.0.2.1]"), None);
    assert_eq!(domain_of(b"user@\xff\xfe"), None);
}

#[test]
fn the_null_sender_is_its_own_kind() {
    for null in [b"<>".as_slice(), b"", b" <> ", b"< >", b"<@a,@b:>"] {
        assert!(ReversePath::from_bytes(null).is_null(), "{null:?}");
    }
    assert!(!ReversePath::from_bytes(b"<a@example.org>").is_null());
    assert_eq!(
        ReversePath::from_bytes(b"<a@Example.ORG>").to_bytes(),
        b"a@example.org"
    );
}

#[test]
fn quoted_and_bare_local_parts_name_one_mailbox() {
    for (local, key) in [
        (b"Sales".as_slice(), b"sales".as_slice()),
        (b"\"sales\"", b"sales"),
        (b"\"a\\\"b\\\\c\"", b"a\"b\\c"),
        (b"\"", b"\""),
        // As Postfix folds case: ICU's default folding, which is the same in every language.
        ("B\u{dc}RO".as_bytes(), "b\u{fc}ro".as_bytes()),
        ("Stra\u{df}e".as_bytes(), b"strasse"),
        ("STRA\u{1e9e}E".as_bytes(), b"strasse"),
        (
            "\u{3a3}\u{39f}\u{3a6}\u{39f}\u{3a3}".as_bytes(),
            "\u{3c3}\u{3bf}\u{3c6}\u{3bf}\u{3c3}".as_bytes(),
        ),
        (
            "\u{3c3}\u{3bf}\u{3c6}\u{3bf}\u{3c2}".as_bytes(),
            "\u{3c3}\u{3bf}\u{3c6}\u{3bf}\u{3c3}".as_bytes(),
        ),
        ("\u{130}I".as_bytes(), "i\u{307}i".as_bytes()),
        ("\u{131}".as_bytes(), "\u{131}".as_bytes()),
        ("\u{fb01}".as_bytes(), b"fi"),
        ("\u{416}".as_bytes(), "\u{436}".as_bytes()),
        // It makes no difference between ways to write a letter.
        ("U\u{308}".as_bytes(), "u\u{308}".as_bytes()),
        (b"B\xdcRO", b"b\xdcro"),
    ] {
        let mailbox = Mailbox::from_bytes(&[local, b"@example.org"].concat());
        assert_eq!(mailbox.local_key(), key, "{local:?}");
    }
}

#[test]
fn below_means_at_a_dot() {
    let parent: Domain = "example.org".parse().unwrap();
    for (name, below) in [
        ("example.org", true),
        ("a.example.org", true),
        ("badexample.org", false),
        ("org", false),
    ] {
        assert_eq!(
            name.parse::<Domain>().unwrap().is_at_or_below(&parent),
            below,
            "{name}"
        );
    }
}
