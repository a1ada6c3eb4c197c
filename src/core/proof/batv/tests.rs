//! Tags are what other programs make of the same key, and count for their lifetime, whatever day it is.

use proptest::prelude::*;

use super::*;
use crate::core::proof::Key;

fn keys(id: u8, secret: &[u8]) -> Keys {
    Key::new(id, 0, secret, None).into_iter().collect()
}

fn ours() -> Keys {
    keys(3, b"a secret of 24 octets...")
}

fn mailbox(text: impl AsRef<[u8]>) -> Mailbox {
    Mailbox::from_bytes(text.as_ref())
}

fn tag(address: impl AsRef<[u8]>) -> Tag {
    match read(&mailbox(&address), "+-") {
        Some(Tagged::Ours(tag)) => tag,
        other => panic!(
            "{:?}: {other:?}",
            address.as_ref().escape_ascii().to_string()
        ),
    }
}

fn signed(address: &str) -> Result<Vec<u8>, Unsigned> {
    sign(&mailbox(address), &ours(), 20_000, 7, Layout::Prvs, "+")
}

/// The draft's own form, with the numbers that Exim's `${prvs{...}}` and batv-milter give.
#[test]
fn the_tag_is_the_one_that_others_make() {
    let user = mailbox("user@example.com");
    let keys = keys(0, b"secret");
    let signed = |layout| sign(&user, &keys, 20_116, 7, layout, "+").unwrap();
    assert_eq!(signed(Layout::Prvs), b"prvs=0123cfcd40=user@example.com");
    assert_eq!(
        signed(Layout::SubAddress),
        b"user+prvs=0123cfcd40@example.com"
    );
}

#[test]
fn both_layouts_are_read_and_what_others_write_is_left_alone() {
    for (local, original) in [
        ("prvs=0123cfcd40=user", Some(Some("user"))),
        ("PRVS=0123CFCD40=User", Some(Some("User"))),
        ("\"prvs=0123cfcd40=user\"", Some(Some("user"))),
        ("prvs=0123cfcd40=a=b+c", Some(Some("a=b+c"))),
        ("user+prvs=0123cfcd40", Some(Some("user"))),
        ("user-prvs=0123cfcd40", Some(Some("user"))),
        ("user+shop+prvs=0123cfcd40", Some(Some("user+shop"))),
        ("prvs=user=0123cfcd40", Some(None)),
        ("prvs=tag=user", Some(None)),
        ("prvs=0123cfcd4=user", Some(None)),
        ("prvs=0123cfcd401=user", Some(None)),
        ("prvs=x123cfcd40=user", Some(None)),
        ("prvs=0123cfcd4x=user", Some(None)),
        ("prvs=+123cfcd40=user", Some(None)),
        ("prvs=0123cfcd40=a b", Some(None)),
        ("prvs=0123cfcd40=ü", Some(None)),
        ("btv1==0123cfcd40==user", Some(None)),
        ("msprvs1=17465Ewo3YhzM=user", Some(None)),
        ("prvs=0123cfcd40=", None),
        ("prvs==user", None),
        ("prvs=0123cfcd40", None),
        ("user=prvs=0123cfcd40", None),
        ("+prvs=0123cfcd40", None),
        ("user+prvs=0123cfcd4", None),
        ("SRS0=x=yz=example.net=user+prvs=0123cfcd40", None),
        ("user", None),
        ("", None),
    ] {
        let address = mailbox(format!("{local}@example.com"));
        let found = read(&address, "+-");
        let expected =
            original.map(|original| original.map(|local| address.with_local(local.as_bytes())));
        let found = found.map(|tagged| match tagged {
            Tagged::Ours(tag) => Some(tag.original),
            Tagged::Foreign => None,
        });
        assert_eq!(found, expected, "{local}");
    }
    assert_eq!(read(&mailbox("user+prvs=0123cfcd40@example.com"), ""), None);
}

