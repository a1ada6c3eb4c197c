//! A key file is read as it was written, and an error names the line, never a secret.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "bm90IHNvIHNlY3JldCBhZnRlciBhbGw";

fn key(id: u8, retired: Option<u64>) -> Key {
    Key::new(id, 20_000, &[id; 32], retired).unwrap()
}

#[test]
fn the_newest_that_is_not_retired_signs() {
    let keys: Keys = [
        key(0, Some(20_010)),
        key(1, None),
        key(2, None),
        key(3, Some(20_020)),
    ]
    .into_iter()
    .collect();
    assert_eq!(keys.signing().map(Key::id), Some(2));
    let live = |today| keys.live(today, 7).map(Key::id).collect::<Vec<_>>();
    assert_eq!(live(20_017), [3, 2, 1, 0]);
    assert_eq!(live(20_018), [3, 2, 1]);
    assert_eq!(live(20_028), [2, 1]);
    assert_eq!(live(0), [3, 2, 1, 0]);
    assert_eq!(Keys::default().signing(), None);
}

#[test]
fn an_id_is_one_keys_while_that_is_in_use() {
    let mut keys = Keys::default();
    assert!(keys.add(key(4, None)).is_ok());
    assert!(keys.add(key(4, None)).is_err());
    assert!(keys.retire(4, 20_001) && !keys.retire(4, 20_002));
    assert!(keys.add(key(4, None)).is_ok());
    assert_eq!(keys.len(), 2);
    assert_eq!(Key::new(10, 0, &[], None), None);
}

/// A reload takes over what changed: each of id, days and secret.
#[test]
fn keys_are_the_same_in_all_or_not_at_all() {
    let of = |id, created, secret: &[u8], retired| Key::new(id, created, secret, retired).unwrap();
    let one = of(1, 20_000, b"secret", None);
    assert_eq!(one, of(1, 20_000, b"secret", None));
    for other in [
        of(2, 20_000, b"secret", None),
        of(1, 20_001, b"secret", None),
        of(1, 20_000, b"Secret", None),
        of(1, 20_000, b"secret", Some(20_001)),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn a_damaged_file_is_told_with_its_line() {
    let good =
        format!("# comment\n\n  1 2026-01-31 {SECRET}\r\n2 2026-02-01 {SECRET} 2026-03-01\n");
    assert_eq!(Keys::parse(&good).unwrap().len(), 2);
    assert_eq!(Keys::parse("").unwrap(), Keys::default());
    for line in [
        format!("10 2026-01-31 {SECRET}"),
        format!("x 2026-01-31 {SECRET}"),
        format!("3 {SECRET}"),
        format!("3 2026-02-30 {SECRET}"),
        format!("3 1969-12-31 {SECRET}"),
        format!("3 2026-2-01 {SECRET}"),
        "3 2026-01-31".to_owned(),
        format!("3 2026-01-31 {SECRET}="),
        format!("3 2026-01-31 +{SECRET}"),
        "3 2026-01-31 c2hvcnQ".to_owned(),
        format!("3 2026-01-31 {}", "AAAA".repeat(50)),
        format!("3 2026-01-31 {SECRET} retired"),
        format!("3 2026-01-31 {SECRET} 2026-02-01 x"),
        format!("1 2026-01-31 {SECRET}"),
        "\u{fffd}".to_owned(),
    ] {
        let error = Keys::parse(&format!("{good}{line}\n")).unwrap_err();
        assert_eq!(error.line, 5, "{line}");
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
}

#[test]
fn no_secret_is_shown() {
    let keys = Keys::parse(&format!("1 2026-01-31 {SECRET}\n")).unwrap();
    let shown = format!("{keys:?} {keys:#?}");
    assert!(shown.contains("id: 1"), "{shown}");
    for secret in [SECRET, "secret", "110, 111, 116"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        keys in prop::collection::vec(
            (0_u8..10, 0_u64..2_000_000, prop::collection::vec(any::<u8>(), 16..=128), any::<bool>()),
            0..8,
        )
    ) {
        let mut written = Keys::default();
        for (id, day, secret, retire) in keys {
            if written.add(Key::new(id, day, &secret, None).unwrap()).is_ok() && retire {
                written.retire(id, day + 1);
            }
        }
        prop_assert_eq!(Keys::parse(&written.to_text()).unwrap(), written);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), head in "[0-9] [0-9-]{0,11} ?") {
        let _ = Keys::parse(&text);
        let _ = Keys::parse(&(head + &text));
    }
}

#[test]
fn days_are_those_of_the_calendar() {
    for (text, number) in [
        ("1970-01-01", 0),
        ("2000-02-29", 11_016),
        ("2026-01-31", 20_484),
    ] {
        assert_eq!(day(text), Some(number));
        assert_eq!(date(number), text);
    }
    assert_eq!(date(u64::MAX), "9999-12-31");
}

/// It verifies from now on, and signs when the one before it is retired.
#[test]
fn a_key_on_standby_signs_later() {
    let ids = |keys: &Keys| keys.iter().map(Key::id).collect::<Vec<_>>();
    let mut keys = Keys::default();
    assert!(keys.add_standby(key(0, None)).is_ok());
    assert!(keys.add_standby(key(1, None)).is_ok());
    assert!(keys.add_standby(key(1, None)).is_err());
    assert_eq!(ids(&keys), [1, 0]);
    assert_eq!(keys.signing().map(Key::id), Some(0));
    assert!(keys.retire(0, 20_001));
    assert_eq!(keys.signing().map(Key::id), Some(1));
    assert!(keys.add_standby(key(2, None)).is_ok());
    assert_eq!(ids(&keys), [2, 1, 0]);
    assert_eq!(keys.signing().map(Key::id), Some(1));
    let retired: Vec<_> = keys.iter().map(Key::retired).collect();
    assert_eq!(retired, [None, None, Some(20_001)]);
}
