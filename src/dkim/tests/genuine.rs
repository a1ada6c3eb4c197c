//! What our signer signed, however it comes back.

use super::*;

const BODY: &str = "Hello  John,\r\n\r\nsee you \r\n-- \r\nJane\r\n\r\n\r\n";

/// What dkimpy has signed with each algorithm and canonicalisation.
#[tokio::test]
async fn whole_messages_and_headers_alone() {
    let zone = Zone::usual();
    let weak_but_allowed = Wish {
        key: "rsa1024",
        selector: "s1024",
        ..Wish::default()
    };
    for signer in [Wish::default(), Wish::ed25519(), weak_but_allowed] {
        for canonicalization in [
            "relaxed/relaxed",
            "relaxed/simple",
            "simple/relaxed",
            "simple/simple",
        ] {
            let wish = Wish {
                canonicalization,
                ..signer.clone()
            };
            let name = format!("{} {canonicalization}", wish.key);
            let message = sign(MESSAGE, &[wish]);
            let (headers, body) = split(&message);
            assert_eq!(body, BODY);
            for (body, expected) in [
                (Some(BODY), SignatureResult::Whole),
                (None, SignatureResult::HeadersOnly),
                (Some(""), SignatureResult::HeadersOnly),
                (Some("\r\n \r\n"), SignatureResult::HeadersOnly),
                (
                    Some("Hello  John,\r\n"),
                    SignatureResult::HeadersOnlyAltered,
                ),
                (
                    Some("Hallo  John,\r\n\r\nsee you \r\n-- \r\nJane\r\n"),
                    SignatureResult::HeadersOnlyAltered,
                ),
            ] {
                let signed = verified(headers, body, &zone).await;
                assert_eq!(signed[0].outcome, expected, "{name}: {body:?}");
            }
            // Empty lines at the end belong to neither form of the body (RFC 6376 section 3.4.3 and 3.4.4).
            let stripped = verified(headers, Some(BODY.trim_end()), &zone).await;
            assert_eq!(stripped[0].outcome, SignatureResult::Whole, "{name}");
            // The reader of returned messages can have taken off the last line end.
            let cut = verified(headers.trim_end(), None, &zone).await;
            assert_eq!(cut[0].outcome, SignatureResult::HeadersOnly, "{name}");
        }
    }
}

/// RFC 6376 section 3.4.3 and 3.4.4, as dkimpy reads them: lines of blanks at the end belong to the simple form of a body, and
/// not to the relaxed one.
#[tokio::test]
async fn lines_of_blanks_at_the_end() {
    let (head, _) = split(MESSAGE);
    let ends = [
        "",
        "\r\n",
        " \r\n",
        "\t\r\n \r\n",
        "\r\n \t\r\n",
        " \r\n\r\n",
        " \r\n\r\n \r\n\r\n",
        "\r\n \r\nJane\r\n \r\n",
    ];
    for (canonicalization, blanks_count) in [("simple/simple", true), ("simple/relaxed", false)] {
        for text in ["Hello \r\n", ""] {
            for end in ends {
                let message = format!("{head}\r\n{text}{end}");
                let wish = Wish {
                    canonicalization,
                    ..Wish::default()
                };
                let signed = sign(&message, &[wish]);
                let zone = Zone::usual();
                let (headers, body) = split(&signed);
                let found = verified(headers, Some(body), &zone).await;
                assert_eq!(
                    found[0].outcome,
                    SignatureResult::Whole,
                    "{canonicalization} {end:?}"
                );
                let more = verified(headers, Some(&format!("{body} \t\r\n")), &zone).await;
                let is_whole = more[0].outcome == SignatureResult::Whole;
                assert_eq!(is_whole, !blanks_count, "{canonicalization} {end:?}");
            }
        }
    }
}

#[tokio::test]
async fn it_tells_what_was_signed() {
    let message = sign(MESSAGE, &[Wish::default()]);
    let signed = verified(split(&message).0, None, &Zone::usual()).await;
    let [signed] = signed.as_slice() else {
        panic!("{signed:?}")
    };
    assert_eq!(signed.domain.as_str(), "example.org");
    assert_eq!(signed.selector, "s1");
    assert_eq!(signed.signed_at, Some(SIGNED_AT));
    assert_eq!(signed.message.date, Some(SIGNED_AT));
    assert_eq!(
        signed.message.message_id.as_deref(),
        Some(b"<1234@pc.example.org>".as_slice())
    );
    let recipients: Vec<_> = signed
        .message
        .recipients
        .iter()
        .map(|to| to.to_bytes())
        .collect();
    assert_eq!(
        recipients,
        [
            b"john@example.net".as_slice(),
            b"joan@example.com",
            b"lists@example.net"
        ]
    );
}

