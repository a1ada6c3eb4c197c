//! What vouches for one address of ours vouches for no other.

use super::*;

#[test]
fn alignment_is_as_the_domain_in_from_says() {
    use SignatureResult::Whole;
    const NONE: &[(&str, &str)] = &[];
    const ADKIM: &[(&str, &str)] = &[("example.org", "v=DMARC1; p=none; adkim=s")];
    const ASPF: &[(&str, &str)] = &[("example.org", "v=DMARC1; p=none; aspf=s")];
    const APART: &[(&str, &str)] = &[
        ("example.org", "v=DMARC1; p=none"),
        ("news.example.org", "v=DMARC1; p=none; psd=n"),
    ];
    const BELOW: &[(&str, &str)] = &[("below.test", "v=DMARC1; p=none")];
    let from = "From: jane@example.org\nTo: joe@example.org\n";
    let by_spf = |domain| chain(domain, &[from]).site("ledger: {remember: true}", "");
    let by_dkim = |d: &'static str| {
        let signature = format!("DKIM-Signature: v=1; d={d}; s=s1; h=from:to\n");
        chain(SERVICE, &[from, &signature])
            .site("ledger: {remember: true}", "")
            .signed(d, Whole, JOE)
    };
    let below = |d: &'static str| {
        let signature = format!("DKIM-Signature: v=1; d={d}; s=s1; h=from:to\n");
        let from = "From: jane@a.below.test\nTo: joe@example.org\n";
        chain(SERVICE, &[from, &signature])
            .site("ledger: {remember: true}", "")
            .signed(d, Whole, JOE)
    };
    let (spf, dkim) = ("dmarc", "read dmarc signatures");
    holds([
        ("itself", by_spf("a@example.org"), ACCEPTED, spf, "pass"),
        ("below", by_spf("a@news.example.org"), ACCEPTED, spf, "pass"),
        (
            "below, no record",
            by_spf("a@news.example.org").records(NONE),
            ACCEPTED,
            spf,
            "none",
        ),
        (
            "below, strict",
            by_spf("a@news.example.org").records(ASPF),
            FORGED,
            spf,
            "fail",
        ),
        (
            "itself, strict",
            by_spf("a@example.org").records(ASPF),
            ACCEPTED,
            spf,
            "pass",
        ),
        (
            "below, strict for DKIM",
            by_spf("a@news.example.org").records(ADKIM),
            ACCEPTED,
            spf,
            "pass",
        ),
        (
            "below, an organization of its own",
            by_spf("a@news.example.org").records(APART),
            FORGED,
            spf,
            "fail",
        ),
        (
            "a name that ends alike",
            by_spf("a@xexample.org"),
            FORGED,
            spf,
            "fail",
        ),
        ("another of ours", by_spf("a@own.test"), FORGED, spf, "fail"),
        (
            "SPF fails",
            by_spf("a@news.example.org").spf(Fail),
            FORGED,
            spf,
            "fail",
        ),
        (
            "DKIM itself",
            by_dkim("example.org"),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM below",
            by_dkim("news.example.org"),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM below, no record",
            by_dkim("news.example.org").records(NONE),
            ACCEPTED,
            dkim,
            "none",
        ),
        (
            "DKIM below, strict",
            by_dkim("news.example.org").records(ADKIM),
            FORGED,
            spf,
            "fail",
        ),
        (
            "DKIM itself, strict",
            by_dkim("example.org").records(ADKIM),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM below, strict for SPF",
            by_dkim("news.example.org").records(ASPF),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM below, apart",
            by_dkim("news.example.org").records(APART),
            FORGED,
            spf,
            "fail",
        ),
        (
            "DKIM beside",
            below("b.below.test").records(BELOW),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM beside, no record",
            below("b.below.test").records(NONE),
            FORGED,
            spf,
            "none",
        ),
        (
            "DKIM above",
            below("below.test").records(BELOW),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM above, which is not ours, no record",
            below("below.test").records(NONE),
            FORGED,
            spf,
            "none",
        ),
        (
            "DKIM of a top-level domain",
            by_dkim("org"),
            FORGED,
            spf,
            "fail",
        ),
        (
            "DKIM of a stranger",
            by_dkim("evil.example"),
            FORGED,
            spf,
            "fail",
        ),
    ]);
}

#[test]
fn each_address_of_ours_needs_its_own_voucher() {
    use SignatureResult::Whole;
    const BOTH: &str = "DKIM-Signature: v=1; d=own.test; s=s1; h=from:to\n";
    let of = |from: &str, signatures: &[&str]| {
        let from = format!("From: {from}\nTo: joe@example.org\n");
        let headers: Vec<&str> = [from.as_str()]
            .into_iter()
            .chain(signatures.iter().copied())
            .collect();
        chain(SERVICE, &headers).site("ledger: {remember: true}", "")
    };
    let one = |from: &str| of(from, &[SIGNED]).signed("example.org", Whole, JOE);
    let both = |from: &str| {
        let signed = of(from, &[SIGNED, BOTH]);
        signed
            .signed("own.test", Whole, JOE)
            .signed("example.org", Whole, JOE)
    };
    let read = "read dmarc signatures";
    holds(
        [
            ("one", one("a@example.org"), ACCEPTED, read, "pass"),
            (
                "with a stranger",
                one("a@example.org, x@friend.example"),
                ACCEPTED,
                "read signatures",
                "-",
            ),
            (
                "two, one signs",
                one("a@example.org, b@own.test"),
                FORGED,
                "",
                "-",
            ),
            (
                "two, both sign",
                both("a@example.org, b@own.test"),
                ACCEPTED,
                "read signatures",
                "-",
            ),
            (
                "a group",
                one("All: a@example.org, b@own.test;"),
                FORGED,
                "",
                "-",
            ),
            (
                "a group, both sign",
                both("All: a@example.org, b@own.test;"),
                ACCEPTED,
                "read signatures",
                "-",
            ),
            (
                "a name",
                one("\"b@own.test\" <a@example.org>"),
                FORGED,
                "",
                "fail",
            ),
            (
                "a name, both sign",
                both("\"b@own.test\" <a@example.org>"),
                ACCEPTED,
                read,
                "pass",
            ),
            (
                "an encoded word",
                one("=?utf-8?Q?b=40own.test?= <a@example.org>"),
                FORGED,
                "",
                "fail",
            ),
            (
                "a name of ours at a stranger",
                one("\"a@example.org\" <x@evil.example>"),
                ACCEPTED,
                "read signatures",
                "-",
            ),
            (
                "two fields, one covered",
                one("a@example.org\nFrom: x@evil.example"),
                FORGED,
                "",
                "-",
            ),
            (
                "two fields, both covered",
                of(
                    "a@example.org\nFrom: x@evil.example",
                    &["DKIM-Signature: v=1; d=example.org; s=s1; h=from:from:to\n"],
                )
                .signed("example.org", Whole, JOE),
                ACCEPTED,
                "read signatures",
                "-",
            ),
        ]
        .map(|(what, chain, verdict, asked, result)| {
            // Those with one author ask for the record of its domain.
            let asked = match (asked, result) {
                ("", "fail") => "dmarc",
                (asked, _) => asked,
            };
            let result = match what {
                "a name" | "an encoded word" => "-",
                _ => result,
            };
            (what, chain, verdict, asked, result)
        }),
    );
}
