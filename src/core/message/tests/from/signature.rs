//! What a signature must be to vouch.

use super::*;

#[test]
fn what_a_signature_must_be() {
    use SignatureResult::{Expired, HeadersOnlyAltered, NoKey, Whole};
    let from = "From: jane@example.org\nTo: joe@example.org\n";
    let service = |headers: &[&str]| {
        let headers: Vec<&str> = [from].into_iter().chain(headers.iter().copied()).collect();
        chain(SERVICE, &headers).site("ledger: {remember: true}", "")
    };
    let read = "read dmarc signatures";
    let short = "DKIM-Signature: v=1; d=example.org; s=s1; h=from:to; l=10\n";
    let bare = "DKIM-Signature: v=1; d=example.org; s=s1; h=to\n";
    holds([
        (
            "no key",
            service(&[SIGNED]).signed("example.org", NoKey("the key is for tests (t=y)"), JOE),
            FORGED,
            read,
            "fail",
        ),
        (
            "expired",
            service(&[SIGNED]).signed("example.org", Expired, JOE),
            FORGED,
            read,
            "fail",
        ),
        (
            "of less",
            service(&[SIGNED]).signed("example.org", HeadersOnlyAltered, JOE),
            FORGED,
            read,
            "fail",
        ),
        (
            "a part of the body",
            service(&[short]),
            FORGED,
            "dmarc",
            "-",
        ),
        ("without From:", service(&[bare]), FORGED, "dmarc", "-"),
        (
            "one of two is enough",
            service(&[short, SIGNED]).signed("example.org", Whole, JOE),
            ACCEPTED,
            read,
            "-",
        ),
        (
            "addressed to a recipient that is not in local.domains",
            service(&[SIGNED])
                .signed("example.org", Whole, "fwd@elsewhere.example")
                .to(&["fwd@elsewhere.example"]),
            ACCEPTED,
            read,
            "pass",
        ),
        (
            "the MTA keeps the content",
            Chain {
                content_comes: false,
                ..service(&[SIGNED])
            },
            DOUBTFUL,
            "dmarc",
            "-",
        ),
    ]);
}