/// RFC 6376 section 8.2: anybody who has such a message can append to it, so its body proves nothing.
#[tokio::test]
async fn a_body_signed_in_part_is_none() {
    let wish = Wish {
        length: true,
        ..Wish::default()
    };
    let message = sign(MESSAGE, &[wish]);
    assert!(message.contains("l="), "{message}");
    assert_eq!(
        outcome(&message, &Zone::usual()).await,
        SignatureResult::HeadersOnly
    );
    let longer = format!("{message}Buy!\r\n");
    assert_eq!(
        outcome(&longer, &Zone::usual()).await,
        SignatureResult::HeadersOnly
    );
    let other = message.replace("Hello ", "Hallo ");
    let altered = SignatureResult::HeadersOnlyAltered;
    assert_eq!(outcome(&other, &Zone::usual()).await, altered);
}

#[tokio::test]
async fn each_of_ours_is_verified_and_others_are_ignored() {
    let stranger = Wish {
        domain: "example.com",
        ..Wish::default()
    };
    let sub_domain = Wish {
        domain: "news.example.org",
        ..Wish::default()
    };
    let wishes = [Wish::default(), stranger, Wish::ed25519(), sub_domain];
    let message = sign(MESSAGE, &wishes);
    let zone = Zone::usual().with("s1._domainkey.news.example.org", &record("rsa2048"));
    let (headers, body) = split(&message);
    let signed = verified(headers, Some(body), &zone).await;
    let found: Vec<_> = signed
        .iter()
        .map(|one| (one.domain.as_str(), one.outcome.clone()))
        .collect();
    assert_eq!(
        found,
        [
            ("example.org", SignatureResult::Whole),
            ("example.org", SignatureResult::Whole),
            ("news.example.org", SignatureResult::Whole),
        ]
    );
    let names = [
        "s1._domainkey.example.org",
        "ed._domainkey.example.org",
        "s1._domainkey.news.example.org",
    ];
    assert_eq!(zone.asked(), names);
}

/// A signature can cover those below it, and that there is none below it; itself it can't cover (RFC 6376 section 3.5).
#[tokio::test]
async fn signatures_that_are_signed() {
    let over = Wish {
        headers: "from:date:message-id:dkim-signature:dkim-signature",
        ..Wish::default()
    };
    let zone = Zone::usual();
    let first = sign(MESSAGE, std::slice::from_ref(&over));
    assert_eq!(outcome(&first, &zone).await, SignatureResult::Whole);
    let both = sign(MESSAGE, &[Wish::ed25519(), over]);
    let (headers, body) = split(&both);
    for signed in verified(headers, Some(body), &zone).await {
        assert_eq!(signed.outcome, SignatureResult::Whole, "{signed:?}");
    }
    let lower = headers.rfind("DKIM-Signature").unwrap();
    let end = headers.find("Received").unwrap();
    let upper = format!("{}{}", &headers[..lower], &headers[end..]);
    let alone = verified(&upper, Some(body), &zone).await;
    assert!(
        matches!(alone[0].outcome, SignatureResult::Failed(_)),
        "{alone:?}"
    );
}

/// Relays fold lines anew, and change the case of names; only the relaxed form survives that.
#[tokio::test]
async fn fields_folded_anew() {
    for (canonicalization, genuine) in [("relaxed/simple", true), ("simple/simple", false)] {
        let wish = Wish {
            canonicalization,
            ..Wish::default()
        };
        let message = sign(MESSAGE, &[wish]);
        for (from, to) in [
            ("john@example.net>,\r\n \"", "john@example.net>, \""),
            ("A long  subject\r\n\tof", "A\r\n long \t subject of"),
            ("Subject: ", "SUBJECT :"),
            ("Date: Sat", "Date:\r\n  Sat"),
            ("+0000\r\nMess", "+0000 \r\nMess"),
        ] {
            assert!(message.contains(from), "{from}");
            let outcome = outcome(&message.replacen(from, to, 1), &Zone::usual()).await;
            assert_eq!(
                outcome.is_genuine(),
                genuine,
                "{canonicalization}: {to}: {outcome:?}"
            );
        }
    }
}