#[test]
fn what_a_tag_could_harm_is_left_alone() {
    let long = "a".repeat(64 - "prvs=0123cfcd40=".len());
    for (address, result) in [
        (
            "prvs=0123cfcd40=user@example.org",
            Some(Unsigned::AlreadyTagged),
        ),
        (
            "user+prvs=0123cfcd40@example.org",
            Some(Unsigned::AlreadyTagged),
        ),
        (
            "btv1==0123cfcd40==user@example.org",
            Some(Unsigned::AlreadyTagged),
        ),
        (
            "srs0=x=yz=example.net=user@example.org",
            Some(Unsigned::Srs),
        ),
        (
            "SRS1+x==yz=example.net=user@example.org",
            Some(Unsigned::Srs),
        ),
        ("srs0@example.org", None),
        ("jörg@example.org", Some(Unsigned::NotAscii)),
        ("\"a b\"@example.org", Some(Unsigned::Quoted)),
        ("@example.org", Some(Unsigned::Quoted)),
        ("user@[192.0.2.1]", Some(Unsigned::NoDomain)),
        ("root", Some(Unsigned::NoDomain)),
        (&format!("{long}@example.org"), None),
        (&format!("a{long}@example.org"), Some(Unsigned::TooLong)),
        ("user@bücher.example", None),
    ] {
        assert_eq!(signed(address).err(), result, "{address}");
    }
    // 254 octets with the tag, and one more.
    let domain =
        |last: usize| format!("{}.{}", vec!["a".repeat(60); 3].join("."), "a".repeat(last));
    assert_eq!(signed(&format!("user@{}", domain(50))).err(), None);
    assert_eq!(
        signed(&format!("user@{}", domain(51))).err(),
        Some(Unsigned::TooLong)
    );
    let far = vec!["a".repeat(60); 4].join(".");
    assert_eq!(
        signed(&format!("user@{far}")).err(),
        Some(Unsigned::TooLong)
    );
    let user = mailbox("user@example.org");
    let nobody = sign(&user, &Keys::default(), 20_000, 7, Layout::Prvs, "+");
    assert_eq!(nobody.err(), Some(Unsigned::NoKey));
}

#[test]
fn others_may_change_the_case_of_what_they_return() {
    let address = String::from_utf8(signed("user@Example.org").unwrap()).unwrap();
    for returned in [address.to_ascii_uppercase(), address.to_ascii_lowercase()] {
        assert_eq!(
            verify(&tag(&returned), &ours(), 20_000, 7),
            Proof::Valid { key: 3 },
            "{returned}"
        );
    }
    let address = String::from_utf8(signed("Joe.User@example.org").unwrap()).unwrap();
    for returned in [
        address.to_ascii_uppercase(),
        address.to_ascii_lowercase(),
        address,
    ] {
        let proof = verify(&tag(&returned), &ours(), 20_000, 7);
        assert_eq!(proof, Proof::Valid { key: 3 }, "{returned}");
    }
}

#[test]
fn a_roll_over_has_no_gap_and_comes_to_its_end() {
    let old = Key::new(1, 0, b"the old secret", None);
    let user = mailbox("user@example.org");
    let before: Keys = old.into_iter().collect();
    let early = tag(sign(&user, &before, 20_000, 7, Layout::Prvs, "+").unwrap());
    let mut both = before;
    both.add(Key::new(2, 20_000, b"the new secret", None).unwrap())
        .unwrap();
    let late = tag(sign(&user, &both, 20_000, 7, Layout::Prvs, "+").unwrap());
    for day in 20_000..=20_007 {
        assert_eq!(verify(&early, &both, day, 7), Proof::Valid { key: 1 });
        assert_eq!(verify(&late, &both, day, 7), Proof::Valid { key: 2 });
    }
    assert!(both.retire(1, 20_000));
    assert_eq!(verify(&early, &both, 20_007, 7), Proof::Valid { key: 1 });
    // Past its lifetime a retired key is gone, whatever its old tags say.
    assert_eq!(verify(&early, &both, 20_008, 7), Proof::Wrong);
    assert_eq!(verify(&early, &both, 21_000, 7), Proof::Wrong);
    // Its digit can then be another's.
    both.add(Key::new(1, 20_001, b"a third secret", None).unwrap())
        .unwrap();
    let third = tag(sign(&user, &both, 20_001, 7, Layout::Prvs, "+").unwrap());
    assert_eq!(verify(&third, &both, 20_001, 7), Proof::Valid { key: 1 });
    assert_eq!(verify(&early, &both, 20_001, 7), Proof::Valid { key: 1 });
}

