//! A signature of the author's, over a message that came: what it must cover, and with which key.

use proptest::prelude::*;

use super::*;
use crate::{
    core::proof::dkim::body::{BodyHashes, Canonical},
    dkim::verify_author,
};

async fn worth(message: &str, zone: &Zone, now: u64) -> Vec<SignatureResult> {
    let (headers, body) = split(message);
    worth_of(headers, &[body.as_bytes()], zone, now).await
}

async fn worth_of(headers: &str, body: &[&[u8]], zone: &Zone, now: u64) -> Vec<SignatureResult> {
    let mut hashes = BodyHashes::new(&[Canonical::Simple, Canonical::Relaxed]);
    for part in body {
        hashes.push(part);
    }
    let keys = DkimKeys::default();
    let signed = verify_author(headers.as_bytes(), &hashes, is_ours, &keys, zone, now).await;
    signed.into_iter().map(|one| one.outcome).collect()
}

#[tokio::test]
async fn all_of_a_message_is_its_author_s() {
    use SignatureResult::{Expired, Failed, NoKey, Whole};
    let rsa = Wish::default;
    let test = Zone::usual().with(
        "test._domainkey.example.org",
        &format!("t=y:s; {}", record("rsa2048").replace("v=DKIM1; ", "")),
    );
    let test = test.with("s768._domainkey.example.org", &record("rsa768"));
    let late = (SIGNED_AT + 600).to_string();
    let rows = [
        ("as it came", rsa(), Whole),
        ("Ed25519", Wish::ed25519(), Whole),
        (
            "RSA of 1024 bits",
            Wish {
                key: "rsa1024",
                selector: "s1024",
                ..rsa()
            },
            Whole,
        ),
        (
            "RSA of 768 bits",
            Wish {
                key: "rsa768",
                selector: "s768",
                ..rsa()
            },
            NoKey("an RSA key of less than 1024 bits does not count (RFC 8301)"),
        ),
        (
            "simple",
            Wish {
                canonicalization: "simple/simple",
                ..rsa()
            },
            Whole,
        ),
        (
            "oversigned",
            Wish {
                headers: "from:from:to:cc:subject:date:message-id",
                ..rsa()
            },
            Whole,
        ),
        // RFC 6376 section 5.4.1 names From: alone.
        (
            "From: alone",
            Wish {
                headers: "from",
                ..rsa()
            },
            Whole,
        ),
        (
            "a part of the body",
            Wish {
                length: true,
                ..rsa()
            },
            Failed("it leaves a part of the body unsigned (l=)"),
        ),
        (
            "a key for tests",
            Wish {
                selector: "test",
                ..rsa()
            },
            NoKey("the key is for tests (t=y)"),
        ),
        (
            "no key",
            Wish {
                selector: "none",
                ..rsa()
            },
            NoKey("no key is published"),
        ),
        (
            "not expired",
            rsa().tag("x", Some(&(NOW + 60).to_string())),
            Whole,
        ),
        ("expired", rsa().tag("x", Some(&late)), Expired),
        ("without a time", rsa().tag("t", None), Whole),
        (
            "in the future",
            rsa().tag("t", Some(&(NOW + 3600).to_string())),
            Failed("it was signed in the future"),
        ),
    ];
    for (what, wish, expected) in rows {
        let message = sign(MESSAGE, &[wish]);
        assert_eq!(worth(&message, &test, NOW).await, [expected], "{what}");
    }
    // However old: a list may hold a post back, and the signature says itself when it ends.
    let message = sign(MESSAGE, &[rsa()]);
    let old = NOW + 400 * 24 * 3600;
    assert_eq!(worth(&message, &test, old).await, [Whole]);
}

#[tokio::test]
async fn what_was_changed_is_nobody_s() {
    use SignatureResult::{Failed, NoKey, Unanswered, Whole};
    let zone = Zone::usual();
    let message = sign(MESSAGE, &[Wish::default()]);
    let oversigned = sign(
        MESSAGE,
        &[Wish {
            headers: "from:from:to:cc:subject:date:message-id",
            ..Wish::default()
        }],
    );
    let body = Failed("the body is not what was signed");
    let fields = Failed("the signed fields are not what was signed");
    let second = "From: Boss <boss@example.org>\r\n";
    for (what, changed, expected) in [
        ("a footer", format!("{message}-- \r\nlist\r\n"), &body),
        (
            "empty lines at its end",
            format!("{message}\r\n\r\n"),
            &Whole,
        ),
        (
            "a subject",
            message.replace("A long", "[Dev] A long"),
            &fields,
        ),
        ("a From:", message.replace("Jane Doe <", "Boss <"), &fields),
        (
            "a second From: on top",
            format!("{second}{message}"),
            &Failed("h= does not cover every From:"),
        ),
        (
            "a second From: below",
            message.replace("To: John", &format!("{second}To: John")),
            &fields,
        ),
        (
            "a second From: on top of one that forbids it",
            format!("{second}{oversigned}"),
            &fields,
        ),
        (
            "a field that was not signed",
            message.replace("X-Unsigned: yes", "X-Unsigned: no"),
            &Whole,
        ),
    ] {
        let found = worth(&changed, &zone, NOW).await;
        assert_eq!(found.as_slice(), std::slice::from_ref(expected), "{what}");
    }
    let mut dead = Zone::usual();
    dead.dead.insert("s1._domainkey.example.org".to_owned());
    let found = worth(&message, &dead, NOW).await;
    assert!(matches!(found.as_slice(), [Unanswered(_)]), "{found:?}");
    let found = worth(&message, &Zone::default(), NOW).await;
    assert_eq!(found, [NoKey("no key is published")]);
}

/// Four of them, from the bottom up, and of no other domain than is asked for.
#[tokio::test]
async fn a_stranger_makes_us_verify_few() {
    let zone = Zone::usual();
    let message = sign(MESSAGE, &[Wish::default()]);
    let other =
        "DKIM-Signature: v=1; a=rsa-sha256; d=evil.example; s=s1; h=from; bh=AA==; b=AA==\r\n";
    let ours = other.replace("evil.example", "example.org");
    let flooded = format!("{}{message}", ours.repeat(500));
    assert_eq!(worth(&flooded, &zone, NOW).await.len(), 4);
    let asked = zone.asked().len();
    assert!(asked <= 4, "{asked}");
    let found = worth(&format!("{}{message}", other.repeat(500)), &zone, NOW).await;
    assert_eq!(found, [SignatureResult::Whole]);
}

proptest! {
    /// However the MTA cuts the body.
    #[test]
    fn the_body_may_come_in_pieces(
        at in any::<prop::sample::Index>(),
        canonicalization in prop::sample::select(vec!["relaxed/relaxed", "relaxed/simple"]),
    ) {
        let message = sign(MESSAGE, &[Wish { canonicalization, ..Wish::default() }]);
        let (headers, body) = split(&message);
        let (one, two) = body.as_bytes().split_at(at.index(body.len()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let zone = Zone::usual();
        let found = runtime.block_on(worth_of(headers, &[one, two], &zone, NOW));
        prop_assert_eq!(found, [SignatureResult::Whole]);
    }
}
