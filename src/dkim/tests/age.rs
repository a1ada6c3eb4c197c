//! When a signature counts, and what it has to cover.

use super::*;

const DAY: u64 = 24 * 3600;

/// The outcome of the headers alone, at a time.
async fn at(wish: &Wish, now: u64) -> SignatureResult {
    let message = sign(MESSAGE, std::slice::from_ref(wish));
    let signed = verified_at(split(&message).0, None, &Zone::usual(), now).await;
    signed[0].outcome.clone()
}

fn is_failed(outcome: &SignatureResult) -> bool {
    matches!(outcome, SignatureResult::Failed(_))
}

#[tokio::test]
async fn by_the_signers_clock() {
    let message = sign(MESSAGE, &[Wish::default()]);
    for (now, expected) in [
        (SIGNED_AT, SignatureResult::HeadersOnly),
        (SIGNED_AT - 300, SignatureResult::HeadersOnly),
        (SIGNED_AT + LIFETIME, SignatureResult::HeadersOnly),
        (SIGNED_AT + LIFETIME + 1, SignatureResult::Expired),
        (u64::MAX, SignatureResult::Expired),
    ] {
        let signed = verified_at(split(&message).0, None, &Zone::usual(), now).await;
        assert_eq!(signed[0].outcome, expected, "{now}");
    }
    for now in [SIGNED_AT - 301, 0] {
        let signed = verified_at(split(&message).0, None, &Zone::usual(), now).await;
        assert!(is_failed(&signed[0].outcome), "{now}: {signed:?}");
    }
}

#[tokio::test]
async fn by_the_date_where_the_signer_tells_no_time() {
    let wish = Wish::default().tag("t", None);
    let message = sign(MESSAGE, &[wish]);
    assert!(!message.contains("t="), "{message}");
    for (now, expected) in [
        (SIGNED_AT, SignatureResult::HeadersOnly),
        (SIGNED_AT + LIFETIME, SignatureResult::HeadersOnly),
        (SIGNED_AT + LIFETIME + 1, SignatureResult::Expired),
    ] {
        let signed = verified_at(split(&message).0, None, &Zone::usual(), now).await;
        assert_eq!(
            (&signed[0].outcome, signed[0].signed_at),
            (&expected, None),
            "{now}"
        );
    }
    let early = verified_at(split(&message).0, None, &Zone::usual(), SIGNED_AT - DAY).await;
    assert!(is_failed(&early[0].outcome), "{early:?}");
    // A wrong clock of the sender does no harm where the signer's time is there.
    let wish = Wish::default().tag("t", Some(&(SIGNED_AT - DAY).to_string()));
    assert_eq!(
        at(&wish, SIGNED_AT - DAY).await,
        SignatureResult::HeadersOnly
    );
}

#[tokio::test]
async fn as_long_as_x_tells() {
    let x = SIGNED_AT + DAY;
    let wish = Wish::default().tag("x", Some(&x.to_string()));
    assert_eq!(at(&wish, x + 300).await, SignatureResult::HeadersOnly);
    assert_eq!(at(&wish, x + 301).await, SignatureResult::Expired);
    // A signature without t= can have an x= too.
    assert_eq!(
        at(&wish.clone().tag("t", None), x + 301).await,
        SignatureResult::Expired
    );
    // RFC 6376 section 3.5: x= is greater than t=; and numbers can be longer than ours.
    for (x, genuine) in [
        (SIGNED_AT.to_string().as_str(), false),
        ((SIGNED_AT - 1).to_string().as_str(), false),
        ("99999999999999999999999999", true),
        ("tomorrow", false),
        ("-1", false),
        ("", false),
    ] {
        let outcome = at(&Wish::default().tag("x", Some(x)), NOW).await;
        assert_eq!(outcome.is_genuine(), genuine, "x={x}: {outcome:?}");
        assert!(genuine || is_failed(&outcome), "x={x}: {outcome:?}");
    }
    let outcome = at(&Wish::default().tag("t", Some("soon")), NOW).await;
    assert!(is_failed(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn what_it_has_to_cover() {
    for (headers, time, expected) in [
        ("from:date:message-id", true, SignatureResult::HeadersOnly),
        ("from:date:message-id", false, SignatureResult::HeadersOnly),
        ("from:message-id:to", true, SignatureResult::Weak),
        ("from:date:to:subject", true, SignatureResult::Weak),
        ("from", true, SignatureResult::Weak),
        ("from:message-id", false, SignatureResult::Weak),
    ] {
        let mut wish = Wish {
            headers,
            ..Wish::default()
        };
        if !time {
            wish = wish.tag("t", None);
        }
        assert_eq!(at(&wish, NOW).await, expected, "{headers} {time}");
        if time {
            assert_eq!(
                at(&wish, NOW + LIFETIME).await,
                SignatureResult::Expired,
                "{headers}"
            );
        }
    }
    // To sign that there is no Message-ID is no Message-ID.
    let without = MESSAGE.replace("Message-ID: <1234@pc.example.org>\r\n", "");
    let message = sign(&without, &[Wish::default()]);
    assert_eq!(
        outcome(&message, &Zone::usual()).await,
        SignatureResult::Weak
    );
    let undated = MESSAGE.replace("Sat, 21 Nov 2026 22:00:00 +0000\r\nMess", "today\r\nMess");
    let message = sign(&undated, &[Wish::default()]);
    assert_eq!(
        outcome(&message, &Zone::usual()).await,
        SignatureResult::Weak
    );
    // RFC 6376 section 5.4.
    let outcome = at(&Wish::default().tag("h", Some("to:date:message-id")), NOW).await;
    assert_eq!(outcome, SignatureResult::Failed("h= has no From"));
}