/// Local parts of what tags, SRS, VERP, quotes and plain names are made of.
fn any_local() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[A-Za-z0-9._=+-]{1,12}",
        1 => prop::sample::select(vec![
            "prvs=", "PRVS=", "Prvs", "prvs=a", "0123cfcd40", "=", "==", "/", "+", "-", "+-", ".", "..", "#", "!", "%",
            "btv1==", "msprvs1=", "SRS0", "srs1", "SRS0=", "SRS1+", "SRS0=x=yz=example.net=", "user", "List-Owner",
            "bounces+joe=example.com", "\"", "\\", "\"a b\"", " ", "@", "ä", "ｐｒｖｓ＝", "\u{0}", "\r\n",
        ])
        .prop_map(str::to_owned),
        1 => "[a-z]{40,64}",
    ];
    let joined = |pieces: Vec<String>| pieces.concat().into_bytes();
    prop_oneof![
        9 => prop::collection::vec(piece, 0..4).prop_map(joined),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn any_domain() -> impl Strategy<Value = String> {
    let long = vec!["a".repeat(60); 4].join(".");
    let shorter = vec!["a".repeat(60); 3].join(".");
    let domains = [
        "example.org",
        "MX.Example.ORG",
        "bücher.example",
        "x",
        "[192.0.2.1]",
        "",
        "no domain",
    ];
    let mut domains: Vec<String> = domains.map(str::to_owned).to_vec();
    domains.extend([long, shorter]);
    prop::sample::select(domains)
}

/// What `local.recipient_delimiter` may be, see `src/config/checks.rs`.
fn delimiters() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "+", "+-", "-+", "-", "=", "=+", ".", "_", "/", "#", "\\", "",
    ])
}

fn local() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._=+-]{1,40}".prop_filter("plain addresses", |local| {
        signed(&format!("{local}@example.org")).is_ok()
    })
}

fn layout() -> impl Strategy<Value = Layout> {
    prop_oneof![Just(Layout::Prvs), Just(Layout::SubAddress)]
}

