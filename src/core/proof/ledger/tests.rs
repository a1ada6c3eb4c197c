//! Every entry is found again while it is kept, whichever key wrote it, and nothing else is.

use proptest::prelude::*;

use super::*;

const DAY: u64 = 20_000;

fn key(id: u8, retired: Option<u64>) -> Key {
    Key::new(id, DAY - 100, &[id + 1; 32], retired).unwrap()
}

fn keys(keys: impl IntoIterator<Item = Key>) -> Keys {
    keys.into_iter().collect()
}

fn any_hashed() -> impl Strategy<Value = Hashed> {
    prop_oneof![
        Just(Hashed::MessageId),
        Just(Hashed::Sender),
        Just(Hashed::Recipient),
        Just(Hashed::Host),
        Just(Hashed::Copy),
        Just(Hashed::Notification),
        Just(Hashed::Replier),
        Just(Hashed::Learned)
    ]
}

#[test]
fn a_hash_is_that_of_the_label_and_the_text() {
    // printf 'backstop ledger sender\0user@example.org' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf "01%.0s" {1..32})
    let known = "c1e6f001d09d054dce6859be8f8a3b6e";
    let hash = hash(&keys([key(0, None)]), Hashed::Sender, b"user@example.org");
    assert_eq!(format!("{:?}", hash.unwrap()), known);
}

#[test]
fn without_a_key_that_signs_nothing_is_written() {
    for keys in [Keys::default(), keys([key(0, Some(DAY))])] {
        assert_eq!(hash(&keys, Hashed::Sender, b"user@example.org"), None);
    }
    assert!(hashes(&Keys::default(), Hashed::Sender, b"a", DAY, 30).is_empty());
}

#[test]
fn the_newest_key_is_asked_first() {
    let two = keys([key(0, None), key(1, None)]);
    let found = hashes(&two, Hashed::MessageId, b"1@example.org", DAY, 30);
    assert_eq!(found.len(), 2);
    assert_eq!(
        Some(found[0]),
        hash(&two, Hashed::MessageId, b"1@example.org")
    );
}

#[test]
fn message_ids_are_what_stands_between_the_brackets() {
    let longest = format!("<{}>", "a".repeat(998));
    let too_long = format!("<{}>", "a".repeat(999));
    for (value, id) in [
        (" <1@example.org>", Some("1@example.org")),
        ("\r\n <1@example.org>\r\n", Some("1@example.org")),
        (
            "(a (nested) <comment>) <1@example.org> (Postfix)",
            Some("1@example.org"),
        ),
        ("<1 @ example.org>", Some("1@example.org")),
        ("<\"a b\"@example.org>", Some("\"a b\"@example.org")),
        ("<1@[192.0.2.1]>", Some("1@[192.0.2.1]")),
        ("<Case.Counts@Example.ORG>", Some("Case.Counts@Example.ORG")),
        (
            "words before <1@example.org> <2@example.org>",
            Some("1@example.org"),
        ),
        (" 1@example.org (no brackets)", Some("1@example.org")),
        ("12:30,x@example.org", Some("12:30,x@example.org")),
        (longest.as_str(), Some(&longest[1..999])),
        (too_long.as_str(), None),
        ("<>", None),
        ("< >", None),
        ("", None),
        (" (only a comment)", None),
        ("<1@example.org", None),
    ] {
        let id = id.map(|id| id.as_bytes().to_vec());
        assert_eq!(message_id(value.as_bytes()), id, "{value:?}");
    }
}

#[test]
fn an_address_has_one_form() {
    for (written, form) in [
        ("User@Example.ORG", "user@example.org"),
        ("\"User\"@example.org.", "user@example.org"),
        ("user@b\u{fc}cher.example", "user@xn--bcher-kva.example"),
        ("user+List@example.org", "user+list@example.org"),
        ("user", "user"),
    ] {
        let mailbox = Mailbox::from_bytes(written.as_bytes());
        assert_eq!(address(&mailbox), form.as_bytes(), "{written}");
    }
}

/// A list has one of these in MAIL FROM; no registry, and no provider of names for strangers, has.
#[test]
fn hosts_are_the_names_that_one_owner_registered() {
    for (domain, expected) in [
        ("example.net", "example.net"),
        ("lists.example.net", "lists.example.net example.net"),
        (
            "a.lists.example.co.uk",
            "a.lists.example.co.uk lists.example.co.uk example.co.uk",
        ),
        ("co.uk", "co.uk"),
        ("joe.github.io", "joe.github.io"),
        ("host.corp", "host.corp"),
        ("corp", "corp"),
    ] {
        let found: Vec<_> = hosts(&domain.parse().unwrap()).collect();
        let found: Vec<_> = found.iter().map(Domain::as_str).collect();
        assert_eq!(found.join(" "), expected);
    }
}

proptest! {
    #[test]
    fn an_entry_is_found_while_it_is_kept(
        what in any_hashed(),
        text in prop::collection::vec(any::<u8>(), 0..80),
        keep in 1_u64..100,
        age in 0_u64..200,
        retired_after in prop::option::of(0_u64..100),
    ) {
        let mut keys = keys([key(0, Some(DAY)), key(1, None)]);
        let written = hash(&keys, what, &text).unwrap();
        if let Some(days) = retired_after {
            prop_assert!(keys.retire(1, DAY + days));
            prop_assert!(keys.add(key(2, None)).is_ok());
            prop_assert_ne!(hash(&keys, what, &text), Some(written));
        }
        let found = hashes(&keys, what, &text, DAY + age, keep).contains(&written);
        if age <= keep {
            prop_assert!(found);
        }
        // Of a key in use it is the store that forgets the entry.
        prop_assert_eq!(found, retired_after.is_none_or(|days| age <= days + keep));
    }

    #[test]
    fn a_changed_octet_is_not_found(
        what in any_hashed(),
        text in prop::collection::vec(any::<u8>(), 1..80),
        at in any::<prop::sample::Index>(),
        change in 1_u8..,
    ) {
        let keys = keys([key(0, None), key(1, None)]);
        let written = hash(&keys, what, &text).unwrap();
        let mut changed = text.clone();
        changed[at.index(text.len())] ^= change;
        prop_assert!(!hashes(&keys, what, &changed, DAY, 30).contains(&written));
    }

    #[test]
    fn another_thing_has_another_hash(
        one in any_hashed(),
        other in any_hashed(),
        text in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let keys = keys([key(0, None)]);
        prop_assert_eq!(hash(&keys, one, &text) == hash(&keys, other, &text), one == other);
    }

    #[test]
    fn no_value_makes_it_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(id) = message_id(&value) {
            prop_assert!(!id.is_empty() && id.len() <= 998);
        }
    }
}

#[test]
fn an_entry_counts_for_its_days() {
    let at = 1_000_000_000;
    let day = crate::core::proof::DAY;
    let entry = Remembered {
        at,
        recipient_count: 0,
        sender: None,
        recipients: Vec::new(),
        hosts: Vec::new(),
    };
    for (now, is_kept) in [
        (at, true),
        (at + 10 * day, true),
        (at + 30 * day, true),
        (at + 30 * day + 1, false),
        // The clock of the host that sent it can be ahead.
        (at - 600, true),
        (u64::MAX, false),
    ] {
        assert_eq!(entry.is_kept(30, now), is_kept, "{now}");
    }
    assert!(entry.is_kept(u64::MAX, u64::MAX));
}
