//! What strangers write.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::{
    core::{address::Mailbox, proof::dkim::Chain},
    dkim::verify_dsn,
};

/// A message with two signatures.
fn signed() -> &'static str {
    static SIGNED: OnceLock<String> = OnceLock::new();
    SIGNED.get_or_init(|| sign(MESSAGE, &[Wish::default(), Wish::ed25519()]))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// The filter awaits it on whatever thread there is.
#[test]
fn waiting_may_change_threads() {
    fn is_send(_: impl Send) {}
    let (keys, zone) = (DkimKeys::default(), Zone::default());
    is_send(verify(b"", None, is_ours, &keys, &zone, NOW, LIFETIME));
    is_send(verify_dsn(b"", &[], is_ours, &keys, &zone, NOW, LIFETIME));
}

/// Overwrites, puts in or takes out an octet at each place.
fn damage_to(octets: &mut Vec<u8>, damage: Vec<(proptest::sample::Index, u8, i32)>) {
    for (place, octet, how) in damage {
        let at = place.index(octets.len());
        match how {
            0 => octets[at] = octet,
            1 => octets.insert(at, octet),
            _ => drop(octets.remove(at)),
        }
    }
}

/// A bounce costs four questions and four verifications at most, of our own domains only.
#[tokio::test]
async fn work_is_bounded() {
    let (headers, body) = split(signed());
    let signature = |n: usize, domain: &str| {
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=x{n}; h=from; bh=AAAA; b=AAAA\r\n"
        )
    };
    let zone = Zone::usual();
    let strangers: String = (0..500).map(|n| signature(n, "example.com")).collect();
    let ours: String = (0..500).map(|n| signature(n, "example.org")).collect();
    let both = verified(&format!("{ours}{strangers}{headers}"), Some(body), &zone).await;
    let outcomes: Vec<_> = both.iter().map(|one| one.outcome.as_str()).collect();
    assert_eq!(outcomes, ["whole", "whole", "no_key", "no_key"]);
    assert_eq!(zone.asked().len(), 4);
    // One list is as long as another: h= of many names is no more work than its octets are.
    let many = "a:".repeat(30_000);
    let long = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; h={many}from; bh=AA==; b=AA==\r\n"
    );
    let fields = "a:\r\n".repeat(10_000);
    let signed = verified(&format!("{long}{fields}{headers}"), None, &zone).await;
    assert_eq!(signed.len(), 3);
}

