//! Where keys come from, and for what they can be used.

use super::*;
use crate::core::proof::dkim::{DkimSettings, KeyRecord};

const NAME: &str = "s1._domainkey.example.org";

fn zone(records: &[&str]) -> Zone {
    records
        .iter()
        .fold(Zone::default(), |zone, record| zone.with(NAME, record))
}

/// The base64 of the usual key.
fn p() -> String {
    record("rsa2048").rsplit_once("p=").unwrap().1.to_owned()
}

#[tokio::test]
async fn records_that_allow_it_and_others() {
    let message = sign(MESSAGE, &[Wish::default()]);
    let p = p();
    let (head, tail) = p.split_at(100);
    for (record, genuine) in [
        (format!("p={p}"), true),
        (format!("v=DKIM1;p={p};"), true),
        (
            format!(" v = DKIM1 ; k = rsa ; p = {head} \t {tail} ; n=for; x=y"),
            true,
        ),
        (format!("v=DKIM1; h=sha1:sha256; s=email; t=y; p={p}"), true),
        (format!("v=DKIM1; s=tlsrpt:*; t=y:s; p={p}"), true),
        (format!("v=DKIM1; h=sha1; p={p}"), false),
        (format!("v=DKIM1; h=; p={p}"), false),
        (format!("v=DKIM1; s=tlsrpt; p={p}"), false),
        (format!("v=DKIM1; k=ed25519; p={p}"), false),
        (format!("v=DKIM1; k=x; p={p}"), false),
        (format!("v=DKIM2; p={p}"), false),
        (format!("k=rsa; v=DKIM1; p={p}"), false),
        (format!("v=DKIM1; p={p}; p={p}"), false),
        (record("ed25519"), false),
        ("v=DKIM1; p=".to_owned(), false),
        ("v=DKIM1; k=rsa; p= ;".to_owned(), false),
        ("v=DKIM1; k=rsa".to_owned(), false),
        ("v=DKIM1; p=?".to_owned(), false),
        ("v=DKIM1; p=AAAA".to_owned(), false),
        (format!("v=DKIM1; p={head}"), false),
        ("v=spf1 -all".to_owned(), false),
        (String::new(), false),
    ] {
        let outcome = outcome(&message, &zone(&[&record])).await;
        match genuine {
            true => assert_eq!(outcome, SignatureResult::Whole, "{record}"),
            false => assert!(
                matches!(outcome, SignatureResult::NoKey(_)),
                "{record}: {outcome:?}"
            ),
        }
    }
}

/// Nothing is found, something else is, several are.
#[tokio::test]
async fn how_many_records_there_are() {
    let message = sign(MESSAGE, &[Wish::default()]);
    let right = record("rsa2048");
    for (records, expected) in [
        (vec![], SignatureResult::NoKey("no key is published")),
        (
            vec!["v=spf1 -all", "x"],
            SignatureResult::NoKey("what is published is not a key"),
        ),
        (vec!["v=spf1 -all", &right], SignatureResult::Whole),
        (vec![&right, "v=DKIM1; p="], SignatureResult::Whole),
        (
            vec!["v=DKIM1; p=", &right],
            SignatureResult::NoKey("the key was revoked"),
        ),
        (
            vec![&record("rsa1024"), &right],
            SignatureResult::Failed("the signed fields are not what was signed"),
        ),
    ] {
        assert_eq!(
            outcome(&message, &zone(&records)).await,
            expected,
            "{records:?}"
        );
    }
}

#[tokio::test]
async fn dns_that_does_not_answer_is_neither_yes_nor_no() {
    let message = sign(MESSAGE, &[Wish::default()]);
    let mut zone = Zone::usual();
    zone.dead.insert(NAME.to_owned());
    match outcome(&message, &zone).await {
        SignatureResult::Unanswered(unanswered) => {
            assert_eq!(unanswered, Unanswered::dns(format!("TXT {NAME}: SERVFAIL")));
        }
        other => panic!("{other:?}"),
    }
}

/// RFC 8301: neither rsa-sha1 nor a key of less than 1024 bits counts.
#[tokio::test]
async fn what_is_too_weak_today() {
    let sha1 = Wish {
        algorithm: "rsa-sha1",
        ..Wish::default()
    };
    let zone = Zone::usual();
    let outcome_of_sha1 = outcome(&sign(MESSAGE, &[sha1]), &zone).await;
    assert!(matches!(outcome_of_sha1, SignatureResult::Failed(why) if why.contains("sha1")));
    assert_eq!(zone.asked(), [""; 0], "nothing need be asked");
    let short = Wish {
        key: "rsa768",
        ..Wish::default()
    };
    let zone = self::zone(&[&record("rsa768")]);
    let outcome = outcome(&sign(MESSAGE, &[short]), &zone).await;
    assert!(matches!(outcome, SignatureResult::NoKey(why) if why.contains("1024")));
}