/// Addresses that were once signed with tags that nobody could read, and their like.
#[test]
fn what_would_read_as_something_else_is_not_signed() {
    use Layout::{Prvs, SubAddress};
    for (local, layout, delimiters, result) in [
        ("prvs=a", SubAddress, "+", Some(Unsigned::Ambiguous)),
        ("PRVS=a", SubAddress, "+", Some(Unsigned::Ambiguous)),
        ("prvs=", SubAddress, "+", Some(Unsigned::Ambiguous)),
        ("prvs=a", Prvs, "+", None),
        ("prvs=", Prvs, "+", None),
        ("prvs", SubAddress, "+", None),
        ("SRS0", SubAddress, "+", Some(Unsigned::Ambiguous)),
        ("srs1", SubAddress, "-", Some(Unsigned::Ambiguous)),
        ("SRS0", SubAddress, "#", None),
        ("SRS0", Prvs, "+", None),
        ("SRS0=x", Prvs, "+", Some(Unsigned::Srs)),
        ("SRS0=x", SubAddress, "+", Some(Unsigned::Srs)),
        ("btv1==a", SubAddress, "+", Some(Unsigned::AlreadyTagged)),
        ("btv1=", SubAddress, "=", Some(Unsigned::Delimiter)),
        ("user", SubAddress, "", Some(Unsigned::Ambiguous)),
        ("user", Prvs, "", None),
        ("user", SubAddress, "\\", Some(Unsigned::Quoted)),
        ("user", Prvs, "\\", None),
        ("user", SubAddress, "-+", None),
        ("us-er", SubAddress, "-+", Some(Unsigned::Delimiter)),
        ("us+er", SubAddress, "-+", None),
    ] {
        let sender = mailbox(format!("{local}@example.org"));
        let signed = sign(&sender, &ours(), 20_000, 7, layout, delimiters);
        assert_eq!(signed.err(), result, "{local} {layout:?} {delimiters}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Of every address, whatever it holds: what is signed is read back, also by a host that changes its case, or it is not
    /// signed for a reason that has a word.
    #[test]
    fn what_is_signed_is_read_back(
        local in any_local(),
        domain in any_domain(),
        layout in layout(),
        delimiters in delimiters(),
        today in 0_u64..40_000,
    ) {
        let sender = mailbox([&local, "@".as_bytes(), domain.as_bytes()].concat());
        let valid = Proof::Valid { key: 3 };
        match sign(&sender, &ours(), today, 7, layout, delimiters) {
            Ok(signed) => {
                prop_assert!(signed.len() <= 254 && signed.is_ascii());
                prop_assert!(mailbox(&signed).local().len() <= 64);
                for returned in [signed.clone(), signed.to_ascii_uppercase(), signed.to_ascii_lowercase()] {
                    let Some(Tagged::Ours(tag)) = read(&mailbox(&returned), delimiters) else {
                        return Err(TestCaseError::fail("nobody reads the tag"));
                    };
                    prop_assert!(tag.original.is_same(&sender));
                    prop_assert_eq!(verify(&tag, &ours(), today + 7, 7), valid);
                }
                let again = sign(&mailbox(&signed), &ours(), today, 7, layout, delimiters);
                prop_assert_eq!(again.err(), Some(Unsigned::AlreadyTagged));
            }
            Err(why) => {
                prop_assert!(!why.as_str().is_empty());
                let is_signable = domain == "example.org"
                    && local.len() <= 48
                    && local.iter().all(u8::is_ascii_alphanumeric)
                    && !local.is_empty()
                    && !matches!(&*local.to_ascii_lowercase(), b"srs0" | b"srs1")
                    && !matches!(delimiters, "" | "\\");
                prop_assert!(!is_signable, "{}", why);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_tag_is_read_as_it_was_written(local in local(), layout in layout(), today in 0_u64..40_000) {
        let user = mailbox(format!("{local}@example.org"));
        prop_assume!(sign(&user, &ours(), today, 7, layout, "+") != Err(Unsigned::Ambiguous));
        let signed = sign(&user, &ours(), today, 7, layout, "+").unwrap();
        prop_assert_eq!(tag(signed).original, in_lower_case(&user));
    }

    #[test]
    fn a_flipped_bit_proves_nothing(local in local(), layout in layout(), at in any::<prop::sample::Index>(), bit in 0_u8..7) {
        let user = mailbox(format!("{local}@example.org"));
        let signed = sign(&user, &ours(), 20_000, 7, layout, "+");
        prop_assume!(signed.is_ok());
        let mut address = signed.unwrap();
        let end = address.iter().rposition(|&byte| byte == b'@').unwrap();
        let at = at.index(end);
        address[at] ^= 1_u8 << bit;
        let changed = mailbox(&address);
        if let Some(Tagged::Ours(changed)) = read(&changed, "+") {
            // Another case is no other tag.
            let same = changed.original.local().eq_ignore_ascii_case(local.as_bytes()) && bit == 5;
            prop_assert!(same || verify(&changed, &ours(), 20_000, 7) == Proof::Wrong);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        prefix in prop_oneof![Just(""), Just("prvs="), Just("prvs=0123cfcd40="), Just("btv1=="), Just("SRS0=")],
        suffix in prop_oneof![Just(""), Just("+prvs=0123cfcd40@example.org"), Just("@example.org")],
        today in any::<u64>(),
        lifetime in any::<u64>(),
    ) {
        let address = mailbox([prefix.as_bytes(), &bytes, suffix.as_bytes()].concat());
        let delimiters: String = suffix.chars().take(1).collect();
        if let Some(Tagged::Ours(tag)) = read(&address, &delimiters) {
            prop_assert_eq!(verify(&tag, &Keys::default(), today, lifetime), Proof::Wrong);
        }
        let _ = sign(&address, &ours(), today, lifetime, Layout::Prvs, "+");
    }
}

#[test]
fn a_tag_counts_for_its_lifetime_on_every_day_of_the_wheel() {
    let user = mailbox("user@example.org");
    let keys = ours();
    for (lifetime, made) in [1, 7, 99]
        .into_iter()
        .flat_map(|lifetime| (20_500..21_500).map(move |made| (lifetime, made)))
    {
        let tag = tag(sign(&user, &keys, made, lifetime, Layout::Prvs, "+").unwrap());
        for (day, proof) in [
            (made, Proof::Valid { key: 3 }),
            (made + lifetime, Proof::Valid { key: 3 }),
            (made + lifetime + 1, Proof::Expired),
            (made + 500, Proof::Expired),
            (made + 998 - lifetime, Proof::Expired),
            // A clock that is ahead of ours made it: where midnight has come already, and where it is simply wrong.
            (made - 1, Proof::Valid { key: 3 }),
            (made - 2, Proof::Expired),
        ] {
            assert_eq!(
                verify(&tag, &keys, day, lifetime),
                proof,
                "{lifetime} {made} {day}"
            );
        }
    }
}