#[tokio::test]
async fn damaged_signatures() {
    let whole = "v=1; a=rsa-sha256; d=example.org; s=s1; h=from:date:message-id; bh=AAAA; b=AAAA";
    let rest = split(MESSAGE).0;
    // Of some nobody can know whose they are.
    for (from, to, expected) in [
        ("v=1", "v=2", Some("failed")),
        ("v=1; ", "", Some("failed")),
        ("a=rsa-sha256; ", "", Some("failed")),
        ("rsa-sha256", "rsa-md5", Some("failed")),
        ("d=example.org", "d=", None),
        ("d=example.org; ", "", None),
        ("d=example.org", "d=example.org; d=example.org", None),
        ("d=example.org", "d=exa mple.org", None),
        ("d=example.org", "d=.", None),
        ("s=s1", "s=", Some("failed")),
        ("s=s1; ", "", Some("failed")),
        ("s=s1", "s=..", Some("failed")),
        ("s=s1", "s=a/../b\"", Some("failed")),
        ("h=from:date:message-id", "h=", Some("failed")),
        ("h=from:date:message-id; ", "", Some("failed")),
        ("bh=AAAA; ", "", Some("failed")),
        ("b=AAAA", "b=%%", Some("failed")),
        ("b=AAAA", "b", None),
        ("v=1", "v=1; c=simple/strange", Some("failed")),
        ("v=1", "v=1; c=", Some("failed")),
        (";", ";;", Some("failed")),
    ] {
        let text = format!("DKIM-Signature: {}\r\n{rest}", whole.replacen(from, to, 1));
        let signed = verified(&text, Some(""), &Zone::usual()).await;
        let outcomes: Vec<_> = signed.iter().map(|one| one.outcome.as_str()).collect();
        assert_eq!(outcomes, Vec::from_iter(expected), "{to}: {signed:?}");
        let clean = |one: &Signed| one.selector.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(signed.iter().all(clean), "{signed:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_headers(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "DKIM-Signature:", "v=1;", "a=rsa-sha256;", "a=ed25519-sha256;", "d=example.org;", "s=s1;", "s=ed;",
                    "h=from:from:date;", "h=", "bh=AAAA;", "b=AAAA;", "b=", "i=@example.org;", "i==", "t=1;", "x=9;", "l=1;",
                    "c=relaxed/relaxed;", "z=", "From: a@b", "Date: ", "Message-ID: <", ":", ";", "=", " ", "\t", "\r\n",
                    "\r\n ", "\n",
                ])
                .prop_map(|piece| piece.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..4),
            ],
            0..60,
        ),
        body in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        record in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let headers = pieces.concat();
        let mut zone = Zone::usual();
        zone.txt.entry("s1._domainkey.example.org".to_owned()).or_default().insert(0, record);
        let keys = DkimKeys::default();
        let verified = verify(&headers, body.as_deref(), is_ours, &keys, &zone, NOW, LIFETIME);
        for signed in block_on(verified) {
            prop_assert!(!signed.outcome.is_genuine() && signed.outcome != SignatureResult::Weak);
        }
    }

    /// A genuine message with some octets overwritten, put in, or taken out.
    #[test]
    fn damage_does_no_harm(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3), 1..6),
    ) {
        let (headers, body) = split(signed());
        let mut octets = headers.as_bytes().to_vec();
        damage_to(&mut octets, damage);
        let (keys, zone) = (DkimKeys::default(), Zone::usual());
        let verified = verify(&octets, Some(body.as_bytes()), is_ours, &keys, &zone, NOW, LIFETIME);
        for signed in block_on(verified) {
            if signed.outcome.is_genuine() {
                prop_assert_eq!(signed.message.message_id.as_deref(), Some(b"<1234@pc.example.org>".as_slice()));
                prop_assert_eq!(signed.message.date, Some(SIGNED_AT));
                prop_assert_eq!(signed.message.recipients.len(), 3);
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A DKIM2 notification with some octets overwritten, put in, or taken out.
    #[test]
    fn damaged_chains(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3), 1..6),
    ) {
        let mut octets = chain::genuine().as_bytes().to_vec();
        damage_to(&mut octets, damage);
        let (keys, zone) = (DkimKeys::default(), Zone::usual().with("ed._domainkey.example.net", &record("ed25519")));
        let to = [Mailbox::from_bytes(b"jane@example.org")];
        let verified = verify_dsn(&octets, &to, is_ours, &keys, &zone, chain::clock(), LIFETIME);
        if let Chain::Genuine(domain) = block_on(verified) {
            prop_assert_eq!(domain.as_str(), "example.org");
        }
        prop_assert!(zone.asked().len() <= 8);
    }
}

proptest! {

    /// Records are a domain's own, and yet no reason to panic.
    #[test]
    fn any_record_is_read(damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8)) {
        let (headers, _) = split(signed());
        let mut octets = record("rsa2048").into_bytes();
        for (place, octet) in damage {
            let at = place.index(octets.len());
            octets[at] = octet;
        }
        let mut zone = Zone::usual();
        zone.txt.insert("s1._domainkey.example.org".to_owned(), vec![octets]);
        let keys = DkimKeys::default();
        let signed = block_on(verify(headers.as_bytes(), None, is_ours, &keys, &zone, NOW, LIFETIME));
        prop_assert_eq!(signed.len(), 2);
    }
}