/// The identity of `i=` is within `d=`, and the same where the key has `t=s` (RFC 6376 section 3.6.1).
#[tokio::test]
async fn the_identity() {
    let strict = format!("v=DKIM1; t=s; p={}", p());
    for (identity, anyhow, strictly) in [
        (None, true, true),
        (Some("@example.org"), true, true),
        (Some("jane@Example.ORG"), true, true),
        (Some("jane=40home@example.org"), true, true),
        (Some("@news.example.org"), true, false),
        (Some("@badexample.org"), false, false),
        (Some("@example.com"), false, false),
        (Some("example.org"), false, false),
        (Some("@"), false, false),
        (Some(""), false, false),
    ] {
        let message = sign(MESSAGE, &[Wish::default().tag("i", identity)]);
        for (zone, genuine) in [(Zone::usual(), anyhow), (zone(&[&strict]), strictly)] {
            let outcome = outcome(&message, &zone).await;
            assert_eq!(outcome.is_genuine(), genuine, "{identity:?}: {outcome:?}");
            assert!(
                genuine || matches!(outcome, SignatureResult::Failed(_)),
                "{outcome:?}"
            );
        }
    }
}

fn settings(keys: &[(&str, &str, &str)]) -> DkimSettings {
    let record = |(domain, selector, record): &(&str, &str, &str)| KeyRecord {
        domain: domain.parse().unwrap(),
        selector: (*selector).to_owned(),
        record: (*record).to_owned(),
    };
    DkimSettings {
        keys: keys.iter().map(record).collect(),
        ..DkimSettings::default()
    }
}

#[tokio::test]
async fn keys_of_the_configuration_come_before_dns() {
    let message = sign(MESSAGE, &[Wish::default(), Wish::ed25519()]);
    let (headers, _) = split(&message);
    let keys = DkimKeys::new(&settings(&[("Example.org", "S1", &record("rsa2048"))])).unwrap();
    let zone = Zone::usual().with(NAME, "v=DKIM1; p=");
    let signed = verify(
        headers.as_bytes(),
        None,
        is_ours,
        &keys,
        &zone,
        NOW,
        LIFETIME,
    )
    .await;
    let outcomes: Vec<_> = signed.into_iter().map(|one| one.outcome).collect();
    assert_eq!(
        outcomes,
        [SignatureResult::HeadersOnly, SignatureResult::HeadersOnly]
    );
    assert_eq!(zone.asked(), ["ed._domainkey.example.org"]);
}

/// What was read in a record is remembered by the record, and not by its name.
#[tokio::test]
async fn a_key_that_changes_is_read_anew() {
    let message = sign(MESSAGE, &[Wish::default()]);
    let (headers, _) = split(&message);
    let keys = DkimKeys::default();
    let long = format!("{}; n={}", record("rsa2048"), "x".repeat(5000));
    let good = SignatureResult::HeadersOnly;
    let revoked = SignatureResult::NoKey("the key was revoked");
    let usual = record("rsa2048");
    for (published, expected) in [
        (usual.as_str(), &good),
        ("v=DKIM1; p=", &revoked),
        (&usual, &good),
        (&long, &good),
        ("v=DKIM1; p=", &revoked),
        (&long, &good),
    ] {
        let zone = Zone::default().with(NAME, published);
        let headers = headers.as_bytes();
        let signed = verify(headers, None, is_ours, &keys, &zone, NOW, LIFETIME).await;
        let outcomes: Vec<_> = signed.iter().map(|one| &one.outcome).collect();
        assert_eq!(outcomes, [expected], "{published}");
    }
}

#[test]
fn keys_of_the_configuration_that_are_none() {
    let (rsa, ed) = (record("rsa2048"), record("ed25519"));
    let good = ("example.org", "s1", rsa.as_str());
    assert!(
        DkimKeys::new(&settings(&[
            good,
            ("example.org", "a.b", &ed),
            ("example.net", "s1", &rsa)
        ]))
        .is_ok()
    );
    for (domain, selector, record, expected) in [
        ("example.org", "s1", rsa.as_str(), "already"),
        ("example.org", "S1", rsa.as_str(), "already"),
        ("example.org", "", rsa.as_str(), "_domainkey"),
        ("example.org", "s 1", rsa.as_str(), "s2026"),
        ("example.org", "s2", "", "not a DKIM key"),
        ("example.org", "s2", "MIIBIjANBg", "not a DKIM key"),
        (
            "example.org",
            "s2",
            "\"v=DKIM1; k=rsa; \" \"p=MIIB\"",
            "without the quotes",
        ),
        ("example.org", "s2", "v=DKIM1; p=", "revokes"),
        (
            "example.org",
            "s2",
            &ed.replace("k=ed25519; ", ""),
            "k=ed25519",
        ),
        (
            "example.org",
            "s2",
            &rsa.replace("k=rsa", "k=ed25519"),
            "32 octets",
        ),
        ("example.org", "s2", &super::record("rsa768"), "1024 bits"),
        (
            "example.org",
            "s2",
            &rsa.replace("v=DKIM1;", "v=DKIM1; h=sha1;"),
            "sha256",
        ),
        (
            "example.org",
            "s2",
            &rsa.replace("v=DKIM1;", "v=DKIM1; s=tlsrpt;"),
            "s=email",
        ),
    ] {
        let (at, why) = DkimKeys::new(&settings(&[good, (domain, selector, record)])).unwrap_err();
        assert_eq!(at, 1, "{record}");
        assert!(why.contains(expected), "{record}: {why}");
    }
}
