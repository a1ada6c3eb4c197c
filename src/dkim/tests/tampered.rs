//! What was signed is what counts.

use super::*;

const SIGNED: [&str; 6] = ["From", "To", "Cc", "Subject", "Date", "Message-ID"];

/// The field of this name, from its first octet to behind its line end.
fn field(message: &str, name: &str) -> std::ops::Range<usize> {
    let start = message.find(&format!("\r\n{name}: ")).unwrap() + 2;
    let mut end = start;
    while end == start || message[end..].starts_with([' ', '\t']) {
        end += message[end..].find("\r\n").unwrap() + 2;
    }
    start..end
}

/// Each octet of each signed field, but for the case of its name.
#[tokio::test]
async fn an_octet_changed() {
    let zone = Zone::usual();
    for wish in [
        Wish::ed25519(),
        Wish {
            canonicalization: "simple/simple",
            ..Wish::ed25519()
        },
    ] {
        let message = sign(MESSAGE, &[wish]);
        assert_eq!(outcome(&message, &zone).await, SignatureResult::Whole);
        let mut changed = 0;
        for name in SIGNED {
            for at in field(&message, name).skip(name.len() + 2) {
                let mut octets = message.clone().into_bytes();
                octets[at] ^= 1;
                let Ok(other) = String::from_utf8(octets) else {
                    panic!("ASCII stays ASCII")
                };
                // It can end the header, and the signature with it.
                let (headers, body) = split(&other);
                for signed in verified(headers, Some(body), &zone).await {
                    let worth = &signed.outcome;
                    assert!(
                        !worth.is_genuine() && *worth != SignatureResult::Weak,
                        "{name} {at}: {signed:?}"
                    );
                }
                changed += 1;
            }
        }
        assert!(changed > 150, "{changed}");
    }
}

/// Each octet of the signature's own field. What is left can mean the same: base64 has spare bits at its end, and a
/// blank can stand for another.
#[tokio::test]
async fn an_octet_of_the_signature_changed() {
    let zone = Zone::usual();
    let message = sign(
        MESSAGE,
        &[Wish {
            canonicalization: "simple/simple",
            ..Wish::ed25519()
        }],
    );
    let value = "DKIM-Signature:".len();
    let end = message.find("\r\nReceived").unwrap();
    let base64 = message.rfind("b=").unwrap();
    for at in value..end {
        let in_signature = at > base64;
        let mut octets = message.clone().into_bytes();
        octets[at] ^= 2;
        let other = String::from_utf8(octets).unwrap();
        let (headers, body) = split(&other);
        for signed in verified(headers, Some(body), &zone).await {
            assert!(
                in_signature || !signed.outcome.is_genuine(),
                "{at}: {signed:?}\n{other}"
            );
        }
    }
    let forged = message.replacen(&message[base64..base64 + 9], "b=AAAAAAA", 1);
    assert!(matches!(
        outcome(&forged, &zone).await,
        SignatureResult::Failed(_)
    ));
}

#[tokio::test]
async fn a_signed_field_taken_away() {
    let message = sign(MESSAGE, &[Wish::default()]);
    for name in SIGNED {
        let mut less = message.clone();
        less.replace_range(field(&message, name), "");
        let outcome = outcome(&less, &Zone::usual()).await;
        assert!(
            matches!(outcome, SignatureResult::Failed(_)),
            "{name}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn fields_put_on_top_are_not_what_was_signed() {
    let added = "From: Mallory <m@example.com>\r\nTo: victim@example.com\r\nCc: victim@example.com\r\n\
        Subject: Buy\r\nDate: Sun, 22 Nov 2026 22:00:00 +0000\r\nMessage-ID: <forged@example.com>\r\n";
    let message = sign(MESSAGE, &[Wish::default()]);
    let zone = Zone::usual();
    let before = verified(split(&message).0, None, &zone).await;
    let after = verified(&format!("{added}{}", split(&message).0), None, &zone).await;
    assert_eq!(after[0].outcome, SignatureResult::HeadersOnly);
    assert_eq!(after, before);
    // Below, they are what h= means.
    let below = format!("{}{added}", split(&message).0);
    let below = verified(&below, None, &zone).await;
    assert!(
        matches!(below[0].outcome, SignatureResult::Failed(_)),
        "{below:?}"
    );

    let oversigned = Wish {
        headers: "from:from:to:to:cc:cc:subject:subject:date:date:message-id:message-id",
        ..Wish::default()
    };
    let message = sign(MESSAGE, &[oversigned]);
    assert_eq!(outcome(&message, &zone).await, SignatureResult::Whole);
    for line in added.split_inclusive("\r\n") {
        let outcome = outcome(&format!("{line}{message}"), &zone).await;
        assert!(
            matches!(outcome, SignatureResult::Failed(_)),
            "{line}: {outcome:?}"
        );
    }
    let unsigned = format!("X-Spam: no\r\n{message}").replace("X-Unsigned: yes", "X-Unsigned: no");
    assert_eq!(outcome(&unsigned, &zone).await, SignatureResult::Whole);
}

/// Fields that are not in `h=` are nobody's word, though they stand in the message.
#[tokio::test]
async fn unsigned_fields_tell_nothing() {
    let wish = Wish {
        headers: "from:date:message-id:cc",
        ..Wish::default()
    };
    let message = sign(MESSAGE, &[wish]);
    let signed = verified(split(&message).0, None, &Zone::usual()).await;
    assert_eq!(signed[0].outcome, SignatureResult::HeadersOnly);
    let recipients: Vec<_> = signed[0]
        .message
        .recipients
        .iter()
        .map(|to| to.to_bytes())
        .collect();
    assert_eq!(recipients, [b"lists@example.net"]);
}

/// Of two fields of one name both are signed where `h=` has it twice: the lower one counts.
#[tokio::test]
async fn a_message_with_two_of_a_kind() {
    let twice = MESSAGE.replace("Subject:", "Message-ID: <upper@example.org>\r\nSubject:");
    for headers in ["from:date:message-id", "from:date:message-id:message-id"] {
        let message = sign(
            &twice,
            &[Wish {
                headers,
                ..Wish::default()
            }],
        );
        let signed = verified(split(&message).0, None, &Zone::usual()).await;
        assert_eq!(signed[0].outcome, SignatureResult::HeadersOnly);
        let id = signed[0].message.message_id.as_deref();
        assert_eq!(id, Some(b"<1234@pc.example.org>".as_slice()), "{headers}");
    }
}

#[tokio::test]
async fn control_characters_are_no_blanks() {
    let message = sign(MESSAGE, &[Wish::default()]);
    for (from, to) in [
        ("1234@", "12\x0c34@"),
        ("A long", "A\x0c long"),
        ("John <", "John\r <"),
        ("example.net>", "exam\rple.net>"),
    ] {
        let outcome = outcome(&message.replacen(from, to, 1), &Zone::usual()).await;
        assert!(
            matches!(outcome, SignatureResult::Failed(_)),
            "{to:?}: {outcome:?}"
        );
    }
}
